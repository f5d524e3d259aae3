"""Which events become runs, and what they begin with (spec 3.3, 3.6)."""

from datetime import timedelta

import pytest
from django.db.models import F

from executions import operations, run_now, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from workflows import versions
from workflows.errors import Invalid, NotFound, Refused
from workflows.models import Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

HOUR = ("delay", {"unit": 3_600_000, "duration": 1})
OUTPUT = ("output", {"value": "{{$context.amount}}"})


def test_an_event_is_a_queued_run_until_a_worker_takes_it():
    workflow = build([OUTPUT])
    execution = start(workflow, {"amount": 3})
    assert (execution.status, execution.started_at, execution.expires_at) == (None, None, None)
    assert (execution.workflow_id, execution.key, execution.context) == (workflow.pk, workflow.key, {"amount": 3})
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 3)


def test_case_60_three_events_are_three_runs():
    workflow = build([OUTPUT])
    for amount in range(3):
        start(workflow, {"amount": amount})
    drain()
    assert sorted(Execution.objects.filter(status=1).values_list("output", flat=True)) == [0, 1, 2]


def test_case_61_two_events_with_one_key_are_one_run():
    workflow = build([OUTPUT])
    first, second = (start(workflow, {"amount": amount}, event_key="order-1") for amount in (1, 2))
    assert first.pk == second.pk
    assert Execution.objects.get().context == {"amount": 1}


def test_an_event_key_counts_within_its_workflow_whatever_the_version():
    first = build([OUTPUT])
    other = build([OUTPUT])
    second = versions.revise(first, enabled=True)
    runs = [start(workflow, {}, event_key="order-1") for workflow in (second, other)]
    assert len({run.pk for run in runs}) == 2
    assert start(second, {}, event_key="order-1").pk == runs[0].pk


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("nobody", NotFound, "no workflow named 'nobody'"),
        ("Quick", NotFound, "no workflow named 'Quick'"),
        ("quick", Refused, "is not enabled"),
    ],
)
def test_what_is_not_there_or_disabled_is_not_started(name, error, sentence):
    build([OUTPUT], name="quick", enabled=False)
    with pytest.raises(error, match=sentence):
        start(name, {})
    assert not Execution.objects.exists()


def test_a_name_starts_the_current_version():
    first = build([OUTPUT], name="quick")
    second = versions.revise(first, enabled=True)
    assert start("quick", {}).workflow_id == second.pk


def test_case_224_a_run_by_hand_needs_no_enabled_workflow():
    workflow = build([OUTPUT], enabled=False)
    execution = run_now(workflow, {"amount": 4})
    assert (execution.status, execution.output, execution.manually) == (1, 4, True)


def test_a_fact_about_a_run_that_is_none_is_refused():
    with pytest.raises(Invalid) as raised:
        start(build([OUTPUT]), {}, status=1)
    assert raised.value.field == "status"


def test_the_time_out_counts_from_the_start_and_stays_as_it_was_then():
    workflow = build([HOUR], options={"timeout": 60_000})
    execution = start(workflow, {})
    Execution.objects.update(created_at=F("created_at") - timedelta(minutes=10))
    drain()
    versions.change_workflow(workflow, options={"timeout": 1})
    operations.pause(execution.pk)
    operations.resume(execution.pk)
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.expires_at - execution.started_at) == (0, timedelta(minutes=1))


@pytest.mark.parametrize("timeout", [0, -5, None, "soon"])
def test_without_a_number_above_zero_there_is_no_time_out(timeout):
    execution = start(build([HOUR], options={"timeout": timeout}), {})
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.expires_at) == (0, None)


@pytest.mark.parametrize("begun", [False, True], ids=["queued", "waiting"])
def test_case_111_a_cancelled_run_is_aborted_with_all_that_waits_in_it(begun):
    parallel = ("parallel", {"mode": "all"}, {0: [HOUR], 1: [HOUR]})
    execution = start(build([parallel]), {})
    if begun:
        drain()
    operations.cancel(execution.pk)
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (-3, "manual_cancel")
    assert list(Job.objects.values_list("status", flat=True)) == [-3, -3, -3][: 3 * begun]
    with pytest.raises(Refused, match="Aborted"):
        operations.cancel(execution.pk)


def test_case_64_runs_of_a_deleted_workflow_hold_up_no_others():
    gone, kept = build([OUTPUT]), build([OUTPUT])
    start(gone, {"amount": 1})
    last = start(kept, {"amount": 2})
    versions.delete([Workflow.objects.get(pk=gone.pk)])
    drain()
    assert dict(Execution.objects.values_list("workflow_id", "status")) == {gone.pk: -2, kept.pk: 1}
    assert "deleted" in Execution.objects.exclude(pk=last.pk).get().error
