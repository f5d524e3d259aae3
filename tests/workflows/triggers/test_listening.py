import logging
from threading import Thread

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.db.models.signals import post_migrate

from config.shop.models import Product
from workflows import versions
from workflows.models import Generation, Workflow
from workflows.triggers import listening
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


@pytest.fixture
def private_cache(settings):
    """Without a shared cache the number stands in its row."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


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
def test_a_shared_cache_spares_the_query(settings, django_assert_num_queries, tmp_path, monkeypatch):
    settings.SLUICE = {"REFRESH_SECONDS": 0}
    monkeypatch.setattr(listening, "_shared_cache", lambda: caches["default"])
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
def test_a_cache_that_is_away_is_not_the_callers_trouble(monkeypatch):
    class Away:
        def get(self, key):
            raise ConnectionError

    monkeypatch.setattr(listening, "_shared_cache", lambda: Away())
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
def test_a_failed_reading_neither_fails_the_caller_nor_spoils_its_transaction(monkeypatch):
    make()

    def broken(alias):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    monkeypatch.setattr(listening, "_number_in_row", broken)
    with transaction.atomic():
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
def test_triggers_are_told_only_of_changes(monkeypatch):
    from workflows.triggers import get_trigger

    listening.refresh(force=True)
    told = []
    monkeypatch.setattr(get_trigger("collection"), "listen", lambda found: told.append(len(found)))
    make()
    make(type="manual", config={})
    listening.refresh(force=True)
    assert told == [1]


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
