from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.expressions import register_calculator
from workflows.instructions.base import StepJob
from workflows.instructions.condition import Condition
from workflows.statuses import JobStatus

BOTH = {0: 1, 1: 1}


def equal(a: Any, b: Any) -> dict[str, Any]:
    return {"calculator": "equal", "operands": [a, b]}


def group(kind: str, *calculations: Any) -> dict[str, Any]:
    return {"group": {"type": kind, "calculations": list(calculations)}}


@pytest.mark.parametrize(
    ("config", "result"),
    [
        pytest.param({"calculation": equal(1, "{{$context.one}}")}, True, id="case_125 engine absent is basic"),
        pytest.param({"engine": None, "calculation": equal(1, 2)}, False, id="case_125 engine null is basic"),
        pytest.param({"engine": "math.js", "expression": "{{$context.one}} > 0"}, True, id="case_125 math.js"),
        pytest.param(
            {"engine": "formula.js", "expression": "AND({{$context.one}} = 1, FALSE)"}, False, id="case_125 formula.js"
        ),
        pytest.param({"calculation": equal(0, None)}, False, id="case_126 zero is not null"),
        pytest.param({"calculation": equal(False, 0)}, True, id="case_126 false is zero"),
        pytest.param({"calculation": equal("1", 1)}, True, id="case_126 text of a number is the number"),
        pytest.param({"calculation": equal("{{$context.missing}}", None)}, True, id="case_126 a missing path is null"),
        pytest.param({}, True, id="case_128 missing logic"),
        pytest.param({"calculation": group("and")}, True, id="case_129 empty and"),
        pytest.param({"calculation": group("or")}, False, id="case_129 empty or"),
        pytest.param(
            {"calculation": group("or", equal(1, 2), group("and", equal(1, 1)))}, True, id="case_129 nested groups"
        ),
    ],
)
def test_decides(make_step: Any, config: dict[str, Any], result: bool) -> None:
    outcome = Condition().run(make_step(Condition, config, BOTH, {"$context": {"one": 1}}))
    assert (outcome.status, outcome.result, outcome.branch) == (JobStatus.RESOLVED, result, int(result))


@pytest.mark.parametrize(
    ("value", "branch"),
    [(5, 1), (0, 0), ("yes", 1), ("", 0), (None, 0)],
)
def test_any_truth_selects_its_branch_and_stays_the_result(make_step: Any, value: Any, branch: int) -> None:
    config = {"engine": "math.js", "expression": "{{$context.value}}"}
    outcome = Condition().run(make_step(Condition, config, BOTH, {"$context": {"value": value}}))
    assert (outcome.result, outcome.branch) == (value, branch)


@pytest.mark.parametrize(
    ("result", "branches", "branch"),
    [
        pytest.param(True, {0: 1}, None, id="true without its branch goes on"),
        pytest.param(False, {1: 1}, None, id="case_123 false without its branch goes on"),
        pytest.param(False, {0: 1}, 0, id="case_122 false takes the false branch"),
        pytest.param(True, BOTH, 1, id="case_121 true takes the true branch"),
        pytest.param(True, {}, None, id="no branches at all"),
    ],
)
def test_without_its_branch_the_line_goes_on(
    make_step: Any, result: bool, branches: dict[int, int], branch: int | None
) -> None:
    outcome = Condition().run(make_step(Condition, {"calculation": equal(result, True)}, branches))
    assert (outcome.status, outcome.branch) == (JobStatus.RESOLVED, branch)


def test_case_120_reject_on_false_fails_and_takes_no_branch(make_step: Any) -> None:
    config = {"rejectOnFalse": True, "calculation": equal(1, 2)}
    outcome = Condition().run(make_step(Condition, config, BOTH))
    assert (outcome.status, outcome.result, outcome.branch) == (JobStatus.FAILED, False, None)


def test_reject_on_false_lets_true_pass(make_step: Any) -> None:
    outcome = Condition().run(make_step(Condition, {"rejectOnFalse": True, "calculation": equal(1, 1)}, BOTH))
    assert (outcome.status, outcome.branch) == (JobStatus.RESOLVED, 1)


def test_keeps_the_resolved_operands_as_input(make_step: Any) -> None:
    config = {"calculation": group("and", equal("{{$context.a}}", 2))}
    step = make_step(Condition, config, BOTH, {"$context": {"a": 2}})
    Condition().run(step)
    assert step.input == {"calculation": group("and", equal(2, 2))}


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"calculation": {"calculator": "nope", "operands": [1, 1]}}, id="case_128 unknown calculator"),
        pytest.param({"engine": "math.js", "expression": "1 +"}, id="broken expression"),
    ],
)
def test_an_evaluator_error_is_the_result_of_an_error(make_step: Any, config: dict[str, Any]) -> None:
    outcome = Condition().run(make_step(Condition, config, BOTH))
    assert outcome.status == JobStatus.ERROR
    assert isinstance(outcome.result, str)


def test_case_130_a_registered_calculator_is_usable(make_step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflows.expressions import logic

    monkeypatch.setattr(logic, "_calculators", dict(logic._calculators))
    register_calculator("isDouble", lambda a, b: a == 2 * b)
    config = {"calculation": {"calculator": "isDouble", "operands": [4, 2]}}
    assert Condition().run(make_step(Condition, config)).result is True


@pytest.mark.parametrize(
    ("status", "handed_up"),
    [
        pytest.param(JobStatus.RESOLVED, False, id="case_124 a good end goes on"),
        pytest.param(JobStatus.ERROR, True, id="case_124 a failure is handed up"),
        pytest.param(JobStatus.REJECTED, True, id="a rejection is handed up"),
    ],
)
def test_the_end_of_its_branch(make_step: Any, status: int, handed_up: bool) -> None:
    own = StepJob(1, 1, "n1", JobStatus.RESOLVED, True)
    step = make_step(Condition, {}, BOTH, job=own)
    outcome = Condition().branch(step, StepJob(2, 20, "n20", status))
    assert outcome is not None
    assert (outcome.status, outcome.result, outcome.hand_up) == (JobStatus.RESOLVED, True, handed_up)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"engine": "lua"}, "engine"),
        ({"rejectOnFalse": "perhaps"}, "rejectOnFalse"),
        ({"calculation": "x"}, "calculation"),
        ({"calculation": {"calculator": "nope", "operands": [1, 1]}}, "calculation.calculator"),
        ({"engine": "math.js", "expression": "1 +"}, "expression"),
        pytest.param({"expression": "{{$context.a}} > 1"}, "expression", id="an expression without its engine"),
        pytest.param({"calculation": {}, "expression": "1 > 2"}, "expression", id="an empty tree beside it"),
        pytest.param({"engine": "math.js"}, "expression", id="no expression"),
        pytest.param({"engine": "formula.js", "expression": " "}, "expression", id="a blank expression"),
        pytest.param({"calculation": {"left": 1, "right": 2}}, "calculation", id="no tree's node"),
        pytest.param({"calculation": {"calculator": "equal"}}, "calculation", id="no operands"),
        pytest.param({"calculation": {"operands": [1, 2]}}, "calculation", id="no calculator"),
        pytest.param({"calculation": {"group": {"type": "and"}}}, "calculation", id="a group of what"),
        pytest.param({"calculation": {"group": [equal(1, 2)]}}, "calculation", id="a group that is a list"),
        pytest.param(
            {"calculation": group("and", equal(1, 1), group("or", {}))},
            "calculation.group.calculations.1.group.calculations.0",
            id="a node deep inside",
        ),
        *(
            pytest.param(
                {"calculation": {"calculator": "equal", "operands": operands}},
                "calculation.operands",
                id=f"operands {operands}",
            )
            for operands in ([], [1], [1, 2, 3], "ab")
        ),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Condition().check(Condition().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize(
    ("config", "status", "result"),
    [
        ({"calculation": equal(1, 1)}, JobStatus.RESOLVED, True),
        ({"engine": "math.js", "expression": "2 < 1"}, JobStatus.RESOLVED, False),
    ],
)
def test_can_be_tried_alone(config: dict[str, Any], status: int, result: Any) -> None:
    outcome = Condition().test(config)
    assert (outcome.status, outcome.result) == (status, result)


def test_trying_a_broken_one_tells_the_error() -> None:
    outcome = Condition().test({"engine": "math.js", "expression": "1 1"})
    assert outcome.status == JobStatus.ERROR
    assert outcome.result.startswith("SyntaxError: ")


def test_names_its_branches() -> None:
    branches = Condition().branches(Condition().parse({}))
    assert [(branch.index, str(branch.label)) for branch in branches] == [(1, "If true"), (0, "If false")]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="case_128 no question at all"),
        pytest.param({"calculation": None, "expression": " "}, id="nothing in either"),
        pytest.param({"calculation": equal(1, 1), "expression": "left over"}, id="the tree is what counts"),
        pytest.param({"calculation": group("and")}, id="case_129 an empty group"),
        pytest.param({"engine": "math.js", "expression": "1 > 2", "calculation": {"x": 1}}, id="a tree left over"),
    ],
)
def test_what_can_be_asked_is_accepted(config: dict[str, Any]) -> None:
    Condition().check(Condition().parse(config))


def test_a_question_that_fails_leaves_what_was_asked(make_step: Any) -> None:
    config = {"engine": "math.js", "expression": "{{$context.a}} + 1 > 2"}
    step = make_step(Condition, config, scope={"$context": {"a": {"b": 1}}})
    assert (Condition().run(step).status, step.input) == (
        JobStatus.ERROR,
        {"expression": "{{$context.a}} + 1 > 2"},
    )
