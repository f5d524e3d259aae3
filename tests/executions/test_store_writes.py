"""What a write makes of a run, of both stores."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from executions.run import Run
from executions.runjob import ChildRun
from tests.executions.stores import BOTH, add_job, ago, begin, change, graph
from workflows.models import Counter


def test_every_write_adds_one_to_the_turn(store):
    execution_id = store.add()
    for turn in (1, 2, 3):
        change(store, execution_id, lambda run, now: None)
        assert store.read(execution_id).turn == turn


def _waits(wait: str, seconds: float | None) -> Callable[[Run, datetime], None]:
    def add(run: Run, now: datetime) -> None:
        due_at = None if seconds is None else now + timedelta(seconds=seconds)
        add_job(run, now, status=0, wait=wait, due_at=due_at)

    return add


def _all(*changes: Callable[[Run, datetime], None]) -> Callable[[Run, datetime], None]:
    def by(run: Run, now: datetime) -> None:
        for each in changes:
            each(run, now)

    return by


def _sets(**columns: Any) -> Callable[[Run, datetime], None]:
    """Columns of the run; a number of seconds stands for a time from now."""

    def by(run: Run, now: datetime) -> None:
        for name, value in columns.items():
            setattr(run, name, now + timedelta(seconds=value) if name.endswith(("_at", "_to")) else value)

    return by


def _moves(*moves: list[Any]) -> Callable[[Run, datetime], None]:
    return lambda run, now: run.agenda.extend(moves)


@pytest.mark.parametrize(
    ("by", "seconds"),
    [
        pytest.param(_waits("timer", 60), 60, id="the end of a delay"),
        pytest.param(_waits("attempt", 60), 60, id="the next attempt"),
        pytest.param(_waits("call", 60), 60, id="the deadline of a call"),
        pytest.param(_waits("outside", 60), 60, id="the time-out of a person"),
        pytest.param(_waits("outside", None), None, id="a person without a time-out"),
        pytest.param(_waits("branch", None), None, id="a branch at work"),
        pytest.param(_waits("performer", 60), None, id="a performer comes by an index of its own"),
        pytest.param(_all(_waits("timer", 90), _waits("outside", 60), _waits("performer", 30)), 60, id="the least"),
        pytest.param(_all(_waits("timer", 90), _sets(expires_at=50)), 50, id="its own time-out first"),
        pytest.param(_all(_waits("timer", 40), _sets(expires_at=50)), 40, id="its own time-out later"),
        pytest.param(_all(_waits("performer", 40), _sets(expires_at=50)), 50, id="only its own time-out"),
        pytest.param(_all(_waits("timer", 40), _sets(paused_at=0)), None, id="paused"),
        pytest.param(_all(_waits("timer", 40), _sets(paused_at=0, expires_at=50)), 50, id="paused, time-out"),
        pytest.param(_all(_waits("timer", 40), _sets(parked="hold")), None, id="parked"),
        pytest.param(_all(_moves(["resume", 1]), _sets(parked="hold")), None, id="parked with moves"),
        pytest.param(_sets(status=None, parked="deferred", deferred_to=30), 30, id="deferred"),
        pytest.param(_sets(status=None, parked="deferred", deferred_to=30, expires_at=20), 20, id="deferred, time-out"),
        pytest.param(_sets(status=None, parked="deferred", deferred_to=30, paused_at=0), None, id="deferred, paused"),
        pytest.param(_all(_waits("timer", 40), _moves(["resume", 1])), 0, id="something on the agenda"),
        pytest.param(_all(_moves(["resume", 1]), _sets(priority=7)), -7, id="the head start"),
        pytest.param(_sets(status=None), 0, id="queued"),
        pytest.param(_sets(status=None, priority=7), -7, id="queued, the head start"),
        pytest.param(_sets(status=1, ended_at=0), None, id="ended"),
        pytest.param(_all(_sets(status=1, ended_at=0), _moves(["tell", "parent"])), 0, id="ended, somebody to tell"),
    ],
)
def test_when_a_worker_must_look_again(store, by, seconds):
    execution_id = store.add()
    now = change(store, execution_id, _all(begin, by))
    assert store.read(execution_id).due_at == (None if seconds is None else now + timedelta(seconds=seconds))


def test_a_write_keeps_what_became_of_the_run(store):
    execution_id = store.add()
    columns = {
        "status": -2, "reason": "crashed", "error": "It broke.", "solo": True, "crashes": 2, "parked": "lane",
        "paused_at": ago(store, 4), "started_at": ago(store, 3), "expires_at": ago(store, 2), "ended_at": ago(store, 1),
    }  # fmt: skip

    def change_all(run: Run, now: datetime) -> None:
        for name, value in columns.items():
            setattr(run, name, value)
        run.agenda.append(["tell", "children"])

    change(store, execution_id, change_all)
    row = store.read(execution_id)
    assert {name: getattr(row, name) for name in columns} == columns
    assert list(row.agenda) == [["tell", "children"]]


def test_an_output_stays_until_another_is_set(store):
    execution_id = store.add()

    def give(value: Any) -> None:
        def by(run: Run, now: datetime) -> None:
            run.output, run.output_set = value, True

        change(store, execution_id, by)

    give({"sum": 3})
    change(store, execution_id, begin)
    assert store.read(execution_id).output == {"sum": 3}
    give(None)
    assert store.read(execution_id).output is None


def test_a_child_is_queued_with_the_job_that_waits_for_it(store):
    execution_id = store.add(stack=[[7, 8]], created_by_id=4)
    version = graph(pk=888_888, key="child", options={"priority": 5})

    def ask(run: Run, now: datetime) -> None:
        begin(run, now)
        job = add_job(run, now, status=0, wait="outside")
        run.children.append(ChildRun(version, {"amount": 1}, job))

    now = change(store, execution_id, ask)
    with store.segment():
        [child] = store.claim("sluice", solo=False, limit=9)
        assert (child.workflow_id, child.key, child.status, child.turn) == (888_888, "child", None, 0)
        assert (child.parent_execution_id, child.parent_job) == (execution_id, 1)
        assert child.stack == [[7, 8], [execution_id, 999_999]]
        assert child.created_by_id == 4
        assert child.due_at is not None
        # By the database's own clock.
        assert abs(child.due_at - (now - timedelta(seconds=5))) < timedelta(seconds=2)
        assert child.context == {"amount": 1}


@pytest.mark.parametrize("store", BOTH[1:], indirect=True)
def test_runs_begun_are_counted_by_version(store):
    def begin_counted(run: Run, now: datetime) -> None:
        begin(run, now)
        run.begun = True

    ids = [store.add() for _ in range(3)]
    for execution_id in ids:
        change(store, execution_id, begin_counted)
    change(store, ids[0], lambda run, now: None)
    assert list(Counter.objects.values_list("key", "workflow_id", "executed")) == [("gone", 999_999, 3)]
