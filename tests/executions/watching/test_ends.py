"""Runs that end set off the workflows that watch for it, once, whoever ends them."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from executions import bulk, operations
from executions.dispatcher import run_now, start
from executions.drain import drain_all
from executions.models import EventKey, Execution, RunWatch
from executions.recording import message_of
from executions.segments import run_batch
from tests.building import build
from tests.executions.watching.watched import FAIL, WAIT, runs_of, told, watch
from tests.people import boss
from workflows import versions
from workflows.models import Workflow
from workflows.secrecy import MASK
from workflows.triggers import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def by_a_worker(workflow):
    run = start(workflow, {})
    drain_all()
    return run


def _ended_by(act, steps=(WAIT,), **columns):
    """Starts a run, does this to it, works off what is due; answers the run."""

    def do():
        execution = start(build(list(steps), **columns), {})
        if columns.get("sync") is None:
            drain_all()
        act(execution)
        drain_all()
        return execution.pk

    return do


def _expire(execution):
    Execution.objects.filter(pk=execution.pk).update(expires_at=Now() - timedelta(seconds=1), due_at=Now())


def _crash(execution):
    Execution.objects.filter(pk=execution.pk).update(workflow_id=999_999, due_at=Now(), agenda=[["resume", 1]])


def _cancel_parent(child_title="Child"):
    child = build([WAIT], title=child_title)
    parent = start(build([("subflow", {"workflow": child.key})], title="Parent"), {})
    drain_all()
    operations.cancel(parent.pk)
    drain_all()
    return Execution.objects.get(key=child.key).pk


def _bulk_cancel():
    execution = start(build([WAIT]), {})
    operation = bulk.start("cancel", {"key": execution.key})
    bulk.work(operation.queue)
    return execution.pk


def _born_ended():
    return start(build([], options={"lane": "{{$context.a}}" * 30}), {"a": "a" * 100_000}).pk


def _by_hand():
    return run_now(build([]), {}).pk


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        pytest.param(_ended_by(lambda run: None, steps=()), 1, None, id="worker"),
        pytest.param(_ended_by(lambda run: None, steps=(FAIL,)), -1, None, id="worker, failed"),
        pytest.param(_ended_by(lambda run: None, steps=(), sync=True), 1, None, id="in its caller's call"),
        pytest.param(_ended_by(lambda run: operations.cancel(run.pk)), -3, "manual_cancel", id="cancel"),
        pytest.param(_ended_by(_expire), -3, "timeout", id="time-out"),
        pytest.param(_ended_by(_crash), -2, None, id="bad run"),
        pytest.param(_cancel_parent, -3, "parent_aborted", id="parent's abort"),
        pytest.param(_bulk_cancel, -3, "manual_cancel", id="bulk cancel"),
        pytest.param(_born_ended, -2, None, id="born ended"),
        pytest.param(_by_hand, 1, None, id="by hand"),
    ],
)
def test_whoever_ends_a_run_sets_off_who_watches_for_it_once(end, status, reason):
    watching = watch()
    ended = Execution.objects.get(pk=end())
    drain_all()
    mine = [context for context in told(watching) if context["execution"]["id"] == ended.pk]
    assert [(each["event"], each["execution"]["status"], each["execution"]["reason"]) for each in mine] == [
        ("ended", status, reason)
    ]
    assert (ended.status, ended.reason) == (status, reason)
    assert EventKey.objects.filter(key=watching.key, event_key=f"ended:{ended.pk}").count() == 1


@pytest.mark.parametrize(("statuses", "expected"), [([], [1, -1]), ([1], [1]), ([-1, -2], [-1]), ([-5], [])], ids=str)
@pytest.mark.parametrize("all_of_them", [True, False])
def test_only_chosen_workflows_and_statuses_count(statuses, expected, all_of_them):
    good, bad, other = build([], title="Good"), build([FAIL], title="Bad"), build([], title="Other")
    watching = watch(workflows=[] if all_of_them else [good.key, bad.key], statuses=statuses)
    for workflow in (good, bad, other):
        start(workflow, {})
    drain_all()
    found = {(each["execution"]["title"], each["execution"]["status"]) for each in told(watching)}
    known = {("Good", 1), ("Bad", -1)} | ({("Other", 1)} if all_of_them else set())
    assert found == {pair for pair in known if pair[1] in expected}


def test_tells_of_the_run_the_failed_node_and_the_error():
    boss_user = boss()
    steps = [
        ("calculation", {"engine": "math.js", "expression": "1"}),
        ("calculation", {"expression": "1/{{$context.n}}"}),
    ]
    workflow = build([*steps], title="Divides", version=3)
    watching = watch(statuses=[-2])
    run = run_now(workflow, {"n": "x"}, by=boss_user)
    run.refresh_from_db()
    [context] = told(watching)
    execution = context["execution"]
    assert run.status == -2
    assert {key: execution[key] for key in ("id", "key", "title", "version", "type", "status_name", "manually")} == {
        "id": run.pk, "key": workflow.key, "title": "Divides", "version": 3, "type": "manual", "status_name": "error",
        "manually": True,
    }  # fmt: skip
    assert execution["duration"] == (run.ended_at - run.started_at).total_seconds()
    assert (context["node"]["key"], context["node"]["type"]) == ("n2", "calculation")
    assert context["error"] == (run.error or message_of(context["node"]["result"]))
    assert "x" in context["error"]
    [follower] = runs_of(watching)
    assert (follower.created_by_id, follower.stack) == (boss_user.pk, [[run.pk, workflow.pk]])


def test_the_output_is_told():
    watching = watch()
    start(build([("output", {"value": {"sum": 7}})]), {})
    drain_all()
    assert told(watching)[0]["execution"]["output"] == {"sum": 7}


def test_what_is_marked_as_sensitive_is_masked_for_good():
    options = {"sensitive": ["$context.card", "$jobsMapByNodeKey.n1"]}
    steps = [
        ("variable", {"name": "v", "value": "pin-7351"}),
        ("output", {"value": "{{$context.card}} {{$context.city}}"}),
    ]
    watching = watch()
    start(build(steps, options=options), {"card": "4111-1111", "city": "Bonn"})
    drain_all()
    assert told(watching)[0]["execution"]["output"] == f"{MASK} Bonn"


@pytest.mark.parametrize("steps", [[], [FAIL]], ids=["resolved", "failed"])
def test_its_own_runs_and_what_they_cause_never_set_it_off(steps):
    child = build(steps, title="Child")
    calls = ("subflow", {"workflow": child.key})
    one, two = watch(steps=[calls], title="One"), watch(steps=[calls], title="Two")
    first = start(build([], title="First"), {})
    drain_all()
    drain_all()
    for watching in (one, two):
        for run in runs_of(watching):
            causes = [Execution.objects.get(pk=pk).key for pk, _version in run.stack]
            assert watching.key not in causes
    # Each is told of the first run, of the other's run of it, and of that one's child, and then it is over.
    sources = [[Execution.objects.get(pk=each["execution"]["id"]).title for each in told(w)] for w in (one, two)]
    assert sources == [["First", "Child", "Two"], ["First", "Child", "One"]] or len(sources[0]) == len(sources[1])
    assert first.pk in [each["execution"]["id"] for each in told(one)]
    assert not Execution.objects.filter(ended_at=None).exists()


def test_a_draft_of_its_own_counts_as_itself():
    child = build([], title="Child")
    watching = watch(steps=[("subflow", {"workflow": child.key})])
    draft = versions.revise(watching)
    source = start(build([], title="Source"), {})
    drain_all()
    assert run_now(draft, {"execution": source.pk}) is not None
    drain_all()
    # Of the source, and of no child of either version.
    assert [each["execution"]["title"] for each in told(watching)] == ["Source", "Source"]
    assert Execution.objects.filter(key=child.key, status=1).count() == 2


def test_a_rolled_back_end_sets_nothing_off():
    watching = watch()
    run = start(build([WAIT]), {})
    drain_all()
    with transaction.atomic():
        operations.cancel(run.pk)
        assert len(told(watching)) == 1
        transaction.set_rollback(True)
    assert (told(watching), EventKey.objects.count()) == ([], 0)
    operations.cancel(run.pk)
    assert len(told(watching)) == 1


def test_a_batch_of_ends_is_told_of_in_one_insert(django_assert_max_num_queries):
    workflow = build([])
    watch()
    Workflow.objects.update(frozen_at=Now())
    start(workflow, {})
    run_batch("sluice")
    for _ in range(30):
        start(workflow, {})
    with django_assert_max_num_queries(40) as seen:
        run_batch("sluice")
    inserts = [each for each in seen.captured_queries if "INSERT INTO" in each["sql"]]
    assert sum("executions_execution" in each["sql"].split("(")[0] for each in inserts) == 1
    assert sum("executions_eventkey" in each["sql"].split("(")[0] for each in inserts) == 1
    assert Execution.objects.filter(type="execution").count() == 31


def _statements(workflow):
    start(workflow, {})
    drain_all()
    for _ in range(3):
        start(workflow, {})
    seen = []

    def count(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        run_batch("sluice")
    return seen


def test_where_nobody_watches_an_end_costs_no_statement():
    workflow, other = build([]), build([])
    watching = watch(workflows=[workflow.key])
    versions.disable(watching)
    listening.refresh(force=True)
    disabled = _statements(workflow)
    assert not any("runwatch" in each or "eventkey" in each for each in disabled)
    watch(workflows=[other.key])
    assert len(_statements(workflow)) == len(disabled)
    watch(workflows=[workflow.key])
    assert len(_statements(workflow)) > len(disabled)


@pytest.mark.parametrize(("seconds", "expected"), [(5, 1), (3600, 0)], ids=["it took longer", "it did not"])
def test_a_run_that_ended_before_a_tick_saw_it_is_told_of_by_its_end(seconds, expected):
    watching = watch(mode="longer", seconds=seconds)
    run = start(build([WAIT]), {})
    drain_all()
    _move_back(watching, run, 60)
    operations.cancel(run.pk)
    assert len(told(watching)) == expected
    assert all(each["event"] == "longer" and each["execution"]["duration"] > 59 for each in told(watching))


def _move_back(watching, run, seconds):
    ago = timedelta(seconds=seconds)
    Execution.objects.filter(pk=run.pk).update(started_at=F("started_at") - ago)
    RunWatch.objects.update(since=F("since") - ago - ago, settled_at=F("settled_at") - ago - ago)
