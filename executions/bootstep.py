"""The tick in every Celery worker: a timer thread in its main process. Celery beat is not needed."""

import logging
import os
import threading
import time
from typing import Any

from celery import bootsteps, signals
from django.db import DatabaseError, InterfaceError, connections

from executions import wakeup
from executions.connections import keep_connections
from executions.performers import WORKER_VARIABLE
from executions.store import session
from executions.store.side import close_side

logger = logging.getLogger("sluice.tick")

TICK_SECONDS = 1.0
#: PostgreSQL's advisory lock and MariaDB's named lock that let one tick of all workers work.
_LOCK_NUMBER, _LOCK_NAME = 0x51_1CE, "sluice.tick"
#: Seconds that a fork waits for the tick under way.
_FORK_PATIENCE = 5.0


class _BetweenTicks:
    """Processes are forked between two ticks: one forked in the midst of a tick would find locked, for as long as it
    lives, whatever the ticker's thread holds just then (modules that it imports, say), and a slot would hang."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._mine = threading.local()

    def before(self) -> None:
        self._mine.held = self.lock.acquire(timeout=_FORK_PATIENCE)

    def after_in_parent(self) -> None:
        if self._mine.held:
            self.lock.release()

    def after_in_child(self) -> None:
        # There is no ticker in here.
        self.lock = threading.Lock()


_between_ticks = _BetweenTicks()
os.register_at_fork(
    before=_between_ticks.before,
    after_in_parent=_between_ticks.after_in_parent,
    after_in_child=_between_ticks.after_in_child,
)


class Ticker(threading.Thread):
    """Ticks until it is told to stop; whatever goes wrong, the next second is another try."""

    def __init__(self) -> None:
        super().__init__(name="sluice-tick", daemon=True)
        self._end = threading.Event()

    def run(self) -> None:
        with _between_ticks.lock:
            from executions.clock import Housekeeping

            housekeeping = Housekeeping()
            wakeup.speak_again()
        while not self._end.wait(_pause()):
            try:
                with _between_ticks.lock:
                    self._tick(housekeeping)
            except Exception as error:
                level = logging.WARNING if isinstance(error, DatabaseError | InterfaceError) else logging.ERROR
                logger.log(level, "A tick failed; the next one follows in a second.", exc_info=error)
                connections.close_all()
        self._leave()
        close_side()
        connections.close_all()

    def _tick(self, housekeeping: Any) -> None:
        from executions.clock import tick
        from executions.dashboard import workers
        from executions.schedules import taking

        workers.beat()
        if not _guard():
            # Another one is at work just now, so nothing is missed.
            taking.pulse.beat()
            return
        try:
            tick()
            housekeeping.run()
        finally:
            _unguard()

    def _leave(self) -> None:
        from executions.dashboard import workers

        try:
            workers.leave()
        except DatabaseError:
            logger.info("The worker could not say that it leaves; it is taken for gone in a minute.")

    def stop(self) -> None:
        self._end.set()
        self.join(timeout=5)


def _pause() -> float:
    """Until just after the next whole second, for then schedules are due. A host whose clock is off ticks as often."""
    return TICK_SECONDS - time.time() % TICK_SECONDS + 0.01


def _guard() -> bool:
    """Whether this process is the one that ticks now; SQLite's ticks are cheap enough for all to work."""
    db = session.connection()
    if db.vendor == "sqlite":
        return True
    statement, parameter = (
        ("SELECT pg_try_advisory_lock(%s)", _LOCK_NUMBER)
        if db.vendor == "postgresql"
        else ("SELECT GET_LOCK(%s, 0)", _LOCK_NAME)
    )
    with db.cursor() as cursor:
        cursor.execute(statement, [parameter])
        return bool(cursor.fetchone()[0])


def _unguard() -> None:
    db = session.connection()
    if db.vendor == "sqlite" or db.connection is None:
        return
    statement, parameter = (
        ("SELECT pg_advisory_unlock(%s)", _LOCK_NUMBER)
        if db.vendor == "postgresql"
        else ("SELECT RELEASE_LOCK(%s)", _LOCK_NAME)
    )
    with db.cursor() as cursor:
        cursor.execute(statement, [parameter])


class TickStep(bootsteps.StartStopStep):
    """Starts the ticker with the worker and stops it with it."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.ticker: Ticker | None = None
        # Before the slots are forked: they find their worker by it.
        os.environ[WORKER_VARIABLE] = str(os.getpid())
        keep_connections(parent.app)

    def start(self, parent: Any) -> None:
        if getattr(parent, "concurrency", 2) == 1:
            logger.warning("A worker with one slot drains nothing while it performs calls; give it --concurrency 2.")
        self.ticker = Ticker()
        self.ticker.start()

    def stop(self, parent: Any) -> None:
        if self.ticker is not None:
            self.ticker.stop()
            self.ticker = None

    terminate = stop


def install() -> None:
    """Adds the tick to this process's workers, whatever their app, and frees forked slots of inherited state."""
    signals.celeryd_init.connect(_add_step, dispatch_uid="sluice.tick")
    signals.worker_process_init.connect(_fresh_slot, dispatch_uid="sluice.slot")


def _add_step(*, instance: Any, **_: Any) -> None:
    instance.app.steps["worker"].add(TickStep)
    instance.app.conf.worker_prefetch_multiplier = 1


def _fresh_slot(**_: Any) -> None:
    wakeup.speak_again()
