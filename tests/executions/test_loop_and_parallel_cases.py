"""Loops and parallels through the whole engine, in memory: the numbered cases of the specification (section 7)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import client  # noqa: F401
from tests.building import build
from tests.executions.walking import FAIL, PASS, WAIT, Walk, condition, delay, give, loop, parallel, retried
from tests.faults import kinds

ITEM, INDEX = "{{$scopes.n1.item}}", "{{$scopes.n1.index}}"


@pytest.fixture(autouse=True)
def _acts() -> Iterator[None]:
    with kinds.known() as acts:
        acts["fail at 0"] = lambda step: acts["give" if kinds.value(step) else "fail"](step)
        yield


def asks(left: Any, right: Any, **more: Any) -> dict[str, Any]:
    return {"condition": {"calculation": {"calculator": "equal", "operands": [left, right]}, **more}}


def both() -> dict[str, Any]:
    parts = [{"calculator": "equal", "operands": [each, 0]} for each in (ITEM, INDEX)]
    return {"condition": {"calculation": {"group": {"type": "and", "calculations": parts}}}}


FAILED = {"message": "It failed."}
ROWS = [{"content": "a"}, {"content": "b"}]


@pytest.mark.once
@pytest.mark.parametrize(
    ("step", "result", "inner"),
    [
        pytest.param(("loop", {"target": 3}), {"looped": 0, "done": 0}, [], id="case_138-no-branch"),
        pytest.param(loop(None, [PASS]), {"looped": 0, "done": 0}, [], id="case_138-null"),
        pytest.param(("loop", {}, {0: [PASS]}), {"looped": 0, "done": 0}, [], id="case_138-no-target"),
        pytest.param(loop(0, [PASS]), {"looped": 0, "done": 0}, [], id="case_138-0"),
        pytest.param(loop([], [PASS]), {"looped": 0, "done": 0}, [], id="case_138-empty"),
        pytest.param(loop([None], [give(ITEM)]), {"looped": 1, "done": 1}, [None], id="case_139"),
        pytest.param(loop(2.5, [give(ITEM)]), {"looped": 2, "done": 2}, [0, 1], id="case_140-number"),
        pytest.param(loop({}, [give(ITEM)]), {"looped": 1, "done": 1}, [{}], id="case_140-object"),
        pytest.param(loop([1, 2], [give(ITEM)]), {"looped": 2, "done": 2}, [1, 2], id="case_140-list"),
        pytest.param(
            loop("{{$context.rows}}", [give("{{$scopes.n1.item.content}}")]),
            {"looped": 2, "done": 2}, ["a", "b"], id="case_141",
        ),
        pytest.param(
            loop(3, [FAIL], exit=1), {"looped": 1, "done": 0, "broken": True}, [FAILED], id="case_143"
        ),
        pytest.param(
            loop(2, [FAIL], exit=2), {"looped": 2, "done": 2}, [FAILED, FAILED], id="case_144"
        ),
        pytest.param(
            loop(2, [give(ITEM)], **asks(1, 2, checkpoint=1)),
            {"looped": 1, "done": 1, "broken": True}, [0], id="case_147",
        ),
        pytest.param(loop(2, [give(ITEM)], **both()), {"looped": 1, "done": 1, "broken": True}, [0], id="case_148"),
        pytest.param(
            loop(2, [give(ITEM)], **asks(1, 2, continueOnFalse=True)), {"looped": 2, "done": 0}, [],
            id="case_149-always",
        ),
        pytest.param(
            loop(2, [give(ITEM)], **asks(ITEM, 0, continueOnFalse=True)), {"looped": 2, "done": 1}, [0],
            id="case_149-second",
        ),
        pytest.param(loop(2, [give(ITEM)], condition={}), {"looped": 2, "done": 2}, [0, 1], id="case_150"),
        pytest.param(
            loop(2, [condition(True, {1: [FAIL]})], exit=1), {"looped": 1, "done": 0, "broken": True}, [True],
            id="case_152",
        ),
    ],
)  # fmt: skip
def test_loops_end_well_and_the_line_goes_on(step: Any, result: Any, inner: list[Any]) -> None:
    walk = Walk([step, give("behind")], {"rows": ROWS}).settle()
    assert (walk.run.status, walk.job("n1").status, walk.job("n1").result) == (1, 1, result)
    of_rounds = [job.result for job in walk.jobs if job.parent == 1]
    assert (of_rounds, walk.jobs[-1].result) == (inner, "behind")


@pytest.mark.once
def test_case_145_each_resume_advances_the_loop_by_one_round() -> None:
    walk = Walk([loop(3, [WAIT]), PASS]).settle()
    for done in range(3):
        assert (walk.job("n1").result, walk.run.ended) == ({"looped": done, "done": done}, False)
        walk.complete("n2").settle()
    assert (walk.run.status, walk.job("n1").result) == (1, {"looped": 3, "done": 3})


@pytest.mark.once
@pytest.mark.parametrize(
    ("mode", "branches", "status", "result", "run"),
    [
        pytest.param("all", [[PASS], [PASS]], 1, [1, 1], 3, id="case_154"),
        pytest.param("any", [[PASS], [PASS]], 1, [1, None], 2, id="case_156-first"),
        pytest.param("any", [[FAIL], [PASS]], 1, [-1, 1], 3, id="case_156-second"),
        pytest.param("any", [[FAIL], [FAIL]], -1, [-1, -1], 3, id="case_156-none"),
        pytest.param("race", [[PASS], [PASS]], 1, [1, None], 2, id="case_157-fine"),
        pytest.param("race", [[FAIL], [PASS]], -1, [-1, None], 2, id="case_157-fails"),
        pytest.param("allSettled", [[FAIL], [PASS]], 1, [-1, 1], 3, id="case_158"),
        pytest.param("all", [[parallel("all", [PASS], [PASS])], [PASS]], 1, [1, 1], 5, id="case_162"),
    ],
)
def test_parallels(mode: str, branches: list[Any], status: int, result: list[Any], run: int) -> None:
    walk = Walk([parallel(mode, *branches)]).settle()
    own = walk.jobs[0]
    assert (own.status, own.result, len(walk.jobs), walk.run.status) == (status, result, run, status)


@pytest.mark.once
def test_case_159_a_waiting_branch_is_waited_for() -> None:
    walk = Walk([parallel("allSettled", [PASS], [WAIT]), PASS]).settle()
    assert (walk.job("n1").result, walk.run.ended) == ([1, None], False)
    walk.complete("n3", -1).settle()
    assert (walk.job("n1").result, walk.run.status, walk.jobs[-1].node_key) == ([1, -1], 1, "n4")


@pytest.mark.once
def test_case_160_branches_run_by_ascending_index() -> None:
    walk = Walk([("parallel", {}, {3: [give("three")], 1: [give("one")]})]).settle()
    assert ([job.result for job in walk.jobs], walk.run.status) == ([[1, 1], "one", "three"], 1)


@pytest.mark.django_db
def test_case_164_an_invalid_mode_is_refused_and_no_configuration_accepted(client: Any) -> None:  # noqa: F811
    workflow = build([])
    body = {"type": "parallel", "config": {"mode": "some"}}
    api = client()
    answer = api("POST", f"workflows/{workflow.pk}/nodes/", body, status=400)
    assert [error["field"] for error in answer["errors"]] == ["config.mode"]
    api("POST", f"workflows/{workflow.pk}/nodes/", {"type": "parallel"}, status=201)


@pytest.mark.parametrize(
    "waiting",
    [delay(5), retried(FAIL, retry={"attempts": 2, "interval": 1_000})],
    ids=["a timer", "an attempt"],
)
def test_who_completes_a_step_whose_time_has_come_is_not_followed_by_the_worker(waiting: Any) -> None:
    """The segment that took both times ended after its first move."""
    walk = Walk([parallel("allSettled", [delay(5), PASS], [waiting, PASS, delay(1)])]).settle()
    walk.clock.move(6)
    walk.segment(moves=1).complete("n4").settle()
    assert [key for key, _status in walk.statuses].count("n5") == 1
    assert walk.later(1).run.status == 1
