"""SIGKILL on both sides of every commit of a run: nothing is lost, nothing is done twice, nobody's hand is needed."""

import pytest

from config.shop.models import Customer
from executions.dispatcher import start
from executions.models import Execution, Job
from tests.building import build, fired

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

CREATE = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$scopes.n3.index}}"}}})
STEPS = [
    (*fired(), {1: [
        ("parallel", {"mode": "all"}, {
            0: [("loop", {"target": 3}, {0: [CREATE]})],
            1: [("delay", {"duration": 1, "unit": 1000, "endStatus": 1})],
        }),
    ]}),
    ("output", {"value": "{{$jobsMapByNodeKey.n3.done}}"}),
]  # fmt: skip
#: More than the run has: the last one shows that the worker went through without dying.
COMMITS = 8


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_kill_at_any_commit_loses_and_doubles_nothing(victim, settle, side, commit):
    execution = start(build(STEPS), {"data": {"amount": 150}})
    code = victim(side, commit)
    if commit == 1:
        assert code == -9, "The worker was to die at its first commit."
    settle()
    execution = Execution.objects.get(pk=execution.pk)
    assert (execution.status, execution.output) == (1, 3), execution.error
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["0", "1", "2"]
    assert Job.objects.filter(execution=execution).count() == 8


def test_the_last_commit_is_beyond_the_run(victim, settle):
    """If the run grew commits, the table above would no longer cover them all."""
    start(build(STEPS), {"data": {"amount": 150}})
    assert victim("before", COMMITS + 1) == 0
    settle()


WRITTEN = ["0", "1", "2", "after", "before", "inner"]


def _write(name):
    return ("t-write", {"act": "create", "value": name})


def _block(act):
    """A transaction with all that may stand in one; its last step does this act."""
    inner = ("transaction", {}, {1: [_write("inner"), ("t-do", {"act": act})]})
    rounds = ("loop", {"target": 3}, {0: [_write("{{$scopes.n3.index}}")]})
    return [_write("before"), ("transaction", {}, {1: [rounds, ("t-call", {"act": "give"}), inner]}), _write("after")]


def test_a_worker_that_dies_inside_a_transaction_leaves_nothing_of_it(victim, settle):
    execution = start(build(_block("die")), {})
    assert victim() == -9
    assert Job.objects.count() == 0
    assert Customer.objects.count() == 0
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    assert sorted(Customer.objects.values_list("name", flat=True)) == WRITTEN


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 4))
def test_a_kill_at_any_commit_of_a_transaction_is_all_or_nothing(victim, settle, side, commit):
    execution = start(build(_block("give")), {})
    code = victim(side, commit)
    if commit == 1:
        assert code == -9
    # The worker's commits are the freezing of the version and the one segment: half of it is never seen.
    assert Customer.objects.count() in (0, len(WRITTEN))
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    assert sorted(Customer.objects.values_list("name", flat=True)) == WRITTEN


def test_a_transaction_that_always_kills_its_worker_ends_in_error(victim, settle):
    """Three deaths with the run alone, as with any step."""
    execution = start(build(_block("die")), {})
    for _death in range(3):
        assert victim() == -9
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (-2, "crashed")
    assert Customer.objects.count() == 0
