import pytest

from tests.workflows.kinds import outline, plant, spare
from workflows import versions
from workflows.models import Category, Counter, Node, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

PLAIN = {"type": "t-plain", "title": "x"}


def test_the_root_lists_the_collections_of_both_apps(client):
    found = client()("GET", "")
    assert {"workflows", "nodes", "categories", "executions", "jobs"} <= set(found)


@pytest.mark.parametrize(
    "path", ["workflows", "workflows/", "nodes/", "categories", "workflows/{id}", "workflows/{id}/nodes/"]
)
def test_paths_work_with_and_without_a_slash(client, path):
    client()("GET", path.format(id=spare().pk))


def test_create_answers_the_workflow(client):
    category = Category.objects.create(title="c")
    body = {"type": "t-tick", "title": "New", "name": "new", "config": {"every": 3}, "categories": [category.pk]}
    answer = client()("POST", "workflows/", body, status=201)
    assert (answer["version"], answer["current"], answer["enabled"], answer["frozen"]) == (1, True, False, False)
    assert (answer["config"], answer["categories"], answer["executed"]) == ({"every": 3}, [category.pk], 0)
    assert Workflow.objects.get().created_by.username == "boss"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"type", "title"}),
        ({"type": "t-tick", "title": ""}, {"title"}),
        ({"type": "nope", "title": "x"}, {"type"}),
        ({"type": "t-tick", "title": "x", "config": {"every": "often"}}, {"config.every"}),
        ({"type": "t-tick", "title": "x", "config": {"every": 1, "wrong": True}}, {"config.wrong"}),
        ({"type": "t-tick", "title": "x", "config": []}, {"config"}),
        ({"type": "t-tick", "title": "x", "config": {"every": 1, "x": "\x00"}}, {"config.x"}),
        ({"type": "t-tick", "title": "x", "options": {"stackLimit": 1000}}, {"options.stackLimit"}),
        ({"type": "t-tick", "title": "x", "name": "9 lives"}, {"name"}),
        ({"type": "t-tick", "title": "x", "time_zone": "Mars/Base"}, {"time_zone"}),
        ({"type": "t-tick", "title": "x", "categories": [77]}, {"categories"}),
        ({"type": "t-tick", "title": "x", "categories": "all"}, {"categories"}),
        ({"type": "t-tick", "title": "x", "categories": [10**30]}, {"categories.0"}),
        ({"type": "t-tick", "title": "x", "colour": "red"}, {"colour"}),
        ({"type": "t-tick", "title": "x" * 300}, {"title"}),
        ([], {None}),
        ("text", {None}),
    ],
)
def test_create_refuses(client, body, fields):
    assert set(client().errors("POST", "workflows/", body)) == fields
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b'{"title": NaN}', b'{"a": "\\ud800"}'])
def test_a_broken_body_is_the_callers_mistake(client, body):
    client().errors("POST", "workflows/", body)


def test_change_takes_a_part_or_a_record_as_it_was_read(client):
    api, workflow = client(), spare(config={"every": 1})
    assert api("PATCH", f"workflows/{workflow.pk}/", {"title": "Other"})["title"] == "Other"
    whole = api("GET", f"workflows/{workflow.pk}/")
    assert api("PUT", f"workflows/{workflow.pk}/", {**whole, "title": "Third"})["title"] == "Third"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"config": {"every": "x"}}, "config.every"), ({"type": "t-never-sync"}, "type"), ({"sync": True}, "sync")],
)
def test_change_refuses(client, body, field):
    assert field in client().errors("PATCH", f"workflows/{spare(config={'every': 1}).pk}/", body)


def test_a_frozen_version_refuses_a_new_configuration(client):
    from django.utils import timezone

    workflow = spare(config={"every": 1}, frozen_at=timezone.now())
    answer = client()("PATCH", f"workflows/{workflow.pk}/", {"config": {"every": 2}}, status=409)
    [error] = answer["errors"]
    assert (error["code"], error["field"]) == ("frozen", "config")
    assert "Version 1 has been executed" in error["message"]
    assert "make a new version" in error["message"]


def test_revise_copy_enable_disable_delete(client):
    api, workflow = client(), spare(config={"every": 1}, name="w")
    plant(workflow, "a b")
    revised = api("POST", f"workflows/{workflow.pk}/revise/", {}, status=201)
    assert (revised["key"], revised["version"], revised["current"]) == (workflow.key, 2, False)
    copied = api("POST", f"workflows/{workflow.pk}/copy/", {"title": "Twin"}, status=201)
    assert (copied["title"], copied["key"] != workflow.key) == ("Twin", True)
    assert api("POST", f"workflows/{revised['id']}/enable/")["current"] is True
    assert api("POST", f"workflows/{revised['id']}/disable/")["enabled"] is False
    api("DELETE", f"workflows/{revised['id']}/", status=204)
    assert list(Workflow.objects.values_list("pk", flat=True)) == [copied["id"]]


def test_compare_tells_what_differs(client):
    api, workflow = client(), spare(config={"every": 1})
    other = versions.revise(workflow, title="Renamed")
    answer = api("GET", f"workflows/{workflow.pk}/compare/{other.pk}/")
    assert answer["columns"] == [{"path": "title", "kind": "changed", "before": "A test", "after": "Renamed"}]
    assert answer["added"] == answer["removed"] == answer["changed"] == answer["moved"] == []


@pytest.mark.parametrize("pk", ["0", "77", "abc", "-1", "1e3", "٣", str(10**30), str(2**63), "%00", "x" * 300])
@pytest.mark.parametrize("path", ["workflows/{}/", "nodes/{}/", "categories/{}/", "workflows/{}/nodes/"])
def test_an_id_that_is_none_is_not_found(client, path, pk):
    assert client().errors("GET", path.format(pk), status=404)


def test_nodes_are_added_changed_moved_copied_and_removed(client):
    api, workflow = client(), spare()
    nodes = plant(workflow, "a B(0: c) d")
    under = f"workflows/{workflow.pk}/nodes/"
    added = api("POST", under, {**PLAIN, "upstream": nodes["B"].pk, "branch_index": 0}, status=201)
    assert outline(workflow) == "a B(0: x c) d"
    assert api("PATCH", f"nodes/{added['id']}/", {"title": "y", "config": {"amount": 2}})["config"] == {"amount": 2}
    api("POST", f"nodes/{added['id']}/move/", {"upstream": nodes["d"].pk})
    assert outline(workflow) == "a B(0: c) d y"
    api("POST", f"nodes/{added['id']}/copy/", {}, status=201)
    assert outline(workflow) == "y a B(0: c) d y"
    api("DELETE", f"nodes/{nodes['B'].pk}/?keep_branch=0", status=204)
    assert outline(workflow) == "y a c d y"


def test_a_branch_is_removed_with_or_without_its_gap(client):
    api, workflow = client(), spare()
    nodes = plant(workflow, "A(0: b; 1: c; 2: d)")
    api("DELETE", f"nodes/{nodes['A'].pk}/branches/0/", status=204)
    assert outline(workflow) == "A(1: c; 2: d)"
    api("DELETE", f"nodes/{nodes['A'].pk}/branches/1/?shift=1", status=204)
    assert outline(workflow) == "A(1: d)"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "type"),
        ({"type": "nope"}, "type"),
        ({"type": "t-plain", "config": {"amount": "x"}}, "config.amount"),
        ({"type": "t-plain", "policy": {"retry": {"attempts": 0}}}, "policy.retry.attempts"),
        ({"type": "t-plain", "upstream": "first"}, "upstream"),
        ({"type": "t-plain", "upstream": 10**30}, "upstream"),
        ({"type": "t-plain", "branch_index": 1.5}, "branch_index"),
        ({"type": "t-plain", "branch_index": 0}, "branch_index"),
        ({"type": "t-plain", "branch_index": 0, "upstream": None}, "branch_index"),
        ({"type": "t-plain", "after": 3}, "after"),
    ],
)
def test_adding_a_node_refuses(client, body, field):
    workflow = spare()
    assert field in client().errors("POST", f"workflows/{workflow.pk}/nodes/", body)
    assert not Node.objects.exists()


@pytest.mark.parametrize("query", ["keep_branch=x", "keep_branch=-1", "keep_branch=4", "keep_branch=" + "9" * 30])
def test_a_branch_to_keep_must_be_there(client, query):
    node = plant(spare(), "A(0: b)")["A"]
    assert "keep_branch" in client().errors("DELETE", f"nodes/{node.pk}/?{query}")


def test_nodes_of_a_frozen_version_are_read_only(client):
    from django.utils import timezone

    workflow = spare(frozen_at=timezone.now())
    node = plant(workflow, "a")["a"]
    api = client()
    for method, path in [("DELETE", f"nodes/{node.pk}/"), ("POST", f"nodes/{node.pk}/copy/")]:
        assert api(method, path, {}, status=409)["errors"][0]["code"] == "frozen"


def test_a_node_list_is_that_of_its_workflow(client):
    workflow, other = spare(), spare(title="other")
    plant(workflow, "a b")
    plant(other, "c")
    titles = [node["title"] for node in client()("GET", f"workflows/{workflow.pk}/nodes/")["results"]]
    assert titles == ["a", "b"]


def test_categories(client):
    api = client()
    made = api("POST", "categories/", {"title": "Sales"}, status=201)
    assert api("PATCH", f"categories/{made['id']}/", {"color": "red"})["color"] == "red"
    assert api.errors("POST", "categories/", {"color": "x"}) == {"title": "This field is required."}
    api("DELETE", f"categories/{made['id']}/", status=204)
    assert not Category.objects.exists()


@pytest.mark.parametrize(
    ("path", "queries"),
    [("workflows/", 3), ("workflows/?fields=id,title", 1), ("nodes/", 1), ("categories/", 1)],
)
def test_lists_take_a_fixed_number_of_queries(client, django_assert_num_queries, path, queries):
    for number in range(5):
        workflow = spare(title=f"w{number}")
        workflow.categories.add(Category.objects.create(title=f"c{number}"))
        plant(workflow, "a b")
    api = client()
    api("GET", path)
    # Two more: the session and its user.
    with django_assert_num_queries(queries + 2):
        assert len(api("GET", path)["results"]) >= 5


def test_the_list_tells_how_often_versions_ran(client):
    workflow = spare()
    Counter.objects.create(key=workflow.key, workflow=workflow, slot=0, executed=2)
    Counter.objects.create(key=workflow.key, workflow=workflow, slot=1, executed=3)
    assert client()("GET", "workflows/")["results"][0]["executed"] == 5


ACTIONS = [
    ("GET", "workflows/", "view_workflow"),
    ("GET", "workflows/{w}/", "view_workflow"),
    ("GET", "workflows/{w}/compare/{w}/", "view_workflow"),
    ("POST", "workflows/", "add_workflow"),
    ("POST", "workflows/{w}/revise/", "add_workflow"),
    ("POST", "workflows/{w}/copy/", "add_workflow"),
    ("PATCH", "workflows/{w}/", "change_workflow"),
    ("PUT", "workflows/{w}/", "change_workflow"),
    ("POST", "workflows/{w}/enable/", "change_workflow"),
    ("POST", "workflows/{w}/disable/", "change_workflow"),
    ("DELETE", "workflows/{w}/", "delete_workflow"),
    ("GET", "nodes/", "view_node"),
    ("GET", "workflows/{w}/nodes/", "view_node"),
    ("GET", "nodes/{n}/", "view_node"),
    ("POST", "workflows/{w}/nodes/", "add_node"),
    ("POST", "nodes/{n}/copy/", "add_node"),
    ("PATCH", "nodes/{n}/", "change_node"),
    ("PUT", "nodes/{n}/", "change_node"),
    ("POST", "nodes/{n}/move/", "change_node"),
    ("DELETE", "nodes/{n}/", "delete_node"),
    ("DELETE", "nodes/{n}/branches/0/", "delete_node"),
    ("GET", "categories/", "view_category"),
    ("POST", "categories/", "add_category"),
]


@pytest.mark.parametrize(("method", "path", "permission"), ACTIONS)
def test_each_action_needs_its_permission(client, method, path, permission):
    workflow = spare()
    node = plant(workflow, "a")["a"]
    path = path.format(w=workflow.pk, n=node.pk)
    client(None).errors(method, path, {}, status=401)
    others = {row[2] for row in ACTIONS} - {permission}
    client(*(f"workflows.{name}" for name in others)).errors(method, path, {}, status=403)


@pytest.mark.parametrize(("method", "path", "permission"), ACTIONS)
def test_each_action_needs_no_other_permission(client, method, path, permission):
    workflow = spare(config={"every": 1})
    node = plant(workflow, "a")["a"]
    api = client(f"workflows.{permission}")
    path = path.format(w=workflow.pk, n=node.pk)
    answer = api.http.generic(
        method, "/api/v1/" + path, "{}" if method != "GET" else "", content_type="application/json"
    )
    # Of what may be done, some is not there: this node has no branches.
    assert answer.status_code in (200, 201, 204, 400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "", "workflows/", "workflows/{w}/", "workflows/{w}/revise/", "workflows/{w}/nodes/",
        "workflows/{w}/compare/{w}/", "nodes/", "nodes/{n}/", "nodes/{n}/move/", "nodes/{n}/branches/0/",
        "categories/", "workflows/?status=1", "workflows/abc/",
    ],
)  # fmt: skip
def test_every_address_is_browsable(client, path):
    workflow = spare(config={"every": 1})
    workflow.categories.add(Category.objects.create(title="c"))
    node = plant(workflow, "a")["a"]
    answer = client().http.get("/api/v1/" + path.format(w=workflow.pk, n=node.pk), headers={"accept": "text/html"})
    assert answer["content-type"].startswith("text/html")
    assert answer.status_code < 500


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "workflows/"), ("PATCH", "workflows/"), ("POST", "nodes/"), ("GET", "workflows/{w}/enable/")],
)
def test_a_method_that_is_none_is_refused(client, method, path):
    assert client().errors(method, path.format(w=spare().pk), status=405)


def test_options_tell_how_to_ask(client):
    assert client()("OPTIONS", "workflows/")["name"]


@pytest.mark.parametrize("action", ["move", "copy"])
def test_a_branch_without_its_node_is_no_place(client, action):
    workflow = spare()
    node = plant(workflow, "a b")["b"]
    assert list(client().errors("POST", f"nodes/{node.pk}/{action}/", {"branch_index": 0})) == ["branch_index"]
    assert outline(workflow) == "a b"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["nope", "nope/", "workflows/1/nope/", "executions/1/nope"])
def test_an_unknown_address_answers_in_the_shape_of_errors(client, method, path):
    answer = client(None)(method, path, {} if method == "POST" else None, status=404)
    [error] = answer["errors"]
    assert (error["field"], error["code"]) == (None, "not_found")
    assert f"/api/v1/{path}" in error["message"]


def test_runs_are_counted_by_version_and_over_all_versions(client, django_assert_num_queries):
    api, workflow = client(), spare(config={"every": 1})
    other = versions.revise(workflow)
    for version, executed in ((workflow, 2), (other, 3), (None, 4)):
        Counter.objects.create(key=workflow.key, workflow=version, slot=1, executed=executed)
    shown = api("GET", f"workflows/{workflow.pk}/")
    assert (shown["executed"], shown["executed_all"]) == (2, 9)
    # Session, user, workflows, counters of both kinds.
    with django_assert_num_queries(5):
        rows = api("GET", "workflows/?fields=id,executed,executed_all")["results"]
    assert {(row["executed"], row["executed_all"]) for row in rows} == {(2, 9), (3, 9)}
    assert "executed_all" not in api("GET", "workflows/")["results"][0]


def test_validate_tells_all_that_is_wrong_and_saves_nothing(client):
    api = client()
    good = {"type": "t-tick", "config": {"every": 1}, "nodes": [{"type": "t-plain"}]}
    assert api("POST", "workflows/validate/", good) == {"valid": True, "problems": []}
    bad = {**good, "config": {}, "nodes": [{"type": "t-plain", "key": "a", "config": {"amount": "x"}}]}
    answer = api("POST", "workflows/validate/", bad)
    assert answer["valid"] is False
    assert [(each["field"], each["node"]) for each in answer["problems"]] == [
        ("config.every", None),
        ("nodes.0.config.amount", "a"),
    ]
    assert not Workflow.objects.exists()
    assert set(api.errors("POST", "workflows/validate/", {"nodes": {}})) == {"type", "nodes"}
    assert set(api.errors("POST", "workflows/validate/", {**good, "stray": 1})) == {"stray"}


def test_validate_looks_at_a_stored_version(client):
    api, workflow = client("workflows.view_workflow"), spare(config={"every": 1})
    node = plant(workflow, "a")["a"]
    assert api("POST", f"workflows/{workflow.pk}/validate/")["valid"] is True
    Node.objects.filter(pk=node.pk).update(type="nope")
    answer = api("POST", f"workflows/{workflow.pk}/validate/")
    assert [each["field"] for each in answer["problems"]] == [f"nodes.{node.key}.type"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("workflows/{w}/?fields=id,title", {"id", "title"}),
        ("workflows/{w}/?fields=id,title&exclude=id", {"title"}),
        ("nodes/{n}/?exclude=config,policy,workflow,created_at,updated_at,downstream,upstream,branch_index",
         {"id", "key", "title", "type"}),
    ],
)  # fmt: skip
def test_fields_and_exclude_choose_what_is_shown(client, path, shown):
    workflow = spare()
    path = path.format(w=workflow.pk, n=plant(workflow, "a")["a"].pk)
    api = client()
    assert set(api("GET", path)) == shown
    listed, _mark, query = path.partition("?")
    assert set(api("GET", f"{listed.split('/')[0]}/?{query}")["results"][0]) == shown


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "workflows/{w}/?title=x", "title"),
        ("PATCH", "workflows/{w}/?force=1", "force"),
        ("DELETE", "workflows/{w}/?keep_branch=1", "keep_branch"),
        ("DELETE", "nodes/{n}/?keep=1", "keep"),
        ("GET", "workflows/{w}/?fields=id&fields=key", "fields"),
        ("GET", "workflows/{w}/?exclude=colour", "exclude"),
        ("DELETE", "nodes/{n}/branches/0/?shift=often", "shift"),
    ],
)
def test_a_parameter_that_is_not_known_is_refused_everywhere(client, method, path, name):
    workflow = spare()
    node = plant(workflow, "A(0: b)")["A"]
    assert set(client().errors(method, path.format(w=workflow.pk, n=node.pk), {} if method == "PATCH" else None)) == {
        name
    }
    assert Workflow.objects.filter(pk=workflow.pk).exists()
    assert Node.objects.count() == 2


def test_what_a_person_may_not_see_is_not_there(client, settings):
    settings.SLUICE = {"VISIBLE": f"{__name__}.hers"}
    hers, other = spare(title="boss's"), spare(title="other")
    node = plant(other, "a")["a"]
    api = client("workflows.view_workflow", "workflows.view_node", "workflows.change_workflow", "workflows.add_node")
    assert [row["id"] for row in api("GET", "workflows/")["results"]] == [hers.pk]
    assert api("GET", "nodes/")["results"] == []
    for method, path in (
        ("GET", f"workflows/{other.pk}/"),
        ("PATCH", f"workflows/{other.pk}/"),
        ("GET", f"workflows/{hers.pk}/compare/{other.pk}/"),
        ("POST", f"workflows/{other.pk}/validate/"),
        ("GET", f"workflows/{other.pk}/nodes/"),
        ("POST", f"workflows/{other.pk}/nodes/"),
        ("GET", f"nodes/{node.pk}/"),
    ):
        api.errors(method, path, {} if method != "GET" else None, status=404)


def hers(user):
    from django.db.models import Q

    return Q(title__startswith="boss")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"title": "' + b"x" * 3_000_000 + b'"}', "application/json", 413),
        (b"title=" + b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % number for number in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"title: x", "application/yaml", 415),
        (b"--x", "multipart/form-data", 400),
    ],
)
def test_bodies_that_no_one_means_are_refused_in_the_one_shape(client, body, content_type, status):
    answer = client().http.generic(
        "POST", "/api/v1/workflows/", body, content_type, headers={"accept": "application/json"}
    )
    assert (answer.status_code, list(answer.json())) == (status, ["errors"])
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("path", ["", "workflows/", "workflows/{w}/", "nodes/", "categories/", "token/", "executions/"])
def test_each_address_is_a_page_in_a_browser(client, path):
    answer = client().http.get(f"/api/v1/{path.format(w=spare().pk)}", headers={"accept": "text/html"})
    assert answer.status_code == (405 if path == "token/" else 200)
    assert answer["Content-Type"].startswith("text/html")
    assert b"</form>" in answer.content or path == ""


def test_an_answer_that_cannot_be_had_is_refused_in_the_one_shape(client):
    assert client()("GET", "workflows/", status=406, accept="image/png")["errors"][0]["code"] == "not_acceptable"
