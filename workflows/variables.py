"""The variables that templates of a node may name, gathered from what stands before it; nothing is run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from workflows.env import ROOT as ENV
from workflows.errors import SluiceError
from workflows.expressions.paths import PLACEHOLDER
from workflows.expressions.system import system_scope
from workflows.graph import GraphNode
from workflows.models import Secret, Workflow
from workflows.policy import ERROR_BRANCH
from workflows.shapes import ANY, KINDS, Kind, Shape
from workflows.triggers import get_trigger

#: What an error branch finds under `$scopes.<node key>`.
ERROR_SHAPE = Shape(
    "object",
    parts={"message": Shape("text"), "status": Shape("number"), "attempts": Shape("number"), "result": ANY},
)

_SYSTEM: dict[str, Shape] = {
    "now": Shape("moment"),
    "instanceId": Shape("number"),
    "epoch": Shape("number"),
    "genSnowflakeId": Shape("number"),
}


@dataclass(frozen=True)
class Variable:
    path: str
    kind: Kind
    title: str | Promise = ""

    @property
    def template(self) -> str:
        """What to write."""
        return "{{%s}}" % self.path  # noqa: UP031 - braces are what it is about

    @property
    def kind_title(self) -> str | Promise:
        return KINDS[self.kind]


@dataclass(frozen=True)
class Group:
    """The variables of one source: the trigger, a node before, a branching node around, the system."""

    title: str
    variables: list[Variable]
    #: Of a node: the key its results are known by.
    key: str = ""


def in_scope(workflow: Workflow, after: GraphNode | None, *, branch: int | None = None) -> list[Group]:
    """What a node may name that follows `after`, or heads this `branch` of it; nearest nodes first.

    What can't be told, of a kind that is not installed or a node that is wrong, is any value.
    """
    shapes = {"$context": _shape(lambda: _context(workflow))}
    groups: list[Group] = []
    for node, around in _before(after, branch):
        title = node.title or _kind_title(node)
        if around is not None:
            # Of the branching nodes before, only those around the place give something.
            path = f"$scopes.{node.key}"
            if around == ERROR_BRANCH:
                shapes[path], told = ERROR_SHAPE, _("The failure of %s")
            else:
                shapes[path], told = _local_shape(node, shapes), _("Each round of %s")
            if shapes[path].parts:
                groups.append(_group(told % title, path, shapes[path]))
        path = f"$jobsMapByNodeKey.{node.key}"
        shapes[path] = _shape(lambda node=node: node.instruction.result_shape(node.config))  # type: ignore[misc]
        groups.append(_group(title, path, shapes[path], node.key))
    context = _group(_("What set the workflow off"), "$context", shapes["$context"])
    return [context, *reversed(groups), _system(), *_secrets()]


def _before(after: GraphNode | None, branch: int | None) -> list[tuple[GraphNode, int | None]]:
    """The nodes before a place, the first one first, each with the branch of it that the place lies in, or None."""
    found = []
    node = after
    while node is not None:
        found.append((node, branch))
        branch = node.branch_index
        node = node.upstream
    return found[::-1]


def _local_shape(node: GraphNode, shapes: Mapping[str, Shape]) -> Shape:
    return _shape(lambda: node.instruction.local_shape(node.config, partial(_at, shapes)))


def _at(shapes: Mapping[str, Shape], path: str) -> Shape:
    """What lies at a path, as far as it is known; behind a list, what lies behind its items."""
    segments = path.removeprefix("ctx.").split(".")
    size = 1 if segments[0] == "$context" else 2
    shape = shapes.get(".".join(segments[:size]), ANY)
    for segment in segments[size:]:
        shape = shape.parts.get(segment, ANY)
    return shape


def blank_context(workflow: Workflow) -> dict[str, None]:
    """The names that a run by hand may give, none with a value yet; empty where the trigger has no names of its own."""
    try:
        trigger = get_trigger(workflow.type)
        return dict.fromkeys(trigger.manual_names(trigger.parse(workflow.config)))
    except SluiceError:
        return {}


def _context(workflow: Workflow) -> Shape:
    trigger = get_trigger(workflow.type)
    return trigger.context_shape(trigger.parse(workflow.config))


def _shape(make: Callable[[], Shape]) -> Shape:
    try:
        return make()
    except SluiceError:
        return ANY


def _kind_title(node: GraphNode) -> str:
    try:
        return str(node.instruction.title)
    except SluiceError:
        return node.type


def _group(title: str, path: str, shape: Shape, key: str = "") -> Group:
    return Group(title, list(_flat(path, shape)), key)


def _flat(path: str, shape: Shape) -> Iterator[Variable]:
    yield Variable(path, shape.kind, shape.title)
    for key, part in shape.parts.items():
        # A key that no placeholder can name is reached by none.
        if "." not in key and ":" not in key and PLACEHOLDER.fullmatch("{{%s}}" % key):  # noqa: UP031
            yield from _flat(f"{path}.{key}", part)


def _secrets() -> list[Group]:
    """Their names; a value is shown to nobody."""
    known = Secret.objects.order_by("name").values_list("name", "description")
    found = [Variable(f"{ENV}.{name}", "text", description) for name, description in known]
    return [Group(_("Secrets"), found)] if found else []


def _system() -> Group:
    scope: Any = system_scope()
    ranges = Shape("object", parts={name: Shape("any", _("period for filters")) for name in scope["dateRange"]})
    known = {name: ranges if name == "dateRange" else _SYSTEM.get(name, ANY) for name in scope}
    return Group(_("System"), [found for name, shape in known.items() for found in _flat(f"$system.{name}", shape)])
