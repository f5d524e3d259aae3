"""What a node kind is: its configuration, its effect, and what it does with a step.

An instruction gets a `Step` and answers an `Outcome`. It never touches the engine's own rows: what shall be kept goes
into
the outcome, and the journal writes it in the segment's commit.
"""

import builtins
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from workflows.answering import Part
from workflows.errors import Invalid
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode
    from workflows.models import Workflow

UNSET: Any = object()


class Effect(StrEnum):
    """What a step touches, and so how it runs (design 2)."""

    #: Nothing outside the run: in memory, jobs buffered.
    PURE = "pure"
    #: Rows on the engine's database: in a savepoint of the segment's transaction, exactly once.
    TRANSACTIONAL = "transactional"
    #: The world: never inside a transaction, called by a performer.
    EXTERNAL = "external"


class Wait(StrEnum):
    """What a pending job waits for; engine.md says who comes for each."""

    TIMER = "timer"
    ATTEMPT = "attempt"
    PERFORMER = "performer"
    CALL = "call"
    OUTSIDE = "outside"
    BRANCH = "branch"


class NodeConfig(BaseModel):
    """The base of every kind's configuration: camelCase in JSON; unknown keys are kept and ignored (spec 3.2)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


@dataclass(slots=True)
class StepJob:
    """A job as instructions see it: numbers are those of the run."""

    number: int
    node_id: int
    node_key: str
    status: int
    result: Any = None
    meta: Any = None


@dataclass(slots=True)
class Step:
    """What an instruction is handed."""

    node: "GraphNode"
    #: What templates see: `$context`, `$jobsMapByNodeKey`, `$system`, `$scopes`, `$env`, `ctx`; made and loaded on
    #: demand.
    scope: Mapping[str, Any]
    #: The database's time.
    now: datetime
    #: The job this step follows; None at the head.
    previous: StepJob | None = None
    #: The node's own job: set in `resume`, `branch` and `perform`.
    job: StepJob | None = None
    #: 1 for the first attempt, 2 for the first retry ...
    attempt: int = 1
    execution_id: int = 0
    #: One for all attempts of one job; hand it to services that know idempotency keys.
    idempotency_key: str = ""
    #: Seconds an attempt may take; None leaves it to the kind.
    timeout: float | None = None
    #: Whether a request waits for what the run answers (`workflows.answering`).
    in_request: bool = False
    #: Set by the instruction as soon as it is known: what is kept as the job's input where the outcome brings none, so
    #: also when the step fails.
    input: Any = None

    @property
    def config(self) -> Any:
        """The kind's `Config`, templates not rendered."""
        return self.node.config

    @property
    def compiled(self) -> Any:
        """What the kind's `compile` made of the configuration; made once per version."""
        return self.node.compiled


@dataclass(slots=True)
class ChildRequest:
    """A run to start in the commit of the job that waits for it."""

    workflow_id: int
    context: Any


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A task for one person, written in the commit of the job that asks for it; once per (job, user, round).

    With its job decided, or its run ended, what is still pending is closed as ABORTED; copies ("cc") stay.
    """

    #: The primary key of a user.
    user_id: Any
    #: Rendered; at most 255 characters are kept.
    title: str = ""
    #: A value of `executions.models.TaskType`.
    type: str = "manual"
    status: int = JobStatus.PENDING
    #: A job that asks the same person again (an attempt, a round of an approval) counts on.
    round: int = 1
    order: int = 0
    result: Any = None
    meta: Any = None


@dataclass(slots=True)
class Outcome:
    """What a step came to. The default is: resolved, go on."""

    status: int = JobStatus.RESOLVED
    result: Any = None
    meta: Any = None
    #: The resolved configuration, as it is kept with the job; secrets are masked by the journal.
    input: Any = None
    #: Lines for the job's log: (level, message), level one of DEBUG, INFO, WARN, ERROR.
    log: Sequence[tuple[str, str]] = ()
    #: Of a pending outcome: what it waits for. A branching kind with `branch` set waits for its branch.
    wait: Wait | None = None
    #: Seconds from now until the wait is over; None is never by itself.
    delay: float | None = None
    #: Start this branch under the step's job.
    branch: int | None = None
    #: Ask `branch(step, None)` again when the branch just started has ended or waits.
    more: bool = False
    #: End the line with the branch's last job instead of the node's own (a condition hands a failure up).
    hand_up: bool = False
    #: End the whole run with this job status, from whatever depth.
    end: int | None = None
    #: The run's output; the last one set wins.
    output: Any = UNSET
    #: Further results: {node key: result}, each kept as a resolved job of that node.
    assign: Mapping[str, Any] = field(default_factory=dict)
    #: Of an outcome that waits OUTSIDE: the run whose end completes the job.
    child: ChildRequest | None = None
    #: What people are asked; a kind that waits for the answers says so by `asks`.
    tasks: Sequence[TaskRequest] = ()
    #: What of the request that waits for this run the result is.
    answers: Part | None = None
    #: A failure that is the attempt's own time-out; a retry policy always counts it.
    timed_out: bool = False


#: `branch` answers this when the event changes nothing.
NOTHING = None

ConfigT = TypeVar("ConfigT", bound=NodeConfig)


@dataclass(frozen=True)
class Branch:
    index: int
    label: str | Promise


class Instruction(Generic[ConfigT]):
    """The base of node kinds. One instance serves every node and thread: keep no state."""

    type: ClassVar[str]
    title: ClassVar[str | Promise]
    group: ClassVar[str | Promise] = gettext_lazy("Control")
    description: ClassVar[str | Promise] = ""
    Config: ClassVar[builtins.type[NodeConfig]] = NodeConfig
    effect: ClassVar[Effect] = Effect.PURE
    #: Whether a TRANSACTIONAL kind writes rows, or only reads them.
    writes: ClassVar[bool] = True
    #: Whoever saves a node of this kind needs this permission ("app.codename"); None asks for none.
    permission: ClassVar[str | None] = None
    #: Whether the kind may have branches.
    branching: ClassVar[bool] = False
    #: Whether its job is decided when it is no longer pending (loop, parallel). A condition's never is: its one
    #: branch is all.
    decides: ClassVar[bool] = True
    #: What a lost call becomes where the policy is silent: "again" or "error" (outcome unknown).
    on_lost: ClassVar[str] = "again"
    #: Whether the numbers of its branches are mere places, so that those behind a removed one may be lowered.
    shifts: ClassVar[bool] = False
    #: Whether its branches from 1 on are the items of a list in the configuration.
    listed: ClassVar[bool] = False
    #: Whether it starts its branches one after another, by `more`.
    in_turn: ClassVar[bool] = False
    #: Whether its branch may run several times in one run of the node.
    repeats: ClassVar[bool] = False
    #: Places of the configuration whose texts are no templates (titles, another language): dotted, "*" for any step,
    #: all below them included. In all other texts broken placeholders are refused.
    verbatim: ClassVar[tuple[str, ...]] = ()
    #: Places of expressions, written as those above; the key `engine` beside each says in which language.
    expressions: ClassVar[tuple[str, ...]] = ()
    #: The branch that runs as one transaction: all that is written in it is kept, or nothing.
    atomic_branch: ClassVar[int | None] = None
    #: Whether its job waits for a person, a callback or another run, for which the policy's time-out is then meant.
    waits_outside: ClassVar[bool] = False
    #: Whether its job waits for tasks of people, which are closed with it.
    asks: ClassVar[bool] = False
    #: Seconds an attempt may take where the policy is silent (EXTERNAL kinds).
    attempt_seconds: ClassVar[float] = 60.0

    def parse(self, raw: Any) -> ConfigT:
        """The typed configuration. Raises `Invalid` whose `errors` map dotted paths inside it to sentences."""
        return parse_config(self.Config, raw)  # type: ignore[return-value]

    def check(self, config: ConfigT, workflow: "Workflow | None" = None) -> None:
        """What the schema can't say (the model exists, the expression compiles). Raises `Invalid` with paths."""

    def remarks(self, config: ConfigT) -> list[tuple[str, str]]:
        """What may be meant and is often a mistake: (dotted path, sentence). It is told, and never refused."""
        return []

    def people_of(self, config: ConfigT) -> Mapping[str, Any]:
        """{dotted path: the people whom the configuration names there}, as `workflows.people` reads them."""
        return {}

    def compile(self, config: ConfigT) -> Any:
        """What `run` needs made once per version: templates compiled, expressions parsed."""
        return None

    def branches(self, config: ConfigT) -> list[Branch] | None:
        """The branches a node may have, in order; [] for none, None for any index."""
        return None if self.branching else []

    def effect_of(self, config: ConfigT) -> Effect:
        return self.effect

    def waits_of(self, config: ConfigT) -> bool:
        """Whether such a node always waits, and so can't stand in an atomic branch."""
        return self.waits_outside

    def on_lost_of(self, config: ConfigT) -> str:
        """What a lost call of this node becomes: "again" or "error"."""
        return self.on_lost

    def attempt_seconds_of(self, config: ConfigT) -> float:
        """Seconds an attempt of this node may take where the policy is silent."""
        return self.attempt_seconds

    def written_models(self, config: ConfigT) -> list[tuple[str, str]]:
        """(collection, "add" | "change" | "delete") of models it writes: who saves the node needs that permission."""
        return []

    def run(self, step: Step) -> Outcome:
        """The step: PURE kinds in memory, TRANSACTIONAL ones in a savepoint. EXTERNAL kinds have `perform` instead."""
        raise NotImplementedError

    def resume(self, step: Step) -> Outcome:
        """The waiting job was completed from outside (`step.job` has status and result) or its timer came."""
        job = step.job
        assert job is not None
        return Outcome(status=job.status or JobStatus.RESOLVED, result=job.result, meta=job.meta)

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        """A branch ended with job `by`, or (`by` None) the branch before ended or waits and the next may start.

        The outcome is the node's own job's new state; `NOTHING` leaves all as it is.
        """
        raise NotImplementedError

    def reopened(
        self, result: Any, meta: Any, ended: Sequence[tuple[int, int]], node: "GraphNode", index: int
    ) -> tuple[Any, Any]:
        """Branching kinds that decide: (result, meta) of a job opened again, as branch `index` runs again from within.

        `ended` are the branches, or rounds of a branch, that stay ended: (the head's node id, status).
        """
        return result, meta

    def perform(self, step: Step) -> Outcome:
        """Calls the world; runs in a thread, outside any transaction. Only EXTERNAL kinds."""
        raise NotImplementedError

    def input_of(self, step: Step) -> Any:
        """EXTERNAL kinds: the resolved configuration as it is kept with the waiting job."""
        return None

    def local_scope(self, step: Step) -> dict[str, Any] | None:
        """What templates inside the branches find under `$scopes.<node key>`; `step.job` is the node's own job."""
        return None

    def result_shape(self, config: ConfigT) -> Shape:
        """What the result looks like, for people who name it in templates."""
        return ANY

    def local_shape(self, config: ConfigT, look: Callable[[str], Shape]) -> Shape:
        """What `local_scope` gives the branches; without parts it is nothing. `look` tells what lies at a path."""
        return ANY

    #: Whether the kind can be tried alone, by `test`.
    testable: ClassVar[bool] = False

    def tried_within(self, config: ConfigT, seconds: float) -> AbstractContextManager[bool]:
        """Around a trial, which may take so long; what it gives is whether writes to a database are taken back."""
        return nullcontext(False)

    def test(self, config: dict[str, Any]) -> Outcome:
        """Tries the kind alone with this configuration, without a run. Raises `Invalid` where that makes no sense."""
        from workflows.trying import try_kind

        return try_kind(self, config)


ModelT = TypeVar("ModelT", bound=BaseModel)


def parse_config(model: type[ModelT], raw: Any, prefix: str = "", *, context: Any = None) -> ModelT:
    """Validates `raw` against `model`; errors become `Invalid` with one sentence per dotted path (the first wins).

    `context` is for the model's own validators.
    """
    if not isinstance(raw, dict):
        raise Invalid(_("The configuration is an object of keys and values."), field=prefix or "config")
    try:
        return model.model_validate(raw, context=context)
    except ValidationError as error:
        errors: dict[str, Any] = {}
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            path = ".".join(str(part) for part in ([prefix] if prefix else []) + list(item["loc"]))
            # Pydantic's words before a sentence that a kind's own validator raised.
            errors.setdefault(path or "config", item["msg"].removeprefix("Value error, "))
        first = next(iter(errors))
        raise Invalid(f"{first}: {errors[first]}", field=first, errors=errors) from None
