"""Keeps a slot's database connections from one drain to the next.

Celery closes every Django connection before and after every task, whatever CONN_MAX_AGE says; for a drain that is
more than its
work. For Sluice's own tasks connections are kept as Django keeps them between requests; the host's tasks stay as they
are.
"""

import time
from threading import local
from typing import Any

from celery import Celery, signals
from celery.fixups.django import DjangoFixup
from django.db import connections

_OURS = "sluice."
#: Connections used so lately need no health check; one that broke all the same leaves its segment to be done again.
FRESH_SECONDS = 5.0
_threads = local()


class _Keeper:
    """Stands before Celery's own handlers of a task's begin and end."""

    def __init__(self, fixup: Any) -> None:
        self.fixup = fixup

    def before(self, sender: Any, **kwargs: Any) -> None:
        if not self._tidied(sender):
            self.fixup.on_task_prerun(sender, **kwargs)

    def after(self, sender: Any, **kwargs: Any) -> None:
        if not self._tidied(sender):
            self.fixup.on_task_postrun(sender, **kwargs)

    def _tidied(self, sender: Any) -> bool:
        if not str(getattr(sender, "name", "")).startswith(_OURS):
            return False
        now = time.monotonic()
        if now - getattr(_threads, "tidied", 0.0) > FRESH_SECONDS:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()
        _threads.tidied = now
        return True


_keepers: list[_Keeper] = []


def keep_connections(app: Celery) -> None:
    """Puts the keeper in place in a worker's main process, before its slots are forked."""
    for fixup in getattr(app, "_fixups", ()):
        if not isinstance(fixup, DjangoFixup):
            continue
        worker_fixup = fixup.worker_fixup
        if not signals.task_prerun.disconnect(worker_fixup.on_task_prerun):
            continue
        signals.task_postrun.disconnect(worker_fixup.on_task_postrun)
        keeper = _Keeper(worker_fixup)
        # Signals hold their receivers weakly.
        _keepers.append(keeper)
        signals.task_prerun.connect(keeper.before)
        signals.task_postrun.connect(keeper.after)
