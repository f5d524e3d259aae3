"""A row of the host and the run it sets off: one commit, or none; and nothing that fails elsewhere reaches the save."""

import socket
import time
from contextlib import nullcontext

import pytest
from celery import current_app
from django.core.cache.backends.base import BaseCache
from django.db import connections, transaction
from django.http import JsonResponse
from django.test import Client
from django.urls import path

from config.shop.models import Customer, Order, Product
from executions import clock, wakeup
from executions.dispatcher import start
from executions.models import Execution, Job
from executions.store.session import connection
from tests.building import build
from workflows.errors import SluiceError
from workflows.models import Workflow
from workflows.triggers.firing import RollbackOnFailure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def on_customers(steps=(("output", {"value": "{{$context.data.name}}"}),), *, sync=False, **config):
    return build(steps, type="collection", sync=sync, config={"collection": "shop.Customer", "mode": 1, **config})


@pytest.mark.parametrize(("side", "rows"), [("before", 0), ("after", 1)])
def test_a_kill_around_the_commit_of_an_autocommitted_save_leaves_both_or_neither(spawn, settle, side, rows):
    on_customers()
    assert spawn("tests.faults.saver", "--side", side).wait(timeout=30) == -9
    assert Customer.objects.count() == Execution.objects.count() == rows
    settle()
    assert Execution.objects.filter(status=1).count() == rows


def test_a_rolled_back_save_leaves_no_run(listen):
    on_customers()
    listen()
    with transaction.atomic():
        Customer.objects.create(name="Ann")
        transaction.set_rollback(True)
    assert not Execution.objects.exists()


def test_an_event_in_a_rolled_back_savepoint_leaves_no_run_and_takes_nobody_elses_wake_up(listen, settle):
    on_customers()
    listen()

    def woken():
        """How often since it was last asked."""
        nonlocal before
        before, then = queued_messages(), before
        wakeup.clear_mark("sluice")
        return before - then

    before = 0
    woken()
    with transaction.atomic():
        Customer.objects.create(name="stays")
        with transaction.atomic():
            Customer.objects.create(name="goes")
            transaction.set_rollback(True)
    assert woken() == 1
    with transaction.atomic():
        with transaction.atomic():
            Customer.objects.create(name="goes")
            transaction.set_rollback(True)
        Customer.objects.create(name="stays too")
    assert woken() == 1
    with transaction.atomic(), transaction.atomic():
        Customer.objects.create(name="goes")
        transaction.set_rollback(True)
    assert woken() == 0
    settle()
    assert sorted(Execution.objects.values_list("output", flat=True)) == ["stays", "stays too"]


@pytest.fixture
def refusing(listen):
    """A sync workflow that lets no customer in but Bob, after it made a product."""
    on_customers(
        [
            ("t-write", {"act": "make product", "value": "{{$context.data.name}}"}),
            (
                "condition",
                {"engine": "math.js", "expression": "{{$context.data.name}} == 'Bob'", "rejectOnFalse": True},
            ),
        ],
        sync=True,
        rollbackOnFailure=True,
    )
    listen()


@pytest.fixture(autouse=True)
def _make_product(acts):
    def make_product(step):
        Product.objects.create(name=str(step.compiled.render(step.scope)), price=1)
        return acts["give"](step)

    acts["make product"] = make_product


def assert_undone():
    assert not Customer.objects.exists()
    assert not Product.objects.exists()
    execution = Execution.objects.get()
    assert (execution.status, execution.due_at) == (-1, None)
    assert list(Job.objects.filter(execution=execution).values_list("status", flat=True)) == [1, -1]


@pytest.mark.postgres
@pytest.mark.mariadb
def test_rollback_on_failure_in_autocommit_undoes_the_row_and_keeps_the_history(refusing):
    with pytest.raises(RollbackOnFailure) as caught:
        Customer.objects.create(name="Ann")
    assert (caught.value.status, caught.value.code) == (422, "WORKFLOW_ROLLBACK_ON_FAILURE")
    assert_undone()
    Customer.objects.create(name="Bob")
    assert Customer.objects.count() == Product.objects.count() == 1


def swallowing(request):
    try:
        Customer.objects.create(name=request.GET["name"])
    except SluiceError as error:
        return JsonResponse({"code": error.code}, status=error.status)
    return JsonResponse({"code": None})


def careless(request):
    Customer.objects.create(name=request.GET["name"])
    return JsonResponse({"code": None})


urlpatterns = [path("swallowing", swallowing), path("careless", careless)]


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.parametrize(("view", "status"), [("swallowing", 422), ("careless", 500)])
def test_rollback_on_failure_in_atomic_requests(refusing, monkeypatch, settings, view, status):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False)
    assert client.get(f"/{view}", {"name": "Ann"}).status_code == status
    assert_undone()
    assert client.get(f"/{view}", {"name": "Bob"}).status_code == 200
    assert Customer.objects.count() == 1


def test_a_sync_run_without_rollback_on_failure_leaves_the_row(listen):
    on_customers([("t-do", {"act": "fail"})], sync=True)
    listen()
    Customer.objects.create(name="Ann")
    assert Execution.objects.get().status == -1
    assert Customer.objects.exists()


@pytest.mark.parametrize("rollback", [False, True])
def test_a_sync_run_of_a_version_that_nobody_can_read_is_an_error_and_no_exception_of_the_save(listen, rollback):
    on_customers(sync=True, rollbackOnFailure=rollback)
    listen()
    Workflow.objects.update(time_zone="Mars/Olympus")
    undone = rollback and connection().vendor != "sqlite"
    with pytest.raises(RollbackOnFailure) if undone else nullcontext():
        Customer.objects.create(name="Ann")
    assert Customer.objects.exists() is not undone
    execution = Execution.objects.get()
    assert (execution.status, execution.ended_at is not None, execution.due_at) == (-2, True, None)
    assert "Mars/Olympus" in execution.error


def test_what_a_call_of_a_sync_run_writes_knows_the_run_that_led_to_it(acts, listen):
    def echo(step):
        # Were it not for the stack limit, for ever.
        assert Customer.objects.count() < 5
        return acts["create"](step)

    acts["echo"] = echo
    on_customers([("t-call", {"act": "echo", "value": "Echo"})], sync=True)
    listen()
    Customer.objects.create(name="Ann")
    assert Customer.objects.count() == 2
    assert Execution.objects.get().status == 1


def test_a_deferred_foreign_key_is_the_steps_own_error(acts, settle):
    """The commit of the whole segment would be refused, of which the other runs and steps know nothing."""

    def dangling(step):
        Order.objects.create(customer_id=987_654)
        return acts["give"](step)

    acts["dangling"] = dangling
    steps = [("t-write", {"act": "create", "value": "before"}), ("t-write", {"act": "dangling"})]
    broken, other = start(build(steps), {}), start(build([("t-write", {"act": "create", "value": "other"})]), {})
    settle()
    broken.refresh_from_db()
    other.refresh_from_db()
    assert (broken.status, broken.reason, other.status) == (-2, None, 1)
    assert "foreign key" in broken.error.lower()
    assert list(Job.objects.filter(execution=broken).order_by("number").values_list("status", flat=True)) == [1, -2]
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["before", "other"]
    assert not Order.objects.exists()


@pytest.mark.parametrize("value", ["a\x00b", float("nan"), "\ud800", {"\x00": ["\x00"]}, 10**400, {1, 2}], ids=ascii)
def test_a_result_that_no_database_takes_is_made_to_fit(acts, settle, value):
    acts["odd"] = lambda step: type(acts["give"](step))(result=value, log=[("INFO", "a\x00b\ud800")], output=value)
    execution = start(
        build([("t-do", {"act": "odd"}), ("t-do", {"act": "give", "value": "{{$jobsMapByNodeKey.n1}}"})]), {}
    )
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error


def test_a_nul_in_a_value_to_write_is_the_steps_own_error_or_goes(settle):
    steps = [("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$context.name}}"}}})]
    execution = start(build(steps), {"name": "a\x00b"})
    settle()
    execution.refresh_from_db()
    assert execution.context == {"name": "ab"}
    assert execution.status == 1, execution.error


def test_a_text_with_a_nul_in_an_error_is_made_to_fit(acts, settle):
    def wrong(step):
        raise RuntimeError("a\x00b\ud800")

    acts["wrong"] = wrong
    for kind in ("t-do", "t-write", "t-call"):
        start(build([(kind, {"act": "wrong"})]), {})
    settle()
    assert set(Execution.objects.values_list("status", flat=True)) == {-2}


@pytest.fixture
def broker_at(monkeypatch):
    """Moves the app's broker to another port of this machine."""

    def move(port):
        monkeypatch.setattr(current_app.conf, "broker_write_url", f"redis://127.0.0.1:{port}/0")

    return move


@pytest.fixture
def frozen_port():
    """Something that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("how", ["down", "frozen"])
def test_a_broker_that_is_away_costs_a_save_nothing_and_loses_no_run(
    broker_at, frozen_port, listen, settle, caplog, monkeypatch, how
):
    broker_at(1 if how == "down" else frozen_port)
    tries, publish = [], wakeup._publish
    monkeypatch.setattr(wakeup, "_publish", lambda *args, **more: tries.append(args) or publish(*args, **more))
    on_customers()
    listen()
    began = time.monotonic()
    for name in ("Ann", "Bob", "Eve"):
        Customer.objects.create(name=name)
    # The first waits half a second at most, and those behind it do not try.
    assert time.monotonic() - began < 1
    assert len(tries) == 1
    assert "could not be woken" in caplog.text
    assert Execution.objects.filter(status=None).count() == 3
    settle()
    assert Execution.objects.filter(status=1).count() == 3


def test_a_save_after_a_rollback_of_the_brokers_troubles_wakes_again(broker_at, listen, monkeypatch):
    broker_at(1)
    workflow = build([("output", {"value": 1})])
    start(workflow, {})
    monkeypatch.undo()
    wakeup.speak_again()
    before = queued_messages()
    start(workflow, {})
    assert queued_messages() == before + 1


class ForgivingCache(BaseCache):
    """Clients that hide a failure answer as if somebody else had been first."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        return False

    def delete(self, *args, **kwargs):
        return False

    def get(self, key, default=None, version=None):
        return default


class BrokenCache(ForgivingCache):
    """Shared, as far as anybody can tell, and away."""

    def add(self, *args, **kwargs):
        raise ConnectionError("The cache is away.")

    delete = add


def queued_messages():
    with current_app.connection_for_write() as broker:
        return broker.default_channel.queue_declare("sluice", durable=True).message_count


@pytest.mark.parametrize(
    ("backend", "messages"),
    [("locmem.LocMemCache", 5), ("dummy.DummyCache", 5), ("filebased.FileBasedCache", 1)],
)
def test_a_mark_that_nobody_else_can_see_keeps_no_wake_up_back(settings, tmp_path, monkeypatch, backend, messages):
    # Longer than five starts take on any machine.
    monkeypatch.setattr(wakeup, "MARK_SECONDS", 60)
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}}
    workflow = build([("output", {"value": 1})])
    before = queued_messages()
    for _ in range(5):
        start(workflow, {})
    assert queued_messages() - before == messages


@pytest.mark.parametrize("cache", ["BrokenCache", "ForgivingCache"])
def test_a_cache_that_is_away_keeps_no_tick_from_waking(settings, cache):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{cache}"}}
    start(build([("output", {"value": 1})]), {})
    before = queued_messages()
    assert clock.tick() == ["sluice"]
    assert queued_messages() == before + 1


def test_a_save_on_a_model_without_workflows_costs_no_query(listen, django_assert_num_queries):
    on_customers()
    listen()
    with django_assert_num_queries(1, using=connection().alias):
        Product.objects.create(name="Tea", price=1)
