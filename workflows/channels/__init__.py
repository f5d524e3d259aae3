"""What notifications go over. Third parties add kinds of channels from their `AppConfig.ready`.

A kind is code, a channel is a name in `SLUICE["CHANNELS"]` with its type and options: workflows name channels and never
see what is in the options.
"""

import builtins
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict

from workflows.conf import conf
from workflows.errors import Invalid
from workflows.instructions.base import NodeConfig, parse_config

__all__ = ["Channel", "Options", "channel", "channels", "register_channel"]


class Options(BaseModel):
    """The base of what `SLUICE["CHANNELS"]` says of a channel, beside its type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel:
    """The base of kinds of channels. One instance serves every thread: keep no state."""

    type: ClassVar[str]
    title: ClassVar[str | Promise]
    Options: ClassVar[builtins.type[BaseModel]] = Options
    #: What a node says of a message; its texts may hold templates.
    Message: ClassVar[builtins.type[NodeConfig]] = NodeConfig

    def check(self, options: Any, message: Any) -> None:
        """What the schema of the message can't say, before it is rendered. Raises `Invalid` with paths."""

    def send(self, options: Any, message: dict[str, Any], *, seconds: float, key: str) -> Any:
        """Sends the rendered message and answers what is kept of it as JSON; at most `seconds` a call.

        `key` is the same for all attempts. A `SluiceError` says that the message was not taken.
        """
        raise NotImplementedError


_registry: dict[str, Channel] = {}


def register_channel(kind: type[Channel] | Channel) -> None:
    """Adds a kind of channel, or replaces the one of the same type."""
    instance = kind() if isinstance(kind, type) else kind
    _registry[instance.type] = instance


def channels() -> dict[str, Channel]:
    """All kinds by type."""
    return dict(_registry)


def channel(name: str) -> tuple[Channel, Any]:
    """The kind of the channel of this name, and its options.

    Raises `Invalid` (field "channelName") if there is none, or if the settings are wrong about it.
    """
    configured = conf().CHANNELS
    if name not in configured:
        known = ", ".join(sorted(configured)) or _("none")
        raise Invalid(
            _("There is no channel %(name)r; SLUICE['CHANNELS'] has: %(known)s.") % {"name": name, "known": known},
            field="channelName",
        )
    options = dict(configured[name])
    kind = _registry.get(options.pop("type", ""))
    if kind is None:
        raise Invalid(
            _("The type of the channel %(name)r is not known; SLUICE['CHANNELS'] may say: %(known)s.")
            % {"name": name, "known": ", ".join(sorted(_registry))},
            field="channelName",
        )
    try:
        return kind, parse_config(kind.Options, options)
    except Invalid as error:
        raise Invalid(
            _("The channel %(name)r is set up wrongly in SLUICE['CHANNELS']: %(error)s")
            % {"name": name, "error": error},
            field="channelName",
        ) from None
