"""What stays of a loop or parallel in which a rerun begins: its rounds and branches, by the jobs that are kept."""

from collections.abc import Iterable
from typing import Any

from executions.models import Job
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Wait
from workflows.policy import ERROR_BRANCH
from workflows.statuses import JobStatus


class Kept:
    """The jobs that an ended run hands on to a new attempt of it."""

    def __init__(self, jobs: Iterable[Job], graph: Graph, later: Iterable[tuple[int | None, int | None]]) -> None:
        """`later`: (parent, node id) of the jobs that are not handed on."""
        self.jobs = list(jobs)
        self.graph = graph
        self.later = {(parent, _branch_of(graph.nodes[node_id])) for parent, node_id in later if parent and node_id}

    def reopen(self, job: Job, node: GraphNode) -> list[list[Any]]:
        """Makes a decided job pending again, as `node` runs again below it; the moves for its other branches.

        One that was begun and not finished starts again at its head: at once, or in turn if none after it has ended.
        """
        above = self._node(job)
        here = node
        while here.parent is not above:
            assert here.parent is not None, "The node stands somewhere below the job's."
            here = here.parent
        mine = _branch_of(here)
        unfinished: list[list[Any]] = []
        moves: list[list[Any]] = []
        ended: list[tuple[int, int]] = []
        # Those of earlier attempts count no more.
        before = max((entry.get("jobs", 0) for entry in job.attempts or ()), default=0)
        for index, head in above.branches.items():
            if index == above.instruction.atomic_branch:
                # Its end is known, and it never begins again without its transaction.
                continue
            # Not those that a step assigned to the head: they follow that step.
            heads = [
                each
                for each in self.jobs
                if each.parent == each.upstream == job.number and each.node_id == head.id and each.number > before
            ]
            begun = sum(1 for each in heads if not is_repeated(each.meta))
            if index == mine:
                # The rounds before the present one, whose first job is not kept if it is the very one that runs again.
                ended += [(head.id, int(JobStatus.RESOLVED))] * (begun - (head is not node))
            elif heads and (status := self._end_of(job.number, index)) is not None:
                ended.append((head.id, status))
            elif heads:
                unfinished.append(["run", head.id, job.number, job.number])
                continue
            else:
                continue
            moves += unfinished
            unfinished = []
        job.result, job.meta = above.instruction.reopened(job.result, job.meta, ended, above, mine)
        job.status = JobStatus.PENDING
        job.wait = Wait.BRANCH.value
        job.ended_at = None
        if above.instruction.in_turn:
            moves.append(["branch", job.number, None])
        return moves

    def _end_of(self, parent: int, index: int) -> int | None:
        """What a branch ended with, or None if it did not end, or went on after the jobs that are handed on."""
        if (parent, index) in self.later:
            return None
        inside = [
            each
            for each in self.jobs
            # What a step assigned to a node in here ended nothing.
            if each.parent == parent and not is_assigned(each.meta) and _branch_of(self._node(each)) == index
        ]
        last = max(inside, key=lambda each: each.number, default=None)
        if last is None or last.status == JobStatus.PENDING:
            return None
        node, status = self._node(last), int(last.status)
        if not node.instruction.decides:
            # Of a condition, the branch it took counts: a failure there is its own.
            taken = {_branch_of(self._node(each)) for each in self.jobs if each.parent == last.number}
            ends = [self._end_of(last.number, each) for each in taken]
            if None in ends:
                return None
            status = next((end for end in ends if end is not None and end < 0), status)
        if status < 0 and node.policy.on_error == "branch" and node.error_head is not None:
            if (taken_by := self._end_of(last.number, ERROR_BRANCH)) is None or taken_by < 0:
                return taken_by
        elif status < 0 and node.policy.on_error != "continue":
            return status
        return int(JobStatus.RESOLVED) if node.downstream is None else None

    def _node(self, job: Job) -> GraphNode:
        return self.graph.nodes[job.node_id or 0]


def is_assigned(meta: Any) -> bool:
    """Whether a job with this `meta` is none that ran: a step gave its node's result a new value."""
    return isinstance(meta, dict) and "assignedBy" in meta


#: In the `meta` of a branch's first job: the branch began again before it ended, so this job counts for no round.
REPEATED = "repeated"


def is_repeated(meta: Any) -> bool:
    return isinstance(meta, dict) and REPEATED in meta


def _branch_of(node: GraphNode) -> int:
    """The index of the branch that the node stands in."""
    index = node.branch
    assert index is not None, "Nodes in a branch lead up to its head."
    return index
