"""Notifications as calls of an HTTP service whose address only the settings know."""

from typing import Annotated, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, SecretStr

from workflows import net
from workflows.channels import Channel, Options
from workflows.instructions.base import NodeConfig
from workflows.instructions.request_body import encode


class WebhookOptions(Options):
    #: As it may carry a key of its own, no error repeats it.
    url: Annotated[str, Field(pattern=r"^https?://")]
    headers: dict[str, SecretStr] = {}


class WebhookMessage(NodeConfig):
    #: Sent as JSON.
    body: Any = None


class WebhookChannel(Channel):
    type = "webhook"
    title = _("Webhook")
    Options = WebhookOptions
    Message = WebhookMessage

    def send(self, options: WebhookOptions, message: dict[str, Any], *, seconds: float, key: str) -> Any:
        content, _files = encode("application/json", message.get("body"))
        headers = [(name, value.get_secret_value()) for name, value in options.headers.items()]
        headers.append(("Content-Type", "application/json"))
        if key:
            headers.append(("Idempotency-Key", key))
        answer = net.fetch("POST", options.url, seconds=seconds, headers=headers, content=content or b"null")
        if not 200 <= answer.status < 300:
            raise net.CallError(
                gettext("The request failed with status code %d.") % answer.status, code=str(answer.status)
            )
        return {"status": answer.status}
