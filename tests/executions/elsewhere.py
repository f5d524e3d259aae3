"""A project with a second database, alone in a process: `python -m tests.executions.elsewhere WHAT DIRECTORY`.

Prints as JSON what became of WHAT: `schedule`, by the dates of rows on that database, or `events` of such rows.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def set_up(directory: Path) -> None:
    os.environ |= {"DATABASE_URL": f"sqlite:///{directory / 'first.sqlite3'}", "CELERY_BROKER_URL": "memory://"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    from config import settings

    settings.DATABASES["second"] = {**settings.DATABASES["default"], "NAME": str(directory / "second.sqlite3")}
    import django

    django.setup()
    from django.core.management import call_command

    for alias in ("default", "second"):
        call_command("migrate", verbosity=0, database=alias)


def schedule() -> dict[str, Any]:
    from django.db import transaction

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


def events() -> dict[str, Any]:
    """What each kind of write left behind: the numbers of the orders that runs were given, of how many lines."""
    from django.db import transaction

    from config.shop.models import Customer, Line, Order, Product
    from executions.models import Execution
    from workflows import track, versions

    config = {"collection": "second:shop.Order", "mode": 3, "changed": ["note"], "appends": ["lines", "customer"]}
    versions.create_workflow(type="collection", title="w", enabled=True, config=config)
    versions.create_workflow(type="collection", title="d", enabled=True, config={**config, "mode": 4, "appends": []}
                             | {"changed": []})  # fmt: skip
    far = Customer.objects.using("second").create(name="far")
    tea = Product.objects.using("second").create(name="Tea", price=1)
    orders, notes = Order.objects.using("second"), []

    def note() -> None:
        runs = Execution.objects.order_by("id")
        notes.append([[run.context["data"]["number"], len(run.context["data"].get("lines", ()))] for run in runs])
        runs.delete()

    with transaction.atomic(using="second"):
        order = orders.create(customer=far, number=1)
        Line.objects.using("second").create(order=order, product=tea, price=1)
        note()
    note()
    with transaction.atomic(using="second"):
        orders.create(customer=far, number=2)
        transaction.set_rollback(True, using="second")
    Order.objects.using("default").create(customer=Customer.objects.using("default").create(name="near"), number=3)
    note()
    with track(Order):
        orders.bulk_create([Order(customer=far, number=number) for number in (4, 5)])
        note()
        orders.filter(number__gt=1).update(note="x")
        note()
        Order.objects.using("default").update(note="x")
        orders.filter(number=5).delete()
    note()
    return {"notes": notes}


if __name__ == "__main__":
    set_up(Path(sys.argv[2]))
    print(json.dumps({"schedule": schedule, "events": events}[sys.argv[1]]()))  # noqa: T201
