from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions.base import StepJob
from workflows.instructions.multi_conditions import MultiConditions
from workflows.statuses import JobStatus

ALL = {0: 1, 1: 1, 2: 1}


def case(expression: str, **more: Any) -> dict[str, Any]:
    return {"engine": "math.js", "expression": expression} | more


def conditions(*expressions: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [case(expression) for expression in expressions]} | more


@pytest.mark.parametrize(
    ("config", "branches", "status", "branch", "answers"),
    [
        pytest.param(conditions("1 > 2", "1 < 2"), ALL, 1, 2, [False, True], id="case_132 only the second branch"),
        pytest.param(conditions("1 < 2", "1 < 2"), ALL, 1, 1, [True], id="stops at the first that holds"),
        pytest.param(conditions("1 > 2"), ALL, -1, 0, [False], id="case_134 otherwise and fails"),
        pytest.param(conditions("1 > 2", continueOnNoMatch=True), ALL, 1, 0, [False], id="otherwise and goes on"),
        pytest.param(conditions("1 > 2"), {}, -1, None, [False], id="no match, no branch: fails"),
        pytest.param(conditions("1 > 2", continueOnNoMatch=True), {1: 1}, 1, None, [False], id="no match, goes on"),
        pytest.param(conditions("1 < 2"), {0: 1}, 1, None, [True], id="a match without its branch goes on"),
        pytest.param({}, ALL, -1, 0, [], id="no conditions"),
        pytest.param(conditions("5"), ALL, 1, 1, [5], id="a truthy number holds"),
        pytest.param(conditions("'text'"), ALL, 1, 1, ["text"], id="a text holds and is no error"),
        pytest.param({"conditions": [{}]}, ALL, 1, 1, [True], id="basic without a tree holds"),
    ],
)
def test_the_first_that_holds_decides(
    make_step: Any,
    config: dict[str, Any],
    branches: dict[int, int],
    status: int,
    branch: int | None,
    answers: list[Any],
) -> None:
    outcome = MultiConditions().run(make_step(MultiConditions, config, branches))
    assert (outcome.status, outcome.branch, outcome.meta) == (status, branch, {"conditions": answers})
    assert outcome.result == (answers[-1] if answers else None)


def test_a_failing_condition_is_an_error_and_none_is_asked_after_it(make_step: Any) -> None:
    outcome = MultiConditions().run(make_step(MultiConditions, conditions("sqrt('x')", "1 < 2"), ALL))
    assert (outcome.status, outcome.branch) == (JobStatus.ERROR, None)
    assert isinstance(outcome.result, str)
    assert outcome.meta == {"conditions": [outcome.result]}


@pytest.mark.parametrize(
    ("own", "by", "handed_up"),
    [
        pytest.param(1, 1, False, id="a match goes on"),
        pytest.param(-1, 1, False, id="case_134 otherwise ended well: still failed"),
        pytest.param(1, -1, True, id="case_137 a failure in the branch is handed up"),
        pytest.param(-1, -2, True, id="an error below otherwise is handed up"),
    ],
)
def test_the_end_of_its_branch(make_step: Any, own: int, by: int, handed_up: bool) -> None:
    job = StepJob(1, 1, "n1", own, True, {"conditions": [True]})
    outcome = MultiConditions().branch(make_step(MultiConditions, {}, ALL, job=job), StepJob(2, 20, "n20", by))
    assert outcome is not None
    assert (outcome.status, outcome.result, outcome.meta, outcome.hand_up) == (own, True, job.meta, handed_up)


def test_case_136_its_job_is_resolved_before_the_branch_begins(make_step: Any) -> None:
    assert MultiConditions().run(make_step(MultiConditions, conditions("true"), ALL)).status == JobStatus.RESOLVED


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (conditions("true", "1 +"), "conditions.1.expression"),
        ({"conditions": [{"engine": "lua"}]}, "conditions.0.engine"),
        ({"conditions": [case("true"), {"expression": "1 > 2"}]}, "conditions.1.expression"),
        ({"conditions": [{"calculation": {"equal": [1, 2]}}]}, "conditions.0.calculation"),
        ({"conditions": {}}, "conditions"),
        ({"continueOnNoMatch": []}, "continueOnNoMatch"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        MultiConditions().check(MultiConditions().parse(config))
    assert field in raised.value.errors


def test_names_its_branches() -> None:
    config = MultiConditions().parse({"conditions": [case("true", title="Big"), case("true")]})
    branches = [(branch.index, str(branch.label)) for branch in MultiConditions().branches(config)]
    assert branches == [(1, "Big"), (2, "Condition 2"), (0, "Otherwise")]


def test_the_question_that_fails_leaves_what_was_asked(make_step: Any) -> None:
    step = make_step(MultiConditions, conditions("false", "sqrt('x')"), ALL)
    asked = [{"expression": "false"}, {"expression": "sqrt('x')"}]
    assert (MultiConditions().run(step).status, step.input) == (JobStatus.ERROR, {"conditions": asked})
