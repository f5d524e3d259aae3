"""Workers that die, and a database that remembers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from executions import segments
from executions.dispatcher import forget_classes
from executions.drain import drain
from executions.models import Execution
from executions.performers import perform
from executions.store.side import close_side
from tests.faults import checker

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _no_leftovers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What a dead worker held is looked at again soon, so that the tests need not wait a minute.
    monkeypatch.setattr(segments, "CRASH_DELAYS", (0.05, 0.05, 0.05))
    forget_classes()
    yield
    close_side()


@pytest.fixture
def environment() -> dict[str, str]:
    """What a process needs to work on this test's database."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{settings['NAME']}"
    else:
        scheme = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
        user = f"{settings['USER']}:{settings['PASSWORD']}@" if settings["PASSWORD"] else f"{settings['USER']}@"
        url = f"{scheme}://{user}{settings['HOST'] or '127.0.0.1'}:{settings['PORT'] or ''}/{settings['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": url.replace(":/", "/") if url.endswith(":/") else url,
        "SLUICE_LOG_LEVEL": "ERROR",
    }


@pytest.fixture
def victim(environment: dict[str, str]) -> Callable[..., int]:
    """Runs a worker that kills itself at a commit; answers its exit code (-9: it died)."""

    def run(side: str, commit: int) -> int:
        command = [sys.executable, "-m", "tests.faults.victim", "--side", side, "--commit", str(commit)]
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False).returncode

    return run


@pytest.fixture
def settle() -> Callable[[], None]:
    """Works as a healthy worker does until every run has ended, then asks the checker."""

    def work(seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while (
            Execution.objects.filter(ended_at=None).exists() or Execution.objects.filter(due_at__isnull=False).exists()
        ):
            drain("sluice")
            perform("sluice")
            assert time.monotonic() < until, list(Execution.objects.filter(ended_at=None).values())
            time.sleep(0.02)
        assert checker.faults() == []

    return work
