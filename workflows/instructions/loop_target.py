"""What a loop goes over."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeGuard

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.expressions import compile_template

#: Items of a list that the job's input holds: it is written again with each round that waits, and a long list stands
#: elsewhere in the run as a rule.
MOST_SHOWN = 20


class Target:
    """A compiled target. An item is looked up alone, so a round costs the same in a list of ten and of ten thousand."""

    def __init__(self, value: Any) -> None:
        self._items = [compile_template(item) for item in value] if isinstance(value, list) else None
        self._whole = compile_template(None if self._items is not None else value)

    def length(self, scope: Mapping[str, Any]) -> int:
        """Rounds to make: a list's items, a number's whole part, none for null, one for all else. Raises `Invalid`."""
        if self._items is not None:
            return len(self._items)
        value = self._whole.render(scope)
        if value is None:
            return 0
        if isinstance(value, list | tuple):
            return len(value)
        if not _is_number(value):
            return 1
        if not math.isfinite(value) or value < 0:
            raise Invalid(_("The loop's target is %s; give it a list, or a number from 0 on.") % value, field="target")
        return math.floor(value)

    def shown(self, scope: Mapping[str, Any]) -> Any:
        """The target for the job's input; of a long list the length alone."""
        if self._items is None:
            value = self._whole.render(scope)
        else:
            value = [item.render(scope) for item in self._items[: MOST_SHOWN + 1]]
        if isinstance(value, list | tuple) and len(value) > MOST_SHOWN:
            return {"length": len(value) if self._items is None else len(self._items)}
        return value

    def item(self, scope: Mapping[str, Any], index: int) -> Any:
        """The item of that round: of a number the round's index, of what is no list the value itself."""
        if self._items is not None:
            return self._items[index].render(scope) if index < len(self._items) else None
        value = self._whole.render(scope)
        if isinstance(value, list | tuple):
            return value[index] if index < len(value) else None
        return index if _is_number(value) else value


def _is_number(value: Any) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
