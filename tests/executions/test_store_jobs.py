"""Which jobs a run goes on with, and how they are written, of both stores."""

from datetime import datetime

import pytest
from django.db import IntegrityError

from executions.run import Run
from tests.executions.stores import ENDED, NODE, PENDING, add_job, ago, begun, change


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
