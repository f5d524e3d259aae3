"""Which workflows are enabled, as this process knows it, and how it notices when that changes.

Every process keeps the enabled workflows in memory. A number, grown with every change, stands in the shared cache or
else in one row; a process reads it at most once per `SLUICE["REFRESH_SECONDS"]`, and only when a request, a Celery task
or a save comes by. Nothing here fails its caller: where the tables are missing or the database is away, what was known
stays.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import Any, TypeAlias

from celery.signals import task_prerun
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import request_started
from django.db import DatabaseError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.signals import post_migrate
from pydantic import ValidationError

from workflows.conf import conf
from workflows.errors import Invalid, NotFound
from workflows.graph import forget_graphs, load_graph
from workflows.models import Generation, Workflow
from workflows.options import WorkflowOptions
from workflows.triggers import get_trigger, triggers
from workflows.triggers.base import Listener

logger = logging.getLogger("sluice.listening")

CACHE_KEY = "sluice:generation"
#: The cached number lapses, and the listeners are read anew, this often: who died between a commit and its
#: announcement has delayed the others by this much, not for ever.
HEAL_SECONDS = 60.0

_ROW = 1
#: A change seen before its commit: the connection, and the announcement that stands in its on_commit list.
Change: TypeAlias = tuple[BaseDatabaseWrapper, Callable[[], None]]


class _State:
    """What this process knows. Written under `lock`; read without, for every assignment is of a whole new object."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.number: int | None = None
        self.next_look = 0.0
        self.next_reload = 0.0
        self.listeners: dict[str, tuple[Listener, ...]] = {}
        #: What each version's class was when this process first saw it.
        self.classes: dict[int, bool] = {}
        #: What was seen before its commit, inside a TestCase.
        self.uncommitted: tuple[Change, ...] = ()


_state = _State()


def install() -> None:
    """Connects the moments at which to look. Costs no query; the first look comes with the first of them."""
    # It imports this module.
    from workflows.triggers import rows

    rows.install()
    for signal in (request_started, task_prerun):
        signal.connect(_come_by, dispatch_uid="sluice.listening")
    post_migrate.connect(_tables_changed, dispatch_uid="sluice.listening")


def _come_by(**_: Any) -> None:
    refresh()


def _tables_changed(*, app_config: Any, using: str, **_: Any) -> None:
    # Also sent after a flush, which takes the workflows of a test away without a change being announced.
    if app_config.label == "workflows" and using == _alias():
        refresh(force=True)


def refresh(force: bool = False) -> None:
    """Looks whether the enabled workflows changed, if it is time to; `force` reads them whatever the number says."""
    if not force and time.monotonic() < _state.next_look and not any(map(_rolled_back, _state.uncommitted)):
        return
    # One thread looks for all; but nobody goes on before the very first reading.
    if not _state.lock.acquire(blocking=force or _state.number is None):
        return
    try:
        seen = _state.uncommitted
        _state.uncommitted = tuple(change for change in seen if not _rolled_back(change))
        _look(force or len(_state.uncommitted) < len(seen))
    finally:
        _state.lock.release()


def changed() -> None:
    """An enabled workflow may have changed: this process knows at the commit, the others soon after.

    A TestCase never commits, so there it is seen at once, and taken back with the rollback.
    """
    alias = _alias()
    connection = connections[alias]
    announce = partial(_announce)
    transaction.on_commit(announce, using=alias, robust=True)
    if any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        with _state.lock:
            _look(force=True)
            _state.uncommitted += ((connection, announce),)


def listeners(type: str) -> tuple[Listener, ...]:
    """The enabled workflows of a kind, as this process knows them."""
    return _state.listeners.get(type, ())


def is_solo(workflow_id: int) -> bool:
    """Whether runs of this version are claimed alone, as this process knows it. A guess: the claim corrects it."""
    classes = _state.classes
    solo = classes.get(workflow_id)
    if solo is None:
        try:
            solo = load_graph(workflow_id).solo
        except (Invalid, NotFound):
            solo = True
        # If it changed meanwhile, this is a dict that nobody looks at any more.
        classes[workflow_id] = solo
    return solo


def forget_classes() -> None:
    """Before anything is read anew: a version may be edited until a run of it is claimed."""
    _state.classes = {}


def forget() -> None:
    """As a process that has only begun: nothing is listened to before the next look. For tests, whose workflows go
    without a word when their transaction is rolled back."""
    with _state.lock:
        _state.number, _state.next_look, _state.uncommitted = None, 0.0, ()
        forget_classes()
        _hand_out({})


def listener_of(workflow: Workflow) -> Listener:
    """The workflow as triggers and the dispatcher keep it. Raises `Invalid` where its type or configuration is."""
    trigger = get_trigger(workflow.type)
    return Listener(
        workflow_id=workflow.pk,
        key=workflow.key,
        version=workflow.version,
        title=workflow.title,
        type=workflow.type,
        sync=workflow.sync if trigger.sync is None else trigger.sync,
        config=trigger.parse(workflow.config),
        options=WorkflowOptions.model_validate(workflow.options),
    )


def _alias() -> str:
    return router.db_for_write(Workflow)


def _rolled_back(change: Change) -> bool:
    """Whether a change that was seen before its commit has gone: Django drops its announcement with the savepoint."""
    connection, announce = change
    return not any(entry[1] is announce for entry in connection.run_on_commit)


def _announce() -> None:
    """After the commit: grows the number, tells the shared cache, and reads what this process listens for."""
    alias = _alias()
    rows = Generation.objects.using(alias)
    rows.get_or_create(pk=_ROW)
    rows.filter(pk=_ROW).update(number=F("number") + 1)
    number = _number_in_row(alias)
    cache = _shared_cache()
    if cache is not None:
        try:
            cache.set(CACHE_KEY, number, HEAL_SECONDS)
        except Exception:
            logger.warning("The cache %r did not take the definitions' number.", conf().CACHE, exc_info=True)
    with _state.lock:
        _look(force=True)


def _look(force: bool) -> None:
    """Reads the number and, if it moved, the workflows. The caller holds the lock."""
    now = time.monotonic()
    _state.next_look = now + conf().REFRESH_SECONDS
    alias = _alias()
    connection = connections[alias]
    if connection.needs_rollback:
        return
    try:
        # PostgreSQL gives a transaction up after a failed statement; a savepoint keeps the host's.
        with transaction.atomic(using=alias) if connection.in_atomic_block else nullcontext():
            number = _number(alias)
            if force or number != _state.number or now >= _state.next_reload:
                # Graphs hold the options, which change on versions that have runs too.
                forget_graphs()
                forget_classes()
                _hand_out(_read(alias))
                _state.number = number
                _state.next_reload = now + HEAL_SECONDS
    except DatabaseError as error:
        # Before the first migration, or while the database is away.
        logger.debug("The enabled workflows could not be read: %s", error)
    except Exception:
        # A request or a save came by; whatever is wrong here (a test without a database, a kind's bug) is not theirs.
        logger.warning("What listens could not be brought up to date.", exc_info=True)


def _number(alias: str) -> int:
    cache = _shared_cache()
    if cache is None:
        return _number_in_row(alias)
    try:
        number = cache.get(CACHE_KEY)
        if number is None:
            number = _number_in_row(alias)
            # Not set: an announcement that came in between is newer.
            cache.add(CACHE_KEY, number, HEAL_SECONDS)
        return int(number)
    except DatabaseError:
        raise
    except Exception:
        logger.debug("The cache %r does not answer.", conf().CACHE, exc_info=True)
        return _number_in_row(alias)


def _number_in_row(alias: str) -> int:
    return Generation.objects.using(alias).filter(pk=_ROW).values_list("number", flat=True).first() or 0


def _shared_cache() -> BaseCache | None:
    """The cache that other processes, on other machines too, see; None if it is private."""
    cache = caches[conf().CACHE]
    return None if isinstance(cache, LocMemCache | DummyCache | FileBasedCache) else cache


def _read(alias: str) -> dict[str, tuple[Listener, ...]]:
    found: dict[str, list[Listener]] = defaultdict(list)
    rows = Workflow.objects.using(alias).listening().order_by("id")
    for workflow in rows.only("key", "version", "title", "type", "sync", "config", "options"):
        try:
            found[workflow.type].append(listener_of(workflow))
        except (Invalid, ValidationError) as error:
            logger.warning("Workflow %s is enabled but listens to nothing: %s", workflow.pk, error)
    return {type: tuple(items) for type, items in found.items()}


def _hand_out(found: dict[str, tuple[Listener, ...]]) -> None:
    before, _state.listeners = _state.listeners, found
    for type, trigger in triggers().items():
        if before.get(type, ()) != found.get(type, ()):
            trigger.listen(found.get(type, ()))
