"""Walks one run through its graph, in memory: a loop over the agenda, never recursion.

It knows no database, Celery or HTTP. What it needs it asks of the run's reader, effects on the host's rows happen
inside `savepoint`, and everything it did stands in the `Run` for the journal to write.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from executions import dues, jobtree, recording
from executions.attempts import Attempts, CallChild, LeaveSegment, Savepoint, effect_of, failure
from executions.blocks import CALL_SECONDS, IDLE_SECONDS, Blocks, CallTooLong
from executions.recording import Texts, TooLarge, fitting
from executions.run import Run
from executions.runclock import Clock
from executions.runjob import ChildRun, RunJob
from executions.scope import Steps
from executions.statuses import Reason, ended_with
from workflows import timing
from workflows.graph import load_graph
from workflows.instructions.base import UNSET, ChildRequest, Effect, Outcome, Step, StepJob, Wait
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.graph import GraphNode

__all__ = ["CALL_GRACE", "LeaveSegment", "Processor", "Savepoint"]

#: A step that calls the world waits a little longer than its own time-out before it counts as lost.
CALL_GRACE = 10.0


class Processor:
    """One run under its lock, for one segment.

    `savepoint` opens the place a TRANSACTIONAL step works in. `enough` says that the segment's time is over; asked
    between moves with whether rows of the host were written. `inline` performs EXTERNAL steps here and now, once
    (sync runs); so does a transaction, and both ask `call_child` for the runs that steps start. `ended_outside` is the
    reason if somebody else ended the run.
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
        ended_outside: Callable[[], str | None] = lambda: None,
        call_child: CallChild | None = None,
    ) -> None:
        self.run = run
        self.clock = clock
        self.enough = enough
        self.inline = inline
        self.ended_outside = ended_outside
        self._texts = Texts()
        self._blocks = Blocks(run, clock, savepoint, transient)
        self._call_child = call_child
        self._attempts = Attempts(run, self._texts, self._blocks.step, transient, self._child_here)
        self._steps = Steps(run, clock)
        #: Numbers of the jobs whose time was up, theirs or that of a job below.
        self._late: set[int] = set()

    def advance(self) -> None:
        """Begins or continues the run until it ends, waits, or the segment's time is over.

        Raises `Invalid` for a workflow whose time zone nobody here knows.
        """
        zone = self.run.graph.zone
        try:
            if timing.kept(self.clock, zone):
                self._advance()
                return
            with timing.keeping(self.clock, zone):
                self._advance()
        except BaseException as error:
            self._blocks.abandon(error)
            raise

    def _advance(self) -> None:
        run = self.run
        if not self._may_go_on():
            return
        if run.status is None:
            self._begin()
        else:
            dues.take(self)
        while run.agenda and not run.ended:
            if (reason := self._stopped()) is not None:
                self._end(JobStatus.ABORTED, reason=reason)
                return
            move = run.agenda.popleft()
            run.changed = True
            getattr(self, f"_move_{move[0]}")(*move[1:])
            if self._blocks:
                # No segment ends in here.
                if self._blocks.stuck:
                    self._block_ended(*self._blocks.break_off())
            elif self.enough(run.wrote_host):
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
        if (reason := self._stopped()) is not None:
            self._end(JobStatus.ABORTED, reason=reason)
            return False
        return run.paused_at is None and run.parked is None

    def _stopped(self) -> str | None:
        """Why the run may not go on, if it may not."""
        expires_at = self.run.expires_at
        if expires_at is not None and self.clock.now() >= expires_at:
            return Reason.TIMEOUT
        return self.ended_outside()

    def _end(self, status: int, *, reason: str | None = None, error: str | None = None) -> None:
        """Ends the run and the transactions around it, unless one of them can't be kept: then what follows that."""
        refused = self._blocks.end(status, error)
        if refused is None:
            self.run.end(status, self.clock.now(), reason=reason, error=error)
        else:
            self._block_ended(self.run.job(refused.number), refused)

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

    def _move_run(self, node_id: int, upstream: int | None, parent: int | None, number: int | None = None) -> None:
        run = self.run
        node = run.graph.nodes[node_id]
        job = run.job(number) if number is not None else None
        if run.decided_above(parent, node) or (job is not None and not job.pending):
            # Or somebody completed it before its next attempt.
            return
        effect = effect_of(node)
        if effect is Effect.EXTERNAL and not self.inline and not self._blocks:
            if job is None:
                job = run.add_job(node.id, node.key, parent, upstream, self.clock.now())
                # Performers count their attempts when they claim the job.
                job.attempt = 0
            self._hand_to_performers(job, node)
            return
        previous = run.job(upstream) if upstream is not None else None
        # A kind that looks at its own job needs one; the others get it when they have an outcome.
        step = self._steps.step(node, parent, job, previous)
        if effect is Effect.EXTERNAL:
            outcome = self._perform(node, step)
        else:
            outcome = self._attempts.call(node, effect, "run", step)
        if job is None:
            job = run.add_job(node.id, node.key, parent, upstream, step.now)
        self.settle(node, job, outcome)

    def _perform(self, node: "GraphNode", step: Step) -> Outcome:
        """Calls the world here and now."""
        if not self._blocks:
            return self._attempts.call(node, Effect.EXTERNAL, "perform", step)
        since = self.clock.elapsed()
        seconds = step.timeout or node.instruction.attempt_seconds_of(node.config)
        step.timeout = min(seconds, CALL_SECONDS)
        outcome = self._attempts.call(node, Effect.EXTERNAL, "perform", step)
        if not self.inline and self.clock.elapsed() - since > IDLE_SECONDS:
            raise CallTooLong(_("Node %s called for longer than a transaction is kept; move it out.") % node.key)
        return outcome

    def _child_here(self, request: ChildRequest, number: int) -> Outcome | None:
        if self._call_child is None or not (self.inline or self._blocks):
            return None
        return self._call_child(request, number)

    def _move_resume(self, number: int) -> None:
        run = self.run
        job = run.job(number)
        node = run.graph.nodes[job.node_id]
        if run.decided_above(job.parent, node) or not job.pending:
            # Below a decided job nothing moves; and where somebody completed it first, the line went on from there.
            if job.pending:
                job.sleep()
            return
        step = self._steps.step(node, job.parent, job, None)
        self.settle(node, job, self._attempts.call(node, effect_of(node, ran=True), "resume", step), again=False)

    def _move_branch(self, number: int, by: int | None) -> None:
        run = self.run
        job = run.job(number)
        node = run.graph.nodes[job.node_id]
        if run.decided_above(job.parent, node):
            return
        ended_by = run.job(by) if by is not None else None
        if ended_by is not None and node.takes_error(run.graph.nodes[ended_by.node_id]):
            # Well, and the line goes on; or its own failure stands.
            self._go_on(node, job, ended_by)
            return
        if node.instruction.decides and not job.pending:
            return
        as_end: StepJob | None = ended_by and jobtree.as_end(self.run, ended_by)
        if as_end is not None and number == self._blocks.number:
            self._block_ended(job, self._blocks.close(as_end))
            return
        self._branched(node, job, as_end)

    def _block_ended(self, job: RunJob, by: StepJob) -> None:
        """A transaction was kept or taken back, as `by` says: it is tried again, or its kind says what follows."""
        node = self.run.graph.nodes[job.node_id]
        if by.status < 0 and node.policy.tries_again(by.status, job.attempt):
            self._try_again(node, job, Outcome(by.status, by.result))
        else:
            self._branched(node, job, by)

    def _branched(self, node: "GraphNode", job: RunJob, ended_by: StepJob | None) -> None:
        step = self._steps.step(node, job.parent, job, None)
        self._texts.forget()
        try:
            outcome = node.instruction.branch(step, ended_by)
        except Exception as error:
            outcome = failure(self.run, error)
        if outcome is None:
            return
        if ended_by is not None and ended_by.number in self._late:
            self._late.add(job.number)
        if outcome.hand_up:
            assert ended_by is not None, "Only a branch that ended can be handed up."
            self._end_line(job.parent, self.run.job(ended_by.number))
            return
        inner = self.run.job(ended_by.number) if ended_by is not None and ended_by.status < 0 else None
        self.settle(node, job, outcome, again=node.instruction.decides, inner=inner)

    def step(self, job: RunJob) -> Step:
        """What a performer of this job is handed."""
        with timing.keeping(self.clock, self.run.graph.zone):
            return self._steps.step(self.run.graph.nodes[job.node_id], job.parent, job, None)

    def complete(self, job: RunJob, outcome: Outcome, *, again: bool = True) -> None:
        """A pending job was ended from outside the loop (a performer, a person, a deadline): what follows goes last."""
        later = list(self.run.agenda)
        self.run.agenda.clear()
        node = self.run.graph.nodes[job.node_id]
        if self.run.decided_above(job.parent, node):
            recording.fill(job, fitting(outcome, self._texts, self.run.env), self._texts, self.run.id, self.clock)
            self.run.close_job(job, job.status, self.clock.now())
        else:
            self.settle(node, job, outcome, again=again)
        if not self.run.ended:
            self.run.agenda.extendleft(reversed(later))
        self.run.changed = True

    def settle(
        self,
        node: "GraphNode",
        job: RunJob,
        outcome: Outcome,
        *,
        again: bool = True,
        inner: RunJob | None = None,
    ) -> None:
        """Takes an outcome into the job and puts what follows in front of the agenda. `again`: the policy may retry.

        `inner` is the failure of the branch that led to it, which says why where the outcome does not.
        """
        run = self.run
        outcome = fitting(outcome, self._texts, run.env)
        status = outcome.status
        if outcome.timed_out:
            self._late.add(job.number)
        if status < 0 and again and outcome.end is None and not isinstance(outcome, TooLarge):
            attempt = job.attempt - recording.lost_calls(job)
            if node.policy.tries_again(status, attempt, timed_out=outcome.timed_out):
                self._try_again(node, job, outcome, inner)
                return
        recording.fill(job, outcome, self._texts, run.id, self.clock)
        if self._blocks.refuses(outcome):
            self._block_ended(*self._blocks.break_off())
            return
        if outcome.output is not UNSET:
            run.output = outcome.output
            run.output_text = self._texts.of(outcome.output)
            run.output_set = True
        for key, value in outcome.assign.items():
            jobtree.assign(run, key, value, job, self.clock.now())
        run.give_tasks(job, outcome.tasks)
        if run.answer is not None:
            run.answer.settled(node.type, status, outcome.result, outcome.answers)
        now = self.clock.now()
        if status == JobStatus.PENDING:
            self._wait(job, outcome)
        else:
            recording.note_attempt(job, outcome, self.clock, inner)
            run.close_job(job, status, now)
            if node.branches and node.instruction.decides:
                jobtree.quiet_below(run, job, now)
        if outcome.end is not None:
            self._end(outcome.end, error=jobtree.said_before(run, job) if outcome.end < 0 else None)
        elif outcome.branch is not None:
            self._start_branch(node, job, outcome)
        elif outcome.more:
            run.agenda.appendleft(["branch", job.number, None])
        elif status != JobStatus.PENDING:
            self._follow(node, job, now)

    def _follow(self, node: "GraphNode", job: RunJob, now: datetime) -> None:
        """A job ended: its failure goes by the node's policy, else the line goes on or ends."""
        on_error = node.policy.on_error if job.status < 0 else None
        if on_error == "ask":
            self._end(JobStatus.RETRY_NEEDED, error=recording.why(job))
        elif on_error == "branch" and node.error_head is not None:
            self.run.agenda.appendleft(["run", node.error_head.id, job.number, job.number])
        else:
            self._go_on(node, job, job)

    def _go_on(self, node: "GraphNode", job: RunJob, ended_by: RunJob) -> None:
        if node.downstream is not None and jobtree.as_end(self.run, ended_by).status > 0:
            self.run.agenda.appendleft(["run", node.downstream.id, job.number, job.parent])
        else:
            self._end_line(job.parent, ended_by)

    def _end_line(self, parent: int | None, job: RunJob) -> None:
        if parent is not None:
            self.run.agenda.appendleft(["branch", parent, job.number])
            return
        status = ended_with(jobtree.as_end(self.run, job).status)
        error = recording.why(job) if status < 0 else None
        reason = Reason.TIMEOUT if status == JobStatus.ABORTED and job.number in self._late else None
        self.run.end(status, self.clock.now(), reason=reason, error=error)

    def _start_branch(self, node: "GraphNode", job: RunJob, outcome: Outcome) -> None:
        head = node.branches.get(outcome.branch)  # type: ignore[arg-type]
        follow: list[list[Any]] = []
        if head is not None:
            if outcome.branch == node.instruction.atomic_branch:
                self._blocks.open(job)
            follow.append(["run", head.id, job.number, job.number])
        if outcome.more or head is None:
            follow.append(["branch", job.number, None])
        self.run.agenda.extendleft(reversed(follow))

    def _wait(self, job: RunJob, outcome: Outcome) -> None:
        wait = outcome.wait or Wait.OUTSIDE
        self.run.reopen_job(job)
        if wait is Wait.TIMER and self._blocks:
            # A kind that gave up its turn; others are refused inside a transaction.
            self.run.agenda.appendleft(["resume", job.number])
            return
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

    def _hand_to_performers(self, job: RunJob, node: "GraphNode") -> None:
        step = self._steps.step(node, job.parent, job, None)
        try:
            job.input = self.run.env.masked(jsonable(node.instruction.input_of(step)))
        except Exception as error:
            self.settle(node, job, failure(self.run, error), again=False)
            return
        job.wait = Wait.PERFORMER.value
        job.queue = self.run.queue
        job.due_at = self.clock.now()
        job.changed = True

    def _try_again(self, node: "GraphNode", job: RunJob, outcome: Outcome, inner: RunJob | None = None) -> None:
        recording.note_attempt(job, outcome, self.clock, inner)
        if node.branches:
            jobtree.start_over(self.run, job, self.clock.now())
        recording.fill(job, outcome, self._texts, self.run.id, self.clock)
        wait = Wait.PERFORMER if effect_of(node) is Effect.EXTERNAL else Wait.ATTEMPT
        self.run.close_tasks(job, self.clock.now())
        self.run.reopen_job(job)
        job.result = None
        if self._blocks:
            # Nothing waits inside a transaction, so at once.
            job.attempt += 1
            job.started_at = self.clock.now()
            self.run.agenda.appendleft(["run", node.id, job.upstream, job.parent, job.number])
            return
        job.wait = wait.value
        job.queue = self.run.queue if wait is Wait.PERFORMER else None
        job.due_at = self.clock.now() + timedelta(seconds=node.policy.retry.delay(job.attempt))
        if wait is Wait.ATTEMPT:
            job.attempt += 1
            job.started_at = job.due_at
