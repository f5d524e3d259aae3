"""What a request's workflows have to do with what it saves, in real transactions (spec 4.3, 4.5)."""

import time
from contextlib import suppress

import pytest
from django.db import connection, connections, transaction
from rest_framework.test import APIClient

from config.shop.models import Order, Review
from executions.models import Execution
from executions.testing import drain
from tests.people import boss, person
from tests.workflows.requesting.asking import keys, place, ran, update
from tests.workflows.requesting.conftest import END, FAIL, OUTPUT, REFUSE, WAIT, create, say
from workflows.requesting import core
from workflows.requesting.asking import Asked, RequestHalted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def test_case_241_sync_ones_are_done_before_the_answer_and_async_ones_begin_after_it(on, order):
    waiting = on("action", [say("late"), OUTPUT], title="async")
    now = [
        on("action", [say(text), create("shop.Review", order_id="{{$context.data.id}}")], sync=True) for text in "ab"
    ]
    began = time.monotonic()
    messages = update(order, waiting.key, now[1].key, now[0].key)
    assert messages == ["b", "a"]
    assert Review.objects.count() == 2
    queued = Execution.objects.get(key=waiting.key)
    assert queued.status is None
    # Nothing is due yet, though a worker looked at once.
    from executions.drain import drain as one_drain

    if time.monotonic() - began < core.AFTER_RESPONSE / 2:
        assert one_drain("sluice") == 0
    assert 0 < (queued.due_at - queued.created_at).total_seconds() < 5
    drain()
    assert Execution.objects.filter(status=1).count() == 3


def test_async_ones_are_written_with_what_was_saved_or_not_at_all(on, order):
    workflow = on("action", actions=["update"], **{"global": True})
    with suppress(ZeroDivisionError), core.acting(Asked(), Order, "update") as action:
        Order.objects.update(note="lost")
        action.saved(order)
        raise ZeroDivisionError
    with transaction.atomic():
        update(order)
        transaction.set_rollback(True)
    assert (ran(), Order.objects.get().note) == ([], "")
    with transaction.atomic():
        update(order)
    assert keys() == [workflow.key]


@pytest.mark.parametrize(
    ("steps", "status", "told"),
    [
        pytest.param([say("a"), say("b"), REFUSE], 400, ["a", "b"], id="case_249-failed-end"),
        pytest.param([REFUSE], 400, ["A workflow refused this request."], id="refused"),
        pytest.param([say("a"), FAIL], 500, None, id="failed"),
        pytest.param([say("a"), WAIT], 500, None, id="waits"),
        pytest.param([say("a"), say("b"), END], 200, ["a", "b"], id="case_249-end"),
        pytest.param([say("a"), say("b")], 200, ["a", "b", "next"], id="case_249-resolved"),
    ],
)
def test_what_a_sync_one_makes_of_the_request_and_what_was_saved_stays(on, order, steps, status, told):
    first, after = on("action", steps, sync=True), on("action", [say("next")], sync=True)
    later = on("action")
    listed = [first.key, after.key, later.key]
    if status == 200:
        assert update(order, *listed) == told
    else:
        with pytest.raises(RequestHalted) as halted:
            update(order, *listed)
        assert halted.value.status == status
        if told:
            assert halted.value.body == {
                "errors": [{"field": None, "code": "workflow", "message": each} for each in told]
            }
        else:
            assert "a" not in halted.value.messages
    order.refresh_from_db()
    assert order.note == "changed"
    others = [after.key, later.key] if told == ["a", "b", "next"] else []
    assert keys() == [first.key, *others]


@pytest.mark.parametrize(
    ("steps", "status", "told", "rows"),
    [
        pytest.param([say("no"), REFUSE], 400, ["no"], 0, id="case_246-failed-end"),
        pytest.param([say("done"), END], 200, ["done"], 0, id="case_246-end"),
        pytest.param([FAIL], 500, None, 0, id="case_246-error"),
        pytest.param([WAIT], 500, None, 0, id="case_246-waits"),
        pytest.param([say("hello")], None, ["hello"], 1, id="case_246-pass"),
    ],
)
def test_what_comes_before_decides(on, order, steps, status, told, rows):
    on("request-interception", steps, actions=["create"], **{"global": True})
    second = on("request-interception", actions=["create"], **{"global": True})
    Order.objects.all().delete()
    if status is None:
        _row, messages = place(order.customer, total=5)
        assert messages == told
        assert Execution.objects.filter(key=second.key).count() == 1
    else:
        with pytest.raises(RequestHalted) as halted:
            place(order.customer, total=5)
        assert halted.value.status == status
        assert told is None or halted.value.messages == told
        assert not Execution.objects.filter(key=second.key).exists()
    assert Order.objects.count() == rows


def test_one_async_run_costs_the_row_its_user_and_an_insert(on, order, django_assert_num_queries):
    on("action", actions=["update"], **{"global": True})
    user = person()
    update(order, user=user)
    with transaction.atomic(), django_assert_num_queries(7):
        # The save between a savepoint and its release; the group, the row, the run, and what the run is found by.
        update(order, user=user)


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
@pytest.mark.urls("tests.workflows.requesting.shop")
@pytest.mark.parametrize(("steps", "status"), [([say("no"), REFUSE], 400), ([FAIL], 500)])
def test_what_was_saved_by_a_viewset_stays_whatever_comes_after(on, order, steps, status, atomic, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", atomic)
    on("action", steps, sync=True, actions=["update"], **{"global": True})
    answer = APIClient().patch(f"/orders/{order.pk}/", {"note": "stays"})
    assert (answer.status_code, answer.data["errors"][0]["code"]) == (status, "workflow")
    order.refresh_from_db()
    assert order.note == "stays"


@pytest.mark.urls("tests.workflows.requesting.shop")
@pytest.mark.parametrize("steps", [[FAIL], [say("no"), REFUSE]])
def test_what_was_saved_in_the_admin_stays_whatever_comes_after(on, order, client, steps):
    on("action", steps, sync=True, actions=["update"], **{"global": True})
    later = on("action", actions=["update"], **{"global": True})
    client.force_login(boss())
    values = {"customer": order.customer_id, "status": "new", "total": "10", "note": "stays"}
    values |= {"placed_at_0": "2024-05-01", "placed_at_1": "10:00:00", "lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0}
    assert client.post(f"/admin/shop/order/{order.pk}/change/", values).status_code == 302
    order.refresh_from_db()
    assert order.note == "stays"
    assert not Execution.objects.filter(key=later.key).exists()


@pytest.mark.urls("tests.workflows.requesting.shop")
@pytest.mark.parametrize("where", ["change", "delete"])
def test_what_a_workflow_wrote_that_refused_the_admin_stays(on, order, client, where):
    steps = [create("shop.Review", order_id=order.pk, reason="asked"), REFUSE]
    on("request-interception", steps, actions=["update", "destroy"], **{"global": True})
    client.force_login(boss())
    values = {"customer": order.customer_id, "status": "new", "total": "10", "note": "never", "post": "yes"}
    values |= {"placed_at_0": "2024-05-01", "placed_at_1": "10:00:00", "lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0}
    client.post(f"/admin/shop/order/{order.pk}/{where}/", values)
    assert list(Order.objects.values_list("note", flat=True)) == [""]
    assert [review.reason for review in Review.objects.all()] == ["asked"]
    assert [run.status for run in Execution.objects.all()] == [-1]


@pytest.mark.urls("tests.workflows.requesting.shop")
@pytest.mark.parametrize("way", ["view", "viewset", "admin"])
def test_what_was_saved_is_committed_before_sync_ones_run_and_with_async_ones(on, order, client, monkeypatch, way):
    seen = []

    def dispatch(events):
        seen.append((events[0].listener.sync, connection.in_atomic_block))
        return real(events)

    real, user = core.dispatch, boss()
    monkeypatch.setattr(core, "dispatch", dispatch)
    on("action", actions=["update"], **{"global": True})
    for sync in (False, True):
        if sync:
            on("action", sync=True, actions=["update"], **{"global": True})
        if way == "view":
            update(order)
        elif way == "viewset":
            assert APIClient().patch(f"/orders/{order.pk}/", {"note": "x"}).status_code == 200
        else:
            client.force_login(user)
            values = {"customer": order.customer_id, "status": "new", "total": "10", "note": "x"}
            values |= {"placed_at_0": "2024-05-01", "placed_at_1": "10:00:00"}
            values |= {"lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0}
            assert client.post(f"/admin/shop/order/{order.pk}/change/", values).status_code == 302
    # Alone, the async one is written with the row; behind a sync one, which decides about it, after that.
    assert seen == [(False, True), (True, False), (False, False)]
