"""JSON as people and clients hand it in, refused where it could not be stored: one gate for forms and API."""

import json
import math
import re
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid

#: How deep arrays and objects may be nested; deeper ones would exhaust the stack of whoever walks them.
MAX_DEPTH = 64
# Beyond, MySQL refuses an integer, and other readers of JSON take it for infinite.
_INTEGER_BITS = 1024
# PostgreSQL's jsonb takes no NUL, and no encoder takes half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def loads(text: str | bytes, path: str = "") -> Any:
    """The value of a JSON text, which stands at `path`.

    Raises `Invalid` for broken text, and with a dotted path for what can't be stored.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise Invalid(
            _("The JSON is nested too deep; %d levels is the most.") % MAX_DEPTH, field=path or None
        ) from None
    except ValueError as error:
        raise Invalid(_("This is not valid JSON: %s.") % error, field=path or None) from None
    check(value, path)
    return value


def check(value: Any, path: str = "") -> None:
    """Raises `Invalid` where a value holds NUL, half a surrogate or no finite number, or is nested too deep.

    Its field is the dotted path.
    """
    stack: list[tuple[str, Any, int]] = [(path, value, 0)]
    while stack:
        where, item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Invalid(_("The JSON is nested too deep; %d levels is the most.") % MAX_DEPTH, field=path or None)
        if isinstance(item, str):
            _check_text(item, where)
        elif isinstance(item, int | float):
            _check_number(item, where)
        elif isinstance(item, dict):
            for key, child in item.items():
                _check_text(key, where)
                stack.append((f"{where}.{key}" if where else key, child, depth + 1))
        elif isinstance(item, list):
            stack.extend((f"{where}.{i}" if where else str(i), child, depth + 1) for i, child in enumerate(item))


def _check_number(number: int | float, where: str) -> None:
    too_large = number.bit_length() > _INTEGER_BITS if isinstance(number, int) else not math.isfinite(number)
    if too_large:
        raise Invalid(_("The number is not finite or too large to be stored."), field=where or None)


def _check_text(text: str, where: str) -> None:
    if _UNSTORABLE.search(text):
        raise Invalid(_("The text holds a NUL or half of a surrogate pair; take it out."), field=where or None)
