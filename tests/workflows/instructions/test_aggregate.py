from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission

from config.shop.models import Customer, Line, Order, Product
from workflows.errors import Invalid
from workflows.instructions.aggregate import Aggregate
from workflows.jsonable import jsonable


def config(aggregator, field, collection="shop.Order", filter=None, distinct=False, **more):
    params = {"field": field, "filter": filter, "distinct": distinct}
    return {"aggregator": aggregator, "collection": collection, "params": params, **more}


@pytest.fixture
def orders(db):
    ann, bob = Customer.objects.create(name="Ann"), Customer.objects.create(name="Bob")
    return [
        Order.objects.create(customer=customer, number=number, total=total)
        for customer, number, total in [(ann, 1, "0.123"), (ann, 2, "0.456"), (bob, None, "0.456")]
    ]


def result(make_step, raw, **context):
    return jsonable(Aggregate().run(make_step(Aggregate, raw, scope={"$context": context})).result)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(config("sum", "total", filter={"number": {"$lt": 3}}), 0.58, id="177 sum"),
        pytest.param(config("sum", "total", filter={"number": {"$lt": 3}}, precision=-1), 1, id="177 precision -1"),
        pytest.param(config("sum", "total", precision=15), 1.035, id="177 precision 15"),
        pytest.param(config("sum", "total", precision=None), 1.04, id="precision null"),
        pytest.param(config("sum", "total", filter={"number": 9}), 0, id="177 sum of none"),
        pytest.param(config("avg", "number"), 1.5, id="178 avg"),
        pytest.param(config("count", "id", filter={"number": 9}), 0, id="178 count of none"),
        pytest.param(config("count", "id"), 3, id="count"),
        pytest.param(config("count", "number"), 2, id="count of values"),
        pytest.param(config("count", "total", distinct=True), 2, id="count distinct"),
        pytest.param(config("sum", "total", distinct=True, precision=3), 0.579, id="sum distinct"),
        pytest.param(config("min", "total", precision=3), 0.123, id="min"),
        pytest.param(config("max", "total", precision=3, distinct=True), 0.456, id="max"),
        pytest.param(config("max", "customer.name"), "Bob", id="max of text through a relation"),
        pytest.param(config("min", "number", filter={"number": 9}), 0, id="min of none"),
        pytest.param(config("count", "customer_id", distinct=True), 2, id="keys"),
    ],
)
def test_result(make_step, orders, raw, expected):
    assert result(make_step, raw) == expected


def listed(key="{{$context.id}}", name="orders", of="shop.Customer"):
    return {"associated": True, "association": {"associatedCollection": of, "name": name, "associatedKey": key}}


def test_178_over_the_list_of_a_row(make_step, orders):
    raw = config("sum", "total", precision=3, **listed())
    assert result(make_step, raw, id=orders[0].customer_id) == 0.579
    assert result(make_step, raw, id=None) == 0
    assert result(make_step, raw, id=10**9) == 0


def test_over_a_many_to_many_list(make_step, db, settings):
    settings.SLUICE = {"MODELS": ["auth.*"]}
    group = Group.objects.create(name="g")
    group.permissions.set(Permission.objects.all()[:3])
    forward = config("count", "id", "auth.Permission", **listed(name="permissions", of="auth.Group"))
    assert result(make_step, forward, id=group.pk) == 3
    reverse = config("count", "id", "auth.Group", **listed(name="group", of="auth.Permission"))
    assert result(make_step, reverse, id=group.permissions.first().pk) == 1


def test_filters_through_lists_count_rows_once(make_step, orders):
    tea = Product.objects.create(name="Tea", price=1)
    for _ in range(3):
        Line.objects.create(order=orders[0], product=tea, price=1)
    raw = config("sum", "total", filter={"lines.product.name": "Tea"}, precision=3)
    assert result(make_step, raw) == 0.123


def test_sums_are_exact(make_step, orders):
    Order.objects.update(total=Decimal("1234567890.0001"))
    assert result(make_step, config("sum", "total", precision=4)) == 3703703670.0003


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "aggregator"),
        (config("median", "total"), "aggregator"),
        ({"aggregator": "sum", "collection": "shop.Order", "params": {}}, "params.field"),
        (config("sum", "nope"), "params.field"),
        (config("sum", "note"), "params.field"),
        (config("avg", "placed_at"), "params.field"),
        (config("sum", "lines.price"), "params.field"),
        (config("sum", "total", filter={"nope": 1}), "params.filter.nope"),
        (config("sum", "total", precision="x"), "precision"),
        (config("sum", "total", associated=True), "association"),
        (config("sum", "total", **listed(name="nope")), "association.name"),
        (config("sum", "total", **listed(name="customer", of="shop.Order")), "association.name"),
        (config("sum", "total", **listed(name="lines", of="shop.Order")), "association.name"),
        (config("sum", "total", **listed(of="auth.User")), "association.associatedCollection"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(raw, field):
    with pytest.raises(Invalid) as caught:
        Aggregate().check(Aggregate().parse(raw))
    assert field in caught.value.errors


def test_an_association_left_behind_is_ignored():
    Aggregate().check(Aggregate().parse(config("sum", "total", associated=False, association={})))


def test_a_key_that_is_none(make_step, orders):
    with pytest.raises(Invalid) as caught:
        result(make_step, config("count", "id", **listed()), id="x")
    assert caught.value.field == "association.associatedKey"
