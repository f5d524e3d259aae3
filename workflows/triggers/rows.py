"""Where saves and deletes of the host's rows become events.

Django sends `post_save` after its own commit when nobody opened a transaction. So while a workflow listens to a model,
its `save_base` runs inside one: the row and its runs are one commit, and a failed sync run can undo the row.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, cast

from django.apps import apps
from django.db import connections, router, transaction
from django.db.models import Field, Model
from django.db.models.signals import post_delete, post_save, pre_save
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows import ambient
from workflows.collections import Appends, find_relation, is_many, shown_fields, to_json
from workflows.errors import Invalid
from workflows.triggers import listening, settling
from workflows.triggers.base import Event, Listener
from workflows.triggers.collection import CREATE, DELETE, UPDATE, CollectionConfig
from workflows.triggers.firing import fire

logger = logging.getLogger("sluice.events")

#: Rows that are looked at, changed and told of at a time.
CHUNK = 1_000

_BEFORE = "_sluice_before"

#: The listeners of each model that is saved or deleted, by the very class: proxies and children have entries of their
#: own. Replaced as a whole, so that threads read without a lock.
_saved: Mapping[type[Model], tuple[Listener, ...]] = {}
_deleted: Mapping[type[Model], tuple[Listener, ...]] = {}
_compared: Mapping[type[Model], tuple[str, ...]] = {}

_LONGEST_KEY = 255

#: What names the events of rows here.
_key: ContextVar[Callable[[Model], str | None] | None] = ContextVar("sluice_row_key", default=None)
#: Where deletes are gathered, the events of those so far.
_gathered: ContextVar[list[Event] | None] = ContextVar("sluice_gathered", default=None)


def install() -> None:
    """Wraps `Model.save_base` once for all models: a save that makes this process look must itself be caught."""
    from workflows.triggers import tracking

    settling.install()
    if not hasattr(Model.save_base, "__wrapped__"):
        Model.save_base = _save_base(Model.save_base)  # type: ignore[method-assign]
    tracking.install()


def watch(listeners: Sequence[Listener]) -> None:
    """These, and only these, workflows listen to rows now."""
    global _saved, _deleted, _compared
    before = (_saved, _deleted, _compared)
    saved: dict[type[Model], list[Listener]] = defaultdict(list)
    deleted: dict[type[Model], list[Listener]] = defaultdict(list)
    compared: dict[type[Model], set[str]] = defaultdict(set)
    for listener, config in _usable(listeners):
        for cls in _family(config.model, children=config.mode != DELETE):
            (deleted if config.mode == DELETE else saved)[cls].append(listener)
            if config.watches_changes:
                compared[cls].update(config.columns)
    _saved = {cls: tuple(found) for cls, found in saved.items()}
    _deleted = {cls: tuple(found) for cls, found in deleted.items()}
    _compared = {cls: tuple(sorted(found)) for cls, found in compared.items() if found}
    _reconnect(post_save, _on_save, before[0], _saved)
    _reconnect(post_delete, _on_delete, before[1], _deleted)
    _reconnect(pre_save, _on_saving, before[2], _compared)


def _usable(listeners: Sequence[Listener]) -> Iterator[tuple[Listener, CollectionConfig]]:
    """Those that are set up; a model that went, or that the settings no longer let workflows use, is not an error."""
    for listener in listeners:
        config = cast(CollectionConfig, listener.config)
        if config.collection is None or config.mode is None:
            continue
        try:
            # Made now, so that no save meets what is wrong with them.
            _made = (config.model, config.alias, config.columns, config.waits)
        except Invalid as error:
            logger.warning("Workflow %s is enabled but listens to nothing: %s", listener.workflow_id, error)
        else:
            yield listener, config


def _reconnect(signal: Any, receiver: Any, old: Mapping[type[Model], Any], new: Mapping[type[Model], Any]) -> None:
    for cls in old.keys() - new.keys():
        signal.disconnect(receiver, sender=cls, dispatch_uid="sluice.rows")
    for cls in new.keys() - old.keys():
        signal.connect(receiver, sender=cls, dispatch_uid="sluice.rows")


def _family(model: type[Model], *, children: bool) -> Iterator[type[Model]]:
    """The model, its proxies and its children, whose saves are saves of the model.

    Their deletes are not asked for: with a child Django deletes, and announces, the parent's row.
    """
    for cls in apps.get_models(include_auto_created=True):
        if issubclass(cls, model) and (children or cls._meta.concrete_model is model._meta.concrete_model):
            yield cls


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
    key = sender._meta.pk
    made_here = instance._state.adding and (key.has_default() or key.has_db_default())
    if raw or instance.pk is None or made_here or ambient.silent():
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
        if config.waits and settling.can_wait(using):
            _wait(_event(listener, rows.shown(config, {}), instance, using), instance.pk)
        elif config.matches(instance.pk, using):
            events.append(_event(listener, rows.shown(config, config.tree), instance, using))
    fire(events, using)


def _on_delete(sender: type[Model], instance: Model, using: str, origin: Any = None, **_: Any) -> None:
    gathered = _gathered.get()
    # A QuerySet's delete is a bulk write (spec 4.1); rows that go with a deleted one are single writes.
    if ambient.silent() or (gathered is None and not isinstance(origin, Model | None)):
        return
    events = [
        _event(listener, to_json(instance, model=listener.config.model), instance, using)
        for listener in _deleted.get(sender, ())
        if listener.config.alias == using
    ]
    if gathered is None:
        fire(events, using)
    else:
        gathered += events


@contextmanager
def named(key: Callable[[Model], str | None]) -> Iterator[None]:
    """Rows that are written inside set a workflow off once only for each key."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)


@contextmanager
def gathered(using: str) -> Iterator[None]:
    """What is deleted inside is told of at the end, in one insert, whoever asked for the deletes."""
    events: list[Event] = []
    token = _gathered.set(events)
    try:
        yield
    finally:
        _gathered.reset(token)
    fire(events, using)


def batched(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def heard(model: type[Model], mode: int) -> bool:
    """Whether some workflow listens to rows of the model being created or changed."""
    return any(cast(CollectionConfig, listener.config).fires_on(mode) for listener in _saved.get(model, ()))


def compared(model: type[Model]) -> tuple[str, ...]:
    """The columns of which the listeners to changes need to know what they held."""
    return _compared.get(model, ())


def fire_rows(model: type[Model], mode: int, before: Mapping[Any, Mapping[str, Any]], using: str) -> None:
    """Fires for rows written in bulk, in their order: {key: what the compared columns held}, a fixed number of queries
    for all of them."""
    found: dict[int, list[Event]] = {number: [] for number in range(len(before))}
    for listener in _saved.get(model, ()):
        config = cast(CollectionConfig, listener.config)
        if config.alias != using or not config.fires_on(mode):
            continue
        keys = list(before)
        waits = config.waits and settling.can_wait(using)
        matching = set(keys) if waits else config.matching(keys, using)
        tree: Appends = {} if waits else config.tree
        held = config.reload_all(keys, using, tree)
        for number, (key, old) in enumerate(before.items()):
            row = held.get(key)
            if row is None or key not in matching:
                continue
            if mode == UPDATE and config.changed and not _changed(config, row, old):
                continue
            event = _event(listener, to_json(row, tree, model=config.model), row, using)
            if waits:
                _wait(event, key)
            else:
                found[number].append(event)
    fire([event for events in found.values() for event in events], using)


def _event(listener: Listener, data: dict[str, Any], row: Model, using: str) -> Event:
    named = _key.get()
    event_key = None if named is None else named(row)
    if event_key is not None and not (isinstance(event_key, str) and 0 < len(event_key) <= _LONGEST_KEY):
        raise Invalid(
            _("The event key of a row is a text of 1 to %(longest)d characters, or None.") % {"longest": _LONGEST_KEY},
            field="event_key",
        )
    return Event(listener, {"data": data}, event_key=event_key, using=using)


@dataclass(frozen=True, slots=True)
class _Written:
    """A row whose relations may still be written, and what surrounds its write."""

    event: Event
    key: Any
    surroundings: Context
    #: What of the surroundings a run is given; rows that share it are told of together.
    origin: tuple[Any, ...]


def _wait(event: Event, key: Any) -> None:
    origin = (ambient.stack(), ambient.actor_id())
    settling.wait(_tell, _Written(event, key, copy_context(), origin), str(event.using))


def _tell(written: list[_Written], using: str) -> None:
    """Fires for rows whose relations are written: a fixed number of queries for up to 1,000 rows of a workflow."""
    keys: dict[int, dict[Any, None]] = defaultdict(dict)
    configs: dict[int, CollectionConfig] = {}
    for each in written:
        number = each.event.listener.workflow_id
        configs[number] = each.event.listener.config
        keys[number][each.key] = None
    related = {number: _related(config, list(keys[number]), using) for number, config in configs.items()}
    events: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    first: dict[tuple[Any, ...], Context] = {}
    for each in written:
        found = related[each.event.listener.workflow_id].get(each.key)
        if found is not None:
            # Its columns may be shared with the others who were shown this row.
            each.event.context["data"] = {**each.event.context["data"], **found}
            first.setdefault(each.origin, each.surroundings)
            events[each.origin].append(each.event)
    for origin, those in events.items():
        first[origin].run(fire, those, using)


def _related(config: CollectionConfig, keys: list[Any], using: str) -> dict[Any, dict[str, Any]]:
    """{key: what `appends` brings}, of the rows that meet the condition; empty relations of those that have gone."""
    found: dict[Any, dict[str, Any]] = {}
    nothing: dict[str, Any] = {name: [] if is_many(find_relation(config.model, name)) else None for name in config.tree}
    for part in batched(keys):
        held = config.reload_all(part, using, config.tree) if config.tree else {}
        for key in config.matching(part, using):
            row = to_json(held[key], config.tree, model=config.model) if key in held else nothing
            found[key] = {name: row[name] for name in config.tree}
    return found


def _changed(config: CollectionConfig, instance: Model, before: Mapping[str, Any]) -> bool:
    return any(column in before and _differs(instance, column, before[column]) for column in config.columns)


def _differs(instance: Model, column: str, old: Any) -> bool:
    new = instance.__dict__.get(column, old)
    if hasattr(new, "resolve_expression"):
        return True
    field = cast("Field[Any, Any]", instance._meta.get_field(column))
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

    def shown(self, config: CollectionConfig, tree: Appends) -> dict[str, Any]:
        key = (config.model, repr(tree))
        if key not in self._shown:
            row = config.reload(self.instance.pk, self.using, tree) if tree or self._incomplete() else None
            self._shown[key] = to_json(row or self.instance, tree if row else {}, model=config.model)
        return self._shown[key]

    def _incomplete(self) -> bool:
        """Whether the database knows more than the instance: deferred columns, expressions, database defaults."""
        held = self.instance.__dict__
        missing = object()
        for field in shown_fields(type(self.instance)):
            value = held.get(field.attname, missing)
            if value is missing or hasattr(value, "resolve_expression") or getattr(field, "generated", False):
                return True
        return False
