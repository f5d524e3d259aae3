"""CloudFlow's ways of saying when: cron of five fields or six, "@every 1h30m", and a zone before either."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from executions.dialects.cloudflow.errors import argument
from workflows.errors import Invalid
from workflows.triggers.schedule import LEAST_REPEAT, MOST
from workflows.triggers.schedule_times import Cron

_PLACE = "CronExpression"
_LONGEST = 256
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S+)\s+(.+)", re.DOTALL)
_EVERY = re.compile(r"@every\s+((?:[0-9]{1,9}(?:ms|h|m|s))+)", re.ASCII)
_PART = re.compile(r"([0-9]+)(ms|h|m|s)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


class Times(NamedTuple):
    """A schedule trigger's configuration, and the zone it goes by."""

    config: dict[str, Any]
    time_zone: str


def times(expression: str) -> Times:
    """Raises `Fault` for what is no expression, and for one that never fires."""
    if len(expression) > _LONGEST:
        raise argument(_PLACE, _("Give %(least)d to %(most)d characters.") % {"least": 1, "most": _LONGEST})
    rest, zone = expression.strip(), "UTC"
    if found := _ZONE.fullmatch(rest):
        zone, rest = found.groups()
    now = timezone.now().astimezone(UTC).replace(microsecond=0)
    try:
        where = ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise argument(_PLACE, _('There is no time zone %s; choose one like "Europe/Berlin".') % zone[:80]) from None
    repeat: int | str
    if every := _EVERY.fullmatch(rest):
        repeat, first = _every(every[1], now)
    else:
        repeat = _NAMED.get(rest, rest)
        first = _first(repeat, where, now)
    # It fires first at its start: that is the first of its times, not the moment at which it was made.
    start = first.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Times({"mode": 0, "startsOn": start, "repeat": repeat, "missed": "fire_once"}, zone)


def _every(text: str, now: datetime) -> tuple[int, datetime]:
    repeat = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
    if not LEAST_REPEAT <= repeat <= MOST:
        raise argument(_PLACE, _("It repeats after a second or more, a century at most."))
    repeat -= repeat % 1_000
    try:
        return repeat, now + timedelta(milliseconds=repeat)
    except OverflowError:
        raise argument(_PLACE, _("It repeats after a second or more, a century at most.")) from None


def _first(pattern: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        found = Cron(pattern, zone).after(now)
    except Invalid as error:
        raise argument(_PLACE, error) from None
    if found is None:
        raise argument(_PLACE, _('The cron pattern "%s" never fires; choose a day that its months have.') % pattern)
    return found
