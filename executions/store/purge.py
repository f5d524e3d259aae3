"""Deleting runs with everything that hangs on them, in keyed chunks."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from executions.models import Attribute, EventKey, Execution, Job, Task
from executions.store.session import alias, unheld

#: Jobs deleted by one statement.
JOB_CHUNK = 5_000
#: Runs looked at by one statement.
RUN_CHUNK = 500


def delete_runs(ids: Sequence[int]) -> int:
    """Deletes ended runs and what hangs on them, inside a transaction; answers how many runs there were."""
    jobs = Job.objects.using(alias()).filter(execution_id__in=ids)
    while chunk := list(jobs.values_list("id", flat=True)[:JOB_CHUNK]):
        delete_rows(Job.objects.using(alias()).filter(pk__in=chunk))
    delete_rows(Task.objects.using(alias()).filter(execution__in=ids))
    delete_rows(Attribute.objects.using(alias()).filter(execution__in=ids))
    return delete_rows(Execution.objects.using(alias()).filter(pk__in=ids))


def delete_rows(rows: QuerySet) -> int:  # type: ignore[type-arg]
    """One DELETE, without the collector: nothing else hangs on these rows."""
    # None stands for a condition that no row can meet.
    return int(rows._raw_delete(rows.db) or 0)


def ended_before(moment: datetime, where: Q, limit: int = RUN_CHUNK) -> list[int]:
    """Runs that ended before then with nothing to tell, oldest first, but those others hold. In a transaction."""
    rows = Execution.objects.using(alias()).filter(where, ended_at__lt=moment, due_at=None).order_by("ended_at")
    return list(unheld(rows).values_list("id", flat=True)[:limit])


def old_event_keys(moment: datetime, limit: int = JOB_CHUNK) -> int:
    """Drops keys of events before then; answers how many."""
    keys = EventKey.objects.using(alias()).filter(created_at__lt=moment).order_by("created_at")
    chunk = list(keys.values_list("id", flat=True)[:limit])
    return delete_rows(EventKey.objects.using(alias()).filter(pk__in=chunk)) if chunk else 0
