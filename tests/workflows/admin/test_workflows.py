import pytest
from django.utils import timezone

from tests.building import build
from tests.pages import words
from tests.workflows.kinds import outline, plant, spare
from workflows import registries, versions
from workflows.models import Category, Counter, HistoryEntry, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]

LIST, CHANGE, ADD = "workflows_workflow_changelist", "workflows_workflow_change", "workflows_workflow_add"
FORM = {
    "title": "New", "name": "", "description": "", "type": "t-tick", "trigger_title": "", "config": '{"every": 3}',
    "time_zone": "", "options": "{}",
}  # fmt: skip


def test_the_list_takes_a_fixed_number_of_queries_and_counts_runs(pages, django_assert_num_queries):
    for number in range(5):
        workflow = spare(title=f"w{number}")
        Counter.objects.create(key=workflow.key, workflow=workflow, slot=0, executed=40 + number)
    page = pages()
    # Session, user, categories of the filter, capped count, page, counters.
    with django_assert_num_queries(7):
        text = words(page.get(LIST))
    assert "44" in text


@pytest.mark.parametrize(("query", "shown"), [("", {"2"}), ("?versions=all", {"1", "2"}), ("?versions=other", {"1"})])
def test_the_list_shows_current_versions_until_asked_for_others(pages, query, shown):
    first = spare(title="v1", config={"every": 1})
    versions.revise(first, title="v2", enabled=True)
    page = pages()
    text = page.get(LIST, query=query)
    assert {number for number in "12" if f">v{number}</a>" in text} == shown


@pytest.mark.parametrize(
    ("q", "found"),
    [("alpha", "alpha"), ("{id}", "alpha"), ("named", "alpha"), ("{key}", "alpha"), ("alp", "alpha"), ("nope", "")],
)
def test_search(pages, q, found):
    workflow = spare(title="alpha", name="named")
    spare(title="beta")
    text = pages().get(LIST, query="?q=" + q.format(id=workflow.pk, key=workflow.key))
    assert (">alpha</a>" in text) == bool(found)
    assert ">beta</a>" not in text


@pytest.mark.parametrize(
    "query", ["?q=%00", "?type=nope", "?versions=nope", "?enabled__exact=x", "?p=9999", "?o=99", "?e=1"]
)
def test_no_query_breaks_the_list(pages, query):
    spare()
    answer = pages().http.get("/admin/workflows/workflow/" + query)
    assert answer.status_code in (200, 302)


def act(page, action, *rows, **data):
    return page.post(LIST, action=action, _selected_action=[row.pk for row in rows], **data)


def test_actions_tell_what_was_done_and_what_was_refused(pages):
    good, bad = spare(title="good", config={"every": 1}), spare(title="bad", config={"every": "x"})
    messages = act(pages(), "enable_selected", good, bad)
    assert "Enabled: good (v1)." in messages
    assert any(message.startswith("bad (v1): ") for message in messages)
    assert list(Workflow.objects.filter(enabled=True)) == [good]


@pytest.mark.parametrize(("action", "count"), [("disable_selected", 1), ("revise_selected", 2), ("copy_selected", 2)])
def test_actions(pages, action, count):
    act(pages(), action, spare(config={"every": 1}, enabled=True))
    assert Workflow.objects.count() == count


def test_deletion_asks_first_and_counts(pages):
    workflow = spare(title="doomed", config={"every": 1})
    plant(workflow, "a b")
    versions.revise(workflow)
    page = pages()
    page.post(LIST, action="remove_selected", _selected_action=[workflow.pk], status=200)
    text = words(page.answer.content.decode())
    assert "2 versions go, with their 4 nodes" in text
    assert Workflow.objects.count() == 2
    assert act(page, "remove_selected", workflow, confirmed="yes") == ["Deleted 2 versions of: “doomed”."]
    assert not Workflow.objects.exists()


def test_a_selection_of_all_sorts_is_done_as_far_as_it_can_be(pages):
    listening, draft, wrong = (
        spare(title="listening", config={"every": 1}, enabled=True),
        spare(title="draft", config={"every": 1}),
        spare(title="wrong", config={"every": "x"}),
    )
    older = versions.revise(listening)
    page = pages()
    messages = act(page, "enable_selected", wrong, listening, draft, older)
    assert messages[0].startswith("wrong (v1): ")
    assert messages[1:] == ["Enabled: listening (v2), draft (v1), listening (v1)."]
    assert act(page, "disable_selected", wrong, draft)[-1] == "Disabled: wrong (v1), draft (v1)."
    assert not Workflow.objects.filter(title="draft", enabled=True).exists()
    assert act(page, "copy_selected", wrong, draft)[-1] == "Copied: wrong (v1), draft (v1)."


def test_the_reason_of_a_deletion_is_kept(pages):
    first, second, page = spare(title="first"), spare(title="second"), pages()
    act(page, "remove_selected", first, confirmed="yes", reason="Not used.")
    assert "2000" in page.errors("workflows_workflow_delete", second.pk, confirmed="yes", reason="x" * 2_001)
    page.post("workflows_workflow_delete", second.pk, confirmed="yes", reason="Nor this.")
    kept = HistoryEntry.objects.filter(action="workflow.delete").order_by("id").values_list("title", "reason")
    assert list(kept) == [("first (v1)", "Not used."), ("second (v1)", "Nor this.")]


def test_the_count_of_executions_leads_to_them(pages):
    workflow = spare()
    link = f'<a href="/admin/executions/execution/?workflow={workflow.key}">0</a>'
    assert link in pages().get(LIST)
    assert link not in pages("workflows.view_workflow").get(LIST)


def test_deletion_of_one_asks_first(pages):
    workflow = spare()
    page = pages()
    page.get("workflows_workflow_delete", workflow.pk)
    assert Workflow.objects.exists()
    page.post("workflows_workflow_delete", workflow.pk, confirmed="yes")
    assert not Workflow.objects.exists()


def test_the_page_draws_nodes_with_their_branches(pages):
    workflow = spare()
    plant(workflow, "a B(0: c) d")
    text = words(pages().get(CHANGE, workflow.pk))
    positions = [
        text.index(part)
        for part in ("Trigger", " Plain a ", " Fork B ", "Branch 0", " Plain c ", "New branch", " Plain d ", " End ")
    ]
    assert positions == sorted(positions)


def test_the_page_takes_a_fixed_number_of_queries(pages, django_assert_num_queries):
    workflow = spare(config={"every": 1})
    plant(workflow, "a B(0: c; 1: d e) f g h")
    versions.revise(workflow)
    page = pages()
    page.get(CHANGE, workflow.pk)
    # Session, user, their tasks, workflow, its categories, all categories, nodes, the last edit, counters, holds,
    # versions.
    with django_assert_num_queries(11):
        page.get(CHANGE, workflow.pk)


def test_a_broken_tree_is_told_and_breaks_nothing(pages):
    workflow = spare()
    plant(workflow, "a b")
    workflow.nodes.filter(title="b").update(upstream=None)
    assert "exactly one first node" in words(pages().get(CHANGE, workflow.pk))


def test_an_executed_version_is_read_only_with_a_new_version_button(pages):
    workflow = spare(config={"every": 1}, frozen_at=timezone.now())
    node = plant(workflow, "a")["a"]
    page = pages()
    text = page.get(CHANGE, workflow.pk)
    assert "This version has been executed" in text
    assert "New version" in text
    assert 'name="config"' not in text
    assert "Add after" not in text
    assert 'name="config"' not in page.get("workflows_node_change", node.pk)
    page.post(CHANGE, workflow.pk, **{**FORM, "title": "Renamed", "config": '{"every": 9}'})
    workflow.refresh_from_db()
    assert (workflow.title, workflow.config) == ("Renamed", {"every": 1})


def test_adding_a_workflow(pages):
    category = Category.objects.create(title="c")
    page = pages()
    page.get(ADD)
    page.post(ADD, **{**FORM, "name": "new", "categories": [category.pk], "options": '{"timeout": 5}'})
    workflow = Workflow.objects.get()
    assert page.answer.url.endswith(f"/workflow/{workflow.pk}/change/")
    assert (workflow.config, workflow.options, workflow.name) == ({"every": 3}, {"timeout": 5}, "new")
    assert (workflow.current, list(workflow.categories.all())) == (True, [category])
    assert workflow.created_by.username == "boss"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": ""}, "required"),
        ({"type": ""}, "required"),
        ({"type": "nope"}, "valid choice"),
        ({"config": "{"}, "not valid JSON"),
        ({"config": "[1]"}, "object"),
        ({"config": '{"every": "often"}'}, "every"),
        ({"config": '{"every": 1, "wrong": true}'}, "wrong: This is wrong"),
        ({"config": '{"a": "\\u0000"}'}, "a: The text holds a NUL"),
        ({"config": "[" * 100_000}, "nested too deep"),
        ({"options": '{"stackLimit": 1000}'}, "stackLimit"),
        ({"name": "9 lives"}, "Begin with a letter"),
        ({"time_zone": "Mars/Base"}, "Mars/Base"),
        ({"categories": ["\ufffd"]}, "not a valid value"),
        ({"categories": ["77"]}, "not one of the available choices"),
    ],
)
def test_what_is_refused_stands_at_its_field_with_what_was_typed(pages, change, sentence):
    page = pages()
    assert sentence in page.errors(ADD, **{**FORM, **change})
    assert not Workflow.objects.exists()


def test_what_was_typed_is_shown_again(pages):
    page = pages()
    page.errors(ADD, **{**FORM, "config": '{"every": often'})
    assert "{&quot;every&quot;: often</textarea>" in page.answer.content.decode()


def test_changing_a_workflow_saves_what_changed(pages):
    workflow = spare(config={"every": 1})
    page = pages()
    page.post(CHANGE, workflow.pk, **{**FORM, "title": "Renamed", "config": '{"every": 2}'})
    workflow.refresh_from_db()
    assert (workflow.title, workflow.config, workflow.updated_by.username) == ("Renamed", {"every": 2}, "boss")
    assert "every" in page.errors(CHANGE, workflow.pk, **{**FORM, "config": '{"every": "x"}'})


@pytest.mark.parametrize(("button", "count"), [("enable", 1), ("disable", 1), ("revise", 2), ("copy", 2)])
def test_buttons_take_posts_only(pages, button, count):
    workflow = spare(config={"every": 1}, enabled=button == "disable")
    page = pages()
    page.get(f"workflows_workflow_{button}", workflow.pk, status=405)
    [message] = page.post(f"workflows_workflow_{button}", workflow.pk)
    assert "“" in message
    assert Workflow.objects.count() == count
    assert Workflow.objects.get(pk=workflow.pk).enabled == (button == "enable")


def test_a_button_that_is_refused_says_why(pages):
    workflow = spare(config={"every": "x"})
    page = pages()
    [message] = page.post("workflows_workflow_enable", workflow.pk)
    assert "every" in message


def test_versions_are_listed_and_compared(pages):
    workflow = spare(title="first", config={"every": 1})
    plant(workflow, "a b")
    other = versions.revise(workflow, title="second")
    other.nodes.filter(title="a").update(config={"amount": 5})
    page = pages()
    assert "Compare with version 2" in page.get(CHANGE, workflow.pk)
    text = words(page.get("workflows_workflow_compare", workflow.pk, other.pk))
    assert "“first”" not in text
    assert '"first" "second"' in text
    assert "config.amount not there 5" in text


@pytest.mark.parametrize("pk", ["abc", "10" * 20, "77"])
def test_an_id_that_is_none_is_sent_back(pages, pk):
    answer = pages().http.get(f"/admin/workflows/workflow/{pk}/change/")
    assert answer.status_code == 302


def test_a_title_is_never_markup(pages):
    workflow = spare(title="<script>alert(1)</script>")
    plant(workflow, "a")
    workflow.nodes.update(title="<img src=x>")
    page = pages()
    for text in (page.get(LIST), page.get(CHANGE, workflow.pk)):
        assert "<script>alert" not in text
        assert "<img src=x>" not in text


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.setattr(registries, "_tools", {})
    made = registries.WorkflowTool(
        "t", "A tool", "workflows.execute_workflow", lambda workflow, site: f"/tool/{workflow.pk}/", in_list=True
    )
    registries.register_workflow_tool(made)
    return made


def test_a_tool_is_linked_for_those_who_may(pages, tool):
    workflow = spare()
    assert f'href="/tool/{workflow.pk}/"' in pages().get(CHANGE, workflow.pk)
    assert "A tool" not in pages("workflows.view_workflow").get(CHANGE, workflow.pk)


def test_a_tool_in_the_list_takes_one_workflow(pages, tool):
    first, second = spare(title="a"), spare(title="b")
    page = pages()
    act(page, "tool_t", first)
    assert page.answer.url == f"/tool/{first.pk}/"
    assert act(page, "tool_t", first, second) == ["“A tool” takes one workflow; select one."]


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("get", "", "view_workflow"),
        ("get", "{w}/change/", "view_workflow"),
        ("get", "{w}/compare/{w}/", "view_workflow"),
        ("get", "add/", "add_workflow"),
        ("post", "{w}/enable/", "change_workflow"),
        ("post", "{w}/disable/", "change_workflow"),
        ("post", "{w}/revise/", "add_workflow"),
        ("post", "{w}/copy/", "add_workflow"),
        ("get", "{w}/delete/", "delete_workflow"),
    ],
)
def test_each_page_needs_its_permission(pages, method, path, permission):
    path = "/admin/workflows/workflow/" + path.format(w=spare(config={"every": 1}).pk)
    everything = {"view_workflow", "add_workflow", "change_workflow", "delete_workflow"} - {permission}
    # Whoever may change may also look.
    everything -= {"change_workflow"} if permission == "view_workflow" else set()
    assert getattr(pages(None).http, method)(path).status_code == 302
    assert getattr(pages(*(f"workflows.{name}" for name in everything)).http, method)(path).status_code == 403


@pytest.mark.parametrize(
    "action", ["enable_selected", "revise_selected", "copy_selected", "remove_selected", "delete_selected"]
)
def test_each_action_needs_its_permission(pages, action):
    workflow = spare(config={"every": 1})
    # Django shows the list again, without the actions.
    act(pages("workflows.view_workflow"), action, workflow, confirmed="yes", status=200)
    assert Workflow.objects.get().enabled is False


def test_who_may_only_look_sees_no_way_to_change(pages):
    workflow = spare()
    plant(workflow, "A(0: b)")
    text = pages("workflows.view_workflow").get(CHANGE, workflow.pk)
    for part in ("Add after", "Delete branch", "New version", "Move", 'name="_save"', "<textarea"):
        assert part not in text
    assert outline(workflow) == "A(0: b)"


def test_enabling_tells_what_may_not_be_meant(pages):
    workflow = build([("manual", {"assignees": [], "title": "Look"})], enabled=False)
    told = pages().post("workflows_workflow_enable", workflow.pk)
    assert told == [
        "“manual”: Nobody is asked, so the step passes at once; name people.",
        "“manual”: Nobody can decide; add a form with an action that resolves or rejects.",
        f"Enabled “{workflow}”.",
    ]
    assert Workflow.objects.get().enabled
