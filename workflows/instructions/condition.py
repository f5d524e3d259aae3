"""Two ways: what is true goes the one, what is false the other (spec 5.2)."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from workflows.expressions import ExpressionError
from workflows.instructions.base import Branch, Instruction, Outcome, Step, StepJob
from workflows.instructions.evaluating import Decision, Question
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

TRUE, FALSE = 1, 0


class ConditionConfig(Decision):
    #: End the line FAILED on false, instead of taking the false branch.
    reject_on_false: bool = False


class Condition(Instruction[ConditionConfig]):
    type = "condition"
    title = _("Condition")
    group = _("Control")
    description = _("Goes one way when something is true and another when it is false, or stops when it is false.")
    Config = ConditionConfig
    expressions = ("expression",)
    branching = True
    decides = False
    testable = True

    def branches(self, config: ConditionConfig) -> list[Branch]:
        return [Branch(TRUE, _("If true")), Branch(FALSE, _("If false"))]

    def check(self, config: ConditionConfig, workflow: "Workflow | None" = None) -> None:
        config.check()

    def compile(self, config: ConditionConfig) -> Question:
        return config.compile()

    def run(self, step: Step) -> Outcome:
        """Takes the branch of the result's truth; without that branch the line simply goes on."""
        try:
            question: Question = step.compiled
            step.input = question.shown(step.scope)
            result = question.answer(step.scope)
        except ExpressionError as error:
            return Outcome(JobStatus.ERROR, str(error))
        if not result and step.config.reject_on_false:
            return Outcome(JobStatus.FAILED, result)
        index = TRUE if result else FALSE
        return Outcome(result=result, branch=index if index in step.node.branches else None)

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        """A good end goes on behind the condition; a failure is handed up, for a loop around it to deal with."""
        job = step.job
        assert job is not None
        return Outcome(job.status, job.result, job.meta, hand_up=by is not None and by.status < 0)

    def test(self, config: dict[str, object]) -> Outcome:
        parsed = self.parse(config)
        try:
            return Outcome(result=parsed.compile().answer({}))
        except ExpressionError as error:
            return Outcome(JobStatus.ERROR, str(error))
