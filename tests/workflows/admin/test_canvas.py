"""The canvas over HTTP, as htmx asks for it: parts of pages, who may, and what it costs."""

import json
import time

import pytest
from django.urls import reverse

from tests.pages import words
from tests.workflows.kinds import outline, plant, spare
from workflows import editing, undoing
from workflows.models import HistoryEntry, Node, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

ADD, CHANGE, MOVE = "workflows_node_add_to", "workflows_node_change", "workflows_node_move"
COPY, DELETE, BRANCH = "workflows_node_copy", "workflows_node_delete", "workflows_node_branch_delete"
UNDO, CANVAS, PLACES = "workflows_workflow_undo", "workflows_workflow_canvas", "workflows_node_places"
EDITOR = tuple(f"workflows.{name}" for name in ("view_workflow", "view_node", "add_node", "change_node", "delete_node"))


class Live:
    """Asks as htmx does, from a canvas that shows the version as it was when this was made."""

    def __init__(self, http, workflow):
        self.http = http
        self.seen = undoing.stamp(Workflow.objects.get(pk=workflow.pk))

    def ask(self, method, name, *args, query="", target="sluice-drawer-body", **data):
        headers = {"HX-Request": "true", "HX-Target": target, "Sluice-Seen": self.seen}
        return getattr(self.http, method)(reverse(f"admin:{name}", args=args) + query, data, headers=headers)


def told(answer):
    """What the browser is told of an edit that was made."""
    assert answer.status_code == 200, answer.content[:500]
    assert answer.headers["HX-Retarget"] == "#sluice-panel", words(answer.content.decode())
    assert 'id="sluice-panel"' in answer.content.decode()
    return json.loads(answer.headers["HX-Trigger-After-Swap"])["sluice:edited"]


def test_each_edit_answers_the_whole_canvas_says_what_was_done_and_is_taken_back(pages):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    http, before = pages().http, outline(workflow)
    edits = [
        (ADD, [workflow.pk], {"query": "?type=t-plain", "title": "x", "place": str(nodes["a"].pk)}, "Added node “x”."),
        (MOVE, [nodes["d"].pk], {"place": ""}, "Moved node “d”."),
        (CHANGE, [nodes["a"].pk], {"title": "e", "config.amount": "3"}, "Saved node “e”."),
        (COPY, [nodes["c"].pk], {"place": f"{nodes['B'].pk}:0"}, "Copied node “c”."),
        (BRANCH, [nodes["B"].pk, 0], {}, "Deleted branch “Branch 0”."),
        (DELETE, [nodes["B"].pk], {}, "Deleted node “B”."),
    ]
    for name, args, data, said in edits:
        assert told(Live(http, workflow).ask("post", name, *args, **data))["said"] == said
    assert outline(workflow) == "d e x"
    for _edit in edits:
        assert told(Live(http, workflow).ask("post", UNDO, workflow.pk))["said"].startswith("Taken back: ")
    assert outline(workflow) == before
    assert HistoryEntry.objects.filter(action="node.undo", workflow=workflow.pk).count() == len(edits)


def test_what_is_refused_shows_in_the_drawer_at_its_control(pages):
    workflow = spare()
    node = plant(workflow, "a")["a"]
    answer = Live(pages().http, workflow).ask("post", CHANGE, node.pk, **{"title": "a", "config.amount": "much"})
    assert "HX-Retarget" not in answer.headers
    text = answer.content.decode()
    assert (
        'id="drawer_config.amount" value="much" aria-invalid="true" aria-describedby="drawer_config.amount-error"'
        in text
    )
    assert "Give a whole number." in text
    assert Node.objects.get().config == {}


@pytest.mark.parametrize(
    ("name", "args", "data"),
    [
        (ADD, ["workflow"], {"query": "?type=t-plain", "title": "x", "place": ""}),
        (CHANGE, ["b"], {"title": "x"}),
        (MOVE, ["b"], {"place": ""}),
        (COPY, ["b"], {"place": ""}),
        (DELETE, ["b"], {}),
    ],
)
def test_nobody_edits_a_canvas_that_shows_another_state(pages, name, args, data):
    workflow = spare()
    rows = {**plant(workflow, "a b"), "workflow": workflow}
    live = Live(pages().http, workflow)
    editing.change_node(rows["a"], title="A")
    answer = live.ask("post", name, *(rows[each].pk for each in args), **data)
    assert "Somebody changed this version since you opened it" in answer.content.decode()
    assert answer.headers["HX-Trigger"] == "sluice:moved"
    assert outline(workflow) == "A b"


@pytest.mark.parametrize(
    ("missing", "name", "method", "args"),
    [
        ("view_workflow", CANVAS, "get", ["workflow"]),
        ("add_node", UNDO, "post", ["workflow"]),
        ("change_node", UNDO, "post", ["workflow"]),
        ("delete_node", UNDO, "post", ["workflow"]),
        ("change_node", PLACES, "get", ["a"]),
        ("change_node", MOVE, "post", ["a"]),
        ("add_node", ADD, "post", ["workflow"]),
        ("add_node", COPY, "post", ["a"]),
        ("delete_node", DELETE, "post", ["a"]),
    ],
)
def test_each_part_asks_for_its_permission(pages, missing, name, method, args):
    workflow = spare()
    rows = {**plant(workflow, "a"), "workflow": workflow}
    live = Live(pages(*(each for each in EDITOR if each != f"workflows.{missing}")).http, workflow)
    pks = [rows[each].pk for each in args]
    assert live.ask(method, name, *pks).status_code == 403
    assert outline(workflow) == "a"


def test_who_may_only_look_gets_a_drawer_without_a_form_and_saves_nothing(pages):
    workflow = spare()
    node = plant(workflow, "a")["a"]
    live = Live(pages("workflows.view_workflow", "workflows.view_node").http, workflow)
    text = live.ask("get", CHANGE, node.pk).content.decode()
    assert "You may look at this node, not change it." in text
    assert 'type="submit"' not in text
    live.ask("post", CHANGE, node.pk, title="x")
    assert outline(workflow) == "a"


def test_a_frozen_version_is_told_and_stays(pages):
    workflow = spare()
    node = plant(workflow, "a")["a"]
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=workflow.created_at)
    live = Live(pages().http, workflow)
    for name, pk in ((MOVE, node.pk), (ADD, workflow.pk), (DELETE, node.pk)):
        assert "read-only; make a new version" in told(live.ask("post", name, pk))["said"]
    assert "read-only" in told(live.ask("post", UNDO, workflow.pk))["said"]
    assert "sluice-add" not in live.ask("get", CANVAS, workflow.pk).content.decode()


def test_the_places_of_a_dragged_node_are_those_of_the_move_page(pages):
    workflow = spare()
    nodes = plant(workflow, "a B(0: c) d")
    page = pages()
    places = page.http.get(reverse(f"admin:{PLACES}", args=[nodes["B"].pk])).json()["places"]
    assert places == ["", str(nodes["d"].pk)]
    shown = page.get(MOVE, nodes["B"].pk)
    assert [f'<option value="{place}"' in shown for place in places] == [True, True]


@pytest.mark.parametrize("undo", [True, False])
def test_without_htmx_undo_is_a_button_that_comes_back_to_the_page(pages, undo):
    workflow, page = spare(), pages()
    node = plant(workflow, "a")["a"]
    if undo:
        page.post(CHANGE, node.pk, title="x", config="{}", policy="{}")
    [message] = page.post(UNDO, workflow.pk)[-1:]
    assert message == ("Taken back: Changed node “x”." if undo else "There is no edit of yours to take back.")
    assert page.answer.url.endswith(f"/workflow/{workflow.pk}/change/")
    assert outline(workflow) == "a"


def test_hostile_names_are_text_everywhere(pages):
    hostile = '"><script>alert(1)</script>'
    workflow = spare(title=hostile)
    node = plant(workflow, "A(0: b)")["A"]
    live = Live(pages().http, workflow)
    Node.objects.update(title=hostile, config={"writes": hostile, hostile: hostile})
    for answer in (
        live.ask("get", CANVAS, workflow.pk),
        live.ask("get", CHANGE, node.pk),
        live.ask("get", ADD, workflow.pk, query=f"?place={node.pk}"),
        live.ask("get", MOVE, node.pk),
        live.ask("post", DELETE, node.pk),
    ):
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()
    told(answer)


def test_three_hundred_nodes_take_as_many_queries_as_three_and_little_time(pages, django_assert_num_queries):
    small, large = spare(), spare(title="Large")
    plant(small, "a B(0: c)")
    plant(large, " ".join(f"n{number} F{number}(0: x{number}; 1: y{number})" for number in range(75)))
    assert Node.objects.filter(workflow=large).count() == 300
    http = pages().http
    queries = []
    for workflow in (small, large):
        live = Live(http, workflow)
        live.ask("get", CANVAS, workflow.pk)
        # Session, user, workflow, nodes, the last edit.
        with django_assert_num_queries(5) as found:
            began = time.process_time()
            answer = live.ask("get", CANVAS, workflow.pk)
            spent = time.process_time() - began
        queries.append(len(found))
    assert answer.content.count(b"data-card=") == 300
    # Far above what it takes (some 60 ms): a machine may be slow, a page that grows with the square is slower.
    assert spent < 1.5


def test_without_htmx_the_buttons_of_a_form_show_the_page_again_and_save_nothing(pages):
    workflow = spare(type="collection", config={"collection": "shop.Order", "mode": 1})
    node = plant(workflow, "a")["a"]
    Node.objects.filter(pk=node.pk).update(type="multi-conditions")
    http = pages().http
    for name, args, query in ((CHANGE, [node.pk], ""), (ADD, [workflow.pk], "?type=multi-conditions&place=")):
        sent = {"title": "Not saved", "config.conditions.$n": "0", "_do": "add:config.conditions", "place": ""}
        text = http.post(reverse(f"admin:{name}", args=args) + query, sent).content.decode()
        assert 'value="Not saved"' in text
        assert 'name="config.conditions.0.title"' in text
    address = reverse("admin:workflows_workflow_change", args=[workflow.pk])
    sent = {"title": "Not saved", "config.collection": "shop.Order", "config.mode": "4", "_do": "add:config.changed"}
    text = http.post(address, {**sent, "config.changed.$n": "0"}).content.decode()
    assert 'name="config.changed.0"' in text
    assert '<option value="4" selected>' in text
    assert (outline(workflow), Workflow.objects.get(pk=workflow.pk).title) == ("a", "A test")


def test_a_triggers_form_saves_what_its_controls_say(pages):
    workflow = spare(type="collection", config={"collection": "shop.Order", "mode": 1})
    page = pages()
    sent = {
        "title": "A test", "config.collection": "shop.Order", "config.mode": "2", "config.changed.$n": "1",
        "config.changed.0": "total", "config.$kept": '{"has": ["collection", "mode"], "rest": {}}',
    }  # fmt: skip
    page.post("workflows_workflow_change", workflow.pk, **sent)
    assert Workflow.objects.get().config == {"collection": "shop.Order", "mode": 2, "changed": ["total"]}


@pytest.mark.parametrize("place", ["abc", "1:x", "1:1:1", "\u00b2", "9" * 30, "-"])
def test_a_place_that_is_none_is_told(pages, place):
    workflow = spare()
    answer = Live(pages().http, workflow).ask("post", ADD, workflow.pk, query="?type=t-plain", title="x", place=place)
    assert answer.status_code == 200
    assert 'class="errorlist' in answer.content.decode()
    assert not Node.objects.filter(workflow=workflow).exists()
