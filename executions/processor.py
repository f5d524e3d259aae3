"""Walks one run through its graph, in memory: a loop over the agenda, never recursion.

It knows no database, Celery or HTTP. What it needs it asks of the run's reader, effects on the host's rows happen
inside
`savepoint`, and everything it did stands in the `Run` for the journal to write.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from executions import recording
from executions.run import ChildRun, Clock, Run, RunJob
from executions.scope import Scope
from executions.statuses import Reason
from workflows import ambient
from workflows.errors import Invalid
from workflows.graph import load_graph
from workflows.instructions.base import UNSET, Effect, Outcome, Step, StepJob, Wait
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode

logger = logging.getLogger("sluice.processor")

#: Given whether the step writes rows; one that only reads has no constraint to check.
Savepoint = Callable[[bool], AbstractContextManager[None]]

#: A step that calls the world waits a little longer than its own time-out before it counts as lost.
CALL_GRACE = 10.0


#: A call lost this often is not tried again, whatever `on_lost` says.
LOST_CALLS = 3


class LeaveSegment(Exception):
    """The transaction is no longer usable (deadlock, serialization, lost connection): the segment is done again."""


class _Undo(Exception):
    """A step answers a failure: its savepoint takes back what it wrote, so that a retry doubles nothing."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Processor:
    """One run under its lock, for one segment.

    `savepoint` opens the place a TRANSACTIONAL step works in. `enough` says that the segment's time is over; asked
    between
    moves with whether rows of the host were written. `inline` performs EXTERNAL steps here and now, once (sync runs).
    """

    def __init__(
        self,
        run: Run,
        clock: Clock,
        *,
        savepoint: Savepoint,
        transient: Callable[[BaseException], bool],
        enough: Callable[[bool], bool] = lambda wrote: False,
        inline: bool = False,
    ) -> None:
        self.run = run
        self.clock = clock
        self.savepoint = savepoint
        self.transient = transient
        self.enough = enough
        self.inline = inline
        self._scopes: dict[int | None, Scope] = {}

    def advance(self) -> None:
        """Begins or continues the run until it ends, waits, or the segment's time is over."""
        run = self.run
        if not self._may_go_on():
            return
        if run.status is None:
            self._begin()
        else:
            self.take_due()
        while run.agenda and not run.ended:
            if run.expires_at is not None and self.clock.now() >= run.expires_at:
                self.expire()
                return
            move = run.agenda.popleft()
            run.changed = True
            getattr(self, f"_move_{move[0]}")(*move[1:])
            if self.enough(run.wrote_host):
                break
        if not run.agenda and not run.ended and not run.pending:
            run.end(JobStatus.ERROR, self.clock.now(), error=_("Nothing is left to do, yet the run has not ended."))

    def _may_go_on(self) -> bool:
        run = self.run
        if run.ended:
            return False
        if run.agenda and run.agenda[0][0] == "caller" and not self.inline:
            # A sync run that is due was never finished by its caller.
            run.end(JobStatus.ABORTED, self.clock.now(), reason=Reason.CALLER_LOST)
            return False
        if run.expires_at is not None and self.clock.now() >= run.expires_at:
            self.expire()
            return False
        return run.paused_at is None and run.parked is None

    def expire(self) -> None:
        self.run.end(JobStatus.ABORTED, self.clock.now(), reason=Reason.TIMEOUT)

    def _begin(self) -> None:
        run = self.run
        now = self.clock.now()
        run.begin(now)
        run.complete = True
        head = run.graph.head
        if head is None:
            run.end(JobStatus.RESOLVED, now)
        else:
            run.agenda.append(["run", head.id, None, None])

    def take_due(self) -> None:
        """Turns pending jobs whose time has come into moves or ends."""
        run = self.run
        now = self.clock.now()
        for number in sorted(run.pending):
            job = run.known[number]
            if job.due_at is None or job.due_at > now or job.wait == Wait.PERFORMER:
                continue
            wait = job.wait
            job.due_at = None
            job.changed = True
            run.changed = True
            if wait == Wait.TIMER:
                run.agenda.append(["resume", number])
            elif wait == Wait.ATTEMPT:
                run.agenda.append(["run", job.node_id, job.upstream, job.parent, number])
            elif wait == Wait.CALL:
                self._lost(job)
            elif wait == Wait.OUTSIDE:
                late = {"message": _("Nobody answered in time.")}
                self.complete(job, Outcome(status=JobStatus.ABORTED, result=late, timed_out=True))

    def _move_run(self, node_id: int, upstream: int | None, parent: int | None, number: int | None = None) -> None:
        if self.decided(parent):
            return
        run = self.run
        node = run.graph.nodes[node_id]
        job = run.job(number) if number is not None else None
        effect = self._effect(node)
        if effect is Effect.EXTERNAL and not self.inline:
            if job is None:
                job = run.add_job(node.id, node.key, parent, upstream, self.clock.now())
                # Performers count their attempts when they claim the job.
                job.attempt = 0
            self._hand_to_performers(job, node)
            return
        previous = run.job(upstream) if upstream is not None else None
        # A kind that looks at its own job needs one; the others get it when they have an outcome.
        step = self._step(node, parent, job, previous)
        outcome = self._call(node, effect, "perform" if effect is Effect.EXTERNAL else "run", step)
        if outcome.status < 0 and outcome.input is None:
            outcome.input = step.input
        if job is None:
            started = step.now
            job = run.add_job(node.id, node.key, parent, upstream, started)
        self.settle(node, job, outcome)

    def _move_resume(self, number: int) -> None:
        run = self.run
        job = run.job(number)
        if self.decided(job.parent):
            self._record_only(job)
            return
        node = run.graph.nodes[job.node_id]
        step = self._step(node, job.parent, job, None)
        self.settle(node, job, self._call(node, self._effect(node, ran=True), "resume", step), again=False)

    def _move_branch(self, number: int, by: int | None) -> None:
        run = self.run
        job = run.job(number)
        node = run.graph.nodes[job.node_id]
        if (node.instruction.decides and not job.pending) or self.decided(job.parent):
            return
        ended_by = run.job(by) if by is not None else None
        step = self._step(node, job.parent, job, None)
        try:
            outcome = node.instruction.branch(step, ended_by)
        except Exception as error:
            outcome = self._error(error)
        if outcome is None:
            return
        if outcome.hand_up:
            assert ended_by is not None, "Only a branch that ended can be handed up."
            self._end_line(job.parent, ended_by)
            return
        self.settle(node, job, outcome, again=False)

    def _effect(self, node: "GraphNode", *, ran: bool = False) -> Effect:
        try:
            effect = node.effect
        except Exception:
            # Its configuration is broken: running it says so.
            return Effect.PURE
        # What was performed resumes in memory.
        return Effect.PURE if ran and effect is Effect.EXTERNAL else effect

    def _call(self, node: "GraphNode", effect: Effect, method: str, step: Step) -> Outcome:
        """The outcome of one attempt; an exception is one too, unless the transaction is gone with it."""
        try:
            call = getattr(node.instruction, method)
            if effect is not Effect.TRANSACTIONAL:
                return call(step)  # type: ignore[no-any-return]
            writes = node.instruction.writes
            self.run.wrote_host |= writes
            with ambient.inside(self.run.ancestry), self.savepoint(writes):
                outcome: Outcome = call(step)
                if outcome.status < 0:
                    raise _Undo(outcome)
            return outcome
        except _Undo as undo:
            return undo.outcome
        except Exception as error:
            if self.transient(error):
                raise LeaveSegment from error
            return self._error(error)

    def _error(self, error: BaseException) -> Outcome:
        kind = type(error).__name__
        text = str(error) or kind
        if not isinstance(error, Invalid):
            # An error's text may have lines of its own; the line at INFO stays one.
            logger.info("A step of execution %s failed: %s: %s", self.run.id, kind, " ".join(text.split()))
            logger.debug("The traceback of that step of execution %s:", self.run.id, exc_info=error)
        return Outcome(status=JobStatus.ERROR, result={"message": text, "type": kind})

    def step(self, job: RunJob) -> Step:
        """What a performer of this job is handed."""
        return self._step(self.run.graph.nodes[job.node_id], job.parent, job, None)

    def _step(self, node: "GraphNode", parent: int | None, job: RunJob | None, previous: StepJob | None) -> Step:
        number = job.number if job is not None else self.run.last_number + 1
        return Step(
            node,
            self.scope(parent),
            self.clock.now(),
            previous,
            job,
            job.attempt if job is not None else 1,
            self.run.id,
            f"{self.run.id}-{number}",
            node.policy.timeout / 1000 if node.policy.timeout else None,
        )

    def scope(self, parent: int | None) -> Scope:
        """What templates see under this parent job. Loops change theirs each round: only the main line's is kept."""
        if parent is None:
            scope = self._scopes.get(None)
            if scope is None:
                scope = self._scopes[None] = Scope(self.run, {})
            return scope
        local_scopes: dict[str, Any] = {}
        number: int | None = parent
        chain = []
        while number is not None:
            job = self.run.job(number)
            chain.append(job)
            number = job.parent
        scope = Scope(self.run, local_scopes)
        for job in reversed(chain):
            node = self.run.graph.nodes[job.node_id]
            step = Step(node, scope, self.clock.now(), None, job, job.attempt, self.run.id)
            found = node.instruction.local_scope(step)
            if found is not None:
                local_scopes[node.key] = found
                local_scopes[str(node.id)] = found
        return scope

    def complete(self, job: RunJob, outcome: Outcome, *, again: bool = True) -> None:
        """A pending job was ended from outside the loop (a performer, a person, a deadline): what follows goes last."""
        later = list(self.run.agenda)
        self.run.agenda.clear()
        node = self.run.graph.nodes[job.node_id]
        if self.decided(job.parent):
            recording.fill(job, outcome, self.run.id, self.clock)
            self.run.close_job(job, outcome.status, self.clock.now())
        else:
            self.settle(node, job, outcome, again=again)
        if not self.run.ended:
            self.run.agenda.extendleft(reversed(later))
        self.run.changed = True

    def settle(self, node: "GraphNode", job: RunJob, outcome: Outcome, *, again: bool = True) -> None:
        """Takes an outcome into the job and puts what follows in front of the agenda. `again`: the policy may retry."""
        run = self.run
        status = outcome.status
        if status < 0 and again and outcome.end is None:
            attempt = job.attempt - recording.lost_calls(job)
            if node.policy.tries_again(status, attempt, timed_out=outcome.timed_out):
                self._try_again(node, job, outcome)
                return
        recording.fill(job, outcome, self.run.id, self.clock)
        if outcome.output is not UNSET:
            run.output = jsonable(outcome.output)
            run.output_set = True
        for key, value in outcome.assign.items():
            self._assign(key, value, job)
        now = self.clock.now()
        if status == JobStatus.PENDING:
            self._wait(job, outcome)
        else:
            recording.note_attempt(job, outcome, self.clock)
            run.close_job(job, status, now)
            if node.branches and node.instruction.decides:
                self._quiet_below(job)
        if outcome.end is not None:
            run.end(outcome.end, now)
        elif outcome.branch is not None:
            self._start_branch(node, job, outcome)
        elif outcome.more:
            run.agenda.appendleft(["branch", job.number, None])
        elif status != JobStatus.PENDING:
            self._follow(node, job, now)

    def _follow(self, node: "GraphNode", job: RunJob, now: Any) -> None:
        """A job ended: its failure goes by the node's policy, else the line goes on or ends."""
        goes_on = job.status > 0
        if job.status < 0 and node.policy.on_error == "continue":
            goes_on = True
        elif job.status < 0 and node.policy.on_error == "ask":
            self.run.end(JobStatus.RETRY_NEEDED, now, error=recording.message_of(job.result))
            return
        if goes_on and node.downstream is not None:
            self.run.agenda.appendleft(["run", node.downstream.id, job.number, job.parent])
        elif goes_on and job.status < 0:
            self._end_line(job.parent, job, JobStatus.RESOLVED)
        else:
            self._end_line(job.parent, job)

    def _end_line(self, parent: int | None, job: RunJob, status: int | None = None) -> None:
        if parent is not None:
            self.run.agenda.appendleft(["branch", parent, job.number])
            return
        ended_with = job.status if status is None else status
        error = recording.message_of(job.result) if ended_with < 0 else None
        # Numbers beyond the named statuses map to their sign (spec nocobase-engine 2.3).
        if ended_with > 1:
            ended_with = 1
        elif ended_with < JobStatus.RETRY_NEEDED:
            ended_with = -1
        self.run.end(ended_with, self.clock.now(), error=error)

    def _start_branch(self, node: "GraphNode", job: RunJob, outcome: Outcome) -> None:
        head = node.branches.get(outcome.branch)  # type: ignore[arg-type]
        follow: list[list[Any]] = []
        if head is not None:
            follow.append(["run", head.id, job.number, job.number])
        if outcome.more or head is None:
            follow.append(["branch", job.number, None])
        self.run.agenda.extendleft(reversed(follow))

    def _wait(self, job: RunJob, outcome: Outcome) -> None:
        wait = outcome.wait or Wait.OUTSIDE
        self.run.reopen_job(job)
        job.wait = wait.value
        delay = outcome.delay
        if delay is None and wait is Wait.OUTSIDE and (timeout := self.run.graph.nodes[job.node_id].policy.timeout):
            delay = timeout / 1000
        job.due_at = (
            self.clock.now() + timedelta(seconds=delay) if delay is not None and wait is not Wait.BRANCH else None
        )
        if outcome.child is not None:
            graph = load_graph(outcome.child.workflow_id)
            self.run.children.append(ChildRun(graph, jsonable(outcome.child.context), job))

    def _assign(self, key: str, value: Any, by: RunJob) -> None:
        node = self.run.graph.by_key.get(key)
        if node is None:
            raise KeyError(key)
        now = self.clock.now()
        job = self.run.add_job(node.id, node.key, by.parent, by.number, now)
        job.result = jsonable(value)
        self.run.close_job(job, JobStatus.RESOLVED, now)

    def _record_only(self, job: RunJob) -> None:
        """Below a decided job: what was completed is kept and moves nothing."""
        if job.pending:
            job.sleep()

    def decided(self, parent: int | None) -> bool:
        """Whether some job up the chain of parents is decided already."""
        number = parent
        while number is not None:
            job = self.run.job(number)
            if not job.pending and self.run.graph.nodes[job.node_id].instruction.decides:
                return True
            number = job.parent
        return False

    def _quiet_below(self, decided: RunJob) -> None:
        """What still waits below a decided job wakes nobody any more."""
        for number in self.run.pending:
            job = self.run.known[number]
            above: int | None = job.parent
            while above is not None and above != decided.number:
                above = self.run.job(above).parent
            if above is not None and job.due_at is not None:
                job.due_at = None
                job.changed = True

    def _hand_to_performers(self, job: RunJob, node: "GraphNode") -> None:
        step = self._step(node, job.parent, job, None)
        try:
            job.input = jsonable(node.instruction.input_of(step))
        except Exception as error:
            self.settle(node, job, self._error(error), again=False)
            return
        job.wait = Wait.PERFORMER.value
        job.queue = self.run.queue
        job.due_at = self.clock.now()
        job.changed = True

    def _try_again(self, node: "GraphNode", job: RunJob, outcome: Outcome) -> None:
        recording.note_attempt(job, outcome, self.clock)
        recording.fill(job, outcome, self.run.id, self.clock)
        wait = Wait.PERFORMER if self._effect(node) is Effect.EXTERNAL and not self.inline else Wait.ATTEMPT
        self.run.reopen_job(job)
        job.result = None
        job.wait = wait.value
        job.queue = self.run.queue if wait is Wait.PERFORMER else None
        job.due_at = self.clock.now() + timedelta(seconds=node.policy.retry.delay(job.attempt))
        if wait is Wait.ATTEMPT:
            job.attempt += 1
            job.started_at = job.due_at

    def _lost(self, job: RunJob) -> None:
        """The deadline of a call passed: its performer died, or the call was never answered."""
        node = self.run.graph.nodes[job.node_id]
        on_lost = node.policy.on_lost or node.instruction.on_lost_of(node.config)
        if on_lost == "again" and recording.lost_calls(job) + 1 < LOST_CALLS:
            recording.keep_attempt(job, None, _("The call was lost."), self.clock, lost=True)
            job.wait = Wait.PERFORMER.value
            job.due_at = self.clock.now()
            job.changed = True
            return
        message = _("The call was lost; its outcome is unknown.")
        # Whether it took effect nobody knows, so no policy repeats it.
        self.complete(job, Outcome(status=JobStatus.ERROR, result={"message": message}), again=False)
