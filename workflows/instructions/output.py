"""What the run gives to whoever started it (spec 5.9)."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from workflows.expressions import Template, compile_template
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located

if TYPE_CHECKING:
    from workflows.models import Workflow


class OutputConfig(NodeConfig):
    value: Any = None


class Output(Instruction[OutputConfig]):
    type = "output"
    title = _("Output")
    group = _("Control")
    description = _("Sets the output of the execution; the last one reached wins.")
    Config = OutputConfig

    def check(self, config: OutputConfig, workflow: "Workflow | None" = None) -> None:
        with located("value"):
            compile_template(config.value)

    def compile(self, config: OutputConfig) -> Template:
        return compile_template(config.value)

    def run(self, step: Step) -> Outcome:
        value = step.compiled.render(step.scope)
        step.input = {"value": value}
        return Outcome(result=value, output=value)
