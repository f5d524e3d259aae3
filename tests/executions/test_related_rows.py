"""A row's relations to many are written after it: who asks for them gets what its transaction wrote (spec 4.1)."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from config.shop.models import Customer, Line, Order, Product
from executions.models import Execution
from executions.testing import drain
from tests.building import build
from tests.executions.test_tracking import on, rows
from workflows import ambient, track
from workflows.triggers.firing import RollbackOnFailure

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

REFUSE = ("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})


@pytest.fixture(autouse=True)
def groups_may_be_used(settings):
    settings.SLUICE = {**settings.SLUICE, "MODELS": ["*", "auth.Group", "auth.Permission"]}


def ordered(*quantities, customer=None):
    order = Order.objects.create(customer=customer or Customer.objects.create(name="Ann"))
    product = Product.objects.first() or Product.objects.create(name="Tea", price=1)
    for quantity in quantities:
        Line.objects.create(order=order, product=product, quantity=quantity, price=1)
    return order


def quantities(workflow=None):
    return [sorted(line["quantity"] for line in row["lines"]) for row in rows(workflow)]


def permissions(number):
    return list(Permission.objects.order_by("pk")[:number])


def test_many_to_many_as_a_form_saves_it():
    on("auth.Group", mode=1, appends=["permissions"])
    with transaction.atomic():
        Group.objects.create(name="clerks").permissions.set(permissions(2))
    (row,) = rows()
    assert sorted(each["id"] for each in row["permissions"]) == sorted(each.pk for each in permissions(2))


def test_rows_that_point_to_it():
    on("shop.Order", mode=3, appends=["lines.product", "customer"])
    with transaction.atomic():
        ordered(2, 3)
    assert quantities() == [[2, 3]]
    (row,) = rows()
    assert (row["lines"][0]["product"]["name"], row["customer"]["name"]) == ("Tea", "Ann")


def test_each_workflow_is_shown_what_it_asks_for_alone():
    wide, narrow = on("shop.Order", appends=["lines", "customer"]), on("shop.Order", condition={"lines.quantity": 2})
    with transaction.atomic():
        ordered(2)
    assert {"lines", "customer"} <= rows(wide)[0].keys()
    assert not {"lines", "customer"} & rows(narrow)[0].keys()


def test_rows_written_in_bulk_after_it():
    on("shop.Order", mode=1, appends=["lines"])
    with transaction.atomic():
        order = ordered()
        Line.objects.bulk_create([Line(order=order, product=Product.objects.get(), quantity=9, price=1)])
    assert quantities() == [[9]]


def test_columns_are_those_of_the_save_and_relations_those_of_the_commit():
    on("shop.Order", mode=3, appends=["lines"])
    with transaction.atomic():
        order = ordered()
        order.note = "changed"
        order.save()
        Line.objects.create(order=order, product=Product.objects.get(), quantity=4, price=1)
    assert [(row["note"], len(row["lines"])) for row in rows()] == [("", 1), ("changed", 1)]


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ({"lines.quantity": {"$gt": 2}}, True),
        ({"lines": {"product": {"name": "Tea"}}}, True),
        ({"lines.quantity": {"$gt": 9}}, False),
        ({"$or": [{"note": "x"}, {"$not": {"lines.$notExists": True}}]}, True),
        ({"lines.$notExists": True}, False),
    ],
)
def test_conditions_on_them_are_asked_when_they_are_there(condition, fires):
    on("shop.Order", mode=1, condition=condition)
    with transaction.atomic():
        ordered(2, 3)
    assert len(rows()) == fires


def test_others_do_not_wait_for_them():
    on("shop.Order", mode=1, appends=["customer"], condition={"customer.name": "Ann"})
    with transaction.atomic():
        ordered(1)
        assert len(rows()) == 1


@pytest.mark.parametrize("undone", ["transaction", "savepoint", "nothing"])
def test_what_is_rolled_back_tells_nothing(undone):
    on("shop.Order", mode=1, appends=["lines"])
    with transaction.atomic():
        with transaction.atomic():
            ordered(1)
            transaction.set_rollback(undone == "savepoint")
        transaction.set_rollback(undone == "transaction")
    assert len(rows()) == (undone == "nothing")


def test_a_row_that_goes_again_is_told_of_without_relations():
    on("shop.Order", mode=1, appends=["lines", "customer"])
    with transaction.atomic():
        ordered().delete()
    (row,) = rows()
    assert (row["lines"], row["customer"]) == ([], None)


def test_who_saved_and_which_runs_led_here_is_known_still(django_user_model):
    on("shop.Order", mode=1, appends=["lines"])
    ann, bob = (django_user_model.objects.create(username=name) for name in ("ann", "bob"))
    with transaction.atomic():
        for user, stack in ((ann, ()), (bob, ((7, 8),)), (ann, ())):
            with ambient.acting(user), ambient.inside(stack):
                ordered()
    found = Execution.objects.order_by("context__data__id").values_list("created_by_id", "stack")
    assert [(by, [tuple(entry) for entry in stack]) for by, stack in found] == [
        (ann.pk, []),
        (bob.pk, [(7, 8)]),
        (ann.pk, []),
    ]


def test_a_thousand_saves_in_a_transaction_cost_one_query_a_relation(django_assert_max_num_queries):
    on("shop.Order", mode=1, appends=["lines", "customer"])
    ann = Customer.objects.create(name="Ann")
    counts = []
    for number in (1, 1, 40):
        with django_assert_max_num_queries(100) as queries, transaction.atomic():
            for _ in range(number):
                Order.objects.create(customer=ann)
        counts.append(len(queries) - number)
    # The first reads the graph.
    assert counts[1] == counts[2] <= 6


def test_tracked_bulk_writes_see_what_follows_them():
    on("shop.Order", mode=1, appends=["lines"])
    ann, tea = Customer.objects.create(name="Ann"), Product.objects.create(name="Tea", price=1)
    with CaptureQueriesContext(connection) as queries, track(Order), transaction.atomic():
        made = Order.objects.bulk_create([Order(customer=ann, number=number) for number in range(300)])
        made = made if made[0].pk else list(Order.objects.order_by("pk"))
        Line.objects.bulk_create([Line(order=order, product=tea, quantity=order.number, price=1) for order in made])
    if connection.features.can_return_rows_from_bulk_insert:
        assert quantities() == [[number] for number in range(300)]
    assert len(queries) < 20


def test_a_step_that_writes_a_row_with_its_relations_sets_off_what_asks_for_them():
    on("auth.Group", mode=1, appends=["permissions"])
    ids = [each.pk for each in permissions(2)]
    values = {"name": "clerks", "permissions": ids}
    first = build([("create", {"collection": "auth.Group", "params": {"values": values}})], type="manual")
    from executions import run_now

    run_now(first, {})
    drain()
    run = Execution.objects.exclude(workflow=first).get()
    assert sorted(each["id"] for each in run.context["data"]["permissions"]) == ids
    assert [version for _id, version in run.stack] == [first.pk]


@pytest.mark.postgres
@pytest.mark.mariadb
class TestSync:
    def test_it_runs_at_the_end_of_the_transaction_before_the_commit(self):
        create = ("create", {"collection": "shop.Product", "params": {"values": {"name": "made", "price": 1}}})
        on("shop.Order", steps=[create], sync=True, mode=1, appends=["lines"])
        with transaction.atomic():
            ordered(5)
            assert not Execution.objects.exists()
        assert quantities() == [[5]]
        assert Execution.objects.get().status == 1
        assert Product.objects.filter(name="made").exists()

    def test_its_failure_undoes_the_transaction(self):
        on("shop.Order", steps=[REFUSE], sync=True, mode=1, appends=["lines"], rollbackOnFailure=True)
        with pytest.raises(RollbackOnFailure), transaction.atomic():
            ordered(5)
        assert not Customer.objects.exists()
        assert Execution.objects.get().status == -1
        # The connection is as it was.
        Customer.objects.create(name="Bob")
        assert Customer.objects.count() == 1

    def test_a_step_inside_does_not_end_the_waiting_of_the_callers_own_rows(self):
        on("shop.Order", mode=1, appends=["lines"])
        create = ("create", {"collection": "shop.Product", "params": {"values": {"name": "made", "price": 1}}})
        on("shop.Customer", steps=[create], sync=True, mode=2)
        ann = Customer.objects.create(name="Ann")
        with transaction.atomic():
            order = ordered(customer=ann)
            ann.save()
            Line.objects.create(order=order, product=Product.objects.first(), quantity=7, price=1)
        assert [sorted(line["quantity"] for line in row["lines"]) for row in rows() if "lines" in row] == [[7]]


@pytest.mark.once
def test_on_sqlite_a_sync_run_follows_the_commit():
    on("shop.Order", sync=True, mode=1, appends=["lines"])
    with transaction.atomic():
        ordered(5)
        assert not Execution.objects.exists()
    assert quantities() == [[5]]
