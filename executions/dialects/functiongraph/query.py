"""What the queries of lists mean: places, spans of time and statuses (spec 2.2). Raises `BadQuery` throughout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from executions.dialects.functiongraph.errors import BadQuery
from executions.dialects.functiongraph.shapes import STATUSES

Query = Mapping[str, str]

#: Rows of one page of a list, also where none is asked for.
MOST = 200
#: Of the list with totals.
MOST_OF_PAGE = 100
#: The span of a list that names one end of it, or none.
SPAN = timedelta(days=3)
#: No run is older or younger.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_FARTHEST = 2**31
_NUMBER = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_TIMES = (
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII), "%Y-%m-%dT%H:%M:%SZ"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII), "%Y-%m-%d %H:%M:%S"),
)


@dataclass(frozen=True)
class Place:
    """Which of the rows."""

    offset: int
    limit: int


@dataclass(frozen=True)
class Window:
    """A span of beginnings; `before` is not in it, None is now or whatever comes."""

    since: datetime
    before: datetime | None


def clamped(query: Query) -> Place:
    """Of lists that count what is too much as the most: limit up to 200, offset from 0."""
    limit = _number(query, "limit", MOST)
    if limit < 0:
        raise _refused("limit", _("Give a number from 0 to %d.") % MOST)
    return Place(min(max(_number(query, "offset", 0), 0), _FARTHEST), min(limit, MOST))


def strict(query: Query) -> Place:
    """Of the list with totals, which needs both: limit 1 to 100, offset from 0."""
    limit, offset = _number(query, "limit"), _number(query, "offset")
    if not 0 < limit <= MOST_OF_PAGE:
        raise _refused("limit", _("Give a number from 1 to %d.") % MOST_OF_PAGE)
    if offset < 0:
        raise _refused("offset", _("Give a number from 0."))
    return Place(min(offset, _FARTHEST), limit)


def window(query: Query) -> Window:
    """Both ends belong to it, to the second, as times are shown in seconds."""
    start, end = _time(query, "start_time"), _time(query, "end_time")
    if start is None and end is None:
        return Window(timezone.now() - SPAN, None)
    if start is None:
        assert end is not None
        start = end - SPAN
    if end is None:
        end = start + SPAN
    return Window(start, end + timedelta(seconds=1))


def status(query: Query) -> Q:
    text = query.get("status") or None
    if text is None:
        return Q()
    if text not in STATUSES:
        raise _refused("status", _("It is one of: %s.") % ", ".join(STATUSES))
    return STATUSES[text]


def mode(query: Query) -> bool | None:
    """Whether synchronous workflows are meant; None for all."""
    modes = {"": None, "NORMAL": False, "EXPRESS": True}
    text = query.get("mode", "")
    if text not in modes:
        raise _refused("mode", _("It is one of: %s.") % ", ".join(filter(None, modes)))
    return modes[text]


def _number(query: Query, name: str, default: int | None = None) -> int:
    text = query.get(name, "")
    if not text and default is not None:
        return default
    if not _NUMBER.fullmatch(text):
        raise _refused(name, _("Give a whole number."))
    return int(text)


def _time(query: Query, name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    for form, directives in _TIMES:
        if form.fullmatch(text):
            try:
                found = datetime.strptime(text, directives).replace(tzinfo=UTC)
            except ValueError:
                break
            return min(max(found, _FIRST + SPAN), _LAST)
    raise _refused(name, _("Give a moment of UTC as 2026-01-31T12:00:00Z or 2026-01-31 12:00:00."))


def _refused(name: str, message: str) -> BadQuery:
    return BadQuery(message, field=name)
