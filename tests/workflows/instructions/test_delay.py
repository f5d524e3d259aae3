from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions.base import StepJob, Wait
from workflows.instructions.delay import Delay
from workflows.statuses import JobStatus


@pytest.mark.parametrize(
    ("config", "pause"),
    [
        pytest.param({}, 1_000, id="one second is the default"),
        pytest.param({"duration": None, "unit": None, "endStatus": None}, 1_000, id="nulls are the defaults"),
        pytest.param({"duration": 2}, 2_000, id="186 seconds"),
        pytest.param({"duration": 1.5, "unit": 60_000}, 90_000, id="half a minute more"),
        pytest.param({"duration": 1, "unit": 604_800_000}, 604_800_000, id="a week"),
        pytest.param({"duration": "{{$context.wait}}"}, 3_000, id="a template for a number"),
        pytest.param({"duration": "{{$context.text}}"}, 4_500, id="a template for a text"),
        pytest.param({"duration": "{{$context.past}}"}, 0, id="what lies before now is no pause"),
    ],
)
def test_waits(make_step: Any, config: dict[str, Any], pause: int) -> None:
    scope = {"$context": {"wait": 3, "text": "4.5", "past": -7}}
    outcome = Delay().run(make_step(Delay, config, scope=scope))
    assert (outcome.status, outcome.wait) == (JobStatus.PENDING, Wait.TIMER)
    assert (outcome.result, outcome.delay) == (pause, pause / 1000)


@pytest.mark.parametrize(
    ("end_status", "job_status", "status"),
    [
        pytest.param(1, 0, 1, id="186 resolves when the time is over"),
        pytest.param(-1, 0, -1, id="186 fails when the time is over"),
        pytest.param(1, -5, -5, id="ended from outside"),
    ],
)
def test_ends(make_step: Any, end_status: int, job_status: int, status: int) -> None:
    job = StepJob(1, 1, "n1", job_status, 2_000)
    outcome = Delay().resume(make_step(Delay, {"endStatus": end_status}, job=job))
    assert (outcome.status, outcome.result) == (status, 2_000)


@pytest.mark.parametrize("value", [None, "soon", True, [], float("nan"), float("inf"), float("-inf"), 1e300, "1e999"])
def test_a_rendered_duration_that_is_none_is_an_error(make_step: Any, value: Any) -> None:
    with pytest.raises(Invalid, match="duration"):
        Delay().run(make_step(Delay, {"duration": "{{$context.value}}"}, scope={"$context": {"value": value}}))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"duration": 0}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": []}, "duration"),
        ({"duration": "soon"}, "duration"),
        ({"duration": 100_000, "unit": 604_800_000}, "duration"),
        ({"unit": 5}, "unit"),
        ({"endStatus": 0}, "endStatus"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Delay().check(Delay().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize("config", [{}, {"duration": "{{$context.wait}}"}, {"duration": 2, "unit": 3_600_000}])
def test_a_right_configuration_is_accepted(config: dict[str, Any]) -> None:
    Delay().check(Delay().parse(config))
