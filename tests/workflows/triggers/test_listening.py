import logging
from contextlib import contextmanager
from threading import Thread

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection, transaction
from django.db.models.signals import post_migrate

from config.shop.models import Product
from tests.workflows.kinds import Tick
from workflows import editing, versions
from workflows.models import Generation, Node, Workflow
from workflows.triggers import listening, register_trigger
from workflows.triggers.listening import listener_of, listeners

CONFIG = {"collection": "shop.Product", "mode": 3}


def make(**values):
    return versions.create_workflow(**{"type": "collection", "title": "w", "enabled": True, "config": CONFIG, **values})


def titles():
    return [listener.title for listener in listeners("collection")]


def other_process_changes(**columns):
    """What another process commits: the row and the number."""
    Workflow.objects.update(**columns)
    Generation.objects.update_or_create(defaults={"number": 1_000_000}, pk=1)


@contextmanager
def table_away(model):
    """The model's table is not there, as before the first migration."""
    name = model._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, name, f"{name}_away")
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(model, f"{name}_away", name)


@pytest.fixture
def private_cache(settings):
    """Without a shared cache the number stands in its row."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


class Shared(BaseCache):
    """A cache that is not known to be private."""

    def __init__(self, location, params):
        super().__init__(params)
        self.inner = LocMemCache(location, params)

    def add(self, *args, **kwargs):
        return self.inner.add(*args, **kwargs)

    def get(self, *args, **kwargs):
        return self.inner.get(*args, **kwargs)

    def set(self, *args, **kwargs):
        self.inner.set(*args, **kwargs)

    def clear(self):
        self.inner.clear()


class Away(Shared):
    def get(self, *args, **kwargs):
        raise ConnectionError

    add = set = get


@pytest.fixture
def cache_of(settings):
    def use(backend):
        settings.CACHES = {"default": {"BACKEND": f"{__name__}.{backend.__name__}", "LOCATION": "listening"}}

    return use


@pytest.mark.django_db
def test_a_change_is_seen_at_once_in_a_test_case():
    workflow = make()
    assert titles() == ["w"]
    versions.change_workflow(workflow, title="v")
    assert titles() == ["v"]
    versions.disable(workflow)
    assert titles() == []


@pytest.mark.django_db
@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_made_is_gone_with_it(turn):
    """Either turn would see the other's workflow."""
    listening.refresh()
    assert titles() == []
    make()


@pytest.mark.django_db
def test_a_rolled_back_change_is_taken_back():
    kept = make(title="kept")
    with transaction.atomic():
        make(title="gone")
        versions.change_workflow(kept, title="renamed")
        assert titles() == ["renamed", "gone"]
        transaction.set_rollback(True)
    listening.refresh()
    assert titles() == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_a_change_is_seen_with_its_commit_and_not_before():
    with transaction.atomic():
        make()
        assert titles() == []
    assert titles() == ["w"]
    assert Generation.objects.get().number == 1


@pytest.mark.django_db
def test_other_processes_changes_are_seen_after_the_interval(settings, private_cache, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(listening.time, "monotonic", lambda: clock[0])
    settings.SLUICE = {"REFRESH_SECONDS": 5}
    make()
    other_process_changes(title="theirs")
    listening.refresh()
    assert titles() == ["w"]
    clock[0] += 6
    listening.refresh()
    assert titles() == ["theirs"]


@pytest.mark.django_db
def test_within_the_interval_nothing_is_read(settings, django_assert_num_queries):
    settings.SLUICE = {"REFRESH_SECONDS": 60}
    listening.refresh(force=True)
    with django_assert_num_queries(0):
        listening.refresh()
        listening._come_by(sender=None)
    product = Product(name="Tea", price=1)
    with django_assert_num_queries(1):
        product.save()


@pytest.mark.django_db
def test_an_interval_of_zero_looks_every_time(settings, private_cache, django_assert_num_queries):
    settings.SLUICE = {"REFRESH_SECONDS": 0}
    listening.refresh(force=True)
    # The number, in a savepoint of the test's transaction.
    with django_assert_num_queries(3):
        listening.refresh()


@pytest.mark.django_db
def test_a_shared_cache_spares_the_query(settings, django_assert_num_queries, cache_of):
    settings.SLUICE = {"REFRESH_SECONDS": 0}
    cache_of(Shared)
    listening.refresh(force=True)
    with django_assert_num_queries(2):
        listening.refresh()
    make()
    caches["default"].set(listening.CACHE_KEY, 999)
    Workflow.objects.update(title="theirs")
    listening.refresh()
    assert titles() == ["theirs"]


@pytest.mark.parametrize(
    ("backend", "shared"),
    [("locmem.LocMemCache", False), ("dummy.DummyCache", False), ("db.DatabaseCache", True)],
)
def test_which_caches_are_shared(settings, backend, shared):
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "x"}}
    assert (listening._shared_cache() is not None) is shared


@pytest.mark.django_db
def test_a_cache_that_is_away_is_not_the_callers_trouble(cache_of):
    cache_of(Away)
    make()
    assert titles() == ["w"]


@pytest.mark.django_db
def test_what_was_forgotten_to_be_announced_is_seen_after_a_minute(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(listening.time, "monotonic", lambda: clock[0])
    make()
    Workflow.objects.update(title="theirs")
    clock[0] += listening.HEAL_SECONDS + 1
    listening.refresh()
    assert titles() == ["theirs"]


@pytest.mark.django_db(transaction=True)
def test_a_failed_reading_neither_fails_the_caller_nor_spoils_its_transaction(private_cache):
    make()
    with table_away(Generation), transaction.atomic():
        listening.refresh(force=True)
        Product.objects.create(name="Tea", price=1)
    assert Product.objects.count() == 1
    assert titles() == ["w"]


def test_a_test_without_a_database_is_not_failed(caplog):
    with caplog.at_level(logging.CRITICAL):
        listening.refresh(force=True)


@pytest.mark.django_db
def test_a_workflow_that_can_not_be_read_listens_to_nothing(caplog):
    make(title="good")
    bad = make(title="bad")
    Workflow.objects.filter(pk=bad.pk).update(config={"mode": "x"})
    make(title="odd")
    Workflow.objects.filter(title="odd").update(type="nobody-knows")
    listening.refresh(force=True)
    assert titles() == ["good"]
    assert f"Workflow {bad.pk} is enabled but listens to nothing" in caplog.text


@pytest.mark.django_db
def test_triggers_are_told_only_of_changes(registered):
    told = []

    class Told(Tick):
        type = "t-told"

        def listen(self, found):
            told.append(len(found))

    register_trigger(Told)
    listening.refresh(force=True)
    make(type="t-told", config={"every": 5})
    make(type="manual", config={})
    listening.refresh(force=True)
    assert told == [1]


@pytest.mark.django_db
def test_what_was_listened_to_is_forgotten_until_the_next_look(fired):
    make()
    listening.forget()
    assert titles() == []
    Workflow.objects.all().delete()
    Product.objects.create(name="Tea", price=1).delete()
    assert (titles(), fired.calls) == ([], [])
    make(title="next")
    assert titles() == ["next"]


@pytest.mark.django_db
@pytest.mark.parametrize("sync", [True, False])
def test_listener_of(sync):
    workflow = make(sync=sync, options={"stackLimit": 3})
    listener = listener_of(workflow)
    assert (listener.workflow_id, listener.key, listener.version) == (workflow.pk, workflow.key, 1)
    assert (listener.sync, listener.options.stack_limit, listener.config.mode) == (sync, 3, 3)
    assert listeners("collection") == (listener,)


@pytest.mark.django_db
def test_a_flush_is_noticed():
    make()
    Workflow.objects.all().delete()
    from django.apps import apps

    post_migrate.send(sender=None, app_config=apps.get_app_config("workflows"), using="default")
    assert titles() == []


@pytest.mark.django_db
def test_one_thread_looks_for_all():
    listening.refresh(force=True)
    with listening._state.lock:
        listening._state.next_look = 0
        thread = Thread(target=listening.refresh)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()


# -- classes -----------------------------------------------------------------------------------------------------------

PURE = {"type": "calculation", "title": "c", "config": {"expression": "1"}}
TOUCHES = {"type": "query", "title": "q", "config": {"collection": "shop.Product"}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("enabled", [True, False])
def test_an_edit_that_changes_the_class_is_known_at_once(enabled):
    workflow = make(enabled=enabled)
    assert listening.is_solo(workflow.pk) is False
    node = editing.add_node(workflow, upstream=None, **TOUCHES)
    assert listening.is_solo(workflow.pk) is True
    editing.remove_node(node)
    assert listening.is_solo(workflow.pk) is False


@pytest.mark.django_db(transaction=True)
def test_other_processes_know_it_with_the_next_look(settings, private_cache):
    settings.SLUICE = {"REFRESH_SECONDS": 0}
    workflow = make()
    listening.refresh()
    assert listening.is_solo(workflow.pk) is False
    Node.objects.create(workflow=workflow, key="q", **TOUCHES)
    listening.refresh()
    assert listening.is_solo(workflow.pk) is False
    other_process_changes(title="v")
    listening.refresh()
    assert listening.is_solo(workflow.pk) is True


@pytest.mark.django_db(transaction=True)
def test_an_edit_that_leaves_the_class_alone_announces_nothing():
    workflow = make()
    before = Generation.objects.get().number
    node = editing.add_node(workflow, upstream=None, **PURE)
    editing.change_node(node, title="d")
    assert Generation.objects.get().number == before
    editing.add_node(workflow, upstream=None, **TOUCHES)
    assert Generation.objects.get().number == before + 1


@pytest.mark.django_db
def test_a_guess_made_while_things_change_is_not_kept(monkeypatch):
    workflow = make()
    load = listening.load_graph

    def meanwhile(pk):
        graph = load(pk)
        editing.add_node(workflow, upstream=None, **TOUCHES)
        return graph

    monkeypatch.setattr(listening, "load_graph", meanwhile)
    assert listening.is_solo(workflow.pk) is False
    monkeypatch.undo()
    assert listening.is_solo(workflow.pk) is True


@pytest.mark.django_db
def test_a_version_that_is_gone_runs_alone():
    assert listening.is_solo(123_456) is True
