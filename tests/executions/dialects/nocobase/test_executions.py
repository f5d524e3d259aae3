"""Runs as the two seeds and the history drawer ask for them (spec nocobase-http 4.4, 4.5, 6)."""

import json

import pytest
from django.utils import timezone

from executions import run_now, start
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from workflows.listing.bounds import TooSlow
from workflows.models import HistoryEntry, Workflow

pytestmark = pytest.mark.django_db

WAIT = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "{{$context.a}} + 1"})
SEED = {
    "appends": ["jobs", "workflow", "workflow.nodes", "workflow.versionStats", "workflow.stats"],
    "except_": ["jobs.result", "workflow.options"],
}


@pytest.fixture
def quick(db):
    return build([SUM, ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], title="Quick")


@pytest.fixture
def waiting(db):
    return build([SUM, WAIT], title="Waits")


def ran(workflow, times=1):
    found = [run_now(workflow, {"a": number}) for number in range(times)]
    drain_all()
    return found


def test_a_list_as_the_first_seed_asks_for_it(nocobase, quick, waiting, django_assert_num_queries):
    ran(quick, 3)
    ran(waiting)
    client = nocobase()
    with django_assert_num_queries(2 + 2 + 1 + 1):
        # The token and its user; the count and the page; the jobs, and what is marked in them.
        answer = client(
            "GET",
            "executions:list?appends%5B%5D=jobs&fields%5B%5D=id&fields%5B%5D=createdAt&fields%5B%5D=status"
            f"&fields%5B%5D=workflowId&page=1&pageSize=2&filter=%7B%22workflowId%22%3A{quick.pk}%7D",
        )
    assert answer["meta"] == {"count": 3, "page": 1, "pageSize": 2, "totalPage": 2}
    assert [set(row) for row in answer["data"]] == [{"id", "createdAt", "status", "workflowId", "jobs"}] * 2
    assert [len(row["jobs"]) for row in answer["data"]] == [2, 2]
    assert answer["data"][0]["jobs"][1]["upstreamId"] == answer["data"][0]["jobs"][0]["id"]


def test_one_run_as_the_first_seed_asks_for_it(nocobase, waiting):
    [run] = ran(waiting)
    found = nocobase().get("executions:get", filterByTk=run.pk, **SEED)
    assert (found["id"], found["status"], found["dispatched"], found["stack"]) == (run.pk, 0, True, [])
    assert [job["nodeKey"] for job in found["jobs"]] == ["n1", "n2"]
    assert all("result" not in job and "input" in job for job in found["jobs"])
    assert [node["key"] for node in found["workflow"]["nodes"]] == ["n1", "n2"]
    assert found["workflow"]["versionStats"] == {"id": waiting.pk, "executed": 1}
    assert found["workflow"]["stats"] == {"key": waiting.key, "executed": 1}
    assert "options" not in found["workflow"]


def test_the_history_drawer_pages_by_ids(nocobase, quick):
    runs = ran(quick, 5)
    client = nocobase()
    wanted = {"key": quick.key, "id": {"$lt": runs[3].pk}}
    rows = client.get("executions:list", filter=wanted, sort="-id", pageSize=2, fields=["id", "status"])
    assert [row["id"] for row in rows] == [runs[2].pk, runs[1].pk]
    rows = client.get("executions:list", filter={"key": quick.key, "id": {"$gt": str(runs[0].pk)}}, sort="id")
    assert [row["id"] for row in rows] == [run.pk for run in runs[1:]]
    drawn = client.get("executions:list", sort=["-id"], except_="context,output,stack", filter={"key": quick.key})
    assert not {"context", "output", "stack"} & set(drawn[0])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("filter[status]=1", {"quick"}),
        ("filter[status]=0", {"waits"}),
        ("filter[status][$in][]=0&filter[status][$in][]=1", {"quick", "waits"}),
        ("filter[status][]=0&filter[status][]=1", {"quick", "waits"}),
        ("filter[status]", {"queued"}),
        ('filter={"status":null}', {"queued"}),
        ('filter={"$or":[{"status":null},{"status":0}]}', {"queued", "waits"}),
        ('filter={"workflow.title.$includes":"IT"}', {"waits"}),
        ('filter={"workflow":{"title":{"$includes":"uic"}}}', {"quick"}),
        ('filter={"jobs.status":0}', {"waits"}),
        ('filter={"jobs.nodeKey":"n1"}', {"quick", "waits"}),
        ('filter={"jobs.id.$exists":true}', {"quick", "waits"}),
        ('filter={"jobs.$notExists":true}', {"queued"}),
        ('filter={"context.a":0,"status":1}', {"quick"}),
        ('filter={"createdAt":{"$dateOn":"2001"}}', set()),
        ('filter={"createdAt":{"$dateOn":{"type":"past","number":1,"unit":"day"}}}', set()),
        ('filter={"createdAt":{"$dateNotBefore":"2001"}}', {"quick", "waits", "queued"}),
        ("createdAt[$gte]=2023-01-01&filter[status]=0", {"waits"}),
        ("createdAt[$lt]=2023-01-01&filter[status]=0", set()),
        ("updatedAt[$gt]=2023-01-01T00:00:00Z", {"quick", "waits", "queued"}),
        # What a shell leaves of createdAt[$gte]=... in double quotes, both ends, and a filter's text.
        ("createdAt[]=2023-01-01&filter[status]=0", {"waits"}),
        ("createdAt[]=2200-01-01", set()),
        ("updatedAt[]=2023-01-01&updatedAt[]=2200", {"quick", "waits", "queued"}),
        ("updatedAt[]=2023-01-01&updatedAt[]=2024", set()),
        ('createdAt={"$lt":"2023-01-01"}', set()),
        ("createdAt=2023-01-01", {"quick", "waits", "queued"}),
        ("filterByTk[]=0", set()),
        ("nonsense[$gte]=1", {"quick", "waits", "queued"}),
        ("", {"quick", "waits", "queued"}),
    ],
)
def test_filters(nocobase, quick, waiting, query, found):
    ran(quick)
    ran(waiting)
    start(build([SUM], title="Queued"), {"a": 1})
    rows = nocobase()("GET", f"executions:list?sort=id&appends=jobs,workflow&{query}")
    assert [row["title"].lower() for row in rows["data"]] == [
        name for name in ("quick", "waits", "queued") if name in found
    ]
    assert rows["meta"]["count"] == len(found)


def test_dates_are_read_in_the_zone_that_is_sent(nocobase, quick):
    [run] = ran(quick)
    at = timezone.datetime(2024, 1, 1, 23, 30, tzinfo=timezone.get_fixed_timezone(0))
    Execution.objects.filter(pk=run.pk).update(created_at=at)
    path = "executions:list?filter[createdAt][$dateOn]=2024-01-02"
    client = nocobase()
    assert client("GET", path)["meta"]["count"] == 0
    found = client("GET", path, **{"X-Timezone": "+08:00"})
    assert [row["createdAt"] for row in found["data"]] == ["2024-01-01T23:30:00.000Z"]
    for path in ("filter[createdAt][$lt]=2024-01-02", "createdAt[$lt]=2024-01-02"):
        counts = [
            client("GET", f"executions:list?{path}", **headers)["meta"]["count"]
            for headers in ({}, {"X-Timezone": "+08:00"})
        ]
        assert counts == [1, 0]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("filter=", "filter: This is not valid JSON: "),
        ("filter={bad", "filter: This is not valid JSON: "),
        ('filter={"title":"\\u0000"}', "filter.title: "),
        ("createdAt={", "query.createdAt: This is not valid JSON: "),
        ("filter=[1]", "filter"),
        ("filter=5", "filter"),
        ("filter[nothing]=1", "nothing"),
        ("filter[workflow.nothing]=1", "nothing"),
        ("filter[jobs][nothing]=1", "nothing"),
        ("filter[dispatched]=true", "dispatched"),
        ("filter[id]=abc", "filter.id: 'abc' does not fit the field id of executions."),
        ("filter[workflow]=abc", "filter.workflow: 'abc' does not fit the field workflow of executions."),
        ("filter[createdAt][$gte]=x", "filter.createdAt.$gte: 'x' does not fit the field createdAt of executions. "),
        ("filter[jobs.createdAt.$lt]=x", "filter.jobs.createdAt.$lt: 'x' does not fit the field createdAt of jobs. "),
        ("filter[createdAt][year]=1", "filter.createdAt.year: 'createdAt' is a column; nothing lies behind it."),
        ("createdAt[$gte]=x", "query.createdAt.$gte: 'x' does not fit the field createdAt of executions. "),
        ("filter[status][$nothing]=1", "$nothing"),
        ("filter[createdAt][$dateOn]=nonsense", "nonsense"),
        ("filter[due_at]=1", "due_at"),
        ("filter[agenda]=1", "agenda"),
        ("filter[createdBy.password.$startsWith]=p", "password"),
        ("filter[createdBy.email]=p", "email"),
        ("fields=nothing", "nothing"),
        ("fields=jobs.nothing", "nothing"),
        ("sort=nothing", "nothing"),
        ("sort=context", "context"),
        ("sort=jobs.id", "jobs.id"),
        ("sort=-dispatched", "dispatched"),
        ("page=0", "page"),
        ("page=abc", "page"),
        ("pageSize=0", "pageSize"),
        ("pageSize=-1", "pageSize"),
        ("pageSize=1.5", "pageSize"),
        ("pageSize[]=5", "pageSize"),
        ("fields[a]=1", "fields"),
        ("createdAt[$nothing]=1", "query.createdAt.$nothing: "),
        ("filterByTk=[", "filterByTk: This is not valid JSON: "),
    ],
)
def test_what_is_wrong_is_refused_by_name(nocobase, quick, query, words):
    messages = nocobase().refused("GET", f"executions:list?{query}")
    assert any(words in message for message in messages), messages


def test_unknown_relations_and_exceptions_are_passed_over(nocobase, quick):
    [run] = ran(quick)
    found = nocobase().get(
        "executions:get", filterByTk=run.pk, appends="nothing,jobs.nothing,id", except_="nothing,x.y"
    )
    assert "nothing" not in found
    assert found["id"] == run.pk


def test_pages_are_bounded_and_say_so(nocobase, quick):
    ran(quick, 2)
    client = nocobase()
    assert client("GET", "executions:list?pageSize=5000")["meta"]["pageSize"] == 1000
    assert client("GET", "executions:list?page=9")["data"] == []
    assert set(client("GET", "executions:list?paginate=false")) == {"data"}
    assert client("GET", "executions:list?filter[id]=0")["meta"] == {
        "count": 0, "page": 1, "pageSize": 20, "totalPage": 0,
    }  # fmt: skip


def test_sorts(nocobase, quick, waiting):
    [first] = ran(quick)
    [second] = ran(waiting)
    client = nocobase()
    for sort, order in (
        ("-endedAt", [first, second]),
        ("endedAt", [first, second]),
        ("-workflow.title", [second, first]),
        ("workflow.title,-id", [first, second]),
        ("-id", [second, first]),
    ):
        assert [row["id"] for row in client.get("executions:list", sort=sort)] == [run.pk for run in order], sort


def test_acl_is_told_where_it_is_asked_for(nocobase, quick):
    [run] = ran(quick)
    found = nocobase("executions.view_execution")("GET", "executions:list", **{"X-With-ACL-Meta": "true"})
    assert found["meta"]["allowedActions"] == {"view": [run.pk], "update": [], "destroy": []}


def test_cancel_answers_the_jobs_as_they_are_now(nocobase, waiting):
    [run] = ran(waiting)
    client = nocobase()
    found = client.post("executions:cancel", filterByTk=run.pk)
    assert (found["status"], found["reason"], [job["status"] for job in found["jobs"]]) == (
        -3,
        "manual_cancel",
        [1, -3],
    )
    assert HistoryEntry.objects.get().origin == "nocobase"
    assert client.refused("POST", f"executions:cancel?filterByTk={run.pk}")
    assert client.refused("POST", "executions:cancel?filterByTk=999999", status=404) == ["Not Found"]
    assert client.refused("POST", "executions:cancel") == ["filterByTk: filterByTk is required"]


@pytest.mark.parametrize("path", ["executions:list", "executions:get", "executions:destroy", "workflows:update"])
def test_what_takes_too_long_to_find_is_refused(nocobase, quick, monkeypatch, path):
    def slow(alias, narrow_by=""):
        raise TooSlow(f"Narrow it by {narrow_by}.")

    for module in ("pages", "resources.base", "resources.executions"):
        monkeypatch.setattr(f"executions.dialects.nocobase.{module}.bounded", slow)
    assert nocobase().refused("POST", f"{path}?filter[id][$gt]=0", {})[0].startswith("Narrow it by filter")


def test_destroy_spares_what_has_not_ended(nocobase, quick, waiting):
    ended = ran(quick, 3)
    [running] = ran(waiting)
    queued = start(quick, {"a": 1})
    client = nocobase()
    assert client.post("executions:destroy", filterByTk=[running.pk, queued.pk]) == 0
    assert client("POST", f"executions:destroy?filterByTk={ended[0].pk}")["data"] == 1
    assert client.post("executions:destroy", filter={"key": quick.key}) == 2
    assert set(Execution.objects.values_list("pk", flat=True)) == {running.pk, queued.pk}


@pytest.mark.parametrize("empty", ["{}", '{"$and":[]}', '{"$or":[{}]}', "null", '{"workflow":{}}'])
def test_an_empty_filter_means_no_rows(nocobase, quick, empty):
    ran(quick)
    client = nocobase()
    for action in ("executions:destroy", "workflows:destroy", "workflows:update", "shop.Order:destroy"):
        assert client.refused("POST", f"{action}?filter={empty}", {})
    assert Execution.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_what_the_database_can_not_compare_is_refused(nocobase, quick):
    client = nocobase()
    assert client.refused("GET", "executions:list?filter[title][$regexp]=(%3FP<a>x)")
    assert client("GET", "executions:list")["meta"]["count"] == 0


def test_pause_resume_and_rerun(nocobase, waiting):
    [run] = ran(waiting)
    client = nocobase()
    assert client.post("executions:pause", filterByTk=run.pk)["pausedAt"]
    assert client.refused("POST", f"executions:pause?filterByTk={run.pk}")
    assert client.post("executions:resume", filterByTk=run.pk)["pausedAt"] is None
    node = Job.objects.filter(execution=run.pk).order_by("number").first().node_id
    again = client.post("executions:rerun", {"nodeId": str(node)}, status=202, filterByTk=run.pk)
    assert again["id"] == run.pk
    client.post("executions:cancel", filterByTk=run.pk)
    fresh = client.post("executions:rerun", status=202, filterByTk=run.pk)
    assert (fresh["rerunOfId"], fresh["attempt"], fresh["status"]) == (run.pk, 2, None)
    assert client.refused("POST", f"executions:rerun?filterByTk={run.pk}", {"nodeId": "x"})


@pytest.mark.parametrize(
    ("query", "body", "node"),
    [
        ("&nodeId={second}", None, "second"),
        ("&nodeId={second}", {}, "second"),
        ("&nodeId={first}", {"nodeId": "{second}"}, "second"),
        ("", {"nodeId": "{second}"}, "second"),
        ("", None, None),
    ],
)
def test_a_rerun_begins_where_the_body_or_the_query_says(nocobase, quick, query, body, node):
    [run] = ran(quick)
    pks = dict(zip(("first", "second"), quick.nodes.order_by("id").values_list("pk", flat=True), strict=True))
    values = None if body is None else {name: value.format(**pks) for name, value in body.items()}
    again = nocobase()("POST", f"executions:rerun?filterByTk={run.pk}{query.format(**pks)}", values, status=202)
    assert again["data"]["rerunOfId"] == run.pk
    told = HistoryEntry.objects.get().changes
    assert told.get("node_id") == (None if node is None else [None, pks[node]])


@pytest.mark.parametrize("query", ["nodeId=999999", "nodeId=x", "nodeId="])
def test_a_node_in_the_query_that_a_rerun_can_not_begin_at_is_refused(nocobase, quick, query):
    [run] = ran(quick)
    [message] = nocobase().refused("POST", f"executions:rerun?filterByTk={run.pk}&{query}", {})
    assert message.startswith("nodeId: ")
    assert Execution.objects.count() == 1


def jobs_of(run):
    return [(job.number, job.node_key, job.status) for job in Job.objects.filter(execution=run.pk).order_by("number")]


@pytest.mark.parametrize(
    ("overwrite", "jobs"),
    [
        (True, [(1, "n1", 1), (2, "n2", -3), (3, "n2", 0)]),
        ("query", [(1, "n1", 1), (2, "n2", -3), (3, "n2", 0)]),
        (False, [(1, "n1", 1), (2, "n2", -3), (3, "n1", 1), (4, "n2", 0)]),
        (None, [(1, "n1", 1), (2, "n2", -3), (3, "n1", 1), (4, "n2", 0)]),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_rerun_may_write_over_the_job_that_there_is(nocobase, waiting, overwrite, jobs):
    [run] = ran(waiting)
    before = Job.objects.get(execution=run.pk, number=1)
    client = nocobase()
    body, query = ({}, {"overwrite": "true"}) if overwrite == "query" else ({"overwrite": overwrite}, {})
    client.post("executions:rerun", body, status=202, filterByTk=run.pk, **query)
    drain_all()
    assert jobs_of(run) == jobs
    after = Job.objects.get(pk=before.pk)
    assert (after.attempt, after.ended_at > before.ended_at) == ((2, True) if overwrite else (1, False))
    kept = [(entry["number"], entry["status"]) for entry in after.attempts or ()]
    assert kept == ([(1, 1), (2, 1)] if overwrite else [])


def test_only_a_job_that_there_is_is_written_over(nocobase, waiting):
    behind = build([SUM, WAIT, SUM])
    [run], [short] = ran(waiting), ran(behind)
    queued = start(waiting, {"a": 1})
    client = nocobase()
    for pk, body in (
        (run.pk, {"overwrite": "yes"}),
        (queued.pk, {"overwrite": True}),
        (short.pk, {"overwrite": True, "nodeId": behind.nodes.get(key="n3").pk}),
    ):
        assert client.refused("POST", f"executions:rerun?filterByTk={pk}", body)
    assert len(jobs_of(run)) == len(jobs_of(short)) == 2


@pytest.mark.django_db(transaction=True)
def test_people_are_asked_anew_by_the_job_that_is_written_over(nocobase):
    client = nocobase()
    [run] = ran(build([("manual", {"assignees": [client.user.pk], "forms": {"f": {"actions": [{"key": "yes"}]}}})]))
    client.post("executions:rerun", {"overwrite": True}, status=202, filterByTk=run.pk)
    drain_all()
    tasks = client.get("workflowManualTasks:listMine", sort="id", appends="job")
    assert [(task["status"], task["job"]["number"]) for task in tasks] == [(-3, 1), (0, 1)]
    client.post("workflowManualTasks:submit", {"result": {"f": {}, "_": "yes"}}, status=202, filterByTk=tasks[1]["id"])
    drain_all()
    assert jobs_of(run) == [(1, "n1", 1)]


def test_a_job_is_resumed(nocobase, waiting):
    [run] = ran(waiting)
    client = nocobase()
    job = Job.objects.get(execution=run.pk, status=0)
    for body in ({"status": "1"}, {"status": 7}, {"status": True}):
        assert client.refused("POST", f"jobs:resume?filterByTk={job.pk}", body)
    found = client.post("jobs:resume", {"status": 1, "result": {"x": 1}}, status=202, filterByTk=job.pk)
    assert (found["status"], found["result"]) == (1, {"x": 1})
    assert client.refused("POST", f"jobs:resume?filterByTk={job.pk}", {"status": 1})
    assert client.refused("POST", "jobs:resume?filterByTk=99999", {}, status=404) == ["Job not found"]
    assert client.get("jobs:get", filterByTk=job.pk)["result"] == {"x": 1}
    assert [each["number"] for each in client.get(f"executions/{run.pk}/jobs:list", sort="number")] == [1, 2]


@pytest.mark.parametrize("fields", ["id,upstreamId", "id"])
def test_the_job_before_is_brought_along(nocobase, quick, django_assert_num_queries, fields):
    [run] = ran(quick)
    first, second = Job.objects.filter(execution=run.pk).order_by("number").values_list("pk", flat=True)
    client = nocobase()
    # The token and its user; the count and the page; the keys of those before, and they themselves.
    with django_assert_num_queries(2 + 2 + 1 + 1):
        rows = client.get("jobs:list", sort="number", fields=fields, appends="upstream.id", filter={"number": 2})
    assert [(row["id"], row["upstream"]) for row in rows] == [(second, {"id": first})]
    assert client.get("jobs:get", filterByTk=first, appends="upstream")["upstream"] is None


def test_logs_timeline_and_graph(nocobase, quick):
    [run] = ran(quick)
    Job.objects.filter(execution=run.pk, number=1).update(log='{"level": "WARN", "message": "careful"}')
    client = nocobase()
    lines = client.get("executions:logs", filterByTk=run.pk)
    assert all(set(line) == {"timestamp", "level", "message", "nodeId", "executionId"} for line in lines)
    node = Job.objects.get(execution=run.pk, number=1).node_id
    assert [line["message"] for line in client.get("executions:logs", filterByTk=run.pk, level="warn")] == ["careful"]
    assert {line["nodeId"] for line in client.get("executions:logs", filterByTk=run.pk, nodeId=node)} == {node}
    answer = client.raw("GET", f"executions:logs?filterByTk={run.pk}", accept="application/x-ndjson")
    assert [json.loads(row) for row in b"".join(answer.streaming_content).splitlines()] == lines
    shown = client.get("executions:timeline", filterByTk=run.pk)
    assert [(job["number"], job["nodeKey"], job["upstream"]) for job in shown["jobs"]] == [
        (1, "n1", None),
        (2, "n2", 1),
    ]
    assert shown["execution"]["duration"] >= 0
    graph = client.get("executions:graph", filterByTk=run.pk)
    assert graph["edges"] == [{"source": "n1", "target": "n2", "kind": "sequence", "index": None}]
    assert [each["status"] for each in graph["nodes"]] == [1, 1]
    for action in ("logs", "timeline", "graph"):
        assert client.refused("GET", f"executions:{action}?filterByTk=987654321", status=404)
        assert client.refused("GET", f"executions:{action}")
    assert client.refused("GET", f"executions:logs?filterByTk={run.pk}&level=loud")
    assert client.refused("GET", f"executions:logs?filterByTk={run.pk}&nodeId=x")


def test_execute(nocobase, waiting):
    Workflow.objects.update(enabled=False)
    client = nocobase()
    found = client.post("workflows:execute", {"a": 4}, filterByTk=waiting.pk)
    assert set(found) == {"execution"}
    run = Execution.objects.get()
    assert (found["execution"]["id"], run.manually, run.context, run.created_by) == (
        run.pk,
        True,
        {"a": 4},
        client.user,
    )


def test_the_first_execution_makes_a_revision_where_that_is_asked_for(nocobase, quick):
    client = nocobase()
    found = client.post("workflows:execute", {"a": 1}, filterByTk=quick.pk, autoRevision=1)
    twin = Workflow.objects.get(pk=found["newVersionId"])
    assert (twin.key, twin.enabled, twin.current, twin.version) == (quick.key, True, True, 2)
    drain_all()
    assert set(client.post("workflows:execute", {"a": 1}, filterByTk=quick.pk, autoRevision=1)) == {"execution"}
    only = nocobase("workflows.execute_workflow")
    assert only.refused("POST", f"workflows:execute?filterByTk={twin.pk}&autoRevision=1", {"a": 1}, status=403)
    assert Execution.objects.count() == 2


def test_all_in_one_body_as_the_second_seed_writes_it(nocobase, quick):
    body = {"filterByTk": str(quick.pk), "values": {"a": 1, "data": {"name": "John Doe"}}, "autoRevision": True}
    client = nocobase()
    # Its curl lines leave the prefix out.
    answer = client.http.post(
        "/workflows:execute", json.dumps(body), content_type="application/json", headers=client.headers
    )
    assert set(answer.json()["data"]) == {"execution", "newVersionId"}
    assert Execution.objects.get().context == body["values"]
    listed = client.http.get("/executions?filter[status]=0&createdAt[$gte]=2023-01-01", headers=client.headers)
    assert listed.status_code == 200
    client.post("workflows:execute", body, filterByTk=quick.pk)
    assert Execution.objects.latest("id").context == body


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "filterByTk: filterByTk is required"),
        ("filterByTk=abc", 400, "filterByTk: filterByTk is invalid"),
        ("filterByTk=99999", 404, "workflow not found"),
    ],
)
def test_what_can_not_be_executed(nocobase, query, status, message):
    assert nocobase().refused("POST", f"workflows:execute?{query}", {}, status=status) == [message]


def test_values_that_a_trigger_can_not_take(nocobase):
    flow = build([], config={"fields": [{"name": "a", "type": "number", "required": True}]})
    assert nocobase().refused("POST", f"workflows:execute?filterByTk={flow.pk}", {"a": "x"})
    assert not Execution.objects.exists()


def test_marked_values_are_masked_and_can_not_be_asked_for(nocobase, quick):
    ran(quick)
    Workflow.objects.update(options={"timeout": 0, "sensitive": ["$context.a"]})
    reader = nocobase("executions.view_execution", "executions.view_job", "workflows.view_workflow")
    [row] = reader.get("executions:list", appends="jobs")
    assert row["context"] == {"a": "******"}
    for query in (
        "filter[context.a]=0", "filter[jobs.result]=1", "filter[$or][0][output.$includes]=1", "filter[jobs.log.$empty]",
        'filter={"$not":{"context":{"a":{"$gt":0}}}}',
    ):  # fmt: skip
        assert "reveal_values" in reader.refused("GET", f"executions:list?{query}")[0]
    assert nocobase()("GET", 'executions:list?filter={"context.a":0}')["meta"]["count"] == 1


def test_relations_ask_for_their_own_permission(nocobase, quick):
    ran(quick)
    reader = nocobase("executions.view_execution")
    for name in ("jobs", "workflow", "workflow.nodes"):
        assert reader.refused("GET", f"executions:list?appends={name}", status=403) == ["No permissions"]
    for query in ("filter[jobs.status]=1", "filter[workflow.title]=Quick", "sort=workflow.title"):
        assert reader.refused("GET", f"executions:list?{query}")
    assert reader("GET", f"executions:list?filter[workflowId]={quick.pk}")["meta"]["count"] == 1
