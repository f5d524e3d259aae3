import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from workflows.policy import Policy
from workflows.statuses import JobStatus

pytestmark = pytest.mark.once


def policy(**retry):
    return Policy.model_validate({"retry": retry})


@pytest.mark.parametrize(
    ("retry", "delays"),
    [
        ({}, [1, 2, 4, 8]),
        ({"interval": 500, "backoff": 1}, [0.5, 0.5, 0.5]),
        ({"interval": 1000, "backoff": 3, "maxInterval": 5000}, [1, 3, 5, 5]),
        ({"interval": 0}, [0, 0]),
    ],
)
def test_delays(retry, delays):
    assert [policy(**retry).retry.delay(attempt) for attempt in range(1, len(delays) + 1)] == delays


def test_late_attempts_are_no_overflow():
    assert policy(attempts=100, backoff=10).retry.delay(100_000) == 3600


@pytest.mark.parametrize(
    ("retry", "status", "attempt", "timed_out", "again"),
    [
        pytest.param({}, JobStatus.ERROR, 1, False, False, id="one-attempt-by-default"),
        pytest.param({"attempts": 3}, JobStatus.ERROR, 2, False, True, id="error"),
        pytest.param({"attempts": 3}, JobStatus.FAILED, 2, False, True, id="failed"),
        pytest.param({"attempts": 3}, JobStatus.ERROR, 3, False, False, id="attempts-spent"),
        pytest.param({"attempts": 3}, JobStatus.REJECTED, 1, False, False, id="rejected-is-not-tried-again"),
        pytest.param({"attempts": 3, "statuses": [-5]}, JobStatus.REJECTED, 1, False, True, id="unless-named"),
        pytest.param({"attempts": 3, "statuses": [-5]}, JobStatus.ERROR, 1, False, False, id="not-named"),
        pytest.param({"attempts": 3, "statuses": []}, JobStatus.ABORTED, 1, True, True, id="own-time-out"),
        pytest.param({"attempts": 3, "statuses": []}, JobStatus.RETRY_NEEDED, 1, False, True, id="asks-for-it"),
        pytest.param({"attempts": 3}, JobStatus.ABORTED, 1, False, False, id="aborted"),
    ],
)
def test_tries_again(retry, status, attempt, timed_out, again):
    assert policy(**retry).tries_again(status, attempt, timed_out=timed_out) is again


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"retry": {"attempts": 0}}, ("retry", "attempts")),
        ({"retry": {"attempts": 101}}, ("retry", "attempts")),
        ({"retry": {"backoff": 0.5}}, ("retry", "backoff")),
        ({"retry": {"backoff": float("nan")}}, ("retry", "backoff")),
        ({"retry": {"interval": -1}}, ("retry", "interval")),
        ({"retry": {"statuses": [1]}}, ("retry", "statuses", 0)),
        ({"timeout": -5}, ("timeout",)),
        ({"onLost": "shrug"}, ("onLost",)),
        ({"onError": "shrug"}, ("onError",)),
        ({"retry": {"attempts": "3"}}, ("retry", "attempts")),
        ({"timeout": True}, ("timeout",)),
    ],
)
def test_refused(raw, path):
    with pytest.raises(ValidationError) as raised:
        Policy.model_validate(raw)
    assert raised.value.errors()[0]["loc"] == path


def test_the_documented_example_is_a_policy_and_pauses_as_it_says() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "nodes.md").read_text()
    [example] = re.findall(r"```json policy\n(.*?)```", text, re.DOTALL)
    retry = Policy.model_validate_json(example).retry
    assert [retry.delay(attempt) for attempt in range(1, retry.attempts)] == [1, 2, 4, 8]
