"""Query strings as NocoBase's client writes them: `a[b]=1`, `a[]=1&a[]=2`, `a[0]=1`; a key without "=" is null (1.2).

Scalars stay texts. Whoever sends more than is sensible is told so.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.jsoninput import check as check_json

MOST_PAIRS = 1_000
DEEPEST = 20
#: Larger indices make an object, as there.
_MOST_INDEX = 100
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_APPENDED = ""


def parse(text: str) -> dict[str, Any]:
    """Raises `Invalid` naming the parameter."""
    pairs = [pair for pair in text.split("&") if pair]
    if len(pairs) > MOST_PAIRS:
        raise Invalid(_("A request has at most %d parameters; send fewer.") % MOST_PAIRS)
    tree: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        _put(tree, unquote_plus(name), unquote_plus(value) if equals else None)
    found = {name: _settled(value) for name, value in tree.items()}
    check_json(found)
    return found


def _put(tree: dict[str, Any], name: str, value: str | None) -> None:
    matched = _KEY.match(name)
    # What brackets do not close is a name like any other.
    first, rest = (matched[1], re.findall(r"\[([^\[\]]*)\]", matched[2])) if matched else (name, [])
    if len(rest) > DEEPEST:
        raise Invalid(_("The parameter is nested too deep; %d levels is the most.") % DEEPEST, field=first)
    here, last = tree, first
    for part in rest:
        if part == _APPENDED and not isinstance(here.get(last, {}), dict):
            # "a=1&a[]=2" is a list of both.
            known = here[last]
            here[last] = dict(_numbered(known if isinstance(known, list) else [known]))
        below = here.setdefault(last, {})
        if not isinstance(below, dict):
            raise _mixed(first)
        here, last = below, _free(below) if part == _APPENDED else part
    beside = here.get(last)
    if isinstance(beside, dict):
        if not all(key.isascii() and key.isdecimal() for key in beside):
            raise _mixed(first)
        here, last = beside, _free(beside)
    if last in here:
        known = here[last]
        here[last] = [*known, value] if isinstance(known, list) else [known, value]
    else:
        here[last] = value


def _numbered(items: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((str(index), item) for index, item in enumerate(items))


def _free(below: dict[str, Any]) -> str:
    """The place of a further item."""
    return str(len(below))


def _mixed(name: str) -> Invalid:
    return Invalid(_("The parameter is given as a value and as an object; send one of them."), field=name[:80])


def _settled(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdecimal() and len(key) < 4 for key in value):
        order = sorted(value, key=int)
        if int(order[-1]) <= _MOST_INDEX or order == [str(index) for index in range(len(order))]:
            return [_settled(value[key]) for key in order]
    return {key: _settled(item) for key, item in value.items()}
