"""A message over a channel that the project has set up (spec 5.21)."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from workflows.channels import Channel, channel
from workflows.errors import Invalid, SluiceError
from workflows.expressions import Template, compile_template
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step, parse_config
from workflows.keys import check_known
from workflows.secrecy import masked
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow


class NotificationConfig(NodeConfig):
    channel_name: str = ""
    #: As the channel's kind asks for it.
    message: dict[str, Any] = Field(default_factory=dict)
    #: A message that can't be sent is a resolved step all the same.
    ignore_fail: bool = False

    def parsed(self, kind: Channel) -> NodeConfig:
        """The message; keys beside it count too, as other engines' clients write them there."""
        return parse_config(kind.Message, {**(self.model_extra or {}), **self.message}, "message")


class Notification(Instruction[NotificationConfig]):
    type = "notification"
    title = _("Notification")
    group = _("Extended")
    description = _("Sends a message over a channel of the project.")
    Config = NotificationConfig
    effect = Effect.EXTERNAL
    on_lost = "error"
    testable = True

    def check(self, config: NotificationConfig, workflow: "Workflow | None" = None) -> None:
        kind, options = channel(config.channel_name)
        message = config.parsed(kind)
        self.compile(config)
        check_known(kind.Message, config.message, None, "message")
        try:
            kind.check(options, message)
        except Invalid as error:
            raise Invalid(
                error.message,
                field=f"message.{error.field}",
                errors={f"message.{path}": text for path, text in error.errors.items()},
            ) from None

    def compile(self, config: NotificationConfig) -> Template:
        kind, _options = channel(config.channel_name)
        return compile_template(config.parsed(kind).model_dump(by_alias=True, include=set(kind.Message.model_fields)))

    def input_of(self, step: Step) -> Any:
        return masked({"channelName": step.config.channel_name, "message": step.compiled.render(step.scope)})

    def result_shape(self, config: NotificationConfig) -> Shape:
        return Shape("object")

    def perform(self, step: Step) -> Outcome:
        config: NotificationConfig = step.config
        seconds = step.timeout or self.attempt_seconds_of(config)
        try:
            kind, options = channel(config.channel_name)
            message = step.compiled.render(step.scope)
            return Outcome(result=kind.send(options, message, seconds=seconds, key=step.idempotency_key))
        except SluiceError as error:
            return _failed(config, JobStatus.FAILED, {"message": str(error), "code": error.code})
        except Exception as error:
            # A channel of somebody else's: its own errors are the step's.
            return _failed(config, JobStatus.ERROR, {"message": str(error) or type(error).__name__})


def _failed(config: NotificationConfig, status: int, failure: dict[str, Any]) -> Outcome:
    return Outcome(JobStatus.RESOLVED if config.ignore_fail else status, failure)
