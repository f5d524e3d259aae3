from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core import serializers
from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.signals import post_delete, post_save, pre_save

from config.shop.models import Customer, Line, Order, Product
from workflows import ambient, track, versions
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import get_trigger, listening
from workflows.triggers.firing import RollbackOnFailure

pytestmark = pytest.mark.django_db


def product(**values):
    return Product.objects.create(**{"name": "Tea", "price": "2.50", "stock": 5, **values})


@pytest.fixture
def order():
    customer = Customer.objects.create(name="Ann", tier="gold")
    return Order.objects.create(customer=customer, number=1, total="10.50")


@pytest.mark.parametrize(("mode", "count"), [(1, 1), (2, 1), (3, 2), (4, 1)])
def test_modes(fired, listen, mode, count):
    listen(mode=mode)
    row = product()
    row.stock = 4
    row.save()
    row.delete()
    assert len(fired.calls) == count


def test_the_context_is_the_row_as_json(fired, listen):
    listen(mode=1)
    row = product(price=Decimal("2.50"))
    expected = {
        "id": row.pk,
        "number": None,
        "name": "Tea",
        "price": 2.5,
        "stock": 5,
        "reorder_level": 0,
        "discontinued": False,
    }
    assert fired.data == [expected]
    assert fired.calls[0][0].using == "default"


def test_text_that_was_assigned_is_shown_as_the_row_holds_it(fired, listen, order):
    listen("shop.Line", mode=1)
    Line.objects.create(order=order, product=product(), quantity=2, price="2.50", discount="0.10")
    assert fired.data[0]["price"] == 2.5
    assert fired.data[0]["amount"] == 4.5
    assert fired.data[0]["order_id"] == order.pk


def test_case_216_a_deleted_row_is_shown_as_it_was(fired, listen):
    listen(mode=4, condition={"name": "never"})
    row = product()
    pk = row.pk
    row.delete()
    assert fired.data[0]["id"] == pk


def test_expressions_are_shown_as_the_database_computed_them(fired, listen):
    row = product()
    listen(mode=2, changed=["stock"])
    row.stock = F("stock") - 1
    row.save()
    assert fired.data[0]["stock"] == 4


def test_deferred_columns_cost_one_query(fired, listen, django_assert_num_queries):
    product()
    listen(mode=2)
    row = Product.objects.only("stock").get()
    with django_assert_num_queries(2):
        row.save(update_fields=["stock"])
    assert fired.data[0]["name"] == "Tea"


def test_appends(fired, listen, order):
    listen("shop.Line", mode=1, appends=["order.customer", "product"])
    Line.objects.create(order=order, product=product(), price=1)
    (row,) = fired.data
    assert row["order"]["customer"]["tier"] == "gold"
    assert row["product"]["name"] == "Tea"


def test_appended_lists(fired, listen, order):
    Line.objects.create(order=order, product=product(), price=1)
    listen("shop.Order", mode=2, appends=["lines.product"])
    order.save()
    assert [line["product"]["name"] for line in fired.data[0]["lines"]] == ["Tea"]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (None, 1),
        ({}, 1),
        ({"$and": [{"$or": []}]}, 1),
        ({"stock": {"$lt": 6}}, 1),
        ({"stock": {"$lt": 5}}, 0),
        ({"lines.id.$exists": True}, 0),
    ],
)
def test_case_217_condition(fired, listen, condition, count):
    listen(condition=condition)
    product()
    assert len(fired.calls) == count


@pytest.mark.parametrize(
    ("changed", "values", "count"),
    [
        (["stock"], {"stock": 4}, 1),
        (["stock"], {"stock": 5}, 0),
        (["stock"], {"stock": "5"}, 0),
        (["stock"], {"name": "Jam"}, 0),
        (["stock", "name"], {"name": "Jam"}, 1),
        (["price"], {"price": "2.5"}, 0),
        (["price"], {"price": "2.51"}, 1),
        (["lines"], {"stock": 4}, 0),
        ([], {}, 1),
    ],
)
def test_case_214_changed(fired, listen, changed, values, count):
    row = product()
    listen(mode=2, changed=changed)
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    assert len(fired.calls) == count


def test_case_213_changed_ignores_creations(fired, listen):
    listen(mode=3, changed=["stock"])
    product()
    assert len(fired.calls) == 1


def test_changed_reads_only_what_is_saved(fired, listen, django_assert_num_queries):
    row = product()
    listen(mode=2, changed=["stock"])
    row.stock = 1
    with django_assert_num_queries(1):
        row.save(update_fields=["name"])
    with django_assert_num_queries(2):
        row.save(update_fields=["stock"])
    assert len(fired.calls) == 1


@pytest.mark.parametrize("name", ["customer", "customer_id"])
def test_changed_compares_the_key_of_a_relation(fired, listen, order, name):
    listen("shop.Order", mode=2, changed=[name])
    order.customer = Customer.objects.get(pk=order.customer_id)
    order.save()
    assert fired.calls == []
    order.customer = Customer.objects.create(name="Bob")
    order.save()
    assert len(fired.calls) == 1


def test_case_215_the_same_instant_in_another_zone_is_unchanged(fired, listen, order):
    listen("shop.Order", mode=2, changed=["placed_at"])
    order.placed_at = datetime(2024, 1, 1, 12, tzinfo=UTC)
    order.save()
    order.placed_at = datetime(2024, 1, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    order.save()
    assert len(fired.calls) == 1


def test_relations_count_as_changed_by_their_key_only(fired, listen, order):
    listen("shop.Order", mode=2, changed=["lines"])
    order.total = 1
    order.save()
    assert fired.calls == []


def test_disabled_workflows_and_other_models_do_not_fire(fired, listen):
    workflow = listen()
    listen("shop.Customer")
    versions.disable(workflow)
    product()
    assert fired.calls == []


def test_a_changed_configuration_listens_elsewhere(fired, listen):
    workflow = listen()
    versions.change_workflow(workflow, config={"collection": "shop.Customer", "mode": 1})
    product()
    assert fired.calls == []
    Customer.objects.create(name="Ann")
    assert len(fired.calls) == 1


def test_case_219_silent_writes_do_not_fire(fired, listen):
    listen(mode=3)
    listen(mode=4)
    with ambient.skip_workflows():
        product().delete()
    assert fired.calls == []


def test_fixtures_do_not_fire(fired, listen):
    text = serializers.serialize("json", [Product(pk=7, name="Tea", price=1)])
    listen()
    for item in serializers.deserialize("json", text):
        item.save()
    assert Product.objects.filter(pk=7).exists()
    assert fired.calls == []


def test_bulk_writes_do_not_fire(fired, listen):
    listen(mode=3)
    listen(mode=4)
    Product.objects.bulk_create([Product(name="Tea", price=1)])
    Product.objects.update(stock=1)
    Product.objects.all().delete()
    assert fired.calls == []


def test_rows_that_go_with_a_deleted_one_fire(fired, listen, order):
    listen("shop.Order", mode=4)
    order.customer.delete()
    assert len(fired.calls) == 1


def test_a_save_that_nobody_listens_to_costs_nothing(fired, listen, django_assert_num_queries):
    listen("shop.Customer")
    row = product()
    with django_assert_num_queries(1):
        row.save()
    receivers = [signal.has_listeners(Product) for signal in (pre_save, post_save, post_delete)]
    assert receivers == [False, False, False]


def test_a_save_that_fires_costs_nothing_but_its_run(fired, listen, django_assert_num_queries):
    row = product()
    listen()
    with django_assert_num_queries(1):
        row.save()
    assert len(fired.calls) == 1


def test_all_async_workflows_of_a_save_are_one_dispatch(fired, listen):
    for title in ("a", "b", "c"):
        listen(title=title)
    product()
    assert fired.titles == [["a", "b", "c"]]


@pytest.mark.postgres
@pytest.mark.mariadb
def test_sync_workflows_follow_one_by_one(fired, listen):
    for title, sync in (("s1", True), ("a", False), ("s2", True)):
        listen(title=title, sync=sync)
    product()
    assert fired.titles == [["a"], ["s1"], ["s2"]]


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("status", "nothing", "rollback", "undone"),
    [
        (1, False, True, False),
        (0, False, True, False),
        (-1, False, True, True),
        (1, True, True, True),
        (-2, False, False, False),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_rollback_on_failure(fired, listen, status, nothing, rollback, undone):
    listen(sync=True, rollbackOnFailure=rollback)
    fired.status, fired.nothing = status, nothing
    if undone:
        with pytest.raises(RollbackOnFailure) as caught:
            product()
        assert (caught.value.code, caught.value.status) == ("WORKFLOW_ROLLBACK_ON_FAILURE", 422)
    else:
        product()
    assert Product.objects.exists() is not undone


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
def test_who_catches_the_failure_inside_a_transaction_commits_nothing(fired, listen):
    listen(sync=True, rollbackOnFailure=True)
    fired.status = -1
    with transaction.atomic():
        Customer.objects.create(name="Ann")
        with pytest.raises(RollbackOnFailure):
            product()
    assert not Product.objects.exists()
    assert not Customer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sync_workflows_run_in_the_context_of_the_save_inside_it_or_on_sqlite_after_its_commit(fired, listen):
    late = connection.vendor == "sqlite"
    # Too late to undo anything there.
    listen(sync=True, rollbackOnFailure=late)
    seen = []
    fired.during = lambda events: seen.append((connection.in_atomic_block, ambient.stack()))
    fired.status = -1
    with transaction.atomic():
        with ambient.inside(((1, 2),)):
            product()
        assert len(seen) == (0 if late else 1)
    assert seen == [(not late, ((1, 2),))]
    assert Product.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_row_and_run_are_one_commit(fired, listen):
    """Without a transaction of the caller's, too."""
    listen()
    fired.during = lambda events: 1 / 0
    with pytest.raises(ZeroDivisionError):
        product()
    assert not Product.objects.exists()
    seen = []
    fired.during = lambda events: seen.append(connection.in_atomic_block)
    product()
    assert seen == [True]


@pytest.fixture
def relatives_are_forgotten():
    """What a test derives from Product is unknown to Django after it."""
    yield
    for name in ("tea", "wine"):
        apps.all_models["shop"].pop(name, None)
    apps.clear_cache()


@pytest.mark.usefixtures("relatives_are_forgotten")
def test_saves_and_deletes_of_proxies_are_the_models(fired, listen):
    class Tea(Product):
        class Meta:
            proxy = True
            app_label = "shop"

    listen(mode=3)
    listen(mode=4)
    Tea.objects.create(name="Green", price=1).delete()
    with track(Tea):
        Tea.objects.bulk_create([Tea(name="Black", price=1)])
        Tea.objects.all().delete()
    assert [row["name"] for row in fired.data] == ["Green", "Green", "Black", "Black"]


@pytest.mark.usefixtures("relatives_are_forgotten")
def test_a_workflow_of_a_proxy_is_for_what_is_written_through_it(fired, listen, settings):
    class Tea(Product):
        class Meta:
            proxy = True
            app_label = "shop"

    settings.SLUICE = {"MODELS": ["*", "shop.Tea"]}
    listen("shop.Tea", mode=3)
    Product.objects.create(name="Rice", price=1)
    Tea.objects.create(name="Green", price=1)
    assert [row["name"] for row in fired.data] == ["Green"]


@pytest.fixture
def wine(transactional_db, relatives_are_forgotten):
    """A child of Product with a table of its own, and a proxy of the child."""

    class Wine(Product):
        year = models.IntegerField(default=2000)

        class Meta:
            app_label = "shop"

    with connection.schema_editor() as editor:
        editor.create_model(Wine)
    yield Wine
    with connection.schema_editor() as editor:
        editor.delete_model(Wine)


def test_saves_and_deletes_of_children_are_the_models(fired, listen, wine):
    listen(mode=3)
    listen(mode=4)
    wine.objects.create(name="Red", price=1).delete()
    assert [(row["name"], "year" in row) for row in fired.data] == [("Red", False), ("Red", False)]


def test_the_workflows_of_parent_and_child_fire_once_each(fired, listen, wine):
    for collection in ("shop.Product", "shop.Wine"):
        listen(collection, mode=3, title=collection, changed=["name"])
        listen(collection, mode=4, title=f"gone {collection}")
    row = wine.objects.create(name="Red", price=1)
    row.year = 1999
    row.save()
    row.name = "White"
    row.save()
    row.delete()
    both = ["shop.Product", "shop.Wine"]
    assert [sorted(titles) for titles in fired.titles[:2]] == [both, both]
    assert sorted(title for titles in fired.titles[2:] for title in titles) == [f"gone {each}" for each in both]


def test_a_parent_saved_alone_is_no_save_of_its_child(fired, listen, wine):
    listen("shop.Wine", mode=3)
    row = wine.objects.create(name="Red", price=1)
    row.product_ptr.save()
    assert len(fired.calls) == 1


def test_a_parent_that_is_deleted_takes_its_child_along(fired, listen, wine):
    listen(mode=4, title="parent")
    listen("shop.Wine", mode=4, title="child")
    row = wine.objects.create(name="Red", price=1)
    Product.objects.get(pk=row.pk).delete()
    assert sorted(title for titles in fired.titles for title in titles) == ["child", "parent"]


@pytest.mark.parametrize("tracked", [True, False])
def test_bulk_writes_of_children_are_the_models(fired, listen, wine, tracked):
    listen(mode=3, changed=["stock"])
    listen(mode=4)
    wine.objects.create(name="Red", price=1)
    fired.calls.clear()
    with track(wine) if tracked else nullcontext():
        wine.objects.update(stock=7)
        wine.objects.update(year=1)
        wine.objects.all().delete()
    assert [row["stock"] for row in fired.data] == [7, 7] * tracked


def test_models_left_out_by_the_settings_are_not_listened_to(fired, listen, settings):
    listen()
    settings.SLUICE = {"MODELS": ["*", "-shop.Product"]}
    Workflow.objects.update(title="read anew")
    listening.refresh(force=True)
    product()
    Group.objects.create(name="g")
    assert fired.calls == []


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"mode": 5}, "mode"),
        ({"mode": 1}, "collection"),
        ({"collection": "shop.Nope"}, "collection"),
        ({"collection": "nope"}, "collection"),
        ({"collection": "auth.User"}, "collection"),
        ({"collection": "nope:shop.Order"}, "collection"),
        ({"collection": "shop.Order", "mode": 1, "changed": ["total"]}, "changed"),
        ({"collection": "shop.Order", "mode": 2, "changed": ["total", "nope"]}, "changed.1"),
        ({"collection": "shop.Order", "mode": 4, "appends": ["lines"]}, "appends"),
        ({"collection": "shop.Order", "appends": ["lines", "lines.nope"]}, "appends.1"),
        ({"collection": "shop.Order", "condition": {"nope": 1}}, "condition.nope"),
        ({"collection": "shop.Order", "condition": []}, "condition"),
    ],
)
def test_case_226_bad_configurations_are_refused(config, field):
    trigger = get_trigger("collection")
    with pytest.raises(Invalid) as caught:
        trigger.check(trigger.parse(config))
    assert field in caught.value.errors


@pytest.mark.parametrize(
    "config",
    [
        {"collection": "shop.Order"},
        {"collection": "main:shop.order", "mode": None, "changed": None, "appends": None, "rollbackOnFailure": None},
        {"collection": "default:shop.Order", "mode": 3, "changed": ["total", "lines", "customer"]},
    ],
)
def test_case_226_good_configurations(config):
    trigger = get_trigger("collection")
    trigger.check(trigger.parse(config))


def test_without_a_mode_it_listens_to_nothing(fired, listen):
    listen(mode=None)
    product()
    assert fired.calls == []


def by_hand(values, **config):
    trigger = get_trigger("collection")
    return trigger.manual_context(trigger.parse({"collection": "shop.Order", "mode": 1, **config}), values)


def test_by_hand_with_a_key(order):
    assert by_hand({"data": order.pk})["data"]["number"] == 1
    assert by_hand({"data": str(order.pk)}, appends=["customer"])["data"]["customer"]["name"] == "Ann"


def test_by_hand_with_a_row(order):
    row = {"id": order.pk, "note": "as given"}
    assert by_hand({"data": row}) == {"data": row}
    assert by_hand({"data": row}, appends=["customer"])["data"]["note"] == ""
    assert by_hand({"data": {"note": "unsaved"}}) == {"data": {"note": "unsaved"}}


@pytest.mark.parametrize(("condition", "meets"), [({"number": 1}, True), ({"number": 2}, False)])
def test_case_224_by_hand_the_condition_counts(order, condition, meets):
    assert (by_hand({"data": order.pk}, condition=condition) is not None) is meets


@pytest.mark.parametrize("values", [None, {}, {"data": None}, [], {"data": "x"}, {"data": 10**9}])
def test_by_hand_a_row_is_needed(values):
    with pytest.raises(Invalid) as caught:
        by_hand(values)
    assert caught.value.field == "data"
