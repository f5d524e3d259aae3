import pytest
from django.utils import timezone

from tests.pages import words
from tests.workflows.kinds import outline, plant, spare
from workflows.models import Node

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

ADD, CHANGE = "workflows_node_add_to", "workflows_node_change"


def form(**columns):
    return {"title": "x", "config": "{}", "policy": "{}", "place": "", **columns}


def test_a_type_is_chosen_from_groups_with_descriptions(pages):
    workflow = spare()
    page = pages()
    text = page.get(ADD, workflow.pk, query="?place=")
    assert "<optgroup" in text
    assert "Plain" in text
    shown = words(page.get(ADD, workflow.pk, query="?type=t-plain"))
    assert '"amount": 0' in shown
    assert "JSON Schema" in shown


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("", "x a B(0: c) d"),
        ("a", "a x B(0: c) d"),
        ("B:0", "a B(0: x c) d"),
        ("B:1", "a B(0: c; 1: x) d"),
        ("c", "a B(0: c x) d"),
    ],
)
def test_a_node_is_added_at_its_place(pages, place, after):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    name, _colon, index = place.partition(":")
    chosen = f"{nodes[name].pk}:{index}".rstrip(":") if name else ""
    [message] = pages().post(ADD, workflow.pk, query="?type=t-plain", **form(place=chosen))
    assert message == "Added node “x”."
    assert outline(workflow) == after


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"config": '{"amount": "much"}'}, "amount"),
        ({"config": '{"wrong": true}'}, "wrong: This is wrong; leave it out."),
        ({"config": "{"}, "not valid JSON"),
        ({"policy": '{"retry": {"attempts": 0}}'}, "retry.attempts"),
        ({"place": "77"}, "valid choice"),
        ({"title": "x" * 300}, "255"),
        ({"config": '{"amuont": 1}'}, 'amuont: There is no such key. Did you mean "amount"?'),
        ({"policy": '{"retry": {"atempts": 2}}'}, 'retry.atempts: There is no such key. Did you mean "attempts"?'),
    ],
)
def test_what_is_refused_stands_at_its_field(pages, change, sentence):
    workflow = spare()
    assert sentence in pages().errors(ADD, workflow.pk, query="?type=t-plain", **form(**change))
    assert not Node.objects.exists()


def test_all_that_is_refused_is_told_at_once(pages):
    said = pages().errors(
        ADD,
        spare().pk,
        query="?type=t-plain",
        **form(config='{"amount": "much", "writes": 5}', policy='{"onError": "shrug", "timeout": -1}'),
    )
    assert all(f"{path}: " in said for path in ("amount", "writes", "onError", "timeout"))


def test_a_node_is_changed_on_its_page_which_shows_no_links(pages):
    workflow = spare()
    node = plant(workflow, "a b")["a"]
    page = pages()
    text = page.get(CHANGE, node.pk)
    assert not any(
        f'name="{name}"' in text for name in ("upstream", "downstream", "branch_index", "type", "key", "workflow")
    )
    page.post(CHANGE, node.pk, title="renamed", config='{"amount": 7}', policy='{"onError": "continue"}')
    assert page.answer.url.endswith(f"/workflow/{workflow.pk}/change/")
    node.refresh_from_db()
    assert (node.title, node.config, node.policy) == ("renamed", {"amount": 7}, {"onError": "continue"})
    assert outline(workflow) == "renamed b"
    assert "amount" in page.errors(CHANGE, node.pk, title="", config='{"amount": "x"}', policy="{}")


def test_a_node_of_a_kind_that_is_gone_still_has_its_page(pages):
    node = plant(spare(), "a")["a"]
    Node.objects.update(type="gone")
    page = pages()
    page.get(CHANGE, node.pk)
    assert "gone" in page.errors(CHANGE, node.pk, title="y", config="{}", policy="{}")


def test_move(pages):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    page = pages()
    text = page.get("workflows_node_move", nodes["B"].pk)
    assert f'value="{nodes["c"].pk}"' not in text
    page.post("workflows_node_move", nodes["B"].pk, place=str(nodes["d"].pk))
    assert outline(workflow) == "a d B(0: c)"
    assert "valid choice" in page.errors("workflows_node_move", nodes["B"].pk, place=str(nodes["d"].pk))


def test_copy(pages):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c)")
    page = pages()
    page.get("workflows_node_copy", nodes["B"].pk)
    page.post("workflows_node_copy", nodes["B"].pk, place=f"{nodes['B'].pk}:0")
    assert outline(workflow) == "a B(0: B c)"


@pytest.mark.parametrize(("keep", "after"), [("", "a d"), ("0", "a b d"), ("2", "a c d")])
def test_deletion_lets_choose_which_branch_stays(pages, keep, after):
    workflow = spare()
    nodes = plant(workflow, "a B(0: b; 2: c) d")
    page = pages()
    text = page.get("workflows_node_delete", nodes["B"].pk)
    assert "Keep those of “Branch 0”" in text
    page.post("workflows_node_delete", nodes["B"].pk, keep_branch=keep)
    assert outline(workflow) == after


@pytest.mark.parametrize(("data", "after"), [({}, "A(1: c)"), ({"shift": "on"}, "A(0: c)")])
def test_a_branch_is_deleted_with_or_without_its_gap(pages, data, after):
    workflow = spare()
    nodes = plant(workflow, "A(0: b; 1: c)")
    page = pages()
    assert "Branch 0" in page.get("workflows_node_branch_delete", nodes["A"].pk, 0)
    page.post("workflows_node_branch_delete", nodes["A"].pk, 0, **data)
    assert outline(workflow) == after


def test_edits_stand_in_the_history_of_the_workflow(pages):
    workflow = spare()
    page = pages()
    page.post(ADD, workflow.pk, query="?type=t-plain", **form())
    assert "Added node “x”." in page.get("workflows_workflow_history", workflow.pk)


def test_a_frozen_version_refuses_every_edit(pages):
    workflow = spare(frozen_at=timezone.now())
    node = plant(workflow, "A(0: b)")["A"]
    page = pages()
    for name, args, data in [
        (ADD, [workflow.pk], form()),
        ("workflows_node_move", [node.pk], {"place": ""}),
        ("workflows_node_copy", [node.pk], {"place": ""}),
        ("workflows_node_delete", [node.pk], {"keep_branch": ""}),
        ("workflows_node_branch_delete", [node.pk, 0], {}),
    ]:
        for messages in (page.post(name, *args, query="?type=t-plain", **data), page.post(name, *args)):
            assert [message for message in messages if "read-only; make a new version" in message] == messages
            assert page.answer.url == f"/admin/workflows/workflow/{workflow.pk}/change/"
        page.get(name, *args, status=302)
    assert page.http.post(f"/admin/workflows/node/{node.pk}/change/", form()).status_code == 403
    assert outline(workflow) == "A(0: b)"


def test_the_list_takes_a_fixed_number_of_queries(pages, django_assert_num_queries):
    for _ in range(3):
        plant(spare(), "a b")
    page = pages()
    # Session, user, types of the filter, capped count, page.
    with django_assert_num_queries(6):
        page.get("workflows_node_changelist")


def test_nodes_are_not_added_by_themselves(pages):
    assert pages().http.get("/admin/workflows/node/add/").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "to/77/",
        "77/move/",
        "77/copy/",
        "77/delete/",
        "77/branch/0/delete/",
        "to/" + "9" * 30 + "/",
        "9" * 30 + "/move/",
    ],
)
def test_an_id_that_is_none_is_not_found(pages, path):
    assert pages().http.get("/admin/workflows/node/" + path).status_code == 404


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("to/{w}/", "add_node"),
        ("{n}/copy/", "add_node"),
        ("{n}/move/", "change_node"),
        ("{n}/delete/", "delete_node"),
        ("{n}/branch/0/delete/", "delete_node"),
    ],
)
def test_each_page_needs_its_permission(pages, path, permission):
    workflow = spare()
    node = plant(workflow, "A(0: b)")["A"]
    path = "/admin/workflows/node/" + path.format(w=workflow.pk, n=node.pk)
    others = {"view_node", "add_node", "change_node", "delete_node"} - {permission}
    others = [f"workflows.{name}" for name in others]
    assert pages(None).http.get(path).status_code == 302
    someone = pages(*others).http
    assert someone.get(path).status_code == someone.post(path).status_code == 403
    assert outline(workflow) == "A(0: b)"


def test_no_address_leads_past_the_link_rules(pages):
    workflow = spare()
    node = plant(workflow, "A(0: b) c")["A"]
    page = pages()
    # Django takes " 1" for 1.
    page.http.post(f"/admin/workflows/node/%20{node.pk}/delete/", {"post": "yes"})
    assert outline(workflow) == "c"
    last = workflow.nodes.get().pk
    page.http.post("/admin/workflows/node/", {"action": "delete_selected", "_selected_action": last, "post": "yes"})
    assert outline(workflow) == "c"


def test_buttons_are_guarded_against_other_sites(pages):
    workflow = spare(config={"every": 1})
    page = pages()
    page.http.handler.enforce_csrf_checks = True
    for path in (f"workflow/{workflow.pk}/enable/", f"node/to/{workflow.pk}/"):
        assert page.http.post(f"/admin/workflows/{path}").status_code == 403


@pytest.mark.parametrize(("kind", "shifts"), [("t-fork", True), ("t-cases", False)])
def test_closing_the_gap_is_offered_only_where_the_kind_can(pages, kind, shifts):
    nodes = plant(spare(), "A(0: b; 1: c)")
    Node.objects.filter(pk=nodes["A"].pk).update(type=kind)
    text = pages().get("workflows_node_branch_delete", nodes["A"].pk, 0)
    assert ('name="shift"' in text) == shifts


def test_the_nodes_that_go_with_a_branch_are_named(pages):
    nodes = plant(spare(), "a B(0: first C(0: inner) last; 1: other) d")
    text = words(pages().get("workflows_node_branch_delete", nodes["B"].pk, 0))
    assert "4 nodes go: first C inner last" in text
    assert "other" not in text


@pytest.mark.parametrize("kind", ["", "t-plain"])
def test_a_place_that_is_gone_is_told_and_nothing_is_chosen_for_it(pages, kind):
    workflow = spare()
    plant(workflow, "a")
    page = pages()
    text = page.get(ADD, workflow.pk, query=f"?type={kind}&place=999999")
    assert "The place the link named is gone" in text
    assert '<option value="-" selected>' in text
    assert "The place" not in page.get(ADD, workflow.pk, query=f"?type={kind}&place=")


def test_no_node_is_added_before_a_place_is_chosen(pages):
    workflow = spare()
    plant(workflow, "a")
    page = pages()
    query = "?type=t-plain&place=999999"
    assert "Choose where the node shall stand." in page.errors(ADD, workflow.pk, query=query, **form(place="-"))
    assert outline(workflow) == "a"
    page.post(ADD, workflow.pk, query=query, **form(place=""))
    assert outline(workflow) == "x a"


def test_the_page_shows_the_key(pages):
    node = plant(spare(), "a")["a"]
    assert f'<div class="readonly">{node.key}</div>' in pages().get(CHANGE, node.pk)


def test_the_page_lists_what_a_node_may_name(pages):
    workflow = spare(config={"every": 1})
    nodes = plant(workflow, "a B(0: c) d")
    page = pages()
    text = page.get(CHANGE, nodes["c"].pk)
    for path in ("$context", f"$jobsMapByNodeKey.{nodes['a'].key}", "$system.now", "$system.dateRange.last7Days"):
        assert '<code class="sluice-copy">{{%s}}</code>' % path in text  # noqa: UP031
    assert f"$jobsMapByNodeKey.{nodes['d'].key}" not in text


@pytest.mark.parametrize(("place", "named"), [("", ""), ("a", "a"), ("B:0", "aB"), ("d", "aBd")])
def test_the_page_of_a_new_node_lists_it_for_its_place(pages, place, named):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    name, _colon, index = place.partition(":")
    chosen = f"{nodes[name].pk}:{index}".rstrip(":") if name else ""
    text = pages().get(ADD, workflow.pk, query=f"?type=t-plain&place={chosen}")
    assert "{{$system.now}}" in text
    assert {key for key, node in nodes.items() if f"{{{{$jobsMapByNodeKey.{node.key}}}}}" in text} == set(named)


def test_a_place_that_is_gone_has_no_variables_yet(pages):
    text = pages().get(ADD, spare().pk, query="?type=t-plain&place=77")
    assert "{{$system.now}}" not in text


@pytest.mark.parametrize("text", ["[]", "0", '"retry"'])
def test_a_policy_that_is_no_object_is_refused(pages, text):
    workflow = spare()
    node = plant(workflow, "A")["A"]
    page = pages()
    for name, pk in ((ADD, workflow.pk), ("workflows_node_change", node.pk)):
        assert "Give an object" in page.errors(name, pk, query="?type=t-plain", **form(policy=text))
        # Our pages and Django's own speak alike.
        assert "Please correct the error below." in words(page.answer.content.decode())
    node.refresh_from_db()
    assert (node.policy, workflow.nodes.count()) == ({}, 1)
