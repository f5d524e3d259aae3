"""Texts. Names from JavaScript count characters from 0, names from Excel from 1."""

import json
import re
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, items, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.paths import step
from workflows.expressions.text import to_text
from workflows.expressions.values import contains, ends_with, number_or_none, starts_with

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*(?:\.\w+)*)", re.ASCII)


@function("concat", "CONCATENATE", dialect="formula.js")
def _concatenate(meter: Meter, *values: Any) -> str:
    return joined(meter, flat(values), "")


@function("CONCATENATE")
def _concatenate_too(meter: Meter, *values: Any) -> str:
    return joined(meter, flat(values), "")


def joined(meter: Meter, values: Any, separator: str) -> str:
    pieces = [to_text(value) for value in values]
    meter.text(sum(map(len, pieces)) + len(separator) * len(pieces))
    return separator.join(pieces)


@function("join")
def _join(meter: Meter, values: Any, separator: Any = ",") -> str:
    return joined(meter, items(values, "join"), to_text(separator))


@function("TEXTJOIN")
def _text_join(meter: Meter, separator: Any, ignore_empty: Any, *values: Any) -> str:
    found = (value for value in flat(values) if not (ignore_empty and value in (None, "")))
    return joined(meter, found, to_text(separator))


@function("upper", "toUpperCase")
def _upper(text: Any) -> str:
    return to_text(text).upper()


@function("lower", "toLowerCase")
def _lower(text: Any) -> str:
    return to_text(text).lower()


@function("proper")
def _proper(text: Any) -> str:
    return to_text(text).title()


@function("capitalize")
def _capitalize(text: Any) -> str:
    found = to_text(text)
    return found[:1].upper() + found[1:]


@function("trim", dialect="math.js")
def _trim(text: Any) -> str:
    return to_text(text).strip()


@function("TRIM", dialect="formula.js")
def _trim_inside_too(text: Any) -> str:
    return " ".join(to_text(text).split())


@function("trimStart")
def _trim_start(text: Any) -> str:
    return to_text(text).lstrip()


@function("trimEnd")
def _trim_end(text: Any) -> str:
    return to_text(text).rstrip()


@function("left")
def _left(text: Any, count: Any = 1) -> str:
    return to_text(text)[: max(whole(count, "LEFT()"), 0)]


@function("right")
def _right(text: Any, count: Any = 1) -> str:
    found, wanted = to_text(text), max(whole(count, "RIGHT()"), 0)
    return found[max(len(found) - wanted, 0) :]


@function("mid")
def _mid(text: Any, start: Any, count: Any) -> str:
    first = whole(start, "MID()")
    if first < 1:
        raise ExpressionError(_("MID() counts from 1."))
    return to_text(text)[first - 1 : first - 1 + max(whole(count, "MID()"), 0)]


@function("substring")
def _substring(text: Any, start: Any, end: Any = None) -> str:
    found = to_text(text)
    first = max(whole(start, "substring()"), 0)
    last = len(found) if end is None else max(whole(end, "substring()"), 0)
    return found[min(first, last) : max(first, last)]


@function("replace", dialect="math.js")
def replace_text(meter: Meter, text: Any, old: Any, new: Any) -> str:
    whole_text, search, instead = to_text(text), to_text(old), to_text(new)
    if not search:
        return whole_text
    count = whole_text.count(search)
    meter.text(len(whole_text) + count * max(len(instead) - len(search), 0))
    return whole_text.replace(search, instead)


@function("REPLACE", dialect="formula.js")
def _replace_at(meter: Meter, text: Any, start: Any, count: Any, new: Any = None) -> str:
    """Excel's with four arguments, JavaScript's replaceAll with three."""
    if new is None:
        return replace_text(meter, text, start, count)
    found, first = to_text(text), max(whole(start, "REPLACE()"), 1) - 1
    return found[:first] + to_text(new) + found[first + max(whole(count, "REPLACE()"), 0) :]


@function("SUBSTITUTE")
def _substitute(meter: Meter, text: Any, old: Any, new: Any, which: Any = None) -> str:
    if which is None:
        return replace_text(meter, text, old, new)
    found, search, wanted = to_text(text), to_text(old), whole(which, "SUBSTITUTE()")
    if not search or not 1 <= wanted <= found.count(search):
        return found
    pieces = found.split(search, wanted)
    return search.join(pieces[:wanted]) + to_text(new) + pieces[wanted]


@function("startsWith")
def _starts_with(text: Any, start: Any) -> bool:
    return starts_with(text, start)


@function("endsWith")
def _ends_with(text: Any, end: Any) -> bool:
    return ends_with(text, end)


@function("includes", "contains")
def _includes(whole_value: Any, part: Any) -> bool:
    return contains(whole_value, part)


@function("FIND")
def _find(part: Any, text: Any, start: Any = 1) -> Any:
    return _found(to_text(text).find(to_text(part), max(whole(start, "FIND()") - 1, 0)))


@function("SEARCH")
def _search(part: Any, text: Any, start: Any = 1) -> Any:
    return _found(to_text(text).lower().find(to_text(part).lower(), max(whole(start, "SEARCH()") - 1, 0)))


def _found(index: int) -> int | None:
    return index + 1 if index >= 0 else None


@function("split", "TEXTSPLIT")
def _split(meter: Meter, text: Any, separator: Any = ",") -> list[str]:
    found, mark = to_text(text), to_text(separator)
    meter.items(found.count(mark) + 1 if mark else len(found))
    return found.split(mark) if mark else list(found)


@function("repeat", "REPT")
def _repeat(meter: Meter, text: Any, count: Any) -> str:
    found, times = to_text(text), whole(count, "repeat()")
    if times < 0:
        raise ExpressionError(_("repeat() needs a number of at least 0."))
    meter.text(len(found) * times)
    return found * times


@function("padStart")
def _pad_start(meter: Meter, text: Any, length: Any, fill: Any = " ") -> str:
    found, padding = _padding(meter, text, length, fill)
    return padding + found


@function("padEnd")
def _pad_end(meter: Meter, text: Any, length: Any, fill: Any = " ") -> str:
    found, padding = _padding(meter, text, length, fill)
    return found + padding


def _padding(meter: Meter, text: Any, length: Any, fill: Any) -> tuple[str, str]:
    found, mark, wanted = to_text(text), to_text(fill), whole(length, "padStart()")
    missing = wanted - len(found)
    if missing <= 0 or not mark:
        return found, ""
    meter.text(wanted)
    return found, (mark * (missing // len(mark) + 1))[:missing]


@function("EXACT")
def _exact(a: Any, b: Any) -> bool:
    return to_text(a) == to_text(b)


@function("CHAR", "UNICHAR")
def _char(code: Any) -> str:
    found = whole(code, "CHAR()")
    if not 0 < found < 0x110000 or 0xD800 <= found < 0xE000:
        raise ExpressionError(_("CHAR() needs the number of a character."))
    return chr(found)


@function("CODE", "UNICODE")
def _code(text: Any) -> int | None:
    found = to_text(text)
    return ord(found[0]) if found else None


@function("string", "toString")
def _string(value: Any) -> str:
    return to_text(value)


@function("encodeURL", "encodeURIComponent")
def _encode_url(text: Any) -> str:
    return quote(to_text(text), safe="-_.!~*'()", errors="replace")


@function("toJson")
def _to_json(value: Any) -> str:
    if isinstance(value, list | dict):
        return to_text(value)
    return to_text(value) or "null" if isinstance(value, int | float | None) else json.dumps(to_text(value))


@function("parseJson")
def _parse_json(meter: Meter, text: Any) -> Any:
    found = to_text(text)
    meter.charge(len(found) >> 2)
    try:
        return json.loads(found, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        raise ExpressionError(_("parseJson() needs valid JSON.")) from None


@function("like")
def _like(meter: Meter, text: Any, pattern: Any) -> bool:
    return like(meter, to_text(text), to_text(pattern))


def like(meter: Meter, text: str, pattern: str) -> bool:
    """Whether all of the text fits: * is any characters, ? is one; case does not matter."""
    text, pattern = text.casefold(), pattern.casefold()
    meter.charge(1 + len(pattern) // 4 + len(text) * (1 + len(pattern) // 64) // 16)
    first, *rest = pattern.split("*")
    if not rest:
        return len(text) == len(first) and _fits(text, first, 0)
    if len(text) < len(first) or not _fits(text, first, 0):
        return False
    place = len(first)
    *middle, last = rest
    for piece in middle:
        place = _place(meter, text, piece, place)
        if place < 0:
            return False
        place += len(piece)
    return len(text) - len(last) >= place and _fits(text, last, len(text) - len(last))


def _fits(text: str, piece: str, at: int) -> bool:
    return all(mark in ("?", character) for mark, character in zip(piece, text[at : at + len(piece)], strict=False))


def _place(meter: Meter, text: str, piece: str, start: int) -> int:
    if "?" not in piece:
        return text.find(piece, start)
    for at in range(start, len(text) - len(piece) + 1):
        meter.charge(1 + len(piece))
        if _fits(text, piece, at):
            return at
    return -1


@function("CLEAN")
def _clean(text: Any) -> str:
    """Without the characters that print nothing."""
    return "".join(character for character in to_text(text) if ord(character) >= 32)


@function("NUMBERVALUE")
def _number_value(text: Any, decimal: Any = ".", group: Any = ",") -> Any:
    """A number written with the signs of another language."""
    found, mark, between = to_text(text).replace(" ", ""), to_text(decimal) or ".", to_text(group)
    percent = len(found) - len(found.rstrip("%"))
    plain = found.rstrip("%")
    if between:
        plain = plain.replace(between, "")
    value = number_or_none(plain.replace(mark, "."))
    return None if value is None else value / 100**percent if percent else value


@function("print")
def _print(meter: Meter, template: Any, values: Any) -> str:
    """The text with `$name` and `$name.0.deeper` replaced by values."""

    def replaced(found: re.Match[str]) -> str:
        value = values
        for segment in found[1].split("."):
            value = step(value, segment, meter)
        piece = to_text(value)
        meter.text(len(piece))
        return piece

    made = _VARIABLE.sub(replaced, to_text(template))
    meter.text(len(made))
    return made
