"""A mail (spec 5.19)."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, WithJsonSchema, field_validator

from workflows import mail
from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.data import fixed_parts, has_template
from workflows.instructions.files import check_files, read_files, without_content
from workflows.secrecy import MASK, masked
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: A text, a template of a text or list, or lists of these.
Addresses = Annotated[Any, WithJsonSchema({"type": ["array", "string", "null"]})]
_TEMPLATED = ("provider", "from", "to", "cc", "bcc", "subject", "html", "text", "attachments")
DEFAULT_PORT = 465


class Auth(NodeConfig):
    user: str = ""
    password: str = Field(default="", alias="pass")


class Provider(NodeConfig):
    """An SMTP server of the node's own."""

    host: str = ""
    #: A number, or a template of one.
    port: Annotated[Any, WithJsonSchema({"type": ["integer", "string"]})] = DEFAULT_PORT
    #: TLS from the first byte; otherwise STARTTLS where the server has it.
    secure: Annotated[Any, WithJsonSchema({"type": ["boolean", "string"]})] = True
    auth: Auth | None = None


class MailFields(NodeConfig):
    """To whom and what, however it is sent."""

    to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []
    subject: str = ""
    content_type: Literal["html", "text"] = "html"
    html: str = ""
    text: str = ""

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value


class MailerConfig(MailFields):
    #: Without one the project's own settings for mail are used.
    provider: Provider | None = None
    sender: str = Field(default="", alias="from")
    attachments: Annotated[Any, WithJsonSchema({"type": ["array", "string", "object", "null"]})] = None
    #: A mail that can't be sent is a resolved step all the same.
    ignore_fail: bool = False


class Mailer(Instruction[MailerConfig]):
    type = "mailer"
    title = _("Mail")
    group = _("Extended")
    description = _("Sends a mail.")
    Config = MailerConfig
    effect = Effect.EXTERNAL
    on_lost = "error"

    def check(self, config: MailerConfig, workflow: "Workflow | None" = None) -> None:
        self.compile(config)
        people = {"from": config.sender, "to": config.to, "cc": config.cc, "bcc": config.bcc}
        check_all(
            *(partial(mail.recipients, fixed_parts(value), name) for name, value in people.items()),
            lambda: check_files(config.attachments, "attachments"),
            lambda: _check_provider(config.provider),
        )

    def compile(self, config: MailerConfig) -> Template:
        whole = config.model_dump(by_alias=True)
        return compile_template({name: whole[name] for name in _TEMPLATED})

    def input_of(self, step: Step) -> Any:
        shown = dict(step.compiled.render(step.scope))
        provider = shown.pop("provider")
        if provider:
            auth = {"user": (provider.get("auth") or {}).get("user"), "pass": MASK}
            shown["provider"] = {name: provider[name] for name in ("host", "port", "secure")} | {"auth": auth}
        return masked(
            {**shown, "attachments": without_content(shown["attachments"]), "contentType": step.config.content_type}
        )

    def result_shape(self, config: MailerConfig) -> Shape:
        return Shape("object", parts={"messageId": Shape("text"), "recipients": Shape("list")})

    def perform(self, step: Step) -> Outcome:
        config: MailerConfig = step.config
        seconds = step.timeout or self.attempt_seconds_of(config)
        try:
            rendered = {**step.compiled.render(step.scope), "contentType": config.content_type}
            composed = mail.compose(rendered, read_files(rendered["attachments"], "attachments"))
            return Outcome(result=mail.send(composed, seconds, _server(rendered["provider"])))
        except (mail.MailError, Invalid) as error:
            failure = {"message": str(error), "code": error.code}
            return Outcome(JobStatus.RESOLVED if config.ignore_fail else JobStatus.FAILED, failure)


def _check_provider(provider: Provider | None) -> None:
    if provider is None:
        return
    if not provider.host.strip():
        raise Invalid(gettext("Name the host of the mail server, or leave the provider out."), field="provider.host")
    if not has_template(provider.port):
        _port(provider.port)


def _port(value: Any) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError, OverflowError):
        port = 0
    if not 0 < port < 65_536:
        raise Invalid(gettext("A port is a number from 1 to 65535."), field="provider.port")
    return port


def _server(provider: Any) -> mail.Server | None:
    if not provider:
        return None
    auth = provider.get("auth") or {}
    host, user, password = (to_text(value).strip() for value in (provider["host"], auth.get("user"), auth.get("pass")))
    if not host:
        raise Invalid(gettext("Name the host of the mail server, or leave the provider out."), field="provider.host")
    secure = provider["secure"] not in (False, None, 0, "", "false", "False", "0")
    return mail.Server(host, _port(provider["port"]), secure, user, password)
