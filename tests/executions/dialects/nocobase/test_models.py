"""The host's models as collections, with the workflows that their requests set off (spec nocobase-engine 4.3-4.5)."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from config.shop.models import Customer, Line, Order, Product
from executions.models import Execution
from tests.building import build
from workflows.triggers import listening

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return Customer.objects.create(name="Ada", tier="gold")


@pytest.fixture
def orders(ada):
    return [Order.objects.create(customer=ada, total=total) for total in (10, 20, Decimal("30.5"))]


def test_rows_are_listed_with_relations_and_never_repeat(nocobase, orders, django_assert_num_queries):
    tea = Product.objects.create(name="Tea", price=1)
    for order in orders[:2]:
        for _ in range(2):
            Line.objects.create(order=order, product=tea, price=1)
    client = nocobase()
    with django_assert_num_queries(2 + 2 + 3):
        found = client(
            "GET",
            "shop.Order:list?sort=-total&filter[lines.product.name]=Tea&appends[]=customer&appends[]=lines.product"
            "&fields[]=id&fields[]=total",
        )
    assert found["meta"]["count"] == 2
    assert [(row["id"], row["total"], len(row["lines"])) for row in found["data"]] == [
        (orders[1].pk, 20, 2), (orders[0].pk, 10, 2),
    ]  # fmt: skip
    assert found["data"][0]["customer"]["name"] == "Ada"
    assert found["data"][0]["lines"][0]["product"]["name"] == "Tea"
    assert client.get("shop.Customer:get", filterByTk=orders[0].customer_id, appends="orders")["orders"][0]["id"]
    assert client.get("shop.Order:get/abc") is None
    assert [row["id"] for row in client.get("shop.Order:list", sort="customer.name,-id")] == [
        order.pk for order in reversed(orders)
    ]


def test_rows_are_written(nocobase, ada, orders):
    client = nocobase()
    made = client.post("shop.Order:create", {"customer_id": ada.pk, "total": "5.5", "nonsense": 1, "note": "n"})
    order = Order.objects.get(pk=made["id"])
    assert (made["total"], order.note, made["created_at"][-1]) == (5.5, "n", "Z")
    values = {"status": "paid", "customer": {"id": ada.pk}}
    changed = client.post("shop.Order:update", values, filterByTk=[orders[0].pk, orders[1].pk])
    assert [row["status"] for row in changed] == ["paid", "paid"]
    assert client("PATCH", f"shop.Order/{order.pk}", {"note": "m"})["data"][0]["note"] == "m"
    assert client.post("shop.Order:update", {"note": "m"}, filterByTk="abc") == []
    assert client.post("shop.Order:destroy", filter={"status": "paid"}) == 2
    assert client("DELETE", f"shop.Order/{order.pk}")["data"] == 1
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("shop.Order:create", {}, "customer"),
        ("shop.Order:create", {"customer_id": 99999}, "customer"),
        ("shop.Order:create", {"customer_id": "{ada}", "status": "nothing"}, "status"),
        ("shop.Order:create", {"customer_id": "{ada}", "total": "much"}, "total"),
        ("shop.Order:update?filter[id][$gt]=0", {"status": "nothing"}, "status"),
        ("shop.Order:update?filter[nothing]=0", {"status": "paid"}, "nothing"),
        ("shop.Order:update", {"status": "paid"}, "required"),
        ("shop.Order:destroy", {}, "required"),
        ("shop.Product:destroy?filter[id][$gt]=0", {}, "Other rows need it"),
        ("shop.Order:list?appends=nothing&sort=lines.id", {}, "lines.id"),
        ("shop.Order:trigger", {}, "triggerWorkflows"),
        ("shop.Order:trigger?triggerWorkflows=nothing", {}, "triggerWorkflows"),
        ("shop.Order:trigger?triggerWorkflows[]=nothing", {}, "triggerWorkflows"),
        ("shop.Customer:create", [1], "object"),
    ],
)
def test_what_is_wrong_is_refused_by_name(nocobase, ada, orders, path, body, words):
    Line.objects.create(order=orders[0], product=Product.objects.create(name="Tea", price=1), price=1)
    body = {name: ada.pk if value == "{ada}" else value for name, value in body.items()} if body and not isinstance(
        body, list
    ) else body  # fmt: skip
    before = list(Order.objects.order_by("id").values_list())
    messages = nocobase().refused("POST", path, body)
    assert any(words in message for message in messages), messages
    assert list(Order.objects.order_by("id").values_list()) == before


@pytest.mark.parametrize("name", ["auth.User", "sessions.Session", "workflows.Workflow", "shop.Nothing", "nothing"])
def test_other_models_are_not_there(nocobase, name):
    assert nocobase().raw("GET", f"{name}:list").status_code == 404


def test_each_action_asks_for_the_permission_of_its_model(nocobase, orders):
    reader = nocobase("shop.view_order")
    assert reader("GET", "shop.Order:list")["meta"]["count"] == 3
    for path in ("shop.Customer:list", "shop.Order:list?appends=customer"):
        assert reader.refused("GET", path, status=403) == ["No permissions"]
    assert reader.refused("GET", "shop.Order:list?filter[customer.name]=Ada")
    for action in ("create", "update?filterByTk=1", "destroy?filterByTk=1"):
        assert reader.refused("POST", f"shop.Order:{action}", {}, status=403)
    assert reader.refused("POST", "shop.Order:trigger?triggerWorkflows=x", {}, status=403)


def test_sensitive_columns_are_neither_shown_nor_asked_for_nor_written(nocobase, settings):
    settings.SLUICE = {"MODELS": ["*", "auth.User"]}
    client = nocobase()
    shown = client.get("auth.User:get", filterByTk=client.user.pk)
    assert shown["username"] == "boss"
    assert "password" not in shown
    for query in ("filter[password.$startsWith]=p", "sort=password", "fields=password"):
        assert client.refused("GET", f"auth.User:list?{query}")
    client.post("auth.User:update", {"password": "x", "first_name": "B"}, filterByTk=client.user.pk)
    user = get_user_model().objects.get()
    assert (user.password, user.first_name) == ("", "B")


def test_another_data_source_is_another_database(nocobase, orders):
    client = nocobase()
    assert client("GET", "shop.Order:list", **{"X-Data-Source": "main"})["meta"]["count"] == 3
    assert client("GET", "shop.Order:list", **{"X-Data-Source": "default"})["meta"]["count"] == 3
    assert client("GET", "shop.Order:list", status=400, **{"X-Data-Source": "elsewhere"})["errors"]


def flow_on(kind, steps=(), *, sync=False, **config):
    flow = build(steps, type=kind, sync=sync, config=config)
    listening.refresh(force=True)
    return flow


STOP = ("response-message", {"message": "Not today"})


def test_what_comes_after_a_request(nocobase, ada):
    flow = flow_on("action", collection="shop.Order")
    client = nocobase()
    made = client.post("shop.Order:create", {"customer_id": ada.pk}, triggerWorkflows=flow.key)
    run = Execution.objects.get()
    assert (run.context["data"]["id"], run.context["user"]["username"], run.created_by) == (
        made["id"], "boss", client.user,
    )  # fmt: skip


@pytest.mark.parametrize(("status", "answer", "made"), [(-1, 400, 0), (1, 200, 0), (None, 200, 1)])
@pytest.mark.django_db(transaction=True)
def test_what_comes_before_a_request_may_end_it(nocobase, ada, status, answer, made):
    end = [] if status is None else [("end", {"endStatus": status})]
    every = {"collection": "shop.Order", "global": True, "actions": ["create"]}
    flow_on("request-interception", [STOP, *end], sync=True, **every)
    found = nocobase()("POST", "shop.Order:create", {"customer_id": ada.pk}, status=answer)
    told = found["errors"] if answer == 400 else found["messages"]
    assert told == [{"message": "Not today"}]
    assert Order.objects.count() == made


def test_custom_actions(nocobase, orders):
    flow = flow_on("custom-action", type=1, collection="shop.Order")
    loose = flow_on("custom-action", type=0)
    client = nocobase()
    path = f"shop.Order:trigger/{orders[0].pk}?triggerWorkflows={flow.key}"
    assert client("POST", path, {"note": "now"}) == {}
    data = Execution.objects.get().context["data"]
    assert (data["id"], data["note"]) == (orders[0].pk, "now")
    assert client("POST", f"workflows:trigger?triggerWorkflows={loose.key}", {"a": 1}) == {}
    assert Execution.objects.latest("id").context["data"] == {"a": 1}
    assert client.refused("POST", f"workflows:trigger?triggerWorkflows={flow.key}", {})
    assert client.refused("POST", "workflows:trigger", {})


def test_the_client_takes_the_dot_of_a_name_for_a_relation(nocobase, orders):
    client = nocobase()
    assert client("GET", "shop/undefined/Order:list")["meta"]["count"] == 3
    assert client("GET", f"shop/undefined/Order/{orders[0].pk}")["data"]["id"] == orders[0].pk
    assert client.raw("GET", "shop/7/Order:list").status_code == 404
