"""Loops over thousands of items: time, the longest transaction, memory, and the pages of the run they leave."""

import argparse
import gc
import json
import platform
import threading
import time
from typing import Any

from benchmarks import ground

#: Seconds between two looks at the transactions under way.
_LOOK = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=5_000, help="rounds of the loop that creates a row in each")
    parser.add_argument("--outer", type=int, default=2_000, help="rounds of the loop with a loop of two rounds inside")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up(redis=False)
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment()
    settings.SLUICE = {**settings.SLUICE, "THROTTLES": {}}
    create = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$scopes.n1.item}}"}}})
    inner = ("loop", {"target": 2}, {0: [("variable", {"value": "{{$scopes.n1.index}}"})]})
    loops = {
        f"{arguments.items} rows created": [("loop", {"target": "{{$context.items}}"}, {0: [create]})],
        f"{arguments.outer} loops in a loop": [("loop", {"target": arguments.outer}, {0: [inner]})],
    }
    context = {"items": [f"Customer {number}" for number in range(arguments.items)]}
    rows = {name: _measure(steps, context) for name, steps in loops.items()}
    found = {"machine": f"{platform.machine()}, Python {platform.python_version()}", "loops": rows}
    print(json.dumps(found) if arguments.json else _table(found))
    return 0


def _measure(steps: list[Any], context: dict[str, Any]) -> dict[str, Any]:
    import psutil
    from django.db.models import Max

    from executions import start
    from executions.drain import drain
    from executions.models import Execution, Job
    from executions.runjob import RunJob
    from tests.building import build

    drain("sluice")
    execution = start(build(steps), context)
    assert execution is not None
    here = psutil.Process()
    watch = _Watch()
    sizes, alive = [here.memory_full_info().uss], []
    began = time.perf_counter()
    while not Execution.objects.filter(pk=execution.pk, ended_at__isnull=False).exists():
        drain("sluice")
        sizes.append(here.memory_full_info().uss)
        gc.collect()
        alive.append(sum(1 for each in gc.get_objects() if type(each) is RunJob))
    seconds = time.perf_counter() - began
    watch.stop()
    execution.refresh_from_db()
    if execution.status != 1:
        raise RuntimeError(f"It ended {execution.status}: {execution.error}")
    jobs = Job.objects.filter(execution=execution)
    return {
        "seconds": round(seconds, 1),
        "jobs": jobs.count(),
        "segments": execution.turn,
        "last_number": jobs.aggregate(last=Max("number"))["last"],
        "longest_transaction_s": round(watch.longest, 2),
        "memory_before_mb": round(sizes[0] / 1e6),
        "memory_most_mb": round(max(sizes) / 1e6),
        "jobs_kept_between_drains": max(alive, default=0),
        **_pages(execution.pk),
    }


class _Watch:
    """Looks, over a connection of its own, how long transactions of this database are under way."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        import psycopg

        text = (
            "SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        with psycopg.connect(ground.DATABASE_URL, autocommit=True) as connection:
            while not self._stop.wait(_LOOK):
                [longest] = connection.execute(text).fetchone() or (None,)
                self.longest = max(self.longest, float(longest or 0))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def _pages(pk: int) -> dict[str, Any]:
    """(queries, milliseconds) of the run's page in the admin and of its parts in the API, the second time."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    users = get_user_model().objects
    user = users.filter(username="reader").first() or users.create_superuser("reader", "reader@example.com", "x")
    client = Client()
    client.force_login(user)
    api = f"/api/v1/executions/{pk}"
    addresses = {
        "admin": f"/admin/executions/execution/{pk}/change/",
        "admin_last": f"/admin/executions/execution/{pk}/change/?after=5000",
        **{part: f"{api}/{part}/" for part in ("jobs", "timeline", "graph", "logs")},
    }
    found = {}
    for name, address in addresses.items():
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                began = time.perf_counter()
                answer = client.get(address)
                took = time.perf_counter() - began
            if answer.status_code != 200:
                raise RuntimeError(f"{address} answered {answer.status_code}.")
        found[name] = [len(queries), round(took * 1000)]
    return {"pages": found}


def _table(found: dict[str, Any]) -> str:
    lines = [found["machine"]]
    for name, row in found["loops"].items():
        pages = row["pages"]
        lines += [
            f"{name}: {row['seconds']} s, {row['jobs']} jobs, {row['segments']} segments,"
            f" longest transaction {row['longest_transaction_s']} s",
            f"  memory {row['memory_before_mb']} MB before, {row['memory_most_mb']} MB at most;"
            f" {row['jobs_kept_between_drains']} jobs kept between drains",
            *(f"  {page:<10} {queries:>3} queries {took:>5} ms" for page, (queries, took) in pages.items()),
        ]
    return "\n".join(lines)
