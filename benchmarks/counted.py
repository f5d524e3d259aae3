"""NocoBase's page of a history with its exact count, where one workflow owns a thousand runs, and where very many."""

import json
import statistics
import time
from typing import Any
from urllib.parse import quote

from benchmarks import history

FEW = 1_000
#: Where each history lies.
SHORT, LONG = "owned_short", "owned_long"
TABLES = ("executions_execution", "executions_runcount", "executions_countsmark")
_WARM, _TIMES = 5, 21


def write(number: int, workflow: Any, people: history.People) -> None:
    """Both histories, each counted as the tick counts it, in schemas of their own with the same indexes."""
    from django.db import connection

    for schema, size in ((SHORT, FEW), (LONG, number)):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            cursor.execute(f"CREATE SCHEMA {schema}")
            for table in TABLES:
                cursor.execute(f"CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL)")
            cursor.execute(f"SET search_path TO {schema}, public")
            cursor.execute(_INSERT, {"number": size, "by": people.common, **_columns(workflow)})
            cursor.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        _count()


def _columns(workflow: Any) -> dict[str, Any]:
    return {name: getattr(workflow, name) for name in ("pk", "key", "title", "version", "type")}


_INSERT = """
INSERT INTO executions_execution (workflow_id, key, title, version, type, context, status, output, tags, stack, attempt,
    turn, solo, queue, priority, crashes, created_by_id, created_at, started_at, ended_at, updated_at)
SELECT %(pk)s, %(key)s, %(title)s, %(version)s, %(type)s,
    jsonb_build_object('data', jsonb_build_object('id', n, 'status', 'paid', 'total', n %% 1000)), 1,
    jsonb_build_object('total', n %% 1000), '[]', '[]', 1, 3, false, 'sluice', 0, 0, %(by)s, t, t, t, t
FROM (
    SELECT n, timestamptz '2026-06-01' + n * interval '7 seconds' AS t FROM generate_series(1, %(number)s) AS n
) AS rows
"""


def _count() -> None:
    from executions.store import counts

    while counts.keep(seconds=5):
        pass


def measured(workflow: Any, only: str, longer: float) -> dict[str, dict[str, Any]]:
    """A page by key, by version, and by the version's path; `only` those with this text in their names."""
    page = "sort=-id&pageSize=20"
    addresses = {
        "a workflow, counted": f"executions:list?filter={quote(json.dumps({'key': workflow.key}))}&{page}",
        "a version, counted": f"executions:list?filter={quote(json.dumps({'workflowId': workflow.pk}))}&{page}",
        "a version's path, counted": f"workflows/{workflow.pk}/executions:list?{page}",
    }
    headers = _headers()
    found = {name: _measured(f"/api/{each}", headers) for name, each in addresses.items() if only in name}
    return {name: {**row, "holds": row["ratio"] <= longer} for name, row in found.items()}


def _headers() -> dict[str, str]:
    from django.contrib.auth import get_user_model

    from executions.dialects.nocobase.authentication import issue

    return {"authorization": f"Bearer {issue(get_user_model().objects.get(username='common'))}"}


def _measured(address: str, headers: dict[str, str]) -> dict[str, Any]:
    taken: dict[str, list[float]] = {SHORT: [], LONG: []}
    for _ in range(_WARM + _TIMES):
        # In turn, so that whatever else the machine does meanwhile slows both alike.
        for schema, milliseconds in taken.items():
            milliseconds.append(_get(address, headers, schema))
    short, long = (milliseconds[_WARM:] for milliseconds in taken.values())
    return {
        "short_ms": round(min(short), 2), "long_ms": round(min(long), 2), "ratio": round(min(long) / min(short), 2),
        "median_ratio": round(statistics.median(long) / statistics.median(short), 2),
    }  # fmt: skip


def _get(address: str, headers: dict[str, str], schema: str) -> float:
    """Milliseconds. Raises `RuntimeError` for an answer that is not all there, counted exactly."""
    from django.db import connection
    from django.test import Client

    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO {schema}, public")
        cursor.execute("SELECT last_value FROM executions_execution_id_seq")
        (number,) = cursor.fetchone()
    began = time.perf_counter()
    answer = Client().get(address, headers=headers)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200 or answer.json()["meta"]["count"] != number or len(answer.json()["data"]) != 20:
        raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:500]!r}")
    return taken


def table(rows: dict[str, dict[str, Any]], number: int) -> list[str]:
    head = f"  {'one workflow owns all, page of 20 in ms':<44} {FEW:>8,} {number:>10,} {'ratio':>6} {'of medians':>11}"
    return [head] + [
        f"{' ' if row['holds'] else '!'} {name:<44} {row['short_ms']:>8} {row['long_ms']:>10} {row['ratio']:>6}"
        f" {row['median_ratio']:>11}"
        for name, row in rows.items()
    ]
