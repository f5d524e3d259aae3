"""The wake-up: a message that says "there is work on this queue". It may be lost: the tick makes good for it."""

import logging
import os
import time
from dataclasses import dataclass
from functools import lru_cache

from celery import current_app
from django.core.cache import BaseCache, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from kombu.pools import ProducerPool

from workflows.conf import conf

logger = logging.getLogger("sluice.wakeup")

#: Seconds one wake-up stands for all that follow it.
MARK_SECONDS = 1
#: Seconds without a further try after a failed one: a broker that is down costs a save nothing.
SILENT_SECONDS = 5.0
#: Seconds the first of them may cost; and the most connections to the broker that a process's wake-ups use.
PATIENCE, CONNECTIONS = 0.5, 10

_silent_until = 0.0


def perform_queue(queue: str) -> str:
    """The queue of the tasks that perform what runs of `queue` ask of the world."""
    return f"{queue}-perform"


@dataclass(frozen=True, slots=True)
class WakeUp:
    """The commit hook of one queue; compared by what it wakes, so that a transaction sends one of each."""

    queue: str
    performers: bool = False

    def __call__(self) -> None:
        (send_perform if self.performers else send)(self.queue)


def wake_on_commit(db: BaseDatabaseWrapper, queue: str, *, performers: bool = False) -> None:
    """Wakes the queue's drains, or its performers, once this transaction commits."""
    wake_up = WakeUp(queue, performers)
    here = set(db.savepoint_ids)
    for savepoints, hook, *_ in db.run_on_commit:
        # One registered inside a savepoint that may yet be rolled back does not stand for this one.
        if hook == wake_up and set(savepoints) <= here:
            return
    if db is connections[db.alias]:
        transaction.on_commit(wake_up, using=db.alias, robust=True)
    else:
        # The second connection, in a transaction without `atomic`: what on_commit refuses, set_autocommit runs.
        db.run_on_commit.append((set(db.savepoint_ids), wake_up, True))  # type: ignore[arg-type]  # robust is unknown


def send(queue: str, *, whatever_the_mark: bool = False) -> None:
    """Wakes the queue's drains, unless somebody just did. Never raises."""
    _send("sluice.drain", queue, queue, whatever_the_mark)


def send_perform(queue: str, *, whatever_the_mark: bool = False) -> None:
    """Wakes the queue's performers, unless somebody just did. Never raises."""
    _send("sluice.perform", queue, perform_queue(queue), whatever_the_mark)


def send_bulk(queue: str) -> None:
    """Wakes a worker for bulk operations; these are few, and the mark is the drains'. Never raises."""
    if time.monotonic() >= _silent_until:
        try:
            _publish("sluice.bulk", queue, to=queue)
        except Exception as error:
            _fall_silent(queue, error)


def _send(task: str, queue: str, to: str, whatever_the_mark: bool) -> None:
    if time.monotonic() < _silent_until or not (_first(to) or whatever_the_mark):
        return
    try:
        _publish(task, queue, to=to)
    except Exception as error:
        _fall_silent(to, error)


def _first(queue: str) -> bool:
    """Whether nobody marked the queue within the last second. A cache that does not answer keeps no wake-up back."""
    cache = _shared_cache()
    try:
        return cache is None or bool(cache.add(_mark(queue), 1, MARK_SECONDS))
    except Exception:
        logger.warning("The cache that carries the wake-up's mark does not answer.", exc_info=True)
        return True


def _publish(task: str, queue: str, *, to: str) -> None:
    producers = _producers(os.getpid(), current_app.conf.broker_write_url)
    with producers.acquire(block=True, timeout=PATIENCE) as producer:
        current_app.send_task(task, (queue,), queue=to, producer=producer, retry=False, ignore_result=True)


@lru_cache(maxsize=1)
def _producers(pid: int, url: str) -> ProducerPool:
    """Producers of our own: Celery's wait seconds for a broker that is away, and for ever for one that is frozen.

    One pool a process, as its connections can't be shared with forked ones, and anew when the app's broker changes.
    """
    options = {**current_app.conf.broker_transport_options, "max_retries": 0}
    broker = current_app.connection_for_write(connect_timeout=PATIENCE, transport_options=options)
    if broker.transport.driver_type == "redis":
        broker.transport_options = {
            **options,
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
            "retry_on_timeout": False,
        }
    return ProducerPool(broker.Pool(limit=CONNECTIONS), limit=CONNECTIONS)


def clear_mark(queue: str) -> None:
    """A drain is at work: what comes from now on wakes again."""
    cache = _shared_cache()
    if cache is not None:
        try:
            cache.delete(_mark(queue))
        except Exception:
            logger.warning("The cache that carries the wake-up's mark does not answer.", exc_info=True)


def _mark(queue: str) -> str:
    return f"sluice:woken:{queue}"


def _shared_cache() -> BaseCache | None:
    """The cache of the mark; None where it is not shared between processes, so that every wake-up is sent."""
    cache = caches[conf().CACHE]
    return None if isinstance(cache, LocMemCache | DummyCache) else cache


def _fall_silent(queue: str, error: Exception) -> None:
    global _silent_until
    _silent_until = time.monotonic() + SILENT_SECONDS
    logger.warning("Queue %s could not be woken (%s); its runs start when the tick comes by.", queue, error)
    clear_mark(queue)


def speak_again() -> None:
    """Forgets a failed wake-up; for tests and for a worker that has just started."""
    global _silent_until
    _silent_until = 0.0
