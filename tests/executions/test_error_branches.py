"""A node's error branch, in memory: what it is told, what follows from its end, whatever the node's kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.executions.walking import FAIL, PASS, WAIT, Walk, condition, delay, give, loop, parallel, retried
from tests.faults import kinds
from workflows.policy import ERROR_BRANCH

pytestmark = pytest.mark.once

BRANCH = {"onError": "branch"}


@pytest.fixture(autouse=True)
def _acts() -> Iterator[None]:
    with kinds.known():
        yield


def caught(step: tuple[Any, ...], *handlers: tuple[Any, ...], **policy: Any) -> tuple[Any, ...]:
    kind, config, *rest = step
    branches = {**(rest[0] if rest else {}), ERROR_BRANCH: list(handlers)}
    return (kind, config, branches, {**BRANCH, **policy})


WRONG = ("calculation", {"engine": "math.js", "expression": "1 1"})
TOLD = give("{{$scopes.n1.message}}")


@pytest.mark.parametrize(
    ("steps", "status", "statuses"),
    [
        pytest.param([caught(FAIL, PASS), PASS], 1, [("n1", -1), ("n2", 1), ("n3", 1)], id="caught, and on"),
        pytest.param([caught(FAIL, PASS)], 1, [("n1", -1), ("n2", 1)], id="caught at the end"),
        pytest.param([caught(FAIL, WRONG), PASS], -2, [("n1", -1), ("n2", -2)], id="the branch's failure stands"),
        pytest.param([caught(PASS, FAIL), PASS], 1, [("n1", 1), ("n3", 1)], id="nothing to catch"),
        pytest.param([retried(FAIL, **BRANCH), PASS], -1, [("n1", -1)], id="an empty branch catches nothing"),
        pytest.param(
            [caught(FAIL, caught(FAIL, PASS), PASS), PASS],
            1,
            [("n1", -1), ("n2", -1), ("n3", 1), ("n4", 1), ("n5", 1)],
            id="caught within",
        ),
        pytest.param(
            [caught(FAIL, caught(FAIL, WRONG)), PASS], -2, [("n1", -1), ("n2", -1), ("n3", -2)], id="fails up and up"
        ),
        pytest.param(
            [caught(FAIL, retried(WRONG, onError="continue")), PASS],
            1,
            [("n1", -1), ("n2", -2), ("n3", 1)],
            id="the branch passes over its own failure",
        ),
        pytest.param(
            [caught(FAIL, retried(WRONG, onError="ask")), PASS], -6, [("n1", -1), ("n2", -2)], id="the branch asks"
        ),
        pytest.param(
            [caught(FAIL, ("end", {"endStatus": -1})), PASS], -1, [("n1", -1), ("n2", -1)], id="the branch ends the run"
        ),
        pytest.param(
            [caught(condition(True, {1: [FAIL]}), PASS), PASS], -1, [("n1", 1), ("n2", -1)],
            id="a condition hands its branch's failure up",
        ),
        pytest.param(
            [caught(("condition", {"engine": "math.js", "expression": "1 1"}, {1: [PASS]}), PASS), PASS],
            1, [("n1", -2), ("n3", 1), ("n4", 1)], id="a condition's own failure",
        ),
        pytest.param(
            [caught(("condition", {"engine": "math.js", "expression": "1 == 2", "rejectOnFalse": True}), PASS), PASS],
            1, [("n1", -1), ("n2", 1), ("n3", 1)], id="a no that rejects",
        ),
        pytest.param(
            [caught(loop(3, [FAIL]), PASS), PASS], 1, [("n1", -1), ("n2", -1), ("n3", 1), ("n4", 1)], id="a loop fails"
        ),
        pytest.param([caught(loop(-1, [PASS]), PASS)], 1, [("n1", -2), ("n3", 1)], id="a loop that can't begin"),
        pytest.param(
            [loop(2, [caught(FAIL, PASS)]), PASS], 1,
            [("n1", 1), ("n2", -1), ("n3", 1), ("n2", -1), ("n3", 1), ("n4", 1)], id="in each round",
        ),
        pytest.param(
            [loop(2, [caught(FAIL, WRONG)]), PASS], -2, [("n1", -2), ("n2", -1), ("n3", -2)], id="in a round, in vain"
        ),
        pytest.param(
            [caught(parallel("all", [PASS], [FAIL], [PASS]), PASS), PASS], 1,
            [("n1", -1), ("n2", 1), ("n3", -1), ("n5", 1), ("n6", 1)], id="a parallel's failure",
        ),
        pytest.param(
            [parallel("allSettled", [caught(FAIL, PASS)], [caught(FAIL, WRONG)]), PASS], 1,
            [("n1", 1), ("n2", -1), ("n3", 1), ("n4", -1), ("n5", -2), ("n6", 1)], id="in a parallel's branches",
        ),
        pytest.param(
            [condition(True, {1: [caught(FAIL, PASS)]}), PASS], 1,
            [("n1", 1), ("n2", -1), ("n3", 1), ("n4", 1)], id="last in a condition's branch",
        ),
        pytest.param(
            [loop(2, [retried(FAIL, onError="continue")]), PASS], 1,
            [("n1", 1), ("n2", -1), ("n2", -1), ("n3", 1)], id="passed over at the end of a round",
        ),
        pytest.param(
            [parallel("all", [condition(True, {1: [retried(FAIL, onError="continue")]})], [PASS])], 1,
            [("n1", 1), ("n2", 1), ("n3", -1), ("n4", 1)], id="passed over at the end of a branch",
        ),
    ],
)  # fmt: skip
def test_what_follows(steps: list[Any], status: int, statuses: list[tuple[str, int]]) -> None:
    walk = Walk(steps).settle()
    assert (walk.run.status, walk.statuses) == (status, statuses)


def test_an_error_branch_that_waits_is_waited_for() -> None:
    walk = Walk([caught(FAIL, delay(5), PASS), PASS]).settle()
    assert not walk.run.ended
    assert walk.later(5).statuses == [("n1", -1), ("n2", 1), ("n3", 1), ("n4", 1)]
    assert walk.run.status == 1


def test_a_wait_that_fails_is_caught() -> None:
    walk = Walk([caught(WAIT, give("{{$scopes.n1.result.late}}")), PASS]).settle()
    walk.complete("n1", -5, {"late": "indeed"}).settle()
    assert (walk.run.status, walk.statuses) == (1, [("n1", -5), ("n2", 1), ("n3", 1)])
    assert walk.job("n2").result == "indeed"


def test_what_a_decided_parallel_left_waiting_moves_nothing_while_its_error_branch_runs() -> None:
    walk = Walk([caught(parallel("all", [WAIT], [FAIL]), delay(5), PASS)]).settle()
    walk.complete("n2").settle()
    assert walk.job("n2").status == 1
    walk.later(5)
    assert (walk.run.status, [key for key, _ in walk.statuses]) == (1, ["n1", "n2", "n3", "n4", "n5"])


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (FAIL, {"message": "It failed.", "status": -1, "attempts": 2, "result": {"message": "It failed."}}),
        (loop(2, [FAIL]), {"message": "It failed.", "status": -1, "attempts": 2, "result": {"looped": 1, "done": 0}}),
    ],
)  # fmt: skip
def test_it_is_told_of_the_failure_once_attempts_are_spent(step: Any, told: dict[str, Any]) -> None:
    retry = {"attempts": 2, "interval": 1_000}
    handler = loop(1, [give("{{$scopes.n1}}")])
    walk = Walk([caught(step, handler, retry=retry)]).settle()
    assert not walk.run.ended
    walk.later(1)
    assert (walk.run.status, walk.jobs[-1].result) == (1, told)


def test_a_loop_is_run_anew_from_its_first_round() -> None:
    retry = {"attempts": 3, "interval": 1_000}
    walk = Walk([retried(loop(2, [give("{{$scopes.n1.index}}"), condition(True, {1: [FAIL]})]), retry=retry)]).settle()
    for pause in (1, 2):
        assert not walk.run.ended
        walk.later(pause)
    assert walk.run.status == -1
    own = walk.job("n1")
    assert [(entry["number"], entry["status"], entry.get("jobs")) for entry in own.attempts or ()] == [
        (1, -1, 4), (2, -1, 7), (3, -1, None),
    ]  # fmt: skip
    assert [job.result for job in walk.jobs if job.node_key == "n2"] == [0, 0, 0]


def test_what_waits_in_a_failed_attempt_is_given_up_before_the_next() -> None:
    retry = {"attempts": 2, "interval": 1_000}
    walk = Walk([retried(parallel("all", [delay(60)], [WAIT], [FAIL]), retry=retry)]).settle()
    assert walk.statuses == [("n1", 0), ("n2", -3), ("n3", -3), ("n4", -1)]
    assert list(walk.run.agenda) == []
    walk.later(1)
    assert walk.run.status == -1
    assert walk.statuses[4:] == [("n2", 0), ("n3", 0), ("n4", -1)]
