"""Two years of a trading company through three workflows: the tables end as a few lines of plain Python say.

Once in this process on any database, once with two Celery workers of which one is killed with runs in its hands.
"""

import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q

from config.shop.models import Customer, Line, Order, Product, PurchaseOrder, Review
from executions.drain import drain_all
from executions.models import Execution, Holding, Job
from executions.statuses import ExecutionStatus
from tests.faults import checker
from tests.northwind.expected import Expected
from tests.northwind.replay import Replay
from tests.northwind.workers import Worker
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)

DRAIN_EVERY = 100
#: The longest wait of a run whose worker died, and a machine that is busy with other things.
SETTLE_SECONDS = 180


def test_the_replay_in_this_process(northwind, workflows, must_be):
    for count in Replay(northwind).orders():
        if count % DRAIN_EVERY == 0:
            drain_all(seconds=SETTLE_SECONDS)
    drain_all(seconds=SETTLE_SECONDS)
    assert_as_expected(must_be, workflows)


@pytest.mark.postgres
@pytest.mark.workers
def test_the_replay_with_two_workers_of_which_one_is_killed_half_way(northwind, workflows, must_be, two_workers):
    victim, survivor = two_workers
    killed = False
    for count in Replay(northwind).orders():
        if not killed and count >= len(northwind.orders) / 2:
            killed = kill_at_work(victim)
    assert killed, "The worker held no run of a lane whenever it was looked at: killing it would have shown nothing."
    settle(survivor)
    assert Execution.objects.filter(crashes__gt=0).exists(), "Nobody noticed that a worker died with runs in its hands."
    assert_as_expected(must_be, workflows)


def kill_at_work(victim: Worker) -> bool:
    """Kills the worker if it holds a run of a lane, claimed and not committed; else lets it go on.

    Whoever overtakes that run in its lane, or forgets it, is found out at the end.
    """
    victim.signal(signal.SIGSTOP)
    # A commit on its way when it froze is still carried out; what stands after that dies with the worker.
    time.sleep(0.2)
    wait_for_what_is_under_way()
    if any(lane is not None for lane in lanes_held_by(victim.pids)):
        victim.kill()
        return True
    victim.signal(signal.SIGCONT)
    return False


def wait_for_what_is_under_way() -> None:
    """Until the database has done all that it was at when this was called."""
    at_work = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state = 'active' AND query_start <= %s"
    )
    until = time.monotonic() + 30
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        asked = cursor.fetchone()
        cursor.execute(at_work, asked)
        while cursor.fetchone()[0]:
            assert time.monotonic() < until
            time.sleep(0.01)
            cursor.execute(at_work, asked)


def lanes_held_by(pids: Iterable[int]) -> list[str | None]:
    """The lanes of the runs that these processes noted and that stand at the turn they were noted with."""
    holdings = [holding for pid in pids for holding in Holding.objects.filter(worker__contains=f":{pid}:")]
    at_that_turn = Q(pk__in=[])
    for pk, turn in (pair for holding in holdings for pair in holding.held):
        at_that_turn |= Q(pk=pk, turn=turn)
    return list(Execution.objects.filter(at_that_turn, ended_at=None).values_list("lane", flat=True))


def settle(worker: Worker) -> None:
    """Waits until nothing is left to do."""
    until = time.monotonic() + SETTLE_SECONDS
    while Execution.objects.filter(Q(ended_at=None) | Q(due_at__isnull=False)).exists():
        assert worker.process.poll() is None, worker.log.read_text()
        assert time.monotonic() < until, list(Execution.objects.filter(ended_at=None).values())
        time.sleep(0.1)


def assert_as_expected(must_be: Expected, workflows: dict[str, Workflow]) -> None:
    assert_one_run_per_event(must_be, workflows)
    assert_one_after_another(workflows)
    assert Line.objects.count() == 2155
    assert dict(Product.objects.values_list("number", "stock")) == must_be.stock
    # Sorted lists, not sets: a second row for the same order or product would show.
    assert sorted(Review.objects.values_list("order__number", flat=True)) == sorted(must_be.reviewed)
    assert set(Order.objects.filter(cleared=True).values_list("number", flat=True)) == must_be.cleared
    assert set(Order.objects.filter(cleared=False).values_list("number", flat=True)) == must_be.reviewed
    # None was ever closed, so one row for a product means that there never were two open ones.
    purchases = PurchaseOrder.objects.filter(state=PurchaseOrder.State.OPEN)
    assert sorted(purchases.values_list("product__number", "quantity")) == sorted(must_be.purchases.items())
    assert PurchaseOrder.objects.count() == len(must_be.purchases)
    assert dict(Customer.objects.values_list("code", "tier")) == must_be.tiers
    assert checker.faults() == []


def assert_one_run_per_event(must_be: Expected, workflows: dict[str, Workflow]) -> None:
    """Each order's creation and each save that changed a stock has one run of each listening workflow; it succeeded."""
    unlucky = Execution.objects.exclude(status=ExecutionStatus.RESOLVED)
    assert list(unlucky.values("title", "status", "error")[:5]) == []
    orders = Counter(Order.objects.values_list("pk", flat=True))
    numbers = dict(Product.objects.values_list("pk", "number"))
    for name in ("big order", "customer tier"):
        assert Counter(row["id"] for row in _rows(workflows[name])) == orders, name
    saves = Counter((numbers[row["id"]], row["stock"]) for row in _rows(workflows["restock"]))
    assert saves == must_be.stock_changes
    assert Execution.objects.count() == 2 * len(orders) + must_be.stock_changes.total()


def assert_one_after_another(workflows: dict[str, Workflow]) -> None:
    """In each lane the runs took their steps in the order of the events, none before the one ahead had ended.

    Told by the ids that jobs get as they are written: times, of several processes, would leave room for doubt.
    """
    for name, column, lane in (("restock", "id", "product"), ("customer tier", "customer_id", "customer")):
        lanes = Execution.objects.filter(key=workflows[name].key).values_list("lane", flat=True)
        assert Counter(lanes) == Counter(f"{lane}-{row[column]}" for row in _rows(workflows[name])), name
    steps: dict[str, list[int]] = defaultdict(list)
    jobs = Job.objects.exclude(execution__lane=None).order_by("pk")
    for lane, execution in jobs.values_list("execution__lane", "execution_id"):
        steps[lane].append(execution)
    assert {lane: runs for lane, runs in steps.items() if runs != sorted(runs)} == {}


def _rows(workflow: Workflow) -> list[dict[str, Any]]:
    """The saved rows that set off its runs."""
    contexts = Execution.objects.filter(key=workflow.key).values_list("context", flat=True)
    return [context["data"] for context in contexts]
