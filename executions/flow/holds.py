"""Holding runs back from starting, and letting them go: a queue, a workflow, everything; and what a disabled workflow
left queued.

A hold is one row; claims see it with the very statement that takes the runs, and park what it covers. Letting go is
done in keyed chunks: the first with the release itself, the rest by the tick, which goes on looking for longer than any
claim lasts that still saw the hold. So nothing is forgotten, whoever dies.
"""

import re
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, DateTimeField, F, Func, Q, QuerySet, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions import wakeup
from executions.flow import covering
from executions.models import Execution, Hold
from executions.statuses import Parked
from executions.store import session, sql
from workflows import ambient, history
from workflows.actions import Action
from workflows.errors import Invalid, NotFound, Refused
from workflows.models import Workflow
from workflows.visibility import narrowed, visible, visible_rows

#: Runs parked or let go by one statement, and seconds that one tick may take for it.
CHUNK, SLICE = 1_000, 0.3
#: Seconds between two looks, and how long they go on: a claim that saw how it was before has ended by then.
AGAIN = timedelta(seconds=1)
LINGER = timedelta(seconds=2 * session.FREED_AFTER)
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,40}")
#: What people hold; the others come and go with workflows.
SCOPES = (Hold.Scope.ALL, Hold.Scope.QUEUE, Hold.Scope.WORKFLOW)


class _Due(Func):
    """When a queued run was due from its start: so those let go come in their old order."""

    output_field = DateTimeField()

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        forms = {
            "postgresql": "created_at - priority * interval '1 second'",
            "mysql": "created_at - INTERVAL priority SECOND",
            "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', created_at, (-priority) || ' seconds') || '000'",
        }
        return f"({forms[connection.vendor]})", []


def hold(scope: str, target: str = "", *, by: Any = None, reason: str | None = None) -> Hold:
    """Keeps runs from starting: of everything, of a queue by name, of a workflow by key or name.

    What has begun goes on. Raises `Invalid` ("scope", "target", "reason"), `NotFound` (field "target"), and `Refused`
    where it is held already or holds more than this person may see.
    """
    target = _checked(scope, target, by)
    if by is not None and scope != Hold.Scope.WORKFLOW and narrowed(by):
        raise Refused(_("This would hold workflows that are hidden from you; hold those that you mean one by one."))
    why = history.checked_reason(reason)
    author = by if by is not None else ambient.actor()
    now = session.database_now()
    row = Hold(
        scope=scope, target=target, reason=why, created_by_id=getattr(author, "pk", None), created_at=now, since=now
    )
    held = _("It is held already; release that hold first to give another reason.")
    rows = Hold.objects.using(session.alias())
    with transaction.atomic(using=session.alias()):
        if rows.filter(scope=scope, target=target, active=True).exists():
            raise Refused(held)
        try:
            with transaction.atomic(using=session.alias()):
                row.save(force_insert=True, using=session.alias())
        except IntegrityError:
            raise Refused(held) from None
        history.record(Action.HOLD_ADD, _subject(row), by=by, reason=why)
    return row


def release(hold_id: int, *, by: Any = None, reason: str | None = None) -> Hold:
    """Lets go what this hold alone kept back. Raises `NotFound`, also where it was released before."""
    with transaction.atomic(using=session.alias()):
        row = _locked(held(by).filter(pk=hold_id))
        if row is None:
            raise NotFound(_("There is no hold %s; maybe it was released already.") % hold_id, field="id")
        row.active, row.cursor = None, 0
        row.since = row.due_at = session.database_now()
        # Before it is asked what else holds.
        row.save(using=session.alias())
        history.record(Action.HOLD_RELEASE, _subject(row), by=by, reason=reason)
        _step(row)
    return row


def held(user: Any = None) -> QuerySet[Hold]:
    """The holds there are, newest first; to whom workflows are hidden, those of the others alone."""
    rows = Hold.objects.using(session.alias()).filter(active=True, scope__in=SCOPES)
    if user is None or not narrowed(user):
        return rows
    return visible_rows(rows.filter(scope=Hold.Scope.WORKFLOW), user, key="target")


def of(scope: str, target: str = "", *, by: Any = None) -> Hold:
    """The hold of this, by queue name, workflow key or name. Raises as `hold`, and `NotFound` where nothing is held."""
    row = held(by).filter(scope=scope, target=_checked(scope, target, by)).first()
    if row is None:
        raise NotFound(_("It is not held."), field="target")
    return row


def of_workflow(key: str, queue: str, user: Any = None) -> list[Hold]:
    """What keeps back the runs of a workflow whose queue this is."""
    meant = Q(scope=Hold.Scope.ALL) | Q(scope=Hold.Scope.QUEUE, target=queue)
    return list(held(user).filter(meant | Q(scope=Hold.Scope.WORKFLOW, target=key)))


def title(row: Hold) -> str:
    """What it holds, in words."""
    if row.scope == Hold.Scope.ALL:
        return _("Everything")
    if row.scope == Hold.Scope.QUEUE:
        return _("Queue %(name)s") % {"name": row.target}
    workflow = Workflow.objects.using(session.alias()).filter(key=row.target, current=True).first()
    return _("Workflow %(name)s") % {"name": workflow.title if workflow is not None else row.target}


def _subject(row: Hold) -> history.Subject:
    key = row.target if row.scope == Hold.Scope.WORKFLOW else None
    return history.Subject("hold", row.pk, title(row), workflow_key=key)


def _checked(scope: Any, target: Any, by: Any) -> str:
    """The target as its row has it."""
    if scope not in SCOPES:
        known = ", ".join(SCOPES)
        raise Invalid(_("There is no such scope; there are: %s.") % known, field="scope")
    if not isinstance(target, str) or len(target) > 128 or "\x00" in target:
        raise Invalid(_("Name a queue, or a workflow by its key or name."), field="target")
    if scope == Hold.Scope.ALL:
        if target:
            raise Invalid(_("Everything has no further name; leave it empty."), field="target")
        return ""
    if scope == Hold.Scope.QUEUE:
        if not _QUEUE.fullmatch(target):
            raise Invalid(_("A queue's name has 1 to 40 letters, digits, _ and -."), field="target")
        return target
    named = Workflow.objects.using(session.alias()).filter(Q(key=target) | Q(name=target, current=True))
    # A key, before a name that looks like one.
    keys: set[str] = set((named if by is None else visible(named, by)).values_list("key", flat=True))
    if not target or not keys:
        raise NotFound(_("There is no workflow with the key or name %r.") % target, field="target")
    return str(target) if target in keys else min(keys)


def disable(key: str) -> None:
    """Parks what is queued of a workflow that no longer listens, in the transaction that disables it."""
    rows = Hold.objects.using(session.alias()).filter(scope=Hold.Scope.DISABLED, target=key)
    with transaction.atomic(using=session.alias()):
        rows.filter(active=None).delete()
        now = session.database_now()
        row = Hold(scope=Hold.Scope.DISABLED, target=key, created_at=now, since=now, due_at=now)
        # Two who disable it at once: one row is enough.
        Hold.objects.using(session.alias()).bulk_create([row], ignore_conflicts=True)
        found = _locked(rows.filter(active=True))
        if found is not None:
            found.cursor, found.since, found.due_at = 0, now, now
            _step(found)


def enable(key: str) -> None:
    """Lets go what disabling parked, in the transaction that enables the workflow; or the one that deletes it, so that
    its runs end saying so."""
    rows = Hold.objects.using(session.alias()).filter(scope=Hold.Scope.DISABLED, target=key)
    parked = Execution.objects.using(session.alias()).filter(key=key, status=None, parked=Parked.DISABLED)
    with transaction.atomic(using=session.alias()):
        found = _locked(rows.filter(active=True))
        if found is None and not parked.exists():
            return
        now = session.database_now()
        if found is None:
            found = Hold(scope=Hold.Scope.DISABLED, target=key, created_at=now)
        found.active, found.cursor = None, 0
        found.since = found.due_at = now
        _step(found)


def settle_due(*, seconds: float = SLICE) -> int:
    """Goes on with what holds and releases have left to do; answers how many runs were parked or let go."""
    until = time.monotonic() + seconds
    done = 0
    while time.monotonic() < until:
        with session.segment():
            rows = Hold.objects.using(session.alias()).filter(due_at__lte=session.database_now())
            # One that somebody is just changing comes with a later tick: nobody waits for a person's transaction.
            row = session.unheld(rows.order_by("due_at")).first()
            if row is None:
                break
            done += _step(row)
    return done


def due_sql(vendor: str) -> str:
    """Whether there is anything for `settle_due`, for the tick's one statement."""
    return f"EXISTS (SELECT 1 FROM executions_hold WHERE due_at IS NOT NULL AND due_at <= {sql.NOW[vendor]})"


def _locked(rows: QuerySet[Hold]) -> Hold | None:
    if session.connection().features.has_select_for_update:
        rows = rows.select_for_update()
    return rows.first()


def _step(row: Hold) -> int:
    """One chunk, in the transaction under way; then the row says when the next is due, or goes."""
    last, count = (_park if row.active else _let_go)(row)
    now = session.database_now()
    if last is not None:
        row.cursor, row.due_at = last, now
    else:
        row.cursor, row.due_at = 0, now + AGAIN
    if last is None and now > row.since + LINGER:
        row.delete()
    else:
        row.save(using=session.alias())
    return count


def _park(row: Hold) -> tuple[int | None, int]:
    """(the last run looked at, if there may be more; how many were parked) of a disabled workflow's queued runs.

    Not those that people began, nor what another run waits for.
    """
    runs = Execution.objects.using(session.alias()).filter(key=row.target, status=None, id__gt=row.cursor)
    runs = runs.filter(ended_at=None, parent_job=None, rerun_of=None).exclude(manually=True)
    waiting = runs.filter(Q(parked=None) | ~Q(parked=Parked.DISABLED))
    # This order, as the one of what is let go, has one index alone: by another one all runs might be read.
    ids = list(session.unheld(waiting.order_by("-status", "id")).values_list("id", flat=True)[:CHUNK])
    _change(ids, Parked.DISABLED, F("expires_at"))
    return ids[-1] if len(ids) == CHUNK else None, len(ids)


def _let_go(row: Hold) -> tuple[int | None, int]:
    """The same of parked runs that nothing else keeps back."""
    runs = Execution.objects.using(session.alias()).filter(status=None, ended_at=None, id__gt=row.cursor)
    if row.scope == Hold.Scope.DISABLED:
        runs = runs.filter(key=row.target, parked=Parked.DISABLED).order_by("-status", "id")
    else:
        runs = runs.filter(_covered_by(row), parked__range=(Parked.HOLD, Parked.HOLD)).exclude(_covered())
        runs = runs.order_by("-parked", "id")
    found = list(session.unheld(runs).values_list("id", "queue")[:CHUNK])
    _change([pk for pk, _queue in found], None, Case(When(paused_at=None, then=_Due()), default=F("expires_at")))
    for queue in {queue for _pk, queue in found}:
        wakeup.wake_on_commit(session.connection(), queue)
    return found[-1][0] if len(found) == CHUNK else None, len(found)


def _covered_by(row: Hold) -> Q:
    if row.scope == Hold.Scope.QUEUE:
        return Q(queue=row.target)
    return Q(key=row.target) if row.scope == Hold.Scope.WORKFLOW else Q()


def _covered() -> Q:
    """What further holds keep back."""
    rows = Hold.objects.using(session.alias()).filter(active=True).values_list("scope", "target")
    holds = covering.of(list(rows))
    covered = Q(queue__in=holds.queues) | Q(key__in=holds.keys)
    return covered | Q(parent_job=None) if holds.everything else covered


def _change(ids: Collection[int], parked: Parked | None, due_at: Any) -> None:
    if ids:
        runs = Execution.objects.using(session.alias()).filter(pk__in=ids, status=None)
        runs.update(parked=parked, due_at=due_at, turn=F("turn") + 1, updated_at=Now())
