"""A result or output larger than SLUICE["MAX_RESULT_BYTES"] ends its step in ERROR, with what it wrote taken back."""

import json

import pytest
from django.db.models import Count

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.recording import Texts
from executions.store import sql
from tests.building import build
from tests.executions.walking import PASS, Walk, retried
from tests.faults import kinds
from workflows.errors import Invalid
from workflows.instructions.base import Outcome, Wait

LIMIT = 1_000


@pytest.fixture(autouse=True)
def acts(settings):
    settings.SLUICE = {"MAX_RESULT_BYTES": LIMIT}
    with kinds.known() as known:
        yield known


def output(value):
    return ("output", {"value": value})


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("x" * (LIMIT - 2), True),
        ("x" * (LIMIT - 1), False),
        # As JSON: two bytes each, and six for a control character.
        ("é" * 499, True),
        ("é" * 500, False),
        ("\x01" * 166, True),
        ("\x01" * 167, False),
        (["y" * 300] * 3, True),
        (["y" * 300] * 4, False),
        ({"deep": [{"er": "z" * LIMIT}]}, False),
        (12345, True),
        (None, True),
    ],
)
def test_the_size_is_that_of_the_json_text_in_bytes(value, fits):
    walk = Walk([output("{{$context.value}}"), PASS], {"value": value}).settle()
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert (size <= LIMIT) is fits
    if fits:
        assert (walk.run.status, walk.run.output) == (1, value)
        return
    assert (walk.run.status, walk.run.output, walk.statuses) == (-2, None, [("n1", -2)])
    assert f"{size} bytes" in walk.run.error
    assert str(LIMIT) in walk.run.error
    assert 'SLUICE["MAX_RESULT_BYTES"]' in walk.run.error


def test_an_output_beside_a_small_result_is_measured_too(acts):
    acts["both"] = lambda step: Outcome(result="small", output="x" * LIMIT)
    walk = Walk([("t-do", {"act": "both"})]).settle()
    assert (walk.run.status, walk.run.output) == (-2, None)


def test_what_is_assigned_to_other_nodes_is_measured_too(acts):
    acts["assign"] = lambda step: Outcome(assign={"n2": "x" * LIMIT})
    walk = Walk([("t-do", {"act": "assign"}), PASS]).settle()
    assert walk.statuses == [("n1", -2)]


def test_no_retry_gives_the_same_again_but_the_policy_may_go_on():
    step = retried(output("x" * LIMIT), retry={"attempts": 3}, onError="continue")
    walk = Walk([step, PASS]).settle()
    assert (walk.run.status, walk.statuses) == (1, [("n1", -2), ("n2", 1)])
    assert len(walk.job("n1").attempts) == 1


def test_what_somebody_outside_brings_is_measured_too():
    walk = Walk([("t-do", {"act": "wait"}), PASS]).settle()
    walk.complete("n1", result="x" * LIMIT).settle()
    assert (walk.run.status, walk.statuses) == (-2, [("n1", -2)])


def test_a_step_that_waits_with_too_large_a_result_waits_no_more(acts):
    acts["large wait"] = lambda step: Outcome(0, "x" * LIMIT, wait=Wait.TIMER, delay=60)
    walk = Walk([("t-do", {"act": "large wait"})]).settle()
    assert (walk.run.status, walk.job("n1").wait) == (-2, None)


@pytest.mark.django_db(transaction=True)
def test_what_the_step_wrote_is_taken_back(acts):
    def create(step):
        Customer.objects.create(name="Ada")
        return Outcome(result="x" * LIMIT)

    acts["large"] = create
    execution = start(build([("t-write", {"act": "large"})]), {})
    drain_all()
    execution.refresh_from_db()
    assert execution.status == -2
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_call_that_brings_too_much_is_not_made_again(acts):
    calls = []

    def call(step):
        calls.append(step)
        return Outcome(result="x" * LIMIT)

    acts["large"] = call
    execution = start(build([("t-call", {"act": "large"}, {}, {"retry": {"attempts": 3}})]), {})
    drain_all()
    execution.refresh_from_db()
    assert (execution.status, len(calls)) == (-2, 1)
    assert "MAX_RESULT_BYTES" in execution.error


@pytest.mark.parametrize("status", [-1, -2])
def test_a_failure_that_says_too_much_is_tried_again(acts, status):
    given = [Outcome(status, "x" * LIMIT), Outcome(result="fine")]
    acts["flaky"] = lambda step: given.pop(0)
    walk = Walk([retried(("t-do", {"act": "flaky"}), retry={"attempts": 2, "interval": 1_000})]).settle()
    assert (walk.statuses, walk.job("n1").result) == ([("n1", 0)], None)
    assert "MAX_RESULT_BYTES" in walk.job("n1").attempts[0]["message"]
    walk.later(1)
    assert (walk.run.status, walk.statuses) == (1, [("n1", 1)])


def test_a_failure_that_says_too_much_stays_the_failure_it_was(acts):
    acts["reject"] = lambda step: Outcome(-5, "x" * LIMIT)
    walk = Walk([("t-do", {"act": "reject"})]).settle()
    assert (walk.run.status, walk.statuses) == (-5, [("n1", -5)])
    assert "MAX_RESULT_BYTES" in walk.run.error


@pytest.mark.django_db(transaction=True)
def test_a_value_that_a_kind_changed_and_gives_again_is_written_as_it_is_then(acts):
    held = {"n": 0}

    def count(step):
        held["n"] += 1
        return Outcome(result=held)

    acts["count"] = count
    execution = start(build([("t-do", {"act": "count"})] * 3), {})
    drain_all()
    jobs = Job.objects.filter(execution=execution).order_by("number")
    assert list(jobs.values_list("result", flat=True)) == [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.django_db(transaction=True)
def test_what_a_person_brings_is_refused_and_the_job_goes_on_waiting():
    execution = start(build([("t-do", {"act": "wait"})]), {})
    drain_all()
    job = Job.objects.get(execution=execution)
    with pytest.raises(Invalid, match="MAX_RESULT_BYTES") as caught:
        operations.complete_job(job.pk, result="x" * LIMIT)
    job.refresh_from_db()
    assert (caught.value.field, job.status) == ("result", 0)
    assert operations.complete_job(job.pk, result="x" * (LIMIT - 2)).status == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", ["text", 'é\n"\\\t', 1.5, None, True, [1, {"a": None}], {"k": ["v" * 200]}])
def test_what_fits_is_stored_as_it_was(value):
    step = output("{{$context.value}}")
    execution = start(build([step, ("delay", {"duration": 1, "unit": 3_600_000}), step]), {"value": value})
    drain_all()
    Execution.objects.filter(pk=execution.pk).update(due_at=execution.created_at)
    Job.objects.filter(execution=execution, wait="timer").update(due_at=execution.created_at)
    drain_all()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, value), execution.error
    assert [job.result for job in Job.objects.filter(execution=execution, node_key__in=["n1", "n3"])] == [value, value]
    assert Job.objects.filter(execution=execution).aggregate(n=Count("id"))["n"] == 3


def test_a_value_is_written_out_once(monkeypatch):
    made = []
    monkeypatch.setattr(sql, "as_json", lambda value: made.append(value) or sql.Raw(json.dumps(value)))
    texts, value, other = Texts(), ["a"], ["a"]
    assert [texts.of(value), texts.excess(value), texts.of(value)] == ['["a"]', None, '["a"]']
    assert texts.of(other) == '["a"]'
    assert [each is value for each in made] == [True, False]


def test_a_text_made_before_is_not_that_of_a_later_result():
    walk = Walk([output(["a", "b"])]).settle()
    job = walk.job("n1")
    job.written = (job.result, '["a","b"]')
    assert job.result_text == '["a","b"]'
    job.result = ["c"]
    assert job.result_text is None
