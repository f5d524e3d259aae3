"""Building workflows as the canvas does (spec nocobase-http 4.2, 4.3, 6)."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from executions import run_now
from executions.drain import drain_all
from tests.building import build
from tests.executions.dialects.nocobase.clients import with_query
from workflows.models import Category, HistoryEntry, Node, Workflow

pytestmark = pytest.mark.django_db

ECHO = ("variable", {"value": 1})
CONDITION = {"engine": "basic", "rejectOnFalse": False}


@pytest.fixture
def flow(db):
    return build([("condition", CONDITION, {1: [ECHO], 0: [ECHO]}), ECHO], title="Flow", enabled=False)


def nodes(workflow):
    return list(Node.objects.filter(workflow=workflow).order_by("id"))


def test_what_is_created_is_answered_whole(nocobase):
    category = Category.objects.create(title="c")
    values = {
        "id": 98_765, "key": "mine", "title": "Made", "type": "manual", "sync": False, "current": True, "enabled": True,
        "config": {}, "options": {"timeout": 5}, "description": "d", "triggerTitle": "t", "invalid": True,
        "categories": [{"id": category.pk}], "nonsense": 1,
    }  # fmt: skip
    client = nocobase()
    made = client.post("workflows:create", values, appends=["categories"])
    found = Workflow.objects.get()
    assert made["id"] == found.pk != values["id"]
    assert (found.key != "mine", found.enabled, found.current, found.trigger_title) == (True, True, True, "t")
    assert made["categories"][0]["workflowCategoryRelations"]["workflowId"] == found.pk
    assert made["createdAt"].endswith("Z")
    assert HistoryEntry.objects.get().origin == "nocobase"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Trigger type is required"),
        ({"title": "x"}, "Trigger type is required"),
        ({"type": "none"}, "none"),
        ({"type": 5}, "type"),
        ({"type": "collection", "config": {"collection": "nothing.Here", "mode": 1}}, "collection"),
        ({"type": "manual", "enabled": "maybe"}, "enabled"),
        ({"type": "manual", "categories": ["x"]}, "categories"),
        ({"type": "manual", "categories": [77]}, "categories"),
        ({"type": "manual", "title": "x" * 256}, "title"),
        ({"type": "manual", "config": []}, "config"),
        ({"type": "manual", "options": 5}, "options"),
        ([1], "object"),
    ],
)
def test_what_is_wrong_is_refused_by_name(nocobase, values, words):
    messages = nocobase().refused("POST", "workflows:create", values)
    assert any(words in message for message in messages), messages
    assert not Workflow.objects.exists()


def test_lists_as_the_client_asks_for_them(nocobase, flow):
    category = Category.objects.create(title="c")
    flow.categories.add(category)
    build([], title="Other", current=True)
    client = nocobase()
    answer = client(
        "GET",
        "workflows:list?page=1&pageSize=20&sort[]=-createdAt&appends[]=categories&appends[]=stats&except[]=config"
        f"&filter=%7B%22current%22%3Atrue%2C%22categories.id%22%3A{category.pk}%7D",
    )
    assert answer["meta"] == {"count": 1, "page": 1, "pageSize": 20, "totalPage": 1}
    [row] = answer["data"]
    assert (row["title"], row["stats"], "config" in row) == ("Flow", {"key": flow.key, "executed": 0}, False)
    found = client.get("workflows:list", fields="id,current,versionStats.executed", sort="-id", paginate="false")
    assert [set(each) for each in found] == [{"id", "current", "versionStats"}] * 2
    assert found[1] == {"id": flow.pk, "current": True, "versionStats": {"executed": 0}}
    assert client.get("workflows:list?filter[enabled]=false")[0]["id"] == flow.pk


def test_one_record_with_all_it_brings_along(nocobase, flow, django_assert_num_queries):
    client = nocobase()
    Workflow.objects.update(created_by=client.user)
    appends = ["nodes", "stats", "versionStats", "createdBy", "updatedBy", "revisions"]
    # The token, the user, the row; one for each relation that has something to look for.
    with django_assert_num_queries(3 + 5):
        found = client.get("workflows:get", filterByTk=flow.pk, appends=appends)
    assert [node["branchIndex"] for node in found["nodes"]] == [None, 1, 0, None]
    assert found["createdBy"] == {"id": client.user.pk, "username": "boss", "nickname": "boss"}
    assert (found["updatedBy"], [each["id"] for each in found["revisions"]]) == (None, [flow.pk])


@pytest.mark.parametrize("key", ["999999", "abc", "-1", "1.5", "9" * 30])
def test_what_is_not_there_reads_null_and_changes_nothing(nocobase, flow, key):
    client = nocobase()
    assert client.get("workflows:get", filterByTk=key) is None
    assert client.post("workflows:update", {"title": "x"}, filterByTk=key) == []
    assert client.post("workflows:destroy", filterByTk=key) == 0
    assert client.refused("POST", f"workflows:update?filterByTk={key}", {"config": {}}, status=404)
    for action in ("revision", "execute"):
        assert client.refused("POST", f"workflows:{action}?filterByTk={key}", status=400 if action == "execute" and
                              not key.isdecimal() or len(key) > 20 and action == "execute" else 404)  # fmt: skip


def test_a_change_answers_a_list_and_keeps_to_what_may_be_written(nocobase, flow):
    client = nocobase()
    values = {"title": "New", "type": "collection", "key": "k", "enabled": True, "sync": True}
    [found] = client.post("workflows:update", values, filterByTk=flow.pk)
    assert (found["title"], found["type"], found["sync"], found["enabled"]) == ("New", "manual", False, True)
    forbidding = {"whitelist": ["title"], "blacklist": ["title"]}
    client.post("workflows:update", {"title": "No"}, filterByTk=flow.pk, **forbidding)
    client("PATCH", f"workflows/{flow.pk}", {"description": "d"})
    for name, value in (("triggerTitle", "x" * 300), ("timeZone", "Nowhere")):
        [message] = client.refused("POST", f"workflows:update?filterByTk={flow.pk}", {name: value})
        assert message.startswith(f"{name}: ")
    flow.refresh_from_db()
    assert (flow.title, flow.description, flow.updated_by) == ("New", "d", client.user)


@pytest.mark.parametrize("path", ["workflows:update", "workflows:destroy", "executions:destroy", "flow_nodes:update"])
def test_nothing_is_changed_without_saying_what(nocobase, flow, path):
    for client, status in ((nocobase(), 400), (nocobase(None), 400)):
        assert client.refused("POST", path, {}, status=status) == ["filterByTk: filter or filterByTk is required"]
        assert client.refused("POST", f"{path}?filter={{}}", {}, status=status)


def test_an_executed_version_keeps_its_configuration_and_nodes(nocobase, flow):
    run_now(flow, {})
    drain_all()
    client = nocobase()
    first, second, *_ = nodes(flow)
    for path, body in (
        (f"workflows:update?filterByTk={flow.pk}", {"config": {"fields": []}}),
        (f"workflows/{flow.pk}/nodes:create", {"type": "variable"}),
        (f"flow_nodes:update?filterByTk={first.pk}", {"config": {}}),
        (f"flow_nodes:move?filterByTk={second.pk}", {"upstreamId": None}),
        (f"flow_nodes:duplicate?filterByTk={second.pk}", {"upstreamId": None}),
        (f"flow_nodes:destroy?filterByTk={first.pk}", {}),
        (f"flow_nodes:destroyBranch?filterByTk={first.pk}&branchIndex=1", {}),
    ):
        assert client.refused("POST", path, body), path
    assert client.post("workflows:update", {"title": "still"}, filterByTk=flow.pk)[0]["title"] == "still"


def test_a_revision_and_a_copy(nocobase, flow):
    client = nocobase()
    twin = client.post("workflows:revision", filterByTk=flow.pk, filter={"key": flow.key})
    assert (twin["key"], twin["current"], twin["enabled"]) == (flow.key, None, False)
    copy = client.post("workflows:revision", {"title": "Mine"}, filterByTk=flow.pk)
    assert (copy["key"] != flow.key, copy["current"], copy["title"]) == (True, True, "Mine")
    assert [node.key for node in nodes(copy["id"])] == [node.key for node in nodes(flow)]
    assert client.refused("POST", f"workflows:revision?filterByTk={flow.pk}&filter[key]=no", status=404)
    assert [each["id"] for each in client.get(f"workflows/{flow.pk}/revisions:list", sort="id")] == [
        flow.pk,
        twin["id"],
    ]


def test_synchronising_has_no_answer(nocobase, flow):
    assert nocobase().raw("POST", f"workflows:sync?filterByTk={flow.pk}").status_code == 204


def test_what_is_answered_can_be_imported(nocobase, flow, tmp_path):
    file, said = tmp_path / "flow.json", StringIO()
    answer = nocobase()("GET", f"workflows:get/{flow.pk}?appends=nodes,categories,stats,versionStats,createdBy")
    file.write_text(json.dumps(answer))
    call_command("sluice_import", str(file), "--dry-run", stdout=said)
    assert said.getvalue() == "Flow: Unchanged (version 1)\n"


def test_relations_are_bounded(nocobase, flow):
    ways = ("upstream", "downstream", "workflow.nodes", "branches")
    deep = [f"nodes.{one}.{two}.{three}" for one in ways for two in ways for three in ways]
    client = nocobase()
    assert client.get("workflows:get", filterByTk=flow.pk, appends=deep[:9])["nodes"]
    [message] = client.refused("GET", with_query("workflows:list", {"appends": deep}))
    assert message.startswith("appends: At most 50")


def test_deleting_the_current_version_deletes_all(nocobase, flow):
    client = nocobase()
    old = client.post("workflows:revision", filterByTk=flow.pk, filter={"key": flow.key})
    assert client.post("workflows:destroy", filterByTk=[flow.pk]) == 2
    assert not Workflow.objects.filter(pk__in=[flow.pk, old["id"]]).exists()


def test_nodes_go_where_the_canvas_puts_them(nocobase, flow):
    client = nocobase()
    condition, yes, no, last = nodes(flow)
    create = f"workflows/{flow.pk}/nodes:create"
    values = {"type": "variable", "title": "n", "config": {"value": 2}, "upstreamId": None, "branchIndex": None}
    head = client.post(create, values)
    assert (head["downstreamId"], head["upstreamId"], head["workflowId"]) == (condition.pk, None, flow.pk)
    inside = client.post(create, {**values, "upstreamId": condition.pk, "branchIndex": 1})
    yes.refresh_from_db()
    assert (inside["branchIndex"], yes.upstream_id, yes.branch_index) == (1, inside["id"], None)
    spliced = client.post(create, {**values, "upstreamId": str(condition.pk)})
    assert (spliced["downstreamId"], spliced["upstreamId"]) == (last.pk, condition.pk)
    moved = client.post("flow_nodes:move", {"upstreamId": condition.pk, "branchIndex": 0}, filterByTk=spliced["id"])
    no.refresh_from_db()
    assert (moved["downstreamId"], moved["branchIndex"], no.upstream_id) == (no.pk, 0, spliced["id"])
    copied = client.post("flow_nodes:duplicate", {"upstreamId": last.pk, "config": {"value": 3}}, filterByTk=yes.pk)
    assert (copied["config"], copied["key"] != yes.key, copied["upstreamId"]) == ({"value": 3}, True, last.pk)
    found = client.get(f"workflows/{flow.pk}/nodes:list", sort=["id"])
    assert len(found) == 8
    after = [inside["id"], spliced["id"], last.pk]
    assert [each["id"] for each in client.get(f"flow_nodes/{condition.pk}/branches:list", sort="-branchIndex")] == after
    appended = client.get("flow_nodes:get", filterByTk=condition.pk, appends=["branches"])["branches"]
    assert sorted(each["id"] for each in appended) == sorted(after)
    for each in after:
        [found] = client.get("flow_nodes:list", filter={"branches.id": each}, fields=["id"])
        assert found == {"id": condition.pk}


def test_the_canvas_hangs_what_follows_into_a_branch(nocobase):
    flow = build([ECHO, ECHO, ECHO], enabled=False)
    first, second, third = nodes(flow)
    client = nocobase()
    gate = client.post(f"workflows/{flow.pk}/nodes:create", {"type": "condition", "config": CONDITION})
    [found] = client.post(
        "flow_nodes:update",
        {"branchIndex": 1, "upstream": {"id": gate["id"], "downstreamId": None}},
        filterByTk=gate["downstreamId"],
        updateAssociationValues=["upstream"],
        appends=["upstream"],
    )
    assert (found["id"], found["branchIndex"], found["upstream"]["id"]) == (first.pk, 1, gate["id"])
    assert found["upstream"]["downstreamId"] is None
    line = [(node.upstream_id, node.branch_index, node.downstream_id) for node in nodes(flow)[:3]]
    assert line == [(gate["id"], 1, second.pk), (first.pk, None, third.pk), (second.pk, None, None)]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("workflows/987654321/nodes:create", {"type": "variable"}, 404, "Not Found"),
        ("workflows/undefined/nodes:create", {"type": "variable"}, 404, "Not Found"),
        ("workflows/{flow}/nodes:create", {}, 400, "Node type is required"),
        ("workflows/{flow}/nodes:create", {"type": "none"}, 400, "none"),
        ("workflows/{flow}/nodes:create", {"type": "delay", "config": {"unit": 7}}, 400, "config.unit"),
        ("workflows/{flow}/nodes:create", {"type": "variable", "upstreamId": "x"}, 400, "upstreamId"),
        ("workflows/{flow}/nodes:create", {"type": "variable", "upstreamId": 10**9}, 404, "upstreamId: There is no"),
        (
            "workflows/{flow}/nodes:create",
            {"type": "variable", "upstreamId": "{first}", "branchIndex": 9},
            400,
            "branchIndex: ",
        ),
        ("flow_nodes:duplicate?filterByTk={first}", {"upstreamId": "{first}", "branchIndex": 9}, 400, "branchIndex: "),
        ("flow_nodes:move?filterByTk={first}", {"upstreamId": "{first}"}, 400, "upstreamId: A node can"),
        ("flow_nodes:move?filterByTk={first}", {"upstreamId": None}, 400, "already"),
        ("flow_nodes:move?filterByTk={first}", {"upstreamId": "{second}"}, 400, "own branches"),
        ("flow_nodes:move?filterByTk={second}", {"upstreamId": "{first}", "branchIndex": "x"}, 400, "branchIndex"),
        ("flow_nodes:move?filterByTk=987654321", {"upstreamId": None}, 404, "Node not found"),
        ("flow_nodes:duplicate?filterByTk=987654321", {}, 404, "Node not found"),
        ("flow_nodes:destroy?filterByTk=987654321", {}, 404, "Node not found"),
        ("flow_nodes:destroy?filterByTk={first}&keepBranch=9", {}, 400, "Branch 9 not found"),
        ("flow_nodes:destroy?filterByTk={first}&keepBranch=x", {}, 400, "keepBranch"),
        ("flow_nodes:destroyBranch?filterByTk={first}", {}, 400, "branchIndex"),
        ("flow_nodes:destroyBranch?filterByTk={first}&branchIndex=x", {}, 400, "branchIndex"),
        ("flow_nodes:update?filterByTk=987654321", {"title": "x"}, 404, "Node not found"),
        ("flow_nodes:update?filterByTk={first}", {"config": 5}, 400, "config"),
        ("flow_nodes:update?filterByTk={first}&updateAssociationValues=upstream", {"branchIndex": 1}, 400, "upstream"),
        ("flow_nodes:test", {}, 400, "Node type is required"),
        ("flow_nodes:test", {"type": "none"}, 400, "none"),
        ("flow_nodes:test", {"type": "end"}, 400, "end"),
        ("flow_nodes:test", {"type": "calculation", "config": {"engine": "x"}}, 400, "engine"),
    ],
)
def test_what_does_not_fit_a_tree_is_refused(nocobase, flow, path, body, status, words):
    first, second, *_ = nodes(flow)
    ids = {"flow": flow.pk, "first": first.pk, "second": second.pk}
    body = {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}
    before = list(Node.objects.order_by("id").values_list())
    messages = nocobase().refused("POST", path.format(**ids), body, status=status)
    assert any(words in message for message in messages), messages
    assert list(Node.objects.order_by("id").values_list()) == before


def test_the_canvas_takes_a_condition_out_of_several(nocobase):
    flow = build([], enabled=False)
    client = nocobase()
    cases = [{"uid": name, "engine": "math.js", "expression": "1 > 0"} for name in "abc"]
    many = {"type": "multi-conditions", "config": {"conditions": cases}}
    gate = client.post(f"workflows/{flow.pk}/nodes:create", many)["id"]
    for index in (0, 1, 3):
        values = {"type": "end", "title": str(index), "upstreamId": gate, "branchIndex": index}
        client.post(f"workflows/{flow.pk}/nodes:create", values)

    def remove(index, status):
        client.post("flow_nodes:destroyBranch", filterByTk=gate, branchIndex=index, shift=1, status=status)
        cases.pop(index - 1)
        client.post("flow_nodes:update", {"config": {"conditions": cases}}, filterByTk=gate)
        heads = Node.objects.filter(upstream=gate).order_by("branch_index")
        return {head.title: head.branch_index for head in heads}

    assert remove(1, 200) == {"0": 0, "3": 2}
    # An empty branch closes its gap too.
    assert remove(1, 204) == {"0": 0, "3": 1}
    for path in (f"{gate}&branchIndex=0&shift=1", f"{gate}&branchIndex=-1&shift=1"):
        [message] = client.refused("POST", f"flow_nodes:destroyBranch?filterByTk={path}")
        assert message.startswith("shift: ")


def test_nodes_and_branches_are_deleted(nocobase, flow):
    client = nocobase()
    first, yes, no, last = nodes(flow)
    path = f"flow_nodes:destroyBranch?filterByTk={first.pk}&branchIndex="
    assert client("POST", f"{path}0")["data"]["id"] == no.pk
    assert client.raw("POST", f"{path}0").status_code == 204
    assert client.post("flow_nodes:destroy", filterByTk=first.pk, keepBranch=1)["id"] == first.pk
    assert [(node.pk, node.upstream_id) for node in nodes(flow)] == [(yes.pk, None), (last.pk, yes.pk)]


def test_a_node_is_tried(nocobase):
    values = {"type": "calculation", "config": {"engine": "math.js", "expression": "1+2"}}
    assert nocobase().post("flow_nodes:test", values) == {"status": 1, "result": 3}


def test_categories(nocobase, flow):
    client = nocobase()
    one = client.post("workflowCategories:create", {"title": "one", "color": None, "nonsense": 1})
    assert (one["color"], one["sort"]) == ("default", 1)
    two, three = (client.post("workflowCategories:create", {"title": title}) for title in ("two", "three"))
    assert client.post("workflowCategories:move", sourceId=three["id"], targetId=one["id"]) == "ok"
    order = client.get("workflowCategories:list", paginate="false", sort=["sort"])
    assert [each["title"] for each in order] == ["three", "one", "two"]
    client.post("workflowCategories:move", sourceId=two["id"], sticky="true")
    assert Category.objects.first().title == "two"
    assert client.post("workflowCategories:update", {"title": "1"}, filterByTk=one["id"])[0]["title"] == "1"
    flow.categories.add(one["id"])
    shown = client.get("workflowCategories:list", appends="workflows.title", filter={"title": {"$ne": "three"}})
    through = {"workflowId": flow.pk, "categoryId": one["id"]}
    assert [each["workflows"] for each in shown] == [[{"title": "Flow", "workflowCategoryRelations": through}], []]
    assert all(each["createdAt"] <= each["updatedAt"] for each in shown)
    assert client.post("workflowCategories:destroy", filterByTk=one["id"]) == 1
    assert not flow.categories.exists()
    for query, status in (("", 400), ("sourceId=1", 404), (f"sourceId={two['id']}&targetId=x", 404)):
        assert client.refused("POST", f"workflowCategories:move?{query}", status=status)
    assert client.refused("POST", "workflowCategories:create", {})
