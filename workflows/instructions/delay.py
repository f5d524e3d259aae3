"""A pause of some length (spec 5.13)."""

import math
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.errors import Invalid
from workflows.expressions import Template, compile_template
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step, Wait
from workflows.instructions.evaluating import located
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: The longest pause in milliseconds: ten years.
LONGEST = 10 * 366 * 86_400_000


class DelayConfig(NodeConfig):
    #: A number of units from 1 on, or a template for a number.
    duration: Any = 1
    #: The unit in milliseconds: second, minute, hour, day or week.
    unit: Literal[1_000, 60_000, 3_600_000, 86_400_000, 604_800_000] = 1_000
    #: The job's status when the time is over.
    end_status: Literal[1, -1] = 1

    @field_validator("duration", "unit", "end_status", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].default if value is None else value

    @field_validator("duration")
    @classmethod
    def _number_or_text(cls, value: object) -> object:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float | str)
            or (not isinstance(value, str) and value < 1)
        ):
            raise ValueError(gettext("Give a number from 1 on, or a template for one."))
        return value


class Delay(Instruction[DelayConfig]):
    type = "delay"
    title = _("Delay")
    group = _("Control")
    description = _("Waits for a time, then goes on or fails.")
    Config = DelayConfig

    def check(self, config: DelayConfig, workflow: "Workflow | None" = None) -> None:
        with located("duration"):
            duration = compile_template(config.duration)
            if duration.constant:
                milliseconds(config.duration, config.unit)

    def compile(self, config: DelayConfig) -> Template:
        return compile_template(config.duration)

    def run(self, step: Step) -> Outcome:
        """The result is the pause in milliseconds. Raises `Invalid` for a duration that is no number."""
        config, duration = step.config, step.compiled.render(step.scope)
        step.input = {"duration": duration, "unit": config.unit, "endStatus": config.end_status}
        pause = milliseconds(duration, config.unit)
        return Outcome(JobStatus.PENDING, pause, wait=Wait.TIMER, delay=pause / 1000)

    def waits_of(self, config: DelayConfig) -> bool:
        return True

    def result_shape(self, config: DelayConfig) -> Shape:
        return Shape("number", _("milliseconds"))

    def resume(self, step: Step) -> Outcome:
        """The time is over, or somebody ended the pause from outside with a status of their own."""
        job = step.job
        assert job is not None
        return Outcome(job.status or step.config.end_status, job.result, job.meta)


def milliseconds(duration: Any, unit: int) -> int:
    """Of a number or a text that is one; what lies before now is no pause. Raises `Invalid`."""
    try:
        pause = math.nan if isinstance(duration, bool) else float(duration) * unit
    except (TypeError, ValueError, OverflowError):
        pause = math.nan
    if not -LONGEST <= pause <= LONGEST:
        raise Invalid(
            gettext("The duration %r is no length of time; give a number of units, ten years at most.") % duration,
            field="duration",
        )
    return max(round(pause), 0)
