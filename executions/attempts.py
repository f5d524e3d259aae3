"""One attempt of one step: the instruction is called, and whatever comes of that is an outcome."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from executions.queued import check_stack
from executions.recording import Texts, fitting
from executions.run import Run
from workflows import ambient
from workflows.errors import Invalid, Refused
from workflows.graph import load_graph
from workflows.instructions.base import ChildRequest, Effect, Outcome, Step
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode

logger = logging.getLogger("sluice.processor")

#: Given whether the step writes rows; one that only reads has no constraint to check.
Savepoint = Callable[[bool], AbstractContextManager[None]]
#: Runs a child here and now for the job of this number; answers what becomes of that, or None if the journal starts it.
CallChild = Callable[[ChildRequest, int], Outcome | None]


class LeaveSegment(Exception):
    """The transaction is no longer usable (deadlock, serialization, lost connection): the segment is done again."""


class _Undo(Exception):
    """A step answers a failure: its savepoint takes back what it wrote, so that a retry doubles nothing."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Attempts:
    """Calls the instructions of one run.

    `savepoint` opens the place a TRANSACTIONAL step works in; `transient` tells errors that are no step's result.
    Without `call_child` the journal starts the runs that steps ask for.
    """

    def __init__(
        self,
        run: Run,
        texts: Texts,
        savepoint: Savepoint,
        transient: Callable[[BaseException], bool],
        call_child: CallChild | None = None,
    ) -> None:
        self._run = run
        self._texts = texts
        self._savepoint = savepoint
        self._transient = transient
        self._call_child = call_child

    def call(self, node: "GraphNode", effect: Effect, method: str, step: Step) -> Outcome:
        """The outcome; an exception is one too, unless the transaction is gone with it: then `LeaveSegment`."""
        # What a kind kept and changed since is another value now.
        self._texts.forget()
        try:
            call = getattr(node.instruction, method)
            if method == "perform":
                # A performer's job has it from the step that handed it over.
                step.input = node.instruction.input_of(step)
            if effect is Effect.TRANSACTIONAL:
                outcome = self._in_savepoint(node, call, step)
            elif effect is Effect.EXTERNAL:
                with ambient.inside(self._run.ancestry):
                    outcome = with_child(call(step), self._run)
            else:
                outcome = with_child(call(step), self._run)
            if outcome.child is not None and self._call_child is not None:
                outcome = self._with_childs_end(outcome, step)
        except _Undo as undo:
            outcome = undo.outcome
        except Exception as error:
            if self._transient(error):
                raise LeaveSegment from error
            outcome = failure(self._run, error)
        if outcome.input is None:
            outcome.input = step.input
        return outcome

    def _in_savepoint(self, node: "GraphNode", call: Callable[[Step], Outcome], step: Step) -> Outcome:
        writes = node.instruction.writes
        self._run.wrote_host |= writes
        with ambient.inside(self._run.ancestry), self._savepoint(writes):
            # Measured in here: what can't be kept is a failure, and takes its writes back too.
            outcome = with_child(fitting(call(step), self._texts, self._run.env), self._run)
            if outcome.status < 0:
                raise _Undo(outcome)
        return outcome

    def _with_childs_end(self, outcome: Outcome, step: Step) -> Outcome:
        """Outside the step's savepoint: what a child that fails wrote before stays, as it does of any run."""
        fit = fitting(outcome, self._texts, self._run.env)
        if fit.child is None or self._call_child is None:
            return fit
        # The job that the step will have, where it has none yet.
        number = step.job.number if step.job is not None else self._run.last_number + 1
        ended = self._call_child(fit.child, number)
        return fit if ended is None else replace(ended, input=fit.input)


def failure(run: Run, error: BaseException) -> Outcome:
    """What an exception in a step comes to."""
    kind = type(error).__name__
    text = run.env.masked(str(error) or kind)
    if not isinstance(error, Invalid):
        # An error's text may have lines of its own; the line at INFO stays one.
        logger.info("A step of execution %s failed: %s: %s", run.id, kind, " ".join(text.split()))
        logger.debug("The traceback of that step of execution %s:", run.id, exc_info=run.env.traceable(error))
    return Outcome(status=JobStatus.ERROR, result={"message": text, "type": kind})


def with_child(outcome: Outcome, run: Run) -> Outcome:
    """The outcome, once the run that it asks for may start.

    Raises `Refused` at the stack limit and where a synchronous workflow asks for another kind's run, `NotFound`.
    """
    if outcome.child is not None:
        graph = load_graph(outcome.child.workflow_id)
        if run.graph.sync and not graph.sync:
            raise Refused(
                _("Workflow %s is not synchronous, so a synchronous one can't call it; call another.") % graph.title
            )
        check_stack(graph.workflow_id, graph.options, run.ancestry)
    return outcome


def effect_of(node: "GraphNode", *, ran: bool = False) -> Effect:
    """What calling the node touches. `ran`: it was performed already, and what was performed resumes in memory."""
    try:
        effect = node.effect
    except Exception:
        # Its configuration is broken: running it says so.
        return Effect.PURE
    return Effect.PURE if ran and effect is Effect.EXTERNAL else effect
