"""What is recorded of people's operations on runs and jobs."""

import pytest

from executions import operations
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import run
from tests.people import boss
from workflows.errors import Invalid, Refused
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


@pytest.fixture
def queued():
    return start(build([WAIT]), {})


@pytest.fixture
def waiting(queued):
    drain_all()
    return queued


def newest() -> HistoryEntry:
    return HistoryEntry.objects.first()


def what() -> tuple[str, dict, str | None, str]:
    entry = newest()
    return entry.action, entry.changes, entry.reason, entry.actor_name


def test_running_leaves_no_entry(waiting):
    assert not HistoryEntry.objects.exists()


def test_each_operation_tells_who_what_and_why(waiting):
    pk, by = waiting.pk, boss()
    operations.pause(pk, by=by, reason="Wait.")
    assert what() == ("execution.pause", {"paused": [False, True]}, "Wait.", "boss")
    operations.resume(pk, by=by, reason="Go on.")
    assert what() == ("execution.resume", {"paused": [True, False]}, "Go on.", "boss")
    node = Job.objects.get().node_id
    operations.rerun(pk, node_id=node, by=by, reason="Again.")
    assert what() == ("execution.rerun", {"node_id": [None, node]}, "Again.", "boss")
    drain_all()
    operations.cancel(pk, by=by, reason="Enough.")
    assert what() == ("execution.cancel", {"status": ["started", "aborted"]}, "Enough.", "boss")
    again = operations.rerun(pk, by=by, reason="Once more.")
    assert what() == ("execution.rerun", {"execution": [pk, again.pk]}, "Once more.", "boss")
    entry = newest()
    assert (entry.object_kind, entry.object_id, entry.execution) == ("execution", pk, pk)
    assert (entry.title, entry.workflow_key) == (f"A test #{pk}", waiting.key)
    assert len(HistoryEntry.objects.of_execution(pk)) == 5
    # A workflow's own history is not drowned in that of its runs.
    assert not HistoryEntry.objects.of_workflow(waiting.key).exists()


def test_a_queued_run_is_told_so(queued):
    operations.cancel(queued.pk)
    assert newest().changes == {"status": ["queued", "aborted"]}


@pytest.mark.parametrize(
    ("operate", "action", "status"),
    [(operations.complete_job, "job.complete", "resolved"), (operations.fail_job, "job.fail", "failed")],
)
def test_jobs_belong_to_their_runs(waiting, operate, action, status):
    job = Job.objects.get()
    operate(job.pk, result={"ok": 1, "password": "x"}, by=boss(), reason="By phone.")
    entry = newest()
    assert (entry.action, entry.object_kind, entry.object_id) == (action, "job", job.pk)
    assert (entry.execution, entry.node_key, entry.title) == (waiting.pk, "n1", f"A test #{waiting.pk}: n1")
    assert entry.changes == {"status": ["pending", status], "result": [None, {"ok": 1, "password": "******"}]}
    assert entry.reason == "By phone."


def test_deleted_runs_stay_in_the_history():
    ids = [run().pk for _ in range(3)]
    outcome = operations.delete([*ids, 987_654], by=boss(), reason="Old.")
    assert (outcome.deleted, set(outcome.refused)) == (3, {987_654})
    entries = HistoryEntry.objects.order_by("id")
    assert [(entry.action, entry.execution, entry.reason) for entry in entries] == [
        ("execution.delete", pk, "Old.") for pk in ids
    ]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_others_wait_for_is_told_of_once_when_deleted():
    workflow = build([WAIT], options={"lane": "one"})
    first, second = start(workflow, {}), start(workflow, {})
    drain_all()
    operations.delete([second.pk], reason="No.")
    drain_all()
    assert not Execution.objects.filter(pk=second.pk).exists()
    assert [(entry.action, entry.execution) for entry in HistoryEntry.objects.all()] == [
        ("execution.delete", second.pk)
    ]
    assert Execution.objects.get(pk=first.pk).ended_at is None


@pytest.mark.parametrize("name", ["cancel", "pause", "resume", "rerun", "delete", "complete_job", "fail_job"])
def test_a_reason_that_can_not_be_kept_is_refused_and_nothing_done(waiting, name):
    if name == "resume":
        operations.pause(waiting.pk)
    before = (Execution.objects.values().get(), list(Job.objects.values()), HistoryEntry.objects.count())
    target = Job.objects.get().pk if name.endswith("_job") else waiting.pk
    with pytest.raises(Invalid) as refused:
        getattr(operations, name)([target] if name == "delete" else target, reason="a\x00b")
    assert refused.value.field == "reason"
    assert before == (Execution.objects.values().get(), list(Job.objects.values()), HistoryEntry.objects.count())


def test_what_is_refused_is_not_recorded(waiting):
    operations.cancel(waiting.pk)
    with pytest.raises(Refused):
        operations.cancel(waiting.pk)
    assert HistoryEntry.objects.count() == 1


def test_an_entry_costs_two_statements(queued, django_assert_max_num_queries):
    other = start(build([WAIT]), {})
    with django_assert_max_num_queries(40) as with_entry:
        operations.cancel(queued.pk)
    from workflows import ambient

    with django_assert_max_num_queries(40) as without, ambient.inside(((1, 1),)):
        operations.cancel(other.pk)
    assert len(with_entry) - len(without) <= 1


def test_what_people_do_is_dated_by_the_clock_of_the_run(waiting):
    operations.cancel(waiting.pk)
    assert newest().at >= Execution.objects.get().ended_at >= Job.objects.get().ended_at
