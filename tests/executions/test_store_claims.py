"""What a claim brings and what it passes over, of both stores."""

from datetime import datetime
from typing import Any

import pytest

from executions.run import Run
from executions.store.memory import MemoryStore
from tests.executions.stores import (
    WITH_ROW_LOCKS,
    add_job,
    ago,
    begin,
    begun,
    change,
    claimed,
    elsewhere,
    graph,
)


def test_the_longest_due_are_claimed_first(store):
    middle, first, last = (store.add(due_at=ago(store, seconds)) for seconds in (20, 30, 10))
    assert claimed(store) == [first, middle, last]
    assert claimed(store, limit=2) == [first, middle]


def test_since_passes_over_what_was_due_before(store):
    _first, middle, last = (store.add(due_at=ago(store, seconds)) for seconds in (30, 20, 10))
    since = store.read(middle).due_at
    assert claimed(store, since=since) == [middle, last]


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"queue": "another"}, id="another queue"),
        pytest.param({"solo": True}, id="another class"),
        pytest.param({"due_at": None}, id="not due at all"),
    ],
)
def test_only_what_is_due_of_one_queue_and_class_is_claimed(store, columns):
    store.add(**columns)
    assert claimed(store) == []


def test_the_future_is_not_due(store):
    execution_id = store.add(due_at=ago(store, -60))
    assert claimed(store) == []
    assert store.heads("sluice") == {}
    with store.segment():
        assert [run.id for run in store.claim_one(execution_id)] == [execution_id]


def test_heads_are_the_oldest_of_each_class(store):
    assert store.heads("sluice") == {}
    times = [ago(store, seconds) for seconds in (20, 30, 10)]
    for due_at in times:
        store.add(due_at=due_at)
    assert store.heads("sluice") == {False: times[1]}
    store.add(solo=True, due_at=times[2])
    store.add(queue="another", due_at=ago(store, 99))
    assert store.heads("sluice") == {False: times[1], True: times[2]}


def test_a_run_that_is_not_there_is_not_claimed(store):
    with store.segment():
        assert store.claim_one(987_654_321) == []


def test_a_claim_brings_the_columns_it_needs(store):
    columns = {
        "stack": [[7, 8]],
        "parent_execution_id": 7,
        "parent_job": 3,
        "lane": "product-1",
        "priority": 5,
        "crashes": 2,
        "created_by_id": 4,
        "paused_at": ago(store, 3),
        "expires_at": ago(store, -3),
    }
    execution_id = store.add({"amount": 1}, **columns)
    with store.segment():
        [run] = store.claim_one(execution_id)
        assert {name: getattr(run, name) for name in columns} == columns
        assert (run.id, run.workflow_id, run.key, run.turn) == (execution_id, 999_999, "gone", 0)
        assert (run.status, list(run.agenda), run.known, run.begun) == (None, [], {}, False)
        assert run.context == {"amount": 1}


@pytest.mark.parametrize("context", [None, 0, "text", [1, None], {"a": {"b": "é"}}])
def test_the_context_comes_as_it_went_in(store, context):
    with store.segment():
        [run] = store.claim_one(store.add(context))
        assert run.context == context


@pytest.mark.parametrize("store", WITH_ROW_LOCKS, indirect=True)
def test_what_another_holds_is_passed_over(store):
    held, free = (store.add(due_at=ago(store, seconds)) for seconds in (30, 10))

    def claim_one() -> list[Run]:
        with store.segment():
            return store.claim_one(held)

    with store.segment():
        assert [run.id for run in store.claim("sluice", solo=False, limit=1)] == [held]
        assert elsewhere(lambda: claimed(store)) == [free]
        assert elsewhere(claim_one) == []
    assert elsewhere(lambda: claimed(store)) == [held, free]


@pytest.mark.parametrize("store", WITH_ROW_LOCKS, indirect=True)
def test_others_see_only_what_was_committed(store):
    execution_id = store.add()
    with store.segment():
        [run] = store.claim_one(execution_id)
        begin(run, store.now())
        store.write([run], store.now())
        assert elsewhere(lambda: store.read(execution_id).turn) == 0
        assert store.read(execution_id).turn == 1
    assert elsewhere(lambda: store.read(execution_id).turn) == 1


def test_a_segment_that_fails_wrote_nothing_and_holds_nothing(store):
    execution_id = store.add()

    def fail(run: Run, now: datetime) -> None:
        begin(run, now)
        add_job(run, now)
        store.write([run], now)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change(store, execution_id, fail)
    assert (store.read(execution_id).status, store.read(execution_id).turn) == (None, 0)
    assert store.all_jobs(execution_id) == []
    assert claimed(store) == [execution_id]


def test_what_is_not_written_is_lost(store):
    execution_id = begun(store, {"status": 0, "result": {"done": [1]}}, agenda=[["resume", 1]], stack=[[7, 8]])
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        run.stack.append([9, 9])
        run.agenda[0].append("more")
        run.job(1).result["done"].append(2)
        run.end(1, store.now())
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        assert (run.status, run.stack, list(run.agenda)) == (0, [[7, 8]], [["resume", 1]])
        assert (run.job(1).status, run.job(1).result) == (0, {"done": [1]})


def test_who_names_an_old_turn_gets_nothing(store):
    execution_id = store.add()
    change(store, execution_id, begin)
    with store.segment():
        assert store.claim_one(execution_id, turn=0) == []
        assert [run.turn for run in store.claim_one(execution_id, turn=1)] == [1]


def test_performs_are_found_oldest_first(store):
    def external(seconds: float | None, **columns: Any) -> dict[str, Any]:
        due_at = None if seconds is None else ago(store, seconds)
        return {"status": 0, "wait": "performer", "queue": "sluice", "due_at": due_at, **columns}

    first = begun(store, external(20), external(-60), external(None), external(20, queue="another"))
    second = begun(store, external(30), external(40, wait="call"), external(10))
    expected = [(second, 1), (first, 1), (second, 3)]
    pairs = [(run, store.all_jobs(run)[number - 1].id) for run, number in expected]
    assert store.due_performs("sluice", 10) == pairs
    assert store.due_performs("sluice", 2) == pairs[:2]
    assert store.due_performs("nobody", 10) == []


@pytest.mark.once
def test_the_twin_works_only_inside_a_segment():
    store = MemoryStore()
    execution_id = store.add(graph())
    with pytest.raises(RuntimeError, match="inside"):
        store.claim_one(execution_id)
    with store.segment(), pytest.raises(RuntimeError, match="under way"), store.segment():
        pass
