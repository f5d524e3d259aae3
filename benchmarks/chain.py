"""A Celery chain of no-op tasks: what a team would otherwise glue together. Redis result backend, prefork."""

import time
from typing import Any

from celery import Celery, chain

from benchmarks.ground import BROKER, RESULTS, percentiles, worker

app = Celery("benchmarks.chain", broker=BROKER, backend=RESULTS)
app.conf.task_default_queue = "benchmark-chain"


@app.task(name="benchmark.nothing")
def nothing(_: Any = None) -> None:
    """A step that does nothing."""


def _signature(steps: int) -> Any:
    return chain(*(nothing.si() for _ in range(steps)))


def measure(steps: int, number: int, slots: int, one_by_one: int) -> dict[str, Any]:
    """Runs/s of chains queued before the clock starts, then the time from send to end with one chain at a time."""
    import redis

    results = redis.Redis.from_url(RESULTS)
    for _ in range(number):
        _signature(steps).apply_async()
    with worker("benchmarks.chain", "benchmark-idle", slots):
        begin = time.perf_counter()
        app.control.add_consumer("benchmark-chain", reply=False)
        # Each task leaves one result: the database's size tells when all are done.
        while results.dbsize() < number * steps:
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
        latencies = []
        for _ in range(one_by_one):
            sent = time.perf_counter()
            _signature(steps).apply_async().get(interval=0.001)
            latencies.append(time.perf_counter() - sent)
    return {"runs_per_s": round(number / seconds, 1), **percentiles(latencies)}
