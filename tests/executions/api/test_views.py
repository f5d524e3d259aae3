import pytest

from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import job, run
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


CONFIGS = {
    "wait": ("delay", {"unit": 3_600_000, "duration": 1}),
    "sum": ("calculation", {"engine": "math.js", "expression": "1+2"}),
}


def steps(*kinds):
    return [CONFIGS[kind] for kind in kinds]


def test_a_run_is_shown_in_full(client):
    execution = run(output={"a": 1}, reason=None)
    shown = client()("GET", f"executions/{execution.pk}/")
    assert (shown["id"], shown["status"], shown["status_name"]) == (execution.pk, 1, "resolved")
    assert (shown["context"], shown["output"], shown["workflow"]) == ({"big": "context"}, {"a": 1}, 999_999)
    assert shown["duration"] >= 0


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (None, "queued"), (0, "started"), (1, "resolved"), (-1, "failed"), (-2, "error"), (-3, "aborted"),
        (-4, "canceled"), (-5, "rejected"), (-6, "retry_needed"),
    ],
)  # fmt: skip
def test_statuses_have_names(client, status, name):
    execution = run(status=status)
    assert client()("GET", f"executions/{execution.pk}/?fields=status_name") == {"status_name": name}


@pytest.mark.parametrize(
    ("status", "name"), [(0, "pending"), (1, "resolved"), (-1, "failed"), (7, "resolved"), (-7, "failed")]
)
def test_job_statuses_of_a_kinds_own_are_named_by_their_sign(client, status, name):
    row = job(run(), status=status)
    assert client()("GET", f"jobs/{row.pk}/")["status_name"] == name


def test_lists_load_no_context_unless_asked(client, django_assert_num_queries):
    for _ in range(3):
        run()
    api = client()
    with django_assert_num_queries(4) as queries:
        rows = api("GET", "executions/")["results"]
    assert len(rows) == 3
    assert not {"context", "output", "stack"} & set(rows[0])
    assert not any(f'"{column}"' in queries[-1]["sql"] for column in ("context", "output", "stack", "agenda"))
    assert set(api("GET", "executions/?fields=id,context")["results"][0]) == {"id", "context"}


def test_jobs_of_a_run_are_in_their_order_and_all_jobs_newest_first(client, django_assert_num_queries):
    first, second = run(), run()
    for number in (1, 2, 3):
        job(first, number, result={"big": 1})
    for number in (1, 2, 3):
        job(second, number)
    api = client()
    with django_assert_num_queries(3) as queries:
        page = api("GET", f"jobs/?execution={first.pk}&page_size=2")
    assert [row["number"] for row in page["results"]] == [1, 2]
    assert "result" not in page["results"][0]
    assert '"result"' not in queries[-1]["sql"]
    rest = api("GET", page["next"].removeprefix("http://testserver/api/v1/"))
    assert [row["number"] for row in rest["results"]] == [3]
    assert [row["execution"] for row in api("GET", "jobs/?page_size=4")["results"]] == [second.pk] * 3 + [first.pk]


@pytest.mark.parametrize("pk", ["0", "77", "abc", str(10**30), str(2**63), "%00", "null"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "executions/{}/"), ("DELETE", "executions/{}/"), ("POST", "executions/{}/cancel/"),
        ("POST", "executions/{}/pause/"), ("POST", "executions/{}/resume/"), ("POST", "executions/{}/rerun/"),
        ("GET", "jobs/{}/"), ("POST", "jobs/{}/complete/"), ("POST", "jobs/{}/fail/"),
        ("POST", "workflows/{}/execute/"),
    ],
)  # fmt: skip
def test_an_id_that_is_none_is_not_found(client, method, path, pk):
    assert client().errors(method, path.format(pk), {} if method == "POST" else None, status=404)


def test_execute_answers_the_run(client):
    workflow = build(steps("sum"))
    api = client()
    answer = api("POST", f"workflows/{workflow.pk}/execute/", {"values": {"a": 1}}, status=201)["execution"]
    execution = Execution.objects.get()
    assert answer == api("GET", f"executions/{execution.pk}/")
    assert {"context", "output", "stack"} <= set(answer)
    assert (execution.context, execution.manually, execution.created_by.username) == ({"a": 1}, True, "boss")


@pytest.mark.parametrize(
    ("body", "field"), [({"values": {"a": "\x00"}}, "values.a"), ({"value": 1}, "value"), ([], None), (b"{", None)]
)
def test_execute_refuses(client, body, field):
    workflow = build(steps("sum"))
    assert field in client().errors("POST", f"workflows/{workflow.pk}/execute/", body)
    assert not Execution.objects.exists()


def test_cancel_pause_and_resume(client):
    api, execution = client(), run(build(steps("wait")), status=0)
    path = f"executions/{execution.pk}/"
    assert api("POST", path + "pause/")["paused_at"] is not None
    assert "paused" in api.errors("POST", path + "pause/", {}, status=409)[None]
    assert api("POST", path + "resume/")["paused_at"] is None
    assert api("POST", path + "cancel/")["status_name"] == "aborted"
    assert Execution.objects.get().reason == "manual_cancel"


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume"])
def test_an_ended_run_refuses_with_its_status_and_stays_as_it_is(client, operation):
    execution = run(build(steps("sum")))
    message = client().errors("POST", f"executions/{execution.pk}/{operation}/", {}, status=409)[None]
    assert "Resolved" in message
    assert Execution.objects.get().status == 1


@pytest.mark.parametrize(("status", "answer", "left"), [(1, 204, 0), (None, 204, 0), (-3, 204, 0), (0, 409, 1)])
def test_case_108_only_a_running_run_refuses_to_be_deleted(client, status, answer, left):
    execution = run(build(steps("sum")), status=status)
    job(execution)
    client()("DELETE", f"executions/{execution.pk}/", status=answer)
    assert (Execution.objects.count(), Job.objects.count()) == (left, left)


def test_rerun_of_an_ended_run_is_a_new_one(client):
    execution = run(build(steps("sum")))
    answer = client()("POST", f"executions/{execution.pk}/rerun/", {}, status=201)
    assert (answer["rerun_of"], answer["attempt"], answer["status"]) == (execution.pk, 2, None)


@pytest.mark.parametrize(
    ("body", "field"), [({"node_id": "first"}, "node_id"), ({"node_id": 987_654_321}, "node_id"), ({"node": 1}, "node")]
)
def test_rerun_refuses(client, body, field):
    execution = run(build(steps("sum")))
    assert field in client().errors("POST", f"executions/{execution.pk}/rerun/", body)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("complete", {"result": {"a": 1}}, 1),
        ("fail", {"result": {"a": 1}, "status": -2}, -2),
        ("fail", {"result": {"a": 1}, "status": "Rejected"}, -5),
        ("complete", {"result": {"a": 1}, "status": "resolved"}, 1),
    ],
)
def test_a_waiting_job_is_completed_or_failed(client, action, body, status):
    workflow = build(steps("wait"))
    execution = run(workflow, status=0)
    row = job(execution, node=workflow.nodes.get(), status=0, wait="timer", ended_at=None)
    api = client()
    answer = api("POST", f"jobs/{row.pk}/{action}/", body)
    assert (answer["status"], answer["result"]) == (status, {"a": 1})
    assert "ended" in api.errors("POST", f"jobs/{row.pk}/{action}/", body, status=409)[None]


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("complete", {"status": -1}, "status"),
        ("complete", {"status": 77}, "status"),
        ("complete", {"status": "failed"}, "status"),
        ("complete", {"status": "pending"}, "status"),
        ("complete", {"status": 10**30}, "status"),
        ("fail", {"status": 1}, "status"),
        ("fail", {"status": "bad"}, "status"),
        ("fail", {"result": "\ud800"}, "result"),
        ("complete", {"results": 1}, "results"),
    ],
)
def test_a_job_refuses_what_it_cannot_end_with(client, action, body, field):
    workflow = build(steps("wait"))
    row = job(run(workflow, status=0), node=workflow.nodes.get(), status=0, wait="timer", ended_at=None)
    assert field in client().errors("POST", f"jobs/{row.pk}/{action}/", body)
    assert Job.objects.get().status == 0


ACTIONS = [
    ("GET", "executions/", "executions.view_execution"),
    ("GET", "executions/{e}/", "executions.view_execution"),
    ("DELETE", "executions/{e}/", "executions.delete_execution"),
    ("POST", "executions/{e}/cancel/", "executions.cancel_execution"),
    ("POST", "executions/{e}/pause/", "executions.pause_execution"),
    ("POST", "executions/{e}/resume/", "executions.pause_execution"),
    ("POST", "executions/{e}/rerun/", "executions.rerun_execution"),
    ("GET", "jobs/", "executions.view_job"),
    ("GET", "jobs/{j}/", "executions.view_job"),
    ("POST", "jobs/{j}/complete/", "executions.change_job"),
    ("POST", "jobs/{j}/fail/", "executions.change_job"),
    ("POST", "workflows/{w}/execute/", "workflows.execute_workflow"),
]


@pytest.mark.parametrize(("method", "path", "permission"), ACTIONS)
def test_each_action_needs_its_permission(client, method, path, permission):
    workflow = build(steps("sum"))
    execution = run(workflow)
    path = path.format(e=execution.pk, j=job(execution).pk, w=workflow.pk)
    client(None).errors(method, path, {}, status=401)
    client(*({row[2] for row in ACTIONS} - {permission})).errors(method, path, {}, status=403)


@pytest.mark.parametrize(("method", "path", "permission"), ACTIONS)
def test_each_action_needs_no_other_permission(client, method, path, permission):
    workflow = build(steps("sum"))
    execution = run(workflow)
    path = path.format(e=execution.pk, j=job(execution).pk, w=workflow.pk)
    answer = client(permission).http.generic(
        method, "/api/v1/" + path, "{}" if method == "POST" else "", content_type="application/json"
    )
    assert answer.status_code in (200, 201, 204, 409)


@pytest.mark.parametrize(
    "path",
    [
        "executions/", "executions/?status=x", "executions/{e}/", "executions/{e}/rerun/", "jobs/", "jobs/{j}/",
        "jobs/?execution={e}", "jobs/{j}/complete/", "workflows/{w}/execute/",
    ],
)  # fmt: skip
def test_every_address_is_browsable(client, path):
    workflow = build(steps("sum"))
    execution = run(workflow)
    path = path.format(e=execution.pk, j=job(execution).pk, w=workflow.pk)
    answer = client().http.get("/api/v1/" + path, headers={"accept": "text/html"})
    assert answer["content-type"].startswith("text/html")
    assert answer.status_code < 500


def test_a_deleted_workflow_leaves_its_runs_readable(client):
    workflow = build(steps("sum"))
    execution = run(workflow)
    Workflow.objects.all().delete()
    shown = client()("GET", f"executions/{execution.pk}/")
    assert (shown["workflow"], shown["title"]) == (workflow.pk, "A test")
