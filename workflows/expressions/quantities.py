"""Numbers with a unit: `5 cm to inch`. A small table, dimensions that are checked, and nothing symbolic."""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.units import Unit, find_unit

#: Units of one quantity; more of them come of a mistake.
_MOST_UNITS = 8
_MOST_POWER = 12


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of units, each with its power: 90 of (km, 1), (h, -1)."""

    amount: float
    parts: tuple[tuple[Unit, int], ...]

    def __str__(self) -> str:
        return f"{_plain(self.amount)} {unit_text(self.parts)}"

    def __bool__(self) -> bool:
        return bool(self.amount)

    @property
    def dimensions(self) -> tuple[int, ...]:
        total = [0] * 8
        for unit, power in self.parts:
            for place, exponent in enumerate(unit.dimensions):
                total[place] += exponent * power
        return tuple(total)

    def times(self, factor: float) -> "Quantity":
        return Quantity(_finite(self.amount * factor), self.parts)


def _plain(amount: float) -> str:
    from workflows.expressions.text import number_text

    return number_text(round(float(amount), 9))


def unit_text(parts: tuple[tuple[Unit, int], ...]) -> str:
    above = " ".join(_raised(unit, power) for unit, power in parts if power > 0)
    below = " ".join(_raised(unit, -power) for unit, power in parts if power < 0)
    if not below:
        return above
    if below.count(" "):
        below = f"({below})"
    return f"{above or 1} / {below}"


def _raised(unit: Unit, power: int) -> str:
    return unit.name if power == 1 else f"{unit.name}^{power}"


def _finite(amount: float) -> float:
    if amount != amount or abs(amount) == inf:
        raise ExpressionError(_("The amount is no finite number."))
    return amount


def named(name: str) -> Quantity | None:
    """One of the unit, or None for a name that is no unit. Upper and lower case count: mm is not Mm."""
    found = find_unit(name)
    return None if found is None else Quantity(1, ((found, 1),))


@lru_cache(maxsize=256)
def parse_unit(text: str) -> Quantity:
    """`cm`, `km/h`, `m^2`. Raises `ExpressionError` for what is no unit."""
    parts: list[tuple[Unit, int]] = []
    sign = 1
    for piece in text[:100].replace("*", " ").replace("/", " / ").split():
        if piece == "/":
            sign = -1
            continue
        name, _caret, power = piece.partition("^")
        found = find_unit(name)
        if found is None or not (power or "1").isascii() or not (power or "1").isdigit() or len(power) > 2:
            raise ExpressionError(_("%r is no unit; write one like cm, km/h or m^2.") % text[:40])
        parts.append((found, sign * int(power or 1)))
    if not parts:
        raise ExpressionError(_("%r is no unit; write one like cm, km/h or m^2.") % text[:40])
    return Quantity(1, _merged(parts))


def multiply(a: Any, b: Any, sign: int = 1) -> Any:
    """The product (or with sign -1 the quotient) of a quantity and a quantity or number; a number if units cancel."""
    if not isinstance(b, Quantity):
        return a.times(b if sign > 0 else _inverse(b))
    if not isinstance(a, Quantity):
        a = Quantity(a, ())
    parts = _merged([*a.parts, *((unit, sign * power) for unit, power in b.parts)])
    amount = _finite(a.amount * (b.amount if sign > 0 else _inverse(b.amount)))
    made = Quantity(amount, parts)
    return made if any(made.dimensions) else in_base(made)


def _inverse(value: float) -> float:
    if not value:
        raise ExpressionError(_("The amount is no finite number."))
    return 1 / value


def _merged(parts: list[tuple[Unit, int]]) -> tuple[tuple[Unit, int], ...]:
    powers: dict[Unit, int] = {}
    for unit, power in parts:
        powers[unit] = powers.get(unit, 0) + power
    found = tuple((unit, power) for unit, power in powers.items() if power)
    if len(found) > _MOST_UNITS or any(abs(power) > _MOST_POWER for _unit, power in found):
        raise ExpressionError(
            _("A quantity may have %(units)d units, each to the power of %(power)d.")
            % {"units": _MOST_UNITS, "power": _MOST_POWER}
        )
    if any(unit.offset for unit, _power in found) and (len(found) > 1 or found[0][1] != 1):
        raise ExpressionError(_("Degrees can't be multiplied; convert them to K first."))
    return found


def raised(base: Quantity, power: Any) -> Any:
    """To a whole power, or to a half one where all powers are even (a square root)."""
    if type(power) is float and power.is_integer():
        power = int(power)
    if power == 0.5:
        if base.amount < 0 or any(exponent % 2 for _unit, exponent in base.parts):
            raise ExpressionError(_("The square root of %s is no quantity.") % base)
        return Quantity(base.amount**0.5, tuple((unit, exponent // 2) for unit, exponent in base.parts))
    if type(power) is not int or abs(power) > _MOST_POWER:
        raise ExpressionError(_("A quantity is raised to whole powers up to %d.") % _MOST_POWER)
    if not power:
        return 1
    if power < 0 and not base.amount:
        raise ExpressionError(_("The amount is no finite number."))
    try:
        amount = _finite(float(base.amount) ** power)
    except OverflowError:
        raise ExpressionError(_("The amount is no finite number.")) from None
    return Quantity(amount, _merged([(unit, exponent * power) for unit, exponent in base.parts]))


def in_base(value: Quantity) -> float:
    """The amount in the base units: m, kg, s, K, A, mol, cd, bits."""
    amount = value.amount
    for unit, power in value.parts:
        amount = amount * unit.factor**power + unit.offset
    return amount


def convert(value: Any, target: Any) -> Quantity:
    """The same quantity in the target's units. Raises `ExpressionError` where dimensions differ."""
    if isinstance(target, str):
        target = parse_unit(target)
    if not isinstance(value, Quantity) or not isinstance(target, Quantity):
        raise ExpressionError(_("Only quantities are converted: 5 cm to inch."))
    _same_dimensions(value, target)
    if value.parts == target.parts:
        return value
    amount = in_base(value)
    for unit, power in target.parts:
        amount = (amount - unit.offset) / unit.factor**power
    return Quantity(_finite(amount), target.parts)


def add(a: Any, b: Any, sign: int = 1) -> Quantity:
    if not isinstance(a, Quantity) or not isinstance(b, Quantity):
        raise ExpressionError(_("A quantity and a plain number can't be added; give both a unit."))
    return Quantity(_finite(a.amount + sign * convert(b, a).amount), a.parts)


def order(a: Any, b: Any) -> int | None:
    """Negative, 0 or positive; None between a quantity and anything else, or between two kinds of quantities."""
    if not isinstance(a, Quantity) or not isinstance(b, Quantity) or a.dimensions != b.dimensions:
        return None
    left, right = in_base(a), in_base(b)
    return 0 if abs(left - right) <= 1e-12 * max(abs(left), abs(right)) else 1 if left > right else -1


def _same_dimensions(a: Quantity, b: Quantity) -> None:
    if a.dimensions != b.dimensions:
        raise ExpressionError(
            _("%(a)s and %(b)s measure different things.") % {"a": unit_text(a.parts), "b": unit_text(b.parts)}
        )
