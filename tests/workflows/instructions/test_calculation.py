from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions.calculation import Calculation
from workflows.statuses import JobStatus


@pytest.mark.parametrize(
    ("config", "result"),
    [
        pytest.param({"expression": " 1 + 1 "}, 2, id="case_174 math.js is the default"),
        pytest.param({"engine": None, "expression": "1 + 1"}, 2, id="engine null"),
        pytest.param({"engine": "math.js", "expression": "{{$context.a}} * 2"}, 6, id="math.js with a path"),
        pytest.param({"engine": "formula.js", "expression": "SUM({{$context.a}}, 4)"}, 7, id="formula.js"),
        pytest.param({"engine": "string", "expression": "a is {{$context.a}}."}, "a is 3.", id="string"),
        pytest.param({}, None, id="no expression"),
        pytest.param({"expression": None}, None, id="expression null"),
        pytest.param({"expression": "  "}, None, id="blank expression"),
        pytest.param({"engine": "lua", "expression": "1"}, None, id="unknown engine"),
    ],
)
def test_result_is_the_value(make_step: Any, config: dict[str, Any], result: Any) -> None:
    outcome = Calculation().run(make_step(Calculation, config, scope={"$context": {"a": 3}}))
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result)


def test_case_174_a_syntax_error_is_the_text_of_an_error(make_step: Any) -> None:
    outcome = Calculation().run(make_step(Calculation, {"expression": "1 1"}))
    assert outcome.status == JobStatus.ERROR
    assert outcome.result.startswith("SyntaxError: ")


def test_values_that_do_not_fit_are_an_error(make_step: Any) -> None:
    outcome = Calculation().run(make_step(Calculation, {"expression": "sqrt('x')"}))
    assert outcome.status == JobStatus.ERROR
    assert isinstance(outcome.result, str)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"engine": "lua", "expression": "1"}, "engine"),
        ({"expression": "1 +"}, "expression"),
        ({"expression": 5}, "expression"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Calculation().check(Calculation().parse(config))
    assert field in raised.value.errors


def test_an_empty_configuration_is_accepted() -> None:
    Calculation().check(Calculation().parse({}))


@pytest.mark.parametrize(
    ("config", "status"),
    [({"expression": "1 + 1"}, JobStatus.RESOLVED), ({"expression": "1 1"}, JobStatus.ERROR)],
)
def test_can_be_tried_alone(config: dict[str, Any], status: int) -> None:
    assert Calculation().test(config).status == status


@pytest.mark.parametrize("expression", ["1 + 1", "sqrt('x')"])
def test_what_was_asked_is_the_input_also_where_it_fails(make_step: Any, expression: str) -> None:
    step = make_step(Calculation, {"expression": expression})
    Calculation().run(step)
    assert step.input == {"engine": "math.js", "expression": expression}
