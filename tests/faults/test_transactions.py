"""Transaction blocks on the real database: what is written inside is kept whole or not at all (spec 3.5, 5.31)."""

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.shop.models import Customer, Order
from executions import operations
from executions.dispatcher import dispatch, run_now, start
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus, Reason
from tests.building import build
from workflows.instructions.base import Outcome
from workflows.triggers.base import Event
from workflows.triggers.listening import listener_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

NOBODY = 987_654
KEPT = {"committed": True}
FAIL = ("t-do", {"act": "fail"})
FAILED_WRITE = ("t-write", {"act": "fail"})
REJECTS = ("condition", {"engine": "math.js", "expression": "1 == 2", "rejectOnFalse": True})
END, END_FAILED = ("end", {"endStatus": 1}), ("end", {"endStatus": -1})
SUSPENDED = "A step can't wait inside a transaction, for nothing of it is kept until its end."


def create(name, **policy):
    return ("t-write", {"act": "create", "value": name}, {}, policy)


def block(inside, after=None, policy=None, **config):
    branches = {1: inside} if after is None else {1: inside, 0: after}
    return ("transaction", config, branches, policy or {})


def loop(times, inside, **config):
    return ("loop", {"target": times, **config}, {0: inside})


def parallel(*branches):
    return ("parallel", {}, dict(enumerate(branches)))


def names():
    return " ".join(sorted(Customer.objects.values_list("name", flat=True)))


def statuses(execution):
    execution.refresh_from_db()
    jobs = Job.objects.filter(execution=execution).order_by("number").values_list("node_key", "status")
    return execution.status, dict(jobs)


def result(execution, key):
    return Job.objects.filter(execution=execution, node_key=key).latest("number").result


#: steps -> (the run's status, rows kept, statuses of jobs by node)
FLOWS = {
    "all_is_kept": (
        [block([create("a"), create("b")]), create("c")],
        (1, "a b c", {"n1": 1, "n2": 1, "n3": 1, "n4": 1}),
    ),
    "a_failure_takes_all_back": (
        [create("a"), block([create("b"), FAILED_WRITE]), create("c")],
        (-1, "a", {"n1": 1, "n2": -1, "n3": 1, "n4": -1}),
    ),
    "so_does_one_in_memory": ([block([create("a"), FAIL])], (-1, "", {"n1": -1, "n2": 1, "n3": -1})),
    "an_exception_is_an_error": (
        [block([create("a"), ("t-do", {"act": "unknown"})])],
        (-2, "", {"n1": -2, "n2": 1, "n3": -2}),
    ),
    "it_may_go_on_after_a_rollback": (
        [block([create("a"), FAIL], continueOnRollback=True), create("b")],
        (1, "b", {"n1": 1, "n2": 1, "n3": -1, "n4": 1}),
    ),
    "the_other_branch_runs_outside": (
        [block([create("a"), FAIL], [create("b")]), create("c")],
        (-1, "b", {"n1": -1, "n2": 1, "n3": -1, "n4": 1}),
    ),
    "and_then_it_goes_on": (
        [block([create("a"), FAIL], [create("b")], continueOnRollback=True), create("c")],
        (1, "b c", {"n1": 1, "n2": 1, "n3": -1, "n4": 1, "n5": 1}),
    ),
    "unless_that_fails_too": (
        [block([FAIL], [create("b"), ("t-do", {"act": "unknown"})], continueOnRollback=True), create("c")],
        (-2, "b", {"n1": -2, "n2": -1, "n3": 1, "n4": -2}),
    ),
    "the_other_branch_is_not_for_success": (
        [block([create("a")], [create("b")]), create("c")],
        (1, "a c", {"n1": 1, "n2": 1, "n4": 1}),
    ),
    "a_failure_that_is_passed_over_keeps_it": (
        [block([create("a"), (*FAILED_WRITE, {}, {"onError": "continue"})])],
        (1, "a", {"n1": 1, "n2": 1, "n3": -1}),
    ),
    "its_own_policy_may_pass_over_it": (
        [block([create("a"), FAIL], policy={"onError": "continue"}), create("b")],
        (1, "b", {"n1": -1, "n2": 1, "n3": -1, "n4": 1}),
    ),
    "nothing_inside": ([("transaction", {}), create("a")], (1, "a", {"n1": 1, "n2": 1})),
    "loops_and_parallels_and_conditions": (
        [block([loop(2, [create("a")]), parallel([create("b")], [create("c")]), create("d")])],
        (1, "a a b c d", {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": 1, "n6": 1, "n7": 1}),
    ),
    "a_failing_round_takes_the_rounds_before_back": (
        [block([loop(3, [create("a"), ("t-do", {"act": "fail at", "value": "{{$scopes.n2.index}}"})])])],
        (-1, "", {"n1": -1, "n2": -1, "n3": 1, "n4": -1}),
    ),
    "one_block_a_round": (
        [loop(3, [block([create("a"), ("t-do", {"act": "fail at", "value": "{{$scopes.n1.index}}"})])], exit=2)],
        (1, "a a", {"n1": 1, "n2": 1, "n3": 1, "n4": 1}),
    ),
    "nested_both_kept": (
        [block([create("a"), block([create("b")]), create("c")])],
        (1, "a b c", {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": 1}),
    ),
    "nested_the_inner_alone_taken_back": (
        [block([create("a"), block([create("b"), FAIL], continueOnRollback=True), create("c")])],
        (1, "a c", {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": -1, "n6": 1}),
    ),
    "case_95_nested_the_inner_kept_until_the_outer_fails": (
        [block([create("a"), block([create("b")]), FAIL])],
        (-1, "", {"n1": -1, "n2": 1, "n3": 1, "n4": 1, "n5": -1}),
    ),
    "nested_the_inner_takes_the_outer_along": (
        [block([create("a"), block([create("b"), FAIL])], [create("c")])],
        (-1, "c", {"n1": -1, "n2": 1, "n3": -1, "n4": 1, "n5": -1, "n6": 1}),
    ),
    "the_other_branch_of_an_inner_one_is_inside_the_outer": (
        [block([block([FAIL], [create("a")], continueOnRollback=True), create("b"), FAIL])],
        (-1, "", {"n1": -1, "n2": 1, "n3": -1, "n4": 1, "n5": 1, "n6": -1}),
    ),
    "an_end_keeps_it": (
        [block([create("a"), block([create("b"), END]), FAIL]), FAIL],
        (1, "a b", {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": 1}),
    ),
    "a_failed_end_takes_it_back": (
        [create("a"), block([create("b"), block([create("c"), END_FAILED])], [create("d")])],
        (-1, "a", {"n1": 1, "n2": -1, "n3": 1, "n4": -1, "n5": 1, "n6": -1}),
    ),
    "so_does_a_failure_that_asks": (
        [block([create("a"), (*FAIL, {}, {"onError": "ask"})], [create("b")])],
        (-6, "", {"n1": -6, "n2": 1, "n3": -1}),
    ),
    "case_92_a_wait_is_an_error": (
        [block([create("a"), ("t-do", {"act": "wait"}), create("b")])],
        (-2, "", {"n1": -2, "n2": 1, "n3": -2}),
    ),
    "case_92_after_it_the_other_branch_runs": (
        [block([create("a"), ("t-do", {"act": "wait"})], [create("b")], continueOnRollback=True), create("c")],
        (1, "b c", {"n1": 1, "n2": 1, "n3": -2, "n4": 1, "n5": 1}),
    ),
    "case_93_what_is_pending_around_the_wait_is_one_too": (
        [block([create("a"), loop(2, [parallel([("t-do", {"act": "wait"})], [create("b")])], exit=2)])],
        (-2, "", {"n1": -2, "n2": 1, "n3": -2, "n4": -2, "n5": -2}),
    ),
    "case_93_no_policy_passes_over_a_wait": (
        [block([("t-do", {"act": "wait"}, {}, {"onError": "continue", "retry": {"attempts": 3}}), create("a")])],
        (-2, "", {"n1": -2, "n2": -2}),
    ),
    "a_delay_waits": ([block([create("a"), ("delay", {"duration": 1})])], (-2, "", {"n1": -2, "n2": 1, "n3": -2})),
    "a_wait_in_an_inner_one_breaks_that_off": (
        [block([create("a"), block([create("b"), ("t-do", {"act": "wait"})], continueOnRollback=True)]), create("c")],
        (1, "a c", {"n1": 1, "n2": 1, "n3": 1, "n4": 1, "n5": -2, "n6": 1}),
    ),
    "a_child_is_waited_for": (
        [block([create("a"), ("t-do", {"act": "child", "value": "{{$context.child}}"})])],
        (-2, "", {"n1": -2, "n2": 1, "n3": -2}),
    ),
    "calls_are_made_at_once": (
        [block([create("a"), ("t-call", {"act": "give", "value": "{{$context.n}}"}), create("b")])],
        (1, "a b", {"n1": 1, "n2": 1, "n3": 1, "n4": 1}),
    ),
    "a_failed_call_takes_it_back": (
        [block([create("a"), ("t-call", {"act": "fail"})])],
        (-1, "", {"n1": -1, "n2": 1, "n3": -1}),
    ),
    "the_branch_after_may_wait": (
        [block([FAIL], [create("a"), ("delay", {"duration": 1}), create("b")], continueOnRollback=True), create("c")],
        (1, "a b c", {"n1": 1, "n2": -1, "n3": 1, "n4": 1, "n5": 1, "n6": 1}),
    ),
}


@pytest.fixture(autouse=True)
def _acts(acts):
    acts["fail at"] = lambda step: acts["fail" if step.compiled.render(step.scope) == 1 else "give"](step)
    acts["order"] = lambda step: Outcome(result=Order.objects.create(customer_id=step.compiled.render(step.scope)).pk)
    acts["dangle"] = lambda step: Outcome(result=Order.objects.create(customer_id=NOBODY).pk)
    acts["mend"] = lambda step: Outcome(result=Customer.objects.create(pk=NOBODY, name="late").pk)


@pytest.mark.parametrize(
    ("name", "sync"),
    # A synchronous run calls its children here and now.
    [(name, sync) for name in FLOWS for sync in (False, True) if not (sync and "child" in name)],
)
def test_flows(name, sync, settle):
    steps, (status, rows, jobs) = FLOWS[name]
    child = build([], title="child")
    workflow = build(steps, sync=sync)
    execution = start(workflow, {"n": 1, "child": child.pk})
    settle()
    assert statuses(execution) == (status, jobs), execution.error
    assert names() == rows
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("inside", "message", "key"),
    [
        ([create("a"), FAIL], "It failed.", "n3"),
        ([("t-do", {"act": "wait"})], SUSPENDED, "n2"),
        ([create("a"), END_FAILED], "The execution ended inside.", "n1"),
        ([REJECTS], "The step ended as Failed.", "n2"),
    ],
)
def test_its_result_says_why_it_was_taken_back(inside, message, key, settle):
    execution = start(build([block(inside)]), {})
    settle()
    assert result(execution, "n1") == {"committed": False, "message": message, "nodeKey": key}
    if message == SUSPENDED:
        assert result(execution, "n2") == {"message": SUSPENDED}
    assert execution.refresh_from_db() or (execution.error or message) == message


def test_the_results_inside_stay_readable_after_a_rollback(settle):
    steps = [block([("t-do", {"act": "give", "value": 7}), FAIL], continueOnRollback=True)]
    execution = start(build([*steps, ("output", {"value": "{{$jobsMapByNodeKey.n2}}"})]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.output, result(execution, "n2")) == (7, 7)


def test_a_retry_inside_is_made_at_once(settle, acts):
    seen = []
    acts["second"] = lambda step: seen.append(step.attempt) or acts["create" if step.attempt > 1 else "fail"](step)
    policy = {"retry": {"attempts": 3, "interval": 3_600_000}}
    execution = start(build([block([("t-write", {"act": "second", "value": "a"}, {}, policy)])]), {})
    settle()
    assert statuses(execution) == (1, {"n1": 1, "n2": 1})
    assert (seen, names()) == ([1, 2], "a")
    assert [entry["status"] for entry in Job.objects.get(execution=execution, node_key="n2").attempts] == [-1, 1]


def test_its_own_retry_does_the_block_again_before_the_other_branch(settle, acts):
    tries = []
    acts["third"] = lambda step: tries.append(1) or (acts["give"] if len(tries) > 2 else acts["fail"])(step)
    policy = {"retry": {"attempts": 3, "interval": 1}}
    steps = [block([create("a"), ("t-do", {"act": "third"})], [create("b")], policy=policy)]
    execution = start(build(steps), {})
    settle()
    assert (statuses(execution)[0], names()) == (1, "a")
    assert [entry["status"] for entry in Job.objects.get(execution=execution, node_key="n1").attempts] == [-1, -1, 1]


def test_spent_retries_lead_to_the_other_branch(settle):
    policy = {"retry": {"attempts": 2, "interval": 1}}
    execution = start(build([block([create("a"), FAIL], [create("b")], policy=policy)]), {})
    settle()
    assert (statuses(execution)[0], names()) == (-1, "b")
    assert Job.objects.filter(execution=execution, node_key="n3").count() == 2


def test_no_segment_ends_inside(monkeypatch, settle, acts):
    """However long it takes: others see all of it at once, or nothing."""
    monkeypatch.setattr("executions.segments.HOST_SECONDS", 0.0)
    monkeypatch.setattr("executions.segments.ALONE_SECONDS", 0.0)
    turns = set()
    acts["look"] = lambda step: turns.add(Execution.objects.get(pk=step.execution_id).turn) or Outcome()
    execution = start(build([create("x"), block([loop(20, [create("a"), ("t-do", {"act": "look"})])])]), {})
    settle()
    assert statuses(execution)[0] == 1
    assert len(turns) == 1
    assert Customer.objects.filter(name="a").count() == 20


def test_its_runs_are_claimed_alone(settle):
    assert start(build([("transaction", {})]), {}).solo


# Deferred constraints


@pytest.mark.postgres
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize(
    ("inside", "kept"),
    [
        ([("t-write", {"act": "dangle"}), ("t-write", {"act": "mend"})], True),
        ([block([("t-write", {"act": "dangle"})]), ("t-write", {"act": "mend"})], True),
        ([create("a"), ("t-write", {"act": "dangle"})], False),
        ([create("a"), ("t-write", {"act": "dangle"}), END], False),
        ([create("a"), loop(1, [("t-write", {"act": "dangle"}), END])], False),
    ],
)
def test_deferred_constraints_are_looked_at_where_the_block_ends(inside, kept, sync, settle):
    execution = start(build([block(inside, [create("b")], continueOnRollback=True)], sync=sync), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, names(), Order.objects.count()) == ((1, "late", 1) if kept else (1, "b", 0))
    told = result(execution, "n1")
    assert told == KEPT if kept else ("foreign key" in told["message"] and told["nodeKey"] == "n1")


def test_a_broken_constraint_is_the_blocks_own_failure(settle):
    steps = [create("a"), block([create("b"), ("t-write", {"act": "dangle"})], [create("c")], continueOnRollback=True)]
    execution = start(build(steps), {})
    settle()
    assert (statuses(execution)[0], names(), Order.objects.count()) == (1, "a c", 0)


# What its writes set off


@pytest.fixture
def listening(listen):
    def build_listener(**columns):
        config = {"collection": "shop.Customer", "mode": 1}
        workflow = build([("output", {"value": "{{$context.data.name}}"})], type="collection", config=config, **columns)
        listen()
        return workflow

    return build_listener


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_runs_that_its_writes_set_off_are_taken_back_with_them(listening, sync, settle):
    listener = listening()
    steps = [create("a"), block([create("b"), create("c"), FAIL], continueOnRollback=True), create("d")]
    execution = start(build(steps, sync=sync), {})
    settle()
    assert statuses(execution)[0] == 1
    outputs = Execution.objects.filter(key=listener.key).order_by("id").values_list("output", flat=True)
    assert list(outputs) == ["a", "d"]


def wakes(monkeypatch):
    sent = []
    monkeypatch.setattr("executions.wakeup.send", lambda queue, **kwargs: sent.append(queue))
    return sent


def test_wake_ups_of_a_block_that_is_taken_back_are_not_sent(listening, monkeypatch):
    """And those that stand for a queue before it still are."""
    listening(options={"queue": "other"})
    sent = wakes(monkeypatch)
    workflow = build([block([create("a"), FAIL], continueOnRollback=True)], sync=True)
    with transaction.atomic():
        run_now(workflow, {"data": {}})
    assert (statuses(Execution.objects.get())[0], names(), sent.count("other")) == (1, "", 0)
    with transaction.atomic():
        Customer.objects.create(name="x")
        run_now(workflow, {"data": {}})
    assert (names(), sent.count("other")) == ("x", 1)


def test_wake_ups_inside_do_not_stand_for_those_after_it(listening, monkeypatch):
    listening(options={"queue": "other"})
    sent = wakes(monkeypatch)
    workflow = build([block([create("a"), FAIL], continueOnRollback=True), create("b")], sync=True)
    with transaction.atomic():
        run_now(workflow, {"data": {}})
    assert (names(), sent.count("other")) == ("b", 1)


# On SQLite synchronous runs start after the commit.
@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_sync_run_set_off_inside_keeps_its_history_alone(listening, settle):
    listener = listening(sync=True)
    execution = start(build([block([create("a"), FAIL])]), {})
    settle()
    assert (statuses(execution)[0], names()) == (-1, "")
    assert list(Execution.objects.filter(key=listener.key).values_list("status", "output")) == [(1, "a")]


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_step_whose_sync_run_undoes_it_fails_alone(listen, settle):
    """rollbackOnFailure marks the step's own savepoint, and not the block's."""
    config = {"collection": "shop.Customer", "mode": 1, "rollbackOnFailure": True}
    build([FAIL], type="collection", config=config, sync=True)
    listen()
    workflow = build([block([(*create("a")[:3], {"onError": "continue"}), ("t-write", {"act": "give", "value": 1})])])
    execution = start(workflow, {})
    settle()
    assert statuses(execution) == (1, {"n1": 1, "n2": -2, "n3": 1})
    assert names() == ""


# In somebody else's transaction


@pytest.mark.parametrize("kept", [True, False])
def test_in_a_sync_run_it_is_a_savepoint_of_the_callers_transaction(kept):
    workflow = build([create("a"), block([create("b"), FAIL], continueOnRollback=True), create("c")], sync=True)
    event = Event(listener_of(workflow), {})
    try:
        with transaction.atomic():
            Customer.objects.create(name="mine")
            [run] = dispatch([event])
            assert names() == "a c mine"
            if not kept:
                raise RuntimeError
    except RuntimeError:
        pass
    assert names() == ("a c mine" if kept else "")
    if kept or connection.vendor != "sqlite":
        assert statuses(Execution.objects.get(pk=run.id))[0] == 1


def test_a_deadlock_inside_is_handed_to_the_caller(acts):
    """The transaction is gone with it: nothing of the block stays open."""

    def deadlock(step):
        from django.db import OperationalError

        number = {"sqlite": "database is locked"}.get(connection.vendor, 1213)
        raise OperationalError(number)

    acts["deadlock"] = deadlock
    workflow = build([block([create("a"), block([("t-write", {"act": "deadlock"})])])], sync=True)
    with pytest.raises(Exception, match=r"1213|locked"), transaction.atomic():
        run_now(workflow, {"data": {}})
    assert names() == ""
    assert connection.savepoint_ids == []
    if connection.vendor != "sqlite":
        assert Execution.objects.get().status == ExecutionStatus.ERROR


# Runs that it calls


def call(workflow):
    return ("subflow", {"workflow": workflow.key})


def children(execution):
    """Their statuses; on SQLite, which has one writer, their rows are of the block's transaction too."""
    return list(Execution.objects.filter(parent_execution=execution).values_list("status", flat=True))


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_synchronous_workflow_called_inside_runs_in_it(kept, sync, settle):
    child = build([create("b"), ("output", {"value": "said"})], sync=True, title="child")
    tail = [] if kept else [FAIL]
    steps = [block([create("a"), call(child), *tail], continueOnRollback=True)]
    execution = start(build([*steps, ("output", {"value": "{{$jobsMapByNodeKey.n3}}"})], sync=sync), {})
    settle()
    assert (statuses(execution)[0], execution.output) == (1, "said")
    assert names() == ("a b" if kept else "")
    assert children(execution) == ([1] if kept or connection.vendor != "sqlite" else [])


def test_an_asynchronous_one_is_a_wait(settle):
    child = build([create("b")], title="child")
    execution = start(build([block([create("a"), call(child)])]), {})
    settle()
    assert statuses(execution) == (-2, {"n1": -2, "n2": 1, "n3": -2})
    assert (result(execution, "n3"), names()) == ({"message": SUSPENDED}, "")
    assert not Execution.objects.filter(parent_execution=execution).exists()


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_one_that_waits_is_a_wait_too(sync, settle):
    child = build([create("b"), ("t-do", {"act": "wait", "value": 0.05})], sync=True, title="child")
    execution = start(build([block([create("a"), call(child)])], sync=sync), {})
    settle()
    assert statuses(execution) == (-2, {"n1": -2, "n2": 1, "n3": -2})
    assert names() == ""
    assert children(execution) == ([-3] if connection.vendor != "sqlite" else [])


# Time


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_case_101_a_run_that_expires_inside_is_taken_back_and_ends(sync, settle, acts):
    steps = [create("x"), block([create("a"), ("t-do", {"act": "sleep", "value": 1.1}), create("b")], [create("c")])]
    execution = start(build(steps, sync=sync, options={"timeout": 1000}), {})
    settle()
    assert statuses(execution) == (-3, {"n1": 1, "n2": -3, "n3": 1, "n4": 1})
    assert (execution.reason, names()) == (Reason.TIMEOUT, "x")
    assert result(execution, "n2")["committed"] is False


def test_a_call_inside_has_the_time_that_a_transaction_is_kept_for(settle, acts):
    seen = []
    acts["timed"] = lambda step: seen.append(step.timeout) or Outcome()
    calls = [("t-call", {"act": "timed"}), ("t-call", {"act": "timed"}, {}, {"timeout": 1_000})]
    start(build([block(calls)]), {})
    settle()
    assert seen == [25.0, 1.0]


def test_a_call_that_outlasts_the_transaction_ends_the_run(settle, monkeypatch, acts):
    """It would be lost with its segment and done again, for ever."""
    monkeypatch.setattr("executions.processor.IDLE_SECONDS", 0.1)
    calls = []
    acts["long"] = lambda step: calls.append(1) or acts["sleep"](step)
    execution = start(build([block([create("a"), ("t-call", {"act": "long", "value": 0.2})])]), {})
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.reason, len(calls), names()) == (-2, Reason.WRITE_FAILED, 1, "")
    assert "move it out" in execution.error


def test_a_connection_lost_at_the_rollback_does_the_segment_again(settle, monkeypatch):
    """Nobody could go on behind a savepoint that is gone with it."""
    lost = []
    roll_back = BaseDatabaseWrapper._savepoint_rollback

    def lose(self, sid):
        if not lost:
            lost.append(sid)
            self.connection.close()
        roll_back(self, sid)

    monkeypatch.setattr(BaseDatabaseWrapper, "_savepoint_rollback", lose)
    execution = start(build([create("x"), block([create("a"), FAIL], continueOnRollback=True), create("b")]), {})
    settle()
    assert (statuses(execution)[0], names(), len(lost)) == (1, "b x", 1)


def test_a_hook_that_fails_after_the_commit_takes_nothing_back(acts):
    """A sync run in autocommit: the block is a transaction of its own, and what was committed stands."""

    def hook(step):
        transaction.on_commit(lambda: 1 / 0)
        return acts["create"](step)

    acts["hook"] = hook
    run_now(build([block([("t-write", {"act": "hook", "value": "a"})])], sync=True), {"data": {}})
    execution = Execution.objects.get()
    assert (statuses(execution), names()) == ((1, {"n1": 1, "n2": 1}), "a")


def test_asking_for_a_rerun_of_the_failed_node_does_all_of_it_again(settle, acts):
    asked = []
    acts["once"] = lambda step: asked.append(1) or (acts["fail"] if len(asked) == 1 else acts["give"])(step)
    ask = {"onError": "ask"}
    execution = start(build([block([create("a"), ("t-do", {"act": "once"}, {}, ask), create("b")])]), {})
    settle()
    assert statuses(execution)[0] == -6
    again = operations.rerun(execution.pk, failed=True)
    settle()
    assert (statuses(again)[0], names()) == (1, "a b")


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_a_statement_that_reads_sees_what_was_written_inside(sync, settings, settle):
    """It is a call elsewhere; in here it shares the connection, and leaves that as it was."""
    settings.SLUICE = {"SQL_ALIASES": {"default": "read"}}
    count = ("sql", {"sql": "SELECT count(*) AS n FROM shop_customer"})
    execution = start(build([block([create("a"), count, create("b"), FAIL], [count])], sync=sync), {})
    settle()
    assert (statuses(execution)[0], names()) == (-1, "")
    assert (result(execution, "n3"), result(execution, "n6")) == ([{"n": 1}], [{"n": 0}])
