"""Calls of the world: late, lost, slow, tried again; the outcome of each is recorded once."""

import http.server
import json
import threading
import time
from datetime import datetime, timedelta

import pytest
from django.db import connections, transaction

from config.shop.models import Customer
from executions import operations, performers
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.performers import attempt, begin, perform, record
from executions.store import claims, session
from executions.store.side import close_side
from tests.building import build
from tests.faults import checker
from workflows.instructions.base import Outcome
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})


def waiting(*steps, act="give", kind="t-call", policy=None, value=None, **columns):
    """A run that waits for a performer, and its job."""
    steps = [(kind, {"act": act, "value": value}, {}, policy or {}), *(steps or [OUTPUT])]
    execution = start(build(steps, **columns), {})
    drain("sluice")
    return execution, Job.objects.get(execution=execution, node_key="n1")


def pass_deadline(job):
    """As if the call's time were over."""
    past = session.database_now().replace(year=2020)
    Job.objects.filter(pk=job.pk).update(due_at=past)
    Execution.objects.filter(pk=job.execution_id).update(due_at=past)


def begun(execution, job):
    # SQLite tells the time in milliseconds: what is due now may be due in the next one.
    limit = time.monotonic() + 20
    while (call := begin(execution.pk, job.pk)) is None:
        assert time.monotonic() < limit
    return call


def begun_again(execution, job):
    """The first call is lost and a second one is under way."""
    first = begun(execution, job)
    pass_deadline(job)
    drain("sluice")
    return first, begun(execution, job)


# -- late outcomes -----------------------------------------------------------------------------------------------------


def success(text):
    return Outcome(result=text)


def failure(text):
    return Outcome(-1, {"message": text})


@pytest.mark.parametrize(
    ("outcomes", "taken", "end"),
    [
        ([("second", success), ("first", success)], [True, False], (1, "second")),
        ([("first", success), ("second", success)], [True, False], (1, "first")),
        ([("first", failure), ("second", success)], [False, True], (1, "second")),
        ([("second", failure), ("first", success)], [True, False], (-1, None)),
        ([("first", failure), ("second", failure)], [False, True], (-1, None)),
        ([("first", success), ("second", failure)], [True, False], (1, "first")),
    ],
)
def test_a_success_speaks_for_the_job_and_a_failure_for_its_own_attempt(settle, outcomes, taken, end):
    execution, job = waiting()
    first, second = begun_again(execution, job)
    calls = {"first": first, "second": second}
    assert [record(calls[which], make(which)) for which, make in outcomes] == taken
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == end
    assert Job.objects.filter(execution=execution, node_key="n1").count() == 1


def test_two_outcomes_at_once_are_one(threads, settle):
    execution, job = waiting()
    first, second = begun_again(execution, job)
    taken = threads(lambda: record(first, success("first")), lambda: record(second, success("second")))
    assert sorted(taken) == [False, True]
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, "first" if taken[0] else "second")


def test_two_performers_make_one_call(threads, settle):
    execution, job = waiting()
    calls = threads(*[lambda: begin(execution.pk, job.pk)] * 4)
    assert sum(call is not None for call in calls) == 1
    record(next(call for call in calls if call is not None), success("once"))
    settle()


def test_a_cancel_during_a_call_drops_its_outcome(settle):
    execution, job = waiting()
    call = begun(execution, job)
    operations.cancel(execution.pk)
    assert record(call, success("late")) is False
    job.refresh_from_db()
    assert (job.status, job.result) == (-3, None)
    settle()


def test_a_success_during_a_pause_is_kept_and_moves_on_at_resume(work, settle):
    execution, job = waiting()
    call = begun(execution, job)
    operations.pause(execution.pk)
    assert record(call, success("kept"))
    work()
    execution.refresh_from_db()
    job.refresh_from_db()
    assert (execution.status, job.status, job.result) == (0, 1, "kept")
    operations.resume(execution.pk)
    settle()
    execution.refresh_from_db()
    assert execution.output == "kept"


def test_a_call_that_comes_due_during_a_pause_is_made_after_it(work, settle):
    execution, job = waiting(value="made")
    operations.pause(execution.pk)
    assert begin(execution.pk, job.pk) is None
    work()
    job.refresh_from_db()
    assert (job.wait, job.due_at) == ("performer", None)
    operations.resume(execution.pk)
    settle()
    execution.refresh_from_db()
    assert execution.output == "made"


def test_a_call_below_a_decided_step_is_not_made_and_a_late_one_moves_nothing(settle):
    race = ("parallel", {"mode": "race"}, {
        0: [("t-call", {"act": "give", "value": "never"})],
        1: [("t-call", {"act": "give", "value": "late"}), ("t-write", {"act": "create", "value": "wrong"})],
        2: [("t-do", {"act": "give"})],
    })  # fmt: skip
    execution = start(build([race, ("t-do", {"act": "wait"}), ("output", {"value": 1})]), {})
    drain("sluice")
    assert claims.due_performs("sluice", 9) == [], "Both calls are below a step that is decided."
    calls = Job.objects.filter(node_key__in=["n2", "n3"])
    assert list(calls.values_list("status", "due_at")) == [(0, None)] * 2
    operations.complete_job(Job.objects.get(node_key="n6").pk)
    settle()
    execution.refresh_from_db()
    assert (execution.status, Customer.objects.count()) == (1, 0)


# -- lost calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "policy", "calls"),
    [
        ("t-call", {}, 3),
        ("t-call", {"onLost": "error"}, 1),
        ("t-call-once", {}, 1),
        ("t-call-once", {"onLost": "again"}, 3),
        # Lost calls are no attempts: these are not used up before the third.
        ("t-call", {"retry": {"attempts": 2}}, 3),
        ("t-call", {"retry": {"attempts": 5}}, 3),
    ],
)
def test_a_lost_call_is_made_again_or_its_outcome_is_unknown(settle, kind, policy, calls):
    execution, job = waiting(kind=kind, policy=policy)
    for number in range(1, calls + 1):
        assert begun(execution, job).step.attempt == number
        pass_deadline(job)
        drain("sluice")
    settle()
    job.refresh_from_db()
    execution.refresh_from_db()
    assert (execution.status, job.status, job.attempt) == (-2, -2, calls)
    assert "outcome is unknown" in execution.error
    assert perform("sluice") == 0


def test_a_lost_call_comes_back_after_all(settle):
    execution, job = waiting()
    call = begun(execution, job)
    pass_deadline(job)
    drain("sluice")
    assert record(call, success("after all"))
    settle()
    execution.refresh_from_db()
    assert execution.output == "after all"


def test_a_call_gets_its_attempts_time_and_a_grace():
    execution, job = waiting(policy={"timeout": 5_000})
    began = session.database_now()
    begun(execution, job)
    until = session.database_now()
    job.refresh_from_db()
    execution.refresh_from_db()
    about = timedelta(seconds=1)
    assert began - about < job.due_at - timedelta(seconds=15) < until + about
    assert execution.due_at == job.due_at


def test_all_attempts_share_one_idempotency_key():
    execution, job = waiting()
    first, second = begun_again(execution, job)
    assert first.step.idempotency_key == second.step.idempotency_key != ""


def test_the_call_of_a_workflow_that_was_deleted_ends_its_run(settle, work):
    from workflows.graph import forget_graphs

    execution, _job = waiting()
    Workflow.objects.all().delete()
    forget_graphs()
    perform("sluice")
    settle()
    execution.refresh_from_db()
    assert execution.status == -2
    assert "was deleted" in execution.error
    assert claims.due_performs("sluice", 1) == []


@pytest.mark.postgres
@pytest.mark.mariadb
def test_an_outcome_that_can_not_be_written_is_an_error(acts, settle):
    acts["odd"] = lambda step: Outcome(status=-40_000)
    execution, job = waiting(act="odd")
    settle()
    execution.refresh_from_db()
    job.refresh_from_db()
    assert (execution.status, job.status) == (-2, -2)


# -- tried again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["t-do", "t-write", "t-call"])
@pytest.mark.parametrize(("failures", "attempts", "status"), [(2, 3, 1), (3, 3, -1), (1, 1, -1)])
def test_a_failure_is_tried_again_by_its_policy(acts, settle, kind, failures, attempts, status):
    made = []

    def flaky(step):
        made.append(step.attempt)
        if kind == "t-write":
            Customer.objects.create(name=f"attempt {step.attempt}")
        if len(made) <= failures:
            if kind == "t-write":
                raise RuntimeError("Not yet.")
            return failure("Not yet.")
        return success(step.attempt)

    acts["flaky"] = flaky
    policy = {"retry": {"attempts": attempts, "interval": 40, "backoff": 2, "statuses": [-1, -2]}}
    execution = start(build([(kind, {"act": "flaky"}, {}, policy), OUTPUT]), {})
    settle()
    execution.refresh_from_db()
    job = Job.objects.get(execution=execution, node_key="n1")
    last = attempts if status < 0 else failures + 1
    assert made == list(range(1, last + 1))
    assert (execution.status > 0, job.attempt) == (status > 0, last)
    assert [entry["number"] for entry in job.attempts] == made
    assert [entry["status"] < 0 for entry in job.attempts] == [True] * failures + [False] * (last - failures)
    if kind == "t-write":
        # What a failed attempt wrote went with its savepoint.
        assert Customer.objects.count() == (1 if status > 0 else 0)


@pytest.mark.parametrize("kind", ["t-do", "t-call"])
def test_attempts_keep_their_distance(acts, settle, kind):
    times = []

    def failing(step):
        times.append(time.monotonic())
        return failure("No.")

    acts["failing"] = failing
    policy = {"retry": {"attempts": 4, "interval": 100, "backoff": 3, "maxInterval": 400}}
    start(build([(kind, {"act": "failing"}, {}, policy)]), {})
    settle()
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert len(gaps) == 3
    assert all(gap >= least for gap, least in zip(gaps, [0.09, 0.29, 0.39], strict=True)), gaps


@pytest.mark.parametrize("kind", ["t-do", "t-call"])
def test_an_attempt_comes_due_no_later_than_its_distance_says(kind):
    """By what the row says: how soon somebody comes then is the machine's."""
    policy = {"retry": {"attempts": 4, "interval": 100_000, "backoff": 3, "maxInterval": 400_000}}
    execution = start(build([(kind, {"act": "fail"}, {}, policy)]), {})
    planned = []
    for _ in range(3):
        drain("sluice")
        perform("sluice")
        job = Job.objects.get(execution=execution)
        planned.append(round((job.due_at - datetime.fromisoformat(job.attempts[-1]["end"])).total_seconds()))
        pass_deadline(job)
    assert planned == [100, 300, 400]


def test_a_status_that_the_policy_does_not_name_is_not_tried_again(acts, settle):
    acts["rejected"] = lambda step: Outcome(-5)
    start(build([("t-call", {"act": "rejected"}, {}, {"retry": {"attempts": 3}})]), {})
    settle()
    assert Job.objects.get().attempt == 1


def test_when_attempts_are_spent_asking_ends_the_run_retry_needed(settle):
    policy = {"retry": {"attempts": 2, "interval": 0}, "onError": "ask"}
    execution = start(build([("parallel", {}, {0: [("t-call", {"act": "fail"}, {}, policy)]})]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.error) == (-6, "It failed.")


# -- a real service ----------------------------------------------------------------------------------------------------


@pytest.fixture
def service():
    """A service on this machine that answers each call with the next status it was told; and what it was asked."""
    asked, answers, over = [], [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            asked.append((body, self.headers["Idempotency-Key"]))
            status = answers.pop(0) if answers else 200
            if status == "slow":
                # Longer than the call may take.
                over.wait(60)
                status = 200
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"asked": len(asked)}).encode())

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.asked, server.answers = asked, answers
        server.url = f"http://127.0.0.1:{server.server_port}/"
        yield server
        over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("answers", "status", "calls"),
    [([200], 1, 1), ([500, 503, 200], 1, 3), ([500] * 3, -1, 3), (["slow", 200], 1, 2)],
)
def test_a_request_to_a_real_service(settings, settle, service, answers, status, calls):
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    service.answers += answers
    config = {
        "url": service.url,
        "data": {"n": "{{$context.n}}"},
        "onlyData": True,
        "timeout": 2_000 if "slow" in answers else 60_000,
    }
    policy = {"retry": {"attempts": 3, "interval": 20}}
    execution = start(build([("request", config, {}, policy), OUTPUT]), {"n": 5})
    settle()
    execution.refresh_from_db()
    assert execution.status == status, execution.error
    assert [json.loads(body) for body, _ in service.asked] == [{"n": 5}] * calls
    assert len({key for _, key in service.asked}) == 1
    if status > 0:
        assert execution.output == {"asked": calls}


# -- a performer's day -------------------------------------------------------------------------------------------------


def test_many_calls_are_made_at_once(acts, settle):
    all_there = threading.Barrier(10)
    acts["meet"] = lambda step: Outcome(result=all_there.wait(30) >= 0)
    for _ in range(10):
        start(build([("t-call", {"act": "meet"})]), {})
    drain("sluice")
    assert perform("sluice") == 10
    settle()
    assert list(Job.objects.values_list("result", flat=True)) == [True] * 10


def in_a_thread(work, *arguments) -> None:
    try:
        work(*arguments)
    finally:
        close_side()
        connections.close_all()


def test_a_slow_call_does_not_hold_up_those_that_come_due_meanwhile(acts, settings, settle):
    settings.SLUICE = {"DRAIN_SECONDS": 0.2}
    over = threading.Event()
    acts["slow"] = lambda step: Outcome(result=over.wait(60))
    slow = start(build([("t-call", {"act": "slow"})]), {})
    drain("sluice")
    performer = threading.Thread(target=in_a_thread, args=(perform, "sluice"))
    performer.start()
    try:
        time.sleep(0.6)
        quick = start(build([("t-call", {"act": "give"})]), {})
        drain("sluice")
        limit = time.monotonic() + 30
        while not Job.objects.filter(execution=quick, status=1).exists():
            assert time.monotonic() < limit, "It waits for the slow one."
            time.sleep(0.05)
    finally:
        over.set()
        performer.join()
    settle()
    slow.refresh_from_db()
    assert Job.objects.get(execution=slow).result is True


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_call_whose_run_somebody_holds_is_not_tried_all_the_time(threads, settings, monkeypatch, settle):
    settings.SLUICE = {"DRAIN_SECONDS": 1}
    execution, _job = waiting()
    tries = []
    monkeypatch.setattr(performers, "begin", lambda *ids: tries.append(ids) or begin(*ids))
    done = threading.Event()

    def hold():
        with transaction.atomic():
            claims.lock_one(execution.pk)
            done.wait(10)

    def performs():
        time.sleep(0.1)
        perform("sluice")
        done.set()

    assert threads(hold, performs) == [None, None]
    assert 1 <= len(tries) <= 6
    monkeypatch.undo()
    settle()


def test_a_second_perform_task_of_one_worker_leaves_the_work_to_the_first(acts, settle, threads):
    acts["slow"] = lambda step: time.sleep(0.5) or Outcome()
    waiting(act="slow")
    assert sorted(threads(lambda: perform("sluice"), lambda: perform("sluice"))) == [0, 1]
    settle()


def test_what_a_call_raises_is_its_outcome(acts):
    def wrong(step):
        raise ValueError("Nobody is there.")

    acts["wrong"] = wrong
    execution, job = waiting(act="wrong")
    outcome = attempt(begun(execution, job))
    assert (outcome.status, outcome.result) == (-2, {"message": "Nobody is there.", "type": "ValueError"})
    assert checker.faults() == []


def test_what_a_failing_step_wrote_is_taken_back(acts, settle):
    def write_and_fail(step):
        Customer.objects.create(name="half-done")
        return Outcome(status=-1, result={"message": "No."})

    acts["write and fail"] = write_and_fail
    policy = {"retry": {"attempts": 3, "interval": 0}}
    execution = start(build([("t-write", {"act": "write and fail"}, {}, policy)]), {})
    settle()
    execution.refresh_from_db()
    assert execution.status == -1
    assert [entry["status"] for entry in Job.objects.get(execution=execution).attempts] == [-1, -1, -1]
    assert not Customer.objects.exists()
