"""Several branches, each started when the one before has ended or waits (spec 5.22)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.instructions.base import NOTHING, Instruction, NodeConfig, Outcome, Step, StepJob, Wait
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode

Mode = Literal["all", "any", "race", "allSettled"]
Statuses = Sequence[int | None]


class ParallelConfig(NodeConfig):
    mode: Mode = "all"

    @field_validator("mode", mode="before")
    @classmethod
    def _default_mode(cls, value: object) -> object:
        return "all" if value is None else value


class Parallel(Instruction[ParallelConfig]):
    type = "parallel"
    title = _("Parallel")
    group = _("Control")
    description = _("Runs several branches; goes on when all are done, when any is, or when the first is.")
    Config = ParallelConfig
    branching = True
    shifts = True
    in_turn = True

    def result_shape(self, config: ParallelConfig) -> Shape:
        return Shape("list", _("status of each branch"))

    def run(self, step: Step) -> Outcome:
        """Starts the first branch. The result holds each branch's status, by ascending index, null until it ends."""
        step.input = {"mode": step.config.mode}
        statuses: list[int | None] = [None] * len(step.node.branches)
        return self._start(step, statuses, 0) if statuses else Outcome(result=[])

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        job = step.job
        assert job is not None
        if by is None:
            started: int = job.meta["started"]
            if started == len(job.result) or not starts_next(step.config.mode, job.result[started - 1]):
                return NOTHING
            return self._start(step, job.result, started)
        statuses = [*job.result]
        statuses[_positions(step.node)[by.node_id]] = by.status
        status = verdict(step.config.mode, statuses)
        return Outcome(status, statuses, job.meta, wait=Wait.BRANCH if status == JobStatus.PENDING else None)

    def reopened(
        self, result: Any, meta: Any, ended: Sequence[tuple[int, int]], node: "GraphNode", index: int
    ) -> tuple[Any, Any]:
        """Branches start in order: those up to the one that runs again have, and any later one that has ended."""
        positions = _positions(node)
        statuses: list[int | None] = [None] * len(node.branches)
        for head_id, status in ended:
            statuses[positions[head_id]] = status
        last = max(positions[head_id] for head_id in (node.branches[index].id, *(head_id for head_id, _ in ended)))
        return statuses, {"started": last + 1}

    def _start(self, step: Step, statuses: list[int | None], position: int) -> Outcome:
        return Outcome(
            JobStatus.PENDING,
            statuses,
            {"started": position + 1},
            wait=Wait.BRANCH,
            branch=list(step.node.branches)[position],
            more=position + 1 < len(statuses),
        )


def starts_next(mode: Mode, before: int | None) -> bool:
    """Whether the next branch may start, by the status of the one before (null while it waits)."""
    before = before or 0
    if mode == "all":
        return before >= 0
    if mode == "any":
        return before <= 0
    return mode == "allSettled" or before == 0


def verdict(mode: Mode, statuses: Statuses) -> int:
    """The node's own status, by those of its branches; PENDING while it is open."""
    if mode == "allSettled":
        return JobStatus.RESOLVED if all(statuses) else JobStatus.PENDING
    if mode != "all" and any(status and status > 0 for status in statuses):
        return JobStatus.RESOLVED
    failed = next((status for status in statuses if status and status < 0), None)
    if mode == "any":
        return JobStatus.FAILED if all(statuses) else JobStatus.PENDING
    if failed is not None:
        return failed
    return JobStatus.RESOLVED if mode == "all" and all(statuses) else JobStatus.PENDING


def _positions(node: "GraphNode") -> dict[int, int]:
    """The position of the branch that each node below stands in; kept on the node, as a version's graph never changes.

    Nodes at any depth: a condition hands up the failed job of its own branch.
    """
    found: dict[int, int] | None = node.__dict__.get("parallel_positions")
    if found is None:
        found = {}
        for position, head in enumerate(node.branches.values()):
            for inside in head.line():
                found[inside.id] = position
                found.update((deeper.id, position) for deeper in inside.below())
        node.__dict__["parallel_positions"] = found
    return found
