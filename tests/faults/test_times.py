"""Time-outs, retention, clocks that jump, and runs by hand: what the row's times promise."""

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F

from executions import clock, operations
from executions.dispatcher import run_now, start
from executions.drain import drain
from executions.models import EventKey, Execution, Job
from executions.store import session
from tests.building import build
from workflows.errors import Refused
from workflows.instructions.base import Outcome
from workflows.models import Counter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAITS = ("t-do", {"act": "wait"})
SHORT = {"timeout": 300}


def status(execution):
    execution.refresh_from_db()
    return execution.status, execution.reason


# -- time-outs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "waiting", [WAITS, ("delay", {"duration": 60}), ("t-call", {"act": "give"})], ids=["outside", "timer", "call"]
)
def test_case_100_a_waiting_run_ends_when_its_time_is_over(settle, waiting):
    execution = start(build([waiting], options=SHORT), {})
    drain("sluice")
    time.sleep(0.35)
    drain("sluice")
    assert status(execution) == (-3, "timeout")
    assert list(Job.objects.values_list("status", "wait", "due_at")) == [(-3, None, None)]
    settle()


def test_case_104_of_three_who_see_that_its_time_is_over_one_ends_it(threads, settle):
    def ended_by(drains):
        execution = start(build([WAITS], options=SHORT), {})
        drain("sluice")
        time.sleep(0.35)
        threads(*[lambda: drain("sluice")] * drains)
        assert status(execution) == (-3, "timeout")
        return execution.turn

    assert ended_by(3) == ended_by(1), "Each who writes to a run moves its turn on."
    settle()


def test_case_101_a_working_run_ends_between_two_steps(settle):
    execution = start(build([("t-do", {"act": "sleep", "value": 0.2})] * 4, options=SHORT), {})
    settle()
    assert status(execution) == (-3, "timeout")
    assert 2 <= Job.objects.count() <= 3


def test_a_paused_runs_time_goes_on(settle):
    execution = start(build([WAITS], options=SHORT), {})
    drain("sluice")
    operations.pause(execution.pk)
    time.sleep(0.35)
    settle()
    assert status(execution) == (-3, "timeout")


def test_a_queued_run_has_all_the_time(work):
    execution = start(build([WAITS], options=SHORT), {})
    operations.pause(execution.pk)
    time.sleep(0.35)
    work()
    assert status(execution) == (None, None)
    operations.resume(execution.pk)
    drain("sluice")
    execution.refresh_from_db()
    assert execution.expires_at - execution.started_at == timedelta(milliseconds=300)


def test_somebody_who_does_not_answer_in_time_ends_the_step(settle):
    execution = start(build([("t-do", {"act": "wait", "value": 0.1}), ("output", {"value": 1})]), {})
    settle()
    assert status(execution) == (-3, "timeout")
    assert Job.objects.get().status == -3


def test_pausing_a_delay_lets_it_come_due_at_resume(work, settle):
    execution = start(build([("delay", {"duration": 1}), ("output", {"value": 1})]), {})
    drain("sluice")
    operations.pause(execution.pk)
    time.sleep(1.1)
    work()
    assert status(execution) == (0, None)
    operations.resume(execution.pk)
    settle()
    assert status(execution) == (1, None)


# -- a clock that was set back -----------------------------------------------------------------------------------------


def into_the_future(**which):
    Execution.objects.filter(**which).update(due_at=session.database_now() + timedelta(hours=3))


def test_what_lies_in_the_future_without_a_reason_becomes_due(settle):
    queued = start(build([("output", {"value": 1})]), {})
    working = start(build([WAITS]), {})
    drain("sluice")
    Execution.objects.filter(pk=working.pk).update(agenda=[["resume", 1]])
    Execution.objects.filter(pk=queued.pk).update(status=None, ended_at=None, turn=F("turn") + 1)
    Job.objects.filter(execution=queued).delete()
    into_the_future()
    assert clock.repair_clock() == 2
    assert set(clock.tick()) == {"sluice"}


def test_an_ended_run_that_has_something_to_tell_becomes_due_too(settle):
    execution = start(build([WAITS], options={"deleteExecutionOnStatus": [-3]}), {})
    operations.cancel(execution.pk)
    into_the_future(pk=execution.pk)
    assert clock.repair_clock() == 1
    settle()
    assert not Execution.objects.exists()


def test_what_waits_for_good_reason_stays(work):
    delayed = start(build([("delay", {"duration": 1, "unit": 86_400_000})]), {})
    timed = start(build([WAITS], options={"timeout": 86_400_000}), {})
    work()
    assert clock.repair_clock() == 0
    delayed.refresh_from_db()
    timed.refresh_from_db()
    assert delayed.due_at > session.database_now() < timed.due_at
    Execution.objects.filter(pk=timed.pk).update(agenda=[["caller"]])
    assert clock.repair_clock() == 0, "A sync run is its caller's until its time is over."


# -- retention ---------------------------------------------------------------------------------------------------------


def age(days, **which):
    Execution.objects.filter(**which).update(ended_at=session.database_now() - timedelta(days=days))


@pytest.mark.parametrize(
    ("general", "own", "days", "kept"),
    [(None, None, 9_000, 1), (10, None, 9, 1), (10, None, 11, 0), (10, 20, 11, 1), (10, 5, 6, 0), (None, 5, 6, 0)],
)
def test_ended_runs_are_kept_as_long_as_they_shall(settings, settle, general, own, days, kept):
    settings.SLUICE = {"RETENTION_DAYS": general}
    start(build([("output", {"value": 1})], options={"retentionDays": own} if own else {}), {})
    settle()
    age(days)
    assert clock.retain() == 1 - kept
    assert (Execution.objects.count(), Job.objects.count()) == (kept, kept)


def test_runs_that_go_on_or_have_something_to_tell_are_not_purged(settings, work):
    settings.SLUICE = {"RETENTION_DAYS": 1}
    start(build([WAITS]), {})
    telling = start(build([("output", {"value": 1})]), {})
    work()
    age(5, pk=telling.pk)
    Execution.objects.filter(pk=telling.pk).update(due_at=session.database_now(), agenda=[["delete"]])
    assert clock.retain() == 0
    assert Execution.objects.count() == 2


def test_event_keys_outlive_their_runs_and_are_dropped_after_their_time(settle):
    workflow = build([("output", {"value": 1})])
    first = start(workflow, {}, event_key="old")
    settle()
    operations.delete([first.pk])
    assert clock.retain() == 0
    assert start(workflow, {}, event_key="old") is None
    EventKey.objects.update(created_at=session.database_now() - timedelta(days=31))
    clock.retain()
    assert start(workflow, {}, event_key="old") is not None


@pytest.mark.parametrize(
    ("steps", "statuses", "left"),
    [
        ([("output", {"value": 1})], [1, -3], 0),
        ([("t-do", {"act": "fail"})], [1, -3], 1),
        ([("t-do", {"act": "unknown"})], [-2], 0),
        ([WAITS], [0], 1),
    ],
)
def test_case_85_runs_with_certain_ends_are_deleted_at_once(work, steps, statuses, left):
    start(build(steps, options={"deleteExecutionOnStatus": statuses}), {})
    work()
    assert (Execution.objects.count(), Job.objects.count()) == (left, left)


# -- runs by hand, and sync runs ---------------------------------------------------------------------------------------


def test_a_run_by_hand_goes_to_its_first_wait_in_the_callers_process(settle):
    """Also the very first of its version, which has to be frozen before."""
    workflow = build([("t-write", {"act": "create", "value": "a"}), WAITS, ("output", {"value": 1})])
    execution = run_now(workflow, {})
    assert (execution.status, execution.agenda, execution.manually) == (0, None, True)
    assert list(Job.objects.order_by("number").values_list("node_key", "status")) == [("n1", 1), ("n2", 0)]
    operations.complete_job(Job.objects.get(status=0).pk)
    settle()
    assert status(execution) == (1, None)


def test_a_run_by_hand_inside_a_transaction_is_only_queued(settle):
    workflow = build([("output", {"value": 1})])
    with transaction.atomic():
        execution = run_now(workflow, {})
        assert execution.status is None
    settle()
    assert status(execution) == (1, None)


@pytest.mark.postgres
@pytest.mark.mariadb
def test_case_98_a_sync_run_in_its_callers_call_can_be_cancelled_but_not_paused(acts, threads, settle):
    def meanwhile(step):
        """Somebody at another connection, while the caller is in the middle."""
        answers = threads(
            lambda: operations.pause(step.execution_id),
            lambda: operations.rerun(step.execution_id),
        )
        assert [type(answer) for answer in answers] == [Refused, Refused]
        [cancelled] = threads(lambda: operations.cancel(step.execution_id))
        assert cancelled.status == -3
        return acts["give"](step)

    acts["meanwhile"] = meanwhile
    run_now(build([("t-do", {"act": "meanwhile"}), ("output", {"value": 1})], sync=True), {})
    execution = Execution.objects.get()
    assert status(execution) == (-3, "manual_cancel")
    assert not Job.objects.exists()
    settle()


def test_a_sync_run_that_waits_is_the_workers_from_then_on(settle):
    execution = run_now(build([("delay", {"duration": 1}), ("output", {"value": 5})], sync=True), {})
    assert (execution.status, execution.agenda) == (0, None)
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 5)


def test_an_attempt_that_a_sync_run_leaves_to_performers_counts_once(acts, settle):
    attempts = []

    def refuse(step):
        attempts.append(step.attempt)
        return Outcome(-1, {"message": "Refused."})

    acts["refuse"] = refuse
    policy = {"retry": {"attempts": 3, "interval": 10}}
    execution = run_now(build([("t-call", {"act": "refuse"}, {}, policy)], sync=True), {})
    assert (execution.status, attempts) == (0, [1])
    settle()
    execution.refresh_from_db()
    assert (execution.status, attempts) == (-1, [1, 2, 3])


@pytest.mark.postgres
@pytest.mark.mariadb
def test_case_84_a_sync_runs_history_outlives_its_callers_rollback(settle):
    workflow = build([("t-write", {"act": "create", "value": "undone"}), ("output", {"value": 5})], sync=True)
    with transaction.atomic():
        start(workflow, {})
        transaction.set_rollback(True)
    from config.shop.models import Customer

    execution = Execution.objects.get()
    assert (execution.status, execution.output, Customer.objects.count()) == (1, 5, 0)
    assert Job.objects.filter(execution=execution).count() == 2
    assert Counter.objects.get(workflow_id=workflow.pk).executed == 1
    settle()
