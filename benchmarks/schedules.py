"""What a tick costs: with nothing due over many finished runs, and with schedules by the dates of many rows."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from benchmarks import ground

_WARM, _TIMES = 10, 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=5_000_000, help="finished runs")
    parser.add_argument("--rows", type=int, default=100_000, help="rows with dates, half of them to come")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up(redis=False)
    from django.conf import settings

    settings.SLUICE = {**settings.SLUICE, "QUEUE": "bench"}
    _lean()
    found: dict[str, Any] = {"nothing due, no runs": _ticks()}
    _finished(arguments.n)
    found[f"nothing due, {arguments.n:,} finished runs"] = _ticks()
    _many_schedules(1000)
    found["the same with 1,000 schedules to come"] = _ticks()
    _watches()
    found["the same with a workflow that watches for long runs"] = _ticks()
    _rows(arguments.rows)
    count = f"{arguments.rows:,} rows"
    once = _by_rows()
    found[f"by the dates of {count}, none due"] = _ticks()
    found[f"by the dates of {count}, one due in each tick"] = _ticks(_one_due)
    _disable(once)
    _by_rows(repeat=3_600_000)
    found[f"the same, repeated: the first look at {count}"] = _first_look()
    found["the same, repeated: one due in each tick"] = _ticks(_one_due)
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, "ticks": found}) if arguments.json else _table(found))
    return 0


def _ticks(before: Callable[[], None] = lambda: None) -> dict[str, float]:
    from executions import clock

    taken = []
    for number in range(_WARM + _TIMES):
        before()
        begun = time.perf_counter()
        clock.tick()
        if number >= _WARM:
            taken.append(time.perf_counter() - begun)
    return ground.percentiles(taken)


def _first_look() -> dict[str, float]:
    """All ticks until every row is known."""
    from executions import clock
    from executions.models import Schedule

    taken = []
    while Schedule.objects.filter(workflow__isnull=False, settled_at=None, next_fire_at__isnull=False).exists():
        begun = time.perf_counter()
        clock.tick()
        taken.append(time.perf_counter() - begun)
    return {**ground.percentiles(taken), "ticks": len(taken)}


def _sql(text: str, *parameters: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text, parameters)


def _lean() -> None:
    """Leaves the runs the indexes that the tick reads: the others would be written for nobody."""
    from executions.models import Execution

    for index in Execution._meta.indexes:
        if index.name not in ("execution_due", "execution_going"):
            _sql(f'DROP INDEX IF EXISTS "{index.name}"')


def _finished(count: int) -> None:
    _sql(
        "INSERT INTO executions_execution (key, title, version, type, context, status, manually, stack, attempt, turn,"
        " solo, queue, priority, crashes, created_at, started_at, ended_at, updated_at, tags)"
        " SELECT 'finished', 'Finished', 1, 'manual', '{}', 1, false, '[]', 1, 1, false, 'bench', 0, 0,"
        " now(), now(), now(), now(), '[]' FROM generate_series(1, %s)",
        count,
    )
    _sql("ANALYZE executions_execution")


def _many_schedules(count: int) -> None:
    from workflows.models import Workflow

    config = {"startsOn": "2024-01-01T00:00:00Z", "repeat": "0 0 1 * *"}
    for number in range(count):
        Workflow.objects.create(type="schedule", title=str(number), config=config, enabled=True, current=True)


def _watches() -> None:
    """One that watches all others, beside a thousand runs that wait since before it was there."""
    from executions.models import RunWatch
    from workflows.models import Workflow

    Workflow.objects.create(
        type="execution", title="w", config={"mode": "longer", "seconds": 60}, enabled=True, current=True
    )
    _sql(
        "INSERT INTO executions_execution (key, title, version, type, context, status, manually, stack, attempt, turn,"
        " solo, queue, priority, crashes, created_at, started_at, updated_at, tags)"
        " SELECT 'waits', 'Waits', 1, 'manual', '{}', 0, false, '[]', 1, 1, false, 'bench', 0, 0,"
        " now(), now() - interval '1 day', now(), '[]' FROM generate_series(1, 1000)"
    )
    assert RunWatch.objects.count() == 1


def _rows(count: int) -> None:
    from config.shop.models import Customer

    customer = Customer.objects.create(name="Ann")
    _sql("CREATE INDEX order_placed ON shop_order (placed_at)")
    _sql(
        "INSERT INTO shop_order (customer_id, status, total, cleared, note, placed_at, created_at)"
        " SELECT %s, 'new', 0, false, '', now() + (g - %s / 2) * interval '1 hour', now()"
        " FROM generate_series(1, %s) g",
        customer.pk, count, count,
    )  # fmt: skip
    _sql("ANALYZE shop_order")


def _by_rows(**config: Any) -> Any:
    from workflows import versions

    config = {"mode": 1, "collection": "shop.Order", "startsOn": {"field": "placed_at"}, **config}
    return versions.create_workflow(type="schedule", title="By rows", config=config, enabled=True)


def _disable(workflow: Any) -> None:
    from workflows import versions

    versions.disable(workflow)


def _one_due() -> None:
    """A row whose time has just come, and a second in which nobody looked; workers took what was begun before."""
    from django.db.models import F

    from config.shop.models import Customer, Order
    from executions.models import Execution, Schedule
    from executions.schedules.keeping import this_second

    Execution.objects.filter(due_at__isnull=False).update(due_at=None)
    customer, second = Customer.objects.get(), timedelta(seconds=1)
    Order.objects.bulk_create([Order(customer=customer, placed_at=this_second())])
    Schedule.objects.filter(next_fire_at__lte=this_second()).update(settled_at=F("settled_at") - second)


def _table(found: dict[str, Any]) -> str:
    lines = ["| a tick, in milliseconds | p50 | p95 | p99 |", "|---|---|---|---|"]
    for name, row in found.items():
        more = f" ({row['ticks']} ticks)" if "ticks" in row else ""
        lines.append(f"| {name}{more} | {row['p50_ms']} | {row['p95_ms']} | {row['p99_ms']} |")
    return "\n".join(lines)
