from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from config.shop.models import Customer, Line, Order, Product
from workflows import collections
from workflows.coercion import coerce
from workflows.errors import Invalid


@pytest.mark.parametrize("text", ["shop.Order", "shop.order", "default:shop.Order", "main:shop.Order"])
def test_references(text):
    assert collections.resolve(text) is Order
    assert collections.reference(Order) == "shop.Order"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("shop.Nope", "shop.Nope"),
        ("nope.Order", "nope.Order"),
        ("Order", "app.Model"),
        ("a.b.c", "app.Model"),
        ("", "app.Model"),
        (None, "app.Model"),
        ({}, "app.Model"),
        ("elsewhere:shop.Order", "default"),
        ("auth.User", "SLUICE"),
    ],
)
def test_references_that_lead_nowhere(text, word):
    with pytest.raises(Invalid, match=word) as caught:
        collections.resolve(text)
    assert caught.value.field == "collection"


@pytest.mark.parametrize(
    ("text", "alias"), [("shop.Order", None), ("main:shop.Order", "default"), ("default:x.Y", "default")]
)
def test_alias_of(text, alias):
    assert collections.alias_of(text) == alias


@pytest.mark.parametrize(
    ("patterns", "label", "expected"),
    [
        (["*"], "shop.Order", True),
        (["*"], "auth.User", False),
        (["*"], "auth.Group", False),
        (["*"], "admin.LogEntry", False),
        (["*"], "sessions.Session", False),
        (["*"], "contenttypes.ContentType", False),
        (["*"], "workflows.Workflow", False),
        (["*"], "executions.Execution", False),
        (["*", "auth.Group"], "auth.Group", True),
        (["*", "auth.group"], "auth.Group", True),
        (["*", "auth.Group"], "auth.User", False),
        (["auth.*"], "auth.User", True),
        (["*", "-shop.Order"], "shop.Order", False),
        (["*", "-shop.*", "shop.Order"], "shop.Order", True),
        (["shop.Order", "-*"], "shop.Order", False),
        (["shop.*"], "shop.Line", True),
        ([], "shop.Line", False),
    ],
)
def test_which_models_are_usable(settings, patterns, label, expected):
    from django.apps import apps

    settings.SLUICE = {"MODELS": patterns}
    assert collections.usable(apps.get_model(label)) is expected


def test_usable_models_are_listed_by_name():
    labels = [collections.reference(model) for model in collections.usable_models()]
    assert "shop.Order" in labels
    assert labels == sorted(labels)
    assert not any(label.startswith(("auth.", "workflows.", "executions.")) for label in labels)


@pytest.fixture
def order(db):
    customer = Customer.objects.create(name="Ann", tier="gold", credit="12.50")
    made = Order.objects.create(
        customer=customer, number=1, total=Decimal("10.5000"), shipped_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    Line.objects.create(order=made, product=Product.objects.create(name="Tea", price="2.50"), quantity=2, price="2.50")
    return made


def test_to_json(order):
    row = collections.to_json(order)
    assert row["customer_id"] == order.customer_id
    assert "customer" not in row
    assert (row["id"], row["total"], row["shipped_at"], row["cleared"]) == (
        order.pk,
        10.5,
        "2024-01-01T00:00:00Z",
        False,
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0.1", 0.1), ("12345678901.2345", 12345678901.2345), ("9999999999999.9999", "9999999999999.9999")],
)
def test_decimals_are_numbers_where_a_number_is_exact(order, value, shown):
    order.total = Decimal(value)
    assert collections.to_json(order)["total"] == shown


def test_to_json_leaves_passwords_out(db):
    user = get_user_model().objects.create_user("ann", password="x")
    row = collections.to_json(user)
    assert row["username"] == "ann"
    assert "password" not in row


def test_flagged_fields_are_sensitive(order, monkeypatch):
    monkeypatch.setattr(Customer, "sluice_sensitive", ("email",), raising=False)
    monkeypatch.setattr(Customer._meta.get_field("credit"), "sluice_sensitive", True, raising=False)
    collections.shown_fields.cache_clear()
    row = collections.to_json(order, ["customer"])["customer"]
    collections.shown_fields.cache_clear()
    assert "name" in row
    assert not {"email", "credit"} & row.keys()


@pytest.mark.parametrize(
    "name", ["password", "api_key", "apikey", "user_password", "client_secret", "access_token", "password_hash"]
)
def test_names_like_passwords_are_sensitive(name):
    from django.db.models import CharField

    field = CharField()
    field.set_attributes_from_name(name)
    field.model = Order
    assert collections.sensitive(field)


@pytest.mark.parametrize("name", ["token_count", "secretary", "passwordless", "keyword"])
def test_other_names_are_not(name):
    from django.db.models import CharField

    field = CharField()
    field.set_attributes_from_name(name)
    field.model = Order
    assert not collections.sensitive(field)


def test_appends_nest_and_bring_their_first_segments(order):
    row = collections.to_json(order, ["customer.orders", "lines.product"])
    assert row["customer"]["name"] == "Ann"
    assert [item["number"] for item in row["customer"]["orders"]] == [1]
    assert row["lines"][0]["product"]["price"] == 2.5


def test_loading_costs_a_join_or_one_query_each(order, django_assert_num_queries):
    tree = collections.parse_appends(Order, ["customer", "lines.product"])
    with django_assert_num_queries(3):
        rows = [collections.to_json(row, tree) for row in collections.load(Order.objects.all(), tree)]
    assert rows[0]["lines"][0]["product"]["name"] == "Tea"


def test_many_to_many(db, settings):
    settings.SLUICE = {"MODELS": ["*", "auth.*"]}
    group = Group.objects.create(name="g")
    group.permissions.set(Permission.objects.filter(codename="add_order"))
    row = collections.to_json(group, ["permissions"])
    assert [item["codename"] for item in row["permissions"]] == ["add_order"]


@pytest.mark.parametrize(
    ("paths", "field", "word"),
    [
        (["nope"], "appends.0", "customer"),
        (["lines", "lines.nope"], "appends.1", "product"),
        (["total"], "appends.0", "customer"),
        ([5], "appends.0", "customer"),
    ],
)
def test_unknown_appends_are_refused(paths, field, word):
    with pytest.raises(Invalid, match=word) as caught:
        collections.parse_appends(Order, paths)
    assert caught.value.field == field


def test_appends_into_models_that_are_not_usable_are_refused():
    from django.contrib.admin.models import LogEntry

    with pytest.raises(Invalid):
        collections.parse_appends(LogEntry, ["user"])


@pytest.mark.parametrize(
    ("model", "values", "fields"),
    [
        (Order, {"customer": 5}, {"customer_id": 5}),
        (Order, {"customer_id": "5"}, {"customer_id": 5}),
        (Order, {"customer": {"id": 5, "name": "Ann"}}, {"customer_id": 5}),
        (Order, {"customer": None}, {"customer_id": None}),
        (Order, {"total": 1.1}, {"total": Decimal("1.1000")}),
        (Order, {"total": "1.00005"}, {"total": Decimal("1.0000")}),
        (Order, {"number": "7"}, {"number": 7}),
        (Order, {"number": 7.0}, {"number": 7}),
        (Order, {"number": ""}, {"number": None}),
        (Order, {"cleared": "true"}, {"cleared": True}),
        (Order, {"cleared": 0}, {"cleared": False}),
        (Order, {"note": 5}, {"note": "5"}),
        (Order, {"note": True}, {"note": "true"}),
        (Order, {"placed_at": "2024-01-01T00:00:00Z"}, {"placed_at": datetime(2024, 1, 1, tzinfo=UTC)}),
        (Order, {"placed_at": "2024-01-01"}, {"placed_at": datetime(2024, 1, 1, tzinfo=UTC)}),
        (Order, {"placed_at": "2024-01-01T02:00:00+02:00"}, {"placed_at": datetime(2024, 1, 1, tzinfo=UTC)}),
        (Order, {"shipped_at": ""}, {"shipped_at": None}),
        (Order, {}, {}),
    ],
)
def test_coerce(model, values, fields):
    assert coerce(model, values).fields == fields


@pytest.mark.parametrize(
    ("values", "field", "word"),
    [
        ({"nope": 1}, "values.nope", "customer_id"),
        ({"lines": []}, "values.lines", "customer_id"),
        ({"number": "x"}, "values.number", "number"),
        ({"number": 1.5}, "values.number", "1.5"),
        ({"number": [1]}, "values.number", "number"),
        ({"total": "NaN"}, "values.total", "total"),
        ({"total": 10**10}, "values.total", "total"),
        ({"total": "1e999999999"}, "values.total", "total"),
        ({"number": 2**63}, "values.number", "number"),
        ({"note": "a\x00b"}, "values.note", "note"),
        ({"total": float("inf")}, "values.total", "total"),
        ({"total": {}}, "values.total", "total"),
        ({"cleared": "perhaps"}, "values.cleared", "cleared"),
        ({"note": {"a": 1}}, "values.note", "note"),
        ({"placed_at": "soon"}, "values.placed_at", "placed_at"),
        ({"placed_at": 5}, "values.placed_at", "placed_at"),
        ({"customer": {"name": "Ann"}}, "values.customer", "customer"),
        ({"customer": "x"}, "values.customer", "customer"),
        ([], "values", "object"),
        (None, "values", "object"),
    ],
)
def test_values_that_do_not_fit(values, field, word):
    with pytest.raises(Invalid, match=word) as caught:
        coerce(Order, values)
    assert caught.value.field == field


def test_many_to_many_values_are_lists_of_keys():
    assert coerce(Group, {"permissions": ["1", {"id": 2}]}).many == {"permissions": [1, 2]}
    with pytest.raises(Invalid) as caught:
        coerce(Group, {"permissions": 5})
    assert caught.value.field == "values.permissions"
