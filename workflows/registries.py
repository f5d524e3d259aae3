"""What other apps add to a workflow's page and to the API's root, so that this app need not know them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise

from workflows.models import Workflow


@dataclass(frozen=True)
class WorkflowTool:
    """A page of another app about one workflow, linked from that workflow's admin page."""

    name: str
    title: str | Promise
    #: Whoever lacks it sees no link; the page itself must ask again.
    permission: str
    #: (workflow, name of the admin site) -> address.
    url: Callable[[Workflow, str], str]
    #: Also offered in the list's menu of actions, for one selected workflow.
    in_list: bool = False
    #: Its page lists what the list's column of executions counts, which leads to it.
    of_count: bool = False


@dataclass(frozen=True)
class RowTool:
    """A page of another app about one row of the project's, linked from that row's admin page."""

    name: str
    title: str | Promise
    #: Whoever lacks it sees no link; the page itself must ask again.
    permission: str
    #: (row, name of the admin site) -> address, or "" where that site has no such page.
    url: Callable[[Model, str], str]


#: What another app shows on a workflow's page: (workflow, user) -> HTML, or "" for nothing.
Part = Callable[[Workflow, Any], str]

_tools: dict[str, WorkflowTool] = {}
_row_tools: dict[str, RowTool] = {}
_parts: dict[str, Part] = {}
_api_roots: dict[str, str] = {}


def register_workflow_tool(tool: WorkflowTool) -> None:
    """Adds a tool, or replaces the one of the same name."""
    _tools[tool.name] = tool


def workflow_tools(user: Any) -> list[WorkflowTool]:
    """The tools this user may use, in order of registration."""
    return [tool for tool in _tools.values() if user.has_perm(tool.permission)]


def register_row_tool(tool: RowTool) -> None:
    """Adds a tool to the pages of rows whose admin has `WorkflowAdminMixin`, or replaces the one of the same name."""
    _row_tools[tool.name] = tool


def row_tools(user: Any) -> list[RowTool]:
    """The tools this user may use, in order of registration."""
    return [tool for tool in _row_tools.values() if user.has_perm(tool.permission)]


def register_workflow_part(name: str, part: Part) -> None:
    """Adds a part to the pages of workflows, or replaces the one of the same name."""
    _parts[name] = part


def workflow_parts(workflow: Workflow, user: Any) -> list[str]:
    """What there is to show of this workflow, in order of registration."""
    return [shown for part in _parts.values() if (shown := part(workflow, user))]


def register_api_root(name: str, url_name: str) -> None:
    """Lists a collection in the answer of the API's root; `url_name` is the name of its list route."""
    _api_roots[name] = url_name


def api_roots() -> dict[str, str]:
    return dict(_api_roots)
