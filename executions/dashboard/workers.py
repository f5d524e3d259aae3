"""Which Celery workers are there: each says so itself, from its tick, several times a minute."""

import os
import socket
import time
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from executions.models import WorkerSeen
from executions.store import session

#: Seconds between two signs of life, after how long a worker counts as gone, and when it is forgotten.
EVERY = 20.0
GONE_AFTER, FORGOTTEN_AFTER = timedelta(minutes=1), timedelta(days=1)
#: Workers that a page lists.
MOST = 100

#: Process -> when it said so last; a fork is no worker of its own.
_last: dict[int, float] = {}


def beat() -> None:
    """This process has a worker that ticks. Two statements, and none until the next sign is due."""
    now = time.monotonic()
    if now - _last.get(os.getpid(), -EVERY) < EVERY:
        return
    _last[os.getpid()] = now
    rows = WorkerSeen.objects.using(session.alias())
    if not rows.filter(pk=name()).update(seen_at=Now()):
        moment = session.database_now()
        rows.bulk_create([WorkerSeen(name=name(), since=moment, seen_at=moment)], ignore_conflicts=True)


def leave() -> None:
    """It stops, as it was told to."""
    _last.pop(os.getpid(), None)
    WorkerSeen.objects.using(session.alias()).filter(pk=name()).delete()


def name() -> str:
    return f"{socket.gethostname()[:48]}:{os.getpid()}"


def seen(now: datetime) -> QuerySet[WorkerSeen]:
    """Those of the last day, the latest sign first."""
    rows = WorkerSeen.objects.using(session.alias()).filter(seen_at__gt=now - FORGOTTEN_AFTER)
    return rows.order_by("-seen_at", "name")[:MOST]


def forget() -> None:
    WorkerSeen.objects.using(session.alias()).filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
