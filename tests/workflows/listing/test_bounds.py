"""No list holds a connection for long."""

import pytest
from django.db import OperationalError, connection

from tests.slow import slow_statement
from tests.workflows.kinds import spare
from workflows.listing import bounds
from workflows.listing.bounds import bounded

pytestmark = pytest.mark.django_db(transaction=True)


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(bounds, "LIST_SECONDS", 0.2)


@pytest.fixture
def slow():
    return slow_statement()


def test_a_statement_that_takes_too_long_is_a_sentence(short, slow):
    with pytest.raises(bounds.TooSlow) as refused, bounded("default", "workflow, key"):
        run(slow)
    assert "Narrow it by workflow, key." in str(refused.value)
    assert run("SELECT 1") == [(1,)]


def test_the_bound_ends_with_the_list(short):
    with bounded("default"):
        run("SELECT 1")
    if connection.vendor == "postgresql":
        assert run("SHOW statement_timeout") == [("0",)]
        run("SELECT pg_sleep(0.4)")
    elif connection.vendor == "mysql":
        assert run("SELECT @@SESSION.max_statement_time")[0][0] == 0
    else:
        run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n")


@pytest.mark.postgres
def test_inside_a_transaction_of_the_host_its_own_bound_comes_back(short):
    from django.db import transaction

    with transaction.atomic():
        run("SET LOCAL statement_timeout = '7s'")
        with bounded("default"):
            assert run("SHOW statement_timeout") == [("200ms",)]
        assert run("SHOW statement_timeout") == [("7s",)]


@pytest.mark.postgres
def test_a_transaction_of_the_host_outlives_a_list_that_takes_too_long(short, slow):
    from django.db import transaction

    with transaction.atomic():
        workflow = spare(title="kept")
        with pytest.raises(bounds.TooSlow), bounded("default"):
            run(slow)
        assert run("SHOW statement_timeout") == [("0",)]
    assert type(workflow).objects.filter(pk=workflow.pk).exists()


def test_other_errors_stay_what_they_are(short):
    with pytest.raises(OperationalError, match="our own"), bounded("default"):
        raise OperationalError("our own")


def test_a_list_that_takes_too_long_is_a_400(client, monkeypatch, slow, short):
    spare(title="a")

    def count(queryset):
        run(slow)

    monkeypatch.setattr("workflows.api.pagination._count", count)
    [error] = client()("GET", "workflows/?page=1", status=400)["errors"]
    assert (error["field"], error["code"]) == (None, "too_slow")
