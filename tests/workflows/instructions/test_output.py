from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions.output import Output
from workflows.statuses import JobStatus


@pytest.mark.parametrize(
    ("value", "output"),
    [
        pytest.param("{{$context.row}}", {"id": 3}, id="172 a path is the value itself"),
        pytest.param({"text": "row {{$context.row.id}}"}, {"text": "row 3"}, id="172 variables inside"),
        pytest.param([1, "{{$context.row.id}}"], [1, 3], id="in a list"),
        pytest.param(0, 0, id="a constant"),
        pytest.param(None, None, id="null is an output too"),
    ],
)
def test_sets_the_output(make_step: Any, value: Any, output: Any) -> None:
    outcome = Output().run(make_step(Output, {"value": value}, scope={"$context": {"row": {"id": 3}}}))
    assert (outcome.status, outcome.result, outcome.output) == (JobStatus.RESOLVED, output, output)


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: Any = "x"
    for _level in range(100):
        value = [value]
    with pytest.raises(Invalid) as raised:
        Output().check(Output().parse({"value": value}))
    assert raised.value.field == "value"
