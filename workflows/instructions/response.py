"""The answer to the request that set the run off, and its end (spec 5.29)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.headers import Pair, sendable
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.data import has_template
from workflows.instructions.evaluating import located
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow


class ResponseConfig(NodeConfig):
    #: A final status, 200 to 599, or a template for one.
    status_code: Any = 200
    headers: list[Pair] = []
    body: Any = None

    @field_validator("status_code", "headers", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value


class Response(Instruction[ResponseConfig]):
    type = "response"
    title = _("Response")
    group = _("Extended")
    description = _("Answers the request that set the execution off, and ends the execution as resolved.")
    Config = ResponseConfig

    def check(self, config: ResponseConfig, workflow: "Workflow | None" = None) -> None:
        check_all(
            lambda: None if has_template(config.status_code) else _status(config.status_code),
            lambda: _check_headers(config.headers),
            lambda: _check_templates(config),
        )

    def compile(self, config: ResponseConfig) -> Template:
        headers = [{"name": header.name, "value": header.value} for header in config.headers]
        return compile_template({"status": config.status_code, "headers": headers, "body": config.body})

    def result_shape(self, config: ResponseConfig) -> Shape:
        parts = {"status": Shape("number"), "headers": Shape("list"), "body": Shape("any")}
        return Shape("object", parts=parts)

    def run(self, step: Step) -> Outcome:
        """Raises `Invalid` for a status and for headers that, rendered, can't be sent."""
        made = step.compiled.render(step.scope)
        step.input = {"statusCode": made["status"], "headers": made["headers"], "body": made["body"]}
        headers = [
            sendable(header["name"], header["value"], f"headers.{index}")
            for index, header in enumerate(made["headers"])
        ]
        result = {"status": _status(made["status"]), "headers": [*filter(None, headers)], "body": made["body"]}
        return Outcome(result=result, end=JobStatus.RESOLVED, answers="response")


def _status(value: Any) -> int:
    text = to_text(value).strip()
    status = int(text) if len(text) == 3 and text.isascii() and text.isdigit() else 0
    if not 200 <= status <= 599:
        raise Invalid(gettext("Give the response a status from 200 to 599."), field="statusCode")
    return status


def _check_headers(headers: Iterable[Pair]) -> None:
    for index, header in enumerate(headers):
        if not has_template(header.name):
            sendable(header.name, "" if has_template(header.value) else header.value, f"headers.{index}")


def _check_templates(config: ResponseConfig) -> None:
    for name, value in (("statusCode", config.status_code), ("body", config.body)):
        with located(name):
            compile_template(value)
    for index, header in enumerate(config.headers):
        with located(f"headers.{index}"):
            compile_template([header.name, header.value])
