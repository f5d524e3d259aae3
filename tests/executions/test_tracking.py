"""Bulk writes set workflows off where they are tracked: each row an event, the runs of all in one insert."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import F, ProtectedError

from config.shop.models import Customer, Line, Order, Product
from executions.models import Execution
from executions.testing import drain
from tests.building import build
from workflows import TrackedManager, ambient, track
from workflows.errors import Invalid
from workflows.triggers import listening
from workflows.triggers.rows import CHUNK

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


def on(collection="shop.Product", *, steps=(), sync=False, **config):
    workflow = build(steps, type="collection", sync=sync, config={"collection": collection, "mode": 1, **config})
    listening.refresh(force=True)
    return workflow


def rows(workflow=None):
    """The rows that the runs were given, in the order of the runs."""
    runs = Execution.objects.order_by("pk")
    if workflow is not None:
        runs = runs.filter(workflow=workflow)
    return [context["data"] for context in runs.values_list("context", flat=True)]


def products(*stocks):
    made = [Product(name=f"P{number}", price=1, stock=stock) for number, stock in enumerate(stocks)]
    return Product.objects.bulk_create(made)


def bulk_update(made):
    for row in made:
        row.stock += 1
    return Product.objects.bulk_update(made, ["stock"])


WRITES = {
    "bulk_create": (1, lambda made: products(5, 6)),
    "update": (2, lambda made: Product.objects.update(stock=F("stock") + 1)),
    "bulk_update": (2, bulk_update),
    "delete": (4, lambda made: Product.objects.all().delete()),
}


@pytest.mark.parametrize(("mode", "write"), WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("chosen", [(), (Product,), ("shop.Product",), (Customer, Product)])
def test_each_row_is_an_event(mode, write, chosen):
    on(mode=mode)
    made = [] if mode == 1 else products(4, 5)
    with track(*chosen):
        write(made)
    # Django deletes the last row first.
    assert [row["stock"] for row in rows()] == ([5, 4] if mode == 4 else [5, 6])
    drain()
    assert set(Execution.objects.values_list("status", flat=True)) == {1}


@pytest.mark.parametrize(("mode", "write"), WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("around", ["nothing", "another model", "skip", "left"])
def test_what_is_not_tracked_sets_nothing_off(mode, write, around):
    on(mode=mode)
    made = [] if mode == 1 else products(4, 5)
    if around == "nothing":
        write(made)
    elif around == "another model":
        with track(Customer):
            write(made)
    elif around == "skip":
        with track(), ambient.skip_workflows():
            write(made)
    else:
        with track():
            pass
        write(made)
    assert rows() == []


def test_inner_tracking_adds_to_the_outer():
    on()
    with track(Customer):
        with track(Product):
            products(1)
        products(2)
    with track(), track(Customer):
        products(3)
    assert [row["stock"] for row in rows()] == [1, 3]


@pytest.mark.parametrize(
    ("config", "stocks"),
    [
        ({"condition": {"stock": {"$gt": 11}}}, [12, 13]),
        ({"condition": {"stock": {"$gt": 99}}}, []),
        ({"changed": ["stock"]}, [11, 12, 13]),
        ({"changed": ["price"]}, []),
        ({"changed": ["price", "stock"], "condition": {"name": "P0"}}, [11]),
    ],
)
@pytest.mark.parametrize("way", ["update", "bulk_update"])
def test_conditions_and_changed_fields_count(config, stocks, way):
    on(mode=2, **config)
    made = products(10, 11, 12)
    with track():
        WRITES[way][1](made)
    assert [row["stock"] for row in rows()] == stocks


def test_an_update_fires_for_the_rows_it_changes_though_they_no_longer_match():
    on(mode=2)
    products(1, 2, 3)
    with track():
        assert Product.objects.filter(stock__gt=1).update(stock=0) == 2
    assert [row["name"] for row in rows()] == ["P1", "P2"]


def test_appends_are_loaded():
    created, gone = on("shop.Order", mode=3, appends=["customer"]), on("shop.Order", mode=4)
    ann = Customer.objects.create(name="Ann")
    with track():
        Order.objects.bulk_create([Order(customer=ann), Order(customer=ann)])
        Order.objects.filter(customer=ann).delete()
    assert [row["customer"]["name"] for row in rows(created)] == ["Ann", "Ann"]
    assert len(rows(gone)) == 2


def test_what_is_rolled_back_sets_nothing_off():
    on()
    with track(), transaction.atomic():
        products(1, 2)
        transaction.set_rollback(True)
    assert rows() == []


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_write_and_its_sync_run_are_one_commit():
    on(
        steps=[("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})],
        sync=True,
        rollbackOnFailure=True,
    )
    with track(), pytest.raises(Exception, match="nothing was saved"):
        products(1, 2)
    assert not Product.objects.exists()


def test_the_queries_do_not_grow_with_the_rows(django_assert_max_num_queries):
    on(mode=2, condition={"stock": {"$gt": 0}})
    on(mode=2, changed=["stock"])
    counts = []
    for number in (3, 3, 300):
        Product.objects.all().delete()
        products(*range(1, number + 1))
        with django_assert_max_num_queries(100) as queries, track():
            Product.objects.update(stock=F("stock") + 1)
        counts.append(len(queries))
    # The first reads the graphs.
    assert counts[1] == counts[2] <= 8
    assert len(rows()) == 2 * 306


def test_more_rows_than_are_written_at_once():
    on(mode=3)
    with track():
        products(*range(CHUNK + 5))
        Product.objects.update(discontinued=True)
    assert len(rows()) == 2 * (CHUNK + 5)


@pytest.mark.parametrize("conflicts", [{"ignore_conflicts": True}, {"update_conflicts": True, "update_fields": ["name"], "unique_fields": ["number"]}])  # fmt: skip # noqa: E501
def test_of_rows_that_may_have_been_there_nobody_knows(conflicts):
    on()
    if connection.vendor == "mysql":
        conflicts.pop("unique_fields", None)
    with track():
        Product.objects.bulk_create([Product(number=1, name="A", price=1)], **conflicts)
    assert rows() == []
    assert Product.objects.count() == 1


@pytest.mark.parametrize("tracked", [True, False])
def test_who_catches_a_refused_delete_may_go_on_in_the_transaction(tracked):
    on(mode=4)
    (product,) = products(1)
    order = Order.objects.create(customer=Customer.objects.create(name="Ann"), number="1")
    Line.objects.create(order=order, product=product, price=1)
    with transaction.atomic():
        with track() if tracked else nullcontext(), pytest.raises(ProtectedError):
            Product.objects.all().delete()
        Product.objects.update(name="kept")
    assert Product.objects.get().name == "kept"
    assert rows() == []


def test_a_manager_that_tracks():
    everything = [on("shop.Product", mode=mode) for mode in (1, 2, 4)]
    manager = TrackedManager()
    manager.model = Product
    manager.bulk_create([Product(name="A", price=1), Product(name="B", price=1)])
    manager.filter(name="A").update(stock=3)
    made = list(manager.order_by("pk"))
    made[1].stock = 9
    manager.bulk_update(made[1:], ["stock"])
    manager.filter(stock__gt=5).delete()
    assert [[row["stock"] for row in rows(each)] for each in everything] == [[0, 0], [3, 9], [9]]
    assert getattr(manager, "delete", None) is None, "a manager deletes nothing by itself"


def test_asynchronous_calls_are_tracked_too():
    from asgiref.sync import async_to_sync

    on(mode=2)
    products(1, 2)

    async def change():
        with track(Product):
            await Product.objects.aupdate(stock=7)

    async_to_sync(change)()
    assert [row["stock"] for row in rows()] == [7, 7]


def test_other_models_are_left_as_they_are():
    on()
    with track():
        Group.objects.bulk_create([Group(name="a")])
        assert Group.objects.update(name="b") == 1
        assert Group.objects.all().delete()[0] == 1


@pytest.mark.parametrize("named", ["Product", "shop.Nope", "a.b.c"])
def test_a_model_that_there_is_not(named):
    with pytest.raises(Invalid), track(named):
        pass


@pytest.mark.parametrize("appends", [[], ["lines"]])
def test_an_import_that_is_done_again_sets_nothing_off_twice(appends):
    on("shop.Order", appends=appends)
    ann = Customer.objects.create(name="Ann")
    for _ in range(2):
        with track(Order, event_key=lambda row: f"import-{row.number}" if row.number else None):
            Order.objects.bulk_create([Order(customer=ann, number=number) for number in (1, 2, 0)])
            Order.objects.create(customer=ann, number=3)
        Order.objects.all().delete()
    assert [row["number"] for row in rows()] == [1, 2, 0, 3, 0]


@pytest.mark.parametrize("key", ["", "x" * 256, 7])
def test_a_key_that_will_not_do(key):
    on(mode=1)
    with pytest.raises(Invalid) as caught, track(event_key=lambda row: key):
        products(1)
    assert caught.value.field == "event_key"
    assert not Product.objects.exists()


@pytest.mark.once
def test_rows_of_another_database_are_recorded_on_their_commit(tmp_path):
    command = [sys.executable, "-m", "tests.executions.elsewhere", "events", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)["notes"] == [
        [],  # a save whose transaction is open
        [[1, 1]],  # committed, with the line that followed
        [],  # rolled back, and rows of the first database
        [[4, 0], [5, 0]],  # created in bulk
        [[4, 0], [5, 0]],  # updated in bulk
        [[5, 0]],  # deleted in bulk
    ]
