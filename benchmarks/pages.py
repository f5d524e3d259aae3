"""Pages of the admin that tell of runs, each with its time and its queries, beside a long history in PostgreSQL."""

import argparse
import json
import platform
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import ground, history
from benchmarks.lists import _client, _definitions

SCHEMA = "pages"
#: What a page may take at most.
QUERIES, MILLISECONDS = 20, 300.0
#: Jobs of the one run with a long loop; tasks of the one person.
LOOPED, TASKS = 100_000, 2_000
_WARM, _TIMES = 2, 11


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=1_000_000, help="executions, all of the last seven days")
    parser.add_argument("--again", action="store_true", help="measure the history that the last call has written")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up(redis=False, fresh=not arguments.again)
    from django.test.utils import setup_test_environment

    setup_test_environment()
    workflows, people = _definitions()
    counted = None
    if not arguments.again:
        # Whatever the dashboard looks back on is full.
        history.SPAN = timedelta(days=6, hours=23)
        history.BEGAN = datetime.now(UTC) - history.SPAN - timedelta(minutes=5)
        history.write(SCHEMA, arguments.n, workflows, people)
    _look_there()
    if not arguments.again:
        _big_run(workflows[0])
        _tasks(people.common)
        counted = _count_up()
    client = _client()
    rows = {name: _measure(client, address) for name, address in _addresses()}
    found = {
        "n": arguments.n, "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "counted_per_second": counted, "pages": rows,
    }  # fmt: skip
    print(json.dumps(found) if arguments.json else _table(found))
    return 0 if all(row["holds"] for row in rows.values()) else 1


def _look_there() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO {SCHEMA}, public")


def _big_run(workflow: Any) -> None:
    """A run of a loop of two nodes that has gone round very often; it goes on."""
    from django.db import connection

    from workflows.models import Node

    loop = Node.objects.create(workflow=workflow, key="loop", type="loop", title="Each", config={"target": LOOPED})
    first = Node.objects.create(
        workflow=workflow, key="first", type="calculation", title="First", upstream=loop, branch_index=0,
        config={"engine": "math.js", "expression": "1+2"},
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution SET status = 0, ended_at = NULL, workflow_id = %s WHERE id = 4", [workflow.pk]
        )
        cursor.execute("DELETE FROM executions_job WHERE execution_id = 4")
        cursor.execute(
            "INSERT INTO executions_job (execution_id, number, node_id, node_key, parent, upstream, status, input,"
            " result, attempt, started_at, ended_at, created_at, updated_at)"
            " SELECT 4, n, CASE n WHEN 1 THEN %s ELSE %s END, CASE n WHEN 1 THEN 'loop' ELSE 'first' END,"
            " CASE n WHEN 1 THEN NULL ELSE 1 END, CASE n WHEN 1 THEN NULL ELSE 1 END, CASE n WHEN 1 THEN 0 ELSE 1 END,"
            " '{\"item\": 7}', '3', 1, now(), now(), now(), now() FROM generate_series(1, %s) AS n",
            [loop.pk, first.pk, LOOPED],
        )
        cursor.execute("ANALYZE executions_job")


def _tasks(person: int) -> None:
    from django.utils import timezone

    from executions.models import Task

    now = timezone.now()
    known = {"type": "manual", "user_id": person, "job": 1, "node_key": "n1", "created_at": now, "updated_at": now}
    Task.objects.bulk_create(
        Task(
            execution_id=index + 10, key=history.key_of(index % 40), title=f"Look at order {index}",
            status=0 if index % 4 == 0 else 1, **known,
        )
        for index in range(TASKS)
    )  # fmt: skip


def _count_up() -> float:
    """Runs that the tick counts in a second of its time."""
    from executions.dashboard import totals

    totals.count_up(seconds=0)
    began, number = time.perf_counter(), 0
    while chunk := totals.count_up(seconds=5):
        number += chunk
    return round(number / (time.perf_counter() - began))


def _addresses() -> list[tuple[str, str]]:
    from executions.models import Execution

    base = "/admin/executions/execution/"
    last = Execution.objects.filter(status=1).order_by("-id").values_list("id", flat=True)[0]
    waiting = Execution.objects.filter(status=0).exclude(pk=4).values_list("id", "turn")[0]
    return [
        ("the first page", "/admin/"),
        ("the dashboard, 24 hours", f"{base}dashboard/"),
        ("the dashboard, 7 days", f"{base}dashboard/?hours=168"),
        ("the list", base),
        ("an ended execution", f"{base}{last}/change/"),
        ("a waiting execution", f"{base}{waiting[0]}/change/"),
        ("a look at it, not moved", f"{base}{waiting[0]}/live/?turn={waiting[1]}"),
        ("a look at it, moved", f"{base}{waiting[0]}/live/?turn=0"),
        ("100,000 jobs", f"{base}4/change/"),
        ("a look at them, moved", f"{base}4/live/?turn=0"),
        ("100,000 jobs, the last", f"{base}4/change/?after={LOOPED - 100}"),
        ("one of its rounds", f"{base}4/panel/?job=5000"),
        ("its node's last round", f"{base}4/panel/?node={_node('first')}"),
        ("the jobs' list", "/admin/executions/job/"),
        ("my tasks", "/admin/executions/task/"),
    ]


def _node(key: str) -> int:
    from workflows.models import Node

    return Node.objects.get(key=key).pk


def _measure(client: Any, address: str) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken = []
    for _ in range(_WARM + _TIMES):
        began = time.perf_counter()
        answer = client.get(address)
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:500]!r}")
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    # What slows the others is not the page.
    quickest, number = round(min(taken[_WARM:]), 1), len(queries)
    return {
        "ms": quickest,
        "median_ms": round(statistics.median(taken[_WARM:]), 1),
        "queries": number,
        "kb": round(len(answer.content) / 1024),
        "holds": quickest <= MILLISECONDS and number <= QUERIES,
    }


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['n']} executions, {found['machine']}; server time of a page in ms"]
    if found["counted_per_second"]:
        lines.append(f"  the tick counts {found['counted_per_second']:,} executions in a second of its time")
    lines.append(f"  {'page':<28} {'quickest':>8} {'median':>8} {'queries':>8} {'KB':>6}")
    for name, row in found["pages"].items():
        mark = " " if row["holds"] else "!"
        lines.append(f"{mark} {name:<28} {row['ms']:>8} {row['median_ms']:>8} {row['queries']:>8} {row['kb']:>6}")
    return "\n".join(lines)
