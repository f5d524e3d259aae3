"""A call to an HTTP service (spec 5.23)."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import net
from workflows.errors import Invalid
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.headers import Pair
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.instructions.request_body import ContentType, check_body, encode, pairs, shown_body
from workflows.secrecy import masked
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: A second call of these may do its work a second time.
UNSAFE = frozenset({"POST", "PATCH"})


class RequestConfig(NodeConfig):
    url: str = ""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    content_type: ContentType = "application/json"
    headers: list[Pair] = []
    params: list[Pair] = []
    data: Any = None
    #: Milliseconds for the whole call, redirects included; 0 leaves it to the kind.
    timeout: Annotated[int, Field(ge=0, le=3_600_000)] = 5_000
    #: A failed call is a resolved step all the same.
    ignore_fail: bool = False
    #: The result is the answer's data alone.
    only_data: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class Request(Instruction[RequestConfig]):
    type = "request"
    title = _("HTTP request")
    group = _("Extended")
    description = _("Calls an HTTP service and keeps its answer.")
    Config = RequestConfig
    effect = Effect.EXTERNAL
    testable = True

    def check(self, config: RequestConfig, workflow: "Workflow | None" = None) -> None:
        for field in ("url", "headers", "params", "data"):
            with located(field):
                _template(config, field)
        check_body(config.content_type, config.data)
        if config.url and "{{" not in config.url and not config.url.strip().lower().startswith(("http://", "https://")):
            raise Invalid(gettext("The URL begins with http:// or https://."), field="url")

    def compile(self, config: RequestConfig) -> dict[str, Template]:
        return {field: _template(config, field) for field in ("url", "headers", "params", "data")}

    def on_lost_of(self, config: RequestConfig) -> str:
        return "error" if config.method in UNSAFE else "again"

    def attempt_seconds_of(self, config: RequestConfig) -> float:
        return config.timeout / 1000 or self.attempt_seconds

    def input_of(self, step: Step) -> Any:
        rendered = {field: template.render(step.scope) for field, template in step.compiled.items()}
        rendered["data"] = shown_body(step.config.content_type, rendered["data"])
        return masked({"method": step.config.method, "contentType": step.config.content_type, **rendered})

    def result_shape(self, config: RequestConfig) -> Shape:
        if config.only_data:
            return Shape("any")
        parts = {
            "status": Shape("number"),
            "statusText": Shape("text"),
            "headers": Shape("object"),
            "data": Shape("any"),
        }
        return Shape("object", parts=parts)

    def perform(self, step: Step) -> Outcome:
        seconds = step.timeout or self.attempt_seconds_of(step.config)
        return _call(step.config, step.compiled, step.scope, seconds, step.idempotency_key)

    def test(self, config: dict[str, Any]) -> Outcome:
        parsed = self.parse(config)
        return _call(parsed, self.compile(parsed), {}, self.attempt_seconds_of(parsed), "")


def _template(config: RequestConfig, field: str) -> Template:
    value = getattr(config, field)
    if field in ("headers", "params"):
        value = [{"name": pair.name, "value": pair.value} for pair in value]
    return compile_template(value)


def _call(
    config: RequestConfig, templates: dict[str, Template], scope: Any, seconds: float, idempotency_key: str
) -> Outcome:
    rendered = {field: template.render(scope) for field, template in templates.items()}
    content, files = (None, None) if config.method == "GET" else encode(config.content_type, rendered["data"])
    headers = [(name, value) for name, value in pairs(rendered["headers"]) if name.lower() != "content-type"]
    if content is not None:
        headers.append(("Content-Type", config.content_type))
    if config.method in UNSAFE and idempotency_key and all(name.lower() != "idempotency-key" for name, _v in headers):
        headers.append(("Idempotency-Key", idempotency_key))
    try:
        answer = net.fetch(
            config.method,
            to_text(rendered["url"]).strip(),
            seconds=seconds,
            headers=headers,
            params=pairs(rendered["params"]),
            content=content,
            files=files,
        )
    except net.CallError as error:
        late = isinstance(error, net.CallTimedOut)
        failure = {"message": str(error), "code": error.code}
        return _failed(config, JobStatus.ABORTED if late else JobStatus.FAILED, failure, timed_out=late)
    data = _data(answer.text)
    known = {"status": answer.status, "statusText": answer.reason}
    if not 200 <= answer.status < 300:
        message = gettext("The request failed with status code %d.") % answer.status
        code = "ERR_BAD_REQUEST" if answer.status < 500 else "ERR_BAD_RESPONSE"
        return _failed(config, JobStatus.FAILED, {"message": message, "code": code, **known, "data": data})
    return Outcome(result=data if config.only_data else {**known, "headers": answer.headers, "data": data})


def _failed(config: RequestConfig, status: int, failure: dict[str, Any], *, timed_out: bool = False) -> Outcome:
    if config.ignore_fail:
        return Outcome(result=failure)
    return Outcome(status, failure, timed_out=timed_out)


def _data(text: str) -> Any:
    """The answer as JSON where it is JSON, whatever its content type says; else its text."""
    try:
        return json.loads(text, parse_constant=_no_json) if text else text
    except (ValueError, RecursionError):
        return text


def _no_json(name: str) -> Any:
    raise ValueError(name)
