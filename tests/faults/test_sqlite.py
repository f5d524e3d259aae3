"""What is SQLite's own: one writer that knows no order of who waits, and foreign keys that only a commit checks."""

import threading
import time

import pytest
from django.db import connection, connections

from config.shop.models import Order
from executions import bulk, operations
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.store import intake
from tests.building import build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

NOBODY = 987_654


@pytest.fixture
def loose():
    """An order of nobody that was there before: made where foreign keys were switched off."""
    with connection.constraint_checks_disabled():
        order = Order.objects.create(customer_id=NOBODY)
    yield order
    order.delete()


def test_a_row_that_was_broken_before_is_no_steps_error(loose, acts, settle):
    def touch(step):
        Order.objects.update(note="seen")
        return acts["give"](step)

    def dangle(step):
        Order.objects.create(customer_id=NOBODY)
        return acts["give"](step)

    acts.update({"touch": touch, "dangle": dangle})
    bad = ("t-write", {"act": "dangle"}, {}, {"onError": "continue"})
    execution = start(build([("t-write", {"act": "touch"}), bad, ("t-write", {"act": "create", "value": "after"})]), {})
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    assert list(Job.objects.order_by("number").values_list("status", flat=True)) == [1, -2, 1]
    loose.refresh_from_db()
    assert loose.note == "seen"


@pytest.fixture
def draining():
    """A thread that drains as long as the test runs."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            drain("sluice")
        connections.close_all()

    thread = threading.Thread(target=work)
    yield thread.start
    stop.set()
    thread.join(timeout=30)


@pytest.mark.parametrize("kind", ["t-do", "t-write"])
def test_a_cancel_gets_through_while_a_drain_works_on_a_long_loop(acts, draining, kind):
    acts["busy"] = lambda step: (time.sleep(0.002), acts["give"](step))[1]
    workflow = build([("loop", {"target": 1_000_000}, {0: [(kind, {"act": "busy"})]})])
    execution = start(workflow, {})
    draining()
    until = time.monotonic() + 20
    while not Job.objects.filter(execution=execution).exists():
        assert time.monotonic() < until, "It never began."
        time.sleep(0.01)
    began = time.monotonic()
    operations.cancel(execution.pk)
    took = time.monotonic() - began
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (-3, "manual_cancel")
    # Without the gaps it took from 5 s to the time-out of 20 s.
    assert took < 2


def test_a_person_gets_through_while_a_bulk_operation_is_at_work():
    workflow = build([("delay", {"duration": 1, "unit": 3_600_000})])
    columns = {"key": workflow.key, "title": workflow.title, "version": 1, "type": "manual", "queue": "sluice"}
    intake.insert_queued(connection, [Execution(workflow=workflow, **columns) for _ in range(2_000)])
    operation, waits = bulk.start("cancel", all=True), []

    def work():
        bulk.work("sluice", seconds=6)
        connections.close_all()

    working = threading.Thread(target=work)
    working.start()
    while working.is_alive():
        began = time.monotonic()
        Order.objects.update(note="seen")
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    operation.refresh_from_db()
    assert operation.done > 100
    # Without the gaps it was the whole of those seconds.
    assert max(waits) < 3
