from datetime import timedelta

import pytest
from django.utils import timezone

from tests.executions.rows import run
from tests.pages import words
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(db):
    """Runs titled a to e, oldest first; a and b are of the workflow "Big orders"."""
    workflow = Workflow.objects.create(key="kay", name="big", title="Big orders", type="manual", current=True)
    now = timezone.now()
    return {
        "w": workflow.pk,
        "a": run(workflow, title="a", name="first", event_key="ev-1").pk,
        "b": run(workflow, title="b", status=None, manually=True).pk,
        "c": run(title="c", status=0, paused_at=now).pk,
        "d": run(title="d", status=-2, type="collection", created_at=now - timedelta(days=2)).pk,
        "e": run(title="e", status=-3, created_at=now - timedelta(days=20)).pk,
    }


def shown(page, rows, query):
    text = page.get("executions_execution_changelist", query=query.format(**rows))
    return "".join(name for name in "edcba" if f"/execution/{rows[name]}/change/" in text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "edcba"),
        ("?status=queued", "b"),
        ("?status=started", "c"),
        ("?status=error", "d"),
        ("?status=paused", "c"),
        ("?status=nope", ""),
        ("?status=", "edcba"),
        ("?workflow=kay", "ba"),
        ("?workflow=big", "ba"),
        ("?workflow=orders", "ba"),
        ("?workflow={w}", "ba"),
        ("?workflow=gone", "edc"),
        ("?workflow=nothing", ""),
        ("?type=collection", "d"),
        ("?manually=yes", "b"),
        ("?manually=no", "edca"),
        ("?since=hour", "cba"),
        ("?since=week", "dcba"),
        ("?since=month", "edcba"),
        ("?status=error&type=manual", ""),
        ("?q={d}", "d"),
        ("?q=first", "a"),
        ("?q=ev-1", "a"),
        ("?q=kay", "ba"),
        ("?q=Big+or", "ba"),
        ("?q=nothing", ""),
        ("?q=" + "9" * 30, ""),
        ("?q=big&status=queued", "b"),
    ],
)
def test_filters_and_search(pages, rows, query, found):
    assert shown(pages(), rows, query) == found


def test_the_text_filter_keeps_the_others(pages, rows):
    text = pages().get("executions_execution_changelist", query="?workflow=kay&status=queued&q=b")
    assert '<input type="hidden" name="status" value="queued">' in text
    assert '<input type="hidden" name="q" value="b">' in text
    assert 'name="workflow" value="kay"' in text


def test_a_status_that_is_none_finds_nothing_and_is_told_the_known_ones(pages, rows):
    text = words(pages().get("executions_execution_changelist", query="?status=nope"))
    assert "There is no status 'nope'; there are queued, paused, started, resolved" in text
