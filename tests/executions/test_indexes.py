"""Each hot query runs on the index that was made for it, on every database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from executions.models import Execution, Job
from executions.store import claims, purge, session
from tests.building import build

pytestmark = pytest.mark.django_db(transaction=True)

ENDED, DUE = 3_000, 60


@pytest.fixture
def history():
    """Many ended runs with jobs, few due ones: what a table looks like in use."""
    workflow = build([])
    now = timezone.now()
    common = {
        "workflow": workflow,
        "key": workflow.key,
        "title": "t",
        "version": 1,
        "type": "manual",
        "queue": "sluice",
        "created_at": now,
        "updated_at": now,
    }
    ended = [
        Execution(**common, status=1, started_at=now, ended_at=now - timedelta(days=index % 90))
        for index in range(ENDED)
    ]
    common["key"] = "rare"
    due = [Execution(**common, due_at=now - timedelta(seconds=index), solo=index % 2 == 0) for index in range(DUE)]
    Execution.objects.bulk_create([*ended, *due])
    runs = list(Execution.objects.values_list("id", flat=True))
    jobs = [Job(execution_id=pk, number=1, node_key="n1", status=1, created_at=now, updated_at=now) for pk in runs]
    waiting = [
        Job(
            execution_id=pk,
            number=2,
            node_key="n2",
            status=0,
            wait="performer",
            queue="sluice",
            due_at=now,
            created_at=now,
            updated_at=now,
        )
        for pk in runs[:DUE]
    ]
    Job.objects.bulk_create([*jobs, *waiting])
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE executions_execution, executions_job")
            cursor.fetchall()
        else:
            cursor.execute("ANALYZE")
    return workflow


def plan_of(query) -> str:
    """The plan of the one engine query that `query` sends, as text."""
    seen: list[tuple[str, object]] = []

    def spy(execute, sql, params, many, context):
        if sql.lstrip().startswith(("SELECT", "(SELECT")) and not sql.startswith("SELECT (SELECT set_config"):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(spy), session.segment():
        query()
    explain = {"postgresql": "EXPLAIN ", "mysql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(explain + seen[0][0], seen[0][1])
        return "\n".join(str(row) for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (lambda: claims.claim("sluice", solo=False, limit=10), "execution_due"),
        (
            lambda: claims.claim("sluice", solo=True, limit=1, since=timezone.now() - timedelta(hours=1)),
            "execution_due",
        ),
        (lambda: claims.heads("sluice"), "execution_due"),
        (lambda: claims.due_performs("sluice", 10), "job_perform"),
        (lambda: list(Execution.objects.filter(key="rare").order_by("-id")[:20]), "execution_key"),
    ],
    ids=["claim", "claim from a time", "heads", "performs", "history of a workflow"],
)
def test_a_hot_query_uses_its_index(history, query, index):
    plan = plan_of(query)
    assert index in plan or "Sort" not in plan and "PRIMARY" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "filesort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def test_retention_finds_old_runs_by_their_end(history):
    from django.db.models import Q

    plan = plan_of(lambda: purge.ended_before(timezone.now() - timedelta(days=80), Q(), limit=50))
    assert "execution_ended" in plan, plan
