"""What functions of several themes need."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.operators import number, shown
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
    return [number(value, f"{name}()") for value in flat(values) if value is not None and value != ""]


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
    return 4, json.dumps(to_text(value)) if isinstance(value, Mapping | list | tuple) else to_text(value)
