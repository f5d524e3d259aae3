import pytest

from tests.people import person
from workflows import registries
from workflows.registries import WorkflowTool


@pytest.fixture(autouse=True)
def _empty(monkeypatch):
    monkeypatch.setattr(registries, "_tools", {})
    monkeypatch.setattr(registries, "_api_roots", {})


def tool(name, title="A tool", permission="workflows.view_workflow"):
    return WorkflowTool(name, title, permission, lambda workflow, site: "/")


@pytest.mark.django_db
def test_tools_are_those_the_user_may_use_in_order():
    for name, permission in [("a", "view"), ("b", "add"), ("c", "view")]:
        registries.register_workflow_tool(tool(name, permission=f"workflows.{permission}_workflow"))
    assert [found.name for found in registries.workflow_tools(person("workflows.view_workflow"))] == ["a", "c"]


@pytest.mark.django_db
def test_a_name_is_registered_once():
    registries.register_workflow_tool(tool("a"))
    registries.register_workflow_tool(tool("a", title="Another"))
    assert [found.title for found in registries.workflow_tools(person("workflows.view_workflow"))] == ["Another"]


def test_roots_are_answered_as_a_copy():
    registries.register_api_root("things", "thing-list")
    registries.api_roots().clear()
    assert registries.api_roots() == {"things": "thing-list"}
