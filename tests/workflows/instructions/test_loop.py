from collections.abc import Callable, Iterable
from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.graph import GraphNode
from workflows.instructions import loop as module
from workflows.instructions.base import Outcome, Step, StepJob, Wait
from workflows.instructions.loop import Loop
from workflows.statuses import JobStatus

Drive = Callable[..., tuple[Outcome, list[Any]]]


@pytest.fixture
def drive(make_node: Any, make_step: Any) -> Drive:
    """Runs a loop as the engine does, each round ending with the next status: (the last outcome, each round's item)."""

    def drive(config: Any, statuses: Iterable[int] = (1,) * 99, **scope: Any) -> tuple[Outcome, list[Any]]:
        node: GraphNode = make_node(Loop, config, {0: 1})
        scopes = {"$context": scope}
        outcome = Loop().run(make_step(node, scope=scopes))
        items = []
        rounds = iter(statuses)
        while outcome.status == JobStatus.PENDING:
            own = StepJob(1, 1, "n1", outcome.status, outcome.result, outcome.meta)
            step: Step = make_step(node, scope=scopes, job=own)
            if outcome.wait is Wait.TIMER:
                outcome = Loop().resume(step)
                continue
            assert (outcome.wait, outcome.branch) == (Wait.BRANCH, 0)
            local = Loop().local_scope(step)
            assert local is not None
            items.append(local["item"])
            decided = Loop().branch(step, StepJob(2, 10, "n10", next(rounds)))
            assert decided is not None
            outcome = decided
        return outcome, items

    return drive


def basic(left: Any, right: Any, calculator: str = "equal", **more: Any) -> dict[str, Any]:
    return {"calculation": {"calculator": calculator, "operands": [left, right]}} | more


ITEM, INDEX = "{{$scopes.n1.item}}", "{{$scopes.n1.index}}"


@pytest.mark.parametrize(
    "config",
    [{}, {"target": None}, {"target": 0}, {"target": 0.9}, {"target": []}, {"target": "{{$context.missing}}"}],
)
def test_138_nothing_to_loop_over_is_done_at_once(drive: Drive, config: Any) -> None:
    outcome, items = drive(config)
    assert (outcome.status, outcome.result, items) == (JobStatus.RESOLVED, {"looped": 0, "done": 0}, [])


def test_138_without_a_branch_it_is_done_at_once(make_step: Any) -> None:
    outcome = Loop().run(make_step(Loop, {"target": 3}))
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, {"looped": 0, "done": 0})


@pytest.mark.parametrize(
    ("target", "items"),
    [
        pytest.param([None], [None], id="139 a null is an item"),
        pytest.param(2.5, [0, 1], id="140 a number's whole part"),
        pytest.param({}, [{}], id="140 an object once"),
        pytest.param([1, 2], [1, 2], id="140 a list"),
        pytest.param("abc", ["abc"], id="a text once"),
        pytest.param([1, None, 3], [1, None, 3], id="a null keeps its index"),
        pytest.param("{{$context.rows}}", [{"content": "a"}, {"content": "b"}], id="a template for a list"),
        pytest.param("{{$context.rows.content}}", ["a", "b"], id="a column of a list"),
        pytest.param("{{$context.count}}", [0, 1, 2], id="a template for a number"),
        pytest.param(["{{$context.count}}", "x"], [3, "x"], id="templates in a list"),
    ],
)
def test_target(drive: Drive, target: Any, items: list[Any]) -> None:
    outcome, seen = drive({"target": target}, rows=[{"content": "a"}, {"content": "b"}], count=3)
    assert (seen, outcome.result) == (items, {"looped": len(items), "done": len(items)})


@pytest.mark.parametrize("target", [-1, -0.5, "{{$context.count}}"])
def test_a_target_below_zero_is_an_error(drive: Drive, target: Any) -> None:
    with pytest.raises(Invalid, match="target") as raised:
        drive({"target": target}, count=float("inf"))
    assert raised.value.field == "target"


def test_141_the_branch_sees_its_round(make_step: Any) -> None:
    job = StepJob(1, 1, "n1", 0, {"looped": 1, "done": 1}, {"length": 2})
    step = make_step(Loop, {"target": "{{$context.rows}}"}, {0: 1}, {"$context": {"rows": ["a", "b"]}}, job)
    assert Loop().local_scope(step) == {"item": "b", "index": 1, "sequence": 2, "length": 2}


@pytest.mark.parametrize(
    ("exit_as", "statuses", "status", "result"),
    [
        pytest.param(1, [-1], 1, {"looped": 1, "done": 0, "broken": True}, id="143 break at the first failure"),
        pytest.param(1, [1, -2], 1, {"looped": 2, "done": 1, "broken": True}, id="break at the second"),
        pytest.param(2, [-1, -2, -5], 1, {"looped": 3, "done": 3}, id="144 continue over failures"),
        pytest.param(0, [-5], -5, {"looped": 1, "done": 0}, id="return the failure"),
        pytest.param(None, [1, -2], -2, {"looped": 2, "done": 1}, id="return is the default"),
        pytest.param(0, [1, 1, 1], 1, {"looped": 3, "done": 3}, id="145 each round advances by one"),
    ],
)
def test_exit(drive: Drive, exit_as: int | None, statuses: list[int], status: int, result: dict[str, Any]) -> None:
    outcome, _items = drive({"target": 3, "exit": exit_as}, statuses)
    assert (outcome.status, outcome.result) == (status, result)


def test_152_a_failure_handed_up_from_deeper_breaks_the_loop(make_step: Any) -> None:
    job = StepJob(1, 1, "n1", 0, {"looped": 0, "done": 0}, {"length": 2})
    outcome = Loop().branch(make_step(Loop, {"target": 2, "exit": 1}, {0: 1}, job=job), StepJob(5, 777, "deep", -1))
    assert outcome is not None
    assert (outcome.status, outcome.result) == (1, {"looped": 1, "done": 0, "broken": True})


@pytest.mark.parametrize(
    ("condition", "result", "rounds"),
    [
        pytest.param(basic(1, 2), {"looped": 0, "done": 0, "broken": True}, 0, id="before: false at first"),
        pytest.param(basic(1, 2, checkpoint=1), {"looped": 1, "done": 1, "broken": True}, 1, id="147 after"),
        pytest.param(
            {"group": 0}
            | {
                "calculation": {
                    "group": {
                        "type": "and",
                        "calculations": [basic(ITEM, 0)["calculation"], basic(INDEX, 0)["calculation"]],
                    }
                }
            },
            {"looped": 1, "done": 1, "broken": True},
            1,
            id="148 item and index of the round",
        ),
        pytest.param(basic(1, 2, continueOnFalse=True), {"looped": 2, "done": 0}, 0, id="149 always skipped"),
        pytest.param(
            basic(ITEM, 0, continueOnFalse=True), {"looped": 2, "done": 1}, 1, id="149 only the second skipped"
        ),
        pytest.param(basic(ITEM, 1, continueOnFalse=True), {"looped": 2, "done": 1}, 1, id="only the first skipped"),
        pytest.param(basic(1, 2, checkpoint=1, continueOnFalse=True), {"looped": 2, "done": 1}, 1, id="after, skipped"),
        pytest.param({}, {"looped": 2, "done": 2}, 2, id="150 an empty condition"),
        pytest.param({"checkpoint": 0, "engine": "math.js"}, {"looped": 2, "done": 2}, 2, id="150 nothing asked"),
        pytest.param(False, {"looped": 2, "done": 2}, 2, id="condition false"),
        pytest.param(
            {"engine": "math.js", "expression": "{{ctx.$scopes.n1.sequence}} < {{$scopes.1.length}}"},
            {"looped": 1, "done": 1, "broken": True},
            1,
            id="an expression, by key and by id",
        ),
    ],
)
def test_condition(drive: Drive, condition: Any, result: dict[str, Any], rounds: int) -> None:
    outcome, items = drive({"target": 2, "condition": condition})
    assert (outcome.status, outcome.result, len(items)) == (JobStatus.RESOLVED, result, rounds)


def test_the_condition_sees_the_loops_around(make_step: Any) -> None:
    config = {"target": 1, "condition": basic("{{$scopes.outer.item}}", 5)}
    scope = {"$scopes": {"outer": {"item": 5}}}
    assert Loop().run(make_step(Loop, config, {0: 1}, scope)).branch == 0


def test_a_condition_that_cannot_be_evaluated_is_an_error(drive: Drive) -> None:
    with pytest.raises(Invalid):
        drive({"target": 1, "condition": {"engine": "math.js", "expression": "sqrt('x')"}})


def test_the_limit_counts_rounds(drive: Drive, settings: Any) -> None:
    settings.SLUICE = {"LOOP_LIMIT": 2}
    outcome, items = drive({"target": 3})
    assert (outcome.status, len(items)) == (JobStatus.ERROR, 2)
    assert outcome.result == {"looped": 2, "done": 2, "exceeded": True}


def test_the_limit_may_be_reached(drive: Drive, settings: Any) -> None:
    settings.SLUICE = {"LOOP_LIMIT": 3}
    assert drive({"target": 3})[0].status == JobStatus.RESOLVED


def test_many_refused_items_give_the_worker_back_now_and_then(
    make_step: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SKIPPED", 4)
    config = {"target": 10, "condition": basic(ITEM, 9, continueOnFalse=True)}
    first = Loop().run(make_step(Loop, config, {0: 1}))
    assert (first.wait, first.delay, first.result) == (Wait.TIMER, 0, {"looped": 4, "done": 0})
    outcome, items = drive(config)
    assert (outcome.result, items) == ({"looped": 10, "done": 1}, [9])


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"exit": 3}, "exit"),
        ({"condition": {"checkpoint": 2}}, "condition.checkpoint"),
        ({"condition": {"engine": "math.js", "expression": "1 +"}}, "condition.expression"),
        ({"condition": basic(1, 2, "nope")}, "condition.calculation.calculator"),
        ({"condition": "x"}, "condition"),
        ({"condition": {"expression": "1 > 2"}}, "condition.expression"),
        ({"condition": {"calculation": {"left": 1}}}, "condition.calculation"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Loop().check(Loop().parse(config))
    assert field in raised.value.errors
