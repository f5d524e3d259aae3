"""Workers that die, and a database that remembers."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from executions import segments, wakeup
from executions.drain import drain
from executions.models import Execution
from executions.performers import perform
from executions.store import claims
from executions.store.side import close_side
from tests.faults import checker, kinds
from tests.faults.forking import Forked
from workflows.triggers import listening
from workflows.triggers.listening import forget_classes

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _no_leftovers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What a dead worker held is looked at again soon, so that the tests need not wait a minute.
    monkeypatch.setattr(segments, "CRASH_DELAYS", (0.05, 0.05, 0.05))
    forget_classes()
    wakeup.speak_again()
    yield
    close_side()
    _wait_for_the_dead()


#: What other sessions of this database are doing something.
_AT_WORK = {
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
    " AND id <> CONNECTION_ID() AND command <> 'Sleep'",
}


def _wait_for_the_dead() -> None:
    """A killed process's last statement may still be under way: it must not come after the tables were emptied."""
    if connection.vendor not in _AT_WORK:
        return
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(_AT_WORK[connection.vendor])
            if cursor.fetchone()[0] == 0:
                return
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def acts() -> Iterator[dict[str, kinds.Act]]:
    """The node kinds of tests.faults.kinds are registered; a test may add acts of its own."""
    with kinds.known() as known:
        yield known


@pytest.fixture
def listen() -> Callable[[], None]:
    """Call it when an enabled workflow was built: this process listens for it at once."""
    return lambda: listening.refresh(force=True)


@pytest.fixture
def environment() -> dict[str, str]:
    """What a process needs to work on this test's database."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{settings['NAME']}"
    else:
        scheme = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
        user = f"{settings['USER']}:{settings['PASSWORD']}@" if settings["PASSWORD"] else f"{settings['USER']}@"
        port = f":{settings['PORT']}" if settings["PORT"] else ""
        url = f"{scheme}://{user}{settings['HOST'] or '127.0.0.1'}{port}/{settings['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "SLUICE_LOG_LEVEL": "ERROR"}


@pytest.fixture
def spawn(environment: dict[str, str]) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts `python -m <module> <arguments>` on this test's database; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, *arguments: Any, **more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", module, *map(str, arguments)]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**environment, **more}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def fork() -> Iterator[Callable[[Callable[[], None]], Forked]]:
    """Does something in a copy of this process; what still runs at the end is killed."""
    started: list[Forked] = []

    def start(act: Callable[[], None]) -> Forked:
        started.append(Forked(act))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def victim(spawn: Callable[..., "subprocess.Popen[bytes]"]) -> Callable[..., int]:
    """Runs a worker that something happens to; answers its exit code (-9: it died)."""

    def run(side: str = "before", commit: int = 0, *more: str) -> int:
        return spawn("tests.faults.victim", "--side", side, "--commit", commit, *more).wait(timeout=60)

    return run


@pytest.fixture
def work() -> Callable[[], None]:
    """Works as a healthy worker does while something is due, then asks the checker. Runs that wait go on waiting."""

    def once(seconds: float = 60.0) -> None:
        _work_until(lambda: not _due(), seconds)
        assert checker.faults() == []

    return once


@pytest.fixture
def settle() -> Callable[[], None]:
    """Works as a healthy worker does until every run has ended, then asks the checker."""

    def all_of_it(seconds: float = 60.0) -> None:
        _work_until(lambda: not Execution.objects.filter(ended_at=None).exists() and not _due(), seconds)
        assert checker.faults() == []

    return all_of_it


def _due() -> bool:
    if Execution.objects.filter(ended_at__isnull=False, due_at__isnull=False).exists():
        return True
    # SQLite tells the time in milliseconds: what is due now may be due in the next one.
    time.sleep(0.003)
    return bool(claims.heads("sluice")) or claims.something_performable("sluice")


def _work_until(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        drain("sluice")
        perform("sluice")
        assert time.monotonic() < until, list(Execution.objects.filter(due_at__isnull=False).values())
        time.sleep(0.02)


@pytest.fixture
def threads() -> Iterator[Callable[..., list[Any]]]:
    """Calls functions at the same moment, each in a thread with connections of its own; answers results or errors."""
    with ThreadPoolExecutor(16) as pool:

        def at_once(*calls: Callable[[], Any]) -> list[Any]:
            barrier = threading.Barrier(len(calls))

            def one(call: Callable[[], Any]) -> Any:
                barrier.wait(timeout=30)
                try:
                    return call()
                except Exception as error:
                    return error
                finally:
                    close_side()
                    connections.close_all()

            return [future.result(timeout=60) for future in [pool.submit(one, call) for call in calls]]

        yield at_once
