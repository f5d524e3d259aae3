"""A wait for somebody outside, who names it by a token (spec cloud-dialects 1.2, ReportTaskSucceeded)."""

from django.utils.translation import gettext_lazy as _

from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step, Wait
from workflows.shapes import Shape
from workflows.statuses import JobStatus
from workflows.tasktokens import token_for


class Callback(Instruction[NodeConfig]):
    """While it waits its result holds the token, so that steps beside it can hand it out; then what was reported."""

    type = "callback"
    title = _("Callback")
    group = _("Extended")
    description = _("Waits until somebody outside reports how it ended, and hands out the token to report with.")
    waits_outside = True

    def run(self, step: Step) -> Outcome:
        step.input = {}
        token = token_for(step.idempotency_key)
        return Outcome(JobStatus.PENDING, {"token": token}, wait=Wait.OUTSIDE)

    def result_shape(self, config: NodeConfig) -> Shape:
        return Shape("any")
