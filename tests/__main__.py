"""`python -m tests`: the suite on SQLite; where they answer, on PostgreSQL with Redis, and on MariaDB what concerns it.

The pass with PostgreSQL goes beside the two others, as each waits more than it computes; what they say comes after it.

Servers are looked for where DATABASE_URL and CELERY_BROKER_URL say, else at their usual local ports; a cache named by
CACHE_URL is emptied again and again. Further arguments go to pytest. The last lines name what was not run.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Thread
from typing import IO
from urllib.parse import urlsplit

POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
MARIADB = "mysql://root@127.0.0.1:3306/test"
#: A database of its own: a worker of the person who runs the tests may listen on 0.
REDIS = "redis://127.0.0.1:6379/15"
REDIS_CACHE = "redis://127.0.0.1:6379/14"

_NO_TESTS = 5


@dataclass
class Pass:
    """One run of pytest, or the reason why there is none."""

    title: str
    markers: str
    environment: dict[str, str] = field(default_factory=dict)
    missing: str = ""
    arguments: list[str] = field(default_factory=list)

    def run(self, further: list[str], output: IO[str] | None = None) -> bool:
        """Whether it passed; what it says goes to `output`, else where this process writes."""
        print(f"\n== {self.title} ==", file=output, flush=True)  # noqa: T201
        environment = {name: value for name, value in os.environ.items() if name not in _OURS} | self.environment
        command = [sys.executable, "-m", "pytest", "-m", self.markers, *self.arguments, *further]
        code = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False).returncode
        return code == 0 or (code == _NO_TESTS and bool(further))


_OURS = ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "DATA")


def answers(url: str) -> bool:
    """Whether something listens where the address points."""
    parts = urlsplit(url)
    usual = {"redis": 6379, "rediss": 6379, "mysql": 3306}.get(parts.scheme, 5432)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or usual), timeout=2):
            return True
    except OSError:
        return False


def postgres_lets_in(url: str) -> str:
    """Why not, or ""."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        return str(error).strip().splitlines()[-1]
    return ""


def servers() -> Pass:
    told = os.environ.get("DATABASE_URL", "")
    database = told if told.startswith(("postgres", "pgsql", "psql")) else POSTGRES
    told_broker = os.environ.get("CELERY_BROKER_URL", "")
    broker = told_broker if told_broker.startswith("redis") else REDIS
    cache = os.environ.get("CACHE_URL") or (REDIS_CACHE if broker == REDIS else "locmemcache://")
    chosen = Pass(
        "PostgreSQL and Redis, with Celery worker processes",
        "(postgres or not mariadb) and not once and not browser",
        {"DATABASE_URL": database, "CELERY_BROKER_URL": broker, "CACHE_URL": cache},
    )
    if not answers(database):
        chosen.missing = "no PostgreSQL answers; start one or set DATABASE_URL=postgres://..."
    elif refusal := postgres_lets_in(database):
        chosen.missing = (
            f"PostgreSQL refuses the connection ({refusal}); set DATABASE_URL=postgres://user:password@host/name"
        )
    elif not answers(broker):
        chosen.missing = "no Redis answers; start one or set CELERY_BROKER_URL=redis://..."
    return chosen


def mariadb() -> Pass:
    told = os.environ.get("DATABASE_URL", "")
    database = told if told.startswith("mysql") else MARIADB
    chosen = Pass(
        "MariaDB",
        "(mariadb or engine and not postgres) and not redis and not workers and not browser and not once",
        {"DATABASE_URL": database},
    )
    if importlib.util.find_spec("MySQLdb") is None:
        chosen.missing = "the driver is not installed; pip install -e '.[mysql]' (it needs MariaDB's C headers)"
    elif not answers(database):
        chosen.missing = "no MariaDB answers; start one or set DATABASE_URL=mysql://..."
    return chosen


def failed_of(lanes: list[list[Pass]], further: list[str]) -> set[str]:
    """Runs the lanes beside each other, a lane's passes one after another; the titles of those that failed."""
    there = [[each for each in lane if not each.missing] for lane in lanes]
    shown, *others = [lane for lane in there if lane]
    failed: set[str] = set()

    def run(lane: list[Pass], output: IO[str] | None = None) -> None:
        failed.update(each.title for each in lane if not each.run(further, output))

    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in others]
        threads = [Thread(target=run, args=pair) for pair in zip(others, files, strict=True)]
        for thread in threads:
            thread.start()
        run(shown)
        for thread, file in zip(threads, files, strict=True):
            thread.join()
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout)
    return failed


def main() -> int:
    further = sys.argv[1:]
    with_servers, on_mariadb = servers(), mariadb()
    sqlite = Pass("SQLite", "not postgres and not redis and not workers and not mariadb")
    failed = failed_of([[with_servers], [sqlite, on_mariadb]], further)
    print()  # noqa: T201
    for each in (sqlite, with_servers, on_mariadb):
        outcome = f"not run: {each.missing}" if each.missing else "failed" if each.title in failed else "passed"
        print(f"{each.title}: {outcome}")  # noqa: T201
    if (with_servers.missing or on_mariadb.missing) and os.environ.get("SLUICE_NO_SKIPS") == "1":
        print("SLUICE_NO_SKIPS: everything has to run.")  # noqa: T201
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
