"""Runs whose steps name secrets: they work with the values, and keep none."""

import logging
from contextlib import contextmanager

import pytest
from django.db import OperationalError

from config.shop.models import Customer
from executions import operations, run_now, segments, start
from executions.models import Execution, Job
from executions.store import journal
from executions.testing import drain, simulate
from tests.building import build
from tests.faults.kinds import ACTS, Call, Do
from tests.workflows.instructions.test_request import server  # noqa: F401
from workflows import instructions, secrets
from workflows.instructions.base import ChildRequest, Outcome, Wait
from workflows.models import HistoryEntry
from workflows.secrecy import MASK

pytestmark = pytest.mark.django_db(transaction=True)

VALUE = "s3cret/value é"
SECRET = "{{$env.TOKEN}}"


@pytest.fixture(autouse=True)
def secret():
    return secrets.create("TOKEN", VALUE)


@pytest.fixture
def act(monkeypatch):
    """`act(function)` is a step that does it in memory, `act(function, "t-call")` one that calls the world."""
    for kind in (Do, Call):
        monkeypatch.setitem(instructions._registry, kind.type, kind())

    def make(function, kind="t-do", **config):
        monkeypatch.setitem(ACTS, function.__name__, function)
        return (kind, {"act": function.__name__, "value": SECRET, **config})

    return make


def stored():
    """Every column of every run and job."""
    return str([*Execution.objects.values(), *Job.objects.order_by("id").values()])


def kept_nowhere():
    rows = stored()
    assert MASK in rows
    for form in (VALUE, "s3cret", "S3CRET", "value%20"):
        assert form not in rows
    assert VALUE not in str(list(HistoryEntry.objects.values()))


def jobs(*columns):
    return list(Job.objects.order_by("execution", "number").values_list(*columns or ("result",), flat=len(columns) < 2))


def calculation(text):
    return ("calculation", {"engine": "string", "expression": text})


def test_a_step_works_with_the_value_and_keeps_the_mask():
    rows = {"collection": "shop.Customer", "params": {"values": {"name": SECRET, "email": "a@example.com"}}}
    start(build([("create", rows), ("output", {"value": f"Bearer {SECRET}!"})]), {})
    drain()
    assert Customer.objects.get().name == VALUE
    assert Execution.objects.get().output == f"Bearer {MASK}!"
    assert Job.objects.get(number=1).result["name"] == MASK
    assert MASK in str(Job.objects.get(number=1).input)
    kept_nowhere()


def test_result_meta_log_input_and_output_are_masked(act):
    def tell(step):
        value = step.compiled.render(step.scope)
        assert value == VALUE
        return Outcome(
            result={value: [value]},
            meta={"kept": f"<{value}>"},
            input={"url": f"https://x/{value}"},
            log=[("INFO", f"using {value}")],
            output={"it": value},
        )

    start(build([act(tell)]), {})
    drain()
    job = Job.objects.get()
    assert job.result == {MASK: [MASK]}
    assert job.meta == {"kept": f"<{MASK}>"}
    assert job.input == {"url": f"https://x/{MASK}"}
    assert f"using {MASK}" in job.log
    assert Execution.objects.get().output == {"it": MASK}
    kept_nowhere()


@pytest.mark.parametrize("kind", ["t-do", "t-call"])
def test_errors_of_attempts_job_run_and_log_are_masked(act, kind, caplog):
    def fail(step):
        raise RuntimeError(f"refused: {step.compiled.render(step.scope)}")

    caplog.set_level(logging.DEBUG, "sluice")
    start(build([(*act(fail, kind), {}, {"retry": {"attempts": 2, "interval": 0}})]), {})
    drain()
    run, job = Execution.objects.get(), Job.objects.get()
    assert run.error == job.result["message"] == f"refused: {MASK}"
    assert [attempt["message"] for attempt in job.attempts] == [f"refused: {MASK}"] * 2
    kept_nowhere()
    assert f"refused: {MASK}" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_run_that_can_not_be_written_ends_with_a_masked_text(act, monkeypatch, caplog):
    def fine(step):
        return Outcome(result="fine")

    real = journal.write
    tries = []

    def write(runs, now, db=None):
        tries.append(1)
        if any(job.id is None for run in runs for job in run.known.values()):
            raise ValueError(f"can't write {VALUE}")
        real(runs, now, db)

    monkeypatch.setattr(journal, "write", write)
    start(build([act(fine)]), {})
    drain()
    assert Execution.objects.get().error == f"ValueError: can't write {MASK}"
    assert tries
    assert "s3cret" not in caplog.text


def test_a_run_inside_a_callers_call_is_masked(act):
    def fail(step):
        raise RuntimeError(step.compiled.render(step.scope))

    workflow = build([calculation(SECRET), act(fail, "t-call")], sync=True)
    execution = run_now(workflow, {})
    execution.refresh_from_db()
    assert execution.error == MASK
    kept_nowhere()


def test_what_takes_a_callers_transaction_along_is_told_masked(act, monkeypatch):
    def conflict(step):
        raise OperationalError(f"deadlock: {step.compiled.render(step.scope)}")

    monkeypatch.setattr(segments.session, "transient", lambda error: isinstance(error, OperationalError))
    with pytest.raises(OperationalError):
        run_now(build([act(conflict)], sync=True), {})
    assert Execution.objects.get().error == f"OperationalError: deadlock: {MASK}"
    kept_nowhere()


def test_results_given_to_other_nodes_are_masked(act):
    def give(step):
        return Outcome(result="given", assign={"n1": {"key": step.compiled.render(step.scope)}})

    start(build([("variable", {"value": 1}), act(give)]), {})
    drain()
    assert jobs("node_key", "result") == [("n1", 1), ("n2", "given"), ("n1", {"key": MASK})]
    kept_nowhere()


def test_a_value_changed_during_the_call_that_uses_it_is_masked_all_the_same(act, secret):
    def call(step):
        value = step.compiled.render(step.scope)
        secrets.change(secret, value="next-value")
        return Outcome(result=f"sent {value}")

    start(build([act(call, "t-call")]), {})
    drain()
    assert jobs() == [f"sent {MASK}"]
    kept_nowhere()


def test_what_a_person_completes_a_job_with_is_masked():
    start(build([("delay", {"duration": 3_600_000}), calculation(SECRET)]), {})
    drain()
    operations.complete_job(Job.objects.get().pk, result={"typed": VALUE})
    drain()
    assert jobs() == [{"typed": MASK}, MASK]
    kept_nowhere()


def test_a_child_is_not_handed_the_value(act):
    child = build([("output", {"value": "{{$context}}"})], title="Child")

    def spawn(step):
        value = step.compiled.render(step.scope)
        return Outcome(0, wait=Wait.OUTSIDE, child=ChildRequest(child.pk, {"key": value}))

    start(build([act(spawn)]), {})
    drain()
    below = Execution.objects.get(workflow=child)
    assert below.context == {"key": MASK}
    kept_nowhere()


def test_a_request_sends_the_value_and_keeps_the_mask(server, settings):  # noqa: F811
    from urllib.parse import unquote

    server.status = 500
    server.body = f'{{"said": "no Bearer {VALUE}", "url": "?key=s3cret%2fvalue+%C3%A9"}}'.encode()
    call = {
        "method": "POST",
        "url": server.url + "/" + SECRET,
        "headers": [{"name": "X-Thing", "value": "Bearer {{$env.ASCII}}"}],
        "params": [{"name": "q", "value": SECRET}],
        "data": {"deep": [SECRET]},
    }
    secrets.create("ASCII", "plain-ascii")
    start(build([("request", call)]), {})
    drain()
    _method, path, headers, body = server.last
    assert unquote(path).count(VALUE) + unquote(path.replace("+", " ")).count(VALUE) >= 2
    assert headers["X-Thing"] == "Bearer plain-ascii"
    assert VALUE in body.decode()
    job = Job.objects.get()
    assert job.result["data"] == {"said": f"no Bearer {MASK}", "url": f"?key={MASK}"}
    assert job.input["headers"] == [{"name": "X-Thing", "value": f"Bearer {MASK}"}]
    kept_nowhere()
    assert "plain-ascii" not in stored()


@pytest.mark.parametrize("url", ["http://{{$env.HOST}}.invalid/", "http://[{{$env.HOST}}]/", "{{$env.HOST}}://x/"])
def test_the_error_of_a_call_that_names_its_address_is_masked(url, server):  # noqa: F811
    secrets.create("HOST", "My-Secret-Host")
    start(build([("request", {"url": url, "method": "GET"})]), {})
    drain()
    run = Execution.objects.get()
    assert run.status == -1
    assert run.error
    assert "my-secret-host" not in stored().lower()


def test_a_secret_that_does_not_exist_fails_its_step_by_name():
    start(build([calculation("{{$env.NO_SUCH:default}}")]), {})
    drain()
    run = Execution.objects.get()
    assert run.status == -2
    assert run.error == "There is no secret NO_SUCH; add it under Secrets, or correct the name after $env."


def test_one_that_no_key_opens_fails_its_step_by_name(settings):
    settings.SLUICE = {"SECRET_KEYS": ["another key of thirty-two characters"]}
    call = ("request", {"url": "http://127.0.0.1:9/" + SECRET})
    start(build([calculation("fine"), (*call, {}, {"onError": "continue"}), calculation(SECRET)]), {})
    drain()
    run = Execution.objects.get()
    assert run.status == -2
    assert run.error.startswith("The secret TOKEN can't be opened")
    assert [job.status for job in run.jobs.order_by("number")] == [1, -2, -2]


def test_what_is_not_named_can_not_be_reached(act):
    secrets.create("OTHER", "other-value")
    whole = ("json-query", {"engine": "jmespath", "source": "{{ctx}}", "expression": '"$env".OTHER'})
    start(build([calculation(SECRET), whole, ("output", {"value": "{{$env}}"})]), {})
    drain()
    assert jobs() == [MASK, None, {}]
    assert "other-value" not in stored()
    kept_nowhere()


def test_a_changed_value_is_used_from_the_next_claim_on(secret):
    steps = [calculation(SECRET), ("delay", {"duration": 3_600}), calculation(SECRET + "{{$context.x}}")]
    start(build(steps), {"x": "-"})
    drain()
    secrets.change(secret, value="next-value")
    [delayed] = Job.objects.filter(wait="timer")
    Job.objects.filter(pk=delayed.pk).update(due_at=delayed.created_at)
    Execution.objects.update(due_at=delayed.created_at)
    drain()
    assert jobs()[-1] == f"{MASK}-"
    assert "next-value" not in stored()
    kept_nowhere()


RETOLD = [
    calculation(f"<{SECRET}>"),
    ("loop", {"target": [SECRET, 2]}, {0: [("variable", {"value": ["{{$scopes.n2.item}}", SECRET]})]}),
    calculation("{{$jobsMapByNodeKey.n1}} {{$jobsMapByNodeKey.n3}} {{$jobsMapByNodeKey.n2.looped}}"),
    ("condition", {"engine": "math.js", "expression": '{{$jobsMapByNodeKey.n1}} == "<******>"'}),
    ("output", {"value": ["{{$jobsMapByNodeKey.n4}}", "{{$jobsMapByNodeKey.n5}}"]}),
]


def outcome_of(runs):
    drain()
    run = Execution.objects.order_by("-id").first()
    told = list(run.jobs.order_by("number").values_list("number", "node_key", "status", "result", "meta", "input"))
    return run.status, run.output, told


def test_what_nodes_behind_see_is_the_same_after_a_reload(monkeypatch):
    workflow = build(RETOLD)
    start(workflow, {})
    at_once = outcome_of(workflow)
    assert at_once[0] == 1
    assert at_once[1][1] is True
    kept_nowhere()

    # One move a segment, and each second segment is lost before it is committed.
    real, written = journal.write, []

    def write(runs, now, db=None):
        written.append(len(written))
        if len(written) % 2:
            raise OperationalError("deadlock detected")
        real(runs, now, db)

    monkeypatch.setattr(segments.session, "transient", lambda error: isinstance(error, OperationalError))
    for name in ("ALONE_SECONDS", "HOST_SECONDS", "SQLITE_SECONDS"):
        monkeypatch.setattr(segments, name, 0)
    monkeypatch.setattr(journal, "write", write)
    start(workflow, {})
    assert outcome_of(workflow) == at_once
    assert len(written) > 10
    kept_nowhere()


def test_simulations_have_them_too():
    simulation = simulate(build([calculation(f"<{SECRET}>"), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})]), {})
    assert simulation.output == f"<{MASK}>"


@contextmanager
def queries_of_secrets():
    from django.db import connection

    seen = []

    def look(execute, sql, params, many, context):
        if "workflows_secret" in sql:
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield seen


def test_a_run_that_names_none_asks_for_none():
    start(build([calculation("x"), ("output", {"value": "$env.TOKEN {{$context.x}}"})]), {})
    with queries_of_secrets() as seen:
        drain()
    assert Execution.objects.get().status == 1
    assert seen == []


def test_a_run_that_names_some_asks_once_for_all_it_names():
    secrets.create("B", "b-value")
    start(build([calculation(SECRET), calculation("{{$env.B}}"), calculation(SECRET)]), {})
    with queries_of_secrets() as seen:
        drain()
    assert jobs() == [MASK] * 3
    assert len(seen) == 1
