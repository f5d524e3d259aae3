"""What functions of several themes need."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import Meter
from workflows.expressions.operators import number, shown
from workflows.expressions.quantities import Quantity
from workflows.expressions.text import to_text
from workflows.expressions.values import Number, moment, number_or_none


def flat(values: Any) -> Iterator[Any]:
    """The values with lists inside taken apart, at any depth. Arguments were charged for before the call."""
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list | tuple):
                stack.append(iter(value))
                break
            yield value
        else:
            stack.pop()


def numbers_in(values: Any, name: str) -> list[Number]:
    """Every number in the values and the lists in them; null and "" are passed over."""
    found: list[Number] = []
    for value in values:
        if type(value) is list and _NUMBERS.issuperset(map(type, value)):
            found.extend(value)
        else:
            found.extend(number(item, f"{name}()") for item in flat([value]) if item is not None and item != "")
    return found


_NUMBERS = frozenset({int, float})


#: Rounding in decimal takes some ten microseconds.
_COST_OF_EACH = 20


def each(call: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a number for lists too, item by item, and for quantities by their amount."""

    @wraps(call)
    def of_each(meter: Meter, first: Any, *rest: Any) -> Any:
        if isinstance(first, list | tuple):
            meter.charge(_COST_OF_EACH * len(first))
            return [of_each(meter, item, *rest) for item in first]
        if isinstance(first, Quantity):
            return Quantity(call(first.amount, *rest), first.parts)
        return call(first, *rest)

    own = inspect.signature(call)
    meter = inspect.Parameter("meter", inspect.Parameter.POSITIONAL_ONLY)
    # How many arguments it takes is read from here.
    of_each.__signature__ = own.replace(parameters=[meter, *own.parameters.values()])  # type: ignore[attr-defined]
    return of_each


def whole(value: Any, what: str) -> int:
    """The value as an integer, its fraction cut off."""
    found = number(value, what)
    if abs(found) > 1e15:
        raise ExpressionError(_("%(what)s: %(value)s is too large.") % {"what": what, "value": shown(value)})
    return int(found)


def items(value: Any, name: str) -> list[Any]:
    """The value as a list; null is an empty one. Raises `ExpressionError` for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, tuple):
        return list(value)
    if value is None:
        return []
    raise ExpressionError(_("%(name)s() needs a list, not %(value)s.") % {"name": name, "value": shown(value)})


def sort_key(value: Any) -> tuple[int, Any]:
    """Numbers come first, then dates, texts, true and false, lists and objects; null comes last."""
    if value is None:
        return 5, 0
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, str):
        return 2, value
    found = number_or_none(value)
    if found is not None:
        return 0, found
    when = moment(value)
    if when is not None:
        return 1, when
    return 4, to_text(value)
