import re
import threading
import time
from typing import Any

import pytest
from django.db import connections

from executions import operations, run_now, start
from executions.models import Execution, Job
from executions.statuses import ExecutionStatus
from executions.testing import drain
from tests.building import build
from tests.people import person
from workflows import scripting, secrets
from workflows.errors import Invalid
from workflows.instructions import get_instruction
from workflows.secrecy import MASK
from workflows.statuses import JobStatus
from workflows.trying import try_node
from workflows.validation import check_node

pytestmark = [
    pytest.mark.skipif(scripting._packages() is None, reason="needs mini-racer: pip install 'django-sluice[script]'")
]
SUM = {
    "content": "console.info('rows', rows.length); return { sum: rows.reduce((all, n) => all + n, 0) }",
    "arguments": [{"name": "rows", "value": "{{$context.rows}}"}],
}


@pytest.fixture(autouse=True)
def _enabled(settings: Any) -> None:
    settings.SLUICE = {"SCRIPT": {"enabled": True}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize(
    ("config", "status", "result", "logged"),
    [
        pytest.param(SUM, JobStatus.RESOLVED, {"sum": 5}, "rows 2", id="case_188-result"),
        pytest.param({"content": "1 1"}, JobStatus.ERROR, "syntax", None, id="case_188-syntax"),
        pytest.param(
            {"content": "return Promise.reject(new Error('no'))"},
            JobStatus.ERROR,
            "thrown",
            None,
            id="case_188-rejected",
        ),
        pytest.param(
            {"content": "console.warn('on'); while (1);", "timeout": 300},
            JobStatus.ERROR,
            "too_slow",
            "on",
            id="case_188-loop",
        ),
        pytest.param(
            {"content": "throw 'no'", "continue": True},
            JobStatus.RESOLVED,
            {"message": "no", "code": "thrown"},
            None,
            id="continue",
        ),
        pytest.param(
            {"content": "while (1);", "timeout": 200, "continue": True},
            JobStatus.RESOLVED,
            "too_slow",
            None,
            id="continue-loop",
        ),
        pytest.param({"content": "return '{{n}}'"}, JobStatus.RESOLVED, "{{n}}", None, id="no-template"),
    ],
)
def test_a_step_in_a_run(sync: bool, config: Any, status: int, result: Any, logged: str | None) -> None:
    execution = start(build([("script", config), ("output", {"value": 1})], sync=sync), {"rows": [2, 3]})
    drain()
    assert execution is not None
    job = Job.objects.get(execution=execution, node_key="n1")
    assert job.status == status
    assert result in (job.result, job.result.get("code") if isinstance(job.result, dict) else None)
    assert (logged or "") in (job.log or "")
    execution = Execution.objects.get(pk=execution.pk)
    assert execution.status == (ExecutionStatus.RESOLVED if status == 1 else ExecutionStatus.ERROR)


@pytest.mark.django_db(transaction=True)
def test_case_189_a_claimed_script_runs_once_and_comes_too_late_after_a_cancel() -> None:
    workflow = build([("script", {"content": "const t = Date.now(); while (Date.now() - t < 4000); return 1"})])
    ended, cancelled = start(workflow, {}), start(workflow, {})
    assert ended is not None
    assert cancelled is not None

    def cancel() -> None:
        try:
            while not Job.objects.filter(execution=cancelled, wait="call").exists():
                time.sleep(0.02)
            operations.cancel(cancelled.pk)
        finally:
            connections.close_all()

    other = threading.Thread(target=cancel)
    other.start()
    drain()
    other.join()
    first, second = Execution.objects.get(pk=ended.pk), Execution.objects.get(pk=cancelled.pk)
    assert first.status == ExecutionStatus.RESOLVED
    assert second.status == ExecutionStatus.ABORTED
    kept = Job.objects.get(execution=ended)
    assert (kept.status, kept.result, kept.attempt) == (JobStatus.RESOLVED, 1, 1)
    late = Job.objects.get(execution=cancelled)
    assert (late.status, late.result) == (JobStatus.ABORTED, None)


@pytest.mark.django_db(transaction=True)
def test_secrets_are_used_and_not_kept() -> None:
    secrets.create("TOKEN", "s3cret-value")
    config = {
        "content": "console.log('with', token); return { token, length: token.length }",
        "arguments": [{"name": "token", "value": "{{$env.TOKEN}}"}],
    }
    start(build([("script", config)]), {})
    drain()
    job = Job.objects.get()
    assert job.result == {"token": MASK, "length": 12}
    assert job.input["arguments"] == [{"name": "token", "value": MASK}]
    assert "s3cret" not in str([job.log, job.input])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"arguments": [{"name": "1a"}]}, "config.arguments.0.name"),
        ({"arguments": [{"name": "a"}, {"name": "class"}]}, "config.arguments.1.name"),
        ({"arguments": [{"name": "a b"}]}, "config.arguments.0.name"),
        ({"arguments": [{"name": "a", "value": "{{nothing}}"}]}, "config.arguments.0.value"),
        ({"timeout": -1}, "config.timeout"),
        ({"timeout": 60_001}, "config.timeout"),
        ({"content": "x" * 100_001}, "config.content"),
        ({"content": 5}, "config.content"),
        ({"modules": ["fs"]}, "config.modules"),
    ],
)
def test_what_can_not_be_meant_is_refused(config: Any, path: str) -> None:
    with pytest.raises(Invalid) as raised:
        check_node("script", config, build([]), None)
    assert path in raised.value.errors


@pytest.mark.django_db
def test_names_that_scripts_use_are_taken() -> None:
    names = [{"name": name, "value": 1} for name in ("a", "$", "_b", "größe", "名字", "a1$")]
    check_node("script", {"content": "", "arguments": names}, build([]), None)


@pytest.mark.django_db
def test_who_saves_one_needs_the_permission() -> None:
    someone = person("workflows.add_node")
    with pytest.raises(Invalid) as raised:
        check_node("script", {}, build([]), someone)
    assert "workflows.use_script" in str(raised.value.errors["type"])
    check_node("script", {}, build([]), person("workflows.use_script", username="other"))


@pytest.mark.django_db(transaction=True)
def test_where_scripts_are_off_none_is_saved_and_none_runs(settings: Any) -> None:
    workflow = build([("script", {"content": "return 1"})])
    settings.SLUICE = {}
    with pytest.raises(Invalid) as raised:
        check_node("script", {}, workflow, None)
    assert 'SLUICE["SCRIPT"]' in str(raised.value)
    execution = run_now(workflow, {})
    drain()
    job = Job.objects.get(execution=execution)
    assert (job.status, job.result["code"]) == (JobStatus.ERROR, "off")


@pytest.mark.parametrize("extra", [{}, {"timeout": 700}])
def test_a_policy_bounds_it_too(extra: Any, make_step: Any) -> None:
    kind = get_instruction("script")
    began = time.monotonic()
    outcome = kind.perform(make_step(type(kind), {"content": "while (1);", **extra}, timeout=0.3))
    assert (outcome.status, outcome.timed_out) == (JobStatus.ERROR, True)
    [told] = re.findall(r"after ([\d.e-]+) s", outcome.result["message"])
    assert float(told) <= 0.3
    assert time.monotonic() - began < 8


@pytest.mark.django_db
def test_it_can_be_tried_alone() -> None:
    outcome = try_node("script", SUM, {"rows": [1, 2]})
    assert (outcome.status, outcome.result, outcome.log) == (1, {"sum": 3}, [("INFO", "rows 2")])
