"""The ground benchmarks stand on: a database and Redis of their own, and real Celery workers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
DATABASE_URL = os.environ.get("BENCHMARK_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/sluice_benchmark")
REDIS = os.environ.get("BENCHMARK_REDIS", "redis://127.0.0.1:6379")
BROKER, CACHE, RESULTS = f"{REDIS}/11", f"{REDIS}/12", f"{REDIS}/13"


def set_up(*, redis: bool = True, fresh: bool = True) -> None:
    """A fresh database with the project's tables, empty Redis databases, Django ready in this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.update(
        DATABASE_URL=DATABASE_URL, CELERY_BROKER_URL=BROKER, CACHE_URL=CACHE,
        SLUICE_LOG_LEVEL="WARNING",
    )  # fmt: skip
    if fresh:
        _make_database()
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if redis:
        flush()


def _make_database() -> None:
    import psycopg

    name = urlsplit(DATABASE_URL).path.lstrip("/")
    with psycopg.connect(DATABASE_URL.removesuffix(name) + "postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')


def flush() -> None:
    """Empties the benchmark's Redis databases."""
    import redis

    for url in (BROKER, CACHE, RESULTS):
        redis.Redis.from_url(url).flushdb()


@contextmanager
def worker(app: str, queues: str, slots: int) -> Iterator[int]:
    """A real Celery worker (prefork), ready to work; its process id."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        app,
        "worker",
        "-Q",
        queues,
        "-c",
        str(slots),
        "-l",
        "ERROR",
        "-n",
        f"{app}@bench",
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_ready(app, process)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(app: str, process: "subprocess.Popen[bytes]") -> None:
    celery = load_app(app)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The worker of {app} ended with code {process.returncode}.")
        if celery.control.ping(timeout=0.5):
            return
    raise RuntimeError(f"The worker of {app} was not ready within a minute.")


def load_app(app: str):
    from importlib import import_module

    module = import_module(app)
    return getattr(module, "app", None) or module.celery_app


def memory(pid: int) -> dict[str, int]:
    """Megabytes a worker has to itself: the largest of its processes, and all of them."""
    import psutil

    parent = psutil.Process(pid)
    sizes = [process.memory_full_info().uss / 1e6 for process in [parent, *parent.children(recursive=True)]]
    return {"largest_process_mb": round(max(sizes)), "all_processes_mb": round(sum(sizes))}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)

    return {"p50_ms": at(0.50), "p95_ms": at(0.95), "p99_ms": at(0.99)}
