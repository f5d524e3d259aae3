"""Rows of a model inside a row of another (spec nocobase-http 1.1)."""

import pytest
from django.contrib.auth.models import Group, User

from config.shop.models import Customer, Line, Order, Product
from executions.models import Execution
from tests.building import build
from workflows.triggers import listening

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return Customer.objects.create(name="Ada")


@pytest.fixture
def bob(db):
    return Customer.objects.create(name="Bob")


@pytest.fixture
def orders(ada, bob):
    made = [Order.objects.create(customer=customer, total=total) for customer, total in ((ada, 1), (ada, 2), (bob, 3))]
    Line.objects.create(order=made[0], product=Product.objects.create(name="Tea", price=1), price=1)
    return made


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("shop.Customer/{ada}/orders", [0, 1]),
        ("shop.Customer/{ada}/orders/", [0, 1]),
        ("shop.Customer/{ada}/orders:list?sort=-id", [1, 0]),
        ("shop.Customer/{ada}/orders:list?filter[total][$gt]=1", [1]),
        ("shop.Customer/{ada}/orders:list?filterByTk={other}", []),
        ("shop.Customer/{ada}/orders:list/{first}", [0]),
        # As the client writes resource("shop.Customer.orders", key), with the key at each dot.
        ("shop/{ada}/Customer/{ada}/orders:list", [0, 1]),
        ("shop/undefined/Customer/undefined/orders:list", []),
        ("shop.Customer/99999/orders:list", []),
        ("shop.Customer/abc/orders:list", []),
        ("shop.Customer/_/shop.Order:list?sort=id", [0, 1, 2]),
        ("shop/null/Order:list?sort=id", [0, 1, 2]),
    ],
)
def test_only_the_parents_rows_are_listed(nocobase, ada, orders, path, found):
    path = path.format(ada=ada.pk, first=orders[0].pk, other=orders[2].pk)
    assert [row["id"] for row in nocobase()("GET", path)["data"]] == [orders[index].pk for index in found]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("shop.Customer/{ada}/orders/{first}", True),
        ("shop.Customer/{bob}/orders/{first}", False),
        ("shop.Customer/{ada}/orders:get/{first}?appends=customer", True),
        ("shop.Order/{first}/customer", True),
        ("shop.Order/{first}/customer:get?fields=name", True),
        ("shop/{first}/Order/{first}/customer:get", True),
        ("shop.Order/99999/customer", False),
        ("shop.Order/{first}/customer/{bob}", False),
    ],
)
def test_one_row_is_got_inside_another(nocobase, ada, bob, orders, path, found):
    path = path.format(ada=ada.pk, bob=bob.pk, first=orders[0].pk)
    assert bool(nocobase()("GET", path)["data"]) is found


def test_a_list_inside_costs_one_query_more(nocobase, ada, orders, django_assert_num_queries):
    client = nocobase()
    # The token and its user; the parent; the count and the page; the lines.
    with django_assert_num_queries(2 + 1 + 2 + 1):
        found = client("GET", f"shop.Customer/{ada.pk}/orders:list?appends=lines")
    assert [len(row["lines"]) for row in found["data"]] == [1, 0]


def test_rows_are_written_inside_their_parent_alone(nocobase, ada, bob, orders):
    client = nocobase()
    # Whose it is, is said by the address.
    made = client.post(f"shop.Customer/{ada.pk}/orders:create", {"customer": bob.pk, "customer_id": bob.pk, "total": 7})
    assert (made["customer_id"], made["total"]) == (ada.pk, 7)
    assert client("POST", f"shop.Customer/{ada.pk}/orders/1", {})["data"]["customer_id"] == ada.pk
    inside, outside = orders[0].pk, orders[2].pk
    path = f"shop.Customer/{ada.pk}/orders"
    assert client("PATCH", f"{path}/{inside}", {"note": "n"})["data"][0]["note"] == "n"
    assert client("PUT", f"{path}/{outside}", {"note": "n"})["data"] == []
    assert client.post(f"{path}:update", {"note": "m"}, filter={"id.$gt": 0})[0]["customer_id"] == ada.pk
    assert client("DELETE", f"{path}/{outside}")["data"] == 0
    assert client("DELETE", f"{path}/{inside}")["data"] == 1
    assert client.refused("DELETE", path)
    assert client.refused("POST", f"{path}:create", {"total": "much"})
    assert client.refused("POST", "shop.Customer/99999/orders:create", {}, status=404)
    assert not Order.objects.filter(customer=bob).exclude(note="").exists()


@pytest.mark.parametrize(
    "path",
    [
        "shop.Customer/1/nothing:list",
        "shop.Customer/1/name:list",
        "shop.Nothing/1/orders:list",
        "auth.User/1/groups:list",
        "shop/1/Customer/2/orders:list",
        "shop.Order/1/customer:create",
        "shop.Order/1/customer:nothing",
    ],
)
def test_what_is_no_relation_is_not_there(nocobase, path):
    assert nocobase().raw("POST", path).status_code == 404


@pytest.mark.parametrize(
    ("held", "method", "path", "status"),
    [
        (("shop.view_order",), "GET", "orders:list", 403),
        (("shop.view_customer",), "GET", "orders:list", 403),
        (("shop.view_customer", "shop.view_order"), "GET", "orders:list", 200),
        (("shop.view_customer", "shop.view_order"), "POST", "orders:create", 403),
        (("shop.view_customer", "shop.add_order"), "POST", "orders:create", 200),
        (("shop.add_order",), "POST", "orders:create", 403),
        (("shop.view_customer", "shop.view_order"), "DELETE", "orders/1", 403),
    ],
)
def test_both_models_permissions_are_asked_for(nocobase, ada, orders, held, method, path, status):
    nocobase(*held)(method, f"shop.Customer/{ada.pk}/{path}", {} if method == "POST" else None, status=status)


def test_many_to_many(nocobase, settings, django_assert_num_queries):
    settings.SLUICE = {"MODELS": ["*", "auth.User", "auth.Group"]}
    groups = [Group.objects.create(name=name) for name in "ab"]
    users = [User.objects.create(username=f"u{index}") for index in range(3)]
    users[0].groups.set(groups)
    users[1].groups.set(groups[1:])
    client = nocobase()
    with django_assert_num_queries(2 + 2 + 1):
        rows = client.get("auth.User:list", appends="groups.name", fields="username", filter={"username.$like": "u_"})
    assert rows == [
        {"username": "u0", "groups": [{"name": "a"}, {"name": "b"}]}, {"username": "u1", "groups": [{"name": "b"}]},
        {"username": "u2", "groups": []},
    ]  # fmt: skip
    rows = client.get("auth.Group:list", appends="user_set.username", fields="name", sort="id")
    assert [len(row["user_set"]) for row in rows] == [1, 2]
    assert [row["name"] for row in client.get(f"auth.User/{users[0].pk}/groups:list", sort="id")] == ["a", "b"]
    assert client.get(f"auth.User/{users[1].pk}/groups/{groups[0].pk}") is None
    made = client.post(f"auth.User/{users[2].pk}/groups:create", {"name": "c"})
    assert users[2].groups.get().pk == made["id"]
    assert client.refused("POST", f"auth.User/{users[2].pk}/groups:create", {"name": "c"})
    adder = nocobase("auth.view_user", "auth.add_group")
    assert adder.refused("POST", f"auth.User/{users[2].pk}/groups:create", {"name": "d"}, status=403)


@pytest.mark.parametrize("path", ["auth.User:list?appends=groups", "shop.Customer:list?appends=orders"])
def test_what_a_relation_brings_along_is_bounded(nocobase, settings, monkeypatch, orders, path):
    settings.SLUICE = {"MODELS": ["*", "auth.User", "auth.Group"]}
    monkeypatch.setattr("executions.dialects.nocobase.records.MOST_RELATED", 1)
    client = nocobase()
    client.user.groups.set([Group.objects.create(name=name) for name in "ab"])
    [message] = client.refused("GET", path)
    assert message.startswith("appends: ")


def test_workflows_run_around_rows_inside_others(nocobase, ada):
    flow = build([], type="action", config={"collection": "shop.Order", "global": True, "actions": ["create"]})
    listening.changed()
    made = nocobase().post(f"shop.Customer/{ada.pk}/orders:create", {"total": 5})
    found = Execution.objects.get(key=flow.key).context
    assert (found["data"]["id"], found["data"]["customer_id"]) == (made["id"], ada.pk)
