"""The jobs, the log, the timeline and the graph of one run."""

import json
from datetime import timedelta

import pytest

from config.asgi import application
from executions import following, operations, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.api import ROOT
from tests.building import build
from tests.executions.rows import job, run
from tests.people import boss
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
DELAY = ("delay", {"unit": 3_600_000, "duration": 1})
LOOP = ("loop", {"target": 3}, {0: [SUM]})
PARTS = ["jobs", "logs", "timeline", "graph"]


def ran(*steps):
    execution = start(build(list(steps)), {"a": 1})
    drain()
    return Execution.objects.get(pk=execution.pk)


def path(execution, part, query=""):
    return f"executions/{execution.pk}/{part}/{query}"


def lines_of(answer):
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines() if line]


def test_jobs_are_shown_in_full_in_their_order_and_page_by_page(client):
    execution, other = ran(SUM, LOOP), ran(SUM)
    api = client()
    page = api("GET", path(execution, "jobs", "?page_size=3"))
    assert [(row["number"], row["status_name"]) for row in page["results"]] == [
        (1, "resolved"),
        (2, "resolved"),
        (3, "resolved"),
    ]
    assert page["results"][0]["result"] == 3
    assert {"input", "result", "log", "attempts", "meta"} <= set(page["results"][0])
    rest = api("GET", page["next"].removeprefix(f"http://testserver{ROOT}"))
    assert [row["number"] for row in rest["results"]] == [4, 5]
    assert {row["execution"] for row in rest["results"]} == {execution.pk} != {other.pk}
    assert [row["number"] for row in api("GET", path(execution, "jobs", "?node_key=n3"))["results"]] == [3, 4, 5]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("pk", ["77", "abc", "9" * 30])
def test_a_run_that_is_none_is_not_found(client, part, pk):
    client().errors("GET", f"executions/{pk}/{part}/", status=404)


@pytest.mark.parametrize("part", PARTS)
def test_each_needs_the_permission_to_see_jobs(client, part):
    execution = run()
    client(None).errors("GET", path(execution, part), status=401)
    client("executions.view_execution").errors("GET", path(execution, part), status=403)


@pytest.mark.parametrize("part", PARTS)
def test_none_needs_another_permission(client, part):
    client("executions.view_job")("GET", path(run(), part))


@pytest.mark.parametrize("part", PARTS)
def test_each_is_browsable_and_answers_without_a_slash(client, part):
    execution, api = ran(LOOP), client()
    answer = api.http.get(ROOT + path(execution, part), headers={"accept": "text/html"})
    assert (answer.status_code, answer["content-type"]) == (200, "text/html; charset=utf-8")
    assert api("GET", path(execution, part).rstrip("/"))


@pytest.mark.parametrize(
    ("part", "query", "field"),
    [
        ("jobs", "status=done", "status"),
        ("jobs", "fields=agenda", "fields"),
        ("logs", "level=loud", "level"),
        ("logs", "node=x", "node"),
        ("logs", "since=soon", "since"),
        ("logs", "follow=perhaps", "follow"),
        ("logs", "page_size=5000", "page_size"),
        ("logs", "follow=1&cursor=3", "cursor"),
        ("logs", "lines=3", "lines"),
        ("timeline", "node=1", "node"),
        ("graph", "node=1", "node"),
    ],
)
def test_a_bad_parameter_is_named(client, part, query, field):
    assert list(client().errors("GET", path(run(), part, f"?{query}"))) == [field]


def test_the_log_of_a_run_in_order(client):
    execution = ran(SUM, LOOP)
    answer = client()("GET", path(execution, "logs"))
    lines = answer["results"]
    assert answer["next"] is None
    assert set(lines[0]) == {"timestamp", "level", "message", "nodeId", "executionId"}
    assert [line["message"] for line in lines[:4]] == [
        "Queued.", "Started.", "Began calculation (job 1).", "Job 1 ended: Resolved.",
    ]  # fmt: skip
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    assert (lines[-1]["message"], lines[-1]["nodeId"]) == ("Ended: Resolved.", None)
    assert {line["executionId"] for line in lines} == {execution.pk}
    assert sum(line["message"].startswith("Began") for line in lines) == 5


def test_pages_of_a_log_go_by_jobs_and_lose_no_line(client):
    execution, api = ran(SUM, LOOP), client()
    whole = [line["message"] for line in api("GET", path(execution, "logs"))["results"]]
    found, page = [], path(execution, "logs", "?page_size=2")
    while page:
        answer = api("GET", page)
        found += [line["message"] for line in answer["results"]]
        page = (answer["next"] or "").removeprefix(f"http://testserver{ROOT}")
    assert sorted(found) == sorted(whole)
    assert (found[0], found[-1]) == (whole[0], whole[-1])


@pytest.mark.parametrize(
    ("level", "messages"),
    [
        (
            "debug",
            [
                "Queued.",
                "Started.",
                "Began deleted node n1 (job 1).",
                "Hm.",
                "Job 1 ended: Failed.",
                "Ended: Error. No.",
            ],
        ),
        ("warning", ["Job 1 ended: Failed.", "Ended: Error. No."]),
        ("WARN", ["Job 1 ended: Failed.", "Ended: Error. No."]),
        ("error", ["Job 1 ended: Failed.", "Ended: Error. No."]),
    ],
)
def test_a_level_takes_those_above_it(client, level, messages):
    execution = run(status=-2, error="No.")
    job(execution, status=-1, log='{"level": "DEBUG", "message": "Hm."}\n')
    Execution.objects.update(ended_at=execution.created_at + timedelta(days=1))
    assert [
        line["message"] for line in client()("GET", path(execution, "logs", f"?level={level}"))["results"]
    ] == messages


def test_lines_of_a_node_are_its_own(client):
    execution = ran(SUM, LOOP)
    node = Workflow.objects.get().nodes.get(key="n3")
    api = client()
    by_id = api("GET", path(execution, "logs", f"?node={node.pk}"))["results"]
    assert by_id == api("GET", path(execution, "logs", "?node_key=n3"))["results"]
    assert {line["nodeId"] for line in by_id} == {node.pk}
    assert len(by_id) == 6


def test_an_accept_header_makes_it_a_line_each(client):
    execution, api = ran(SUM, LOOP), client()
    answer = api.http.get(ROOT + path(execution, "logs"), headers={"accept": "application/x-ndjson"})
    assert answer["content-type"] == "application/x-ndjson"
    assert lines_of(answer) == api("GET", path(execution, "logs"))["results"]
    refused = api.http.get(ROOT + path(execution, "logs", "?level=x"), headers={"accept": "application/x-ndjson"})
    assert refused.status_code == 400
    assert json.loads(refused.content)["errors"][0]["field"] == "level"


def test_following_ends_with_the_run(client, monkeypatch):
    monkeypatch.setattr(following, "LOOK", 0.001)
    execution = ran(DELAY)
    answer = client().http.get(ROOT + path(execution, "logs", "?follow=1"))
    assert (answer["content-type"], answer["x-accel-buffering"]) == ("application/x-ndjson", "no")
    chunks = iter(answer.streaming_content)
    assert b"Began delay" in next(chunks)
    operations.cancel(execution.pk)
    rest = [json.loads(line)["message"] for line in b"".join(chunks).splitlines()]
    # Its job, the run, and what a person did.
    assert rest == ["Job 1 ended: Aborted.", "Ended: Aborted.", "Canceled."]


@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_stream_runs_on_the_loop(monkeypatch):
    from asgiref.testing import ApplicationCommunicator
    from django.db import connections
    from django.test import Client

    monkeypatch.setattr(following, "LOOK", 0.001)
    # The request has a thread of its own, whose connection nobody would close.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    execution, web = run(), Client()
    job(execution)
    web.force_login(boss())
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in web.cookies.items())

    async def read():
        scope = {
            "type": "http", "method": "GET", "path": ROOT + path(execution, "logs"), "query_string": b"follow=1",
            "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
        }  # fmt: skip
        talk = ApplicationCommunicator(application, scope)
        await talk.send_input({"type": "http.request", "body": b""})
        begun, body = await talk.receive_output(30), b""
        while (part := await talk.receive_output(30)).get("more_body"):
            body += part["body"]
        await talk.wait()
        return begun["status"], body

    import asyncio

    status, body = asyncio.run(read())
    assert status == 200
    told = {json.loads(line)["message"] for line in body.splitlines()}
    assert {"Queued.", "Job 1 ended: Resolved.", "Ended: Resolved."} <= told


def test_the_timeline_has_the_runs_bounds_and_a_bar_for_each_job(client):
    execution = ran(SUM, LOOP)
    answer = client()("GET", path(execution, "timeline"))
    assert answer["execution"]["status_name"] == "resolved"
    assert answer["execution"]["duration"] > 0
    bars = answer["results"]
    assert [(bar["number"], bar["node_key"], bar["title"], bar["parent"], bar["upstream"]) for bar in bars] == [
        (1, "n1", "calculation", None, None),
        (2, "n2", "loop", None, 1),
        (3, "n3", "calculation", 2, 2),
        (4, "n3", "calculation", 2, 2),
        (5, "n3", "calculation", 2, 2),
    ]
    assert all(bar["duration"] >= 0 and bar["status_name"] == "resolved" for bar in bars)
    assert bars[1]["end"] > bars[4]["start"]


def test_the_graph_has_nodes_with_statuses_and_edges(client):
    answer = client()("GET", path(ran(LOOP), "graph"))
    assert [(node["key"], node["jobs"], node["status_name"], node["statuses"]) for node in answer["nodes"]] == [
        ("n1", 1, "resolved", {"resolved": 1}),
        ("n2", 3, "resolved", {"resolved": 3}),
    ]
    assert answer["edges"] == [{"source": "n1", "target": "n2", "kind": "branch", "index": 0}]
    assert answer["execution"]["status_name"] == "resolved"


def test_a_queued_runs_graph_has_no_status_yet(client):
    [node] = client()("GET", path(run(build([SUM]), status=None), "graph"))["nodes"]
    assert (node["status"], node["status_name"], node["jobs"]) == (None, None, 0)


@pytest.mark.parametrize("part", PARTS)
def test_however_many_jobs_the_queries_stay_few(client, part, django_assert_max_num_queries):
    execution = run(build([SUM]))
    now = execution.created_at
    Job.objects.bulk_create(
        Job(execution=execution, number=number, node_key="n1", status=1, created_at=now, updated_at=now, started_at=now)
        for number in range(1, 301)
    )  # fmt: skip
    api = client()
    # Session, user, run, jobs; workflow and nodes; the log's history.
    with django_assert_max_num_queries(7):
        api("GET", path(execution, part))
