"""One operation on all runs that a filter finds: in the background, a chunk at a time, with progress and a stop.

The operation is a row with a `due_at`. A worker locks it, takes the next runs by id, and does its work on them in one
transaction with the row's cursor: a worker that is killed leaves neither, and the tick finds the row due again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from executions import operations, wakeup
from executions.listing.filtersets import ExecutionFilter
from executions.models import BulkOperation, Execution
from executions.store import session
from workflows import ambient, history
from workflows.actions import Action, Origin
from workflows.conf import conf
from workflows.errors import Busy, Invalid, NotFound, Refused, SluiceError
from workflows.jsonable import jsonable
from workflows.listing.bounds import bounded
from workflows.visibility import visible_rows

logger = logging.getLogger("sluice.bulk")

#: Runs looked at by one chunk, and seconds after which it begins no further one; SQLite has one writer.
CHUNK, CHUNK_SECONDS, SQLITE_SECONDS = 100, 1.0, 0.1
#: Runs deleted by one statement.
DELETED_AT_ONCE = 20
#: SQLite: seconds between two chunks in which others who wait for its one writer may come in.
GAP_SECONDS = 0.05
#: Seconds until a chunk's operation is due again: the worker at it comes back sooner, or is dead.
LEASE = 5.0
#: Seconds until a run that a worker holds is tried again, and how often; as often as a chunk that fails as a whole.
AGAIN, MOST_TRIES = 0.5, 5
#: Names of one filter.
MOST_FILTERS = 100
#: The most runs counted beforehand, and the most refusals kept.
COUNTED, KEPT_REFUSALS = 10_000, 100

_OPERATIONS: dict[BulkOperation.Action, Callable[..., Any]] = {
    BulkOperation.Action.CANCEL: operations.cancel,
    BulkOperation.Action.PAUSE: operations.pause,
    BulkOperation.Action.RESUME: operations.resume,
    BulkOperation.Action.RERUN: operations.rerun,
}
#: What each action needs of a person; stopping it needs the same. Python code is asked for none.
PERMISSIONS = {
    BulkOperation.Action.CANCEL: "executions.cancel_execution",
    BulkOperation.Action.PAUSE: "executions.pause_execution",
    BulkOperation.Action.RESUME: "executions.pause_execution",
    BulkOperation.Action.RERUN: "executions.rerun_execution",
    BulkOperation.Action.DELETE: "executions.delete_execution",
}
_ENDED = (BulkOperation.State.DONE, BulkOperation.State.STOPPED, BulkOperation.State.FAILED)


def start(
    action: str, where: Mapping[str, Any] | None = None, *, all: bool = False, by: Any = None, reason: str | None = None
) -> BulkOperation:
    """Queues cancel, pause, resume, rerun or delete for all runs that there are now and that the filter finds.

    `where` are the parameters of the list of executions, {name: value or list of values}; without any, `all` must say
    so. Raises `Invalid` ("action", "filter", "filter.…", "all", "reason"), `TooSlow` where counting takes too long.
    """
    if action not in BulkOperation.Action.values:
        raise Invalid(
            _("There is no bulk action %(action)s; there are: %(known)s.")
            % {"action": str(action)[:40], "known": ", ".join(BulkOperation.Action.values)},
            field="action",
        )
    given = jsonable(dict(where or {}))
    if not given and all is not True:
        raise Invalid(_('The filter is empty; to mean every execution, say so with "all": true.'), field="filter")
    if given and all:
        raise Invalid(_("Give a filter or all, not both."), field="all")
    why = history.checked_reason(reason)
    author = by if by is not None else ambient.actor()
    runs = found(given, author)
    with transaction.atomic(using=session.alias()):
        newest = Execution.objects.using(session.alias()).order_by("-id").values_list("id", flat=True).first() or 0
        with bounded(session.alias(), ExecutionFilter.narrow_by):
            count = runs.filter(pk__lte=newest).order_by()[: COUNTED + 1].count()
        now = session.database_now()
        origin, address = ambient.source()
        operation = BulkOperation(
            action=action,
            filter=given,
            reason=why,
            queue=conf().QUEUE,
            due_at=now,
            upper=newest,
            total=count if count <= COUNTED else None,
            created_by_id=getattr(author, "pk", None),
            origin=origin,
            address=address[:64],
            created_at=now,
        )
        operation.save(force_insert=True, using=session.alias())
        history.record(
            Action.BULK_START, _subject(operation), by=by, reason=why, changes={"filter": [None, given or "all"]}
        )
        queue = operation.queue
        transaction.on_commit(lambda: wakeup.send_bulk(queue), using=session.alias(), robust=True)
    return operation


def stop(operation_id: int, *, by: Any = None, reason: str | None = None) -> BulkOperation:
    """Ends an operation between two chunks; what was done stays done.

    Raises `NotFound`, `Refused` for one that has ended, and `Busy` while a chunk takes longer than two seconds.
    """
    try:
        with session.bounded_session(), session.people():
            rows = BulkOperation.objects.using(session.alias()).filter(pk=operation_id)
            operation = rows.select_for_update().first()
            if operation is None:
                raise NotFound(_("There is no bulk operation %s.") % operation_id, field="id")
            if operation.state in _ENDED:
                raise Refused(
                    _("Bulk operation %(id)s has ended (%(state)s); there is nothing to stop.")
                    % {"id": operation_id, "state": operation.get_state_display()}
                )
            changes = {"state": [operation.state, BulkOperation.State.STOPPED.value]}
            _end(operation, BulkOperation.State.STOPPED)
            operation.save(using=session.alias())
            history.record(Action.BULK_STOP, _subject(operation), by=by, reason=reason, changes=changes)
    except Exception as error:
        if session.transient(error):
            raise Busy(_("Bulk operation %s is at work just now; try again in a moment.") % operation_id) from error
        raise
    return operation


def found(where: Mapping[str, Any], user: Any = None) -> QuerySet[Execution]:
    """The runs that a filter finds, of those that this user may see.

    Raises `Invalid` ("filter.…") for names and values that it does not take.
    """
    if where and not {*where} - {"order"}:
        raise Invalid(_("An order is no filter; name the executions that are meant."), field="filter")
    if len(where) > MOST_FILTERS:
        raise Invalid(_("A filter has at most %d names; leave some out.") % MOST_FILTERS, field="filter")
    data = QueryDict(mutable=True)
    for name, value in where.items():
        data.setlist(name, _parameters(name, value))
    runs = Execution.objects.using(session.alias()).all()
    bound = ExecutionFilter(data=data, queryset=runs if user is None else visible_rows(runs, user))
    errors: dict[str, Any] = bound.refusals()
    for name in where:
        if name not in bound.filters:
            known = ", ".join(sorted(bound.filters))
            errors.setdefault(name, _("There is no filter of this name; there are: %s.") % known)
    # Passed over, a value that asks for nothing would mean every run.
    errors = errors or dict.fromkeys(bound.empty(), _("Give a value, or leave it out."))
    filtered: QuerySet[Execution] = runs.none()
    if not errors:
        try:
            # The list's own rules: what would read every run is refused here too.
            bound.listing()
            filtered = bound.qs
        except Invalid as error:
            errors = error.errors
    if errors:
        below = {f"filter.{name[:80]}": sentence for name, sentence in errors.items()}
        first = next(iter(below))
        raise Invalid(below[first], field=first, errors=below)
    return filtered


def _parameters(name: str, value: Any) -> list[str]:
    """The value as a query string would have it."""
    values = value if isinstance(value, list) else [value]
    if any(not isinstance(each, str | bool | int | float) for each in values):
        raise Invalid(_("Give a text, a number, true or false, or a list of these."), field=f"filter.{name[:80]}")
    if not values or any(isinstance(each, str) and not each.strip() for each in values):
        raise Invalid(_("Give a value, or leave it out."), field=f"filter.{name[:80]}")
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def work(queue: str, *, seconds: float | None = None) -> int:
    """Takes on the bulk operation that is due first, for at most `seconds`; answers how many runs it dealt with."""
    until = time.monotonic() + (conf().DRAIN_SECONDS if seconds is None else seconds)
    dealt, operation_id = 0, None
    with session.bounded_session():
        while True:
            try:
                chunk = _chunk(queue, operation_id)
            except Exception as error:
                # Nothing of the chunk was written, and the tick finds it due.
                if session.transient(error) or isinstance(error, Busy):
                    logger.info("A chunk of a bulk operation is done again: %s", error)
                else:
                    logger.exception("A chunk of a bulk operation failed.")
                    _note_failure(queue, operation_id, error)
                return dealt
            if chunk is None:
                # Ended, stopped, or in other hands; maybe another one is due.
                if operation_id is None:
                    return dealt
                operation_id = None
            else:
                operation_id, count, pause = chunk
                dealt += count
                time.sleep(max(pause, GAP_SECONDS if session.vendor() == "sqlite" else 0.0))
            if time.monotonic() >= until:
                break
    if operation_id is not None:
        _give_back(operation_id)
    wakeup.send_bulk(queue)
    return dealt


def due(queue: str) -> bool:
    """Whether an operation waits for a worker."""
    rows = BulkOperation.objects.using(session.alias()).filter(queue=queue, due_at__lte=session.database_now())
    return rows.exists()


def _give_back(operation_id: int) -> None:
    """Another worker may go on at once."""
    rows = BulkOperation.objects.using(session.alias()).filter(pk=operation_id, due_at__isnull=False)
    rows.update(due_at=session.database_now())


def _chunk(queue: str, operation_id: int | None) -> tuple[int, int, float] | None:
    """One transaction's work: (operation, runs dealt with, seconds to wait); None where there is nothing to do."""
    with session.segment():
        operation = _claim(queue, operation_id)
        if operation is None:
            return None
        try:
            by = _author(operation)
            runs = found(operation.filter, by).filter(pk__gt=operation.cursor, pk__lte=operation.upper)
        except SluiceError as error:
            operation.error = f"{error.field}: {error}" if error.field else str(error)
            _end(operation, BulkOperation.State.FAILED)
            operation.save(using=session.alias())
            return operation.pk, 0, 0.0
        rows = list(runs.order_by("pk").values_list("pk", flat=True)[:CHUNK])
        ids = list(dict.fromkeys(rows))
        # Registered outside of all savepoints, it stands for those of the runs.
        wakeup.wake_on_commit(session.connection(), queue)
        count = _deal(operation, ids, by)
        if len(rows) < CHUNK and count == len(ids):
            _end(operation, BulkOperation.State.DONE)
        else:
            operation.due_at = session.database_now() + timedelta(seconds=LEASE)
        operation.save(using=session.alias())
        return operation.pk, count, AGAIN if operation.tries else 0.0


def _note_failure(queue: str, operation_id: int | None, error: Exception) -> None:
    """A chunk that fails as a whole, as on a filter that takes too long, is tried again a few times, then given up."""
    with session.segment():
        operation = _claim(queue, operation_id)
        if operation is None:
            return
        operation.tries += 1
        operation.due_at = session.database_now() + timedelta(seconds=LEASE)
        if operation.tries >= MOST_TRIES:
            operation.error = str(jsonable(f"{type(error).__name__}: {error}"))[:2000]
            _end(operation, BulkOperation.State.FAILED)
        operation.save(using=session.alias())


def _claim(queue: str, operation_id: int | None) -> BulkOperation | None:
    """The operation under its lock: this one, or the one that has been due longest."""
    db = session.connection()
    rows = BulkOperation.objects.using(db.alias).filter(queue=queue, due_at__isnull=False)
    now = session.database_now()
    rows = rows.filter(due_at__lte=now) if operation_id is None else rows.filter(pk=operation_id)
    operation = session.unheld(rows.order_by("due_at")).first()
    if operation is not None and operation.started_at is None:
        operation.started_at = now
        operation.state = BulkOperation.State.RUNNING
    return operation


def _author(operation: BulkOperation) -> Any:
    """Who asked; None for Python code that named nobody. Raises `Refused` where that user is gone or may no more."""
    if operation.created_by_id is None:
        return None
    user = get_user_model()._default_manager.filter(pk=operation.created_by_id, is_active=True).first()
    if user is None:
        raise Refused(_("The user who asked for it was deleted or deactivated; ask for it again."))
    needed = PERMISSIONS[BulkOperation.Action(operation.action)]
    if operation.origin not in (Origin.PYTHON, Origin.COMMAND) and not user.has_perm(needed):
        raise Refused(_("The user who asked for it has lost the permission %s; give it back, and ask again.") % needed)
    return user


def _deal(operation: BulkOperation, ids: Sequence[int], by: Any) -> int:
    """Does it to these runs in their order, until its time is over or a run is held by a worker; answers how many."""
    until = time.monotonic() + (SQLITE_SECONDS if session.vendor() == "sqlite" else CHUNK_SECONDS)
    step = DELETED_AT_ONCE if operation.action == BulkOperation.Action.DELETE else 1
    count = 0
    with ambient.coming_from(operation.origin, operation.address), history.gathering() as entries:
        for begin in range(0, len(ids), step):
            some = ids[begin : begin + step]
            if not _try(operation, some, by):
                break
            operation.cursor, operation.tries = some[-1], 0
            count += len(some)
            if time.monotonic() >= until:
                break
    for entry in entries:
        entry.bulk = operation.pk
    history.add(entries)
    return count


def _try(operation: BulkOperation, ids: Sequence[int], by: Any) -> bool:
    """Counts what came of these runs; False: a worker holds one, and it is to be tried again."""
    try:
        with transaction.atomic(using=session.alias()), history.gathering() as entries:
            refused = _operate(operation, ids, by)
    except SluiceError as error:
        if session.connection().needs_rollback:
            # A deadlock has taken the whole transaction: the chunk is done again.
            raise
        if isinstance(error, Busy) and operation.tries + 1 < MOST_TRIES:
            operation.tries += 1
            return False
        refused = dict.fromkeys(ids, str(error))
    except Exception as error:
        if session.transient(error) or session.connection().needs_rollback:
            raise
        logger.exception("Bulk operation %s failed at executions %s.", operation.pk, ids)
        operation.failed += len(ids)
        _keep(operation, dict.fromkeys(ids, f"{type(error).__name__}: {error}"))
        return True
    else:
        history.add(entries)
    operation.done += len(ids) - len(refused)
    operation.refused += len(refused)
    _keep(operation, refused)
    return True


def _operate(operation: BulkOperation, ids: Sequence[int], by: Any) -> dict[int, str]:
    """Does it; answers {run: why} of those that refused. Raises what the operations raise."""
    if operation.action == BulkOperation.Action.DELETE:
        return operations.delete(ids, by=by, reason=operation.reason).refused
    for execution_id in ids:
        _OPERATIONS[BulkOperation.Action(operation.action)](execution_id, by=by, reason=operation.reason)
    return {}


def _keep(operation: BulkOperation, refused: Mapping[int, str]) -> None:
    for execution_id, why in refused.items():
        if len(operation.refusals) < KEPT_REFUSALS:
            operation.refusals.append([execution_id, str(jsonable(why))[:500]])


def _end(operation: BulkOperation, state: BulkOperation.State) -> None:
    operation.state = state
    operation.due_at = None
    operation.ended_at = session.database_now()


def _subject(operation: BulkOperation) -> history.Subject:
    return history.Subject("bulk", operation.pk, f"{operation.action} #{operation.pk}")
