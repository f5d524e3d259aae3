"""Moments on our pages read one way: ISO-like, to the second, in the reader's time zone."""

import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from tests.building import build
from tests.executions.rows import job, run
from workflows import secrets, versions
from workflows.models import HistoryEntry, Secret, Workflow
from workflows.templatetags.sluice import moment

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 21, 22, 27, 55, tzinfo=UTC)
#: As a reader eight hours east sees it.
TIME = re.compile(r'<time datetime="[-0-9T:.]+[+]08:00">[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}</time>')


@pytest.fixture
def rows(settings):
    settings.SLUICE = {"SECRET_KEYS": ["A" * 32]}
    workflow = build([("calculation", {"engine": "math.js", "expression": "1"})])
    versions.change_workflow(workflow, title="Orders")
    times = {"created_at": AT, "updated_at": AT, "started_at": AT, "ended_at": AT}
    row = job(run(workflow, **times), due_at=AT, **times)
    secret = secrets.create("key", "value")
    for model in (Workflow, Secret):
        model.objects.update(updated_at=AT, created_at=AT)
    Workflow.objects.update(frozen_at=AT)
    entry = HistoryEntry.objects.latest("pk")
    return {
        "w": workflow.pk,
        "e": row.execution_id,
        "j": row.pk,
        "s": secret.pk,
        "h": entry.pk,
    }


PAGES = [
    ("workflows_workflow_changelist", "", 1),
    # Frozen, created, updated, and once more among the versions.
    ("workflows_workflow_change", "w", 4),
    ("workflows_workflow_history", "w", 1),
    ("workflows_historyentry_changelist", "", 2),
    ("workflows_historyentry_change", "h", 1),
    ("workflows_secret_changelist", "", 1),
    ("workflows_secret_change", "s", 1),
    ("executions_execution_changelist", "", 1),
    ("executions_execution_change", "e", 4),
    ("executions_job_changelist", "", 1),
    ("executions_job_change", "j", 3),
]


@pytest.mark.parametrize(("page", "row", "times"), PAGES)
def test_moments_read_one_way(pages, rows, page, row, times):
    with timezone.override("Asia/Shanghai"):
        text = pages().get(page, *([rows[row]] if row else []))
    assert len(TIME.findall(text)) >= times
    content = text[text.index('<div id="content"') :]
    assert not re.search(r"Nov\. \d|\d (a|p)\.m\.|>\d\d-\d\d \d\d:\d\d", content)


def test_a_moment_reads_as_at_the_readers_place():
    with timezone.override("Asia/Shanghai"):
        assert moment(AT) == '<time datetime="2026-11-22T06:27:55+08:00">2026-11-22 06:27:55</time>'
    assert moment(None) == ""
