"""The end of the whole run, from whatever depth (spec 5.8)."""

from typing import Literal

from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step


class EndConfig(NodeConfig):
    #: 1 resolved, -1 failed.
    end_status: Literal[1, -1] = 1

    @field_validator("end_status", mode="before")
    @classmethod
    def _default(cls, value: object) -> object:
        return 1 if value is None else value


class End(Instruction[EndConfig]):
    type = "end"
    title = _("End")
    group = _("Control")
    description = _("Ends the execution here and now, as resolved or as failed.")
    Config = EndConfig

    def run(self, step: Step) -> Outcome:
        status = step.config.end_status
        step.input = {"endStatus": status}
        return Outcome(status, end=status)
