"""When steps began and ended."""

from datetime import UTC, datetime, timedelta

import pytest

from executions import timeline
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(None, 1, None), (0, None, None), (0, 1.5, 1.5), (2, 1, 0.0), (1, 1, 0.0)]
)
def test_seconds(start, end, expected):
    moments = [None if moment is None else at(moment) for moment in (start, end)]
    assert timeline.seconds(*moments) == expected


def test_a_runs_bounds_tell_its_wait_and_its_length():
    execution = run(created_at=at(0), started_at=at(2), ended_at=at(5))
    bounds = timeline.bounds(execution)
    assert (bounds["waited"], bounds["duration"]) == (2.0, 3.0)
    assert (bounds["start"], bounds["end"]) == (at(2), at(5))


def test_a_bar_begins_with_the_first_attempt():
    attempts = [{"number": 1, "start": at(1).isoformat(), "end": at(2).isoformat(), "status": -1, "message": "No."}]
    row = job(run(), 3, parent=1, upstream=2, attempt=2, attempts=attempts, started_at=at(4), ended_at=at(6))
    bar = timeline.bar(row, None)
    assert (bar["number"], bar["parent"], bar["upstream"], bar["attempt"]) == (3, 1, 2, 2)
    assert (bar["start"], bar["end"], bar["duration"]) == (at(1), at(6), 5.0)
    assert bar["attempts"] == attempts
    assert bar["title"] is None
