"""Where saves and deletes of the host's rows become events.

Django sends `post_save` after its own commit when nobody opened a transaction. So while a workflow listens to a model, its
`save_base` runs inside one: the row and its runs are one commit, and a failed sync run can undo the row.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, cast

from django.apps import apps
from django.db import connections, router, transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_save
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows import ambient
from workflows.collections import Appends, load_into, shown_fields, to_json
from workflows.errors import Invalid, SluiceError
from workflows.triggers import listening
from workflows.triggers.base import Event, Listener, dispatch
from workflows.triggers.collection import CREATE, DELETE, UPDATE, CollectionConfig, changeable

logger = logging.getLogger("sluice.events")

_BEFORE = "_sluice_before"

#: The listeners of each model that is saved or deleted, by the very class: proxies and children have entries of their
#: own. Replaced as a whole, so that threads read without a lock.
_saved: Mapping[type[Model], tuple[Listener, ...]] = {}
_deleted: Mapping[type[Model], tuple[Listener, ...]] = {}
_compared: Mapping[type[Model], tuple[str, ...]] = {}


class RollbackOnFailure(SluiceError):
    """The sync run of a write did not succeed, so the write is undone (spec 4.1)."""

    code = "WORKFLOW_ROLLBACK_ON_FAILURE"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("A process of the system failed, so nothing was saved. Please tell an administrator."))


# -- who listens -------------------------------------------------------------------------------------------------------


def install() -> None:
    """Wraps `Model.save_base` once for all models: a save that makes this process look must itself be caught."""
    if not hasattr(Model.save_base, "__wrapped__"):
        Model.save_base = _save_base(Model.save_base)  # type: ignore[method-assign]


def watch(listeners: Sequence[Listener]) -> None:
    """These, and only these, workflows listen to rows now."""
    global _saved, _deleted, _compared
    saved: dict[type[Model], list[Listener]] = defaultdict(list)
    deleted: dict[type[Model], list[Listener]] = defaultdict(list)
    compared: dict[type[Model], set[str]] = defaultdict(set)
    for listener in listeners:
        config = cast(CollectionConfig, listener.config)
        if config.collection is None or config.mode is None:
            continue
        try:
            model = config.model
        except Invalid as error:
            logger.warning("Workflow %s listens to nothing: %s", listener.workflow_id, error)
            continue
        if config.mode == DELETE:
            # A child's delete deletes its parent row too, and Django says so itself.
            for cls in _family(model):
                if cls._meta.concrete_model is model._meta.concrete_model:
                    deleted[cls].append(listener)
            continue
        for cls in _family(model):
            saved[cls].append(listener)
            if config.watches_changes:
                known = changeable(model)
                compared[cls].update(column for name in config.changed if (column := known.get(name)))
    before = (_saved, _deleted, _compared)
    _saved = {cls: tuple(found) for cls, found in saved.items()}
    _deleted = {cls: tuple(found) for cls, found in deleted.items()}
    _compared = {cls: tuple(sorted(found)) for cls, found in compared.items()}
    for signal, receiver, old, new in (
        (post_save, _on_save, before[0], _saved),
        (post_delete, _on_delete, before[1], _deleted),
        (pre_save, _on_saving, before[2], _compared),
    ):
        for cls in old.keys() - new.keys():
            signal.disconnect(receiver, sender=cls, dispatch_uid="sluice")
        for cls in new.keys() - old.keys():
            signal.connect(receiver, sender=cls, dispatch_uid="sluice")


def _family(model: type[Model]) -> Iterator[type[Model]]:
    """The model, its proxies and its children: their saves are saves of the model."""
    return (cls for cls in apps.get_models(include_auto_created=True) if issubclass(cls, model))


# -- the moments -------------------------------------------------------------------------------------------------------


def _save_base(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def save_base(
        self: Model,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        if not raw:
            listening.refresh()
            if type(self) in _saved:
                using = using or router.db_for_write(type(self), instance=self)
                if not connections[using].in_atomic_block:
                    with transaction.atomic(using=using):
                        return original(self, raw, force_insert, force_update, using, update_fields)
        return original(self, raw, force_insert, force_update, using, update_fields)

    return save_base


def _on_saving(sender: type[Model], instance: Model, raw: bool, using: str, update_fields: Any, **_: Any) -> None:
    """Notes what the row holds, of the columns that somebody compares."""
    instance.__dict__.pop(_BEFORE, None)
    if raw or instance.pk is None or ambient.silent() or instance._state.adding and sender._meta.pk.has_default():
        return
    columns = _compared.get(sender, ())
    if update_fields is not None:
        columns = tuple(c for c in columns if c in update_fields or sender._meta.get_field(c).name in update_fields)
    if columns:
        row = sender._base_manager.using(using).filter(pk=instance.pk).values(*columns).first()
        instance.__dict__[_BEFORE] = row or {}


def _on_save(sender: type[Model], instance: Model, created: bool, raw: bool, using: str, **_: Any) -> None:
    before = instance.__dict__.pop(_BEFORE, {})
    if raw or ambient.silent():
        return
    mode, rows = CREATE if created else UPDATE, _Rows(instance, using)
    events = []
    for listener in _saved.get(sender, ()):
        config = cast(CollectionConfig, listener.config)
        if config.alias != using or not config.fires_on(mode):
            continue
        if not created and config.changed and not _changed(config, instance, before):
            continue
        if config.matches(instance.pk, using):
            events.append(Event(listener, {"data": rows.shown(config)}, using=using))
    _fire(events, using)


def _on_delete(sender: type[Model], instance: Model, using: str, origin: Any = None, **_: Any) -> None:
    # A QuerySet's delete is a bulk write (spec 4.1); rows that go with a deleted one are single writes.
    if ambient.silent() or not isinstance(origin, Model | None):
        return
    events = [
        Event(listener, {"data": to_json(instance, model=listener.config.model)}, using=using)
        for listener in _deleted.get(sender, ())
        if listener.config.alias == using
    ]
    _fire(events, using)


def _fire(events: list[Event], using: str) -> None:
    """The async ones in one insert; then the sync ones, one by one, inside the caller's transaction."""
    queued = [event for event in events if not event.listener.sync]
    if queued:
        dispatch(queued)
    for event in events:
        if event.listener.sync:
            _run(event, using)


def _run(event: Event, using: str) -> None:
    if connections[using].vendor == "sqlite":
        # Its one writer is the caller's transaction; the run's own rows would wait for it for ever.
        transaction.on_commit(lambda: _run_late(event), using=using)
        return
    result = dispatch([event])
    ended = result[0] if result else None
    if event.listener.config.rollback_on_failure and (ended is None or (ended.status or 0) < 0):
        if connections[using].in_atomic_block:
            # Whoever catches this inside the transaction can't commit half of it.
            transaction.set_rollback(True, using=using)
        raise RollbackOnFailure


def _run_late(event: Event) -> None:
    result = dispatch([event])
    ended = result[0] if result else None
    if event.listener.config.rollback_on_failure and (ended is None or (ended.status or 0) < 0):
        logger.warning("Workflow %s failed; SQLite had committed the row already.", event.listener.workflow_id)


# -- what the events carry ---------------------------------------------------------------------------------------------


def _changed(config: CollectionConfig, instance: Model, before: Mapping[str, Any]) -> bool:
    known = changeable(config.model)
    columns = {column for name in config.changed if (column := known.get(name))}
    return any(column in before and _differs(instance, column, before[column]) for column in columns)


def _differs(instance: Model, column: str, old: Any) -> bool:
    new = instance.__dict__.get(column, old)
    if hasattr(new, "resolve_expression"):
        return True
    field = instance._meta.get_field(column)
    try:
        new = field.to_python(new)
    except Exception:
        return True
    if isinstance(new, datetime) and isinstance(old, datetime) and timezone.is_naive(new) != timezone.is_naive(old):
        new = timezone.make_aware(new) if timezone.is_naive(new) else timezone.make_naive(new)
    return bool(new != old)


class _Rows:
    """One saved row as its listeners are shown it: made once for each set of appends."""

    def __init__(self, instance: Model, using: str) -> None:
        self.instance = instance
        self.using = using
        self._shown: dict[tuple[type[Model], str], dict[str, Any]] = {}

    def shown(self, config: CollectionConfig) -> dict[str, Any]:
        key = (config.model, repr(config.tree))
        if key not in self._shown:
            row = config.reload(self.instance.pk, self.using) if config.appends or self._incomplete() else None
            self._shown[key] = to_json(row or self.instance, config.tree if row else (), model=config.model)
        return self._shown[key]

    def _incomplete(self) -> bool:
        """Whether the database knows more than the instance: deferred columns, expressions, database defaults."""
        held = self.instance.__dict__
        missing = object()
        for field in shown_fields(type(self.instance)):
            value = held.get(field.attname, missing)
            if value is missing or hasattr(value, "resolve_expression"):
                return True
        return False
