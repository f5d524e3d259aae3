from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from config.shop.models import Customer, Order
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.create import Create
from workflows.statuses import JobStatus


def config(collection="shop.Order", appends=(), **values):
    return {"collection": collection, "params": {"values": values, "appends": list(appends)}}


@pytest.fixture
def customer(db):
    return Customer.objects.create(name="Ann")


def test_a_row_is_saved_and_is_the_result(make_step, customer):
    values = {"customer": "{{$context.id}}", "total": "{{$context.total}}", "note": "for {{$context.id}}"}
    step = make_step(Create, config(**values), scope={"$context": {"id": customer.pk, "total": 10.5}})
    outcome = Create().run(step)
    order = Order.objects.get()
    assert (order.customer, order.total, order.note) == (customer, Decimal("10.5"), f"for {customer.pk}")
    assert outcome.status == JobStatus.RESOLVED
    assert (outcome.result["id"], outcome.result["total"], outcome.result["status"]) == (order.pk, 10.5, "new")
    assert outcome.input["params"]["values"]["customer"] == customer.pk


def test_appends_are_read_again(make_step, customer):
    outcome = Create().run(make_step(Create, config(customer=customer.pk, appends=["customer"])))
    assert outcome.result["customer"]["name"] == "Ann"


def test_relations_to_many_are_set(make_step, db, settings):
    settings.SLUICE = {"MODELS": ["auth.Group", "auth.Permission"]}
    keys = list(Permission.objects.values_list("pk", flat=True)[:2])
    outcome = Create().run(make_step(Create, config("auth.Group", ["permissions"], name="g", permissions=keys)))
    assert sorted(item["id"] for item in outcome.result["permissions"]) == sorted(keys)


def test_a_taken_key_overwrites_nothing(make_step, customer):
    with pytest.raises(IntegrityError), transaction.atomic():
        Create().run(make_step(Create, config("shop.Customer", id=customer.pk, name="Eve")))
    assert Customer.objects.get().name == "Ann"


def test_the_database_refuses_what_is_missing(make_step, db):
    with pytest.raises(IntegrityError), transaction.atomic():
        Create().run(make_step(Create, config()))


@pytest.mark.parametrize(
    ("values", "field"),
    [({"total": "{{$context.x}}"}, "params.values.total"), ({"{{$context.name}}": 1}, "params.values.nope")],
)
def test_values_that_do_not_fit_once_rendered(make_step, values, field):
    with pytest.raises(Invalid) as caught:
        Create().run(make_step(Create, config(**values), scope={"$context": {"x": "much", "name": "nope"}}))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "collection"),
        ({"collection": "shop.Nope"}, "collection"),
        ({"collection": "auth.User"}, "collection"),
        (config(nope=1), "params.values.nope"),
        (config(number="x"), "params.values.number"),
        (config(appends=["nope"]), "params.appends.0"),
        ({"collection": "shop.Order", "params": {"values": []}}, "params.values"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(raw, field):
    with pytest.raises(Invalid) as caught:
        Create().check(Create().parse(raw))
    assert field in caught.value.errors


def test_a_good_configuration():
    parsed = Create().parse(config(customer="{{$context.id}}", number="{{$context.n}}", total=5))
    Create().check(parsed)
    assert Create().written_models(parsed) == [("shop.Order", "add")]
    assert Create().effect_of(parsed) is Effect.TRANSACTIONAL


class Elsewhere:
    """Keeps the shop on another database."""

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == "shop" else None


def test_a_model_of_another_database_makes_the_step_external(settings):
    settings.DATABASE_ROUTERS = [Elsewhere()]
    parsed = Create().parse(config())
    assert Create().effect_of(parsed) is Effect.EXTERNAL
    assert Create().on_lost_of(parsed) == "error"


@pytest.mark.django_db(transaction=True)
def test_performing_is_one_transaction(make_step):
    customer = Customer.objects.create(name="Ann")
    outcome = Create().perform(make_step(Create, config(customer=customer.pk)))
    assert Order.objects.get().pk == outcome.result["id"]
    assert Create().input_of(make_step(Create, config(customer=1)))["params"]["values"] == {"customer": 1}


def test_sensitive_values_are_masked_in_the_input(make_step, db, monkeypatch):
    monkeypatch.setattr(Customer, "sluice_sensitive", ("email",), raising=False)
    outcome = Create().run(make_step(Create, config("shop.Customer", name="Ann", email="a@example.org")))
    assert outcome.input["params"]["values"] == {"name": "Ann", "email": "******"}
    assert Customer.objects.get().email == "a@example.org"


def test_a_row_that_is_refused_leaves_what_was_rendered(make_step, db):
    step = make_step(Create, config(total="{{$context.total}}"), scope={"$context": {"total": "much"}})
    with pytest.raises(Invalid):
        Create().run(step)
    assert step.input == {"collection": "shop.Order", "params": {"values": {"total": "much"}, "appends": []}}
