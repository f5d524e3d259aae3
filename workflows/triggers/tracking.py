"""Bulk writes as events, where asked for: `bulk_create`, `bulk_update`, `QuerySet.update` and `QuerySet.delete`.

A bulk write sets nothing off by itself (spec 4.1). Inside `track()`, or through a `TrackedManager`, each row it writes
is an event like a single save's or delete's: in the same transaction, the runs of all rows in one insert.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.utils.translation import gettext as _

from workflows import ambient
from workflows.errors import Invalid
from workflows.triggers import listening, rows
from workflows.triggers.collection import CREATE, UPDATE

#: The models whose bulk writes are events here; None of a set means all.
_tracked: ContextVar[frozenset[type[Model]] | None] = ContextVar("sluice_tracked", default=frozenset())
#: Whether a tracked write is under way, and tells of its rows itself.
_inside: ContextVar[bool] = ContextVar("sluice_tracking", default=False)


@contextmanager
def track(*chosen: type[Model] | str, event_key: Callable[[Any], str | None] | None = None) -> Iterator[None]:
    """Bulk writes inside set workflows off: those of these models ("app.Model" or the class), or of all.

        with track(Order):
            Order.objects.filter(paid=False, due__lt=today).update(status="late")

    Rows of `bulk_create(ignore_conflicts=True)` or `update_conflicts=True` do not count, for the database does not say
    which of them it wrote. `event_key` names each row's event, single saves' too: of two events with one key the second
    sets the same workflow off no more. Raises `Invalid` for a model that there is not.
    """
    before = _tracked.get()
    named = frozenset(map(_model, chosen)) if chosen else None
    token = _tracked.set(None if named is None or before is None else before | named)
    try:
        with nullcontext() if event_key is None else rows.named(event_key):
            yield
    finally:
        _tracked.reset(token)


def _model(named: type[Model] | str) -> type[Model]:
    if isinstance(named, str):
        try:
            return apps.get_model(named)
        except (LookupError, ValueError):
            raise Invalid(_("There is no model %r; check the app's label and the model's name.") % named) from None
    return named


class TrackedQuerySet(QuerySet[Any]):
    """A queryset whose bulk writes are always events."""

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        with track(self.model):
            return super().bulk_create(*args, **kwargs)

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        with track(self.model):
            return super().bulk_update(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        with track(self.model):
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        with track(self.model):
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


#: `objects = TrackedManager()` on a model makes every bulk write by it an event.
TrackedManager = models.Manager.from_queryset(TrackedQuerySet)


def install() -> None:
    """Wraps the four methods of all querysets once; outside `track` they cost one look at a context variable."""
    for name, wrap in _WRAPS.items():
        method = getattr(QuerySet, name)
        if not hasattr(method, "__wrapped__"):
            setattr(QuerySet, name, _only_tracked(method, wrap))


def _only_tracked(original: Callable[..., Any], wrap: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: "QuerySet[Any]", *args: Any, **kwargs: Any) -> Any:
        chosen = _tracked.get()
        if (chosen is not None and self.model not in chosen) or _inside.get() or ambient.silent():
            return original(self, *args, **kwargs)
        listening.refresh()
        return wrap(original, self, *args, **kwargs)

    return method


def _create(original: Callable[..., Any], queryset: "QuerySet[Any]", objs: Iterable[Any], *args: Any, **kw: Any) -> Any:
    # (batch_size, ignore_conflicts, update_conflicts ...)
    conflicts = any(args[1:3]) or kw.get("ignore_conflicts") or kw.get("update_conflicts")
    if conflicts or not rows.heard(queryset.model, CREATE):
        return original(queryset, objs, *args, **kw)
    with _writing(queryset) as using:
        made = original(queryset, objs, *args, **kw)
        for part in rows.batched([row.pk for row in made if row.pk is not None]):
            rows.fire_rows(queryset.model, CREATE, {key: {} for key in part}, using)
    return made


def _update(original: Callable[..., int], queryset: "QuerySet[Any]", **values: Any) -> int:
    model = queryset.model
    if not rows.heard(model, UPDATE) or queryset.query.is_sliced:
        return original(queryset, **values)
    changed = 0
    with _writing(queryset) as using:
        for before in _locked(queryset, using):
            chunk = queryset.using(using).filter(pk__in=list(before))
            changed += original(chunk, **values)
            rows.fire_rows(model, UPDATE, before, using)
    return changed


def _update_objects(
    original: Callable[..., int], queryset: "QuerySet[Any]", objs: Iterable[Any], *args: Any, **kw: Any
) -> int:
    model = queryset.model
    if not rows.heard(model, UPDATE):
        return original(queryset, objs, *args, **kw)
    objs = tuple(objs)
    with _writing(queryset) as using, _as_one():
        keys = [row.pk for row in objs if row.pk is not None]
        held = [before for part in rows.batched(keys) for before in _locked(queryset.filter(pk__in=part), using)]
        changed = original(queryset, objs, *args, **kw)
        for before in held:
            rows.fire_rows(model, UPDATE, before, using)
    return changed


def _delete(original: Callable[..., Any], queryset: "QuerySet[Any]") -> Any:
    with _writing(queryset) as using:
        try:
            with rows.gathered(using):
                return original(queryset)
        except (ProtectedError, RestrictedError) as error:
            # Django found out before it wrote: who catches it goes on in its transaction, as without tracking.
            refused = error
    raise refused


_WRAPS: dict[str, Callable[..., Any]] = {
    "bulk_create": _create,
    "bulk_update": _update_objects,
    "update": _update,
    "delete": _delete,
}


@contextmanager
def _writing(queryset: "QuerySet[Any]") -> Iterator[str]:
    """The rows and their runs are one commit."""
    queryset._for_write = True  # type: ignore[attr-defined]
    using = queryset.db
    with transaction.atomic(using=using, savepoint=False):
        yield using


@contextmanager
def _as_one() -> Iterator[None]:
    """What Django does a bulk write by is not a second one."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def _locked(queryset: "QuerySet[Any]", using: str) -> Iterator[dict[Any, dict[str, Any]]]:
    """The rows that will be changed, a chunk at a time: {key: the columns that somebody compares, as they were}."""
    found = queryset.using(using).order_by()
    if not found.query.distinct and found.query.group_by is None:
        # Of this table alone: what is joined may be outer, and is not written.
        found = found.select_for_update(of=("self",)) if _names_tables(using) else found.select_for_update()
    columns = rows.compared(queryset.model)
    held = {row["pk"]: row for row in found.values("pk", *columns)}
    for part in rows.batched(list(held)):
        yield {key: held[key] for key in part}


def _names_tables(using: str) -> bool:
    return bool(transaction.get_connection(using).features.has_select_for_update_of)
