"""The page that tells how the engine fares: what ended by the hour, how long it took, what fails, what waits."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from executions.admin import shown
from executions.admin.steps import RUN_STYLES
from executions.dashboard import charts, reading, waiting, workers
from executions.models import Execution, WorkerSeen
from executions.statuses import ExecutionStatus
from executions.store import session
from workflows.admin.base import page_of_site, require

#: What a page may look back on, in hours.
SPANS = {24: gettext_lazy("24 hours"), 168: gettext_lazy("7 days")}
#: Statuses from the bottom of a bar to its top, each with a colour of its own.
_TONES = {
    ExecutionStatus.RESOLVED: "good",
    ExecutionStatus.REJECTED: "wait",
    ExecutionStatus.RETRY_NEEDED: "busy",
    ExecutionStatus.CANCELED: "off-light",
    ExecutionStatus.ABORTED: "off",
    ExecutionStatus.FAILED: "bad-light",
    ExecutionStatus.ERROR: "bad",
}


class DashboardMixin:
    """For the admin of executions."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("dashboard/", view(self.dashboard_page), name="executions_execution_dashboard"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def dashboard_page(self: Any, request: HttpRequest) -> HttpResponse:
        require(request, "executions.view_execution")
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        asked = request.GET.get("hours", "")
        hours = next((each for each in SPANS if str(each) == asked), 24)
        context = _context(request, session.database_now(), hours)
        return page_of_site(request, self.admin_site, "admin/executions/dashboard.html", context)


def _context(request: HttpRequest, now: datetime, hours: int) -> dict[str, Any]:
    user = request.user
    ended = reading.ended(user, now, hours)
    queued, begun = reading.unended(user)
    queues, seen = waiting.queues(), list(workers.seen(now))
    statuses = [status for status in _TONES if ended.whole.statuses[status]]
    context: dict[str, Any] = {
        "opts": Execution._meta,
        "title": _("Dashboard"),
        "media": forms.Media(css={**RUN_STYLES}),
        "spans": [(each, title, each == hours) for each, title in SPANS.items()],
        "tiles": list(_tiles(ended.whole, queued, begun, queues, seen, now)),
        "behind": ended.behind,
        "statuses": [(status.label, _TONES[status]) for status in statuses],
        "ended": _counts_chart(ended.hours, statuses),
        "durations": _durations_chart(ended.hours),
        "rows": [_row(hour, statuses) for hour in reversed(ended.hours) if hour.number],
        "queues": [(queue, shown.age(queue.oldest, now)) for queue in queues],
        "workers": [(each, shown.age(each.seen_at, now), _gone(each, now)) for each in seen],
    }
    if user.has_perm("executions.view_job"):
        slow, bad = reading.nodes(user, now, hours)
        context["slow"] = [(each, _seconds(each.mean)) for each in slow]
        context["failing"] = [(each, f"{each.share:.1f} %") for each in bad]
    return context


def _tiles(
    whole: reading.Hour, queued: int, begun: int, queues: list[waiting.Queue], seen: list[WorkerSeen], now: datetime
) -> Iterator[tuple[str, str]]:
    """(what, how much)."""
    due = sum(queue.runs + queue.calls for queue in queues)
    oldest = min((queue.oldest for queue in queues if queue.oldest), default=None)
    bad = sum(whole.statuses[status] for status in (ExecutionStatus.FAILED, ExecutionStatus.ERROR))
    yield pgettext("count", "Ended"), _number(whole.number)
    yield _("Failed or in error"), f"{100 * bad / whole.number:.1f} %" if whole.number else "-"
    yield _("Half took at most"), _seconds(whole.median)
    yield _("95 of 100 took at most"), _seconds(whole.slow)
    yield _("Queued"), _capped(queued)
    yield _("Running or waiting"), _capped(begun)
    yield _("Due now"), _number(due) + ("+" if any(queue.more for queue in queues) else "")
    yield _("Oldest due for"), shown.age(oldest, now) or "-"
    yield _("Workers seen"), _number(sum(not _gone(worker, now) for worker in seen))


def _counts_chart(hours: list[reading.Hour], statuses: list[ExecutionStatus]) -> dict[str, Any]:
    columns = [
        (
            f"{_hour(hour)}: " + (", ".join(_told(hour, statuses)) or _("none")),
            [(_TONES[status], float(hour.statuses[status])) for status in statuses],
        )
        for hour in hours
    ]
    bars, top = charts.stacked(columns)
    return {"bars": bars, "top": _number(int(top)), "first": _hour(hours[0]), "last": _hour(hours[-1])}


def _told(hour: reading.Hour, statuses: list[ExecutionStatus]) -> Iterator[str]:
    return (f"{hour.statuses[status]} {status.label}" for status in statuses if hour.statuses[status])


def _durations_chart(hours: list[reading.Hour]) -> dict[str, Any]:
    columns = []
    for hour in hours:
        known = {"half": _seconds(hour.median), "most": _seconds(hour.slow)}
        text = _("half took at most %(half)s, 95 of 100 at most %(most)s") % known if hour.number else _("none")
        columns.append((f"{_hour(hour)}: {text}", [("wait", hour.slow or 0.0), ("busy", hour.median or 0.0)]))
    bars, top = charts.nested(columns)
    return {"bars": bars, "top": _seconds(top), "first": _hour(hours[0]), "last": _hour(hours[-1])}


def _row(hour: reading.Hour, statuses: list[ExecutionStatus]) -> tuple[str, list[str], str, str]:
    numbers = [_number(hour.statuses[status]) for status in statuses]
    return _hour(hour), numbers, _seconds(hour.median), _seconds(hour.slow)


def _hour(hour: reading.Hour) -> str:
    return f"{timezone.localtime(hour.begin):%Y-%m-%d %H:%M}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else shown.span_text(timedelta(seconds=seconds))


def _number(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _capped(number: int) -> str:
    return _number(min(number, reading.LIVE)) + ("+" if number > reading.LIVE else "")


def _gone(worker: WorkerSeen, now: datetime) -> bool:
    return now - worker.seen_at > workers.GONE_AFTER
