"""Queued runs drained by real Celery workers, beside the floor and a Celery chain of as many steps, in one run."""

import argparse
import json
import platform
import time
from typing import Any

from benchmarks import ground

WORKFLOWS = {"linear-3": 3, "linear-20": 20, "fan-out-10": 12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workflow", choices=sorted(WORKFLOWS), default="linear-3")
    parser.add_argument("-n", type=int, default=20_000, help="runs to drain")
    parser.add_argument("--workers", type=int, default=2, help="slots of the Celery worker")
    parser.add_argument("--chains", type=int, help="Celery chains to run (default: n / 10, at least 200)")
    parser.add_argument("--one-by-one", type=int, default=200, help="runs of the latency measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up()
    steps = WORKFLOWS[arguments.workflow]
    found = measure(arguments.workflow, arguments.n, arguments.workers, arguments.one_by_one)
    from benchmarks import chain, floor

    rows = _rows(min(arguments.n, 5_000))
    found["floor_runs_per_s"] = round(floor.measure(*rows), 1)
    ground.flush()
    chains = arguments.chains or max(200, arguments.n // 10)
    found["chain"] = chain.measure(steps, chains, arguments.workers, arguments.one_by_one)
    found["steps_per_s"] = round(found["runs_per_s"] * steps, 1)
    found["of_floor"] = round(found["runs_per_s"] / found["floor_runs_per_s"], 2)
    found["times_chain"] = round(found["runs_per_s"] / found["chain"]["runs_per_s"], 1)
    found["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps(found) if arguments.json else _table(found))
    return 0


def _steps(name: str) -> list[tuple[Any, ...]]:
    condition = (
        "condition",
        {
            "engine": "math.js",
            "expression": "{{$context.data.amount}} > 100 and {{$context.data.status}} == 'paid'",
            "rejectOnFalse": True,
        },
    )
    calculation = (
        "calculation",
        {"engine": "math.js", "expression": "{{$context.data.amount}} * 1.19 + {{$context.data.shipping}}"},
    )
    output = ("output", {"value": {"total": "{{$jobsMapByNodeKey.n2}}", "order": "{{$context.data.id}}"}})
    if name == "fan-out-10":
        return [("parallel", {"mode": "all"}, {index: [calculation] for index in range(10)}), output]
    return [condition, *[calculation] * (WORKFLOWS[name] - 2), output]


def _events(workflow: Any, number: int) -> Any:
    from workflows.triggers.base import Event
    from workflows.triggers.listening import listener_of

    listener = listener_of(workflow)
    for index in range(number):
        order = {
            "id": index,
            "amount": 150 + index % 7,
            "status": "paid",
            "shipping": 4.9,
            "customer": {"name": "Größe & Sons"},
        }
        yield Event(listener, {"data": order})


def measure(name: str, number: int, slots: int, one_by_one: int) -> dict[str, Any]:
    """Runs/s from the moment the runs become due to the end of the last one; then latency with one run at a time."""
    import psycopg
    from django.db import connection, transaction
    from django.db.models import Max

    from executions import start, wakeup
    from executions.dispatcher import new_execution
    from executions.models import Execution
    from executions.store import intake
    from executions.store.session import database_now
    from tests.building import build

    workflow = build(_steps(name), name="benchmark")
    with ground.worker("config", "sluice,sluice-perform", slots) as pid:
        warm = [start(workflow, {"data": {"amount": 150, "status": "paid", "shipping": 1}}) for _ in range(50)]
        _wait(Execution.objects.filter(pk__in=[each.pk for each in warm if each]), 50)
        latencies = []
        looking = psycopg.connect(ground.DATABASE_URL, autocommit=True)
        for index in range(one_by_one):
            sent = time.perf_counter()
            execution = start(workflow, {"data": {"id": index, "amount": 150, "status": "paid", "shipping": 1}})
            assert execution is not None
            _wait_for(looking, execution.pk)
            latencies.append(time.perf_counter() - sent)
        looking.close()
        Execution.objects.all().delete()
        rows = [new_execution(event) for event in _events(workflow, number)]
        with transaction.atomic(), connection.cursor() as cursor:
            for begin in range(0, number, 500):
                intake.insert_queued(connection, rows[begin : begin + 500])
            # All become due at one moment, a little ahead; then the clock starts.
            cursor.execute("UPDATE executions_execution SET due_at = now() + interval '20 s' RETURNING due_at")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE executions_execution")
            cursor.execute("UPDATE executions_execution SET due_at = now() + interval '2 s'")
            cursor.execute("SELECT max(due_at) FROM executions_execution")
            began = cursor.fetchone()[0]
        while database_now() < began:
            time.sleep(0.005)
        wakeup.send("sluice", whatever_the_mark=True)
        _wait(Execution.objects.all(), number)
        ended = Execution.objects.aggregate(Max("ended_at"))["ended_at__max"]
        memory = ground.memory(pid)
    seconds = (ended - began).total_seconds()
    return {
        "workflow": name, "runs": number, "workers": slots, "runs_per_s": round(number / seconds, 1),
        **ground.percentiles(latencies), **memory,
    }  # fmt: skip


def _wait(rows: Any, number: int) -> None:
    while rows.filter(ended_at__isnull=False).count() < number:
        time.sleep(0.05)
    failed = rows.exclude(status=1).first()
    if failed is not None:
        raise RuntimeError(f"Execution {failed.pk} ended {failed.status}: {failed.error}")


def _wait_for(connection: Any, pk: int) -> None:
    """Looks as lightly as it can, so that looking takes no time from the worker."""
    while not connection.execute(_ENDED, [pk], prepare=True).fetchone()[0]:
        time.sleep(0.0005)


_ENDED = "SELECT ended_at IS NOT NULL FROM executions_execution WHERE id = %s"


def _rows(number: int) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Rows as the engine left them, ids left out, for the floor to write again."""
    from collections import defaultdict

    from django.db import connection

    with connection.cursor() as cursor:
        runs = _dicts(cursor, "SELECT * FROM executions_execution WHERE status = 1 ORDER BY id LIMIT %s", [number])
        jobs = defaultdict(list)
        first, last = runs[0]["id"], runs[-1]["id"]
        for row in _dicts(
            cursor, "SELECT * FROM executions_job WHERE execution_id BETWEEN %s AND %s ORDER BY id", [first, last]
        ):
            del row["id"]
            jobs[row.pop("execution_id")].append(row)
    ordered = [jobs[run.pop("id")] for run in runs]
    return runs, ordered


def _dicts(cursor: Any, text: str, parameters: list[Any]) -> list[dict[str, Any]]:
    cursor.execute(text, parameters)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _table(found: dict[str, Any]) -> str:
    chain = found["chain"]
    return "\n".join(
        [
            f"{found['workflow']}, {found['runs']} runs, {found['workers']} workers, {found['machine']}",
            f"  runs/s            {found['runs_per_s']:>10}   steps/s {found['steps_per_s']}",
            f"  floor             {found['floor_runs_per_s']:>10}   ratio {found['of_floor']}",
            f"  Celery chain      {chain['runs_per_s']:>10}   ratio {found['times_chain']}",
            f"  trigger to end    p50 {found['p50_ms']} ms  p95 {found['p95_ms']} ms  p99 {found['p99_ms']} ms",
            f"  Celery chain      p50 {chain['p50_ms']} ms  p95 {chain['p95_ms']} ms  p99 {chain['p99_ms']} ms",
            f"  worker memory     {found['all_processes_mb']} MB in all,"
            f" the largest process {found['largest_process_mb']} MB",
        ]
    )
