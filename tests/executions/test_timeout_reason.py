"""Whose end counts as timed out: lists, filters and other systems' clients tell it by the reason alone."""

from datetime import timedelta
from typing import Any

import pytest

from executions import operations, run_now, start
from executions.models import Execution
from executions.statuses import Reason
from executions.store import session
from executions.testing import drain
from tests.building import build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

PAUSE = ("delay", {"duration": 1, "unit": 86_400_000})
LIMITED = {"timeout": 3_600_000}
#: Over a millisecond's work, in steps between which the time is looked at.
BUSY = ("loop", {"target": 2_000}, {0: [("calculation", {"engine": "math.js", "expression": "1 + 1"})]})


def begun(steps: Any, **columns: Any) -> Execution:
    execution = start(build(steps, **columns), {})
    assert execution is not None
    drain()
    return execution


def over(**which: Any) -> None:
    """Their time is over."""
    past = session.database_now() - timedelta(seconds=1)
    assert Execution.objects.filter(**which).update(expires_at=past, due_at=past)


def ended(execution: Execution) -> tuple[int | None, str | None]:
    drain()
    execution.refresh_from_db()
    return execution.status, execution.reason


def test_a_waiting_run() -> None:
    execution = begun([PAUSE], options=LIMITED)
    over(pk=execution.pk)
    assert ended(execution) == (-3, Reason.TIMEOUT)


@pytest.mark.parametrize("sync", [False, True], ids=["in the background", "in a request"])
def test_a_working_run(sync: bool) -> None:
    execution = run_now(build([BUSY], sync=sync, options={"timeout": 1}), {})
    assert ended(execution) == (-3, Reason.TIMEOUT)


def test_a_paused_run() -> None:
    execution = begun([PAUSE], options=LIMITED)
    operations.pause(execution.pk)
    over(pk=execution.pk)
    assert ended(execution) == (-3, Reason.TIMEOUT)


def test_whoever_called_it_ends_for_the_same_reason() -> None:
    build([PAUSE], name="called", options=LIMITED)
    parent = begun([("subflow", {"workflow": "called"})])
    child = Execution.objects.get(parent_execution=parent)
    over(pk=child.pk)
    assert ended(child) == (-3, Reason.TIMEOUT)
    assert ended(parent) == (-3, Reason.TIMEOUT)


LATE = {"timeout": 60_000}


@pytest.mark.parametrize(
    "steps",
    [
        [("callback", {}, {}, LATE)],
        [("parallel", {"mode": "all"}, {0: [("callback", {}, {}, LATE)]})],
    ],
    ids=["on the main line", "in a branch"],
)
def test_a_step_that_nobody_answered_in_time(steps: Any) -> None:
    execution = begun(steps)
    past = session.database_now() - timedelta(seconds=1)
    assert execution.jobs.filter(wait="outside").update(due_at=past)
    Execution.objects.filter(pk=execution.pk).update(due_at=past)
    assert ended(execution) == (-3, Reason.TIMEOUT)


@pytest.mark.parametrize(
    ("kept", "error"), [({"message": "No stock"}, "No stock"), ("No stock", "No stock"), (7, None)]
)
def test_an_end_says_what_the_variable_before_it_says(kept: Any, error: str | None) -> None:
    execution = begun([("variable", {"value": kept}), ("end", {"endStatus": -1})])
    assert (*ended(execution), execution.error) == (-1, None, error)


def test_whom_it_called_ends_with_it() -> None:
    build([PAUSE], name="called")
    parent = begun([("subflow", {"workflow": "called"})], options=LIMITED)
    over(pk=parent.pk)
    assert ended(parent) == (-3, Reason.TIMEOUT)
    assert ended(Execution.objects.get(parent_execution=parent)) == (-3, Reason.PARENT)


def test_a_cancel_after_its_time_is_a_cancel() -> None:
    execution = begun([PAUSE], options=LIMITED)
    over(pk=execution.pk)
    operations.cancel(execution.pk)
    assert ended(execution) == (-3, Reason.CANCELED)


def test_a_repeat_has_time_of_its_own() -> None:
    execution = begun([PAUSE], options=LIMITED)
    over(pk=execution.pk)
    ended(execution)
    again = operations.rerun(execution.pk)
    assert ended(again) == (0, None)
    assert again.expires_at is not None
    assert again.expires_at > session.database_now()
