"""Runs are found by the rows that they are about, where a model is kept (`workflows.subjects`)."""

import pytest
from rest_framework.test import APIClient

from config.shop.models import Customer, Order, Product
from executions.dispatcher import run_now, start
from executions.models import Attribute, Execution
from tests.building import build
from tests.people import boss
from workflows import subjects
from workflows.triggers import listening
from workflows.triggers.listening import listener_of

pytestmark = pytest.mark.django_db


def noted(execution):
    return sorted(Attribute.objects.filter(execution=execution.pk).values_list("name", "text"))


@pytest.fixture
def order():
    return Order.objects.create(customer=Customer.objects.create(name="Ann"))


def test_a_saved_row_and_a_deleted_one(order):
    for mode in (2, 4):
        build([], type="collection", config={"collection": "shop.Order", "mode": mode})
    listening.refresh(force=True)
    pk = order.pk
    order.save()
    order.delete()
    assert [noted(run) for run in Execution.objects.order_by("id")] == [[("@row", f"shop.order:{pk}")]] * 2


def test_models_that_nobody_asks_about_are_not_noted(order):
    build([], type="collection", config={"collection": "shop.Product", "mode": 1})
    listening.refresh(force=True)
    Product.objects.create(name="Tea", price=1)
    assert noted(Execution.objects.get()) == []


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_run_by_hand(order, sync):
    workflow = build([], type="collection", config={"collection": "shop.Order", "mode": 1}, sync=sync)
    assert noted(run_now(workflow, {"data": order.pk})) == [("@row", f"shop.order:{order.pk}")]


@pytest.mark.parametrize(
    ("kind", "config", "context", "expected"),
    [
        ("manual", {}, {"data": {"id": 7}}, []),
        ("action", {"collection": "shop.Order"}, {"data": {"id": 7}}, ["shop.order:7"]),
        ("action", {"collection": "default:shop.Order"}, {"data": {"id": 7}}, ["shop.order:7"]),
        ("action", {"collection": "shop.Order"}, {"data": {"note": "new"}}, []),
        ("action", {"collection": "shop.Order"}, {"data": {"id": {"a": 1}}}, []),
        ("action", {"collection": "shop.Order"}, {"data": "text"}, []),
        ("action", {"collection": "shop.Order"}, [], []),
        ("action", {"collection": "shop.Customer"}, {"data": {"id": 7}}, []),
        ("custom-action", {"collection": "shop.Order", "type": 2}, {"data": [{"id": 7}, {"id": 8}, {"id": 7}]},
         ["shop.order:7", "shop.order:8"]),
        ("request-interception", {"collection": "shop.Order"}, {"params": {"filterByTk": 7, "values": {}}},
         ["shop.order:7"]),
        ("request-interception", {"collection": "shop.Order"}, {"params": {"filterByTk": [7, "8", None]}},
         ["shop.order:7", "shop.order:8"]),
    ],
)  # fmt: skip
def test_the_rows_of_a_context(kind, config, context, expected):
    assert subjects.subjects_of(listener_of(build([], type=kind, config=config)), context) == expected


def test_a_long_key_is_its_digest():
    long = subjects.subject_of(Order, "k" * 200)
    assert len(long) == 64
    assert long != subjects.subject_of(Order, "k" * 201)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("shop.order:{pk}", 2), ("shop.Order:{pk}", 2), ("shop.order:{pk}&status=queued", 2), ("shop.order:0", 0),
        ("shop.customer:{pk}", 0), ("order:{pk}", 0), ("nobody.order:{pk}", 0), (":", 0),
    ],
)  # fmt: skip
def test_lists_of_a_row(order, asked, count):
    other = Order.objects.create(customer=order.customer)
    workflow = build([], type="action", config={"collection": "shop.Order"})
    for pk in (order.pk, order.pk, other.pk):
        start(workflow, {"data": {"id": pk}})
    client = APIClient()
    client.force_login(boss())
    answer = client.get("/api/v1/executions/?row=" + asked.format(pk=order.pk))
    assert answer.status_code == 200
    assert len(answer.data["results"]) == count


@pytest.mark.parametrize("asked", ["shop.order:abc", "shop.order:", "shop.order", "shop.order:7.5", "shop.order:7:8"])
def test_an_id_that_cannot_be_one_is_refused(order, asked):
    client = APIClient()
    client.force_login(boss())
    answer = client.get("/api/v1/executions/?row=" + asked)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["row"]
    assert "shop.order:7" in answer.json()["errors"][0]["message"]
