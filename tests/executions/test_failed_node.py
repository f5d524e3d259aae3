"""Which node's failure ended a run, and running again from there: by one click, or one word to the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from executions.dispatcher import start
from executions.drain import drain_all
from executions.graphs import graph_of
from executions.models import Execution
from executions.reruns import failed_node
from executions.statuses import Reason
from tests.api import client  # noqa: F401
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import pages, words  # noqa: F401
from workflows.policy import ERROR_BRANCH

pytestmark = pytest.mark.django_db

STEP = ("calculation", {"engine": "math.js", "expression": "1"})
ASK, CONTINUE, BRANCH = ({"onError": name} for name in ("ask", "continue", "branch"))


def ended(steps, status, *jobs, **columns):
    """A run of these steps that ended so; jobs are (key, status, parent's number), in the order they ended."""
    workflow = build(steps)
    execution = run(workflow, status=status, **columns)
    nodes = {node.key: node for node in workflow.nodes.all()}
    begin = timezone.now()
    for place, (number, key, outcome, parent) in enumerate(jobs):
        moment = begin + timedelta(seconds=place)
        job(execution, number, node=nodes[key], node_key=key, status=outcome, parent=parent, ended_at=moment)
    return execution


LOOP = ("loop", {"target": 3}, {0: [STEP]})
PARALLEL = ("parallel", {}, {0: [STEP], 1: [("loop", {"target": 2, "exit": 2}, {0: [STEP]})]})


@pytest.mark.parametrize(
    ("steps", "status", "jobs", "columns", "expected"),
    [
        pytest.param([STEP, STEP], -2, [(1, "n1", 1, None), (2, "n2", -2, None)], {}, "n2", id="the-last"),
        pytest.param([LOOP], -1, [(2, "n2", 1, 1), (3, "n2", -1, 1), (1, "n1", -1, None)], {}, "n2", id="in-a-loop"),
        pytest.param(
            [PARALLEL], -1,
            [(4, "n4", -1, 3), (3, "n3", 1, 1), (2, "n2", -1, 1), (1, "n1", -1, None)], {}, "n2",
            id="not-one-that-was-passed-over-with-a-higher-number",
        ),
        pytest.param(
            [(*STEP, {}, CONTINUE), STEP, (*STEP, {}, CONTINUE)], -2,
            [(1, "n1", -2, None), (2, "n2", -2, None)], {}, "n2", id="not-one-that-continues",
        ),
        pytest.param(
            [(*STEP, {ERROR_BRANCH: [STEP]}, BRANCH)], -1, [(1, "n1", -2, None), (2, "n2", -1, 1)], {}, "n2",
            id="in-an-error-branch",
        ),
        pytest.param(
            [("parallel", {}, {0: [(*STEP, {}, ASK)], 1: [STEP]})], -6,
            [(3, "n3", -2, 1), (2, "n2", -2, 1)], {}, "n2", id="the-one-that-asks",
        ),
        pytest.param([STEP], -3, [(1, "n1", -3, None)], {"reason": Reason.TIMEOUT}, None, id="a-time-out-of-the-run"),
        pytest.param([STEP], -3, [(1, "n1", -3, None)], {}, "n1", id="a-time-out-of-the-step"),
        pytest.param([STEP], 1, [(1, "n1", -2, None)], {}, None, id="it-ended-well"),
        pytest.param([STEP], 0, [(1, "n1", -2, None)], {}, None, id="it-has-not-ended"),
        pytest.param([STEP], -2, [], {}, None, id="no-job-failed"),
    ],
)  # fmt: skip
def test_it_is_the_innermost_that_failed_last(steps, status, jobs, columns, expected, django_assert_max_num_queries):
    execution = ended(steps, status, *jobs, **columns)
    graph = graph_of(execution)
    with django_assert_max_num_queries(1):
        found = failed_node(execution, graph)
    assert (found.key if found else None) == expected


def test_one_click_on_its_page_runs_it_again_from_there(pages):  # noqa: F811
    execution = ended([STEP, (*STEP, {}, ASK)], -6, (1, "n1", 1, None), (2, "n2", -2, None))
    page = pages()
    text = page.get("executions_execution_change", execution.pk)
    assert "Rerun from the failed node “calculation”" in words(text)
    node = execution.workflow.nodes.get(key="n2")
    assert f'name="node_id" value="{node.pk}"' in text
    [message] = page.post("executions_execution_rerun", execution.pk, node_id=node.pk)
    again = Execution.objects.get(rerun_of=execution)
    assert str(again.pk) in message
    assert again.agenda == [["run", node.pk, None, None]]


@pytest.mark.parametrize("permissions", [["executions.rerun_execution"], ["executions.view_job"]])
def test_it_is_offered_to_whoever_may_do_and_know_it(pages, permissions):  # noqa: F811
    execution = ended([STEP], -2, (1, "n1", -2, None))
    text = pages("executions.view_execution", *permissions).get("executions_execution_change", execution.pk)
    assert "failed node" not in text


def test_the_api_names_it_and_runs_it_again_from_there(client):  # noqa: F811
    execution = ended([STEP, STEP], -2, (1, "n1", 1, None), (2, "n2", -2, None))
    node = execution.workflow.nodes.get(key="n2")
    api = client()
    assert api("GET", f"executions/{execution.pk}/graph/")["execution"]["failed_node"] == node.pk
    again = api("POST", f"executions/{execution.pk}/rerun/", {"failed": True}, status=201)
    assert Execution.objects.get(pk=again["id"]).agenda == [["run", node.pk, None, None]]


@pytest.mark.parametrize(
    ("status", "body"), [(1, {"failed": True}), (-2, {"failed": True, "node_id": 1}), (-2, {"failed": "maybe"})]
)
def test_the_api_refuses_what_can_not_be_meant(client, status, body):  # noqa: F811
    execution = ended([STEP], status, (1, "n1", -2, None))
    assert "failed" in client().errors("POST", f"executions/{execution.pk}/rerun/", body)
    assert Execution.objects.count() == 1


def test_each_attempt_is_shown_on_the_jobs_page_and_over_the_api(pages, client):  # noqa: F811
    start, end = "2026-03-04T05:06:07+00:00", "2026-03-04T05:06:09+00:00"
    attempts = [
        {"number": 1, "start": start, "end": end, "status": -2, "message": "No answer <b>"},
        {"number": 2, "start": start, "end": end, "status": None, "message": "The call was lost.", "lost": True},
    ]
    row = job(run(), attempts=attempts, attempt=2)
    text = words(pages().get("executions_job_change", row.pk))
    assert "1 2026-03-04 05:06:07 2026-03-04 05:06:09 Error No answer <b>" in text
    assert "The call was lost." in text
    api = client("executions.view_job", "executions.view_execution")
    shown = api("GET", f"executions/{row.execution_id}/jobs/")["results"][0]["attempts"]
    assert [{name: entry[name] for name in attempts[0]} for entry in shown] == [
        {name: entry[name] for name in attempts[0]} for entry in attempts
    ]


WRONG = ("calculation", {"engine": "math.js", "expression": "{{$context.none}} + unknown"})


@pytest.mark.engine
@pytest.mark.parametrize(
    "steps",
    [
        WRONG,
        ("loop", {"target": 2}, {0: [WRONG]}),
        ("parallel", {"mode": "all"}, {0: [STEP], 1: [WRONG]}),
        ("parallel", {"mode": "any"}, {0: [WRONG], 1: [WRONG]}),
        (
            "parallel",
            {"mode": "race"},
            {0: [("loop", {"target": 1}, {0: [("parallel", {}, {0: [WRONG]})]})], 1: [STEP]},
        ),
        ("parallel", {}, {0: [STEP], 1: [WRONG]}, ASK),
    ],
    ids=["alone", "loop", "all", "any", "deep", "ask"],
)
def test_a_run_tells_why_the_step_inside_failed(steps):
    start(build([steps, STEP]), {})
    drain_all()
    execution = Execution.objects.get()
    assert execution.status in (-2, -1, -6)
    assert execution.error.startswith("Unknown name unknown;")


@pytest.mark.engine
def test_an_error_branch_is_told_why_the_step_inside_failed():
    told = ("output", {"value": "{{$scopes.n1.message}}"})
    start(build([("loop", {"target": 2}, {0: [WRONG], ERROR_BRANCH: [told]}, BRANCH)]), {})
    drain_all()
    assert Execution.objects.get().output.startswith("Unknown name unknown;")
