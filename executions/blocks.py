"""Transaction blocks: a savepoint around the moves of one branch, from its first move to its last (spec 3.5, 5.31).

No segment ends inside a block, so whoever dies in one leaves nothing of it behind, and nothing inside may wait.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from django.utils.translation import gettext as _

from executions import jobtree
from executions.attempts import LeaveSegment, Savepoint, failure
from executions.run import Run
from executions.runclock import Clock
from executions.runjob import RunJob
from workflows.instructions.base import Outcome, StepJob, Wait
from workflows.instructions.transaction import COMMITTED, rolled_back
from workflows.statuses import JobStatus

#: Seconds a call of the world may take inside a block: the database takes a transaction back that idles for 30.
CALL_SECONDS = 25.0
#: After so many it must be counted as lost, whether or not the kind kept to those.
IDLE_SECONDS = 29.0


class CallTooLong(Exception):
    """A call inside a block outlasted the transaction; doing all of it again would only call once more."""


class _RolledBack(Exception):
    """Ends a savepoint that shall not be kept."""


@dataclass(slots=True)
class _Block:
    #: The number of the transaction's job.
    number: int
    #: How many moves were left when it was opened: those are what follows it.
    later: int
    place: AbstractContextManager[None]


class Blocks:
    """The blocks of one run that are open, outermost first: a stack, as the processor is a loop.

    `savepoint` opens the place of a step and of a block alike, given whether it checks deferred constraints at its end.
    """

    def __init__(
        self, run: Run, clock: Clock, savepoint: Savepoint, transient: Callable[[BaseException], bool]
    ) -> None:
        self._run = run
        self._clock = clock
        self._savepoint = savepoint
        self._transient = transient
        self._open: list[_Block] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def number(self) -> int | None:
        """The job of the innermost block."""
        return self._open[-1].number if self._open else None

    def step(self, writes: bool) -> AbstractContextManager[None]:
        """The place of a TRANSACTIONAL step: inside a block, constraints are deferred to the end of the whole."""
        return self._savepoint(writes and not self._open)

    def open(self, job: RunJob) -> None:
        """Before the first move of the job's atomic branch is put on the agenda."""
        place = self._savepoint(not self._open)
        place.__enter__()
        self._open.append(_Block(job.number, len(self._run.agenda), place))
        self._run.wrote_host = True

    def refuses(self, outcome: Outcome) -> bool:
        """Whether this outcome would wait inside a block. A kind that only gives up its turn goes on at once."""
        if not self._open or outcome.status != JobStatus.PENDING:
            return False
        if outcome.wait is Wait.BRANCH or outcome.branch is not None or outcome.more:
            return False
        return not (outcome.wait is Wait.TIMER and outcome.delay == 0)

    @property
    def stuck(self) -> bool:
        """Whether nothing inside the innermost block can move any more."""
        return bool(self._open) and len(self._run.agenda) <= self._open[-1].later

    def break_off(self) -> tuple[RunJob, StepJob]:
        """Something inside waits: what is pending there ends ERROR, and the block is taken back (spec 3.5).

        Answers the block's job and what ended it, whatever that one's policy says of errors. Raises `LeaveSegment`.
        """
        message = _("A step can't wait inside a transaction, for nothing of it is kept until its end.")
        block = self._open[-1]
        last = self._end_inside(block, JobStatus.ERROR, message)
        assert last is not None, "What waits is pending."
        return self._run.job(block.number), self.close(last)

    def close(self, by: StepJob) -> StepJob:
        """The innermost block's branch ended with `by`, and the block with it: what it wrote is kept, or taken back.

        Answers `by`, or the block's own failure where the database refused to keep it. Raises `LeaveSegment`.
        """
        block = self._open.pop()
        try:
            if by.status > 0:
                block.place.__exit__(None, None, None)
            else:
                _roll_back(block.place)
        except Exception as error:
            if by.status <= 0 or self._transient(error):
                # What could not be taken back must not be kept with the rest.
                raise LeaveSegment from error
            job, outcome = self._run.job(block.number), failure(self._run, error)
            return StepJob(job.number, job.node_id, job.node_key, outcome.status, outcome.result)
        return by

    def end(self, status: int, error: str | None) -> StepJob | None:
        """The run ends inside: every block is kept, or, innermost first, none.

        Answers the failure of one that the database refused to keep; then the run goes on behind that. Raises
        `LeaveSegment`.
        """
        run = self._run
        while self._open:
            block = self._open[-1]
            job = run.job(block.number)
            by = StepJob(job.number, job.node_id, job.node_key, status, error or _("The execution ended inside."))
            ended = self.close(by)
            if ended is not by:
                self._end_inside(block, JobStatus.ABORTED, _("The transaction around it was rolled back."))
                return ended
            job.result = COMMITTED if status > 0 else rolled_back(by)
            run.close_job(job, status, self._clock.now())
        return None

    def abandon(self, error: BaseException) -> None:
        """The segment fails: innermost first, whatever the database says to it."""
        while self._open:
            with suppress(Exception):
                self._open.pop().place.__exit__(type(error), error, error.__traceback__)

    def _end_inside(self, block: _Block, status: int, message: str) -> RunJob | None:
        """Ends what is pending in the block and drops its moves; answers the last of those jobs."""
        run, now, last = self._run, self._clock.now(), None
        for last in list(jobtree.pending_below(run, block.number)):
            last.result = {"message": message}
            run.close_job(last, status, now)
        while len(run.agenda) > block.later:
            run.agenda.popleft()
        return last


def _roll_back(place: AbstractContextManager[None]) -> None:
    reason = _RolledBack()
    place.__exit__(_RolledBack, reason, None)
