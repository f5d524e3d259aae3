import pytest
from django.db.models import ProtectedError

from config.shop.models import Customer, Line, Order, Product
from workflows.errors import Invalid
from workflows.instructions.destroy import Destroy


def config(filter, collection="shop.Order"):
    return {"collection": collection, "params": {"filter": filter}}


@pytest.fixture
def order(db):
    order = Order.objects.create(customer=Customer.objects.create(name="Ann"), number=1)
    Line.objects.create(order=order, product=Product.objects.create(name="Tea", price=1), price=1)
    Order.objects.create(customer=order.customer, number=2)
    return order


def test_the_result_counts_rows_of_the_model_alone(make_step, order):
    outcome = Destroy().run(make_step(Destroy, config({"number": "{{$context.n}}"}), scope={"$context": {"n": 1}}))
    assert outcome.result == 1
    assert not Line.objects.exists()
    assert Order.objects.get().number == 2


def test_filters_may_lead_back_to_the_model(make_step, order):
    assert Destroy().run(make_step(Destroy, config({"customer.orders.number": 2}))).result == 2


def test_nothing_met_is_none(make_step, order):
    assert Destroy().run(make_step(Destroy, config({"number": 9}))).result == 0


def test_protected_rows_stay(make_step, order):
    with pytest.raises(ProtectedError):
        Destroy().run(make_step(Destroy, config({"name": "Tea"}, "shop.Product")))
    assert Product.objects.exists()


def test_a_missing_value_deletes_nothing(make_step, order):
    """A path that leads nowhere is null, and the column is never null."""
    assert Destroy().run(make_step(Destroy, config({"id": "{{$context.nope}}"}))).result == 0


def test_a_filter_that_came_out_empty_deletes_nothing(make_step, order):
    with pytest.raises(Invalid):
        Destroy().run(make_step(Destroy, config("{{$context.nope}}")))
    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "collection"),
        ({"collection": "shop.Order"}, "params.filter"),
        (config({}), "params.filter"),
        (config({"nope": 1}), "params.filter.nope"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(raw, field):
    with pytest.raises(Invalid) as caught:
        Destroy().check(Destroy().parse(raw))
    assert field in caught.value.errors


def test_a_good_configuration():
    parsed = Destroy().parse(config({"id": "{{$context.data.id}}"}))
    Destroy().check(parsed)
    assert Destroy().written_models(parsed) == [("shop.Order", "delete")]
