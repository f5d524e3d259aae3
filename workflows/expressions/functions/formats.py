"""Numbers and dates as text after a pattern."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import whole
from workflows.expressions.functions.registry import function
from workflows.expressions.functions.zones import local
from workflows.expressions.operators import number
from workflows.expressions.quantities import Quantity
from workflows.expressions.text import number_text, to_text
from workflows.expressions.values import moment, number_or_none

_PATTERN_LIMIT = 200
_PRECISE = Context(prec=700)
_TOKEN = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|d|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z|Q|x|X")
_NUMBER_PATTERN = re.compile(r"([^#0.,%]*)([#0,]*)(\.[#0]*)?(%?)([^#0]*)")
#: Excel's letters, in their order: m is a minute after an hour or before a second.
_EXCEL_TOKEN = re.compile(r'y+|m+|d+|h+|s+|am/pm|"[^"]*"', re.IGNORECASE)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def format_date(value: datetime, pattern: str) -> str:
    """The moment after a day.js pattern (YYYY-MM-DD HH:mm:ss.SSS Z, MMM, dddd, A, Q; [text] stays), in its own zone."""
    if len(pattern) > _PATTERN_LIMIT:
        raise ExpressionError(_("A pattern may have %d characters.") % _PATTERN_LIMIT)
    offset = value.strftime("%z") or "+0000"
    half = value.hour % 12 or 12
    parts = {
        "YYYY": f"{value.year:04d}",
        "YY": f"{value.year % 100:02d}",
        "MMMM": _MONTHS[value.month - 1],
        "MMM": _MONTHS[value.month - 1][:3],
        "MM": f"{value.month:02d}",
        "M": str(value.month),
        "DD": f"{value.day:02d}",
        "D": str(value.day),
        "dddd": _DAYS[value.weekday()],
        "ddd": _DAYS[value.weekday()][:3],
        "d": str(value.isoweekday() % 7),
        "HH": f"{value.hour:02d}",
        "H": str(value.hour),
        "hh": f"{half:02d}",
        "h": str(half),
        "mm": f"{value.minute:02d}",
        "m": str(value.minute),
        "ss": f"{value.second:02d}",
        "s": str(value.second),
        "SSS": f"{value.microsecond // 1000:03d}",
        "A": "AM" if value.hour < 12 else "PM",
        "a": "am" if value.hour < 12 else "pm",
        "ZZ": offset[:5],
        "Z": f"{offset[:3]}:{offset[3:5]}",
        "Q": str((value.month + 2) // 3),
        "x": str(int(value.timestamp() * 1000)),
        "X": str(int(value.timestamp())),
    }
    return _TOKEN.sub(lambda found: found[1] if found[1] is not None else parts[found[0]], pattern)


def format_number(value: Any, pattern: str) -> str:
    """The number after a spreadsheet pattern: 0 and # are digits, "," groups, "%" is hundredths."""
    found = _NUMBER_PATTERN.fullmatch(pattern)
    if found is None or len(pattern) > _PATTERN_LIMIT:
        raise ExpressionError(_("%r is no number pattern; write one like #,##0.00.") % pattern[:40])
    before, digits, fraction, percent, after = found[1], found[2], (found[3] or ".")[1:], found[4], found[5]
    plain = number(value, "TEXT()")
    exact = Decimal(repr(plain) if isinstance(plain, float) else plain).scaleb(2 if percent else 0, context=_PRECISE)
    rounded = exact.quantize(Decimal(1).scaleb(-len(fraction)), rounding=ROUND_HALF_UP, context=_PRECISE)
    whole_part, _point, rest = f"{abs(rounded):f}".partition(".")
    while rest and fraction[len(rest) - 1] == "#" and rest.endswith("0"):
        rest = rest[:-1]
    whole_part = whole_part.lstrip("0").rjust(digits.count("0"), "0")
    if "," in digits:
        head = len(whole_part) % 3
        groups = [whole_part[:head], *(whole_part[at : at + 3] for at in range(head, len(whole_part), 3))]
        whole_part = ",".join(group for group in groups if group)
    sign = "-" if rounded < 0 else ""
    return f"{sign}{before}{whole_part}{'.' if rest else ''}{rest}{percent}{after}"


@function("formatDate")
def _format_date(value: Any, pattern: Any = "YYYY-MM-DD HH:mm:ss") -> str | None:
    when = moment(value)
    return None if when is None else format_date(local(when), to_text(pattern))


@function("TEXT")
def _text(value: Any, pattern: Any) -> str:
    wanted = to_text(pattern)
    if isinstance(value, date) or (re.search("[ymdhs]", wanted, re.IGNORECASE) and moment(value) is not None):
        when = moment(value)
        assert when is not None
        return format_date(local(when), _from_excel(wanted))
    return format_number(value, wanted) if number_or_none(value) is not None or value is None else to_text(value)


def _from_excel(pattern: str) -> str:
    """A spreadsheet's date pattern as a day.js pattern."""
    tokens = list(_EXCEL_TOKEN.finditer(pattern[: _PATTERN_LIMIT + 1]))
    pieces: list[str] = []
    place = 0
    for index, found in enumerate(tokens):
        token = found[0]
        letter = token[0].lower()
        if place < found.start():
            pieces.append(f"[{pattern[place : found.start()].replace(']', '')}]")
        after = tokens[index + 1][0][0].lower() if index + 1 < len(tokens) else ""
        previous = tokens[index - 1][0][0].lower() if index else ""
        if letter == "m" and (previous == "h" or after == "s"):
            pieces.append(token.lower()[:2])
        elif letter == '"':
            pieces.append(f"[{token[1:-1]}]")
        else:
            pieces.append(_excel_piece(letter, len(token), "am/pm" in pattern.lower()))
        place = found.end()
    rest = pattern[place:]
    return "".join(pieces) + (f"[{rest.replace(']', '')}]" if rest else "")


def _excel_piece(letter: str, count: int, half: bool) -> str:
    if letter == "y":
        return "YYYY" if count > 2 else "YY"
    if letter == "d":
        return "D" * count if count < 3 else "d" * min(count, 4)
    if letter == "h":
        return ("h" if half else "H") * min(count, 2)
    return {"m": "M" * min(count, 4), "s": "s" * min(count, 2), "a": "A"}[letter]


@function("toFixed", "FIXED")
def _to_fixed(value: Any, digits: Any = 2) -> str:
    count = whole(digits, "toFixed()")
    if not 0 <= count <= 100:
        raise ExpressionError(_("toFixed() takes 0 to 100 digits."))
    return format_number(value, f"0.{'0' * count}" if count else "0")


@function("format")
def _format(value: Any, pattern: Any = None) -> Any:
    """A number to so many significant digits; after a pattern if that is a text; dates after a day.js pattern."""
    if isinstance(value, Quantity):
        return str(value if pattern is None else Quantity(_significant(value.amount, pattern), value.parts))
    if pattern is None:
        return to_text(value)
    if isinstance(pattern, Mapping):
        return _format_as_told(value, pattern)
    if not isinstance(pattern, str):
        return number_text(_significant(value, pattern))
    if isinstance(value, str | date):
        when = moment(value)
        if when is not None:
            return format_date(local(when), pattern)
    return format_number(value, pattern)


def _significant(value: Any, digits: Any) -> float:
    count = whole(digits, "format()")
    if not 1 <= count <= 100:
        raise ExpressionError(_("format() takes 1 to 100 digits."))
    return float(f"{number(value, 'format()'):.{count}g}")


def _format_as_told(value: Any, options: Mapping[str, Any]) -> str:
    """math.js's options: `notation` is fixed, exponential or auto, `precision` the digits."""
    notation, precision = options.get("notation", "auto"), options.get("precision")
    if notation == "fixed":
        return _to_fixed(value, precision or 0)
    if notation == "exponential":
        digits = 16 if precision is None else whole(precision, "format()")
        if not 1 <= digits <= 100:
            raise ExpressionError(_("format() takes 1 to 100 digits."))
        mantissa, _letter, exponent = f"{number(value, 'format()'):.{digits - 1}e}".partition("e")
        if precision is None and "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{int(exponent):+d}"
    if notation != "auto":
        raise ExpressionError(_("format() knows the notations fixed, exponential and auto."))
    return to_text(value) if precision is None else number_text(_significant(value, precision))


@function("DOLLAR")
def _dollar(value: Any, digits: Any = 2) -> str:
    count = whole(digits, "DOLLAR()")
    if not 0 <= count <= 100:
        raise ExpressionError(_("DOLLAR() takes 0 to 100 digits."))
    found = number(value, "DOLLAR()")
    text = format_number(abs(found), "$#,##0" + ("." + "0" * count if count else ""))
    return f"({text})" if found < 0 else text
