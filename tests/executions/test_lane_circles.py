"""Parents in two lanes whose children want each other's lane: who would close the circle ends, naming it."""

import time

import pytest

from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.statuses import Parked
from tests.building import build
from workflows.statuses import JobStatus

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = ("delay", {"duration": 1, "unit": 3_600_000, "endStatus": 1})
LANE = {"options": {"timeout": 0, "lane": "{{$context.lane}}"}}


def child_of(parent: Execution, workflow, lane: str) -> Execution:
    execution = start(workflow, {"lane": lane}, parent_execution_id=parent.pk, parent_job=1)
    Execution.objects.filter(pk=execution.pk).update(stack=[[parent.pk, parent.workflow_id]])
    return execution


def drain_until_ended(execution: Execution) -> None:
    until = time.monotonic() + 30
    while execution.ended_at is None and time.monotonic() < until:
        drain("sluice")
        execution.refresh_from_db()


def test_the_child_that_would_close_a_circle_ends_in_error():
    waiting = build([WAIT], **LANE)
    called = build([], **LANE)
    parents = [start(waiting, {"lane": lane}) for lane in ("a", "b")]
    for _ in range(3):
        drain("sluice")
    Job.objects.filter(execution__in=parents).update(wait="outside", due_at=None)
    first = child_of(parents[0], called, "b")
    drain("sluice")
    first.refresh_from_db()
    assert first.parked == Parked.LANE
    second = child_of(parents[1], called, "a")
    drain_until_ended(second)
    assert second.status == JobStatus.ERROR
    assert f"execution {parents[0].pk}" in second.error
    # The parent heard of it, so its lane is free and the first child had its turn.
    drain_until_ended(first)
    assert first.status == JobStatus.RESOLVED, first.error


def test_a_child_may_share_the_lane_of_its_parent():
    parent = start(build([WAIT], **LANE), {"lane": "a"})
    for _ in range(2):
        drain("sluice")
    child = child_of(parent, build([], **LANE), "a")
    drain_until_ended(child)
    assert child.status == JobStatus.RESOLVED, child.error
