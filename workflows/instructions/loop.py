"""The same branch again for each item (spec 5.18)."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.conf import conf
from workflows.expressions.paths import whole_path
from workflows.instructions.base import Branch, Instruction, NodeConfig, Outcome, Step, StepJob, Wait
from workflows.instructions.evaluating import Decision, Question, located
from workflows.instructions.loop_rounds import item_of_round, with_refused
from workflows.instructions.loop_target import Target
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode
    from workflows.models import Workflow

#: What a failed round means to the loop: it fails too, it ends well, or it goes on.
RETURN: Final = 0
BREAK: Final = 1
CONTINUE: Final = 2
#: When the condition is first asked: before the first round, or after it.
BEFORE: Final = 0
AFTER: Final = 1
_COUNTS = ("index", "sequence", "length")
#: Items refused in a row before the run's time-out and a cancel get their turn.
MOST_SKIPPED = 10_000


class LoopCondition(Decision):
    checkpoint: Literal[0, 1] = BEFORE
    #: Skip the item that is refused, instead of leaving the loop.
    continue_on_false: bool = False


class LoopConfig(NodeConfig):
    #: A list, a number, or a template for either.
    target: Any = None
    condition: LoopCondition | None = None
    exit: Literal[0, 1, 2] = RETURN

    @field_validator("condition", mode="before")
    @classmethod
    def _no_condition(cls, value: object) -> object:
        return value or None

    @field_validator("exit", mode="before")
    @classmethod
    def _default_exit(cls, value: object) -> object:
        return RETURN if value is None else value


class Compiled(NamedTuple):
    target: Target
    question: Question | None


class Loop(Instruction[LoopConfig]):
    type = "loop"
    title = _("Loop")
    group = _("Control")
    description = _("Runs its branch once for each item of a list, or a number of times.")
    Config = LoopConfig
    repeats = True
    expressions = ("condition.expression",)
    branching = True

    def branches(self, config: LoopConfig) -> list[Branch]:
        return [Branch(0, _("Each item"))]

    def check(self, config: LoopConfig, workflow: "Workflow | None" = None) -> None:
        with located("target"):
            Target(config.target)
        if config.condition is not None:
            config.condition.check("condition.")

    def compile(self, config: LoopConfig) -> Compiled:
        condition = config.condition
        asks = condition is not None and (condition.calculation or condition.expression)
        return Compiled(Target(config.target), condition.compile() if condition is not None and asks else None)

    def run(self, step: Step) -> Outcome:
        """Raises `Invalid` for a target below 0. The length stays that of the start, whatever becomes of the target."""
        step.input = _input(step)
        length = step.compiled.target.length(step.scope)
        if not length or not step.node.branches:
            return Outcome(result={"looped": 0, "done": 0})
        condition = step.config.condition
        return self._next(step, 0, 0, {"length": length}, ask=condition is not None and condition.checkpoint == BEFORE)

    def resume(self, step: Step) -> Outcome:
        """The turn given up after many refused items is back."""
        job = step.job
        assert job is not None
        return self._next(step, job.result["looped"], job.result["done"], job.meta)

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        job = step.job
        assert job is not None
        assert by is not None
        looped, done = job.result["looped"] + 1, job.result["done"]
        if by.status > 0 or step.config.exit == CONTINUE:
            return self._next(step, looped, done + 1, job.meta)
        result = {"looped": looped, "done": done}
        if step.config.exit == BREAK:
            return Outcome(result=result | {"broken": True})
        return Outcome(by.status, result)

    def _next(self, step: Step, looped: int, done: int, meta: dict[str, Any], *, ask: bool = True) -> Outcome:
        """Starts the round of the next item that the condition lets pass, or ends the loop.

        `meta` is the job's: the length and, once there are any, the items that were refused (loop_rounds).
        """
        question: Question | None = step.compiled.question if ask else None
        length, first = meta["length"], looped
        most = looped + MOST_SKIPPED
        while question is not None and looped < min(length, most):
            inside = self._inside(step, looped, length)
            if question.answer(inside):
                break
            if not step.config.condition.continue_on_false:
                asked = {**_input(step), "condition": question.shown(inside)}
                return Outcome(result={"looped": looped, "done": done, "broken": True}, meta=meta, input=asked)
            looped += 1
        if looped > first:
            meta = {**meta, "refused": with_refused(meta.get("refused", ""), first, looped)}
        result = {"looped": looped, "done": done}
        if looped == most:
            return Outcome(JobStatus.PENDING, result, meta, wait=Wait.TIMER, delay=0)
        if looped >= length:
            return Outcome(result=result, meta=meta)
        limit = conf().LOOP_LIMIT
        if limit is not None and done >= limit:
            return Outcome(JobStatus.ERROR, result | {"exceeded": True}, meta)
        return Outcome(JobStatus.PENDING, result, meta, wait=Wait.BRANCH, branch=next(iter(step.node.branches)))

    def reopened(
        self, result: Any, meta: Any, ended: Sequence[tuple[int, int]], node: "GraphNode", index: int
    ) -> tuple[Any, Any]:
        """The jobs tell how many rounds ran; the items refused in between made none."""
        done, refused = len(ended), meta.get("refused", "")
        looped, before = item_of_round(refused, done)
        kept = {name: value for name, value in meta.items() if name != "refused"}
        return {"looped": looped, "done": done}, {**kept, "refused": before} if before else kept

    def result_shape(self, config: LoopConfig) -> Shape:
        return Shape("object", parts={"looped": Shape("number"), "done": Shape("number"), "broken": Shape("boolean")})

    def local_shape(self, config: LoopConfig, look: Callable[[str], Shape]) -> Shape:
        path = whole_path(config.target)
        items = look(path) if path else ANY
        item = replace(items, kind="object") if items.kind == "list" and items.parts else ANY
        return Shape("object", parts={"item": item, **{name: Shape("number") for name in _COUNTS}})

    def local_scope(self, step: Step) -> dict[str, Any] | None:
        job = step.job
        assert job is not None
        looped = job.result.get("looped", 0) if isinstance(job.result, dict) else 0
        length = job.meta.get("length", 0) if isinstance(job.meta, dict) else 0
        return self._locals(step, looped, length)

    def _locals(self, step: Step, index: int, length: int) -> dict[str, Any]:
        item = step.compiled.target.item(step.scope, index)
        return {"item": item, "index": index, "sequence": index + 1, "length": length}

    def _inside(self, step: Step, index: int, length: int) -> Mapping[str, Any]:
        """The scope as the branch will see it: the condition may ask for the item at hand."""
        mine = self._locals(step, index, length)
        scopes = {**step.scope.get("$scopes", {}), step.node.key: mine, str(step.node.id): mine}
        inside: dict[str, Any] = {"$scopes": scopes}
        scope: Mapping[str, Any] = ChainMap(inside, step.scope)  # type: ignore[arg-type]
        inside["ctx"] = scope
        return scope


def _input(step: Step) -> dict[str, Any]:
    return {"target": step.compiled.target.shown(step.scope), "exit": step.config.exit}
