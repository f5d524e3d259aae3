from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions.end import End


@pytest.mark.parametrize(
    ("config", "status"), [({}, 1), ({"endStatus": None}, 1), ({"endStatus": 1}, 1), ({"endStatus": -1}, -1)]
)
def test_173_ends_the_execution(make_step: Any, config: dict[str, Any], status: int) -> None:
    outcome = End().run(make_step(End, config))
    assert (outcome.status, outcome.end) == (status, status)


@pytest.mark.parametrize("status", [0, 2, -2, "done"])
def test_173_other_values_are_refused(status: Any) -> None:
    with pytest.raises(Invalid) as raised:
        End().parse({"endStatus": status})
    assert "endStatus" in raised.value.errors
