"""What stands in nobody's way is told: where a version is enabled, and of people whom a node names."""

import json
from typing import Any

import pytest

from tests.building import build
from tests.workflows.admin.test_transfer import IMPORT, hidden, upload
from workflows import transfer, versions
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

NOBODY = "Nobody is asked"
STRANGER = "There is no active user zed"
ASKS_NOBODY = ("manual", {"assignees": [], "title": "Look"})
LIST, BACK = "workflows_workflow_changelist", "workflows_workflow_back"


def told(messages: list[str], *parts: str) -> list[str]:
    """Of the messages those with one of these."""
    return [message for message in messages if any(part in message for part in parts)]


def test_by_the_action_of_the_list(pages: Any) -> None:
    rows = [build([ASKS_NOBODY], enabled=False, title=title) for title in ("First", "Second")]
    page = pages()
    messages = page.post(LIST, action="enable_selected", _selected_action=[row.pk for row in rows])
    assert sorted(message[:10] for message in told(messages, NOBODY)) == ["First (v1)", "Second (v1"]
    [alone] = told(page.post(LIST, action="enable_selected", _selected_action=[rows[0].pk]), NOBODY)[-1:]
    assert alone.startswith("“manual”")


def test_no_more_than_a_page_holds(pages: Any) -> None:
    row = build([ASKS_NOBODY] * 4, enabled=False)
    messages = pages().post(LIST, action="enable_selected", _selected_action=[row.pk])
    assert len(told(messages, "“manual”")) == 5
    assert messages[-1] == "… and 3 more warnings."


@pytest.mark.parametrize(("data", "count"), [({"enabled": "on"}, 1), ({}, 0)])
def test_by_going_back(pages: Any, data: dict[str, str], count: int) -> None:
    first = build([ASKS_NOBODY], version=1)
    versions.revise(first, enabled=True)
    assert len(told(pages().post(BACK, first.pk, **data), NOBODY)) == count


@pytest.mark.parametrize("enable", [True, False])
def test_by_an_import(pages: Any, enable: bool) -> None:
    records = transfer.exported([build([ASKS_NOBODY], key="new")])
    Node.objects.all().delete()
    Workflow.objects.all().delete()
    page = pages()
    text = upload(page, json.loads(transfer.dumped(records)), **({"enable": "on"} if enable else {}))
    assert len(told(page.post(IMPORT, **hidden(text)), NOBODY)) == enable


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("manual", {"assignees": ["zed"]}),
        ("manual", {"assignees": "zed"}),
        ("cc", {"users": ["{{$context.user}}", ["boss", "zed"]]}),
        ("approval", {"assignees": ["boss"], "delegate": ["zed"]}),
    ],
)
@pytest.mark.parametrize("live", [False, True], ids=["page", "canvas"])
def test_a_node_that_names_a_stranger_is_saved_and_says_so(pages: Any, kind: str, config: Any, live: bool) -> None:
    node = Node.objects.get(workflow=build([(kind, {})]))
    page = pages()
    data = {"title": "x", "config": json.dumps(config), "policy": "{}"}
    if live:
        page.http.defaults["HTTP_HX_REQUEST"] = "true"
        page.post("workflows_node_change", node.pk, **data, status=200)
        assert STRANGER in page.answer["HX-Trigger-After-Swap"]
    else:
        assert told(page.post("workflows_node_change", node.pk, **data), STRANGER)
    node.refresh_from_db()
    assert node.config == config


def test_a_new_node_says_so_too(pages: Any) -> None:
    workflow = build([])
    data = {"title": "x", "config": '{"users": ["zed"]}', "policy": "{}", "place": ""}
    assert told(pages().post("workflows_node_add_to", workflow.pk, query="?type=cc", **data), STRANGER)


@pytest.mark.parametrize("users", [["boss"], "{{$context.user}}", [{"filter": {"username": "zed"}}], [], None])
def test_nothing_is_said_of_those_who_are_here_or_not_known_yet(pages: Any, users: Any) -> None:
    workflow = build([("cc", {})])
    page = pages()
    data = {"title": "x", "config": json.dumps({"users": users}), "policy": "{}"}
    assert not told(page.post("workflows_node_change", workflow.nodes.get().pk, **data), "There is no")
