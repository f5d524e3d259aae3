"""One person's inbox: what is in it, how much, and marking it read (spec nocobase-engine 3.10, 5.11)."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from executions.models import Execution, Task, TaskQuerySet, TaskType
from executions.store import session
from workflows.errors import Forbidden, Invalid
from workflows.models import Workflow
from workflows.statuses import JobStatus
from workflows.visibility import narrowed, visible_rows


def of(user: Any) -> TaskQuerySet:
    """The tasks of a person, those of workflows that are hidden from them too: they were asked."""
    return Task.objects.filter(user=user.pk)


def readable(user: Any) -> QuerySet[Task]:
    """One's own; with the permission `executions.view_task` everybody's, of workflows one may see."""
    if not user.has_perm("executions.view_task"):
        return of(user)
    if not narrowed(user):
        return Task.objects.all()
    # One subquery: a join with OR would go by no index.
    theirs = visible_rows(Task.objects.all(), user).order_by().values("pk")
    return Task.objects.filter(Q(user=user.pk) | Q(pk__in=theirs))


def open_count(user: Any) -> int:
    """How many tasks wait for this person; copies, read or not, do not count. Read from one index alone."""
    types = [kind for kind in TaskType if kind is not TaskType.CC]
    return of(user).open().filter(type__in=types).order_by().count()


def counts(user: Any) -> dict[str, Any]:
    """{"types": {type: {pending, all}}, "workflows": [{key, title, type, pending, all}]}, counted as they are now.

    `pending` of copies are the unread ones. The titles are the current versions', else those of a run.
    """
    grouped = (
        of(user)
        .order_by()
        .values("type", "key")
        .annotate(all=Count("status"), pending=Count("status", filter=Q(status=JobStatus.PENDING)))
    )
    rows = list(grouped)
    titles = workflow_titles({row["key"] for row in rows})
    types = {kind.value: {"pending": 0, "all": 0} for kind in TaskType}
    for row in rows:
        totals = types.setdefault(row["type"], {"pending": 0, "all": 0})
        totals["pending"] += row["pending"]
        totals["all"] += row["all"]
    workflows = [
        {"key": row["key"], "title": titles[row["key"]], **{name: row[name] for name in ("type", "pending", "all")}}
        for row in rows
    ]
    return {"types": types, "workflows": sorted(workflows, key=lambda row: (row["title"], row["key"], row["type"]))}


def workflow_titles(keys: Iterable[str]) -> dict[str, str]:
    """The titles of workflows by key, of deleted ones those of their last runs."""
    wanted = set(keys)
    found = dict(Workflow.objects.filter(key__in=wanted, current=True).order_by().values_list("key", "title"))
    gone = wanted - found.keys()
    if gone:
        # A probe of the index each, however many runs there are.
        last = [Execution.objects.filter(key=key).order_by("-id").values("pk")[:1] for key in sorted(gone)]
        rows = Execution.objects.filter(reduce(or_, [Q(pk=Subquery(each)) for each in last]))
        found |= dict(rows.order_by().values_list("key", "title"))
    return {key: found.get(key) or _("deleted workflow %s") % key for key in wanted}


def refuse_others(task: Task, by: Any) -> None:
    """Raises `Forbidden` for somebody else's task."""
    if by is None or task.user_id != by.pk:
        raise Forbidden(_("Task %s is another person's; only they can answer it.") % task.pk)


def mark_read(task: Task, *, by: Any, read: bool = True) -> Task:
    """Notes that its person has read it, or has not; of a copy that is all there is to do.

    Raises `Forbidden` for somebody else's.
    """
    refuse_others(task, by)
    _mark(of(by).filter(pk=task.pk), read=read)
    return Task.objects.using(session.alias()).get(pk=task.pk)


def mark_all_read(*, by: Any, type: str | None = None, key: str | None = None) -> int:
    """Marks all unread tasks of a person, of one type or workflow if named; answers how many. Raises `Invalid`."""
    if type is not None and type not in TaskType.values:
        raise Invalid(_("There is no such type; there are: %s.") % ", ".join(TaskType.values), field="type")
    rows = of(by).filter(read_at=None)
    rows = rows if type is None else rows.filter(type=type)
    return _mark(rows if key is None else rows.filter(key=key), read=True)


def _mark(rows: QuerySet[Task], *, read: bool) -> int:
    """Two columns that no worker writes, so no run is locked for them."""
    rows = rows.using(session.alias()).order_by()
    now = session.database_now() if read else None
    copies = rows.filter(type=TaskType.CC).update(status=JobStatus.RESOLVED if read else JobStatus.PENDING, read_at=now)
    return copies + rows.exclude(type=TaskType.CC).update(read_at=now)
