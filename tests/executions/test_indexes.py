"""Each hot query runs on the index that was made for it, on every database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from executions.dashboard import totals
from executions.flow import holds
from executions.models import Execution, Hold, Job, RunWatch, TotalsMark
from executions.store import claims, places, purge, session
from executions.watching import overdue
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
    _analyze()
    return workflow


def _analyze():
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE executions_execution, executions_job")
            cursor.fetchall()
        else:
            cursor.execute("ANALYZE")


def plan_of(query) -> str:
    """The plan of the first query about runs or jobs that `query` sends, as text."""
    seen: list[tuple[str, object]] = []

    def spy(execute, sql, params, many, context):
        of_runs = "executions_execution" in sql or "executions_job" in sql
        if sql.lstrip().startswith(("SELECT", "(SELECT")) and of_runs:
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(spy), session.segment():
        query()
    explain = {"postgresql": "EXPLAIN ", "mysql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(explain + seen[0][0], seen[0][1])
        return "\n".join(str(row) for row in cursor.fetchall())


def ended_after(ago: timedelta) -> list[Execution]:
    return list(totals.uncounted(TotalsMark(ended_at=timezone.now() - ago))[:50])


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
        (
            lambda: list(totals.uncounted(TotalsMark(ended_at=timezone.now() - timedelta(days=80)))[:50]),
            "execution_ended",
        ),
        (
            lambda: list(totals.uncounted(TotalsMark(ended_at=timezone.now() - timedelta(minutes=1)))[:50]),
            "execution_ended",
        ),
    ],
    ids=[
        "claim",
        "claim from a time",
        "heads",
        "performs",
        "history of a workflow",
        "what ended long ago",
        "what ended lately",
    ],  # fmt: skip
)
def test_a_hot_query_uses_its_index(history, query, index):
    plan = plan_of(query)
    assert index in plan or "Sort" not in plan and "PRIMARY" in plan, plan
    # Holds are few: there is no quicker way to see that there are none.
    assert "Seq Scan" not in plan.replace("Seq Scan on executions_hold", ""), plan
    assert "filesort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def test_retention_finds_old_runs_by_their_end(history):
    from django.db.models import Q

    plan = plan_of(lambda: purge.ended_before(timezone.now() - timedelta(days=80), Q(), limit=50))
    assert "execution_ended" in plan, plan


QUEUED = 3_000


@pytest.fixture
def line():
    """A long line in one lane, of one debounce key, and some that are held; answers the first, a middle, the last."""
    workflow, now = build([]), timezone.now()
    common = {"workflow": workflow, "key": workflow.key, "title": "t", "version": 1, "type": "manual", "solo": True,
              "queue": "sluice", "created_at": now, "updated_at": now, "status": None}  # fmt: skip
    ended = [Execution(**{**common, "status": 1, "ended_at": now}) for _ in range(1000)]
    waiting = [Execution(**common, lane="a", debounce_key="k", parked="lane") for _ in range(QUEUED)]
    held = [Execution(**common, lane=f"b{index}", parked="hold") for index in range(200)]
    begun = [Execution(**{**common, "status": 0}, started_at=now) for _ in range(300)]
    Execution.objects.bulk_create([*ended, *waiting, *held, *begun])
    _analyze()
    ids = list(Execution.objects.filter(lane="a").order_by("id").values_list("id", flat=True))
    return ids[0], ids[QUEUED // 2], ids[-1]


def test_a_long_line_is_not_read_through(line):
    queries = {
        "ahead": (lambda pk: places.ahead("a", pk, (), 3), "execution_lane"),
        "ahead of a child": (lambda pk: places.ahead("a", pk, {1, 2}, 3), "execution_lane"),
        "the first in line": (lambda pk: places.first_queued("a", 3, below=pk + 1), "execution_lane"),
        "who has begun": (lambda pk: places.begun("a", 3), "execution_lane"),
        "a newer event": (places.newer_event, "execution_debounce"),
    }
    for name, (query, index) in queries.items():
        for pk in line:
            plan = plan_of(lambda query=query, pk=pk: query(pk))
            # SQLite may begin at the run itself: what is newer is short there.
            begins_there = connection.vendor == "sqlite" and "USING INTEGER PRIMARY KEY (rowid>?)" in plan
            assert index in plan or begins_there, (name, plan)
            for costly in ("Seq Scan", "Sort", "filesort", "TEMP B-TREE"):
                assert costly not in plan, (name, plan)


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.parametrize("step", [holds._let_go, holds._park])
@pytest.mark.parametrize("scope", ["all", "disabled"])
def test_what_is_parked_or_let_go_is_found_among_what_is_queued(line, step, scope):
    key = Execution.objects.values_list("key", flat=True).first()
    plan = plan_of(lambda: step(Hold(scope=scope, target=key, cursor=line[0] - 1)))
    # Which of them depends on how much of what is queued is parked, and is the workflow's.
    assert any(f"execution_{index}" in plan for index in ("parked", "key_status", "status")), plan
    assert "Seq Scan" not in plan, plan


def test_long_runs_are_found_among_those_under_way(history):
    """Not among the ended ones; MariaDB, which has no partial indexes, looks at a few minutes' starts."""
    begun = timezone.now() - timedelta(days=2)
    Execution.objects.filter(key="rare").update(status=0, started_at=begun)
    watch = RunWatch(key="w", watched="", seconds=60, settled_at=begun - timedelta(minutes=1))
    plan = plan_of(lambda: overdue._overdue(watch, begun + timedelta(minutes=1)))
    assert ("execution_started" if connection.vendor == "mysql" else "execution_going") in plan, plan
