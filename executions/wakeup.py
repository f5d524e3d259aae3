"""The wake-up: a message that says "there is work on this queue". It may be lost: the tick makes good for it."""

import logging
import time

from celery import current_app
from django.core.cache import BaseCache, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from workflows.conf import conf

logger = logging.getLogger("sluice.wakeup")

#: Seconds one wake-up stands for all that follow it.
MARK_SECONDS = 1
#: Seconds without a further try after a failed one: a broker that is down costs a save nothing.
SILENT_SECONDS = 5.0

_silent_until = 0.0


def perform_queue(queue: str) -> str:
    """The queue of the tasks that perform what runs of `queue` ask of the world."""
    return f"{queue}-perform"


class WakeUp:
    """The commit hook of one queue; compared by queue, so that a transaction sends one."""

    def __init__(self, queue: str) -> None:
        self.queue = queue

    def __call__(self) -> None:
        send(self.queue)


def wake_on_commit(db: BaseDatabaseWrapper, queue: str) -> None:
    """Wakes the queue's workers once this transaction commits."""
    here = set(db.savepoint_ids)
    for savepoints, hook, *_ in db.run_on_commit:
        # One registered inside a savepoint that may yet be rolled back does not stand for this one.
        if isinstance(hook, WakeUp) and hook.queue == queue and set(savepoints) <= here:
            return
    transaction.on_commit(WakeUp(queue), using=db.alias, robust=True)


def send(queue: str, *, whatever_the_mark: bool = False) -> None:
    """Wakes the queue's drains, unless somebody just did. Never raises."""
    if time.monotonic() < _silent_until:
        return
    cache = _shared_cache()
    try:
        if cache is not None and not cache.add(_mark(queue), 1, MARK_SECONDS) and not whatever_the_mark:
            return
        current_app.send_task("sluice.drain", (queue,), queue=queue, retry=False, ignore_result=True)
    except Exception as error:
        _fall_silent(queue, cache, error)


def send_perform(queue: str) -> None:
    """Wakes the queue's performers. Never raises."""
    if time.monotonic() < _silent_until:
        return
    cache = _shared_cache()
    try:
        if cache is not None and not cache.add(_mark(perform_queue(queue)), 1, MARK_SECONDS):
            return
        task = {"queue": perform_queue(queue), "retry": False, "ignore_result": True}
        current_app.send_task("sluice.perform", (queue,), **task)
    except Exception as error:
        _fall_silent(perform_queue(queue), cache, error)


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


def _fall_silent(queue: str, cache: BaseCache | None, error: Exception) -> None:
    global _silent_until
    _silent_until = time.monotonic() + SILENT_SECONDS
    logger.warning("Queue %s could not be woken (%s); its runs start when the tick comes by.", queue, error)
    if cache is not None:
        try:
            cache.delete(_mark(queue))
        except Exception:
            logger.debug("The mark could not be cleared either.", exc_info=True)


def speak_again() -> None:
    """Forgets a failed wake-up; for tests and for a worker that has just started."""
    global _silent_until
    _silent_until = 0.0
