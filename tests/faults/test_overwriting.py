"""A rerun that begins a further attempt of the job that there is, instead of adding one (spec nocobase-engine 3.3)."""

import pytest

from executions import operations, performers
from executions.drain import drain
from executions.models import Job
from tests.faults.test_reruns import WAITS, create, jobs, names, node, run
from workflows.errors import Invalid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def again(execution, key, **more):
    return operations.rerun(execution.pk, node_id=node(execution, key), overwrite=True, **more)


def test_the_job_keeps_its_place_and_what_follows_gets_new_ones(work, settle):
    execution = run([create("a"), create("b"), WAITS, create("c")], work)
    before = Job.objects.get(execution=execution, node_key="n2")
    again(execution, "n2")
    work()
    assert jobs(execution) == [("n1", 1), ("n2", 1), ("n3", -3), ("n3", 0)]
    after = Job.objects.get(pk=before.pk)
    assert (after.number, after.attempt, names()) == (before.number, 2, ["a", "b", "b"])
    assert [(entry["number"], entry["status"]) for entry in after.attempts] == [(1, 1), (2, 1)]
    assert after.attempts[0]["end"] == before.ended_at.isoformat()
    assert Job.objects.get(execution=execution, status=0).upstream == after.number
    operations.complete_job(Job.objects.get(execution=execution, status=0).pk)
    settle()
    assert names() == ["a", "b", "b", "c"]


def test_a_call_is_made_again_under_a_key_of_its_own(work, acts):
    keys = []

    def call(step):
        keys.append(step.idempotency_key)
        return acts["give"](step)

    acts["noted"] = call
    execution = run([("t-call", {"act": "noted", "value": 1}), WAITS], work)
    for _ in range(2):
        again(execution, "n1")
        work()
    job = Job.objects.get(execution=execution, node_key="n1")
    assert (len(set(keys)), job.attempt, [entry["number"] for entry in job.attempts]) == (3, 3, [1, 2, 3])
    assert [status for _key, status in jobs(execution)] == [1, -3, -3, 0]


def test_a_key_never_comes_again_however_often_it_was_asked(work, acts, monkeypatch):
    """Only the newest attempts are kept."""
    monkeypatch.setattr("executions.recording.KEPT_ATTEMPTS", 2)
    keys = []

    def call(step):
        keys.append(step.idempotency_key)
        return acts["fail" if len(keys) in (3, 4) else "give"](step)

    acts["noted"] = call
    retried = {"retry": {"attempts": 9, "interval": 0}}
    execution = run([("t-call", {"act": "noted", "value": 1}, {}, retried), WAITS], work)
    for _ in range(4):
        again(execution, "n1")
        work()
    own = f"{execution.pk}-1"
    assert keys == [own, f"{own}-1", *[f"{own}-2"] * 3, f"{own}-3", f"{own}-4"]


def test_what_a_call_brings_that_was_under_way_is_dropped(work, acts):
    execution = run([("parallel", {}, {0: [WAITS], 1: [("t-call", {"act": "give", "value": 1}), WAITS]})], work)
    job = Job.objects.get(execution=execution, node_key="n3")
    again(execution, "n3")
    drain("sluice")
    call = performers.begin(execution.pk, job.pk)
    again(execution, "n3")
    drain("sluice")
    assert performers.record(call, performers.attempt(call)) is False
    job.refresh_from_db()
    assert (job.status, job.wait) == (0, "performer")
    work()
    job.refresh_from_db()
    assert (job.status, job.attempt, [entry["status"] for entry in job.attempts]) == (1, 3, [1, -3, 1])


def test_what_waits_is_begun_again(work):
    execution = run([WAITS, create("a")], work)
    again(execution, "n1")
    work()
    assert jobs(execution) == [("n1", 0)]
    assert [entry["status"] for entry in Job.objects.get(execution=execution).attempts] == [-3]


def test_a_loop_counts_its_rounds_anew(work, settle):
    loop = ("loop", {"target": [1, 2, 3]}, {0: [create("{{$scopes.n1.item}}"), WAITS]})
    execution = run([loop, create("end")], work)
    again(execution, "n1")
    work()
    for _ in range(3):
        operations.complete_job(Job.objects.get(execution=execution, wait="outside").pk)
        work()
    settle()
    assert names() == ["1", "1", "2", "3", "end"]
    assert Job.objects.filter(execution=execution, node_key="n1").count() == 1
    assert Job.objects.get(execution=execution, node_key="n1").result["looped"] == 3


def test_inside_a_loop_the_round_goes_on(work, settle):
    loop = ("loop", {"target": [1, 2]}, {0: [create("{{$scopes.n1.item}}"), WAITS]})
    execution = run([loop], work)
    again(execution, "n2")
    work()
    for _ in range(2):
        operations.complete_job(Job.objects.get(execution=execution, wait="outside").pk)
        work()
    settle()
    assert names() == ["1", "1", "2"]


def test_in_a_branch_the_others_go_on(work, settle):
    execution = run([("parallel", {}, {0: [create("a"), WAITS], 1: [WAITS]}), create("end")], work)
    again(execution, "n2")
    work()
    for job in Job.objects.filter(execution=execution, wait="outside"):
        operations.complete_job(job.pk)
    settle()
    execution.refresh_from_db()
    assert (execution.status, names()) == (1, ["a", "a", "end"])


def test_a_value_that_was_assigned_since_does_not_hide_what_it_came_to(work):
    set_again = ("variable", {"target": "n1", "value": "two"})
    execution = run([("variable", {"value": "one"}), create("{{$jobsMapByNodeKey.n1}}"), set_again, WAITS], work)
    again(execution, "n1")
    work()
    assert names() == ["one", "one"]


def test_of_an_ended_run_nothing_is_written_over(work, settle):
    execution = run([create("a"), create("b")], work)
    before = jobs(execution), list(Job.objects.values())
    fresh = again(execution, "n2")
    settle()
    assert (jobs(execution), list(Job.objects.filter(execution=execution).values())) == before
    assert (fresh.rerun_of_id, jobs(fresh)) == (execution.pk, [("n1", 1), ("n2", 1)])


def test_a_node_that_has_no_job_has_none_to_write_over(work):
    execution = run([WAITS, create("a")], work)
    with pytest.raises(Invalid) as caught:
        again(execution, "n2")
    assert caught.value.field == "node_id"
    assert jobs(execution) == [("n1", 0)]
