"""How runs and jobs look in lists and on pages."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from executions.models import Execution
from executions.statuses import ExecutionStatus
from workflows.admin.base import badge
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus
from workflows.triggers import triggers

_TONES = {None: "wait", 0: "busy", 1: "good", -3: "off", -4: "off"}
_WAITS = {
    Wait.TIMER: pgettext_lazy("wait", "timer"),
    Wait.ATTEMPT: pgettext_lazy("wait", "attempt"),
    Wait.PERFORMER: pgettext_lazy("wait", "performer"),
    Wait.CALL: pgettext_lazy("wait", "call"),
    Wait.OUTSIDE: pgettext_lazy("wait", "outside"),
    Wait.BRANCH: pgettext_lazy("wait", "branch"),
}


def execution_badge(execution: Execution) -> SafeString:
    """The status in a word on its colour; what holds the run up stands beside it."""
    label = _("Queued") if execution.status is None else ExecutionStatus(execution.status).label
    shown = badge(label, _TONES.get(execution.status, "bad"))
    if execution.ended_at is not None:
        return shown
    if execution.paused_at is not None:
        return shown + format_html(" {}", badge(_("Paused"), "wait"))
    if execution.parked:
        return shown + format_html(" {}", badge(execution.get_parked_display(), "wait"))
    return shown


def job_badge(status: int) -> SafeString:
    """Numbers of a kind's own are shown by their sign, with the number (spec 2.3)."""
    if status in JobStatus.values:
        return badge(JobStatus(status).label, "busy" if status == 0 else _TONES.get(status, "bad"))
    sign = JobStatus.RESOLVED if status > 0 else JobStatus.FAILED
    return badge(f"{sign.label} ({status})", "good" if status > 0 else "bad")


def wait_text(wait: str | None) -> str:
    """What a pending job waits for, in a word."""
    return str(_WAITS[Wait(wait)]) if wait else ""


def workflow_link(execution: Execution, site: str) -> SafeString | str:
    """The row's own copies of title and version; `workflow` must be joined, so that a deleted one shows as such."""
    if execution.workflow_id is None or execution.workflow is None:
        gone = _("deleted workflow %s") % (execution.workflow_id or execution.key)
        return format_html('{} v{} <span class="sluice-quiet">({})</span>', execution.title, execution.version, gone)
    url = reverse("admin:workflows_workflow_change", args=[execution.workflow_id], current_app=site)
    return format_html('<a href="{}">{} v{}</a>', url, execution.title, execution.version)


def execution_link(pk: int, site: str) -> SafeString:
    url = reverse("admin:executions_execution_change", args=[pk], current_app=site)
    return format_html('<a href="{}">#{}</a>', url, pk)


def trigger_title(type: str) -> str:
    """The kind's title, or the bare type of a kind that is not installed."""
    kind = triggers().get(type)
    return str(kind.title) if kind else type


def moment(when: datetime | None) -> SafeString | str:
    """To the second, in the reader's time zone; runs are told apart by less than minutes."""
    if when is None:
        return ""
    local = timezone.localtime(when)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}")


def brief_moment(when: datetime) -> SafeString:
    """For lists: without the year while it is this one; the whole is its title."""
    local = timezone.localtime(when)
    text = f"{local:%m-%d %H:%M:%S}" if local.year == timezone.localtime().year else f"{local:%Y-%m-%d %H:%M}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}", text
    )


def duration(begin: datetime | None, end: datetime | None) -> str:
    """From start to end, or to now while it lasts."""
    if begin is None:
        return ""
    span = (end or timezone.now()) - begin
    text = span_text(max(span, timedelta()))
    return text if end else _("%s so far") % text


def span_text(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 1:
        return _("%d ms") % round(seconds * 1000)
    if seconds < 60:
        return _("%.1f s") % seconds
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    return ngettext("%d day", "%d days", hours // 24) % (hours // 24)
