"""The inbox and applications over NocoBase's interface (spec nocobase-http 4.6, nocobase-engine 4.7)."""

import pytest
from django.contrib.auth import get_user_model

from config.shop.models import Order
from executions.drain import drain_all
from executions.models import Execution, Task
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.executions.inbox.asking import OUTPUT, ask, manual, of, user
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return user("ada")


@pytest.fixture
def run(ada):
    return ask(manual(ada, user("bob"), title="Look"), OUTPUT, title="Asks")


LIST = {
    "page": 1, "pageSize": 20, "sort": ["-createdAt"],
    "appends": ["node.id", "node.title", "job.id", "job.status", "job.result", "workflow.id", "workflow.title",
                "workflow.enabled", "execution.id", "execution.status"],
    "except_": ["node.config", "workflow.config", "workflow.options"],
}  # fmt: skip


def test_ones_own_tasks_as_the_task_centre_asks_for_them(run, ada, django_assert_num_queries):
    client = NocoBase(ada)
    # The token and its user and their permissions; the page, its jobs and runs; four relations.
    with django_assert_num_queries(2 + 2 + 3 + 4):
        found = client("GET", "workflowManualTasks:listMine?" + query(LIST))
    assert found["meta"] == {"hasNext": False, "page": 1, "pageSize": 20}
    [row] = found["data"]
    assert (row["title"], row["status"], row["userId"], row["workflowId"]) == ("Look", 0, ada.pk, run.workflow_id)
    assert row["workflow"] == {"id": run.workflow_id, "title": "Asks", "enabled": True}
    assert row["execution"] == {"id": run.pk, "status": 0}
    assert row["job"] == {"id": row["jobId"], "status": 0}
    full = NocoBase(grown(ada)).get("workflowManualTasks:listMine", **LIST)[0]
    assert full["job"] == {"id": row["jobId"], "status": 0, "result": None}


def grown(user):
    """The same person with all that there is to see."""
    user.is_superuser = True
    user.save()
    return user


def query(params):
    from tests.executions.dialects.nocobase.clients import with_query

    return with_query("", params).removeprefix("?")


def test_whoever_was_asked_sees_what_to_fill_in_and_no_more(run, ada):
    client = NocoBase(ada)
    mine = of(ada, run)
    appends = ["node", "job", "workflow", "workflow.nodes", "execution", "execution.jobs", "user"]
    found = client.get("workflowManualTasks:get", filterByTk=mine.pk, appends=appends)
    assert set(found["node"]["config"]) == {"forms", "title"}
    assert "nodes" not in found["workflow"]
    assert "jobs" not in found["execution"]
    assert found["user"]["username"] == "ada"
    other = Task.objects.exclude(user=ada).get()
    assert client.get("workflowManualTasks:get", filterByTk=other.pk) is None
    assert client.refused("GET", "workflowManualTasks:list", status=403) == ["No permissions"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("filter[status]=0", 1),
        ("filter[status]=1", 0),
        ('filter={"workflow.key":"KEY"}', 1),
        ('filter={"workflow.key.$in":["KEY"]}', 1),
        ('filter={"$and":[{"workflow":{"key":"other"}}]}', 0),
        ("filter[user.username]=ada", 1),
    ],
)
def test_tasks_are_filtered(run, ada, query, number):
    found = NocoBase(ada)("GET", f"workflowManualTasks:listMine?{query.replace('KEY', run.key)}")
    assert len(found["data"]) == number


@pytest.mark.django_db(transaction=True)
def test_a_task_is_answered(run, ada):
    client, mine = NocoBase(ada), of(ada, run)
    path = f"workflowManualTasks:submit?filterByTk={mine.pk}"
    draft = client("POST", path, {"result": {"f": {"note": "a"}, "_": "later"}}, status=202)["data"]
    assert (draft["status"], draft["result"]["f"]["note"]) == (0, "a")
    for body in ({}, {"result": {"f": {}, "_": "no such"}}, {"result": {"f": {}, "_": "yes"}}, {"result": 5}):
        assert client.refused("POST", path, body)
    done = client("POST", path, {"result": {"f": {"note": "b"}, "_": "yes"}}, status=202)["data"]
    assert (done["status"], done["decidedAt"] is not None) == (1, True)
    drain_all()
    run.refresh_from_db()
    assert run.status == 1
    assert client.refused("POST", path, {"result": {"f": {"note": "b"}, "_": "yes"}})
    assert client.refused("POST", "workflowManualTasks:submit?filterByTk=987654321", {}, status=404) == ["Not Found"]
    assert client.refused("POST", "workflowManualTasks:submit", {})
    other = Task.objects.exclude(user=ada).get()
    assert client.refused("POST", f"workflowManualTasks:submit?filterByTk={other.pk}", {"result": {}}, status=403)


def test_how_many_there_are(run, ada):
    client = NocoBase(ada)
    found = client("POST", "userWorkflowTasks:listMine?filter=%7B%22type%22%3A%5B%22manual%22%5D%7D", {})
    assert [(row["type"], row["stats"]) for row in found["data"]] == [("manual", {"pending": 1, "all": 1})]
    assert found["meta"]["count"] == 1
    assert client.get("userWorkflowTasks:listMine", filter={"type": "cc"}) == []
    found = client("POST", "userWorkflowTaskStats:listMine?type=manual&search=ask", {})
    assert found == {
        "data": [{"workflowKey": run.key, "title": "Asks", "stats": {"pending": 1, "all": 1}}],
        "meta": {"page": 1, "pageSize": 200, "hasNext": False},
    }
    assert client.get("userWorkflowTaskStats:listMine", search="nothing") == []
    assert client.refused("GET", "userWorkflowTaskStats:listMine?pageSize=201")
    assert client.refused("GET", "userWorkflowTasks:listMine?filter[userId]=1")


def test_copies_are_read(ada):
    run = ask(("cc", {"users": [ada.pk], "title": "For you"}))
    client, mine = NocoBase(ada), of(ada, run)
    assert client.get("workflowCcTasks:listMine")[0]["title"] == "For you"
    assert client.post("workflowCcTasks:read", filterByTk=mine.pk)[0]["status"] == 1
    assert client.post("workflowCcTasks:unread", filterByTk=mine.pk)[0]["readAt"] is None
    assert client.post("workflowCcTasks:readAll") == 1
    assert client.refused("POST", "workflowCcTasks:read?filterByTk=987654321", status=404)
    assert client.refused("POST", "workflowCcTasks:unread")
    other = NocoBase(user("bob"))
    assert other.refused("POST", f"workflowCcTasks:read?filterByTk={mine.pk}", status=403)
    assert other.get("workflowCcTasks:get", filterByTk=mine.pk) is None


@pytest.fixture
def applying(db):
    """(who applies, who approves, the workflow's version)."""
    from config.shop.models import Customer
    from tests.building import build

    boss = user("approver")
    flow = build(
        [("approval", {"assignees": [boss.pk], "delegate": True, "addSigners": True, "allowReturn": True})],
        type="approval",
        config={"collection": "shop.Order", "timing": "after"},
    )
    return person("shop.add_order", "shop.change_order"), boss, flow, Customer.objects.create(name="Ann")


def test_an_application_is_drafted_submitted_withdrawn_and_approved(applying):
    who, boss, flow, ann = applying
    client = NocoBase(who)
    data = {"customer": ann.pk, "status": "new", "total": 5, "placed_at": "2024-01-01T00:00:00Z"}
    body = {"collectionName": "shop.Order", "workflowId": flow.pk, "data": data, "status": 0}
    draft = client.post("approvals:create", body)
    assert (draft["status"], draft["workflowKey"]) == (0, flow.key)
    [sent] = client.post("approvals:update", {"data": data, "status": 2}, filterByTk=draft["id"])
    assert (sent["status"], Order.objects.count()) == (2, 1)
    drain_all()
    assert client.post("approvals:withdraw", filterByTk=draft["id"])["status"] == 6
    client.post("approvals:update", {"status": 2}, filterByTk=draft["id"])
    drain_all()
    approver = NocoBase(boss)
    mine = approver.get("approvalRecords:listMine", filter={"executionId": Execution.objects.latest("id").pk})[0]
    assert (mine["status"], mine["comment"]) == (0, "")
    assert approver.refused("POST", f"approvalRecords:submit/{mine['id']}", {"status": 7})
    assert NocoBase(who).refused("POST", f"approvalRecords:submit/{mine['id']}", {"status": 2}, status=404)
    done = approver("POST", f"approvalRecords:submit/{mine['id']}", {"status": 2, "comment": "Fine"})["data"]
    assert (done["status"], done["comment"]) == (2, "Fine")
    drain_all()
    assert client.get("approvals:get", filterByTk=draft["id"])["status"] == 4
    assert [row["id"] for row in client.get("approvals:listMine")] == [draft["id"]]
    assert client.refused("POST", f"approvals:withdraw/{draft['id']}")


@pytest.mark.parametrize(
    "body",
    [{}, {"workflowId": 999}, {"workflowId": "x"}, {"workflowId": "{flow}", "status": 7}, {"workflowId": "{flow}"},
     {"workflowId": "{flow}", "data": 5}],
)  # fmt: skip
def test_applications_that_are_wrong(applying, body):
    who, _boss, flow, _ann = applying
    body = {name: flow.pk if value == "{flow}" else value for name, value in body.items()}
    assert NocoBase(who).refused("POST", "approvals:create", body)
    nobody = get_user_model().objects.create(username="nobody")
    assert NocoBase(nobody).refused(
        "POST", "approvals:create", {"workflowId": flow.pk, "data": {"customer": 1}}, status=403
    )


def test_an_approver_hands_over_adds_others_and_returns(applying):
    who, boss, flow, ann = applying
    data = {"customer": ann.pk, "status": "new", "total": 5, "placed_at": "2024-01-01T00:00:00Z"}
    made = NocoBase(who).post("approvals:create", {"workflowKey": flow.key, "data": data})
    drain_all()
    ada, bob = user("ada"), user("bob")
    task = Task.objects.get(user=boss)
    first = NocoBase(boss)
    assert first("POST", f"approvalRecords:add/{task.pk}", {"assignees": [ada.pk], "order": 1})
    assert first.refused("POST", f"approvalRecords:add/{task.pk}", {"assignees": [ada.pk], "order": 5})
    assert first("POST", f"approvalRecords:delegate/{task.pk}", {"assignee": bob.pk})["data"]["userId"] == bob.pk
    back = NocoBase(bob)("POST", f"approvalRecords:return/{task.pk}", {"comment": "Again"})["data"]
    assert (back["status"], back["comment"]) == (1, "Again")
    drain_all()
    assert NocoBase(who).get("approvals:get", filterByTk=made["id"])["status"] == 1
