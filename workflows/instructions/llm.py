"""A question to a language model, over a service that speaks as OpenAI's chat does (spec 5.30)."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, WithJsonSchema, field_validator

from workflows import net
from workflows.conf import LlmService, conf
from workflows.errors import Invalid, SluiceError
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.jsonable import jsonable
from workflows.secrecy import MASK, masked
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: A number, or a template of one.
Number = Annotated[Any, WithJsonSchema({"type": ["number", "string", "null"]})]
_MOST_SAID = 2_000


class Message(NodeConfig):
    role: Literal["system", "user", "assistant"] = "user"
    #: A text, or a list of {"type": "text", "text"} and {"type": "image_url", "image_url": {"url"}}.
    content: Annotated[Any, WithJsonSchema({"type": ["string", "array", "null"]})] = None
    #: Another name of `content`, where that is a text.
    message: str | None = None


class ModelOptions(NodeConfig):
    """Sent as they stand, those that are given."""

    temperature: Number = None
    top_p: Number = None
    max_tokens: Number = None
    max_completion_tokens: Number = None
    frequency_penalty: Number = None
    presence_penalty: Number = None
    seed: Number = None
    stop: Any = None


class StructuredOutput(NodeConfig):
    """What the answer looks like, as a JSON schema."""

    schema_: Annotated[Any, WithJsonSchema({"type": ["object", "string", "null"]})] = Field(
        default=None, alias="schema"
    )
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class LlmConfig(NodeConfig):
    llm_service: str = ""
    #: Without one that of the service.
    model: str = ""
    model_options: ModelOptions = Field(default_factory=ModelOptions)
    messages: list[Message] = Field(default_factory=list)
    structured_output: StructuredOutput | None = None
    #: A question without an answer is a resolved step all the same.
    ignore_fail: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value


class Llm(Instruction[LlmConfig]):
    type = "llm"
    title = _("Language model")
    group = _("Extended")
    description = _("Asks a language model and keeps its answer.")
    Config = LlmConfig
    effect = Effect.EXTERNAL
    on_lost = "error"
    attempt_seconds = 120.0
    testable = True

    def check(self, config: LlmConfig, workflow: "Workflow | None" = None) -> None:
        service = _service(config)
        if not (config.model or service.model):
            raise Invalid(gettext("Name a model; the service has none of its own in the settings."), field="model")
        if not config.messages:
            raise Invalid(gettext("Give at least one message."), field="messages")
        schema = config.structured_output and config.structured_output.schema_
        if isinstance(schema, str) and "{{" not in schema:
            _schema(schema)
        self.compile(config)

    def compile(self, config: LlmConfig) -> Template:
        """Of the call's body."""
        body: dict[str, Any] = {"model": config.model, "messages": [_message(one) for one in config.messages]}
        options = config.model_options
        # Not the keys that nobody knows: what is sent is what this page shows.
        body |= options.model_dump(include=set(ModelOptions.model_fields), exclude_none=True)
        output = config.structured_output
        if output is not None and output.schema_:
            schema = {"name": output.name or "answer", "description": output.description, "schema": output.schema_}
            schema["strict"] = output.strict
            given = {name: value for name, value in schema.items() if value is not None}
            body["response_format"] = {"type": "json_schema", "json_schema": given}
        return compile_template(body)

    def input_of(self, step: Step) -> Any:
        return masked({"llmService": step.config.llm_service, **step.compiled.render(step.scope)})

    def result_shape(self, config: LlmConfig) -> Shape:
        parts = {"id": Shape("text"), "content": Shape("text"), "structuredContent": Shape("any")}
        parts |= {"toolCalls": Shape("list"), "additionalKwargs": Shape("object"), "responseMetadata": Shape("object")}
        return Shape("object", parts=parts)

    def perform(self, step: Step) -> Outcome:
        config: LlmConfig = step.config
        seconds = step.timeout or self.attempt_seconds_of(config)
        service: LlmService | None = None
        try:
            service = _service(config)
            body = step.compiled.render(step.scope)
            return Outcome(result=_answer(_ask(service, body, seconds, step.idempotency_key), body))
        except SluiceError as error:
            failure = {"message": _hidden(str(error), service), "code": error.code}
            if config.ignore_fail:
                return Outcome(result=failure)
            return Outcome(JobStatus.ERROR, failure, timed_out=isinstance(error, net.CallTimedOut))


def _service(config: LlmConfig) -> LlmService:
    services = conf().LLM
    if config.llm_service not in services:
        raise Invalid(
            gettext("There is no service %(name)r; SLUICE['LLM'] has: %(known)s.")
            % {"name": config.llm_service, "known": ", ".join(sorted(services)) or gettext("none")},
            field="llmService",
        )
    return services[config.llm_service]


def _message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.message if message.content is None else message.content}


def _schema(value: Any) -> Any:
    """A schema may be written as a text. Raises `Invalid`."""
    try:
        schema = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise Invalid(gettext("The schema is a JSON object."), field="structuredOutput.schema")
    return schema


def _ask(service: LlmService, body: dict[str, Any], seconds: float, key: str) -> Any:
    """The service's answer. Raises `CallError`."""
    body = {**body, "model": to_text(body["model"]) or service.model}
    if "response_format" in body:
        wanted = body["response_format"]["json_schema"]
        wanted = {**wanted, "schema": _schema(wanted["schema"])}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    headers = [("Content-Type", "application/json")]
    if secret := service.key.get_secret_value():
        headers.append(("Authorization", f"Bearer {secret}"))
    if key:
        headers.append(("Idempotency-Key", key))
    answer = net.fetch(
        "POST",
        f"{service.url.rstrip('/')}/chat/completions",
        seconds=seconds,
        headers=headers,
        content=json.dumps(jsonable(body), ensure_ascii=False).encode(),
    )
    if not 200 <= answer.status < 300:
        said = gettext("The service answered with status code %(status)d: %(text)s")
        text = {"status": answer.status, "text": _said(answer.text)}
        raise net.CallError(said % text, code=str(answer.status))
    try:
        return json.loads(answer.text)
    except (ValueError, RecursionError):
        raise net.CallError(gettext("The answer of the service is no JSON."), code="ERR_BAD_RESPONSE") from None


def _answer(answer: Any, body: dict[str, Any]) -> dict[str, Any]:
    """{id, content, additionalKwargs, responseMetadata, toolCalls, structuredContent}. Raises `CallError`."""
    try:
        choice = answer["choices"][0]
        message = dict(choice["message"])
    except (LookupError, TypeError, ValueError):
        raise net.CallError(gettext("The answer of the service has no message."), code="ERR_BAD_RESPONSE") from None
    content = message.pop("content", None)
    calls = message.pop("tool_calls", None) or []
    message.pop("role", None)
    structured = None
    if "response_format" in body:
        try:
            structured = json.loads(to_text(content))
        except (ValueError, RecursionError):
            raise net.CallError(
                gettext("The answer is not of the form that was asked for; allow more tokens, or mend the schema."),
                code="ERR_BAD_RESPONSE",
            ) from None
    metadata = {"model": answer.get("model"), "finishReason": choice.get("finish_reason"), "usage": answer.get("usage")}
    return {
        "id": answer.get("id"),
        "content": content,
        "additionalKwargs": message,
        "responseMetadata": metadata,
        "toolCalls": calls,
        "structuredContent": structured,
    }


def _said(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"])[:_MOST_SAID]
    except (ValueError, LookupError, TypeError, RecursionError):
        return text[:_MOST_SAID]


def _hidden(text: str, service: LlmService | None) -> str:
    """Some services repeat the key that they refuse."""
    secret = service.key.get_secret_value() if service else ""
    return text.replace(secret, MASK) if secret else text
