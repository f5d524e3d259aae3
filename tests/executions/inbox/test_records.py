"""Tasks as records: what both stores write, and the indexes that lists and counts go by."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from executions.inbox import reading
from executions.models import Task
from tests.executions.stores import BOTH, NODE
from tests.people import boss, person
from workflows.instructions.base import TaskRequest


@pytest.fixture(params=BOTH)
def store(request):
    return request.param()


def asked(store, execution_id):
    """(user, status, decided) of each task, in order."""
    if hasattr(store, "store"):
        tasks = store.store.tasks(execution_id)
        return [(task.request.user_id, task.status, task.decided_at is not None) for task in tasks]
    rows = Task.objects.filter(execution=execution_id).order_by("id")
    return [(row.user_id, row.status, row.decided_at is not None) for row in rows]


def take(store, execution_id):
    [run] = store.claim_one(execution_id)
    store.load_jobs([run])
    return run


def give(store, execution_id, *requests, answered=False):
    """A segment in which a job asks; with `answered` it is decided in the same."""
    with store.segment():
        run = take(store, execution_id)
        if run.status is None:
            run.status, run.started_at = 0, store.now()
        job = run.add_job(NODE, "n", None, None, store.now())
        run.give_tasks(job, requests)
        if answered:
            run.close_job(job, 1, store.now())
        run.changed = True
        store.write([run], store.now())


CC, MANUAL = TaskRequest(1, "t", "cc"), TaskRequest(2, "t")


def test_tasks_are_written_with_their_job_and_closed_with_it(store):
    execution_id = store.add()
    give(store, execution_id, CC, MANUAL, TaskRequest(3))
    assert asked(store, execution_id) == [(1, 0, False), (2, 0, False), (3, 0, False)]
    with store.segment():
        run = take(store, execution_id)
        run.close_job(run.job(1), 1, store.now())
        store.write([run], store.now())
    assert asked(store, execution_id) == [(1, 0, False), (2, -3, True), (3, -3, True)]


def test_the_same_person_is_asked_once_in_a_round(store):
    execution_id = store.add()
    give(store, execution_id, MANUAL, MANUAL, TaskRequest(2, round=2))
    assert asked(store, execution_id) == [(2, 0, False), (2, 0, False)]


def test_what_is_decided_at_once_is_written_as_closed(store):
    execution_id = store.add()
    give(store, execution_id, CC, MANUAL, answered=True)
    assert asked(store, execution_id) == [(1, 0, False), (2, -3, True)]


@pytest.mark.parametrize("status", [1, -1, -3])
def test_the_end_of_the_run_closes_all(store, status):
    execution_id = store.add()
    give(store, execution_id, CC, MANUAL)
    with store.segment():
        run = take(store, execution_id)
        run.end(status, store.now())
        store.write([run], store.now())
    assert asked(store, execution_id) == [(1, 0, False), (2, -3, True)]


def test_what_is_asked_anew_stays_open(store):
    """The old tasks are closed and the new ones written by one write."""
    execution_id = store.add()
    give(store, execution_id, MANUAL)
    with store.segment():
        run = take(store, execution_id)
        run.close_tasks(run.job(1), store.now())
        run.give_tasks(run.job(1), [TaskRequest(2, round=2)])
        store.write([run], store.now())
    assert asked(store, execution_id) == [(2, -3, True), (2, 0, False)]


def test_a_segment_that_fails_asks_nobody(store):
    execution_id = store.add()

    def fail():
        with store.segment():
            run = take(store, execution_id)
            run.status, run.started_at = 0, store.now()
            run.give_tasks(run.add_job(NODE, "n", None, None, store.now()), [MANUAL])
            store.write([run], store.now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert asked(store, execution_id) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
@pytest.mark.parametrize("number", [1, 40])
def test_many_tasks_travel_too(number):
    from tests.executions.stores import Database

    store = Database()
    execution_id = store.add()
    title = 'A "title"\twith\\ all\n sorts €\x00'
    give(store, execution_id, *(TaskRequest(user, title, meta={"a": "\\t"}, order=3) for user in range(1, number + 1)))
    rows = list(Task.objects.filter(execution=execution_id))
    assert len(rows) == number
    assert {(row.title, row.order) for row in rows} == {(rows[0].title, 3)}
    assert "\x00" not in rows[0].title
    assert rows[0].meta == {"a": "\\t"}


@pytest.fixture
def crowd(db):
    """A person with many tasks among others with many."""
    me, other = boss(), person(username="other")
    now = timezone.now()
    rows = [
        Task(
            type=("manual", "approval", "cc")[number // 60 % 3], user=(other, me)[number % 60 == 0],
            execution_id=number, job=1, node_key="n", key=f"w{number // 60 % 5}" if number % 60 == 0 else "often",
            title="t", status=0 if number // 60 % 10 == 0 else 1,
            created_at=now - timedelta(seconds=number), updated_at=now,
        )
        for number in range(60, 6_060)
    ]  # fmt: skip
    Task.objects.bulk_create(rows, batch_size=1_000)
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE executions_task")
            cursor.fetchall()
        else:
            cursor.execute("VACUUM ANALYZE executions_task" if connection.vendor == "postgresql" else "ANALYZE")
    return me


QUERIES = {
    "one's own": (lambda me: reading.of(me).order_by("-id")[:20], "task_user"),
    "of a type": (lambda me: reading.of(me).filter(type="cc").order_by("-id")[:20], "task_user"),
    "of a workflow": (lambda me: reading.of(me).filter(key="w3").order_by("-id")[:20], "task_user"),
    "open": (lambda me: reading.of(me).open().asking().order_by("-id")[:20], "task_"),
    "everybody's of a workflow": (lambda me: Task.objects.filter(key="w3").order_by("-id")[:20], "task_key"),
    "of a run": (lambda me: Task.objects.filter(execution=63, job=1).order_by(), ("task_once", "sqlite_autoindex")),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
@pytest.mark.parametrize(("query", "index"), QUERIES.values(), ids=QUERIES)
def test_lists_go_by_their_index(crowd, query, index):
    plan = query(crowd).explain()
    assert any(name in plan for name in ([index] if isinstance(index, str) else index)), plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.django_db(transaction=True)
@pytest.mark.engine
def test_counts_are_read_from_one_index(crowd):
    rows = reading.of(crowd).order_by()
    for counted in (rows.filter(status=0, type="manual"), rows.values("type", "key", "status")):
        plan = counted.explain()
        assert "task_counts" in plan, plan
        assert "Seq Scan" not in plan, plan
    found = reading.counts(crowd)
    assert sum(row["all"] for row in found["types"].values()) == 100
    assert reading.open_count(crowd) == sum(found["types"][kind]["pending"] for kind in ("manual", "approval"))
    assert len(found["workflows"]) == 15
