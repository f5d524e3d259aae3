"""Digits of machines, bits, steps and the spreadsheet's units."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions import quantities
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import whole
from workflows.expressions.functions.integers import digits_of, natural
from workflows.expressions.functions.registry import function
from workflows.expressions.limits import INTEGER_BITS
from workflows.expressions.operators import finite, number
from workflows.expressions.quantities import Quantity
from workflows.expressions.text import to_text
from workflows.expressions.units import Unit, find_unit

_WIDTH = 10
#: Name, base and bits of ten digits, as two's complement.
_BASES = (("BIN", 2, 10), ("OCT", 8, 30), ("HEX", 16, 40), ("DEC", 10, 40))


def _read_digits(text: Any, base: int, bits: int, name: str) -> int:
    digits = to_text(text).strip()
    if len(digits) > _WIDTH or not digits.isalnum() or not digits.isascii():
        raise ExpressionError(_("%s() needs up to ten digits.") % name)
    value = int(digits, base)
    return value - (1 << bits) if value >> (bits - 1) else value


def _written(value: int, base: int, bits: int, places: Any, name: str) -> str:
    half = 1 << (bits - 1)
    if not -half <= value < half:
        raise ExpressionError(
            _("%(name)s() takes numbers from %(least)d to %(most)d.") % {"name": name, "least": -half, "most": half - 1}
        )
    digits = digits_of(value if value >= 0 else value + (1 << bits), base)
    if places is None or value < 0:
        return digits
    width = natural(places, name, _WIDTH)
    if width < len(digits):
        raise ExpressionError(_("%s() needs more places.") % name)
    return digits.rjust(width, "0")


def _converter(source: tuple[str, int, int], target: tuple[str, int, int]) -> Callable[..., Any]:
    name = f"{source[0]}2{target[0]}"

    def read(value: Any) -> int:
        return whole(value, f"{name}()") if source[0] == "DEC" else _read_digits(value, source[1], source[2], name)

    if target[0] == "DEC":
        return lambda value: read(value)
    return lambda value, places=None: _written(read(value), target[1], target[2], places, name)


for _source in _BASES:
    for _target in _BASES:
        if _source is not _target:
            function(f"{_source[0]}2{_target[0]}")(_converter(_source, _target))


def _shifted(x: Any, by: Any, name: str) -> Any:
    value, bits = whole(x, f"{name}()"), whole(by, f"{name}()")
    if abs(bits) > INTEGER_BITS:
        raise ExpressionError(_("A number is shifted by 0 to %d bits.") % INTEGER_BITS)
    return finite(value << bits) if bits >= 0 else value >> -bits


@function("leftShift", "BITLSHIFT")
def _left(x: Any, by: Any) -> Any:
    return _shifted(x, by, "BITLSHIFT")


@function("rightArithShift", "BITRSHIFT")
def _right(x: Any, by: Any) -> Any:
    return _shifted(x, -whole(by, "BITRSHIFT()"), "BITRSHIFT")


@function("rightLogShift")
def _logical_right(x: Any, by: Any) -> Any:
    value = whole(x, "rightLogShift()")
    return _shifted(value & 0xFFFFFFFF if value < 0 else value, -whole(by, "rightLogShift()"), "rightLogShift")


@function("bitNot")
def _bit_not(x: Any) -> int:
    return ~whole(x, "bitNot()")


@function("DELTA")
def _delta(a: Any, b: Any = 0) -> int:
    return int(number(a, "DELTA()") == number(b, "DELTA()"))


@function("GESTEP")
def _step(x: Any, step: Any = 0) -> int:
    return int(number(x, "GESTEP()") >= number(step, "GESTEP()"))


#: Where a spreadsheet's name for a unit is not math.js's.
_NAMES = {
    "lbm": "lb",
    "ozm": "oz",
    "Nmi": "nmi",
    "ang": "angstrom",
    "mn": "min",
    "sec": "s",
    "yr": "year",
    "hr": "h",
    "at": "atm",
    "p": "Pa",
    "HP": "hp",
    "h": "hp",
    "tsp": "tsp",
    "lt": "L",
    "l": "L",
    "C": "degC",
    "cel": "degC",
    "kel": "K",
    "fah": "degF",
    "F": "degF",
    "bit": "b",
    "byte": "B",
    "btu": "BTU",
    "e": "erg",
    "c": "cal",
    "u": "u",
    "us_acre": "acre",
    "uk_acre": "acre",
    "ha": "hectare",
    "m2": "m2",
    "ft2": "sqft",
    "in2": "sqin",
    "mi2": "sqmi",
}
_OWN = {
    "tsp": ("cc", 4.92892159375),
    "tbs": ("cc", 14.78676478125),
    "oz": ("floz", 1.0),
    "erg": ("J", 1e-7),
    "kn": ("m", 1852 / 3600),
    "dyn": ("N", 1e-5),
    "dy": ("N", 1e-5),
    "u": ("kg", 1.66053906660e-27),
    "sg": ("kg", 14.593902937),
    "cwt": ("lb", 100.0),
    "grain": ("lb", 1 / 7000),
    "pc": ("m", 3.0856775812815532e16),
    "ly": ("m", 9460730472580800.0),
    "ell": ("m", 1.143),
}


@function("CONVERT")
def _convert(value: Any, source: Any, target: Any) -> Any:
    amount = Quantity(number(value, "CONVERT()"), ((_unit(source), 1),))
    return quantities.convert(amount, Quantity(1, ((_unit(target), 1),))).amount


def _unit(name: Any) -> Unit:
    text = to_text(name)
    known = _NAMES.get(text, text)
    if known in _OWN:
        base, scale = _OWN[known]
        found = find_unit(base)
        assert found is not None
        return Unit(text, found.factor * scale, found.dimensions)
    found = find_unit(known)
    if found is None:
        raise ExpressionError(_("%r is no unit; write one like cm, km/h or m^2.") % text[:40])
    return found


@function("to")
def _to(value: Any, target: Any) -> Any:
    return quantities.convert(value, target)


@function("unit")
def _quantity(value: Any, name: Any = None) -> Quantity:
    """Of a number and a unit's name, or of a text like "5 cm"."""
    if isinstance(value, Quantity):
        return value if name is None else quantities.convert(value, name)
    amount: Any = value
    if name is None:
        amount, _blank, name = to_text(value).strip().partition(" ")
    return quantities.parse_unit(to_text(name)).times(number(amount, "unit()"))
