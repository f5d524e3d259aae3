"""Values of filters that are wholly `{{ variable }}`: who asks, as which role, and periods (spec nocobase-http 2.1)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from executions.dialects.nocobase.authentication import roles_of
from executions.dialects.nocobase.call import Call
from executions.dialects.nocobase.records import wire
from executions.dialects.nocobase.resources.people import email_of, nickname_of
from workflows import timing
from workflows.errors import Invalid
from workflows.expressions.system import date_ranges
from workflows.jsonable import iso_milliseconds

_WHOLE = re.compile(r"\s*\{\{\s*([^{}]*?)\s*\}\}\s*\Z")
#: Values that one filter may hold: as many as a page of the longest list has keys.
MOST_VALUES = 10_000
#: The spelling of today, and those before it.
_DATES = ("$nDate.", "$date.", "$system.")


class Filler:
    """What the variables of one call stand for; made when the first is met."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.values = 0
        self._known: Mapping[str, Callable[[], Any]] | None = None

    def fill(self, raw: Any, path: str) -> Any:
        """The filter with values in place of variables. Raises `Invalid` for one unknown, and for too many values."""
        if isinstance(raw, Mapping):
            return {name: self.fill(value, f"{path}.{name}") for name, value in raw.items()}
        if isinstance(raw, list):
            return [self.fill(value, f"{path}.{index}") for index, value in enumerate(raw)]
        self.values += 1
        if self.values > MOST_VALUES:
            raise Invalid(_("A filter holds at most %d values; ask in parts.") % MOST_VALUES, field=path[:200])
        found = _WHOLE.match(raw) if isinstance(raw, str) and "{{" in raw else None
        return raw if found is None else self._value(found[1], path)

    def _value(self, name: str, path: str) -> Any:
        if self._known is None:
            self._known = self._variables()
        make = self._known.get(_today(name))
        if make is None:
            known = ", ".join(self._known)
            raise Invalid(
                _("There is no variable %(name)r; there are %(known)s.") % {"name": name[:80], "known": known},
                field=path[:200],
            )
        return make()

    def _variables(self) -> dict[str, Callable[[], Any]]:
        call, user, now = self.call, self.call.user, timing.now()
        here = now.astimezone(call.tz)
        periods = date_ranges(here)
        weeks = {f"{word}IsoWeek": _iso_week(here, shift) for word, shift in (("this", 0), ("last", -1), ("next", 1))}
        return {
            "$user.id": lambda: wire(user.pk),
            "$user.username": user.get_username,
            "$user.nickname": lambda: nickname_of(user),
            "$user.email": lambda: email_of(user),
            "$nRole": lambda: call.request.headers.get("X-Role") or roles_of(user)[0],
            f"{_DATES[0]}now": lambda: iso_milliseconds(now),
            **{f"{_DATES[0]}{name}": partial(periods.__getitem__, name) for name in periods},
            **{f"{_DATES[0]}{name}": partial(str, week) for name, week in weeks.items()},
        }


def _iso_week(here: datetime, shift: int) -> str:
    year, week, _day = (here + timedelta(weeks=shift)).isocalendar()
    return f"{year}W{week:02d}{here.isoformat()[-6:]}"


def _today(name: str) -> str:
    for prefix in _DATES:
        if name.startswith(prefix):
            return f"{_DATES[0]}{name.removeprefix(prefix)}"
    return name
