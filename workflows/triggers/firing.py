"""Events of rows become runs: the async ones in one insert, the sync ones inside the write that set them off."""

import logging
from contextvars import copy_context
from functools import partial

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from workflows.collections import engine_alias
from workflows.errors import SluiceError
from workflows.triggers.base import Event, dispatch

logger = logging.getLogger("sluice.events")


class RollbackOnFailure(SluiceError):
    """The sync run of a write did not succeed, so the write is undone (spec 4.1)."""

    code = "WORKFLOW_ROLLBACK_ON_FAILURE"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("A process of the system failed, so nothing was saved. Please tell an administrator."))


def fire(events: list[Event], using: str) -> None:
    """The async ones in one insert; then the sync ones, one by one, inside the caller's transaction."""
    queued = [event for event in events if not event.listener.sync]
    if queued:
        dispatch(queued)
    for event in events:
        if event.listener.sync:
            _run(event, using)


def _run(event: Event, using: str) -> None:
    engine = connections[engine_alias()]
    if engine.in_atomic_block and _one_writer(engine):
        # The run keeps the context of the save: at the commit, who saved and which runs led here is forgotten.
        transaction.on_commit(partial(copy_context().run, _run_late, event), using=engine.alias)
    elif _failed(event):
        if connections[using].in_atomic_block:
            # Whoever catches this inside the transaction can't commit half of it.
            transaction.set_rollback(True, using=using)
        raise RollbackOnFailure


def _one_writer(engine: BaseDatabaseWrapper) -> bool:
    """Whether the caller's transaction keeps the run from writing its own rows, which go over a second connection."""
    return engine.vendor == "sqlite"


def _run_late(event: Event) -> None:
    if _failed(event):
        logger.warning("Workflow %s failed; the row it should undo was committed.", event.listener.workflow_id)


def _failed(event: Event) -> bool:
    """Runs it; whether the row must not stay."""
    (ended,) = dispatch([event]) or (None,)
    return event.listener.config.rollback_on_failure and (ended is None or (ended.status or 0) < 0)
