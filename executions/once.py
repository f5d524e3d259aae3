"""A run that a client asks for by hand: at once or only queued, and once however often its request arrives."""

import hashlib
import json
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from executions import sync, wakeup
from executions.dispatcher import new_execution, run_now
from executions.models import Execution
from executions.store import eventkeys, intake, session
from workflows import ambient
from workflows.errors import Invalid, KeyReused, Refused
from workflows.models import Workflow
from workflows.triggers import manual_context
from workflows.triggers.base import Event
from workflows.triggers.listening import listener_of

#: Leaves room in the column of event keys.
LONGEST_KEY = 200
_FIELD = "Idempotency-Key"


class Asked(NamedTuple):
    """The run, or None where the values don't meet the trigger's condition; `again` where it was asked for before."""

    execution: Execution | None
    again: bool = False


def execute(workflow: Workflow, values: Any, *, by: Any, key: str | None = None, queued: bool = False) -> Asked:
    """Runs a version by hand to its first wait or end, or with `queued` leaves it to the workers.

    `key` is the client's: a second request with it answers the first one's run, for as long as event keys are
    remembered. Raises `KeyReused` where the second asks for something else, and `Refused` where the run is gone.
    """
    if queued and workflow.sync:
        raise Invalid(_("A synchronous workflow can't be queued; leave async out."), field="async")
    if key is not None:
        return _once(workflow, values, by, _checked(key), queued)
    if not queued:
        return Asked(run_now(workflow, values, by=by))
    with transaction.atomic(using=session.alias()):
        # Inside a transaction it is only queued.
        return Asked(run_now(workflow, values, by=by))


def _once(workflow: Workflow, values: Any, by: Any, key: str, queued: bool) -> Asked:
    from executions.segments import run_to_first_wait

    context = manual_context(workflow, values)
    if context is None:
        return Asked(None)
    event = Event(listener_of(workflow), context, fields={"manually": True})
    db = session.connection()
    mark = _mark(workflow, values, by, key)

    def begin() -> Asked:
        with transaction.atomic(using=db.alias):
            first = _first(workflow, key, mark)
            if first is not None:
                return Asked(first, again=True)
            execution = new_execution(event)
            # Not the event's: it is remembered already.
            execution.event_key = key
            if not workflow.sync:
                intake.insert_queued(db, [execution])
                wakeup.wake_on_commit(db, execution.queue)
            return Asked(execution)

    with ambient.acting(by):
        asked = session.done_again(begin)
        execution = asked.execution
        if asked.again or execution is None:
            return asked
        if workflow.sync:
            # Its row stands on a connection of its own, so the key is remembered before.
            try:
                run = sync.run(event, execution)
            except Exception:
                _forget_unbegun(workflow, key, mark)
                raise
            execution.pk = None if run is None else run.id
    if not (queued or workflow.sync or db.in_atomic_block):
        run_to_first_wait(execution.pk)
    return Asked(Execution.objects.using(db.alias).filter(pk=execution.pk).first())


def _first(workflow: Workflow, key: str, mark: str) -> Execution | None:
    """The run that this key began before, or None where it is new, and remembered from now on."""
    own, what = (workflow.key, key), (workflow.key, mark)
    # The key alone first: who comes second waits here, and holds nothing that others wait for.
    known = eventkeys.remember([own])
    if own not in known:
        eventkeys.remember([what])
        return None
    if not eventkeys.is_known(what):
        raise KeyReused(_("This key was sent with another request; send a new key."), field=_FIELD)
    first = known[own]
    if first is None:
        raise Refused(_("The execution that this key began is deleted; send a new key."), field=_FIELD)
    return first


def _forget_unbegun(workflow: Workflow, key: str, mark: str) -> None:
    """A request that failed before there was a run may come again; inside the caller's transaction, he decides."""
    if session.connection().in_atomic_block:
        return
    if not Execution.objects.using(session.alias()).filter(key=workflow.key, event_key=key).exists():
        eventkeys.forget([(workflow.key, key), (workflow.key, mark)])


def _mark(workflow: Workflow, values: Any, by: Any, key: str) -> str:
    """What was asked for and by whom: another person's key is no key to their run."""
    asked = json.dumps([key, workflow.pk, by.pk, values], sort_keys=True)
    return f"asked {hashlib.sha256(asked.encode()).hexdigest()}"


def _checked(key: str) -> str:
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Invalid(_("The key is a text of 1 to %d printable ASCII characters.") % LONGEST_KEY, field=_FIELD)
    return key
