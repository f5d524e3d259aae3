import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from config.shop.models import Customer
from executions import start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from workflows.editing import add_node
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.sql import Sql
from workflows.instructions.sql_running import Bounds, run_statement
from workflows.statuses import JobStatus
from workflows.trying import try_node

#: Takes long enough to be ended.
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
    "SELECT COUNT(*) FROM n a CROSS JOIN n b CROSS JOIN n c CROSS JOIN n d"
)


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "write"}}


@pytest.fixture
def run(make_step: Any) -> Any:
    def run(sql: str, scope: Any = None, timeout: float | None = None, **config: Any) -> Any:
        step = make_step(Sql, {"sql": sql} | config, scope={"$context": scope or {}}, timeout=timeout)
        return Sql().perform(step)

    return run


@pytest.fixture(params=["inside", "outside"])
def _transaction(request: pytest.FixtureRequest, django_db_setup: None) -> None:
    """Performers work outside of any transaction, synchronous runs in the caller's."""
    request.getfixturevalue("db" if request.param == "inside" else "transactional_db")


@pytest.fixture
def customer(_transaction: None) -> Customer:
    Customer.objects.create(name="Eve", city="Oslo")
    return Customer.objects.create(name="Ada", city="Oslo")


@pytest.mark.parametrize("sql", ["", " ", None, "-- nothing", "/* nothing */ ;", ";"])
def test_179_an_empty_statement_is_resolved_without_a_result(run: Any, sql: Any) -> None:
    outcome = run(sql)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, None)


def test_179_an_invalid_statement_is_an_error(run: Any, customer: Customer) -> None:
    with pytest.raises(DatabaseError):
        run("SELECT nothing_of_this_name FROM shop_customer")
    assert Customer.objects.count() == 2


INJECTIONS = [
    "' OR '1'='1",
    "Ada'; DROP TABLE shop_customer; --",
    "\\' OR 1=1 --",
    '" OR ""="',
    "*/ OR 1=1 /*",
    "%s %(x)s ? $1 :name {{$context.n}}",
    "$$ OR 1=1 $$",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("sql", ["SELECT id FROM shop_customer WHERE name = :n", None])
def test_179_values_are_bound(run: Any, customer: Customer, text: str, sql: str | None) -> None:
    if sql is None:
        sql, variables = "SELECT id FROM shop_customer WHERE name = {{$context.n}}", []
    else:
        variables = [{"name": "n", "value": "{{$context.n}}"}]
    assert run(sql, {"n": text}, variables=variables).result == []
    customer.name = text
    customer.save()
    assert run(sql, {"n": text}, variables=variables).result == [{"id": customer.pk}]


def test_179_with_meta_there_are_two_parts(run: Any, customer: Customer) -> None:
    outcome = run("SELECT name, city FROM shop_customer ORDER BY name", withMeta=True)
    assert outcome.result == [
        [{"name": "Ada", "city": "Oslo"}, {"name": "Eve", "city": "Oslo"}],
        {"rowCount": 2, "columns": ["name", "city"], "truncated": False},
    ]


def test_lists_nulls_numbers_and_the_signs_of_the_drivers(run: Any, customer: Customer) -> None:
    sql = "SELECT name FROM shop_customer WHERE name IN (:names) AND id > {{$context.low}} AND name NOT LIKE '%x?$1'"
    variables = [{"name": "names", "value": ["{{$context.one}}", "Bob"]}]
    assert run(sql, {"one": "Ada", "low": -1}, variables=variables).result == [{"name": "Ada"}]
    assert run(sql, {"low": 0}, variables=[{"name": "names", "value": []}]).result == []
    one = "SELECT name FROM shop_customer WHERE name = :names OR city = {{$context.missing}}"
    assert run(one, variables=[{"name": "names", "value": "Eve"}]).result == [{"name": "Eve"}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM shop_customer WHERE name = 'it''s :no ; one' /* ; :no */ -- ; :no",
        'SELECT name AS "a:no;b" FROM shop_customer WHERE 1 = 0',
        "(SELECT name FROM shop_customer WHERE 1 = 0);",
    ],
)
def test_quotes_and_comments_hold_no_places(run: Any, customer: Customer, sql: str) -> None:
    if sql.startswith("(") and connection.vendor == "sqlite":
        sql = sql.strip("();")
    assert run(sql).result == []


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_more_rows_than_the_bound_are_cut_and_the_job_says_so(
    run: Any, customer: Customer, settings: Any, rows: int
) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "read"}, "SQL_ROWS": rows}
    outcome = run("SELECT name FROM shop_customer")
    assert len(outcome.result) == min(rows, 2)
    assert outcome.meta["truncated"] is (rows < 2)
    assert [level for level, _text in outcome.log] == (["WARN"] if rows < 2 else [])
    assert Customer.objects.count() == 2, "The connection is as it was."


@pytest.mark.parametrize("write", [False, True])
def test_a_statement_that_takes_too_long_is_ended(run: Any, customer: Customer, write: bool) -> None:
    outcome = run(ENDLESS, timeout=0.2, write=write)
    assert (outcome.status, outcome.result["code"], outcome.timed_out) == (JobStatus.ERROR, "too_slow", True)
    assert "0.2 seconds" in outcome.result["message"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM shop_customer")
        assert cursor.fetchone() == (2,)


_LONG = {"postgresql": "repeat('x', 1000)", "mysql": "REPEAT('x', 1000)", "sqlite": "printf('%.1000c', 'x')"}


@pytest.mark.parametrize("write", [False, True])
def test_rows_that_are_too_large_never_fill_the_memory(
    run: Any, customer: Customer, settings: Any, write: bool
) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "write"}, "MAX_RESULT_BYTES": 20_000}
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i, {} FROM n"
    assert len(run(rows.format(15, _LONG[connection.vendor]), write=write).result) == 15
    with pytest.raises(Invalid, match="more than 20000 bytes"):
        run(rows.format(900, _LONG[connection.vendor]), write=write)
    assert Customer.objects.count() == 2, "The connection is as it was."


@pytest.mark.once
def test_one_value_that_is_too_large_is_never_made(run: Any, customer: Customer) -> None:
    # SQLite makes it whole before it gives the first byte.
    with pytest.raises(DatabaseError, match="too big"):
        run("SELECT zeroblob(900000000)")
    assert len(connection.cursor().execute("SELECT zeroblob(10000000)").fetchone()[0]) == 10_000_000


@pytest.mark.postgres
def test_a_statement_can_not_lift_its_own_time(run: Any, customer: Customer) -> None:
    lifted = "CASE WHEN g = 1 THEN set_config('statement_timeout', '0', true) WHEN g > 60 THEN pg_sleep(30)::text END"
    began = time.monotonic()
    outcome = run(f"SELECT {lifted} FROM generate_series(1, 100) g", timeout=0.5)
    assert (outcome.status, outcome.result["code"]) == (JobStatus.ERROR, "too_slow")
    assert time.monotonic() - began < 10


WRITES = [
    "WITH x AS (SELECT 1) DELETE FROM shop_customer WHERE id > 0",
    "EXPLAIN ANALYZE DELETE FROM shop_customer",
    "WITH x AS (DELETE FROM shop_customer RETURNING id) SELECT * FROM x",
    "SELECT nextval('shop_customer_id_seq')",
    "SELECT name INTO copied FROM shop_customer",
]


@pytest.mark.parametrize("sql", WRITES)
def test_what_only_reads_can_not_write(run: Any, customer: Customer, sql: str) -> None:
    try:
        outcome = run(sql)
    except (DatabaseError, Invalid):
        pass
    else:
        # EXPLAIN explains, and changes nothing.
        assert sql.startswith("EXPLAIN"), outcome
    assert Customer.objects.count() == 2
    Customer.objects.create(name="Bob")


def test_what_was_read_only_for_the_statement_writes_again(run: Any, customer: Customer) -> None:
    run("SELECT 1")
    assert run("UPDATE shop_customer SET city = 'Rome'", write=True).result == 2
    Customer.objects.filter(city="Rome").update(city="Bern")
    assert set(Customer.objects.values_list("city", flat=True)) == {"Bern"}


def test_what_is_written_counts_and_may_give_rows(run: Any, customer: Customer) -> None:
    variables = [{"name": "name", "value": "Ada"}, {"name": "city", "value": "Rome"}]
    outcome = run(
        "UPDATE shop_customer SET city = :city WHERE name = :name", variables=variables, write=True, withMeta=True
    )
    assert outcome.result == [1, {"rowCount": 1, "columns": [], "truncated": False}]
    if connection.vendor != "mysql":
        returning = run("UPDATE shop_customer SET city = 'Bern' RETURNING name", write=True)
        assert {row["name"] for row in returning.result} == {"Ada", "Eve"}
    assert Customer.objects.get(name="Ada").city == ("Rome" if connection.vendor == "mysql" else "Bern")


def test_the_rest_of_the_rows_that_were_cut_is_written_too(run: Any, customer: Customer, settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "write"}, "SQL_ROWS": 1}
    outcome = run("DELETE FROM shop_customer RETURNING name", write=True)
    assert (len(outcome.result), outcome.meta["truncated"]) == (1, True)
    assert Customer.objects.count() == 0


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"sql": "SELECT 1; SELECT 2"}, "sql"),
        ({"sql": "SELECT 1; COMMIT"}, "sql"),
        ({"sql": "COMMIT", "write": True}, "sql"),
        ({"sql": "/* SELECT */ DROP TABLE x", "write": True}, "sql"),
        ({"sql": "SET ROLE admin", "write": True}, "sql"),
        ({"sql": "PRAGMA query_only = 0"}, "sql"),
        ({"sql": "{{$context.sql}}"}, "sql"),
        ({"sql": "/* /* */ SELECT */ COMMIT"}, "sql"),
        ({"sql": "SELECT 1 /*! INTO OUTFILE 'x' */"}, "sql"),
        ({"sql": "DELETE FROM x"}, "sql"),
        ({"sql": "SELECT '{{$context.x}}'"}, "sql"),
        ({"sql": 'SELECT "a {{$context.x}}"'}, "sql"),
        ({"sql": "SELECT 1 -- {{$context.x}}"}, "sql"),
        ({"sql": "SELECT :x"}, "sql"),
        ({"sql": "SELECT {{$context.x"}, "sql"),
        # Whoever looks for the end of each of these from its beginning is at it for hours.
        pytest.param({"sql": "SELECT " + "{{" * 200_000}, "sql", id="open templates"),
        ({"dataSource": "nowhere"}, "dataSource"),
        ({"sql": 5}, "sql"),
        ({"variables": [5]}, "variables.0"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Sql().check(Sql().parse(config))
    assert list(raised.value.errors) == [field]


@pytest.mark.parametrize(
    ("aliases", "write", "field"),
    [({}, False, "dataSource"), ({"other": "write"}, False, "dataSource"), ({"default": "read"}, True, "write")],
)
def test_a_database_is_allowed_by_the_settings(
    settings: Any, make_step: Any, aliases: Any, write: bool, field: str
) -> None:
    config = {"sql": "SELECT 1", "write": write}
    step = make_step(Sql, config)
    settings.SLUICE = {"SQL_ALIASES": aliases}
    with pytest.raises(Invalid) as raised:
        Sql().check(Sql().parse(config))
    assert list(raised.value.errors) == [field]
    with pytest.raises(Invalid):
        Sql().perform(step)
    assert "SQL_ALIASES" in str(raised.value)


@pytest.mark.parametrize(
    ("write", "effect", "lost"), [(False, Effect.EXTERNAL, "again"), (True, Effect.TRANSACTIONAL, "error")]
)
def test_its_effect(write: bool, effect: Effect, lost: str) -> None:
    config = Sql().parse({"write": write})
    assert (Sql().effect_of(config), Sql().on_lost_of(config)) == (effect, lost)


@pytest.mark.django_db
def test_who_saves_one_needs_the_permission(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ada")
    workflow = build([])
    with pytest.raises(Invalid) as raised:
        add_node(workflow, type="sql", config={"sql": "SELECT 1"}, by=user)
    assert list(raised.value.errors) == ["type"]
    assert "workflows.use_sql" in str(raised.value)
    user.user_permissions.add(Permission.objects.get(codename="use_sql"))
    user = django_user_model.objects.get()
    assert add_node(workflow, type="sql", config={"sql": "SELECT 1"}, by=user).type == "sql"
    assert workflow.nodes.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
def test_a_run_reads_and_writes(sync: bool) -> None:
    Customer.objects.create(name="Ada")
    move = {"sql": "UPDATE shop_customer SET city = {{$context.city}}", "write": True}
    workflow = build([("sql", move), ("sql", {"sql": "SELECT city FROM shop_customer"})], sync=sync)
    execution = start(workflow, {"city": "Rome"})
    drain()
    assert execution is not None
    assert list(Job.objects.filter(execution=execution).order_by("number").values_list("result", flat=True)) == [
        1,
        [{"city": "Rome"}],
    ]


@pytest.mark.django_db(transaction=True)
def test_what_a_failed_step_wrote_is_taken_back() -> None:
    Customer.objects.create(name="Ada", code="a")
    Customer.objects.create(name="Eve", code="e")
    write = {"sql": "UPDATE shop_customer SET code = 'same'", "write": True}
    execution = start(build([("sql", write)]), {})
    drain()
    assert execution is not None
    assert Execution.objects.get(pk=execution.pk).status == JobStatus.ERROR
    assert set(Customer.objects.values_list("code", flat=True)) == {"a", "e"}


def test_the_input_shows_variables_and_hides_secrets(make_step: Any) -> None:
    variables = [{"name": "password", "value": "{{$context.p}}"}, {"name": ":n", "value": "{{$context.n}}"}]
    step = make_step(Sql, {"sql": "SELECT :n", "variables": variables}, scope={"$context": {"p": "hidden", "n": 5}})
    shown = Sql().input_of(step)
    assert shown["variables"][1] == {"name": "n", "value": 5}
    assert shown["dataSource"] == "default"
    assert "hidden" not in json.dumps(shown)


@pytest.mark.parametrize("write", [False, True])
def test_the_database_itself_takes_one_statement(customer: Customer, write: bool) -> None:
    bounds = Bounds(5, 10, writes=write, query=True)
    with pytest.raises(DatabaseError):
        run_statement("default", "SELECT 1; DELETE FROM shop_customer", [], bounds)
    assert Customer.objects.count() == 2


def test_it_is_tried_alone(customer: Customer) -> None:
    outcome = try_node("sql", {"sql": "SELECT name FROM shop_customer WHERE city = {{$context.c}}"}, {"c": "Rome"})
    assert outcome.result == []


def test_who_watches_the_statements_sees_it(run: Any, customer: Customer) -> None:
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch), CaptureQueriesContext(connection):
        run("UPDATE shop_customer SET city = 'Rome'", write=True)
    assert "UPDATE shop_customer SET city = 'Rome'" in seen
