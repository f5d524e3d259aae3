"""A value that later nodes read, and may set again (spec 5.26)."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflows.expressions import Template, compile_template
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode
    from workflows.models import Workflow


class VariableConfig(NodeConfig):
    #: The key of the node whose result is set; None declares a value of this node's own.
    target: str | None = None
    #: Any value; texts in it may hold templates.
    value: Any = None


class Variable(Instruction[VariableConfig]):
    """What was assigned stands in a job of the target, so it outlives the worker and comes along in a rerun."""

    type = "variable"
    title = _("Variable")
    group = _("Data")
    description = _("Keeps a value, or gives another node's result a new one.")
    Config = VariableConfig

    def check(self, config: VariableConfig, workflow: "Workflow | None" = None) -> None:
        with located("value"):
            compile_template(config.value)

    def compile(self, config: VariableConfig) -> Template:
        return compile_template(config.value)

    def run(self, step: Step) -> Outcome:
        target, value = step.config.target, step.compiled.render(step.scope)
        step.input = {"target": target, "value": value}
        if not target:
            return Outcome(result=value)
        if not _is_key(step.node, target):
            message = gettext("The workflow has no node with the key %r; choose the variable to set.") % target
            return Outcome(JobStatus.ERROR, message)
        return Outcome(result=value, assign={target: value})


def _is_key(node: "GraphNode", key: str) -> bool:
    """Whether a node of the workflow has the key, wherever it stands."""
    head = node
    while head.upstream is not None:
        # Those before it are the likely ones.
        if head.key == key:
            return True
        head = head.upstream
    return any(each.key == key or any(below.key == key for below in each.below()) for each in head.line())
