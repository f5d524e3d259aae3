"""Definitions as files in the admin: exported, looked at, imported."""

import html
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.building import build
from tests.pages import words
from tests.workflows.transfer.test_planning import definition, node
from workflows.models import HistoryEntry, Node, Workflow

pytestmark = pytest.mark.django_db

IMPORT, LIST = "workflows_workflow_import", "workflows_workflow_changelist"
MAY = ("workflows.view_workflow", "workflows.view_node", "workflows.add_workflow", "workflows.add_node")


def upload(page: Any, value: Any, **data: Any) -> str:
    """The page that follows."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    page.post(IMPORT, file=SimpleUploadedFile("file.json", content), status=200, **data)
    return str(page.answer.content.decode())


def hidden(text: str) -> dict[str, str]:
    """What the page's form of confirmation sends."""
    found = {}
    for tag in re.findall(r"<input type=\"hidden\"[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = html.unescape(value[1])
    return found


def test_a_file_goes_out_of_the_list_and_in_again(pages: Any) -> None:
    first = build([("calculation", {"engine": "math.js", "expression": "1 + 1"})], key="orders", title="订单")
    second = build([("end", {})], key="other")
    page = pages()
    page.post(LIST, action="export_selected", _selected_action=[first.pk, second.pk], status=200)
    assert page.answer["Content-Disposition"] == 'attachment; filename="workflows.json"'
    content = page.answer.content
    assert {each["key"] for each in json.loads(content)} == {"orders", "other"}
    assert words(upload(page, content)).count("Unchanged") == 2

    Workflow.objects.all().delete()
    text = upload(page, content)
    assert words(text).count("It will not be enabled.") == 2
    assert not Workflow.objects.exists()
    assert page.post(IMPORT, **hidden(text)) == ["Imported 2 workflows."]
    assert Workflow.objects.get(key="orders").title == "订单"
    assert set(HistoryEntry.objects.values_list("action", "actor_name", "origin")) == {
        ("workflow.create", "boss", "admin"), ("node.add", "boss", "admin"),
    }  # fmt: skip


def test_a_version_has_a_file_of_its_own(pages: Any) -> None:
    workflow = build([("end", {})])
    page = pages("workflows.view_workflow", "workflows.view_node")
    page.get("workflows_workflow_export", workflow.pk)
    assert json.loads(page.answer.content)["id"] == workflow.pk
    page.get("workflows_workflow_export", 77, status=404)


def test_the_preview_shows_what_would_change(pages: Any) -> None:
    build([("calculation", {"engine": "math.js", "expression": "1 + 1"})], key="orders", title="Orders")
    changed = definition(node(1, config={"engine": "math.js", "expression": "2"}), node(2, 1), title="Orders, new")
    page = pages()
    text = upload(page, changed, enable="on")
    for told in ('title "Orders" "Orders, new"', 'config.expression "1 + 1" "2"', "added Node 2", "Nodes added: 1",
                 "It becomes version 2", "It will be enabled."):  # fmt: skip
        assert told in words(text)
    assert page.post(IMPORT, **hidden(text)) == ["Imported 1 workflow."]
    made = Workflow.objects.get(key="orders", version=2)
    assert (made.enabled, made.current, made.nodes.count()) == (True, True, 2)
    assert page.answer.url.endswith(f"/workflow/{made.pk}/change/")


def test_what_cannot_run_is_named_and_can_not_be_confirmed(pages: Any) -> None:
    page = pages()
    text = upload(page, [definition(node(1, type="ai-employee"), type="form"), definition(key="fine")])
    assert "0.nodes.0.type “Node 1”: There is no node type" in words(text)
    assert "0.type : There is no workflow type" in words(text)
    assert "content" not in hidden(text)
    page.post(IMPORT, content=json.dumps([definition(type="form")]), seen="x", status=200)
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "not valid JSON"),
        (b"", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "no workflow in the file"),
        (b" " * (2 * 1024 * 1024 + 1), "larger than 2 MiB"),
    ],
    ids=["broken", "empty", "no text", "nothing", "too large"],
)
def test_a_file_that_is_none_is_refused_at_its_field(pages: Any, content: bytes, told: str) -> None:
    assert told in words(upload(pages(), content))


def test_a_file_of_more_workflows_than_a_page_shows_is_refused(pages: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("workflows.admin.transfer.MOST_WORKFLOWS", 1)
    assert "more than 1 workflows" in words(upload(pages(), [definition(key="a"), definition(key="b")]))


def test_a_confirmation_holds_for_what_was_shown(pages: Any) -> None:
    page = pages()
    text = upload(page, definition(node(1)))
    build([], key="orders", title="Meanwhile")
    page.post(IMPORT, **hidden(text), status=200)
    again = page.answer.content.decode()
    assert "look at it once more" in words(again)
    assert Workflow.objects.filter(key="orders").count() == 1
    page.post(IMPORT, **hidden(again))
    assert Workflow.objects.filter(key="orders").count() == 2


def test_a_damaged_confirmation_does_nothing(pages: Any) -> None:
    page = pages()
    for sent in ({"content": ""}, {"content": "{"}, {"content": "x" * 3_000_000, "seen": "x"}):
        page.http.post("/admin/workflows/workflow/import/", sent)
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("lacking", MAY[2:])
def test_import_needs_to_add_workflows_and_nodes(pages: Any, lacking: str) -> None:
    page = pages(*(permission for permission in MAY if permission != lacking))
    page.get(IMPORT, status=403)
    page.post(IMPORT, content="[]", status=403)
    assert "/import/" not in page.get(LIST)


def test_who_may_not_change_workflows_enables_none(pages: Any) -> None:
    page = pages(*MAY)
    assert 'name="enable"' not in page.get(IMPORT)
    text = upload(page, definition(node(1), enabled=True), enable="on")
    page.post(IMPORT, **{**hidden(text), "enable": "True"})
    assert not Workflow.objects.get().enabled


def test_export_needs_to_see_nodes(pages: Any) -> None:
    workflow = build([("end", {})])
    page = pages("workflows.view_workflow")
    page.get("workflows_workflow_export", workflow.pk, status=403)
    assert "export_selected" not in page.get(LIST)


def test_nodes_need_their_permissions_here_too(pages: Any) -> None:
    writes = {"type": "create", "config": {"collection": "shop.Customer", "params": {"values": {"name": "Ada"}}}}
    assert "shop.add_customer" in words(upload(pages(*MAY), definition(node(1, **writes))))
    assert not Node.objects.exists()


def test_texts_of_a_file_are_never_markup(pages: Any) -> None:
    bad = "<script>alert(1)</script>"
    given = definition(node(1, title=bad, config={"engine": "math.js", "expression": "1", bad: bad}), title=bad)
    page = pages()
    assert bad not in upload(page, {**given, bad: 1})
    build([], key="orders", title="Orders")
    assert bad not in upload(page, given)
    assert bad not in upload(page, definition(node(1, type=bad), type=bad, title=bad))
