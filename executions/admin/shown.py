"""How runs and jobs look in lists and on pages."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from workflows.admin.base import badge
from workflows.graph import GraphNode
from workflows.instructions.approval import APPROVED, REJECTED, RETURNED
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus
from workflows.templatetags.sluice import moment as moment
from workflows.triggers import triggers

#: What `execution_badge` looks at.
BADGE_COLUMNS = ("status", "ended_at", "paused_at", "parked")
_SAID = {
    APPROVED: gettext_lazy("Approved"),
    REJECTED: gettext_lazy("Rejected"),
    RETURNED: gettext_lazy("Returned"),
}
#: Characters of an error in a sentence; it stands below in full.
_LINE = 300

_TONES = {None: "wait", 0: "busy", 1: "good", -3: "off", -4: "off"}
_WAITS = {
    Wait.TIMER: pgettext_lazy("wait", "timer"),
    Wait.ATTEMPT: pgettext_lazy("wait", "attempt"),
    Wait.PERFORMER: pgettext_lazy("wait", "performer"),
    Wait.CALL: pgettext_lazy("wait", "call"),
    Wait.OUTSIDE: pgettext_lazy("wait", "outside"),
    Wait.BRANCH: pgettext_lazy("wait", "branch"),
}
#: The same within a sentence: "Waits at … for …".
_AWAITED = {
    Wait.TIMER: pgettext_lazy("waits for", "its time"),
    Wait.ATTEMPT: pgettext_lazy("waits for", "its next attempt"),
    Wait.PERFORMER: pgettext_lazy("waits for", "a worker"),
    Wait.CALL: pgettext_lazy("waits for", "the answer to its call"),
    Wait.OUTSIDE: pgettext_lazy("waits for", "an answer from outside"),
    Wait.BRANCH: pgettext_lazy("waits for", "its branch"),
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


def job_tone(status: int) -> str:
    """The colour of a job's status."""
    return "good" if status > 0 else _TONES.get(status, "bad")


def job_badge(status: int) -> SafeString:
    """Numbers of a kind's own are shown by their sign, with the number (spec 2.3)."""
    if status in JobStatus.values:
        return badge(JobStatus(status).label, job_tone(status))
    sign = JobStatus.RESOLVED if status > 0 else JobStatus.FAILED
    return badge(f"{sign.label} ({status})", job_tone(status))


def lost_badge() -> SafeString:
    """An attempt whose outcome nobody knows."""
    return badge(_("Lost"), "bad")


def node_title(job: Job, node: GraphNode | None) -> str:
    return _("deleted node %s") % job.node_key if node is None else node.title or node.key


def plain(value: Any, most: int | None = None) -> str:
    """A text as it is, anything else as JSON; cut where it is longer than that."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if most is None or len(text) <= most else text[:most] + " …"


def line(text: str | None) -> str:
    """A text on one line, cut where it is long."""
    return Truncator(" ".join((text or "").split())).chars(_LINE)


def awaited_text(wait: str | None) -> str:
    """What a pending job waits for, as a sentence names it; empty for one that waits for nothing."""
    return str(_AWAITED[Wait(wait)]) if wait else ""


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


def time_of_day(when: datetime) -> SafeString:
    """For lines of a log: to the millisecond; the whole is its title."""
    local = timezone.localtime(when)
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d}", text)


def duration(begin: datetime | None, end: datetime | None) -> str:
    """From start to end, or to now while it lasts."""
    if begin is None:
        return ""
    span = (end or timezone.now()) - begin
    text = span_text(max(span, timedelta()))
    return text if end else _("%s so far") % text


def age(since: datetime | None, now: datetime) -> str:
    """How long ago that was."""
    return "" if since is None else span_text(max(now - since, timedelta()))


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


def answers(records: Any) -> SafeString | None:
    """What an approval's people have answered, a line each; None for whatever else stands under that name."""
    try:
        lines = [
            (
                record["user"] or f"#{record['userId']}",
                _SAID[record["status"]],
                moment(parse_datetime(record["updatedAt"])),
                format_html("<br>{}", linebreaksbr(record["comment"])) if record["comment"] else "",
            )
            for record in records
        ]
    except (KeyError, TypeError, ValueError):
        return None
    return format_html_join("", "<div>{}: {} {}{}</div>", lines) or None
