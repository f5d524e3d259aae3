"""A segment: claim, process, write, commit. One for a batch of runs without shared effects, one for a run alone."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import local

from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions import relatives, sync
from executions.flow import covering, starting
from executions.processor import LeaveSegment, Processor, Savepoint
from executions.run import Run
from executions.runclock import CarriedClock
from executions.statuses import ExecutionStatus, Reason
from executions.store import claims, holdings, journal, session
from workflows import timing
from workflows.conf import conf
from workflows.errors import SluiceError
from workflows.graph import Graph, load_graph
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.statuses import JobStatus

logger = logging.getLogger("sluice.segments")

#: Seconds a segment may take: a run alone, one that has written rows of the host, and any on SQLite (one writer).
ALONE_SECONDS, HOST_SECONDS, SQLITE_SECONDS = 1.0, 0.25, 0.1
#: Seconds until a run whose worker died is looked at again, by how often it was held alone.
CRASH_DELAYS = (1, 10, 60)
MOST_CRASHES = 3
#: Seconds until a run whose segment met a conflict is tried again: others go first, the lock may be held for long.
CONFLICT_DELAY = 0.1
#: SQLite: seconds between two full segments in which others who wait for its one writer may come in.
GAP_SECONDS = 0.01


@dataclass(slots=True)
class Worked:
    """What a call of `run_batch` or `run_solo` came to."""

    claimed: int = 0
    #: The due time of the last run claimed; the next claim of this drain starts there.
    last_due: datetime | None = None
    #: The run (id, turn) that has more to do at once.
    goes_on: tuple[int, int] | None = None


def run_batch(queue: str, *, since: datetime | None = None) -> Worked:
    """Claims, runs and writes up to BATCH runs in one commit."""
    limit = conf().BATCH
    sqlite = session.vendor() == "sqlite"
    ids: list[int] | None = None
    if sqlite:
        due = claims.peek(queue, solo=False, limit=limit)
        if not due:
            return Worked()
        _give_way()
        holdings.note(due)
        ids, since = [execution_id for execution_id, _ in due], None
    runs: list[Run] = []
    try:
        with _wrote_last(), session.segment(claims=True), _noted():
            claimed = claims.claim(queue, solo=False, limit=limit, since=since, ids=ids)
            runs = claimed.runs
            if not runs or claimed.clock is None:
                return Worked()
            worked = Worked(len(runs), runs[-1].due_at)
            if not _frozen_now(runs) and (ready := _ready(claimed, claimed.clock, solo=False)):
                _process_batch(ready, claimed.clock, sqlite=sqlite)
            return worked
    except LeaveSegment:
        return Worked(claimed=1)
    except Exception as error:
        if session.transient(error):
            _pause_after_conflict(error)
            return Worked(claimed=1)
        told = error if all(run.env.traceable(error) for run in runs) else None
        logger.warning("A batch of %d runs could not be written; they are done one by one.", len(runs), exc_info=told)
        for run in runs:
            _run_by_id(run.id, run.turn)
        return Worked(len(runs))


def run_solo(queue: str, *, since: datetime | None = None) -> Worked:
    """Claims, runs and writes one run; goes on with it, segment by segment, while it has more to do at once."""
    sqlite = session.vendor() == "sqlite"
    ids = None
    if sqlite:
        due = claims.peek(queue, solo=True, limit=1)
        if not due:
            return Worked()
        _give_way()
        holdings.note(due)
        ids, since = [execution_id for execution_id, _ in due], None
    worked = _solo_segment(lambda: claims.claim(queue, solo=True, limit=1, since=since, ids=ids))
    deadline = time.monotonic() + conf().DRAIN_SECONDS
    while worked.goes_on is not None and time.monotonic() < deadline:
        worked.goes_on = _run_by_id(*worked.goes_on)
    return worked


def run_to_first_wait(execution_id: int) -> None:
    """Runs one execution here and now, segment by segment, until it waits or ends; for runs by hand."""
    with session.bounded_session():
        goes_on = _run_by_id(execution_id, None)
        while goes_on is not None:
            goes_on = _run_by_id(*goes_on)


def _run_by_id(execution_id: int, turn: int | None) -> tuple[int, int] | None:
    if session.vendor() == "sqlite":
        _give_way()
        holdings.note([(execution_id, turn or 0)])
    return _solo_segment(lambda: claims.claim_one(execution_id, turn=turn)).goes_on


def _solo_segment(take: Callable[[], claims.Claimed], *, savepoint: Savepoint = session.savepoint) -> Worked:
    run: Run | None = None
    sqlite = session.vendor() == "sqlite"
    try:
        with _wrote_last(), session.segment(claims=True), _noted():
            claimed = take()
            if not claimed.runs or claimed.clock is None:
                return Worked()
            run = claimed.runs[0]
            worked = Worked(1, run.due_at)
            if run.ended:
                relatives.tell(run, claimed.clock)
                worked.goes_on = (run.id, run.turn + 1) if run.agenda and run.changed else None
            elif _frozen_now([run]):
                worked.goes_on = (run.id, run.turn)
            elif _ready(claimed, claimed.clock, solo=True) and _process_alone(run, claimed.clock, savepoint):
                worked.goes_on = (run.id, run.turn + 1)
        return worked
    except LeaveSegment as error:
        _put_off(run, error.__cause__ or error)
    except Exception as error:
        if session.transient(error):
            _put_off(run, error)
        elif run is None:
            raise
        elif sqlite and isinstance(error, IntegrityError) and run.wrote_host and savepoint is session.savepoint:
            # All foreign keys are deferred there, and the commit does not say whose fault it was: done again, with a
            # look after each step, it is that step's own error.
            execution_id, turn = run.id, run.turn
            return _solo_segment(
                lambda: claims.claim_one(execution_id, turn=turn), savepoint=session.checking_savepoint
            )
        else:
            _end_in_error(run, error)
    return Worked(claimed=1)


class _Pace(local):
    """How a thread keeps SQLite's one writer: since when almost without a pause, and until when."""

    since = 0.0
    until = 0.0


_pace = _Pace()


def _give_way() -> None:
    """SQLite hands its lock to whoever happens to ask, and who waits asks every 100 ms: one segment right after the
    other would keep a person's cancel out for ever."""
    now = time.monotonic()
    if now - _pace.until < GAP_SECONDS:
        if now - _pace.since < SQLITE_SECONDS:
            return
        time.sleep(GAP_SECONDS)
    _pace.since = time.monotonic()


@contextmanager
def _wrote_last() -> Iterator[None]:
    try:
        yield
    finally:
        _pace.until = time.monotonic()


@contextmanager
def _noted() -> Iterator[None]:
    """A worker that lives and gives runs back takes its note back first, while it still holds their locks."""
    try:
        yield
    except Exception:
        try:
            holdings.clear()
        except Exception:
            logger.warning("The note of what this worker holds could not be taken back.", exc_info=True)
        raise


def _frozen_now(runs: Sequence[Run]) -> bool:
    """Whether this claim met versions that never ran: then it only freezes them; the next reads their graphs."""
    graphs = (_graph(workflow_id) for workflow_id in {run.workflow_id for run in runs})
    unfrozen = [graph.workflow_id for graph in graphs if isinstance(graph, Graph) and not graph.frozen]
    if unfrozen:
        Workflow.objects.using(session.alias()).filter(pk__in=unfrozen, frozen_at=None).update(frozen_at=Now())
    return bool(unfrozen)


def _ready(claimed: claims.Claimed, clock: CarriedClock, *, solo: bool) -> list[Run]:
    """The runs of a claim that may be processed: right class, not under suspicion, nothing that keeps them back."""
    runs = claimed.runs
    holds = covering.active(runs) if claimed.held else None
    graphs = {workflow_id: _graph(workflow_id) for workflow_id in {run.workflow_id for run in runs}}
    ready: list[Run] = []
    wrong_class: list[Run] = []
    written: list[Run] = []
    lost = holdings.take([(run.id, run.turn) for run in runs])
    for run in runs:
        graph = graphs[run.workflow_id]
        if isinstance(graph, Graph):
            run.graph = graph
        if (run.id, run.turn) in lost:
            if _suspect(run, clock, alone=lost[(run.id, run.turn)] == 1):
                written.append(run)
        elif isinstance(graph, SluiceError):
            _give_up(run, clock, str(graph))
            written.append(run)
        elif not solo and (graph.solo or run.lane is not None):
            run.solo = True
            wrong_class.append(run)
        elif run.status is None and starting.kept_back(run, clock, holds):
            written.append(run)
        elif run.status is not None or starting.may_start(run, clock):
            if run.status is None and run.agenda:
                # A rerun from a node: it has jobs of its own already.
                run.begin(clock.now())
            ready.append(run)
    if wrong_class:
        journal.set_class(wrong_class, clock.now())
    if written:
        journal.write(written, clock.now())
    return ready


def _graph(workflow_id: int) -> Graph | SluiceError:
    try:
        return load_graph(workflow_id)
    except SluiceError as error:
        return error


def _suspect(run: Run, clock: CarriedClock, *, alone: bool) -> bool:
    """A worker died while it held this run: alone and later, or, after three deaths with it alone, never again."""
    run.solo = True
    if alone:
        run.crashes += 1
    if run.crashes >= MOST_CRASHES:
        _give_up(run, clock, _("Its worker died %d times while running it.") % MOST_CRASHES, Reason.CRASHED)
        return True
    journal.postpone(run, clock.now(), CRASH_DELAYS[run.crashes])
    return False


def _give_up(run: Run, clock: CarriedClock, error: str, reason: Reason | None = None) -> None:
    """Ends a run in ERROR that is not even processed; what it waits for is told, so its jobs have to be known."""
    claims.load_jobs([run])
    run.end(JobStatus.ERROR, clock.now(), reason=reason, error=error)


def _process_batch(runs: Sequence[Run], clock: CarriedClock, *, sqlite: bool) -> None:
    seconds = SQLITE_SECONDS if sqlite else ALONE_SECONDS
    begin_until = seconds / 2
    claims.load_jobs(runs)
    done: list[Run] = []
    # Once for all of the first one's zone: to change it takes longer than a small step.
    with timing.keeping(clock, runs[0].graph.zone):
        for run in runs:
            if done and clock.elapsed() > begin_until:
                break
            _processor(run, clock, lambda wrote: clock.elapsed() > seconds).advance()
            done.append(run)
    if len(done) < len(runs) and not sqlite:
        # Those not begun keep their turn: a note of them would accuse this worker of having died.
        holdings.note((run.id, run.turn) for run in done)
    journal.write(done, clock.now())


def _process_alone(run: Run, clock: CarriedClock, savepoint: Savepoint) -> bool:
    """Whether the run has more to do at once."""
    sqlite = session.vendor() == "sqlite"
    seconds = SQLITE_SECONDS if sqlite else ALONE_SECONDS
    host_seconds = SQLITE_SECONDS if sqlite else HOST_SECONDS
    claims.load_jobs([run])
    _processor(run, clock, lambda wrote: clock.elapsed() > (host_seconds if wrote else seconds), savepoint).advance()
    journal.write([run], clock.now())
    return bool(run.agenda) and run.paused_at is None and run.parked is None


def _processor(
    run: Run, clock: CarriedClock, enough: Callable[[bool], bool], savepoint: Savepoint = session.savepoint
) -> Processor:
    return Processor(
        run,
        clock,
        savepoint=savepoint,
        transient=session.transient,
        enough=enough,
        call_child=partial(sync.call_child, run),
    )


def _end_in_error(run: Run, error: Exception) -> None:
    """A run alone that can't be written ends with that text, in a transaction of its own."""
    logger.error("Execution %s could not be written and ends in ERROR.", run.id, exc_info=run.env.traceable(error))
    with session.segment(claims=True):
        claimed = claims.claim_one(run.id, turn=run.turn)
        for again in claimed.runs:
            assert claimed.clock is not None
            text = run.env.masked(jsonable(f"{type(error).__name__}: {error}"))
            if again.ended:
                # What it could not tell or delete is tried again later; a parent that can't be written never could.
                telling = bool(again.agenda) and again.agenda[0] == ["tell", "parent"]
                given_up = telling and relatives.give_up_parent(again, claimed.clock, text)
                journal.postpone(again, claimed.clock.now(), 0 if given_up else CRASH_DELAYS[-1])
                continue
            again.graph = run.graph
            if again.status is None:
                again.status = ExecutionStatus.STARTED
                again.started_at = claimed.clock.now()
            _give_up(again, claimed.clock, text, Reason.WRITE_FAILED)
            journal.write([again], claimed.clock.now())


def _pause_after_conflict(error: BaseException) -> None:
    logger.info("A segment met a conflict and is done again: %s", error)
    time.sleep(0.02)


def _put_off(run: Run | None, error: BaseException) -> None:
    """Leaves a run that met a conflict due a little later, so that it holds up nobody."""
    _pause_after_conflict(error)
    if run is None:
        return
    try:
        with session.segment(claims=True):
            claimed = claims.claim_one(run.id, turn=run.turn)
            for again in claimed.runs:
                assert claimed.clock is not None
                journal.postpone(again, claimed.clock.now(), CONFLICT_DELAY)
    except Exception as further:
        if not session.transient(further):
            raise
        logger.info("Execution %s stays due as it was: %s", run.id, further)


__all__ = ["Worked", "run_batch", "run_solo", "run_to_first_wait"]
