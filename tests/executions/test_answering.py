"""What a synchronous run tells the request that set it off (spec 4.3, 5.24, 5.29)."""

import time

import pytest

from executions.dispatcher import dispatch, run_now, start
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from tests.faults import kinds
from workflows import secrets
from workflows.answering import Answer, Response, Verdict
from workflows.triggers.base import Event
from workflows.triggers.listening import listener_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

END, END_FAILED = ("end", {"endStatus": 1}), ("end", {"endStatus": -1})
FAIL, WAIT = ("t-do", {"act": "fail"}), ("t-do", {"act": "wait"})
PASS = ("output", {"value": 1})


@pytest.fixture(autouse=True)
def _acts():
    with kinds.known():
        yield


def say(text):
    return ("response-message", {"message": text})


def answered(steps, context=None, **columns):
    answer = Answer()
    workflow = build(steps, **{"sync": True, **columns})
    [run] = dispatch([Event(listener_of(workflow), context or {}, answer=answer)])
    return answer, run


SAID = [say("Hello {{$context.name}}"), say(""), ("loop", {"target": 2}, {0: [say("{{$scopes.n3.index}}")]})]


@pytest.mark.parametrize(
    ("steps", "verdict", "last"),
    [
        pytest.param([*SAID], Verdict.NEXT, 1, id="case_249-resolved"),
        pytest.param([*SAID, END], Verdict.STOP, 1, id="case_249-success"),
        pytest.param([*SAID, END_FAILED], Verdict.REFUSED, -1, id="case_249-failed-end"),
        pytest.param([*SAID, FAIL], Verdict.FAILED, -1, id="failed"),
        pytest.param([*SAID, WAIT], Verdict.HANGS, 0, id="waits"),
        pytest.param([*SAID, ("loop", {"target": 1}, {0: [END]})], Verdict.STOP, 1, id="end-below"),
        pytest.param([*SAID, ("transaction", {}, {1: [END]})], Verdict.STOP, 1, id="end-in-a-transaction"),
        pytest.param([*SAID, ("transaction", {}, {1: [END_FAILED]})], Verdict.REFUSED, -1, id="failed-end-in-one"),
        pytest.param([*SAID, ("response", {})], Verdict.NEXT, 1, id="response"),
    ],
)
def test_messages_and_how_it_ended(steps, verdict, last):
    answer, run = answered(steps, {"name": "Ada"})
    assert answer.messages == ["Hello Ada", "0", "1"]
    assert (answer.verdict, answer.last_job_status, answer.status) == (verdict, last, run.status)
    assert answer.ended_by_end_node == (verdict in (Verdict.STOP, Verdict.REFUSED))


def test_a_response_ends_the_run_at_once():
    config = {
        "statusCode": 201,
        "headers": [{"name": "X-Id", "value": "{{$context.id}}"}],
        "body": {"id": "{{$context.id}}"},
    }
    answer, run = answered([("parallel", {}, {0: [("response", config)], 1: [PASS]}), PASS], {"id": 7})
    assert answer.response == Response(201, (("X-Id", "7"),), {"id": 7})
    assert run.status == 1
    assert list(Job.objects.filter(execution=run.id).order_by("number").values_list("node_key", "status")) == [
        ("n1", 0),
        ("n2", 1),
    ]


def test_a_response_that_can_not_be_sent_is_none():
    answer, run = answered([("response", {"statusCode": "{{$context.none}}"})])
    assert (answer.response, answer.verdict, run.status) == (None, Verdict.FAILED, -2)


def test_secrets_are_masked_in_what_is_answered():
    secrets.create("TOKEN", "a-very-secret-value")
    answer, _run = answered([say("It is {{$env.TOKEN}}"), ("response", {"body": "{{$env.TOKEN}}"})])
    assert "a-very-secret-value" not in repr(answer)


def test_the_first_run_of_an_event_is_asked_once():
    workflow = build([say("Hello"), END], sync=True)
    answers = [Answer(), Answer()]
    for answer in answers:
        dispatch([Event(listener_of(workflow), {}, "key", answer=answer)])
    assert [answer.messages for answer in answers] == [["Hello"], []]
    assert [answer.status for answer in answers] == [1, 1]
    assert Execution.objects.count() == 1


def test_start_takes_an_answer():
    answer = Answer()
    execution = start(build([say("Hello"), ("response", {"statusCode": 202})], sync=True), {}, answer=answer)
    assert (answer.messages, answer.response, execution.status) == (["Hello"], Response(202), 1)


def test_a_run_that_was_refused_has_failed():
    assert Answer().verdict is Verdict.FAILED


@pytest.mark.parametrize("sync", [False, True], ids=["async", "by-hand"])
def test_case_199_without_a_request_they_only_record(sync):
    workflow = build([say("Hello"), ("response", {"body": "Bye"}), PASS], sync=sync)
    if sync:
        execution = run_now(workflow, {"data": {}})
    else:
        execution = start(workflow, {}, answer=(answer := Answer()))
        drain_all()
        assert answer == Answer()
    execution.refresh_from_db()
    jobs = Job.objects.filter(execution=execution).order_by("number").values_list("status", "result")
    assert list(jobs) == [(1, None), (1, {"status": 200, "headers": [], "body": "Bye"})]
    assert execution.status == 1


def test_what_workers_do_after_the_first_wait_answers_nobody():
    answer, run = answered(
        [
            ("delay", {"duration": "{{$context.none}}"}, {}, {"onError": "continue"}),
            ("t-do", {"act": "wait", "value": 0.01}),
            say("late"),
        ]
    )
    assert answer.verdict is Verdict.HANGS
    deadline = time.monotonic() + 15
    while Execution.objects.filter(pk=run.id, ended_at=None).exists() and time.monotonic() < deadline:
        drain_all()
        time.sleep(0.01)
    assert answer.messages == []
    assert Execution.objects.get(pk=run.id).ended_at is not None


def test_a_called_workflow_answers_nobody():
    child = build([say("inner"), END], sync=True, title="child")
    answer, _run = answered([("subflow", {"workflow": child.key}), say("outer")])
    assert (answer.messages, answer.ended_by_end_node) == (["outer"], False)
