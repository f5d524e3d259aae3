"""Performers: they call the world for EXTERNAL steps, outside every transaction (engine.md, "Performers")."""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import connections

from executions import wakeup
from executions.attempts import with_child
from executions.processor import CALL_GRACE, Processor
from executions.recording import call_key
from executions.run import Run
from executions.runclock import CarriedClock
from executions.runjob import RunJob
from executions.statuses import ExecutionStatus
from executions.store import claims, journal, session
from executions.store.side import close_side
from workflows import ambient, timing
from workflows.conf import conf
from workflows.errors import SluiceError
from workflows.graph import load_graph
from workflows.instructions.base import Outcome, Step, Wait
from workflows.statuses import JobStatus

logger = logging.getLogger("sluice.performers")

#: The worker's name for its slots, set in its main process before they are forked.
WORKER_VARIABLE = "SLUICE_WORKER_PID"
#: Seconds between two looks at what became due while calls are under way.
LOOK_SECONDS = 0.25
#: Seconds for which new calls are begun only because others are still under way; then a worker can stop.
CLAIMING_SECONDS = 60.0
#: How often the outcome of a call is offered to a run that somebody holds.
RECORD_TRIES = 15


@dataclass(slots=True)
class Call:
    """A call under way: which attempt of which job, and what it needs."""

    run: Run
    job: RunJob
    step: Step
    clock: CarriedClock


def perform(queue: str) -> int:
    """Performs what is due on this queue, in threads; answers how many calls it made. One at a time in a worker."""
    with _only_one() as mine:
        return _perform(queue) if mine else 0


def _perform(queue: str) -> int:
    until = time.monotonic() + conf().DRAIN_SECONDS
    wakeup.clear_mark(wakeup.perform_queue(queue))
    threads = conf().PERFORM_THREADS
    calls = 0
    running: set[Future[None]] = set()
    # When each job was handed to a thread: one whose run somebody holds is not tried again at once.
    handed: dict[int, float] = {}
    with ThreadPoolExecutor(threads, thread_name_prefix="sluice-perform") as pool:
        while True:
            now = time.monotonic()
            # This task is the worker's only one: what comes due meanwhile must not wait for its slowest call.
            claiming = now < until or (running and now < until + CLAIMING_SECONDS)
            free = threads - len(running)
            due = claims.due_performs(queue, threads * 2) if free and claiming else []
            new = [pair for pair in due if handed.get(pair[1], -LOOK_SECONDS) <= now - LOOK_SECONDS][:free]
            for execution_id, job_id in new:
                handed[job_id] = now
                running.add(pool.submit(_in_thread, execution_id, job_id))
                calls += 1
            if running:
                _, running = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            elif due:
                time.sleep(LOOK_SECONDS)
            else:
                break
    if claims.something_performable(queue):
        wakeup.send_perform(queue)
    return calls


def _in_thread(execution_id: int, job_id: int) -> None:
    try:
        perform_one(execution_id, job_id)
    except Exception:
        logger.exception(
            "The call of job %s (execution %s) could not be made or recorded; it is tried again.", job_id, execution_id
        )
    finally:
        close_side()
        connections.close_all()


def perform_one(execution_id: int, job_id: int) -> None:
    """Claims one job, calls the world for it and records what came of it."""
    call = begin(execution_id, job_id)
    if call is None:
        return
    outcome = attempt(call)
    try:
        record(call, outcome)
    except Exception as error:
        if session.transient(error):
            raise
        # What can't be written is told as what it is; calling once more would bring the same.
        logger.warning(
            "What job %s (execution %s) came to could not be written.",
            job_id,
            execution_id,
            exc_info=call.run.env.traceable(error),
        )
        record(call, _failure(error))


def begin(execution_id: int, job_id: int) -> Call | None:
    """Locks the run, then notes that the job's next attempt is under way. None where there is nothing to call."""
    with session.segment(claims=True):
        claimed = claims.claim_one(execution_id)
        if not claimed.runs or claimed.clock is None:
            return None
        run, now = claimed.runs[0], claimed.clock.now()
        claims.load_jobs([run])
        try:
            run.graph = load_graph(run.workflow_id)
        except SluiceError as error:
            if not run.ended:
                run.end(JobStatus.ERROR, now, error=str(error))
                journal.write([run], now)
            _drop_of_ended(job_id)
            return None
        job = next((job for job in run.known.values() if job.id == job_id), None)
        if job is None and run.ended:
            _drop_of_ended(job_id)
            return None
        if job is None or job.wait != Wait.PERFORMER or job.due_at is None or job.due_at > now:
            return None
        processor = Processor(run, claimed.clock, savepoint=session.savepoint, transient=session.transient)
        if run.decided_above(job.parent, run.graph.nodes[job.node_id]):
            job.sleep()
        elif run.paused_at is not None:
            job.due_at = None
            job.changed = True
        else:
            step = processor.step(job)
            # Now, under the lock: a connection lost while they are read is no outcome of the call.
            run.env.load()
            job.attempt += 1
            job.wait = Wait.CALL.value
            job.started_at = now
            node = run.graph.nodes[job.node_id]
            seconds = step.timeout or node.instruction.attempt_seconds_of(node.config)
            job.due_at = now + timedelta(seconds=seconds + CALL_GRACE)
            job.changed = True
            step.attempt = job.attempt
            journal.write([run], now)
            return Call(run, job, step, claimed.clock)
        journal.write([run], now)
        return None


def _drop_of_ended(job_id: int) -> None:
    from executions.models import Job

    Job.objects.using(session.alias()).filter(pk=job_id, wait=Wait.PERFORMER).update(wait=None, due_at=None)


def attempt(call: Call) -> Outcome:
    """Calls the world; whatever goes wrong is an outcome."""
    node = call.step.node
    try:
        # What it writes on another database may set workflows off; they know this run as their ancestor.
        with ambient.inside(call.run.ancestry), timing.keeping(call.clock, call.run.graph.zone):
            return with_child(node.instruction.perform(call.step), call.run)
    except Exception as error:
        if not isinstance(error, SluiceError):
            kind, text = type(error).__name__, " ".join(call.run.env.masked(str(error)).split())
            logger.info("A call of execution %s failed: %s: %s", call.run.id, kind, text)
            logger.debug(
                "The traceback of that call of execution %s:", call.run.id, exc_info=call.run.env.traceable(error)
            )
        return _failure(error)


def _failure(error: Exception) -> Outcome:
    text = str(error) or type(error).__name__
    return Outcome(status=JobStatus.ERROR, result={"message": text, "type": type(error).__name__})


def record(call: Call, outcome: Outcome) -> bool:
    """Takes the outcome into the run, once. False: it came too late and is dropped."""
    for number in range(RECORD_TRIES):
        try:
            with session.bounded_session(), session.segment():
                claimed = claims.lock_one(call.run.id)
                return _record(claimed, call, outcome) if claimed.runs else False
        except Exception as error:
            if not session.transient(error) or number == RECORD_TRIES - 1:
                raise
            time.sleep(min(0.05 * 2**number, 1.0))
    return False


def _record(claimed: claims.Claimed, call: Call, outcome: Outcome) -> bool:
    run, clock = claimed.runs[0], claimed.clock
    assert clock is not None
    if run.ended or run.status != ExecutionStatus.STARTED:
        logger.info("Execution %s ended before its call of job %s came back.", run.id, call.job.number)
        return False
    run.graph = call.run.graph
    # Masked is what the call was given, whatever its secrets have become since.
    run.env = call.run.env
    claims.load_jobs([run])
    job = run.job(call.job.number)
    current = job.wait == Wait.CALL and job.attempt == call.step.attempt
    # A success completes the job whichever attempt brings it; a failure speaks for its own attempt only. Of what was
    # under way when somebody asked for the job again neither does.
    outrun = call.step.idempotency_key != call_key(run.id, job.number, job.attempts)
    if not job.pending or outrun or not (current or outcome.status > 0):
        logger.info("Attempt %d of job %s (execution %s) came too late.", call.step.attempt, job.number, run.id)
        return False
    processor = Processor(run, clock, savepoint=session.savepoint, transient=session.transient)
    processor.complete(job, outcome)
    journal.write([run], clock.now())
    wakeup.wake_on_commit(session.connection(), run.queue)
    return True


@contextmanager
def _only_one() -> Iterator[bool]:
    """Whether this is the only perform task of its worker: long calls must not take the slots of the drains.

    A lock on a file, as a worker's slots may be processes or threads; the kernel frees it with a process that dies.
    """
    worker = os.environ.get(WORKER_VARIABLE) or str(os.getpid())
    path = Path(tempfile.gettempdir()) / f"sluice-perform-{os.getuid()}-{worker}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        # Who locked it just before us may have removed it from under us; then its next holder locks another file.
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            yield False
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_UN)
