"""Steps that take effect together or not at all (spec 5.31)."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.collections import engine_alias
from workflows.errors import Invalid, check_all
from workflows.instructions.base import Branch, Instruction, NodeConfig, Outcome, Step, StepJob, Wait
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflows.graph import GraphNode
    from workflows.models import Workflow

RUN, ROLLED_BACK = 1, 0
COMMITTED: dict[str, Any] = {"committed": True}


class TransactionConfig(NodeConfig):
    #: "main" is the default alias; only the engine's own database can be meant.
    data_source: str = "main"
    #: Part of what other engines store; a block inside a transaction under way can't choose one.
    isolation_level: str | None = None
    #: A block that was rolled back is a resolved step all the same.
    continue_on_rollback: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].default if value is None else value


class Transaction(Instruction[TransactionConfig]):
    type = "transaction"
    title = _("Transaction")
    group = _("Control")
    description = _("Runs its branch as one transaction: all that it writes is kept, or nothing of it.")
    Config = TransactionConfig
    branching = True
    atomic_branch = RUN

    def branches(self, config: TransactionConfig) -> list[Branch]:
        return [Branch(RUN, _("Inside the transaction")), Branch(ROLLED_BACK, _("After a rollback"))]

    def check(self, config: TransactionConfig, workflow: "Workflow | None" = None) -> None:
        check_all(lambda: _check_alias(config), lambda: _check_level(config))

    def result_shape(self, config: TransactionConfig) -> Shape:
        return Shape("object", parts={"committed": Shape("boolean"), "message": Shape("text")})

    def run(self, step: Step) -> Outcome:
        """Starts the branch; the processor has a savepoint around it."""
        step.input = {"continueOnRollback": step.config.continue_on_rollback}
        self.check(step.config)
        if RUN not in step.node.branches:
            return Outcome(result=COMMITTED)
        return Outcome(JobStatus.PENDING, meta={}, wait=Wait.BRANCH, branch=RUN)

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        """First the block ended, committed or rolled back by then; after a rollback its other branch may end, too."""
        job = step.job
        assert job is not None
        assert by is not None
        goes_on: bool = step.config.continue_on_rollback
        if (cause := (job.meta or {}).get("cause")) is not None:
            failed = cause if not goes_on else by.status
            return Outcome(JobStatus.RESOLVED if goes_on and by.status > 0 else failed, job.result)
        if by.status > 0:
            return Outcome(result=COMMITTED)
        result = rolled_back(by)
        if ROLLED_BACK in step.node.branches:
            return Outcome(JobStatus.PENDING, result, {"cause": int(by.status)}, wait=Wait.BRANCH, branch=ROLLED_BACK)
        return Outcome(JobStatus.RESOLVED if goes_on else by.status, result)

    def reopened(
        self, result: Any, meta: Any, ended: "Sequence[tuple[int, int]]", node: "GraphNode", index: int
    ) -> tuple[Any, Any]:
        """Only its branch after a rollback is ever opened again, and what was rolled back stays so."""
        return result, meta


def rolled_back(by: StepJob) -> dict[str, Any]:
    """The result of a block that this job's end took back."""
    why = by.result.get("message") if isinstance(by.result, dict) else by.result
    ended = JobStatus(by.status).label if by.status in JobStatus.values else by.status
    text = why if isinstance(why, str) and why else gettext("The step ended as %s.") % ended
    return {"committed": False, "message": text, "nodeKey": by.node_key}


def _check_alias(config: TransactionConfig) -> None:
    named = config.data_source
    alias = "default" if named == "main" and named not in settings.DATABASES else named
    if alias != engine_alias():
        raise Invalid(
            gettext(
                "A transaction can only be one of the database %(engine)r, which the engine's own tables are on; leave "
                "dataSource out."
            )
            % {"engine": engine_alias()},
            field="dataSource",
        )


def _check_level(config: TransactionConfig) -> None:
    if config.isolation_level:
        raise Invalid(
            gettext(
                "The isolation level is that of the database's connections, and a node can't change it; leave "
                "isolationLevel out."
            ),
            field="isolationLevel",
        )
