"""What the inbox knows of a type of task: the forms that its person sees, and what takes their answer."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django import forms
from django.utils.module_loading import import_string

from executions.models import Task, TaskType
from workflows.graph import GraphNode


@dataclass
class FormAction:
    """A button: 1 resolves, a negative status rejects, 0 keeps a draft."""

    key: str
    status: int
    title: str


@dataclass
class TaskForm:
    """One form of a task. `fields` None takes any values."""

    key: str
    title: str = ""
    type: str = "custom"
    fields: dict[str, forms.Field] | None = None
    actions: list[FormAction] = field(default_factory=list)
    #: What stands in it before it is filled in.
    values: dict[str, Any] = field(default_factory=dict)
    #: Why it can't be filled in.
    error: str = ""


class Tool(StrEnum):
    """What one may do with a task besides answering it."""

    DELEGATE = "delegate"
    ADD_SIGNERS = "add_signers"
    RETURN_TO = "return_to"


@dataclass(frozen=True)
class Kind:
    """`forms(task, node, scope, by)` lists the forms of a pending task; `submit(task id, {form: values, "_": action},
    by=, reason=)` takes the answer, `delegate(task id, to, by=, reason=)` hands the task over."""

    forms: Callable[[Task, GraphNode, Mapping[str, Any], Any], list[TaskForm]]
    submit: Callable[..., Task]
    delegate: Callable[..., Task]
    #: What else its node lets its person do: names of `Tool`.
    tools: Callable[[GraphNode], Collection[Tool]] = lambda node: (Tool.DELEGATE,)
    #: (name, value) of what there is to know besides what the node's texts refer to.
    about: Callable[[GraphNode, Mapping[str, Any]], Iterable[tuple[str, Any]]] = lambda node, scope: ()


_KINDS = {
    TaskType.MANUAL.value: "executions.inbox.submitting.MANUAL",
    TaskType.APPROVAL.value: "executions.inbox.approvals.APPROVAL",
}


def kind_of(type: str) -> Kind | None:
    """None for what is only read."""
    path = _KINDS.get(type)
    return import_string(path) if path is not None else None
