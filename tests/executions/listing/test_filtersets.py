from datetime import UTC, datetime

import pytest

from tests.executions.rows import job, run
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(db):
    """Five runs named a to e, oldest first."""
    workflow = Workflow.objects.create(key="kay", title="Big orders", type="manual", current=True)
    day = lambda number: datetime(2026, 1, number, tzinfo=UTC)  # noqa: E731
    first = run(workflow, name="a", created_at=day(1), started_at=day(1), ended_at=day(2), lane="x", event_key="ev-1")
    run(workflow, name="b", status=None, created_at=day(2), manually=True)
    run(name="c", status=0, created_at=day(3), started_at=day(3), parent_execution=first, paused_at=day(4))
    run(name="d", status=-2, created_at=day(4), started_at=day(5), ended_at=day(6), rerun_of=first, type="collection")
    run(name="e", status=-3, reason="timeout", created_at=day(5), started_at=day(5), ended_at=day(7))
    return {"first": first.pk, "workflow": workflow.pk}


def names(api, query):
    return "".join(row["name"] for row in api("GET", f"executions/?{query}")["results"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "edcba"),
        ("status=resolved", "a"),
        ("status=1", "a"),
        ("status=queued", "b"),
        ("status=null", "b"),
        ("status=Queued,0", "cb"),
        ("status=error&status=-3", "ed"),
        ("workflow={workflow}", "ba"),
        ("key=kay", "ba"),
        ("key=KAY", ""),
        ("title=big", "ba"),
        ("type=collection", "d"),
        ("event_key=ev-1", "a"),
        ("name=a,b", "ba"),
        ("parent={first}", "c"),
        ("rerun_of={first}", "d"),
        ("lane=x", "a"),
        ("manually=true", "b"),
        ("manually=false", "edca"),
        ("paused=true", "c"),
        ("paused=false", "edba"),
        ("created_since=2026-01-03T00:00:00Z", "edc"),
        ("created_until=2026-01-03T00:00:00Z", "ba"),
        ("started_since=2026-01-05&started_until=2026-01-06", "ed"),
        ("ended_since=2026-01-06T00:00:00Z", "ed"),
        ("ended_until=2026-01-06T00:00:00%2B00:00", "a"),
        ("id={first}", "a"),
        ("status=error&type=manual", ""),
    ],
)
def test_filters(client, runs, query, found):
    assert names(client(), query.format(**runs)) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("status=2", "status"),
        ("workflow=abc", "workflow"),
        ("workflow=" + "9" * 25, "workflow"),
        ("parent=-1", "parent"),
        ("manually=maybe", "manually"),
        ("created_since=soon", "created_since"),
        ("key=%00", "key"),
        ("title=%00", "title"),
        ("created_by=me", "created_by"),
        ("context=1", "context"),
        ("fields=agenda", "fields"),
    ],
)
def test_a_bad_parameter_is_named(client, query, field):
    assert list(client().errors("GET", f"executions/?{query}")) == [field]


def test_a_bad_status_says_which_there_are(client):
    [error] = client()("GET", "executions/?status=done", status=400)["errors"]
    assert error["code"] == "invalid"
    assert "queued" in error["message"]
    assert "retry_needed" in error["message"]


@pytest.mark.parametrize(
    ("query", "found"), [("status=pending", [2]), ("status=0,resolved", [1, 2]), ("node_key=n2", [2])]
)
def test_filters_of_jobs(client, query, found):
    execution = run()
    job(execution, 1)
    job(execution, 2, status=0, node_key="n2")
    rows = client()("GET", f"jobs/?execution={execution.pk}&{query}")["results"]
    assert [row["number"] for row in rows] == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("execution=x", "execution"),
        ("execution=1&execution=2", "execution"),
        ("status=queued", "status"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_bad_parameter_of_jobs_is_named(client, query, field):
    assert list(client().errors("GET", f"jobs/?{query}")) == [field]
