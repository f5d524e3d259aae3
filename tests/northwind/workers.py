"""Real Celery workers on the test's own database; each in a process group of its own, ended by its own process ids."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import redis
from django.conf import settings
from django.db import connection

from config.celery import app

ROOT = Path(settings.BASE_DIR)
START_SECONDS, STOP_SECONDS = 60, 20


def environment() -> dict[str, str]:
    """That of this process, but for the database: pytest-django made one of its own."""
    at = connection.settings_dict
    scheme = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
    password = f":{at['PASSWORD']}" if at["PASSWORD"] else ""
    port = f":{at['PORT']}" if at["PORT"] else ""
    url = f"{scheme}://{at['USER']}{password}@{at['HOST'] or '127.0.0.1'}{port}/{at['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "SLUICE_LOG_LEVEL": "WARNING"}


def empty_redis() -> None:
    """Messages and marks of other tests, and those that a killed worker left behind."""
    for url in {settings.CELERY_BROKER_URL, os.environ.get("CACHE_URL", "")}:
        if url.startswith(("redis://", "rediss://")):
            with redis.Redis.from_url(url) as client:
                client.flushdb()


class Worker:
    """`celery -A config worker` with two slots; what it prints goes to `log`."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "sluice,sluice-perform", "-c", "2"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "-n", name],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own: a signal to it reaches the slots, and nobody else.
                start_new_session=True,
            )
        self.family: list[psutil.Process] = [psutil.Process(self.process.pid)]

    def wait_until_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not app.control.ping(destination=[self.name], timeout=0.5):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
        self.family += self.family[0].children(recursive=True)
        assert {os.getpgid(each.pid) for each in self.family} == {self.process.pid}

    @property
    def pids(self) -> set[int]:
        return {each.pid for each in self.family}

    def signal(self, number: int) -> None:
        """To the whole group, as long as its leader lives: then the number is nobody else's."""
        assert self.process.poll() is None, self.log.read_text()
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Returns when all of it is gone."""
        self.signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """Ends it as a deployment does; whatever is left then is killed."""
        if self.process.poll() is None:
            self.process.terminate()
        for left in self._wait():
            # psutil knows a process from a later one of the same number.
            left.kill()
            left.wait(STOP_SECONDS)

    def _wait(self) -> list[psutil.Process]:
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        _gone, left = psutil.wait_procs(self.family, timeout=5)
        return left
