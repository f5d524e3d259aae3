"""Loops of many rounds: committed bit by bit, with no more in memory than the round at hand needs."""

import gc

import pytest

from config.shop.models import Customer
from executions import segments
from executions.dispatcher import start
from executions.models import Execution, Job
from executions.runjob import RunJob
from executions.store import claims, session
from tests.building import build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

ROUNDS = 15
CREATE = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$scopes.n1.item}}"}}})
INNER = ("loop", {"target": 2}, {0: [("variable", {"value": "{{$scopes.n1.index}}"})]})


@pytest.fixture
def a_round_each(monkeypatch, settings):
    """A segment ends after each move, and a call of `run_solo` after each segment."""
    settings.SLUICE = {**settings.SLUICE, "DRAIN_SECONDS": 0.0001}
    for name in ("ALONE_SECONDS", "HOST_SECONDS", "SQLITE_SECONDS"):
        monkeypatch.setattr(segments, name, 0)


def known_by_the_next_claim(execution):
    """How many jobs a claim loads to go on."""
    with session.segment():
        [run] = claims.claim_one(execution.pk).runs
        claims.load_jobs([run])
        return len(run.known)


def jobs_alive():
    gc.collect()
    return sum(1 for each in gc.get_objects() if type(each) is RunJob)


@pytest.mark.parametrize(
    ("steps", "context", "jobs", "most"),
    [
        pytest.param(
            [("loop", {"target": "{{$context.items}}"}, {0: [CREATE]})],
            {"items": [f"Customer {number}" for number in range(ROUNDS)]}, 1 + ROUNDS, 2, id="rows",
        ),
        pytest.param([("loop", {"target": ROUNDS}, {0: [INNER, CREATE]})], {}, 1 + ROUNDS * 4, 3, id="loops-in-a-loop"),
    ],
)  # fmt: skip
def test_each_round_is_committed_and_what_was_done_is_loaded_no_more(a_round_each, steps, context, jobs, most):
    # What an earlier test's thread or traceback may still hold.
    others = jobs_alive()
    execution = start(build(steps), context)
    loaded, alive, written = [], [], []
    while not Execution.objects.filter(pk=execution.pk, ended_at__isnull=False).exists():
        segments.run_solo("sluice")
        loaded.append(known_by_the_next_claim(execution))
        if len(loaded) % 15 == 0:
            # To look at all there is takes long.
            alive.append(jobs_alive() - others)
        written.append(Customer.objects.count())
    # A segment writes one row of the host at most, so none holds its transaction over two.
    assert max(after - before for before, after in zip(written, written[1:], strict=False)) == 1
    assert max(loaded) <= most
    assert max(alive) <= most
    numbers = list(Job.objects.filter(execution=execution).order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, jobs + 1))
    assert Customer.objects.count() == ROUNDS
    execution.refresh_from_db()
    assert execution.status == 1


def test_once_rows_were_written_a_segment_ends_after_its_time(monkeypatch):
    monkeypatch.setattr(segments, "HOST_SECONDS", 0.05)
    monkeypatch.setattr(segments, "SQLITE_SECONDS", 0.05)
    slowly = [("t-do", {"act": "sleep", "value": 0.02}), ("t-write", {"act": "create", "value": "row"})]
    execution = start(build([("loop", {"target": 12}, {0: slowly})]), {})
    while not Execution.objects.filter(pk=execution.pk, ended_at__isnull=False).exists():
        segments.run_solo("sluice")
    execution.refresh_from_db()
    assert (execution.status, Customer.objects.count()) == (1, 12)
    # 12 rounds of 0.02 s: at most three or so fit in a segment.
    assert execution.turn >= 4
