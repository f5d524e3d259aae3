"""A run as it is drawn and in time."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from executions import start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.graph import forget_graphs
from workflows.models import Node, Workflow

pytestmark = pytest.mark.django_db

CHANGE = "executions_execution_change"
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def cards(page):
    """What each card says, in order."""
    found = page.partition('id="run-picture"')[2].partition('id="run-timeline"')[0]
    return [words(f"<p{text}") for text in found.split('<div class="sluice-card')[1:]]


def bars(page):
    """(x, width, colour) of each bar."""
    return re.findall(r'<rect class="sluice-fill-(\w+)" x="([\d.]+)%" y="1" width="([\d.]+)%"', page)


def test_cards_tell_statuses_rounds_and_times(pages):
    execution = start(
        build([("loop", {"target": 3}, {0: [SUM, SUM]}), ("delay", {"unit": 3_600_000, "duration": 1}), SUM]), {}
    )
    drain()
    trigger, loop, inner, _second, delay, last = cards(pages().get(CHANGE, execution.pk))
    assert "Manual" in trigger
    assert re.search(r"loop Resolved 3 rounds (\d+ ms|\d+\.\d s)", loop)
    assert "Resolved × 3" in inner
    assert "Pending" in delay
    assert "so far" in delay
    assert "Resolved" not in last


def test_what_still_waited_when_the_run_ended_waits_no_longer(pages):
    branches = {0: [("callback", {})], 1: [("end", {"endStatus": -1})]}
    execution = start(build([("parallel", {"mode": "all"}, branches)]), {})
    drain()
    execution.refresh_from_db()
    assert execution.ended_at is not None
    page = pages().get(CHANGE, execution.pk)
    assert "callback Pending" in " ".join(cards(page))
    assert "so far" not in words(page)


def test_bars_stand_where_their_times_are(pages):
    execution = run(started_at=NOON, ended_at=NOON + timedelta(seconds=10))
    ends = {1: (0, 5), 2: (5, 10), 3: (10, 10)}
    for number, (begin, end) in ends.items():
        job(
            execution, number, status=-2 if number == 2 else 1,
            started_at=NOON + timedelta(seconds=begin), ended_at=NOON + timedelta(seconds=end),
        )  # fmt: skip
    assert bars(pages().get(CHANGE, execution.pk)) == [
        ("good", "0.000", "50.000"), ("bad", "50.000", "50.000"), ("good", "99.600", "0.400"),
    ]  # fmt: skip


def test_each_attempt_has_its_bar(pages):
    execution = run(started_at=NOON, ended_at=NOON + timedelta(seconds=10))
    tried = {"number": 1, "start": "2026-11-21T12:00:00Z", "end": "2026-11-21T12:00:02Z", "status": -2}
    job(
        execution, attempt=2, attempts=[tried], started_at=NOON + timedelta(seconds=8),
        ended_at=NOON + timedelta(seconds=10),
    )  # fmt: skip
    assert bars(pages().get(CHANGE, execution.pk)) == [("bad", "0.000", "20.000"), ("good", "80.000", "20.000")]


def test_of_thousands_of_jobs_there_is_a_bar_for_each_node(pages):
    workflow = build([SUM, SUM])
    execution = run(workflow, started_at=NOON, ended_at=NOON + timedelta(seconds=10))
    nodes = list(Node.objects.filter(workflow=workflow).order_by("id"))
    known = {"execution": execution, "status": 1, "created_at": NOON, "updated_at": NOON}
    Job.objects.bulk_create(
        Job(
            number=number, node=nodes[number % 2], node_key=nodes[number % 2].key, started_at=NOON,
            ended_at=NOON + timedelta(seconds=10), **known,
        )
        for number in range(1, 3_001)
    )  # fmt: skip
    page = pages().get(CHANGE, execution.pk)
    assert len(bars(page)) == 2
    assert "× 1500" in words(page)


def test_of_a_deleted_workflow_the_bars_are_left(pages):
    execution = start(build([SUM]), {})
    drain()
    Node.objects.all().delete()
    Workflow.objects.all().delete()
    forget_graphs()
    page = pages().get(CHANGE, execution.pk)
    assert "The workflow was deleted" in words(page)
    assert cards(page) == []
    assert len(bars(page)) == 1


def test_a_run_without_jobs_has_no_timeline(pages):
    page = pages().get(CHANGE, run(status=None).pk)
    assert "Timeline" not in page
    assert Execution.objects.get().status is None
