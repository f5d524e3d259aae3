"""Many ways: the first condition that holds decides (spec 5.3)."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflows.errors import check_all
from workflows.expressions import ExpressionError
from workflows.instructions.base import Branch, Instruction, NodeConfig, Outcome, Step, StepJob
from workflows.instructions.evaluating import Decision, Question
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

OTHERWISE = 0


class Case(Decision):
    uid: str = ""
    title: str | None = None


class MultiConditionsConfig(NodeConfig):
    conditions: list[Case] = []
    #: Go on when none holds, instead of ending the line FAILED.
    continue_on_no_match: bool = False


class MultiConditions(Instruction[MultiConditionsConfig]):
    type = "multi-conditions"
    title = _("Multi-conditions")
    group = _("Control")
    description = _("Goes the way of the first condition that holds, or the way for all other cases.")
    Config = MultiConditionsConfig
    verbatim = ("conditions.*.title", "conditions.*.uid")
    expressions = ("conditions.*.expression",)
    branching = True
    listed = True
    decides = False
    testable = True

    def branches(self, config: MultiConditionsConfig) -> list[Branch]:
        cases = enumerate(config.conditions, start=1)
        return [
            *(Branch(index, case.title or gettext("Condition %d") % index) for index, case in cases),
            Branch(OTHERWISE, _("Otherwise")),
        ]

    def check(self, config: MultiConditionsConfig, workflow: "Workflow | None" = None) -> None:
        check_all(*(partial(case.check, f"conditions.{place}.") for place, case in enumerate(config.conditions)))

    def compile(self, config: MultiConditionsConfig) -> list[Question]:
        return [case.compile() for case in config.conditions]

    def run(self, step: Step) -> Outcome:
        """Asks in order and stops at the first that holds; `meta.conditions` keeps the answers so far."""
        answers: list[Any] = []
        meta = {"conditions": answers}
        asked: list[Any] = []
        step.input = {"conditions": asked}
        try:
            for index, question in enumerate(step.compiled, start=1):
                asked.append(question.shown(step.scope))
                answers.append(question.answer(step.scope))
                if answers[-1]:
                    return self._go(step, index, Outcome(result=answers[-1], meta=meta))
        except ExpressionError as error:
            answers.append(str(error))
            return Outcome(JobStatus.ERROR, answers[-1], meta)
        status = JobStatus.RESOLVED if step.config.continue_on_no_match else JobStatus.FAILED
        return self._go(step, OTHERWISE, Outcome(status, answers[-1] if answers else None, meta))

    def _go(self, step: Step, index: int, outcome: Outcome) -> Outcome:
        if index in step.node.branches:
            outcome.branch = index
        return outcome

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        """A good end leaves the job as `run` made it, FAILED after "otherwise" too; a failure is handed up."""
        job = step.job
        assert job is not None
        return Outcome(job.status, job.result, job.meta, hand_up=by is not None and by.status < 0)
