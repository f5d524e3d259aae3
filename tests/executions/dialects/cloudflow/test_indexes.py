"""Each list of executions is read by an index of the flow's, whatever it is filtered by."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from executions.models import Execution
from tests.building import build
from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.people import boss
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(django_db_setup, django_db_blocker):
    """Two flows' runs, of all statuses, half of them named; the database knows how they are spread. Made once, for they
    are only read."""
    with django_db_blocker.unblock():
        _history()
        yield
        for model in (Execution, Workflow):
            model.objects.all()._raw_delete(connection.alias)


def _history():
    flows = [build([], name=name) for name in ("many", "few")]
    rows = []
    for number in range(4_000):
        flow = flows[number % 50 < 2]
        at = BEGAN + timedelta(minutes=number)
        rows.append(
            Execution(
                workflow=flow, key=flow.key, title="t", version=1, type="manual", queue="sluice", context={},
                name=f"order-{number}" if number % 2 else None, status=(1, -1, -3, 1, None)[number % 5],
                reason="timeout" if number % 50 == 2 else None, created_at=at, updated_at=at,
            )
        )  # fmt: skip
    Execution.objects.bulk_create(rows, batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan_of(cloud, **given):
    """The plan of the statement that finds the page's ids, as text."""
    seen = []

    def spy(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(spy):
        cloud("ListExecutions", FlowName="few", Limit=10, **given)
    [(sql, params)] = [each for each in seen if "executions_execution" in each[0] and "LIMIT 11" in each[0]]
    explain = {"postgresql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(explain + sql, params)
        return "\n".join(str(row) for row in cursor.fetchall())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Status": "Starting"},
        {"Status": "Failed"},
        {"Status": "Stopped"},
        {"Status": "TimedOut"},
        {"StartedTimeBegin": "2026-01-02T00:00:00Z"},
        {"StartedTimeBegin": "2026-01-02T00:00:00Z", "StartedTimeEnd": "2026-01-02T12:00:00Z", "Status": "Failed"},
        {"ExecutionNamePrefix": "order-1"},
        {"ExecutionNamePrefix": "run"},
        {"ExecutionNamePrefix": "run-1", "Status": "Stopped"},
    ],
    ids=str,
)
def test_a_list_is_read_by_an_index_of_its_flow(history, given):
    plan = plan_of(CloudFlow(boss()), **given)
    # SQLite has names of its own for what a constraint makes.
    known = ("execution_key", "execution_name_in_workflow", "sqlite_autoindex_executions_execution")
    assert any(name in plan for name in known), plan
    for line in plan.splitlines():
        assert "Seq Scan on executions" not in line, plan
        assert not ("SCAN executions_" in line and "USING" not in line), plan
