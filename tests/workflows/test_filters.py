from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from config.shop.models import Customer, Line, Order, Product
from executions.models import Execution
from workflows import filters
from workflows.collections import usable
from workflows.errors import Invalid

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def shop():
    """Three customers, four orders, their lines; "o1" to "o4" are the orders' notes."""
    ann = Customer.objects.create(name="Ann 100%", code="A", tier="gold", city="Köln")
    bob = Customer.objects.create(name="bob_by", code="B", tier="silver", city="")
    Customer.objects.create(name="Cid", code=None, tier="gold")
    tea = Product.objects.create(name="Tea", price="2.50", stock=5, discontinued=False)
    jam = Product.objects.create(name="Jam", price="4.00", stock=0, discontinued=True)
    shipped = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)
    o1 = Order.objects.create(customer=ann, number=1, note="o1", total="10.5", shipped_at=shipped)
    o2 = Order.objects.create(customer=ann, number=2, note="o2", total="20", shipped_at=shipped + timedelta(days=40))
    Order.objects.create(customer=bob, number=3, note="o3", total="30", status="paid")
    Order.objects.create(customer=bob, number=None, note="o4", total="0", cleared=True)
    Line.objects.create(order=o1, product=tea, quantity=1, price="2.50")
    Line.objects.create(order=o1, product=tea, quantity=3, price="2.50")
    Line.objects.create(order=o2, product=jam, quantity=3, price="4.00", discount="0.10")


def notes(filter, **options):
    return " ".join(
        Order.objects.filter(filters.to_q(Order, filter, **options)).order_by("id").values_list("note", flat=True)
    )


def names(model, filter, **options):
    return " ".join(
        model.objects.filter(filters.to_q(model, filter, **options)).order_by("id").values_list("name", flat=True)
    )


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, "o1 o2 o3 o4"),
        (None, "o1 o2 o3 o4"),
        ({"note": "o1"}, "o1"),
        ({"note": {}}, "o1 o2 o3 o4"),
        ({"number": None}, "o4"),
        ({"number": [1, 3]}, "o1 o3"),
        ({"number": "2"}, "o2"),
        ({"number": {"$gt": ""}}, ""),
        ({"shipped_at": {"$lte": ""}}, ""),
        ({"number": {"$eq": 1.5}}, ""),
        ({"number": {"$eq": [1, 2]}}, "o1 o2"),
        ({"number": {"$ne": 1}}, "o2 o3 o4"),
        ({"number": {"$ne": None}}, "o1 o2 o3"),
        ({"number": {"$ne": [1, 2]}}, "o3"),
        ({"number": {"$not": 1}}, "o2 o3"),
        ({"number": {"$not": None}}, "o1 o2 o3"),
        ({"number": {"$not": {"$gt": 1}}}, "o1"),
        ({"number": {"$gt": 1}}, "o2 o3"),
        ({"number": {"$gt": 1.5}}, "o2 o3"),
        ({"number": {"$gte": "1.5"}}, "o2 o3"),
        ({"number": {"$lt": 2.5}}, "o1 o2"),
        ({"number": {"$lte": 2.5}}, "o1 o2"),
        ({"number": {"$lt": None}}, ""),
        ({"number": {"$gte": 1, "$lte": 2}}, "o1 o2"),
        ({"number": {"$between": [2, 3]}}, "o2 o3"),
        ({"number": {"$notBetween": [2, 3]}}, "o1"),
        ({"number": {"$in": [1, None]}}, "o1"),
        ({"number": {"$in": 1}}, "o1"),
        ({"number": {"$in": []}}, ""),
        ({"number": {"$in": None}}, ""),
        ({"number": {"$notIn": [1, 2]}}, "o3 o4"),
        ({"number": {"$notIn": []}}, "o1 o2 o3 o4"),
        ({"number": {"$is": None}}, "o4"),
        ({"cleared": {"$is": True}}, "o4"),
        ({"number": {"$null": True}}, "o4"),
        ({"number": {"$null": False}}, "o1 o2 o3"),
        ({"number": {"$empty": True}}, "o4"),
        ({"number": {"$notEmpty": True}}, "o1 o2 o3"),
        ({"number": {"$exists": True}}, "o1 o2 o3"),
        ({"number": {"$notExists": True}}, "o4"),
        ({"total": {"$gt": 10.5}}, "o2 o3"),
        ({"total": "10.5000"}, "o1"),
        ({"total": "10.50001"}, ""),
        ({"total": {"$gte": "10.50001"}}, "o2 o3"),
        ({"total": {"$lt": "10.50001"}}, "o1 o4"),
        ({"total": {"$in": [10.5, "20.00001", 1e99]}}, "o1"),
        ({"total": {"$gt": 1e99}}, ""),
        ({"total": {"$lt": 1e99}}, "o1 o2 o3 o4"),
        ({"total": {"$gt": "-1e99"}}, "o1 o2 o3 o4"),
        ({"number": {"$lte": 10**30}}, "o1 o2 o3"),
        ({"number": {"$in": [1, 10**30]}}, "o1"),
        ({"number": {"$ne": 10**30}}, "o1 o2 o3 o4"),
        ({"number": {"$lte": "1e999999"}}, "o1 o2 o3"),
        ({"cleared": {"$isTruly": True}}, "o4"),
        ({"cleared": {"$isTruly": False}}, "o1 o2 o3"),
        ({"cleared": {"$isFalsy": True}}, "o1 o2 o3"),
        ({"cleared": "true"}, "o4"),
        ({"note": {"$or": [{"$eq": "o1"}, {"$eq": "o4"}]}}, "o1 o4"),
        ({"$or": [{"note": "o1"}, {"number": 3}]}, "o1 o3"),
        ({"$or": []}, "o1 o2 o3 o4"),
        ({"$or": [{}, {"note": "o1"}]}, "o1"),
        ({"$and": [{"total": {"$gt": 5}}, {"status": "new"}]}, "o1 o2"),
        ({"$and": {"note": "o1"}}, "o1"),
        ({"$not": {"number": 1}}, "o2 o3"),
        ({"$not": {"$or": [{"number": 1}, {"number": 2}]}}, "o3"),
        ({"$not": {"number": {"$ne": 1}}}, "o1"),
        ({"$not": {"number": None}}, "o1 o2 o3"),
    ],
)
def test_columns(shop, filter, found):
    assert notes(filter) == found


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"name": {"$includes": "0%"}}, "Ann 100%"),
        ({"name": {"$includes": "_"}}, "bob_by"),
        ({"name": {"$includes": "ANN"}}, "Ann 100%"),
        ({"name": {"$includes": ["ann", "cid"]}}, "Ann 100% Cid"),
        ({"name": {"$notIncludes": ["ann", "cid"]}}, "bob_by"),
        ({"code": {"$includes": None}}, "Cid"),
        ({"code": {"$notIncludes": "a"}}, "bob_by"),
        ({"code": {"$notIncludes": None}}, "Ann 100% bob_by"),
        ({"name": {"$startsWith": "BOB"}}, "bob_by"),
        ({"name": {"$notStartsWith": "BOB"}}, "Ann 100% Cid"),
        ({"name": {"$endWith": "%"}}, "Ann 100%"),
        ({"name": {"$notEndWith": "%"}}, "bob_by Cid"),
        ({"name": {"$like": "Ann%"}}, "Ann 100%"),
        ({"name": {"$like": "_nn 1__\\%"}}, "Ann 100%"),
        ({"name": {"$iLike": "%BY"}}, "bob_by"),
        ({"name": {"$notILike": "%b%"}}, "Ann 100% Cid"),
        ({"name": {"$regexp": "^[AB]"}}, "Ann 100%"),
        ({"name": {"$iRegexp": "^[AB]"}}, "Ann 100% bob_by"),
        ({"city": {"$empty": True}}, "bob_by Cid"),
        ({"code": {"$empty": True}}, "Cid"),
        ({"code": {"$notEmpty": True}}, "Ann 100% bob_by"),
        ({"name": 7}, ""),
    ],
)
def test_text(shop, filter, found):
    assert names(Customer, filter) == found


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"customer": {"tier": "gold"}}, "o1 o2"),
        ({"customer.tier": "gold"}, "o1 o2"),
        ({"customer.tier.$includes": "OL"}, "o1 o2"),
        ({"customer.tier.$ne": "gold"}, "o3 o4"),
        ({"customer": {"$or": [{"tier": "gold"}, {"code": "B"}]}}, "o1 o2 o3 o4"),
        ({"lines.quantity": 3}, "o1 o2"),
        ({"lines": {"quantity": 3, "product.name": "Tea"}}, "o1"),
        ({"lines.quantity": 1, "lines.price": 2.5}, "o1"),
        ({"lines.quantity": 1, "lines.price": 4}, ""),
        ({"$and": [{"lines.quantity": 1}, {"lines.quantity": 3}]}, "o1"),
        ({"lines.id.$exists": True}, "o1 o2"),
        ({"lines.$exists": True}, "o1 o2"),
        ({"lines.$notExists": True}, "o3 o4"),
        ({"lines": {"id": {"$notExists": True}}}, "o3 o4"),
        ({"$not": {"lines.id.$exists": True}}, "o3 o4"),
        ({"lines.discount.$ne": 0}, "o2 o3 o4"),
        ({"lines.discount.$not": 0}, "o2"),
        ({"$not": {"lines.quantity": 3}}, "o1"),
        ({"customer.orders.lines.product.name": "Jam"}, "o1 o2"),
        ({"customer.orders": {}}, "o1 o2 o3 o4"),
    ],
)
def test_relations_never_repeat_rows(shop, filter, found):
    assert notes(filter) == found


def test_a_key_may_be_named_by_relation_or_column(shop):
    ann = Customer.objects.get(code="A")
    for filter in (
        {"customer": ann.pk},
        {"customer_id": ann.pk},
        {"customer": {"$in": [ann.pk]}},
        {"customer.id": ann.pk},
    ):
        assert notes(filter) == "o1 o2"
    assert str(Order.objects.filter(filters.to_q(Order, {"customer": ann.pk})).query).count("JOIN") == 0


def test_many_to_many():
    staff, other = Group.objects.create(name="staff"), Group.objects.create(name="other")
    staff.permissions.set(Permission.objects.filter(codename__in=["add_order", "change_order"]))
    assert names(Group, {"permissions.codename.$startsWith": "add"}) == staff.name
    assert names(Group, {"permissions.$notExists": True}) == other.name
    assert Permission.objects.filter(filters.to_q(Permission, {"group.name": "staff"})).count() == 2


@pytest.mark.parametrize(
    ("operand", "operator", "found"),
    [
        ("2024-01-01", "$dateOn", "o1"),
        ("2024-01-02", "$dateOn", ""),
        ("2024-01-02+08:00", "$dateOn", "o1"),
        ("2024", "$dateOn", "o1 o2"),
        ("2024Q1", "$dateOn", "o1 o2"),
        ("2024-02", "$dateOn", "o2"),
        ("2024W01", "$dateOn", "o1"),
        ("2024w01", "$dateOn", "o1"),
        ("2024W07", "$dateOn", ""),
        ("2024W06", "$dateOn", "o2"),
        ("2024w06", "$dateOn", "o2"),
        ("2024-01-01 23", "$dateOn", "o1"),
        ("2024-01-01T23:30", "$dateOn", "o1"),
        ("2024-01-01T23:31", "$dateOn", ""),
        ("2024-01-01T23:30:00", "$dateOn", "o1"),
        ("2024-01-01T23:30:00.000", "$dateOn", "o1"),
        ("2024-01-01T23:30:00.000Z", "$dateOn", "o1"),
        ("2024-01-01", "$dateNotOn", "o2"),
        ("2024-01-01T23:30:00Z", "$dateNotOn", "o2"),
        ("2024-01-02", "$dateBefore", "o1"),
        ("2024-01-01", "$dateBefore", ""),
        ("2024-01-01", "$dateNotBefore", "o1 o2"),
        ("2024-01-01", "$dateAfter", "o2"),
        ("2024-01-01T23:30:00Z", "$dateAfter", "o2"),
        ("2024-01-01", "$dateNotAfter", "o1"),
        ("2024-01-01T23:30:00Z", "$dateNotAfter", "o1"),
        (["2024-01-01", "2024-02-10"], "$dateBetween", "o1 o2"),
        (["2024-01-02", "2024-02-10"], "$dateBetween", "o2"),
        ("[2024-01-01,2024-02-10)", "$dateBetween", "o1"),
        ("(2024-01-01,2024-02-10]", "$dateBetween", "o2"),
        ("[2024-01-02,2024-01-02]+08:00", "$dateBetween", "o1"),
        (["2024-01-01T23:30:00Z", "2024-02-10T23:30:00Z"], "$dateBetween", "o1"),
        (["2024-01-02", "2024-01-02", "[)", "+08:00"], "$dateBetween", ""),
        (["2024-01-01", "2024-02-10"], "$dateOn", "o1 o2"),
        (None, "$dateOn", ""),
        ({"type": "today"}, "$dateOn", ""),
        ({"type": "today"}, "$dateBefore", "o1 o2"),
        ({"type": "past", "number": 100, "unit": "year"}, "$dateOn", "o1 o2"),
        ({"type": "next", "number": 2, "unit": "week"}, "$dateBefore", "o1 o2"),
    ],
)
def test_dates(shop, operand, operator, found):
    assert notes({"shipped_at": {operator: operand}}) == found


def test_dates_without_an_offset_are_in_the_given_zone(shop):
    assert notes({"shipped_at.$dateOn": "2024-01-02"}, tz=SHANGHAI) == "o1"
    assert notes({"shipped_at.$dateOn": "2024-01-01"}, tz=SHANGHAI) == ""


@pytest.mark.parametrize(
    ("condition", "shanghai", "utc"),
    [
        ({"$gte": "2024-01-02T07:30:00"}, "o1 o2", "o2"),
        ({"$lt": "2024-01-02"}, "", "o1"),
        ({"$between": ["2024-01-02", "2024-01-03"]}, "o1", ""),
        ({"$in": ["2024-01-02 07:30"]}, "o1", ""),
        ("2024-01-02 07:30", "o1", ""),
    ],
)
def test_moments_without_an_offset_are_in_the_given_zone(shop, condition, shanghai, utc):
    assert notes({"shipped_at": condition}, tz=SHANGHAI) == shanghai
    with timezone.override(SHANGHAI):
        assert notes({"shipped_at": condition}, tz=UTC) == utc


def test_instants_compare_as_instants(shop):
    assert notes({"shipped_at": "2024-01-02T07:30:00+08:00"}) == "o1"
    assert notes({"shipped_at": {"$gt": "2024-01-02T07:30:00+08:00"}}) == "o2"


@pytest.fixture
def runs():
    made = {"key": "k", "title": "t", "version": 1, "type": "manual", "queue": "q"}
    now = datetime(2024, 1, 1, tzinfo=UTC)
    for number, (context, tags) in enumerate(
        [
            ({"data": {"id": 1, "name": "Ann", "ok": True}}, ["red", "blue"]),
            ({"data": {"id": 20, "name": "Bob", "gone": None}}, ["red"]),
            (None, []),
            ({"data": {"items": [{"sku": "x"}]}}, [1, True, "1"]),
        ]
    ):
        Execution.objects.create(name=f"r{number}", context=context, tags=tags, created_at=now, updated_at=now, **made)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"context.data.id": 1}, "r0"),
        ({"context": {"data": {"id": {"$gt": 1}}}}, "r1"),
        ({"context.data.name.$includes": "NN"}, "r0"),
        ({"context.data.name.$in": ["Ann", "Bob"]}, "r0 r1"),
        ({"context.data.ok": True}, "r0"),
        ({"context.data.items.0.sku": "x"}, "r3"),
        ({"context.data.gone": None}, "r0 r1 r2 r3"),
        ({"context.data.id.$ne": 1}, "r1 r2 r3"),
        ({"context.data.id.$notExists": True}, "r2 r3"),
        ({"context": None}, "r2"),
        ({"tags": {"$anyOf": ["blue", "green"]}}, "r0"),
        ({"tags": {"$anyOf": "red"}}, "r0 r1"),
        ({"tags": {"$anyOf": [1]}}, "r3"),
        ({"tags": {"$noneOf": ["red"]}}, "r2 r3"),
        ({"tags": {"$match": ["blue", "red"]}}, "r0"),
        ({"tags": {"$match": ["red"]}}, "r1"),
        ({"tags": {"$notMatch": ["red"]}}, "r0 r2 r3"),
        ({"tags": {"$arrayEmpty": True}}, "r2"),
        ({"tags": {"$arrayNotEmpty": True}}, "r0 r1 r3"),
        ({"tags": {"$empty": True}}, "r2"),
    ],
)
def test_json_columns(runs, filter, found):
    assert names(Execution, filter) == found


@pytest.mark.parametrize(
    ("filter", "field", "word"),
    [
        ([], "filter", "object"),
        ("x", "filter", "object"),
        ({"nope": 1}, "filter.nope", "customer"),
        ({"customer.nope": 1}, "filter.customer.nope", "tier"),
        ({"number": {"$nope": 1}}, "filter.number.$nope", "$gt"),
        ({"number.$nope": 1}, "filter.number.$nope", "$gt"),
        ({"$gt": 1}, "filter.$gt", "column"),
        ({"lines": {"$exists": True}}, "filter.lines", "lines.id"),
        ({"lines": 5}, "filter.lines", "lines.id"),
        ({"number": {"x": 1}}, "filter.number.x", "behind"),
        ({"number": "abc"}, "filter.number", "number"),
        ({"number": {"$gt": "abc"}}, "filter.number.$gt", "number"),
        ({"number": {"$between": [1]}}, "filter.number.$between", "pair"),
        ({"shipped_at": {"$dateOn": "soon"}}, "filter.shipped_at.$dateOn", "soon"),
        ({"shipped_at": {"$dateOn": "2024-13"}}, "filter.shipped_at.$dateOn", "2024-13"),
        ({"shipped_at": {"$dateOn": {"type": "someday"}}}, "filter.shipped_at.$dateOn", "someday"),
        ({"number": {"$dateOn": "2024"}}, "filter.number.$dateOn", "date"),
        ({"number": {"$isTruly": True}}, "filter.number.$isTruly", "true"),
        ({"number": {"$anyOf": [1]}}, "filter.number.$anyOf", "list"),
        ({"note": {"$includes": {"a": 1}}}, "filter.note.$includes", "ext"),
        ({"note": "a\x00"}, "filter.note", "note"),
        ({"note": {"$in": ["\ud800"]}}, "filter.note.$in", "note"),
        ({"shipped_at": "9999-12-31T23:59:59-12:00"}, "filter.shipped_at", "shipped_at"),
        ({"shipped_at": {"$dateOn": "9999"}}, "filter.shipped_at.$dateOn", "9999"),
        ({"note": {"$regexp": "("}}, "filter.note.$regexp", "expression"),
        ({"note": {"$like": "%" * 500}}, "filter.note.$like", "200"),
        ({"$or": 5}, "filter.$or", "list"),
        ({"$or": [{"note": 1}, {"nope": 1}]}, "filter.$or.1.nope", "note"),
        ({"$not": {"nope": 1}}, "filter.$not.nope", "note"),
    ],
)
def test_bad_filters_name_the_path_and_what_exists(filter, field, word):
    with pytest.raises(Invalid) as caught:
        filters.to_q(Order, filter)
    assert caught.value.field == field
    assert word in str(caught.value)


@pytest.mark.parametrize("key", ["in", "contains", "a__b", ""])
def test_json_keys_that_django_would_misread(key):
    with pytest.raises(Invalid, match="JSON"):
        filters.to_q(Execution, {"context": {key: 1}})


def test_too_deep_and_too_many():
    deep = {"number": 1}
    for _ in range(2000):
        deep = {"$and": [deep]}
    for filter in (deep, {"$or": [{"number": 1}] * 1000}):
        with pytest.raises(Invalid):
            filters.to_q(Order, filter)


def test_sensitive_columns_and_models_out_of_reach_are_unknown():
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth import get_user_model

    with pytest.raises(Invalid, match="password"):
        filters.to_q(get_user_model(), {"password.$startsWith": "pbkdf2"})
    assert filters.to_q(LogEntry, {"user.username": "ann"})
    with pytest.raises(Invalid, match="user"):
        filters.to_q(LogEntry, {"user.username": "ann"}, reach=usable)


def test_names_may_be_translated(shop):
    snake = {"shippedAt": "shipped_at"}
    assert notes({"shippedAt.$exists": True}, rename=lambda model, name: snake.get(name, name)) == "o1 o2"


@pytest.mark.parametrize(
    "filter",
    [
        "{{$context.filter}}",
        {"number": "{{$context.n}}"},
        {"number": {"$gt": "{{$context.n}}", "$in": ["{{$context.n}}"]}},
        {"shipped_at": {"$dateOn": {"type": "past", "number": "{{$context.n}}", "unit": "day"}}},
        {"{{$context.column}}": 1},
        {"$or": "{{$context.filters}}"},
    ],
)
def test_templates_are_taken_for_granted_when_asked_to(filter):
    filters.to_q(Order, filter, templates=True)


@pytest.mark.parametrize("filter", [{"nope": "{{x}}"}, {"number": {"$nope": "{{x}}"}}, {"number": {"$gt": "abc"}}])
def test_what_stands_beside_templates_is_checked(filter):
    with pytest.raises(Invalid):
        filters.to_q(Order, filter, templates=True)


@pytest.mark.parametrize(
    ("filter", "empty"),
    [
        (None, True),
        ({}, True),
        ({"$and": []}, True),
        ({"$or": [{}, {"$and": [{}]}]}, True),
        ({"customer": {"$and": []}}, True),
        ({"$not": {}}, True),
        ({"number": None}, False),
        ({"number": {"$in": []}}, False),
        ({"$and": [{"number": 1}]}, False),
    ],
)
def test_is_empty(filter, empty):
    assert filters.is_empty(filter) is empty


@pytest.mark.parametrize(
    ("name", "column"), [("total", "total"), ("customer.name", "customer__name"), ("customer_id", "customer_id")]
)
def test_order_column(name, column):
    assert filters.order_column(Order, name) == column


@pytest.mark.parametrize("name", ["nope", "lines.quantity", "lines", "customer.nope", ""])
def test_order_column_unknown(name):
    with pytest.raises(Invalid) as caught:
        filters.order_column(Order, name)
    assert caught.value.field == "sort"
