"""Notifications as mail, over the project's own settings."""

from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from workflows import mail
from workflows.channels import Channel, Options
from workflows.errors import check_all
from workflows.instructions.data import fixed_parts
from workflows.instructions.mailer import MailFields


class MailOptions(Options):
    #: The sender; without one DEFAULT_FROM_EMAIL.
    sender: str = Field(default="", alias="from")


class MailChannel(Channel):
    type = "mail"
    title = _("Mail")
    Options = MailOptions
    Message = MailFields

    def check(self, options: MailOptions, message: MailFields) -> None:
        people = {"to": message.to, "cc": message.cc, "bcc": message.bcc}
        check_all(*(partial(mail.recipients, fixed_parts(value), name) for name, value in people.items()))

    def send(self, options: MailOptions, message: dict[str, Any], *, seconds: float, key: str) -> Any:
        return mail.send(mail.compose({**message, "from": options.sender}), seconds)
