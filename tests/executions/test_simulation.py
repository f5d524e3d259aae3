"""The processor without a database: its walk, move by move, over the twin in memory."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.executions.walking import FAIL, PASS, WAIT, Walk, cases, condition, delay, loop, parallel, retried
from tests.faults import kinds
from workflows.instructions.base import Outcome

pytestmark = pytest.mark.once

HOUR = 3_600


@pytest.fixture(autouse=True)
def acts() -> Iterator[dict[str, kinds.Act]]:
    """The node kinds of tests.faults.kinds are registered; a test may add acts of its own."""
    with kinds.known() as known:
        yield known


NAMES = {"n1": "C", "n2": "P", "n3": "L", "n4": "c", "n5": "D", "n6": "O"}


def test_the_agenda_after_each_commit():
    """engine.md, "Agenda". The last branch leaves no `[branch P -]` behind: nothing would be left to start."""
    create = ("t-write", {"act": "give", "value": "{{$scopes.n3.index}}"})
    walk = Walk([condition(True), parallel("all", [loop(3, [create])], [delay(HOUR)]), ("output", {"value": "done"})])
    agendas = []
    while walk.due():
        agendas.append(walk.segment().agenda(NAMES))
    assert agendas == [
        "[run P C -]",
        "[run L P P][branch P -]",
        *["[run c L L][branch P -]", "[branch L c][branch P -]"] * 3,
        "[branch P L][branch P -]",
        "[branch P -]",
        "[run D P P]",
        "",
    ]
    assert (walk.run.status, walk.run.turn) == (0, 12)
    assert walk.run.due_at == walk.job("n5").due_at == walk.clock.now() + timedelta(hours=1)
    walk.clock.move(HOUR)
    agendas = []
    while walk.due():
        agendas.append(walk.segment().agenda(NAMES))
    # The claim that finds the timer due makes `[resume D]` of it and takes it at once.
    assert agendas == ["[branch P D]", "[run O P -]", ""]
    assert (walk.run.status, walk.run.output, walk.run.due_at) == (1, "done", None)
    assert [job.result for job in walk.jobs if job.node_key == "n4"] == [0, 1, 2]


def test_timers_that_come_due_together_stand_one_behind_the_other():
    walk = Walk([parallel("all", [delay(1)], [delay(1)])]).settle()
    walk.clock.move(1)
    assert [walk.segment().agenda() for _ in range(3)] == ["[branch n1 n2][resume n3]", "[resume n3]", "[branch n1 n3]"]


def test_what_was_completed_from_outside_comes_last():
    walk = Walk([parallel("all", [WAIT, PASS], [loop(2, [PASS])])]).segment(4)
    assert walk.agenda() == "[run n5 n4 n4]"
    assert walk.complete("n2").agenda() == "[run n5 n4 n4][run n3 n2 n1]"


@pytest.mark.parametrize(
    ("steps", "statuses", "status"),
    [
        pytest.param([condition(False, {1: [PASS], 0: [PASS]})], {"n1": 1, "n3": 1}, 1, id="122"),
        pytest.param(
            [condition(False, {0: [condition(False, {1: [PASS]})]}), PASS], {"n1": 1, "n2": 1, "n4": 1}, 1, id="123"
        ),
        pytest.param(
            [cases(True, branches={1: [("end", {"endStatus": -1})]}), PASS], {"n1": 1, "n2": -1}, -1, id="136"
        ),
        pytest.param(
            [loop(3, [condition(True, {1: [FAIL]})], exit=1), PASS], {"n1": 1, "n2": 1, "n3": -1, "n4": 1}, 1, id="152"
        ),
        pytest.param(
            [parallel("all", [parallel("all", [PASS], [PASS])], [PASS])],
            {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": 1},
            1,
            id="162",
        ),
        pytest.param([condition(True, {1: [FAIL]}), PASS], {"n1": 1, "n2": -1}, -1, id="a failure passes a condition"),
        pytest.param([loop(2, [FAIL], exit=2), PASS], {"n1": 1, "n2": -1, "n3": 1}, 1, id="a loop goes on"),
        pytest.param([loop(2, [FAIL]), PASS], {"n1": -1, "n2": -1}, -1, id="a loop fails"),
    ],
)
def test_branches_under_the_processor(steps, statuses, status):
    """The acceptance cases of spec 7 by number; the last status of each node."""
    walk = Walk(steps).settle()
    assert dict(walk.statuses) == statuses
    assert walk.run.status == status


def test_a_failed_round_ends_a_loop_that_breaks():
    walk = Walk([loop(3, [condition(True, {1: [FAIL]})], exit=1), PASS]).settle()
    assert walk.job("n1").result == {"looped": 1, "done": 0, "broken": True}
    assert len(walk.jobs) == 4


@pytest.mark.parametrize(("by", "status", "last"), [(1, 1, ("n3", 1)), (-2, -2, ("n2", -2))])
def test_a_pending_step_in_a_condition(by, status, last):
    """Spec case 124."""
    walk = Walk([condition(True, {1: [WAIT]}), PASS]).settle()
    assert (walk.run.status, walk.run.due_at) == (0, None)
    walk.complete("n2", by).settle()
    assert (walk.run.status, walk.statuses[-1]) == (status, last)


def test_a_pending_case_that_fails_tries_no_other():
    """Spec case 137."""
    walk = Walk([cases(True, True, branches={1: [WAIT], 2: [PASS]}), PASS]).settle()
    walk.complete("n2", -1).settle()
    assert (walk.run.status, walk.statuses) == (-1, [("n1", 1), ("n2", -1)])


def test_each_completion_takes_a_loop_one_round_on():
    """Spec case 145."""
    walk = Walk([loop(3, [WAIT]), PASS]).settle()
    for done in range(3):
        assert walk.job("n1").result == {"looped": done, "done": done}
        assert [key for key, _ in walk.statuses] == ["n1"] + ["n2"] * (done + 1)
        walk.complete("n2").settle()
    assert walk.job("n1").status == 1
    assert (walk.run.status, walk.statuses[-1]) == (1, ("n3", 1))


def test_what_a_person_answers_is_what_later_steps_read():
    walk = Walk([WAIT, ("output", {"value": "{{$jobsMapByNodeKey.n1.name}}"})]).settle()
    walk.complete("n1", result={"name": "Ada"}).settle()
    assert walk.run.output == "Ada"
    assert walk.job("n2").upstream == 1


def test_attempts_come_after_the_back_off():
    policy = {"retry": {"attempts": 5, "interval": 1_000, "backoff": 3, "maxInterval": 5_000}}
    walk = Walk([retried(FAIL, **policy)]).settle()
    for attempt, seconds in [(2, 1), (3, 3), (4, 5), (5, 5)]:
        job = walk.job("n1")
        assert (job.status, job.wait, job.attempt, job.result) == (0, "attempt", attempt, None)
        assert walk.run.due_at == walk.clock.now() + timedelta(seconds=seconds)
        assert walk.later(seconds - 0.001).job("n1").attempt == attempt
        walk.later(0.001)
    job = walk.job("n1")
    assert (job.status, job.wait, job.result, walk.run.status) == (-1, None, {"message": "It failed."}, -1)
    assert [(each["number"], each["status"], each["message"]) for each in job.attempts] == [
        (number, -1, "It failed.") for number in range(1, 6)
    ]
    assert len(walk.jobs) == 1


def test_a_later_attempt_may_succeed(acts):
    acts["third"] = lambda step: Outcome(1 if step.attempt == 3 else -2, {"message": f"attempt {step.attempt}"})
    walk = Walk([loop(1, [retried(("t-do", {"act": "third"}), retry={"attempts": 3})]), PASS]).settle()
    walk.later(1).later(2)
    assert (walk.run.status, walk.job("n2").result) == (1, {"message": "attempt 3"})
    assert [(each["number"], each["status"]) for each in walk.job("n2").attempts] == [(1, -2), (2, -2), (3, 1)]


@pytest.mark.parametrize(
    ("policy", "status", "statuses"),
    [
        pytest.param({}, -1, [("n1", -1)], id="fail"),
        pytest.param({"onError": "continue"}, 1, [("n1", -1), ("n2", 1)], id="continue"),
        pytest.param({"onError": "ask"}, -6, [("n1", -1)], id="ask"),
        pytest.param({"retry": {"attempts": 3, "statuses": [-2]}}, -1, [("n1", -1)], id="another status is retried"),
    ],
)
def test_what_a_failure_leads_to(policy, status, statuses):
    walk = Walk([retried(FAIL, **policy), PASS]).settle()
    assert (walk.run.status, walk.statuses) == (status, statuses)


def test_a_waiting_run_times_out():
    """Spec case 100."""
    walk = Walk([parallel("all", [WAIT], [delay(HOUR)])], timeout=5_000).settle()
    assert walk.run.due_at == walk.run.expires_at == walk.clock.now() + timedelta(seconds=5)
    walk.later(4.999)
    assert walk.run.status == 0
    walk.later(0.001)
    assert (walk.run.status, walk.run.reason) == (-3, "timeout")
    assert [(job.status, job.wait, job.due_at) for job in walk.jobs] == [(-3, None, None)] * 3


def test_a_run_times_out_between_two_steps(acts):
    """Spec case 101."""
    walk = Walk([("t-do", {"act": "long"}), PASS], timeout=5_000)

    def long(step: Any) -> Outcome:
        walk.clock.move(6)
        return Outcome()

    acts["long"] = long
    walk.settle()
    assert (walk.run.status, walk.run.reason, walk.statuses) == (-3, "timeout", [("n1", 1)])


@pytest.mark.parametrize(
    ("policy", "status", "statuses"),
    [({}, -3, [("n1", -3)]), ({"onError": "continue"}, 1, [("n1", -3), ("n2", 1)])],
)
def test_a_person_who_does_not_answer(policy, status, statuses):
    walk = Walk([retried(WAIT, timeout=2_000, **policy), PASS]).settle()
    assert walk.run.due_at == walk.clock.now() + timedelta(seconds=2)
    walk.later(2)
    assert (walk.run.status, walk.statuses) == (status, statuses)


def test_a_person_who_does_not_answer_is_asked_again():
    walk = Walk([retried(WAIT, timeout=2_000, retry={"attempts": 2, "statuses": []})]).settle()
    walk.later(2)
    assert (walk.run.status, walk.job("n1").attempt) == (0, 2)
    walk.later(1).later(2)
    assert (walk.run.status, walk.statuses) == (-3, [("n1", -3)])
    assert [(each["number"], each["status"]) for each in walk.job("n1").attempts] == [(1, -3), (2, -3)]


def test_a_failed_step_keeps_what_it_left_as_input(acts):
    def fails(step: Any) -> Outcome:
        step.input = {"total": 3}
        raise RuntimeError("It failed.")

    acts["fails"] = fails
    walk = Walk([("t-do", {"act": "fails"})]).settle()
    assert (walk.run.status, walk.job("n1").input) == (-2, {"total": 3})


def test_an_error_is_one_line_and_its_traceback_is_for_debugging(acts, caplog):
    def fails(step: Any) -> Outcome:
        raise RuntimeError("It failed\nin two lines.")

    acts["fails"] = fails
    with caplog.at_level("DEBUG", "sluice.processor"):
        Walk([("t-do", {"act": "fails"})]).settle()
    logged = [(each.levelname, bool(each.exc_info), each.getMessage()) for each in caplog.records]
    assert [each[:2] for each in logged] == [("INFO", False), ("DEBUG", True)]
    assert logged[0][2].endswith("failed: RuntimeError: It failed in two lines.")


def test_a_step_that_calls_the_world_is_for_performers():
    walk = Walk([("t-call", {"act": "give"}), PASS]).settle()
    job = walk.job("n1")
    assert (job.wait, job.attempt, job.due_at, walk.run.due_at) == ("performer", 0, walk.clock.now(), None)
    assert walk.store.due_performs("sluice", 9) == [(walk.id, job.id)]
    walk.complete("n1", result="answer").settle()
    assert (walk.run.status, walk.statuses) == (1, [("n1", 1), ("n2", 1)])


def _begin_call(walk: Walk) -> None:
    """As a performer does, with a minute's deadline."""
    with walk.store.segment():
        [run] = walk.store.claim_one(walk.id)
        walk.store.load_jobs([run])
        job = run.job(1)
        job.attempt += 1
        job.wait, job.due_at, job.changed = "call", walk.clock.now() + timedelta(seconds=60), True
        walk.store.write([run], walk.clock.now())


@pytest.mark.parametrize(("kind", "calls"), [("t-call", 3), ("t-call-once", 1)])
def test_calls_that_are_lost(kind, calls):
    walk = Walk([(kind, {"act": "give"})]).settle()
    for _ in range(calls):
        assert (walk.job("n1").wait, walk.run.status) == ("performer", 0)
        _begin_call(walk)
        walk.later(60)
    assert (walk.job("n1").status, walk.job("n1").attempt, walk.run.status) == (-2, calls, -2)
    assert "unknown" in walk.run.error


def test_what_waits_below_a_decided_parallel_wakes_nobody():
    walk = Walk([parallel("any", [loop(2, [delay(1)])], [PASS]), delay(HOUR), PASS]).settle()
    late = walk.job("n3")
    assert (walk.job("n1").status, late.status, late.wait, late.due_at) == (1, 0, "timer", None)
    assert walk.run.due_at == walk.job("n5").due_at
    walk.later(HOUR)
    assert walk.run.status == 1
    assert (walk.job("n2").status, walk.job("n3").status, walk.job("n3").wait) == (0, 0, None)


@pytest.mark.parametrize("status", [1, -1])
def test_what_completes_below_a_decided_parallel_is_recorded_and_moves_nothing(status):
    walk = Walk([parallel("any", [loop(2, [WAIT])], [PASS]), delay(HOUR)]).settle()
    before = len(walk.jobs)
    walk.complete("n3", status, "late")
    assert walk.agenda() == ""
    walk.settle()
    assert (walk.job("n3").status, walk.job("n3").result, len(walk.jobs)) == (status, "late", before)
    assert (walk.job("n1").result, walk.job("n2").status) == ([None, 1], 0)
    assert walk.later(HOUR).run.status == 1


def test_moves_below_what_was_decided_meanwhile_are_dropped():
    walk = Walk([parallel("race", [WAIT, PASS], [WAIT]), delay(HOUR)]).settle()
    walk.complete("n4").complete("n2")
    assert walk.agenda() == "[branch n1 n4][run n3 n2 n1]"
    walk.settle()
    assert (walk.job("n1").result, [key for key, _ in walk.statuses]) == ([None, 1], ["n1", "n2", "n4", "n5"])


def test_a_second_branch_to_end_finds_its_race_decided():
    walk = Walk([parallel("race", [WAIT], [WAIT]), delay(HOUR)]).settle()
    walk.complete("n3").complete("n2", -1)
    assert walk.agenda() == "[branch n1 n3][branch n1 n2]"
    walk.settle()
    assert (walk.job("n1").status, walk.job("n1").result, walk.run.status) == (1, [None, 1], 0)


def test_a_round_that_ends_below_a_decided_job_begins_no_other():
    walk = Walk([parallel("race", [loop(3, [WAIT])], [WAIT]), delay(HOUR)]).settle()
    walk.complete("n4").complete("n3")
    assert walk.agenda() == "[branch n1 n4][branch n2 n3]"
    walk.settle()
    assert walk.job("n2").result == {"looped": 0, "done": 0}
    assert [key for key, _ in walk.statuses] == ["n1", "n2", "n3", "n4", "n5"]


def test_a_timer_below_what_was_decided_meanwhile_moves_nothing():
    walk = Walk([parallel("race", [delay(1)], [delay(1), PASS]), delay(HOUR)]).settle().later(1)
    assert (walk.job("n1").result, [key for key, _ in walk.statuses]) == ([1, None], ["n1", "n2", "n3", "n5"])
    assert (walk.job("n3").status, walk.job("n3").wait) == (0, None)


def test_a_decided_job_far_above_counts_too():
    walk = Walk([parallel("any", [loop(2, [parallel("all", [WAIT, PASS])])], [PASS]), delay(HOUR)]).settle()
    walk.complete("n4").settle()
    assert [key for key, _ in walk.statuses] == ["n1", "n2", "n3", "n4", "n6", "n7"]


def test_a_paused_run_does_nothing_but_time_out():
    walk = Walk([delay(1), PASS], timeout=5_000).settle()
    with walk.store.segment():
        [run] = walk.store.claim_one(walk.id)
        walk.store.load_jobs([run])
        run.paused_at = walk.clock.now()
        walk.store.write([run], walk.clock.now())
    walk.later(2).segment()
    assert (walk.run.status, walk.statuses, walk.run.due_at) == (0, [("n1", 0)], walk.run.expires_at)
    walk.later(3)
    assert (walk.run.status, walk.run.reason, walk.run.paused_at) == (-3, "timeout", None)
