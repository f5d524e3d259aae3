"""Each filter of the list of runs finds its page by the index that was made for it, on every database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import QueryDict

from executions.listing.filtersets import ExecutionFilter
from executions.models import Attribute, Execution, Job
from tests.building import build
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

RUNS = 4_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(django_db_setup, django_db_blocker):
    """Runs of two workflows, a minute apart: most alike, one in a hundred out of the ordinary. Made once: they are
    only read, and MariaDB's ANALYZE ends a transaction."""
    with django_db_blocker.unblock():
        yield _history()
        for model in (Attribute, Job, Execution, Node, Workflow, get_user_model()):
            model.objects.all()._raw_delete(connection.alias)


def _history():
    many, few = build([]), build([], type="schedule")
    person = get_user_model().objects.create_user("person")
    runs = [_run(index, many, few, person) for index in range(RUNS)]
    Execution.objects.bulk_create(runs)
    runs = list(Execution.objects.order_by("id"))
    Execution.objects.filter(pk__in=[run.pk for run in runs[::100]]).update(parent_execution=runs[0].pk)
    Job.objects.bulk_create(
        Job(execution=run, number=1, node_key="rare" if index % 100 == 0 else "n1", status=index % 2,
            created_at=BEGAN, updated_at=BEGAN)
        for index, run in enumerate(runs)
    )  # fmt: skip
    Attribute.objects.bulk_create(
        Attribute(execution=run, key=run.key, name=name, text=text, number=number)
        for index, run in enumerate(runs)
        for name, text, number in (
            ("", "rare" if index % 100 == 0 else "common", None),
            ("total", str(index), index),
            ("@row", f"shop.order:{index % 500}", None),
        )
    )
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE executions_execution, executions_job, executions_attribute")
            cursor.fetchall()
        else:
            cursor.execute("ANALYZE")
    return {"few": few, "many": many, "person": person.pk, "parent": runs[0].pk}


def _run(index, many, few, person):
    odd = index % 100 == 0
    workflow = few if index % 100 < 2 else many
    moment = BEGAN + timedelta(minutes=index)
    return Execution(
        workflow=workflow, key=workflow.key, title="t", version=1, type=workflow.type, queue="sluice",
        status=-2 if odd else 1, name=f"{'odd' if odd else 'order'}-{index}", event_key=f"event-{index}",
        created_by=person if odd else None, created_at=moment, started_at=moment, ended_at=moment, updated_at=moment,
    )  # fmt: skip


def plan_of(query: str) -> str:
    """The plan of the statement that finds the page's keys, as text."""
    seen = []

    def spy(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    filters = ExecutionFilter(QueryDict(query), queryset=Execution.objects.all())
    assert filters.is_valid(), filters.errors
    listing = filters.listing()
    with connection.execute_wrapper(spy):
        assert listing.keys("", 11)
    explain = {"postgresql": "EXPLAIN ", "mysql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(explain + seen[-1][0], seen[-1][1])
        return "\n".join(str(row) for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("status=error", "execution_status"),
        ("status=error,failed", "execution_status"),
        ("key={few.key}", "execution_key"),
        ("workflow={few.pk}", "execution_workflow"),
        ("type=schedule", "execution_type"),
        ("key={few.key}&status=error", "execution_key_status"),
        ("created_by={person}", "execution_creator"),
        ("created_by={person}&key={few.key}", "execution_creator_key"),
        ("parent={parent}", "execution_parent"),
        ("parent={parent}&key={few.key}", "execution_parent_key"),
        ("name=odd-100", "execution_named"),
        ("name_prefix=odd", "execution_named"),
        ("event_key=event-7", "execution_event_key"),
        ("event_key_prefix=event-7", "execution_event_key"),
        ("created_since=2026-01-02&created_until=2026-01-02T01:00:00Z", "execution_created"),
        ("started_since=2026-01-02&started_until=2026-01-02T01:00:00Z", "execution_started"),
        ("ended_since=2026-01-02&ended_until=2026-01-02T01:00:00Z", "execution_ended"),
        ("key={few.key}&created_since=2026-01-02", "execution_key_created"),
        ("key={few.key}&started_since=2026-01-02", "execution_key_started"),
        ("key={few.key}&ended_since=2026-01-02", "execution_key_ended"),
        ("workflow={few.pk}&ended_since=2026-01-02", "execution_key_ended"),
        ("tags=rare", "attribute_text"),
        ("tags=rare&key={few.key}", "attribute_text_of_key"),
        ("tags=rare&workflow={few.pk}", "attribute_text_of_key"),
        ("attr.total=7", "attribute_text"),
        ("row=shop.Order:7", "attribute_text"),
        ("row=shop.order:7&key={many.key}", "attribute_text_of_key"),
        ("attr.total__gte=3900", "attribute_number"),
        ("attr.total__gte=3900&key={few.key}", "attribute_number_of_key"),
        ("waiting_at=rare", "job_waiting"),
    ],
)
def test_a_filter_finds_its_page_by_its_index(history, query, index):
    plan = plan_of(query.format(**history))
    assert index in plan, plan
    # MariaDB's "ALL" is fair of what was found and merged, not of a table.
    for line in plan.splitlines():
        assert "Seq Scan on executions" not in line, plan
        assert not ("SCAN executions_" in line and "USING" not in line), plan
        assert not ("executions_" in line and "'ALL'" in line), plan


@pytest.mark.parametrize(
    "query",
    [
        "", "status=error,failed,resolved", "key={few.key},{many.key}", "created_since=2026-01-01", "name_prefix=o",
        "key={many.key}&started_since=2026-01-01", "tags=common", "attr.total__gte=0", "status=resolved",
    ],
)  # fmt: skip
@pytest.mark.postgres
def test_the_first_of_many_are_read_in_the_indexs_order(history, query):
    # However many there are, no more is read than a page of each value.
    plan = plan_of(query.format(**history))
    assert "Seq Scan" not in plan, plan
    sorts = plan.count("Sort Key")
    assert sorts <= ("," in query), plan


def test_what_runs_is_looked_for_among_what_has_begun_and_not_ended():
    """Few beside all that have ended: newest first by that status, not through all of them."""
    filters = ExecutionFilter(QueryDict("running_min=60"), queryset=Execution.objects.all())
    assert filters.is_valid()
    assert [str(branch) for branch in filters.listing().branches] == ["(AND: ('status', 0))"]
