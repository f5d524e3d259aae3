from typing import Any

import pytest

from executions.testing import simulate
from tests.building import build
from workflows.errors import Invalid
from workflows.instructions.dynamic_calculation import DynamicCalculation
from workflows.statuses import JobStatus

FORMULA = "{{$context.formula}}"
ROW = "{{$context.row}}"


def stored(expression: Any, engine: Any = "math.js") -> dict[str, Any]:
    return {"engine": engine, "expression": expression}


def calculated(make_step: Any, formula: Any, row: Any = None) -> Any:
    step = make_step(
        DynamicCalculation,
        {"expression": FORMULA, "scope": ROW},
        scope={"$context": {"formula": formula, "row": row}, "read": 9},
    )
    return DynamicCalculation().run(step)


@pytest.mark.parametrize(
    ("formula", "row", "result"),
    [
        pytest.param(stored("1 + {{read}}"), {"read": 0}, 1, id="case_180 the scope's value"),
        pytest.param(stored("{{a.b}} * 2"), {"a": {"b": 4}}, 8, id="deeper"),
        pytest.param(stored("SUM({{n}})", "formula.js"), {"n": [1, 2]}, 3, id="formula.js"),
        pytest.param(stored("{{n}} pieces", "string"), {"n": 3}, "3 pieces", id="string"),
        pytest.param({"expression": "1 + 1"}, {}, 2, id="no engine is math.js"),
        pytest.param(stored("1 + 1", None), {}, 2, id="engine null"),
        pytest.param(stored("1 + 1"), None, 2, id="no scope"),
        pytest.param(stored("{{read}}"), None, None, id="nothing of the run is in scope"),
        pytest.param(stored("{{$context.row}}"), {}, None, id="nor its context"),
        pytest.param(stored("{{missing}}"), {"read": 1}, None, id="missing value"),
        pytest.param(stored(""), {}, None, id="empty text"),
        pytest.param(stored(None), {}, None, id="text null"),
        pytest.param({}, {}, None, id="empty object"),
        pytest.param(None, {}, None, id="missing expression"),
        pytest.param("", {}, None, id="empty expression"),
    ],
)
def test_the_stored_expression_sees_its_scope_alone(make_step: Any, formula: Any, row: Any, result: Any) -> None:
    outcome = calculated(make_step, formula, row)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result)


@pytest.mark.parametrize(
    ("formula", "row", "begins"),
    [
        (stored("1 +"), {}, "SyntaxError: "),
        (stored("sqrt({{read}})"), {"read": "x"}, ""),
        (stored("1", "lua"), {}, "There is no engine 'lua'"),
        (stored(["1 + 1"]), {}, "The stored expression's text"),
        (stored("1 + 1", 5), {}, "The stored expression's engine"),
        ("1 + 1", {}, "The stored expression came out as no object"),
        ([stored("1 + 1")], {}, "The stored expression came out as no object"),
        (5, {}, "The stored expression came out as no object"),
        (stored("1 + 1"), "row", "The scope came out as no object"),
        (stored("1 + 1"), [{"read": 1}], "The scope came out as no object"),
    ],
)
def test_what_does_not_fit_is_the_text_of_an_error(make_step: Any, formula: Any, row: Any, begins: str) -> None:
    outcome = calculated(make_step, formula, row)
    assert outcome.status == JobStatus.ERROR
    assert outcome.result.startswith(begins)


def test_an_object_in_the_configuration_is_data_too(make_step: Any) -> None:
    """Its placeholders are those of its scope, not of the run."""
    config = {"expression": stored("{{n}} + 1"), "scope": {"n": "{{$context.n}}"}}
    assert DynamicCalculation().run(make_step(DynamicCalculation, config, scope={"$context": {"n": 4}})).result == 5


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"expression": "1 + 1"}, "expression"),
        ({"expression": 5}, "expression"),
        ({"expression": stored("1 +")}, "expression.expression"),
        ({"expression": stored("1", "lua")}, "expression.engine"),
        ({"expression": FORMULA, "scope": "row"}, "scope"),
        ({"expression": FORMULA, "scope": [1]}, "scope"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        DynamicCalculation().check(DynamicCalculation().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize("config", [{}, {"expression": None, "scope": None}, {"expression": FORMULA, "scope": ROW}])
def test_these_are_accepted(config: dict[str, Any]) -> None:
    DynamicCalculation().check(DynamicCalculation().parse(config))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("context", "status", "result"),
    [
        ({"formula": stored("{{n}} * 2"), "row": {"n": 21}}, 1, 42),
        ({"row": {"n": 21}}, 1, None),
        ({"formula": stored("{{n}} * 2"), "row": "n"}, -2, None),
        ({"formula": "{{n}} * 2", "row": {"n": 21}}, -2, None),
    ],
)
def test_in_a_run(context: dict[str, Any], status: int, result: Any) -> None:
    simulation = simulate(build([("dynamic-calculation", {"expression": FORMULA, "scope": ROW})]), context)
    assert simulation.status == status
    if status > 0:
        assert simulation.result("n1") == result
    else:
        assert simulation.error == simulation.result("n1")
        assert simulation.error.endswith(".")


def test_can_be_tried_alone() -> None:
    tried = DynamicCalculation().test({"expression": stored("{{n}} * 2"), "scope": {"n": 4}})
    assert (tried.status, tried.result) == (JobStatus.RESOLVED, 8)
