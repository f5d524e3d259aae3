"""Retried runs: their client knows the id of the first one alone, so that id answers for its newest attempt.

A run is an id's newest attempt where of the run and all that came of it by reruns it is the youngest. Lists show those
that no rerun followed, each under the oldest id that answers for it.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from executions.dialects.functiongraph.query import Window
from executions.models import Execution
from executions.store import session

#: Retried runs of one workflow and window up to which they are taken out as one set.
_MOST_AS_SET = 100_000


def newest_of(run_id: int) -> int:
    """The id of its newest attempt, its own where there is no other. One query."""
    return _newest([run_id])[run_id]


def last_ones(runs: QuerySet[Execution], key: str, window: Window) -> QuerySet[Execution]:
    """Those of a workflow's runs, begun in this window, that no rerun followed."""
    # A rerun is younger than its run.
    reruns = Execution.objects.filter(key=key, created_at__gte=window.since, rerun_of__isnull=False).order_by()
    many = reruns.values("pk")[: _MOST_AS_SET + 1].count()
    if not many:
        return runs
    if many <= _MOST_AS_SET:
        # One set that each row is looked up in. PostgreSQL keeps it hashed while it is small.
        return runs.exclude(pk__in=reruns.values("rerun_of"))
    return runs.filter(~Exists(Execution.objects.filter(rerun_of=OuterRef("pk")).order_by()))


def shown_ids(runs: Collection[Execution]) -> dict[int, int]:
    """By run, the oldest id that answers for it. No query where none is a rerun, else two."""
    shown = {run.pk: run.pk for run in runs}
    origins: dict[int, set[int]] = {}
    for run_id, origin in _origins([run.pk for run in runs if run.rerun_of_id is not None]):
        origins.setdefault(run_id, set()).add(origin)
    newest = _newest({each for found in origins.values() for each in found})
    for run_id, found in origins.items():
        shown[run_id] = min(each for each in {run_id, *found} if newest.get(each, run_id) == run_id)
    return shown


def _newest(run_ids: Collection[int]) -> dict[int, int]:
    if not run_ids:
        return {}
    # Also of an id whose run was deleted; `line` begins with the reruns.
    sql = (
        "WITH RECURSIVE line (origin, id) AS ("
        " SELECT rerun_of_id, id FROM {table} WHERE rerun_of_id IN ({ids})"
        " UNION ALL SELECT line.origin, again.id FROM line JOIN {table} again ON again.rerun_of_id = line.id"
        ") SELECT origin, MAX(id) FROM line GROUP BY origin"
    )
    found = dict(_rows(sql, run_ids))
    return {run_id: max(run_id, found.get(run_id, run_id)) for run_id in run_ids}


def _origins(run_ids: Collection[int]) -> Iterable[tuple[int, int]]:
    if not run_ids:
        return ()
    sql = (
        "WITH RECURSIVE line (run, origin) AS ("
        " SELECT id, rerun_of_id FROM {table} WHERE id IN ({ids}) AND rerun_of_id IS NOT NULL"
        " UNION ALL SELECT line.run, earlier.rerun_of_id FROM line JOIN {table} earlier ON earlier.id = line.origin"
        " WHERE earlier.rerun_of_id IS NOT NULL"
        ") SELECT run, origin FROM line"
    )
    return _rows(sql, run_ids)


def _rows(sql: str, run_ids: Collection[int]) -> list[tuple[Any, ...]]:
    db = session.connection()
    table = db.ops.quote_name(Execution._meta.db_table)
    with db.cursor() as cursor:
        cursor.execute(sql.format(table=table, ids=", ".join(["%s"] * len(run_ids))), list(run_ids))
        return list(cursor.fetchall())
