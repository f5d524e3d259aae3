"""Deferred constraints: who breaks one has the error, and what others broke on purpose is theirs to mend."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.shop.models import Customer, Order, Product, Review
from executions.dispatcher import run_now, start
from executions.models import Execution, Job
from executions.store import constraints
from tests.building import build
from workflows.instructions.base import Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

NOBODY = 987_654


@pytest.fixture(autouse=True)
def _shop(acts):
    """Acts that touch the shop; the value of "remove" is a customer's id."""

    def act(what):
        def done(step):
            what(step.compiled.render(step.scope))
            return type(acts["give"](step))()

        return done

    acts["order"] = act(lambda pk: Order.objects.create(customer_id=pk))
    acts["dangle"] = act(lambda value: Order.objects.create(customer_id=NOBODY))
    acts["remove"] = act(lambda pk: Customer.objects.filter(pk=pk)._raw_delete("default"))
    acts["rename"] = act(lambda name: Customer.objects.update(name=name))
    acts["renumber"] = act(lambda pk: Customer.objects.filter(pk=pk).update(id=NOBODY + 1))
    acts["product"] = act(lambda number: Product.objects.create(name="Tea", price=1, number=number))


def write(act, value=None, **policy):
    return ("t-write", {"act": act, "value": value}, {}, policy)


def results(execution):
    execution.refresh_from_db()
    return execution.status, list(
        Job.objects.filter(execution=execution).order_by("number").values_list("status", flat=True)
    )


@pytest.mark.parametrize("bad", ["dangle", "remove", "renumber"])
def test_who_breaks_a_foreign_key_has_the_error_and_the_run_goes_its_ordinary_way(settle, bad):
    wanted = Customer.objects.create(name="wanted")
    Order.objects.create(customer=wanted)
    continues = {"onError": "continue"}
    steps = [write("create", "before"), write(bad, wanted.pk, **continues), write("create", "after")]
    execution = start(build(steps), {})
    settle()
    assert results(execution) == (1, [1, -2, 1]), execution.error
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["after", "before", "wanted"]
    assert list(Order.objects.values_list("customer", flat=True)) == [wanted.pk]


def test_an_attempt_that_breaks_a_foreign_key_is_tried_again(settle):
    retry = {"retry": {"attempts": 2, "interval": 10}}
    execution = start(build([write("dangle", **retry)]), {})
    settle()
    assert results(execution) == (-2, [-2])
    assert len(Job.objects.get(execution=execution).attempts) == 2


def test_steps_that_break_nothing_cost_no_look_at_the_tables(settle):
    start(build([write("create", "Ann")]), {})
    with CaptureQueriesContext(connection) as queries:
        settle()
    assert Customer.objects.count() == 1
    texts = [query["sql"] for query in queries]
    assert any("shop_customer" in text for text in texts)
    assert not any("foreign_key" in text or "pg_constraint" in text for text in texts)


@pytest.mark.parametrize("bad", ["dangle", "remove", "renumber"])
@pytest.mark.parametrize("atomic", [True, False])
def test_a_sync_runs_step_has_its_own_error_and_the_caller_goes_on(bad, atomic):
    wanted = Customer.objects.create(name="wanted")
    Order.objects.create(customer=wanted)
    workflow = build([write("create", "before"), write(bad, wanted.pk)], sync=True)
    if atomic:
        with transaction.atomic():
            execution = run_now(workflow, {})
            Customer.objects.create(name="after")
    else:
        execution = run_now(workflow, {})
        Customer.objects.create(name="after")
    assert results(execution or Execution.objects.get()) == (-2, [1, -2])
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["after", "before", "wanted"]
    assert Order.objects.count() == 1


def test_a_sync_run_set_off_by_a_save_has_its_own_error_and_the_row_stays(listen):
    config = {"collection": "shop.Customer", "mode": 1}
    build([write("product", 1), write("dangle")], type="collection", sync=True, config=config)
    listen()
    Customer.objects.create(name="Ann")
    assert results(Execution.objects.get()) == (-2, [1, -2])
    assert "foreign key" in Execution.objects.get().error.lower()
    assert (Customer.objects.count(), Product.objects.count(), Order.objects.count()) == (1, 1, 0)


@pytest.mark.postgres
@pytest.mark.parametrize("steps", [[write("create", "Bob"), write("rename", "Eve")], [write("product", 1)]])
def test_what_the_caller_broke_elsewhere_stays_his_to_mend(steps):
    """Orders of a customer who comes later: the step's tables are referred to by theirs, but lose nothing."""
    workflow = build(steps, sync=True)
    with transaction.atomic():
        order = Order.objects.create(customer_id=NOBODY)
        review = Review.objects.create(order_id=NOBODY)
        execution = run_now(workflow, {})
        # Still deferred, also for what is written from now on.
        Order.objects.create(customer_id=NOBODY)
        Customer.objects.create(pk=NOBODY, name="late")
        review.order = order
        review.save()
    assert execution.status == 1, execution.error
    assert Order.objects.filter(customer_id=NOBODY).count() == 2


@pytest.mark.postgres
def test_constraints_of_the_steps_own_tables_are_deferred_again_after_it():
    workflow = build([write("order", Customer.objects.create(name="Ann").pk)], sync=True)
    with transaction.atomic():
        execution = run_now(workflow, {})
        Order.objects.create(customer_id=NOBODY)
        Customer.objects.create(pk=NOBODY, name="late")
    assert execution.status == 1, execution.error
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.create(customer_id=NOBODY + 1)


@pytest.fixture
def unique_number():
    """A constraint that is checked at once, unless somebody defers it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE shop_product ADD CONSTRAINT t_number UNIQUE (number) DEFERRABLE INITIALLY IMMEDIATE,"
            " DROP CONSTRAINT shop_product_number_key"
        )
        constraints._known.clear()
        yield
        cursor.execute(
            "ALTER TABLE shop_product ADD CONSTRAINT shop_product_number_key UNIQUE (number), DROP CONSTRAINT t_number"
        )
        constraints._known.clear()


@pytest.mark.postgres
@pytest.mark.parametrize(("number", "status"), [(1, -2), (2, 1)])
def test_a_constraint_that_the_caller_deferred_is_checked_and_stays_deferred(unique_number, number, status):
    workflow = build([write("product", number)], sync=True)
    Product.objects.create(name="Coffee", price=1, number=1)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS t_number DEFERRED")
        execution = run_now(workflow, {})
        twin = Product.objects.create(name="Milk", price=1, number=1)
        twin.number = 3
        twin.save()
    assert execution.status == status, execution.error
    assert Product.objects.filter(name="Tea").count() == (status == 1)


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["text", "bytes", "composed"])
def test_a_statement_may_be_a_text_bytes_or_composed(acts, kind):
    from psycopg.sql import SQL

    made = {"text": str, "bytes": str.encode, "composed": SQL}[kind]

    def execute(step):
        with connection.cursor() as cursor:
            cursor.execute(made(f"UPDATE shop_order SET customer_id = {NOBODY}"))
        return Outcome()

    acts["execute"] = execute
    Order.objects.create(customer=Customer.objects.create(name="Ann"))
    workflow = build([write("execute")], sync=True)
    with transaction.atomic():
        execution = run_now(workflow, {})
    assert "violates foreign key" in execution.error


@pytest.mark.postgres
def test_a_constraint_that_a_migration_took_away_is_forgotten():
    workflow = build([write("product", 1)], sync=True)
    place = ("default", connection.settings_dict["NAME"], '"shop_product"')
    constraints._known[place] = (constraints._Constraint('"public"."gone"', True, True, frozenset()),)
    with transaction.atomic():
        assert run_now(workflow, {}).status == -2
        assert run_now(workflow, {}).status == 1


@pytest.mark.parametrize(
    ("statement", "table", "columns", "deletes"),
    [
        ('INSERT INTO "shop_order" ("id", "note") VALUES (%s, %s)', '"shop_order"', (), False),
        ('UPDATE "shop_order" SET "id" = %s, note = %s WHERE "number" = 1', '"shop_order"', ("id", "note"), False),
        ("DELETE FROM shop.orders WHERE id = 1", "shop.orders", (), True),
        ("insert or replace into main.t values (1)", "main.t", (), True),
        ('INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET "a" = excluded.a', "t", ("a",), False),
        ("WITH gone AS (SELECT 1) DELETE FROM ONLY t", "t", (), True),
        ("update or ignore t set a = 1", "t", ("a",), False),
    ],
)
def test_writes_are_read_from_the_statement(statement, table, columns, deletes):
    assert constraints.writes_of(statement) == (constraints.Write(table, frozenset(columns), deletes),)


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1 FROM t FOR UPDATE OF t", "SELECT a FROM t FOR NO KEY UPDATE SKIP LOCKED", "SAVEPOINT x", "SET x = 1"],
)
def test_statements_that_write_nothing_are_none(statement):
    assert constraints.writes_of(statement) == ()
