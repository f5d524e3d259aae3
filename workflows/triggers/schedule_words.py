"""A schedule in words, for people who check what they have configured: whole sentences, each translatable."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any

from cronsim import CronSim
from django.utils.dates import WEEKDAYS
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows.triggers.schedule import Plan, RowDate
from workflows.triggers.schedule_times import Course, Cron

#: Longer lists of times are better read as the pattern itself.
_MOST_LISTED = 6


def sentences(plan: Plan) -> list[str]:
    """When it fires first, how it repeats, when it ends, what bounds it."""
    found = [_first(plan)]
    if plan.repeat is not None:
        found.append(_repeated(plan.repeat))
    if isinstance(plan.config.ends_on, RowDate):
        found.append(_("It ends %s.") % _date_of_row(plan, plan.config.ends_on))
    elif plan.end is not None:
        found.append(_("It ends at %s.") % moment(plan.end, plan.zone))
    if plan.config.limit is not None:
        found.append(
            ngettext(
                "It fires once at most, all versions together.",
                "It fires %(count)d times at most, all versions together.",
                plan.config.limit,
            )
            % {"count": plan.config.limit}
        )
    if plan.config.missed != "fire_once":
        found.append(
            _("Times that pass while nothing works are skipped.")
            if plan.config.missed == "skip"
            else _("Times that pass while nothing works are made up for, each of them.")
        )
    return found


def moment(when: datetime, zone: tzinfo) -> str:
    """As the zone's clocks show it."""
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _first(plan: Plan) -> str:
    if plan.by_rows:
        meta = plan.config.model._meta
        return _("For each %(model)s: first %(moment)s.") % {
            "model": meta.verbose_name,
            "moment": _date_of_row(plan, plan.starts),
        }
    course: Course = plan.course  # type: ignore[assignment]
    start = moment(course.start, plan.zone)
    return (_("Once, at %s.") if plan.repeat is None else _("First at %s.")) % start


def _date_of_row(plan: Plan, wanted: RowDate) -> str:
    field: Any = plan.config.model._meta.get_field(wanted.field)
    named = {"field": field.verbose_name, "span": span(abs(wanted.shift))}
    if wanted.shift == timedelta(0):
        return _("at its “%(field)s”") % named
    if wanted.shift > timedelta(0):
        return _("%(span)s after its “%(field)s”") % named
    return _("%(span)s before its “%(field)s”") % named


def _repeated(repeat: Cron | timedelta) -> str:
    if isinstance(repeat, timedelta):
        return _("Then every %s.") % span(repeat)
    times, days = _times(repeat), _days(repeat)
    if times is None or days is None:
        return _("Then by the cron pattern “%s”.") % repeat.pattern
    return _("Then %(times)s, %(days)s.") % {"times": times, "days": days}


def span(length: timedelta) -> str:
    """In the largest unit that is whole."""
    seconds = round(length.total_seconds())
    if seconds and seconds % 86_400 == 0:
        return ngettext("%(count)d day", "%(count)d days", seconds // 86_400) % {"count": seconds // 86_400}
    if seconds and seconds % 3_600 == 0:
        return ngettext("%(count)d hour", "%(count)d hours", seconds // 3_600) % {"count": seconds // 3_600}
    if seconds and seconds % 60 == 0:
        return ngettext("%(count)d minute", "%(count)d minutes", seconds // 60) % {"count": seconds // 60}
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}


def _times(cron: Cron) -> str | None:
    """The times of a day; None where they are too many to say."""
    parsed = cron.parsed
    seconds, minutes, hours = (sorted(part) for part in (parsed.seconds, parsed.minutes, parsed.hours))
    if cron.hourly:
        if len(minutes) == 60 and (step := _step(seconds)):
            return ngettext("every second", "every %(count)d seconds", step) % {"count": step}
        if seconds == [0] and (step := _step(minutes)):
            return ngettext("every minute", "every %(count)d minutes", step) % {"count": step}
        return _("every hour at minute %d") % minutes[0] if seconds == [0] and len(minutes) == 1 else None
    if len(seconds) * len(minutes) * len(hours) > _MOST_LISTED:
        return None
    shape = "{:02}:{:02}" if seconds == [0] else "{:02}:{:02}:{:02}"
    return _("at %s") % _listed(
        shape.format(hour, minute, sec) for hour in hours for minute in minutes for sec in seconds
    )


def _step(found: list[int]) -> int:
    """2 of 0, 2, 4 ... 58; 0 of what is no such row. One minute of the hour is no step."""
    step = found[1] - found[0] if len(found) > 1 else 0
    return step if step and found == list(range(0, 60, step)) else 0


def _days(cron: Cron) -> str | None:
    """The days of a year; None where they take more than a few words."""
    parsed = cron.parsed
    weekdays: Any = {day % 7 if isinstance(day, int) else day for day in parsed.weekdays}
    every_day, every_weekday = len(parsed.days) == 31, len(weekdays) == 7
    if len(parsed.months) != 12:
        return None
    if every_day and every_weekday:
        return _("every day")
    if every_day and all(isinstance(day, int) for day in weekdays):
        # Cron's week begins on Sunday, with 0; Django's on Monday.
        return _("on %s") % _listed(str(WEEKDAYS[day]) for day in sorted((day - 1) % 7 for day in weekdays))
    if every_weekday and parsed.days == {CronSim.LAST}:
        return _("on the last day of each month")
    if every_weekday and min(parsed.days) > 0 and len(parsed.days) <= _MOST_LISTED:
        return _("on day %s of each month") % _listed(map(str, sorted(parsed.days)))
    return None


def _listed(texts: Iterable[str]) -> str:
    return get_text_list(list(texts), _("and"))
