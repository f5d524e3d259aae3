"""Bulk operations: what they find, what they do, how they end, and what is told of them."""

import pytest
from django.db import InterfaceError
from django.utils import timezone

from executions import bulk, clock, operations
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import BulkOperation, Execution
from tests.building import build
from tests.people import boss, person
from tests.slow import slow_statement
from workflows import ambient
from workflows.actions import Action, Origin
from workflows.errors import Invalid, NotFound, Refused
from workflows.listing import bounds
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})


def queued(count: int, **columns) -> list[int]:
    workflow = build([WAIT], **columns)
    return [start(workflow, {}).pk for _ in range(count)]


def done(operation: BulkOperation) -> BulkOperation:
    while bulk.due(operation.queue):
        bulk.work(operation.queue)
    operation.refresh_from_db()
    return operation


def counts(operation: BulkOperation) -> tuple[str, int, int, int]:
    return operation.state, operation.done, operation.refused, operation.failed


def test_a_filter_that_takes_too_long_is_refused(monkeypatch):
    queued(1)
    slow = Execution.objects.extra(where=[f"({slow_statement()}) > -1"])
    monkeypatch.setattr(bulk, "found", lambda where, author: slow)
    monkeypatch.setattr(bounds, "LIST_SECONDS", 0.2)
    with pytest.raises(bounds.TooSlow, match="Narrow it by workflow, key, created_since"):
        bulk.start("cancel", {"status": "queued"})
    assert not BulkOperation.objects.exists()
    assert not HistoryEntry.objects.exists()


def test_does_it_to_what_the_filter_finds_and_to_nothing_else():
    chosen, others = queued(5, title="Chosen"), queued(3, title="Others")
    operation = bulk.start("cancel", {"key": Execution.objects.get(pk=chosen[0]).key})
    assert (operation.state, operation.total, operation.due_at is not None) == ("queued", 5, True)
    assert counts(done(operation)) == ("done", 5, 0, 0)
    assert operation.due_at is None
    assert operation.started_at <= operation.ended_at
    assert set(Execution.objects.filter(status=-3).values_list("pk", flat=True)) == set(chosen)
    assert Execution.objects.filter(pk__in=others, ended_at=None).count() == 3


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"status": "queued"}, 4),
        ({"status": ["queued", "error"]}, 4),
        ({"status": 0}, 0),
        ({"status": "null"}, 4),
        ({"paused": True}, 1),
        ({"paused": False}, 3),
        ({"manually": False}, 4),
        ({"title": "a te"}, 4),
        ({"created_since": "2100-01-01T00:00:00Z"}, 0),
    ],
)
def test_takes_the_parameters_of_the_list(where, found):
    ids = queued(4)
    operations.pause(ids[0])
    assert bulk.start("cancel", where).total == found


@pytest.mark.parametrize(
    ("action", "arguments", "field"),
    [
        ("explode", {"all": True}, "action"),
        ("cancel", {}, "filter"),
        ("cancel", {"where": {}}, "filter"),
        ("cancel", {"where": {}, "all": "yes"}, "filter"),
        ("cancel", {"where": {"id": 1}, "all": True}, "all"),
        ("cancel", {"where": {"colour": "red"}}, "filter.colour"),
        ("cancel", {"where": {f"colour{number}": "red" for number in range(101)}}, "filter"),
        ("cancel", {"where": {"tags": [f"tag{number}" for number in range(21)]}}, "filter.tags"),
        ("cancel", {"where": {"status": "blue"}}, "filter.status"),
        ("cancel", {"where": {"created_since": "soon"}}, "filter.created_since"),
        ("cancel", {"where": {"lane": None}}, "filter.lane"),
        ("cancel", {"where": {"title": {"icontains": "x"}}}, "filter.title"),
        ("cancel", {"where": {"cursor": 1}}, "filter.cursor"),
        ("delete", {"where": {"id": []}}, "filter.id"),
        ("delete", {"where": {"id": ""}}, "filter.id"),
        ("delete", {"where": {"status": ""}}, "filter.status"),
        ("delete", {"where": {"title": " "}}, "filter.title"),
        ("delete", {"where": {"paused": ""}}, "filter.paused"),
        ("delete", {"where": {"key": [""]}}, "filter.key"),
        ("delete", {"where": {"key": ["a", ""]}}, "filter.key"),
        ("delete", {"where": {"key": ","}}, "filter.key"),
        ("delete", {"where": {"tags": [",", " , "]}}, "filter.tags"),
        ("delete", {"where": {"created_since": ""}}, "filter.created_since"),
        ("delete", {"where": {"duration_min": ""}}, "filter.duration_min"),
        ("delete", {"where": {"attr.x": ""}}, "filter.attr.x"),
        ("delete", {"where": {"attr.x__gt": " "}}, "filter.attr.x__gt"),
        ("delete", {"where": {"status": "queued", "id": []}}, "filter.id"),
        ("delete", {"where": {"order": "id"}}, "filter"),
        ("delete", {"where": {"order": "-id"}}, "filter"),
        ("cancel", {"where": {"error_contains": "x"}}, "filter.error_contains"),
        ("cancel", {"all": True, "reason": "x" * 2001}, "reason"),
        ("cancel", {"all": True, "reason": "a\x00b"}, "reason"),
    ],
)
def test_refuses_by_field(action, arguments, field):
    queued(1)
    with pytest.raises(Invalid) as refused:
        bulk.start(action, **arguments)
    assert refused.value.field == field
    assert not BulkOperation.objects.exists()
    assert not HistoryEntry.objects.filter(action=Action.BULK_START).exists()


@pytest.mark.parametrize("where", [{"id": []}, {"key": ","}, {"attr.x": ""}, {"order": "id"}])
def test_one_that_was_stored_with_a_filter_that_asks_for_nothing_ends_undone(where):
    queued(2)
    operation = bulk.start("delete", {"status": "queued"})
    BulkOperation.objects.filter(pk=operation.pk).update(filter=where)
    assert counts(done(operation)) == ("failed", 0, 0, 0)
    assert operation.error.startswith("filter")
    assert Execution.objects.count() == 2


def test_what_begins_later_is_not_touched():
    queued(2)
    operation = bulk.start("cancel", all=True)
    late = queued(1)
    assert counts(done(operation)) == ("done", 2, 0, 0)
    assert Execution.objects.get(pk=late[0]).ended_at is None


def test_a_rerun_does_not_rerun_its_own_runs(monkeypatch):
    ids = queued(3)
    for pk in ids:
        operations.cancel(pk)
    monkeypatch.setattr(bulk, "CHUNK", 1)
    assert counts(done(bulk.start("rerun", {"status": "aborted"}))) == ("done", 3, 0, 0)
    assert sorted(Execution.objects.filter(rerun_of__isnull=False).values_list("rerun_of", flat=True)) == ids


def test_pause_and_resume():
    queued(3)
    assert done(bulk.start("pause", all=True)).done == 3
    assert Execution.objects.filter(paused_at__isnull=False).count() == 3
    assert done(bulk.start("resume", {"paused": True})).done == 3
    assert not Execution.objects.filter(paused_at__isnull=False).exists()


def test_delete_counts_those_that_run_as_refused(monkeypatch):
    running = queued(2)
    drain_all()
    ended = queued(3)
    for pk in ended:
        operations.cancel(pk)
    drain_all()
    monkeypatch.setattr(bulk, "DELETED_AT_ONCE", 2)
    operation = done(bulk.start("delete", all=True))
    assert counts(operation) == ("done", 3, 2, 0)
    assert [pk for pk, _why in operation.refusals] == running
    assert set(Execution.objects.values_list("pk", flat=True)) == set(running)


def test_the_first_refusals_are_kept_with_their_reason(monkeypatch):
    ids = queued(4)
    for pk in ids:
        operations.cancel(pk)
    monkeypatch.setattr(bulk, "KEPT_REFUSALS", 3)
    operation = done(bulk.start("cancel", all=True))
    assert counts(operation) == ("done", 0, 4, 0)
    assert [pk for pk, _why in operation.refusals] == ids[:3]
    assert "has ended (Aborted)" in operation.refusals[0][1]


def test_what_fails_unexpectedly_is_counted_and_the_rest_is_done(monkeypatch):
    ids = queued(3)
    cancel = operations.cancel

    def broken(pk, **options):
        if pk == ids[1]:
            cancel(pk, **options)
            raise ValueError("broken")
        return cancel(pk, **options)

    monkeypatch.setitem(bulk._OPERATIONS, "cancel", broken)
    operation = done(bulk.start("cancel", all=True))
    assert counts(operation) == ("done", 2, 0, 1)
    assert operation.refusals == [[ids[1], "ValueError: broken"]]
    # What the one that failed had done is taken back, and so is its entry.
    assert Execution.objects.get(pk=ids[1]).ended_at is None
    assert set(HistoryEntry.objects.filter(bulk=operation.pk).values_list("execution", flat=True)) == {ids[0], ids[2]}


def test_a_stop_leaves_the_rest(monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    queued(5)
    by = boss()
    operation = bulk.start("cancel", all=True, by=by)
    assert bulk._chunk("sluice", None) == (operation.pk, 2, 0.0)
    stopped = bulk.stop(operation.pk, by=by, reason="too many")
    assert (stopped.state, stopped.done, stopped.due_at) == ("stopped", 2, None)
    assert bulk.work("sluice") == 0
    assert Execution.objects.filter(ended_at=None).count() == 3
    with pytest.raises(Refused, match="has ended"):
        bulk.stop(operation.pk)
    with pytest.raises(NotFound):
        bulk.stop(operation.pk + 1)
    entry = HistoryEntry.objects.filter(action=Action.BULK_STOP).get()
    assert (entry.reason, entry.object_id, entry.actor_name) == ("too many", operation.pk, "boss")


def test_while_one_is_at_it_nobody_else_is_due_and_the_tick_finds_a_lost_one(monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    queued(5)
    operation = bulk.start("cancel", all=True)
    assert clock._due().count(("sluice", clock._BULK)) == 1
    bulk._chunk("sluice", None)
    assert not bulk.due("sluice")
    assert ("sluice", clock._BULK) not in clock._due()
    monkeypatch.setattr(bulk, "LEASE", -1.0)
    bulk._chunk("sluice", operation.pk)
    assert ("sluice", clock._BULK) in clock._due()
    assert counts(done(operation)) == ("done", 5, 0, 0)


def test_its_time_over_another_worker_may_go_on_at_once(monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    queued(5)
    operation = bulk.start("cancel", all=True)
    assert bulk.work("sluice", seconds=0) == 2
    assert bulk.due("sluice")
    assert counts(done(operation)) == ("done", 5, 0, 0)


def test_more_than_are_counted_have_no_total(monkeypatch):
    monkeypatch.setattr(bulk, "COUNTED", 2)
    queued(3)
    assert bulk.start("cancel", all=True).total is None
    assert bulk.start("cancel", {"status": "error"}).total == 0


def test_a_filter_that_no_longer_fits_ends_it():
    queued(1)
    operation = bulk.start("cancel", all=True)
    BulkOperation.objects.update(filter={"colour": "red"})
    assert counts(done(operation)) == ("failed", 0, 0, 0)
    assert "colour" in operation.error
    assert operation.ended_at is not None


def test_a_chunk_that_always_fails_is_given_up(monkeypatch):
    queued(1)
    operation = bulk.start("cancel", all=True)

    def broken(*_arguments):
        raise ValueError("It takes too long.")

    monkeypatch.setattr(bulk, "found", broken)
    monkeypatch.setattr(bulk, "LEASE", 0.0)
    for tries in range(1, bulk.MOST_TRIES):
        assert bulk.work("sluice") == 0
        operation.refresh_from_db()
        assert (operation.state, operation.tries) == ("running", tries)
    assert counts(done(operation)) == ("failed", 0, 0, 0)
    assert operation.error == "ValueError: It takes too long."


def test_a_deadlock_is_done_again(monkeypatch):
    queued(1)
    operation = bulk.start("cancel", all=True)
    deal = bulk._deal
    monkeypatch.setattr(bulk, "_deal", lambda *_arguments: _deadlock())
    assert bulk.work("sluice") == 0
    monkeypatch.setattr(bulk, "_deal", deal)
    assert counts(done(operation)) == ("done", 1, 0, 0)


def _deadlock():
    raise InterfaceError("connection already closed")


def test_of_a_user_who_is_gone_nothing_more_is_done():
    queued(1)
    user = person(username="gone")
    operation = bulk.start("cancel", all=True, by=user)
    user.delete()
    assert counts(done(operation)) == ("failed", 0, 0, 0)
    assert "deleted or deactivated" in operation.error


def test_hidden_workflows_are_out_of_reach(settings):
    from workflows.conf import conf

    queued(2, title="Hidden")
    seen = queued(1, title="Shown")
    settings.SLUICE = {"VISIBLE": "tests.executions.test_bulk.only_shown"}
    conf.cache_clear()
    operation = bulk.start("cancel", all=True, by=person(username="clerk"))
    assert operation.total == 1
    assert counts(done(operation)) == ("done", 1, 0, 0)
    assert list(Execution.objects.filter(status=-3).values_list("pk", flat=True)) == seen


def only_shown(user):
    from django.db.models import Q

    return Q(title="Shown")


def test_each_run_has_its_entry_by_the_one_who_asked():
    ids = queued(3)
    operation = done(bulk.start("cancel", all=True, by=boss(), reason="  a storm "))
    started = HistoryEntry.objects.get(action=Action.BULK_START)
    assert (started.object_kind, started.object_id, started.reason) == ("bulk", operation.pk, "a storm")
    entries = HistoryEntry.objects.filter(bulk=operation.pk).order_by("id")
    assert [entry.execution for entry in entries] == ids
    assert {(entry.action, entry.actor_name, entry.reason) for entry in entries} == {
        ("execution.cancel", "boss", "a storm")
    }
    assert all(abs((timezone.now() - entry.at).total_seconds()) < 60 for entry in entries)


def test_of_a_person_who_may_no_more_nothing_more_is_done(monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    queued(5)
    user = person("executions.cancel_execution", username="clerk")
    with ambient.coming_from(Origin.API):
        operation = bulk.start("cancel", all=True, by=user)
    bulk.work("sluice", seconds=0)
    user.user_permissions.clear()
    assert counts(done(operation)) == ("failed", 2, 0, 0)
    assert "executions.cancel_execution" in operation.error
