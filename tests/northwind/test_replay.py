"""Two years of a trading company through three workflows: the tables end as a few lines of plain Python say.

Once in this process on any database, once with two Celery workers of which one is killed with runs in its hands.
"""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterable

import pytest
from django.db.models import Q

from config.shop.models import Customer, Line, Order, Product, PurchaseOrder, Review
from executions.drain import drain_all
from executions.models import Execution, Holding
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
    lost: set[int] = set()
    for count in Replay(northwind).orders():
        if not lost and count >= len(northwind.orders) / 2:
            lost = kill_at_work(victim)
    assert lost, "The worker never held a run when it was looked at: it died idle, which shows nothing."
    settle(survivor)
    assert_as_expected(must_be, workflows)


def kill_at_work(victim: Worker) -> set[int]:
    """Kills the worker if it holds runs, claimed and not committed, and answers their ids; else lets it go on."""
    victim.signal(signal.SIGSTOP)
    lost = held_by(victim.pids)
    if lost:
        victim.kill()
    else:
        victim.signal(signal.SIGCONT)
    return lost


def held_by(pids: Iterable[int]) -> set[int]:
    """Runs that these processes noted and that stand at the turn they were noted with."""
    names = [name for pid in pids for name in Holding.objects.filter(worker__contains=f":{pid}:")]
    noted = [pair for holding in names for pair in _pairs(holding.held)]
    at_that_turn = Q(pk__in=[])
    for pk, turn in noted:
        at_that_turn |= Q(pk=pk, turn=turn)
    return set(Execution.objects.filter(at_that_turn, due_at__isnull=False).values_list("pk", flat=True))


def _pairs(held: object) -> list[list[int]]:
    return json.loads(held) if isinstance(held, str) else held


def settle(worker: Worker) -> None:
    """Waits until nothing is left to do."""
    until = time.monotonic() + SETTLE_SECONDS
    while Execution.objects.filter(Q(ended_at=None) | Q(due_at__isnull=False)).exists():
        assert worker.process.poll() is None, worker.log.read_text()
        assert time.monotonic() < until, list(Execution.objects.filter(ended_at=None).values())
        time.sleep(0.1)


def assert_as_expected(must_be: Expected, workflows: dict[str, Workflow]) -> None:
    assert_one_run_per_event(must_be, workflows)
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


def _rows(workflow: Workflow) -> list[dict[str, int]]:
    """The saved rows that set off its runs."""
    contexts = Execution.objects.filter(key=workflow.key).values_list("context", flat=True)
    return [context["data"] for context in contexts]
