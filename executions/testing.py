"""For tests of host projects: `drain` runs what is due in this process, `simulate` runs a workflow without a trace."""

from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions.drain import drain_all
from executions.models import Execution
from executions.processor import LeaveSegment, Processor
from executions.run import Run
from executions.runjob import RunJob
from executions.statuses import ExecutionStatus
from executions.store import session
from executions.store.memory import MemoryStore
from workflows.errors import Invalid
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Effect, Outcome, Step, Wait
from workflows.jsonable import jsonable
from workflows.models import Node, Workflow

__all__ = ["Outcome", "Simulation", "Unanswered", "drain", "simulate"]

Answers = Mapping[str, Any]


def drain(queue: str | None = None, *, seconds: float = 30.0) -> int:
    """Runs and performs all that is due on the queue (None: SLUICE["QUEUE"]), here and now; answers how much that was.

    What only waits until a response has been sent is due too. Raises `TimeoutError` when something is still due after
    `seconds`.
    """
    waiting = Execution.objects.using(session.alias()).filter(status=None, parked=None, paused_at=None)
    waiting.filter(due_at__gt=Now()).update(due_at=Now(), turn=F("turn") + 1, updated_at=Now())
    return drain_all(queue, seconds=seconds)


class Unanswered(Invalid):
    """A simulated step touches the world, and the test gave no answer for it."""

    code = "unanswered"


@dataclass(frozen=True)
class Simulation:
    """What a simulated run came to. Of one that waits for somebody outside, `status` is STARTED."""

    status: ExecutionStatus
    output: Any
    error: str | None
    reason: str | None
    #: In the order they were made: number, node_key, status, result, input, parent, upstream, attempts, log ...
    jobs: list[RunJob]
    #: How much time passed in it.
    took: timedelta

    def result(self, node_key: str) -> Any:
        """The latest result of this node, as templates see it. Raises KeyError for a node that was not reached."""
        for job in reversed(self.jobs):
            if job.node_key == node_key:
                return job.result
        raise KeyError(node_key)


def simulate(workflow: Workflow, context: Any = None, *, complete: Answers | None = None) -> Simulation:
    """Runs this version's saved nodes with `context` as `$context`, in memory: no row is written, no delay waited for.

    Steps that write rows or call the world are not made but answered, by node key: with the result, with an `Outcome`,
    or with a function of the `Step` that gives either. So are steps that wait for somebody outside; without an answer
    the run ends waiting. Raises `Unanswered` (field "complete.<node key>") where a step needs an answer and has none,
    and `Invalid` for an answer to a node that the version has not.
    """
    answers = complete or {}
    graph = Graph(workflow, Node.objects.filter(workflow=workflow))
    for key in answers.keys() - graph.by_key.keys():
        raise Invalid(_("The workflow has no node with the key %r.") % key, field=f"complete.{key}")
    for node in graph.nodes.values():
        _answer_instead(node, answers)
    store = MemoryStore()
    execution_id = store.add(graph, jsonable(context))
    run = store.read(execution_id)
    while run.due_at is not None and not run.ended:
        store.clock.jump(run.due_at)
        _segment(store, execution_id, graph, answers)
        run = store.read(execution_id)
    assert run.status is not None
    jobs = list(run.known.values())
    took = timedelta(seconds=store.clock.elapsed())
    return Simulation(ExecutionStatus(run.status), run.output, run.error, run.reason, jobs, took)


def _segment(store: MemoryStore, execution_id: int, graph: Graph, answers: Answers) -> None:
    with store.segment():
        [run] = store.claim_one(execution_id)
        run.graph = graph
        store.load_jobs([run])
        processor = Processor(run, store.clock, savepoint=lambda writes: nullcontext(), transient=_is_unanswered)
        try:
            processor.advance()
        except LeaveSegment as error:
            raise error.__cause__ or error from None
        if not run.ended:
            _complete(run, processor, answers)
        store.write([run], store.clock.now())


def _is_unanswered(error: BaseException) -> bool:
    """The one error that is no step's result: it has to reach the test."""
    return isinstance(error, Unanswered)


def _complete(run: Run, processor: Processor, answers: Answers) -> None:
    """Completes what waits for somebody outside and has an answer."""
    waiting = [run.known[number] for number in sorted(run.pending)]
    for job in waiting:
        if job.wait == Wait.OUTSIDE and job.node_key in answers and not run.ended:
            processor.complete(job, _outcome(answers[job.node_key], processor.step(job)), again=False)


def _answer_instead(node: GraphNode, answers: Answers) -> None:
    """Makes a node that touches the world one that is answered in memory; it renders its input as before."""
    try:
        effect = node.effect
    except Exception:
        # Its configuration is broken: running it says so.
        return
    if effect is Effect.PURE:
        return
    real = node.instruction

    def run(step: Step) -> Outcome:
        rendered = real.input_of(step)
        if node.key not in answers:
            raise Unanswered(
                _("Node %(key)s (%(title)s) is a %(type)s: say what it answers, with complete={%(key)r: ...}.")
                % {"key": node.key, "title": node.title or node.type, "type": node.type},
                field=f"complete.{node.key}",
            )
        outcome = _outcome(answers[node.key], step)
        if outcome.input is None:
            outcome.input = rendered
        return outcome

    node.instruction = copy(real)
    node.instruction.run = run  # type: ignore[method-assign]
    node.effect = Effect.PURE


def _outcome(answer: Any, step: Step) -> Outcome:
    given = answer(step) if callable(answer) else answer
    return copy(given) if isinstance(given, Outcome) else Outcome(result=given)
