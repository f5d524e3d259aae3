"""Runs in memory, taken on segment by segment: what unit tests of the processor need."""

from contextlib import nullcontext
from typing import Any

from executions.processor import Processor
from executions.run import Run
from executions.runjob import RunJob
from executions.store.memory import MemoryStore
from tests.building import Steps
from workflows.graph import Graph
from workflows.instructions.base import Outcome
from workflows.models import Node, Workflow
from workflows.statuses import JobStatus


def graph_of(steps: Steps, **options: Any) -> Graph:
    """The graph of nested lists (tests.building), unsaved; keys are n1, n2 ..., ids 1, 2 ... in reading order."""
    workflow = Workflow(pk=1, key="w", title="A test", type="manual", options=options)
    nodes: list[Node] = []
    _line(nodes, workflow, steps, None, None)
    return Graph(workflow, nodes)


def _line(nodes: list[Node], workflow: Workflow, steps: Steps, before: Node | None, branch: int | None) -> None:
    for kind, config, *rest in steps:
        number = len(nodes) + 1
        node = Node(pk=number, key=f"n{number}", workflow=workflow, type=kind, config=config)
        node.policy = rest[1] if len(rest) > 1 else {}
        node.upstream, node.branch_index = before, branch
        nodes.append(node)
        if before is not None and branch is None:
            before.downstream = node
        for index, below in (rest[0] if rest else {}).items():
            _line(nodes, workflow, below, node, index)
        before, branch = node, None


class Killed(Exception):
    """The worker died: its segment is lost."""


class Walk:
    """A run of these steps in memory, taken on segment by segment."""

    def __init__(self, steps: Steps, context: Any = None, **options: Any) -> None:
        self.graph = graph_of(steps, **options)
        self.store = MemoryStore()
        self.clock = self.store.clock
        self.id = self.store.add(self.graph, context)

    def segment(self, moves: int = 1, *, killed: bool = False) -> "Walk":
        """One claim's work, of at most so many moves; of a killed worker nothing is committed."""
        with self.store.segment():
            [run] = self.store.claim_one(self.id)
            self._processor(run, moves).advance()
            self.store.write([run], self.clock.now())
            if killed:
                raise Killed
        return self

    def _processor(self, run: Run, moves: int = 1_000_000) -> Processor:
        run.graph = self.graph
        self.store.load_jobs([run])
        left = iter(range(moves - 1))
        return Processor(
            run,
            self.clock,
            savepoint=lambda writes: nullcontext(),
            transient=lambda error: False,
            enough=lambda wrote: next(left, None) is None,
        )

    def due(self) -> bool:
        """Whether it has something to do now; what an ended run has to tell is not the processor's."""
        run = self.run
        return not run.ended and run.due_at is not None and run.due_at <= self.clock.now()

    def settle(self) -> "Walk":
        """Goes on until nothing is due now."""
        while self.due():
            self.segment(moves=1_000_000)
        return self

    def later(self, seconds: float) -> "Walk":
        self.clock.move(seconds)
        return self.settle()

    def complete(self, key: str, status: int = JobStatus.RESOLVED, result: Any = None) -> "Walk":
        """Completes the oldest waiting job of this node from outside, as people do; nothing is run yet."""
        with self.store.segment():
            [run] = self.store.claim_one(self.id)
            processor = self._processor(run)
            job = run.known[min(number for number in run.pending if run.known[number].node_key == key)]
            processor.complete(job, Outcome(status=status, result=result), again=False)
            self.store.write([run], self.clock.now())
        return self

    @property
    def run(self) -> Run:
        return self.store.read(self.id)

    @property
    def jobs(self) -> list[RunJob]:
        return list(self.run.known.values())

    @property
    def statuses(self) -> list[tuple[str, int]]:
        return [(job.node_key, job.status) for job in self.jobs]

    def job(self, key: str) -> RunJob:
        return [job for job in self.jobs if job.node_key == key][-1]

    def agenda(self, names: dict[str, str] | None = None) -> str:
        """The moves as engine.md writes them; nodes and their jobs go by these names of the nodes' keys."""
        run = self.run
        names = names or {}

        def name(number: int | None) -> str:
            return "-" if number is None else names.get(run.known[number].node_key, run.known[number].node_key)

        def move(kind: str, first: Any, *rest: Any) -> str:
            node = self.graph.nodes[first].key if kind == "run" else None
            shown = names.get(node, node) if node is not None else name(first)
            return f"[{' '.join([kind, shown, *map(name, rest)])}]"

        return "".join(move(*each) for each in run.agenda)


def give(value: Any) -> tuple[str, dict[str, Any]]:
    return ("t-do", {"act": "give", "value": value})


def condition(holds: bool, branches: dict[int, Steps] | None = None) -> tuple[Any, ...]:
    text = "1 == 1" if holds else "1 == 2"
    return ("condition", {"engine": "math.js", "expression": text, "rejectOnFalse": False}, branches or {})


WAIT = ("t-do", {"act": "wait"})
FAIL = ("t-do", {"act": "fail"})
PASS = give("passed")


def delay(seconds: int) -> tuple[str, dict[str, Any]]:
    return ("delay", {"duration": seconds, "unit": 1_000})


def retried(step: tuple[Any, ...], **policy: Any) -> tuple[Any, ...]:
    kind, config, *rest = step
    return (kind, config, rest[0] if rest else {}, policy)


def loop(target: Any, inside: Steps, **config: Any) -> tuple[Any, ...]:
    return ("loop", {"target": target, **config}, {0: inside})


def parallel(mode: str, *branches: Steps) -> tuple[Any, ...]:
    return ("parallel", {"mode": mode}, dict(enumerate(branches)))


def cases(*held: bool, branches: dict[int, Steps]) -> tuple[Any, ...]:
    conditions = [{"engine": "math.js", "expression": "1 == 1" if holds else "1 == 2"} for holds in held]
    return ("multi-conditions", {"conditions": conditions}, branches)
