"""Workflows listed, shown, made, changed and deleted by a client."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from executions.models import Execution
from executions.store.side import close_side
from tests.building import build
from tests.executions.dialects.functiongraph.clients import FunctionGraph
from tests.executions.rows import run
from tests.people import boss, person
from workflows import versions
from workflows.models import HistoryEntry, Node, Workflow

pytestmark = pytest.mark.django_db

FLOWS = "/workflows"
SLEEPS = {
    "name": "two-naps",
    "description": "Sleeps twice",
    "start": "first",
    "states": [
        {"id": "first", "name": "A nap", "type": "Sleep", "duration": 5, "end": False, "transition": "second"},
        {"id": "second", "name": "Another", "type": "Sleep", "duration": 7, "end": True},
    ],
}


def urn(client, name, project=None):
    return f"urn:fss:local:{project or client.project}:workflow:default:{name}:latest"


def test_create(graph):
    client = graph()
    found = client.post(FLOWS, SLEEPS, status=201)
    row = Workflow.objects.get()
    assert (row.name, row.title, row.enabled, row.current, row.sync) == ("two-naps", "two-naps", True, True, False)
    assert [node.type for node in Node.objects.order_by("id")][:2] == ["delay", "delay"]
    assert {name: found[name] for name in ("id", "workflow_urn", "name", "description", "created_by")} == {
        "id": row.key,
        "workflow_urn": urn(client, "two-naps"),
        "name": "two-naps",
        "description": "Sleeps twice",
        "created_by": client.user.username,
    }
    assert found["created_time"] <= found["updated_time"]
    entry = HistoryEntry.objects.get(action="workflow.create")
    assert (entry.origin, entry.actor_id) == ("functiongraph", client.user.pk)
    client.post(f"{FLOWS}/{row.key}/executions", {})
    assert Execution.objects.get().key == row.key


@pytest.mark.parametrize(("mode", "sync"), [(None, False), ("NORMAL", False), ("EXPRESS", True)])
def test_modes(graph, mode, sync):
    body = {**SLEEPS, **({} if mode is None else {"mode": mode})}
    graph().post(FLOWS, body, status=201)
    assert Workflow.objects.get().sync is sync


def states(*more, **changes):
    return {**SLEEPS, "states": [*SLEEPS["states"], *more], **changes}


REFUSED = [
    (states(mode="FAST"), "mode:"),
    (states(start="nowhere"), "start:"),
    (states({"id": "third", "name": "x", "type": "Switch", "end": True}), "states.2.type:"),
    (states({"id": "first", "name": "x", "type": "Sleep", "duration": 1, "end": True}), "states.2.id:"),
    ({**SLEEPS, "states": [SLEEPS["states"][0], {**SLEEPS["states"][1], "end": False, "transition": "first"}]},
     "first → second → first"),
    (states(name="no name"), "name:"),
    (states(triggers=[{"trigger_name": "t", "trigger_type": "OBS", "enabled": True}]), "triggers.0.trigger_type:"),
    ({}, "states"),
    ({"states": 1}, "states"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), REFUSED)
def test_definitions_are_refused_by_name_and_place(graph, body, said):
    code, message = graph().refused("POST", FLOWS, body, status=400)
    assert (code, said in message) == ("FSS.0400", True), message
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(("body", "status", "code"), [(b"{", 406, "FSS.0406"), (b"[]", 400, "FSS.0400")])
def test_bodies_that_are_none(graph, body, status, code):
    assert graph().refused("POST", FLOWS, body, status=status)[0] == code


def test_a_name_is_taken_once(graph):
    client = graph()
    client.post(FLOWS, SLEEPS, status=201)
    assert client.refused("POST", FLOWS, SLEEPS, status=409)[0] == "FSS.0409"
    other = client.post(FLOWS, {**SLEEPS, "name": "naps"}, status=201)
    assert client.refused("PUT", f"{FLOWS}/{other['id']}", SLEEPS, status=409)[0] == "FSS.0409"


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
def test_of_many_made_at_once_one_is():
    client = FunctionGraph(boss())
    together = Barrier(4)

    def make(number):
        body = {**SLEEPS, "start": "nap", "states": [{"id": "nap", "type": "Sleep", "duration": 5 + number}]}
        try:
            together.wait(30)
            return client.raw("POST", FLOWS, body).status_code
        finally:
            close_side()
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(make, range(4)))
    assert statuses == [201, 409, 409, 409]
    assert Workflow.objects.count() == 1


def test_update_makes_a_version(graph):
    client = graph()
    made = client.post(FLOWS, SLEEPS, status=201)
    longer = {
        **SLEEPS,
        "description": "Sleeps once",
        "states": [{**SLEEPS["states"][1], "id": "first", "duration": 70}],
    }
    changed = client("PUT", f"{FLOWS}/{made['id']}", longer)
    assert (changed["id"], changed["description"]) == (made["id"], "Sleeps once")
    assert changed["created_time"] == made["created_time"]
    current = Workflow.objects.get(current=True)
    assert (current.version, current.enabled, current.nodes.filter(type="delay").count()) == (2, True, 1)
    assert client.get(f"{FLOWS}/{made['id']}")["definition"] == longer


def test_an_update_that_changes_nothing_makes_none(graph):
    client = graph()
    made = client.post(FLOWS, SLEEPS, status=201)
    assert client("PUT", f"{FLOWS}/{made['id']}", SLEEPS) == made
    assert Workflow.objects.count() == 1
    versions.disable(Workflow.objects.get())
    client("PUT", f"{FLOWS}/{made['id']}", SLEEPS)
    assert Workflow.objects.get().enabled


def test_an_update_may_give_another_name(graph):
    client = graph()
    made = client.post(FLOWS, SLEEPS, status=201)
    assert client("PUT", f"{FLOWS}/{made['id']}", {**SLEEPS, "name": "naps"})["workflow_urn"] == urn(client, "naps")


def test_a_workflow_of_another_kind_is_not_overwritten(graph):
    build([], key="flow", type="webhook", config={})
    code, message = graph().refused("PUT", f"{FLOWS}/flow", SLEEPS, status=400)
    assert (code, "type: " in message) == ("FSS.0400", True)


def test_show(graph):
    client = graph()
    made = client.post(FLOWS, {**SLEEPS, "enterprise_project_id": "0"}, status=201)
    found = client.get(f"{FLOWS}/{made['id']}")
    assert found.pop("definition") == {**SLEEPS, "enterprise_project_id": "0"}
    assert found == {name: made[name] for name in ("id", "workflow_urn", "created_time", "updated_time", "created_by")}


def test_a_workflow_that_was_drawn_is_shown_so_that_it_can_be_read_back(graph):
    build(
        [("condition", {"engine": "math.js", "expression": "1 > 0"}, {1: [("delay", {"duration": 1})]})], name="drawn"
    )
    client = graph()
    [found] = client.get(FLOWS)["workflows"]
    definition = client.get(f"{FLOWS}/{found['id']}")["definition"]
    client.post(FLOWS, {**definition, "name": "twin"}, status=201)
    twin, drawn = (Workflow.objects.get(name=name) for name in ("twin", "drawn"))
    assert [each.config for each in twin.nodes.order_by("id")] == [each.config for each in drawn.nodes.order_by("id")]


@pytest.fixture
def three():
    return [
        build([], name="one", key="k1"),
        build([], name="two", key="k2", sync=True),
        build([], key="k3", title="Of no name", enabled=False),
    ]


LISTS = [
    ("", ["k3", "k2", "k1"], 3), ("limit=2", ["k3", "k2"], 3), ("limit=0", [], 3), ("offset=2", ["k1"], 3),
    ("offset=-5&limit=999", ["k3", "k2", "k1"], 3), ("offset=3", [], 3), ("mode=NORMAL", ["k3", "k1"], 2),
    ("mode=EXPRESS", ["k2"], 1), ("mode=", ["k3", "k2", "k1"], 3), ("workflow_name=one", ["k1"], 1),
    ("workflow_name=One", [], 0), ("workflow_name=on", [], 0),
    ("workflow_name=one%20", [], 0), ("workflow_name=k3", ["k3"], 1),
    ("workflow_name=k1", [], 0), ("workflow_name=%00", [], 0), ("enterprise_project=0&other=1", ["k3", "k2", "k1"], 3),
    ("mode=NORMAL&workflow_name=two", [], 0),
]  # fmt: skip


@pytest.mark.parametrize(("query", "keys", "total"), LISTS)
def test_lists(graph, three, query, keys, total):
    found = graph().get(FLOWS, query)
    assert ([each["id"] for each in found["workflows"]], found["total"], found["size"]) == (keys, total, len(keys))


@pytest.mark.parametrize("query", ["mode=normal", "limit=-1", "limit=x", "offset=x", "mode=%00"])
def test_what_can_not_be_meant_is_refused(graph, query):
    assert graph().refused("GET", FLOWS, status=400, query=query)[0] == "FSS.1001"


def test_only_current_versions_are_there(graph):
    row = build([], key="k", name="n")
    build([], key="k", name="n", version=2, current=None, enabled=False)
    assert [each["id"] for each in graph().get(FLOWS)["workflows"]] == [row.key]


def test_created_is_when_the_first_version_was(graph):
    ann, bob = person(username="ann"), person(username="bob")
    first = build([], key="k", current=None, enabled=False, created_by=ann)
    build([], key="k", version=2, created_by=bob)
    Workflow.objects.filter(pk=first.pk).update(created_at="2026-01-02T03:04:05Z")
    [found] = graph().get(FLOWS)["workflows"]
    assert (found["created_time"], found["created_by"]) == ("2026-01-02T03:04:05Z", "ann")


@pytest.mark.parametrize("count", [1, 20])
def test_queries_of_a_list(graph, count, django_assert_num_queries):
    ann = person(username="ann")
    for number in range(count):
        build([], name=f"n{number}", created_by=ann)
    client = graph()
    client.get(FLOWS)
    # Its key and user; rows; names of users; the total.
    with django_assert_num_queries(5):
        client.get(FLOWS)


def test_delete(graph, three):
    client = graph()
    found = run(three[0])
    urns = [urn(client, "one"), urn(client, "k3"), urn(client, "k2"), urn(client, "one"), urn(client, "two", "0" * 32),
            "two", "", urn(client, "two").replace("local", "cn-north-4")]  # fmt: skip
    done = client("DELETE", FLOWS, {"workflow_urns": urns})
    assert done["success"] == [urns[0], urns[1], urns[7]]
    assert [each["workflow_urn"] for each in done["fail"]] == [urns[2], urns[4], "two", ""]
    assert all(each["error_detail"] for each in done["fail"])
    assert not Workflow.objects.exists()
    assert Execution.objects.get() == found
    assert client.refused("GET", f"{FLOWS}/k1/executions", status=404)[0] == "FSS.0404"


def test_a_new_workflow_of_an_old_name_has_no_runs(graph):
    client = graph()
    first = client.post(FLOWS, SLEEPS, status=201)
    client.post(f"{FLOWS}/{first['id']}/executions")
    client("DELETE", FLOWS, {"workflow_urns": [first["workflow_urn"]]})
    second = client.post(FLOWS, SLEEPS, status=201)
    assert client.get(f"{FLOWS}/{second['id']}/executions") == {"executions": []}


@pytest.mark.parametrize(
    "body",
    [None, {}, {"workflow_urns": []}, {"workflow_urns": "x"}, {"workflow_urns": [1]}, {"workflow_urns": ["x"] * 201}],
)  # fmt: skip
def test_what_deletes_nothing(graph, three, body):
    assert graph().refused("DELETE", FLOWS, body, status=400)[0] == "FSS.0400"
    assert Workflow.objects.count() == 3


def test_a_key_for_some_workflows(graph, three):
    client = graph(workflows=["one"])
    assert [each["id"] for each in client.get(FLOWS)["workflows"]] == ["k1"]
    assert client.refused("POST", FLOWS, SLEEPS, status=403)[0] == "FSS.0403"
    assert client.refused("PUT", f"{FLOWS}/k2", SLEEPS, status=404)[0] == "FSS.0404"
    assert client("DELETE", FLOWS, {"workflow_urns": [urn(client, "two")]})["success"] == []
    assert Workflow.objects.count() == 3


def only_one(user):
    from django.db.models import Q

    return Q(name="one")


def test_what_is_hidden_is_not_there(graph, three, settings):
    settings.SLUICE = {"VISIBLE": f"{__name__}.only_one"}
    client = graph("workflows.view_workflow", "workflows.view_node", "workflows.delete_workflow")
    assert client.get(FLOWS)["total"] == 1
    assert client.refused("GET", f"{FLOWS}/k2", status=404)[0] == "FSS.0404"
    assert client("DELETE", FLOWS, {"workflow_urns": [urn(client, "two")]})["success"] == []


def test_the_text_of_a_definition_is_kept(graph):
    client = graph()
    client.post(FLOWS, json.dumps(SLEEPS, indent=3).encode(), status=201)
    assert Workflow.objects.get().definition_source == json.dumps(SLEEPS, indent=3)
