"""How many runs a version, a workflow or all of them have: exact, at any moment, without reading them all (PostgreSQL).

Ids ascend, so old ones stay as they are but for deletions. A tick counts them once, bucket by bucket, and a trigger
writes down what each DELETE takes (migration 0014). A total is the sum of both, and of the newest runs, which are
counted as they stand, all of it in one statement.

A bucket is counted once no transaction is left that could still commit a run with one of its ids: one that inserts
holds its lock on the table before it takes an id, so it is enough to wait for those that hold it now.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Col
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, In, Lookup
from django.db.models.sql import Query
from django.db.models.sql.where import AND, WhereNode

from executions.models import CountsMark, Execution, RunCount
from executions.store import session

#: Ids of one bucket; the trigger knows the same number.
BUCKET = 1_000
#: The bucket of what was merged.
MERGED = -1
#: Runs counted, and rows merged, in one transaction.
CHUNK, ROWS = 20_000, 5_000
#: What a condition may be about, so that it says the same of runs and of their counts.
_COLUMNS = ("key", "workflow_id")


def total(rows: "QuerySet[Any]") -> int:
    """`rows.count()`; of runs by key or version alone, out of the counts that are kept."""
    conditions = _conditions(rows.query) if rows.model is Execution else None
    found = None if conditions is None else _summed(rows.db, conditions)
    return rows.order_by().count() if found is None else found


def _summed(alias: str, conditions: dict[str, Any]) -> int | None:
    """None where nothing is kept."""
    if connections[alias].vendor != "postgresql":
        return None
    counted = RunCount.objects.filter(bucket__lt=OuterRef("bucket"), **conditions)
    # Inside of the mark's row: by itself it would be shared among processes, which takes longer than the counting.
    newest = Execution.objects.filter(pk__gte=OuterRef("bucket") * BUCKET, **conditions)
    parts = [_one(counted, "SUM", "n"), _one(newest, "COUNT", "pk")]
    return CountsMark.objects.using(alias).filter(pk=1).values_list(parts[0] + parts[1], flat=True).first()


def _one(rows: "QuerySet[Any]", function: str, column: str) -> Expression:
    """One value of all rows. A function and no aggregate, which Django would have by group."""
    found = Func(F(column), function=function, output_field=models.BigIntegerField())
    return Coalesce(Subquery(rows.order_by().annotate(found=found).values("found")), Value(0))


def _conditions(query: Query) -> dict[str, Any] | None:
    """The conditions on runs as a filter of their counts; None where some are about anything else."""
    if query.distinct or query.combinator or query.group_by is not None:
        return None
    found: dict[str, Any] = {}
    for each in _leaves(query.where):
        named = _named(each, query.base_table)
        # Two of the same column: rare enough.
        if named is None or named[0] in found:
            return None
        found[named[0]] = named[1]
    return found


def _leaves(where: WhereNode) -> Iterator[Any]:
    for child in where.children:
        if isinstance(child, WhereNode) and child.connector == AND and not child.negated:
            yield from _leaves(child)
        else:
            yield child


def _named(condition: Any, table: str | None) -> tuple[str, Any] | None:
    """`key="a"`, `key__in=...` or the same of `workflow_id`, as a filter has it, of the run itself."""
    if not isinstance(condition, Lookup) or not isinstance(condition.lhs, Col) or condition.lhs.alias != table:
        return None
    field, value = condition.lhs.target, condition.rhs
    if field.model is not Execution or field.attname not in _COLUMNS:
        return None
    if isinstance(condition, Exact) and isinstance(value, str | int) and value:
        return field.attname, value
    if isinstance(condition, In) and isinstance(value, Query):
        return f"{field.attname}__in", value
    return None


def keep(*, seconds: float) -> bool:
    """Counts what can be counted, and merges what was, at most for so long; answers whether more is left."""
    until, more = time.monotonic() + seconds, session.vendor() == "postgresql"
    while more := more and _step():
        if time.monotonic() >= until:
            break
    return more


def forget() -> None:
    """Has all runs counted anew; until they are, lists count as they stand. For whoever wrote runs past the engine."""
    with session.segment():
        for mark in CountsMark.objects.using(session.alias()).select_for_update().filter(pk=1):
            RunCount.objects.using(session.alias()).all().delete()
            mark.bucket, mark.until, mark.writers = 0, None, []
            mark.save()


def _step() -> bool:
    """Whether another step may find more to do."""
    with session.segment():
        marks = CountsMark.objects.using(session.alias())
        mark = session.unheld(marks.filter(pk=1)).first()
        if mark is None:
            # Somebody else is at it, or it was lost.
            return not marks.exists() and bool(marks.bulk_create([CountsMark(pk=1)], ignore_conflicts=True))
        session.alone()
        db = session.connection()
        if mark.until is None:
            _note(db, mark)
        if mark.until is not None and _settled(db, mark.writers):
            _count(db, mark)
            return True
        return _merge(db, mark.bucket)


def _note(db: BaseDatabaseWrapper, mark: CountsMark) -> None:
    """Notes how far the ids go, and only then who is writing: whoever has a smaller id is among them, or has ended."""
    with db.cursor() as cursor:
        # With another isolation what is settled might not be seen, with a cache ids do not ascend: nothing is kept.
        cursor.execute(
            "SELECT MAX(id) FROM executions_execution WHERE current_setting('transaction_isolation') = 'read committed'"
            " AND EXISTS (SELECT FROM pg_sequence WHERE seqcache = 1 AND seqincrement > 0"
            " AND seqrelid = pg_get_serial_sequence('executions_execution', 'id')::regclass)"
        )
        until = (cursor.fetchone()[0] or 0) // BUCKET
        if until <= mark.bucket:
            return
        cursor.execute(f"SELECT DISTINCT virtualtransaction FROM {_WRITING}")
        mark.until, mark.writers = until, [row[0] for row in cursor.fetchall()]
    mark.save()


#: Who holds the lock that every writing statement takes first. What it has written itself, the tick sees.
_WRITING = (
    "pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM"
    " pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = 'executions_execution'::regclass"
)


def _settled(db: BaseDatabaseWrapper, writers: list[str]) -> bool:
    """Whether none of them is left. One that was prepared since (two-phase commit) goes by another name."""
    if not writers:
        return True
    with db.cursor() as cursor:
        alive = f"SELECT 1 FROM {_WRITING} AND (virtualtransaction = ANY(%s) OR virtualtransaction LIKE '-1/%%')"
        cursor.execute(f"SELECT EXISTS ({alive})", [writers])
        return not cursor.fetchone()[0]


def _count(db: BaseDatabaseWrapper, mark: CountsMark) -> None:
    """Counts the next buckets, in one statement: what is deleted meanwhile is either still a row or noted already."""
    begin = mark.bucket
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM executions_execution WHERE id >= %s ORDER BY id LIMIT 1 OFFSET %s", [begin * BUCKET, CHUNK]
        )
        far = cursor.fetchone()
        assert mark.until is not None
        mark.bucket = min(mark.until, far[0] // BUCKET) if far else mark.until
        cursor.execute(
            "WITH known AS (DELETE FROM executions_runcount WHERE bucket >= %s AND bucket < %s)"
            " INSERT INTO executions_runcount (workflow_id, key, bucket, n)"
            " SELECT COALESCE(workflow_id, 0), key, %s, COUNT(*) FROM executions_execution"
            " WHERE id >= %s AND id < %s GROUP BY workflow_id, key",
            [begin, mark.bucket, begin, begin * BUCKET, mark.bucket * BUCKET],
        )
    if mark.bucket == mark.until:
        mark.until, mark.writers = None, []
    mark.save()


def _merge(db: BaseDatabaseWrapper, before: int) -> bool:
    """Makes one row of those that a version has in counted buckets; answers whether there may be more."""
    with db.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM executions_runcount WHERE id IN (SELECT id FROM executions_runcount"
            "  WHERE bucket >= 0 AND bucket < %s ORDER BY bucket LIMIT %s) RETURNING workflow_id, key, n),"
            " sums AS (SELECT workflow_id, key, SUM(n) AS n FROM taken GROUP BY workflow_id, key),"
            " merged AS (DELETE FROM executions_runcount AS r USING sums WHERE r.bucket = %s AND r.key = sums.key"
            "  AND r.workflow_id = sums.workflow_id RETURNING r.workflow_id, r.key, r.n),"
            " written AS (INSERT INTO executions_runcount (workflow_id, key, bucket, n)"
            "  SELECT workflow_id, key, %s, SUM(n) FROM (SELECT * FROM sums UNION ALL SELECT * FROM merged) AS parts"
            "  GROUP BY workflow_id, key HAVING SUM(n) <> 0)"
            " SELECT COUNT(*) FROM taken",
            [before, ROWS, MERGED, MERGED],
        )
        return bool(cursor.fetchone()[0] == ROWS)
