"""A project with a second database, alone in a process: `python -m tests.executions.elsewhere DIRECTORY`.

Prints what became of a schedule by the dates of rows on that database, as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main(directory: Path) -> dict[str, Any]:
    os.environ |= {"DATABASE_URL": f"sqlite:///{directory / 'first.sqlite3'}", "CELERY_BROKER_URL": "memory://"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    from config import settings

    settings.DATABASES["second"] = {**settings.DATABASES["default"], "NAME": str(directory / "second.sqlite3")}
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    for alias in ("default", "second"):
        call_command("migrate", verbosity=0, database=alias)
    from config.shop.models import Customer, Order
    from executions import clock
    from executions.models import Execution, ScheduledRow
    from executions.schedules.keeping import this_second
    from workflows import versions

    dates = {"mode": 1, "collection": "second:shop.Order", "startsOn": {"field": "placed_at"}}
    config = {**dates, "repeat": 3_600_000, "appends": ["customer"]}
    versions.create_workflow(type="schedule", title="w", enabled=True, config=config)
    far, near = (Customer.objects.using(alias).create(name=alias) for alias in ("second", "default"))
    notes = []
    with transaction.atomic(using="second"):
        Order.objects.using("second").create(customer=far, placed_at=this_second())
        notes.append(ScheduledRow.objects.count())
    notes.append(ScheduledRow.objects.count())
    Order.objects.using("second").bulk_create([Order(customer=far, placed_at=this_second()) for _ in range(3)])
    Order.objects.using("default").create(customer=near, placed_at=this_second())
    time.sleep(1.1)
    for _ in range(2):
        clock.tick()
    data = [run.context["data"] for run in Execution.objects.order_by("id")]
    return {
        "notes": [*notes, ScheduledRow.objects.count()],
        "rows": sorted(row["id"] for row in data),
        "customers": sorted({row["customer"]["name"] for row in data}),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201
