"""A message for whoever sent the request (spec 5.24)."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.shapes import Shape

if TYPE_CHECKING:
    from workflows.models import Workflow


class ResponseMessageConfig(NodeConfig):
    message: str = ""

    @field_validator("message", mode="before")
    @classmethod
    def _default(cls, value: object) -> object:
        return "" if value is None else value


class ResponseMessage(Instruction[ResponseMessageConfig]):
    type = "response-message"
    title = _("Response message")
    group = _("Extended")
    description = _("Adds a message to the answer of the request that set the execution off.")
    Config = ResponseMessageConfig

    def check(self, config: ResponseMessageConfig, workflow: "Workflow | None" = None) -> None:
        with located("message"):
            compile_template(config.message)

    def compile(self, config: ResponseMessageConfig) -> Template:
        return compile_template(config.message)

    def result_shape(self, config: ResponseMessageConfig) -> Shape:
        return Shape("text")

    def run(self, step: Step) -> Outcome:
        """The result is the message; null where no request waits for an answer."""
        message = to_text(step.compiled.render(step.scope))
        step.input = {"message": message}
        if not step.in_request:
            return Outcome(log=[("INFO", gettext("No request waits for this message."))])
        return Outcome(result=message, answers="message")
