"""Workflows that other systems set off by posting to an address of their own (spec 4.6)."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, field_validator

from workflows.env import ROOT
from workflows.errors import Invalid, check_all
from workflows.expressions.paths import whole_path
from workflows.headers import Pair, sendable
from workflows.instructions.base import NodeConfig
from workflows.secrecy import is_secret_name
from workflows.shapes import Shape
from workflows.triggers.base import Trigger, TriggerConfig

if TYPE_CHECKING:
    from workflows.models import Workflow

MIB = 1024 * 1024
_HEADER = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PATH = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[[0-9]{1,9}\])*")
_INDEX = re.compile(r"\[([0-9]+)\]")

Source = Literal["headers", "query", "body"]


class Auth(NodeConfig):
    """Who may post. What must stay secret is the name of a secret: `{{$env.NAME}}`."""

    type: Literal["none", "basic", "bearer", "hmac"] = "none"
    #: basic
    username: str = ""
    password: str = ""
    #: bearer
    token: str = ""
    #: hmac: HMAC-SHA256 of what was posted, in a header. The defaults are GitHub's.
    secret: str = ""
    header: str = "X-Hub-Signature-256"
    prefix: str = "sha256="
    encoding: Literal["hex", "base64"] = "hex"
    #: A header with the time of sending, in seconds since 1970, or milliseconds; the HMAC is then of
    #: "<time>.<body>", and what is older or newer than `tolerance` seconds is refused.
    timestamp_header: str = ""
    tolerance: Annotated[int, Field(ge=1, le=86_400)] = 300

    @property
    def secrets(self) -> tuple[str, ...]:
        """The fields of this type that must be given and kept secret."""
        return {"none": (), "basic": ("password",), "bearer": ("token",), "hmac": ("secret",)}[self.type]


class Taken(NodeConfig):
    """A part of the request that becomes a variable."""

    path: str
    alias: str = ""

    @property
    def name(self) -> str:
        return self.alias or self.path


class Delivery(NodeConfig):
    """Where a request tells which delivery it is: the second one of a delivery starts nothing."""

    source: Source = Field(default="headers", alias="from")
    path: str = ""


class Reply(NodeConfig):
    """What an asynchronous workflow answers at once."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: list[Pair] = []
    body: Any = "ok"


class WebhookConfig(TriggerConfig):
    auth: Auth = Auth()
    #: Headers that become variables; of none of the others anything is kept.
    headers: list[Taken] = []
    #: Null takes all.
    query: list[Taken] | None = None
    body: list[Taken] | None = None
    content_types: Annotated[list[Literal["json", "form"]], Field(min_length=1)] = ["json", "form"]
    max_bytes: Annotated[int, Field(ge=1, le=25 * MIB)] = MIB
    delivery: Delivery | None = None
    response: Reply = Reply()

    @field_validator("auth", "headers", "content_types", "max_bytes", "response", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value


class WebhookTrigger(Trigger[WebhookConfig]):
    type = "webhook"
    title = gettext_lazy("Webhook")
    description = gettext_lazy("When another system posts to the workflow's address.")
    Config = WebhookConfig
    verbatim = ("response", "headers", "query", "body", "delivery")

    def check(self, config: WebhookConfig, workflow: "Workflow | None" = None) -> None:
        check_all(
            lambda: _check_auth(config.auth),
            lambda: _check_headers(config.headers),
            lambda: _check_taken(config.headers, "headers"),
            lambda: _check_taken(config.query or [], "query"),
            lambda: _check_taken(config.body or [], "body"),
            lambda: _check_delivery(config.delivery),
            lambda: _check_reply(config.response),
        )

    def remarks(self, config: WebhookConfig) -> list[tuple[str, str]]:
        from workflows.models import Secret

        named = {name: (whole_path(getattr(config.auth, name)) or "").partition(".")[2] for name in config.auth.secrets}
        known = set(Secret.objects.filter(name__in=named.values()).values_list("name", flat=True)) if named else set()
        sentence = _("There is no secret %s, so nobody is let in; add it under Secrets.")
        return [(f"auth.{name}", sentence % secret) for name, secret in named.items() if secret not in known]

    def context_shape(self, config: WebhookConfig) -> Shape:
        parts = {source: _shape(getattr(config, source)) for source in ("headers", "query", "body")}
        return Shape("object", parts=parts)

    def validate_context(self, config: WebhookConfig, values: Any) -> dict[str, Any]:
        if not isinstance(values, Mapping):
            return {"values": _("The values are an object with headers, query and body.")}
        sentence = _("This is an object: a name for each value.")
        return {part: sentence for part in ("headers", "query") if not isinstance(values.get(part) or {}, Mapping)}

    def manual_context(self, config: WebhookConfig, values: Any) -> Any:
        """{"headers", "query", "body"} as a request would have given them. Raises `Invalid`."""
        if errors := self.validate_context(config, values):
            first = next(iter(errors))
            raise Invalid(errors[first], field=first, errors=errors)
        return {"headers": values.get("headers") or {}, "query": values.get("query") or {}, "body": values.get("body")}


def segments(path: str) -> list[str]:
    """`a[0].b` and `a.0.b` alike."""
    return _INDEX.sub(r".\1", path).split(".")


def _shape(taken: list[Taken] | None) -> Shape:
    if taken is None:
        return Shape("any")
    return Shape("object", parts={item.name: Shape("any") for item in taken})


def _check_auth(auth: Auth) -> None:
    errors: dict[str, Any] = {}
    if auth.type == "basic" and not auth.username:
        errors["auth.username"] = _("Give the name that the sender signs in with.")
    for name in auth.secrets:
        path = whole_path(getattr(auth, name)) or ""
        if not path.startswith(f"{ROOT}.") or path.count(".") != 1:
            errors[f"auth.{name}"] = _("Keep it under Secrets, and name it here as {{$env.NAME}}.")
    if auth.type == "hmac":
        if not _HEADER.fullmatch(auth.header):
            errors["auth.header"] = _("%r is no name of a header.") % auth.header
        if auth.timestamp_header and not _HEADER.fullmatch(auth.timestamp_header):
            errors["auth.timestampHeader"] = _("%r is no name of a header.") % auth.timestamp_header
    if errors:
        first = next(iter(errors))
        raise Invalid(errors[first], field=first, errors=errors)


def _check_headers(taken: list[Taken]) -> None:
    for index, item in enumerate(taken):
        if not _HEADER.fullmatch(item.path):
            raise Invalid(_("%r is no name of a header.") % item.path, field=f"headers.{index}.path")
        if is_secret_name(item.path) or is_secret_name(item.name):
            raise Invalid(
                _("The header %s holds a secret, which no execution may keep.") % item.path,
                field=f"headers.{index}.path",
            )


def _check_taken(taken: list[Taken], field: str) -> None:
    seen: set[str] = set()
    for index, item in enumerate(taken):
        if field != "headers" and not _PATH.fullmatch(item.path):
            raise Invalid(_("Write the path like items[0].name or items.0.name."), field=f"{field}.{index}.path")
        if item.name in seen:
            raise Invalid(_("Two values are called %r; give one an alias.") % item.name, field=f"{field}.{index}.alias")
        seen.add(item.name)


def _check_delivery(delivery: Delivery | None) -> None:
    if delivery is None:
        return
    pattern = _HEADER if delivery.source == "headers" else _PATH
    if not pattern.fullmatch(delivery.path):
        raise Invalid(_("Say where a request tells its delivery, such as X-GitHub-Delivery."), field="delivery.path")
    if delivery.source == "headers" and is_secret_name(delivery.path):
        raise Invalid(
            _("The header %s holds a secret, which no execution may keep.") % delivery.path, field="delivery.path"
        )


def _check_reply(reply: Reply) -> None:
    for index, header in enumerate(reply.headers):
        sendable(header.name, header.value, f"response.headers.{index}")
