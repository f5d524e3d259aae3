"""What the page of a run says of it: a sentence, its facts, and its relatives."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from executions.admin import shown
from executions.graphs import graph_of
from executions.models import Execution, Job, Task, TaskType
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus
from workflows.visibility import visible_rows

#: Relatives listed on a page; the API gives them all.
_RELATIVES = 50


def sentence(execution: Execution, *, may_see_jobs: bool) -> SafeString:
    """How the run stands or ended, at which job, and why; one query, one more where it waits for somebody."""
    job = _telling_job(execution) if may_see_jobs else None
    where = _where(execution, job) if job else None
    if execution.ended_at is None:
        return _standing(execution, job, where)
    status = execution.get_status_display()
    if execution.reason:
        status = format_html("{} ({})", status, execution.get_reason_display())
    known = {
        "status": format_html("<strong>{}</strong>", status),
        "span": shown.duration(execution.started_at, execution.ended_at) or _("no time"),
        "where": where,
        "error": shown.line(execution.error),
    }
    if where and execution.error:
        return format_html(_("Ended as {status} at {where} after {span}: {error}"), **known)
    if where:
        return format_html(_("Ended as {status} at {where} after {span}."), **known)
    if execution.error:
        return format_html(_("Ended as {status} after {span}: {error}"), **known)
    return format_html(_("Ended as {status} after {span}."), **known)


def _standing(execution: Execution, job: Job | None, where: SafeString | None) -> SafeString:
    if execution.paused_at is not None:
        since = shown.moment(execution.paused_at)
        return format_html(_("Paused since {since}; it goes on when it is resumed."), since=since)
    if execution.parked == "lane":
        return format_html(_("Queued until those before it in its lane {lane} have ended."), lane=execution.lane)
    if execution.parked == "deferred" and execution.due_at is not None:
        return format_html(_("Queued; it is looked at again {due}."), due=shown.moment(execution.due_at))
    if execution.parked:
        return format_html(_("Kept back: {why}."), why=execution.get_parked_display())
    if execution.status is None:
        return format_html("{}", _("Queued: a worker takes it next."))
    if job is None or where is None:
        return format_html("{}", _("At work."))
    if not job.wait:
        return format_html(_("At work at {where}."), where=where)
    awaited = _("people's answers") if _asks(execution, job) else shown.awaited_text(job.wait)
    known = {"where": where, "wait": awaited, "due": shown.moment(job.due_at)}
    if job.due_at is not None and job.wait == Wait.TIMER:
        return format_html(_("Waits at {where} until {due}."), **known)
    if job.due_at is not None:
        return format_html(_("Waits at {where} for {wait}, until {due}."), **known)
    return format_html(_("Waits at {where} for {wait}."), **known)


def _asks(execution: Execution, job: Job) -> bool:
    asked = Task.objects.filter(execution=execution.pk, job=job.number, status=JobStatus.PENDING)
    return job.wait == Wait.OUTSIDE and asked.exclude(type=TaskType.CC).exists()


def _telling_job(execution: Execution) -> Job | None:
    """The job that tells most: the one it waits for, else the last that failed."""
    jobs = Job.objects.filter(execution=execution).only("id", "number", "node", "node_key", "wait", "due_at")
    if execution.ended_at is None:
        return jobs.filter(status=0).exclude(wait=Wait.BRANCH).order_by("number").first()
    if execution.status is None or execution.status > 0:
        return None
    return jobs.filter(status__lt=0).order_by("-number").first()


def _where(execution: Execution, job: Job) -> SafeString:
    graph = graph_of(execution)
    node = graph.nodes.get(job.node_id) if graph and job.node_id else None
    return format_html(
        '<a href="?after={}#job-{}">{}</a>', job.number - 1, job.number,
        _("“%(node)s” (job %(number)d)") % {"node": shown.node_title(job, node), "number": job.number},
    )  # fmt: skip


def page_facts(execution: Execution, site: str, ancestors: Mapping[int, Execution]) -> Iterator[tuple[str, Any]]:
    """(label, value) of what is known of a run; what is empty is left out."""
    yield _("Status"), shown.execution_badge(execution)
    facts: list[tuple[str, Any]] = [
        (_("Reason"), execution.get_reason_display()),
        (_("Workflow"), _workflow(execution, site)),
        (_("Trigger type"), shown.trigger_title(execution.type)),
        (_("Started by hand"), _("Yes") if execution.manually else None),
        (_("Name"), execution.name),
        (_("Event key"), execution.event_key),
        (_("Lane"), execution.lane),
        (_("Queue"), execution.queue),
        (_("Tags"), ", ".join(map(str, execution.tags or []))),
        (_("Created by"), _user(execution)),
        (pgettext("time", "Created"), shown.moment(execution.created_at)),
        (pgettext("time", "Started"), shown.moment(execution.started_at)),
        (_("Duration"), shown.duration(execution.started_at, execution.ended_at)),
        (_("Ended"), shown.moment(execution.ended_at)),
        (_("Expires"), shown.moment(None if execution.ended_at else execution.expires_at)),
        (pgettext("time", "Paused"), shown.moment(execution.paused_at)),
        (_("Next looked at"), shown.moment(None if execution.ended_at else execution.due_at)),
        (_("Attempt"), execution.attempt if execution.attempt > 1 else None),
        (_("Rerun of"), _ancestor(execution.rerun_of_id, None, ancestors, site)),
        (_("Parent"), _ancestor(execution.parent_execution_id, execution.parent_job, ancestors, site)),
    ]
    for label, value in facts:
        if value not in (None, ""):
            yield label, value


def _workflow(execution: Execution, site: str) -> SafeString:
    listed = reverse("admin:executions_execution_changelist", current_app=site)
    return format_html(
        '{} <a class="sluice-aside" href="{}?workflow={}">{}</a>', shown.workflow_link(execution, site), listed,
        execution.key, _("all its executions"),
    )  # fmt: skip


def ancestors_of(execution: Execution) -> dict[int, Execution]:
    """The parent and the run that this one repeats, by id; no query where there are none."""
    ids = {pk for pk in (execution.parent_execution_id, execution.rerun_of_id) if pk is not None}
    if not ids:
        return {}
    return {row.pk: row for row in Execution.objects.filter(pk__in=ids).only("id", *shown.BADGE_COLUMNS)}


def _ancestor(pk: int | None, job: int | None, known: Mapping[int, Execution], site: str) -> SafeString | str | None:
    if pk is None:
        return None
    if pk not in known:
        return _("deleted execution %s") % pk
    link = format_html("{} {}", shown.execution_link(pk, site), shown.execution_badge(known[pk]))
    if job is None:
        return link
    address = reverse("admin:executions_execution_change", args=[pk], current_app=site)
    at = format_html('<a href="{}?after={}#job-{}">{}</a>', address, job - 1, job, _("job %d") % job)
    return format_html("{} {}", link, at)


def relatives(execution: Execution, user: Any, site: str) -> list[tuple[str, list[tuple[Any, Any]], bool]]:
    """Children and reruns as (heading, [(link, badge)], whether there are more); two queries."""
    found = []
    for heading, rows in ((_("Children"), execution.children), (_("Reruns"), execution.reruns)):
        # Of the two links one is known already; asked for, it is not read row by row.
        columns = ("id", "parent_execution", "rerun_of", *shown.BADGE_COLUMNS)
        listed = list(visible_rows(rows.all(), user).only(*columns).order_by("id")[: _RELATIVES + 1])
        links = [(shown.execution_link(row.pk, site), shown.execution_badge(row)) for row in listed[:_RELATIVES]]
        if links:
            found.append((heading, links, len(listed) > _RELATIVES))
    return found


def _user(execution: Execution) -> str | None:
    """`created_by` must be joined, so that a deleted one shows as such."""
    if execution.created_by_id is None:
        return None
    user = execution.created_by
    return _("deleted user %s") % execution.created_by_id if user is None else str(user)
