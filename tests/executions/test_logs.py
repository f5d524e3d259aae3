"""A run's log as it is read: from its rows, its jobs' attempts and what they wrote."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from executions import logs, operations, start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
WRONG = ("calculation", {"engine": "math.js", "expression": "$context.nothing.at.all + foo"})


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def said(lines):
    return [(line.level, line.message) for line in lines]


def entry(number, start, end, status=-1, message="Busy.", **more):
    moments = {"start": at(start).isoformat(), "end": at(end).isoformat()}
    return {"number": number, **moments, "status": status, "message": message, **more}


def log(*texts, level="INFO", second=0.5):
    lines = [{"timestamp": at(second).isoformat(timespec="milliseconds"), "level": level, "message": t} for t in texts]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"status": None}, ["Queued."]),
        ({"status": 0, "manually": True}, ["Queued by hand.", "Started."]),
        ({"status": 1}, ["Queued.", "Started.", "Ended: Resolved."]),
        ({"status": -3, "reason": "timeout"}, ["Queued.", "Started.", "Ended: Aborted, Timed out."]),
        ({"status": -2, "error": "It broke."}, ["Queued.", "Started.", "Ended: Error. It broke."]),
        (
            {"status": 1, "rerun_of_id": 7, "attempt": 2},
            ["Queued: attempt 2, a rerun of execution 7.", "Started.", "Ended: Resolved."],
        ),
        ({"status": 0, "parent_execution_id": 9}, ["Queued by execution 9.", "Started."]),
    ],
)
def test_a_runs_own_lines(columns, expected):
    execution = run(**columns)
    lines = [*logs.before_jobs(execution), *logs.after_jobs(execution)]
    assert [line.message for line in lines] == expected
    assert all(line.node_id is None for line in lines)


@pytest.mark.parametrize(
    ("status", "level"),
    [(1, "INFO"), (7, "INFO"), (-1, "ERROR"), (-2, "ERROR"), (-3, "WARN"), (-5, "WARN"), (-9, "ERROR")],
)
def test_an_end_is_as_loud_as_it_is_bad(status, level):
    [_begun, ended] = logs.of_job(job(run(), status=status), {})
    assert ended.level == level


def test_attempts_tell_what_failed_and_when_the_next_began():
    row = job(
        run(), status=-2, attempt=3, started_at=at(8), ended_at=at(9),
        attempts=[entry(1, 0, 1), entry(2, 3, 4, None, "", lost=True), entry(3, 8, 9, -2, "Too late.")],
    )  # fmt: skip
    assert said(logs.of_job(row, {})) == [
        ("INFO", "Began deleted node n1 (job 1)."),
        ("WARN", "Attempt 1 failed. Busy."),
        ("INFO", "Attempt 2 began."),
        ("WARN", "Attempt 2 was lost."),
        ("INFO", "Attempt 3 began."),
        ("ERROR", "Job 1 ended: Error. Too late."),
    ]
    assert [line.at for line in logs.of_job(row, {})] == [at(0), at(1), at(3), at(4), at(8), at(9)]


def test_an_attempt_under_way_has_begun():
    row = job(run(status=0), status=0, attempt=2, started_at=at(5), ended_at=None, attempts=[entry(1, 0, 1)])
    assert said(logs.of_job(row, {}))[-1] == ("INFO", "Attempt 2 began.")


def test_what_a_job_wrote_stands_between_its_begin_and_its_end():
    written = log("one", "two") + "no JSON\n" + "[1]\n\n" + log("odd", level="loud")
    row = job(run(), started_at=at(0), ended_at=at(1), log=written)
    assert said(logs.of_job(row, {}))[1:-1] == [
        ("INFO", "no JSON"),
        ("INFO", "[1]"),
        ("INFO", "one"),
        ("INFO", "two"),
        ("INFO", "odd"),
    ]


def test_a_line_of_the_same_millisecond_is_not_shown_before_the_beginning():
    row = job(run(), started_at=at(0.5004), ended_at=at(0.5008), log=log("at once"))
    assert [line.message for line in logs.of_job(row, {})][1] == "at once"


@pytest.mark.parametrize("text", [None, 5, "soon", ""])
def test_a_moment_that_is_none_reads_as_none(text):
    assert logs.moment_of(text) is None


def test_a_moment_without_an_offset_is_utc():
    assert logs.moment_of("2026-03-01T12:00:00") == NOON


def test_a_shown_line_has_the_five_names_of_a_jobs_own_lines():
    [line] = logs.shown([logs.Line(("log", 0), NOON, "INFO", "a\x00b", 4)], 9)
    assert line == {
        "timestamp": "2026-03-01T12:00:00.000Z",
        "level": "INFO",
        "message": "ab",
        "nodeId": 4,
        "executionId": 9,
    }


def test_of_a_real_run_begins_and_ends_are_in_order():
    workflow = build([("parallel", {}, {1: [SUM], 2: [WRONG]}), SUM])
    execution = start(workflow, {})
    drain()
    execution.refresh_from_db()
    names = {node.pk: node.key for node in workflow.nodes.all()}
    lines = list(logs.before_jobs(execution))
    for row in Job.objects.filter(execution=execution).order_by("number"):
        lines += logs.of_job(row, names)
    lines += logs.after_jobs(execution)
    lines.sort(key=lambda line: line.at)
    told = [line.message for line in lines]
    firsts = [text.split(" ")[0] for text in told]
    assert firsts == ["Queued.", "Started.", "Began", "Began", "Job", "Began", "Job", "Job", "Ended:"]
    assert told[2] == "Began n1 (job 1)."
    assert "double braces" in told[6]
    assert lines[-1].level == "ERROR"


def test_an_aborted_wait_says_so():
    execution = start(build([("delay", {"unit": 3_600_000, "duration": 1})]), {})
    drain()
    operations.cancel(execution.pk)
    execution = Execution.objects.get()
    assert said(logs.of_job(Job.objects.get(), {}))[-1] == ("WARN", "Job 1 ended: Aborted.")
    assert said(logs.after_jobs(execution)) == [("WARN", "Ended: Aborted.")]
