"""One suite for both stores: claims and journal of the database, and their twin in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections

from executions.models import Execution, Job
from executions.run import ChildRun, Run, RunJob
from executions.store import claims, journal, session
from executions.store.memory import MemoryStore
from tests.executions import rows
from workflows.graph import Graph
from workflows.models import Counter, Workflow

#: The node of the jobs made here, unless a test says otherwise.
NODE = 5


def graph(**columns: Any) -> Graph:
    return Graph(Workflow(**{"pk": 999_999, "key": "gone", "title": "Gone", "type": "manual"} | columns), [])


class Database:
    """Functions of claims and journal; runs come in as rows."""

    segment = staticmethod(session.segment)
    heads = staticmethod(claims.heads)
    load_jobs = staticmethod(claims.load_jobs)
    write = staticmethod(journal.write)
    due_performs = staticmethod(claims.due_performs)
    now = staticmethod(session.database_now)

    def add(self, context: Any = None, **columns: Any) -> int:
        columns.setdefault("due_at", self.now())
        return rows.run(status=None, context=context, **columns).pk

    def claim(self, queue: str, **limits: Any) -> list[Run]:
        return claims.claim(queue, **limits).runs

    def claim_one(self, execution_id: int, **at: Any) -> list[Run]:
        return claims.claim_one(execution_id, **at).runs

    def read(self, execution_id: int) -> Any:
        """The row; its columns are called as the attributes of `Run`."""
        return Execution.objects.get(pk=execution_id)

    def all_jobs(self, execution_id: int) -> list[Any]:
        return list(Job.objects.filter(execution_id=execution_id).order_by("number"))


class Twin:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = self.store.clock.now

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def add(self, context: Any = None, **columns: Any) -> int:
        return self.store.add(graph(), context, **columns)

    def all_jobs(self, execution_id: int) -> list[Any]:
        return list(self.store.read(execution_id).known.values())


Store = Any

_IN_MEMORY = pytest.param(Twin, id="memory", marks=pytest.mark.once)
_BOTH = [
    _IN_MEMORY,
    pytest.param(Database, id="database", marks=[pytest.mark.django_db(transaction=True), pytest.mark.engine]),
]
#: Databases whose rows can be locked one by one.
_WITH_ROW_LOCKS = [
    _IN_MEMORY,
    pytest.param(
        Database,
        id="database",
        marks=[pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.mariadb],
    ),
]


@pytest.fixture(params=_BOTH)
def store(request: pytest.FixtureRequest) -> Store:
    return request.param()


def ago(store: Store, seconds: float) -> datetime:
    return store.now() - timedelta(seconds=seconds)


def claimed(store: Store, queue: str = "sluice", *, solo: bool = False, limit: int = 100, **limits: Any) -> list[int]:
    with store.segment():
        return [run.id for run in store.claim(queue, solo=solo, limit=limit, **limits)]


def change(store: Store, execution_id: int, by: Callable[[Run, datetime], object]) -> datetime:
    """Claims the run, lets it be changed and writes it; answers the time it was written at."""
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        now = store.now()
        by(run, now)
        store.write([run], now)
    return now


def begin(run: Run, now: datetime) -> None:
    run.status = 0
    run.started_at = now


def add_job(run: Run, now: datetime, *, node: int = NODE, parent: int | None = None, **columns: Any) -> RunJob:
    """A job of the run, ended unless its status says otherwise."""
    job = run.add_job(node, f"n{node}", parent, None, now)
    run.close_job(job, 1, now)
    for name, value in columns.items():
        setattr(job, name, value)
    if job.pending:
        run.pending.add(job.number)
    return job


def begun(store: Store, *jobs: dict[str, Any], agenda: list[Any] = [], **columns: Any) -> int:  # noqa: B006
    """A run that was begun and has these jobs."""
    execution_id = store.add(**columns)

    def with_jobs(run: Run, now: datetime) -> None:
        begin(run, now)
        run.agenda.extend(agenda)
        for job in jobs:
            add_job(run, now, **job)

    change(store, execution_id, with_jobs)
    return execution_id


def elsewhere(work: Callable[[], Any]) -> Any:
    """What it answers in another thread, and so over another connection."""

    def with_own_connection() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(with_own_connection).result(timeout=20)


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


@pytest.mark.parametrize("store", _WITH_ROW_LOCKS, indirect=True)
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


@pytest.mark.parametrize("store", _WITH_ROW_LOCKS, indirect=True)
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


def test_every_write_adds_one_to_the_turn(store):
    execution_id = store.add()
    for turn in (1, 2, 3):
        change(store, execution_id, lambda run, now: None)
        assert store.read(execution_id).turn == turn


def test_who_names_an_old_turn_gets_nothing(store):
    execution_id = store.add()
    change(store, execution_id, begin)
    with store.segment():
        assert store.claim_one(execution_id, turn=0) == []
        assert [run.turn for run in store.claim_one(execution_id, turn=1)] == [1]


PENDING = {"status": 0}
ENDED = {"status": 1}


@pytest.mark.parametrize(
    ("jobs", "agenda", "loaded"),
    [
        pytest.param([ENDED, PENDING, ENDED, PENDING], [], {2, 4}, id="pending ones"),
        pytest.param([ENDED, ENDED, ENDED, PENDING], [["run", 9, 1, 2]], {1, 2, 4}, id="of a run move"),
        pytest.param([ENDED, ENDED, PENDING, ENDED], [["run", 9, None, None, 2]], {2, 3}, id="of a run again"),
        pytest.param([ENDED, ENDED], [["run", 9, None, None]], set(), id="of a run at the head"),
        pytest.param([ENDED, ENDED], [["resume", 1]], {1}, id="of a resume"),
        pytest.param([ENDED, ENDED, ENDED], [["branch", 1, 3]], {1, 3}, id="of a branch that ended"),
        pytest.param([ENDED, ENDED], [["branch", 2, None]], {2}, id="of a branch to begin"),
        pytest.param([ENDED], [["tell", "parent"], ["delete"]], set(), id="of moves that name none"),
        pytest.param(
            [ENDED, ENDED | {"parent": 1}, ENDED, PENDING | {"parent": 2}], [], {1, 2, 4}, id="parents of pending ones"
        ),
        pytest.param(
            [ENDED, ENDED, ENDED | {"parent": 2}, ENDED], [["resume", 3]], {2, 3}, id="parents of those moves name"
        ),
    ],
)
def test_a_run_goes_on_with_the_jobs_it_needs(store, jobs, agenda, loaded):
    execution_id = begun(store, *jobs, agenda=agenda)
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        assert set(run.known) == loaded
        assert run.pending == {number for number, job in enumerate(jobs, start=1) if job["status"] == 0}
        assert run.last_number == len(jobs)


def test_jobs_of_many_runs_are_not_mixed_up(store):
    ids = [begun(store, *([ENDED] * number), PENDING | {"result": number}) for number in range(3)]
    with store.segment():
        runs = [run for execution_id in ids for run in store.claim_one(execution_id)]
        store.load_jobs(runs)
        assert [(run.last_number, *(job.result for job in run.known.values())) for run in runs] == [
            (1, 0),
            (2, 1),
            (3, 2),
        ]


def test_a_queued_run_has_nothing_to_load(store):
    with store.segment():
        [run] = store.claim_one(store.add())
        store.load_jobs([run])
        assert (run.known, run.last_number) == ({}, 0)


def test_jobs_are_read_on_demand(store):
    execution_id = begun(
        store, ENDED | {"node": 5, "result": "first"}, ENDED | {"node": 5, "result": "second"}, ENDED | {"node": 6}
    )
    with store.segment():
        [run] = store.claim_one(execution_id)
        store.load_jobs([run])
        assert run.known == {}
        assert run.job(1).result == "first"
        assert run.latest(5).result == "second"
        assert run.latest(7) is None
        with pytest.raises(KeyError):
            run.job(4)


def test_a_job_is_written_with_all_it_has(store):
    moment = ago(store, 5)
    values = {
        "parent": 2,
        "upstream": 1,
        "input": {"url": "a"},
        "result": [1, 2.5, None, "é"],
        "meta": {"length": 3},
        "log": '{"message": "x"}\n',
        "wait": "performer",
        "queue": "sluice",
        "due_at": moment,
        "attempt": 3,
        "attempts": [{"number": 1}],
        "started_at": moment,
        "ended_at": moment,
    }
    execution_id = begun(store, ENDED, ENDED, PENDING | values)
    job = store.all_jobs(execution_id)[2]
    assert {name: getattr(job, name) for name in values} == values
    assert (job.number, job.node_id, job.node_key, job.status) == (3, NODE, f"n{NODE}", 0)


def test_only_changed_jobs_are_updated(store):
    execution_id = begun(store, PENDING, PENDING)

    def close_one(run: Run, now: datetime) -> None:
        run.job(1).result = "changed"
        run.close_job(run.job(1), 1, now)
        run.job(2).result = "changed without a word of it"

    now = change(store, execution_id, close_one)
    first, second = store.all_jobs(execution_id)
    assert (first.status, first.result, first.ended_at) == (1, "changed", now)
    assert (second.status, second.result) == (0, None)


def test_values_come_back_as_json(store):
    execution_id = begun(store, PENDING | {"result": {"pair": (1, 2)}})
    with store.segment():
        [run] = store.claim_one(execution_id)
        assert run.job(1).result == {"pair": [1, 2]}


def test_a_second_author_of_a_number_is_refused(store):
    execution_id = begun(store, PENDING)
    with store.segment():
        [late] = store.claim_one(execution_id)
        store.load_jobs([late])
    change(store, execution_id, add_job)
    add_job(late, store.now(), result="late")
    with pytest.raises(IntegrityError), store.segment():
        store.write([late], store.now())
    assert [(job.number, job.result) for job in store.all_jobs(execution_id)] == [(1, None), (2, None)]


def test_one_number_in_two_runs_is_no_conflict(store):
    assert [len(store.all_jobs(begun(store, ENDED))) for _ in range(2)] == [1, 1]


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
            setattr(run, name, now + timedelta(seconds=value) if name.endswith("_at") else value)

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
        assert (child.created_by_id, child.due_at) == (4, now - timedelta(seconds=5))
        assert child.context == {"amount": 1}


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


@pytest.mark.parametrize("store", _BOTH[1:], indirect=True)
def test_runs_begun_are_counted_by_version(store):
    def begin_counted(run: Run, now: datetime) -> None:
        begin(run, now)
        run.begun = True

    ids = [store.add() for _ in range(3)]
    for execution_id in ids:
        change(store, execution_id, begin_counted)
    change(store, ids[0], lambda run, now: None)
    assert list(Counter.objects.values_list("key", "workflow_id", "executed")) == [("gone", 999_999, 3)]


@pytest.mark.once
def test_the_twin_works_only_inside_a_segment():
    store = MemoryStore()
    execution_id = store.add(graph())
    with pytest.raises(RuntimeError, match="inside"):
        store.claim_one(execution_id)
    with store.segment(), pytest.raises(RuntimeError, match="under way"), store.segment():
        pass
