"""Logs sent on while the run goes on."""

import asyncio
import json
from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from executions import following, logs, operations, start
from executions.following import Follower, astream, stream
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db

DELAY = ("delay", {"unit": 3_600_000, "duration": 1})


@pytest.fixture(autouse=True)
def _brisk(monkeypatch):
    monkeypatch.setattr(following, "LOOK", 0.001)
    monkeypatch.setattr(following, "BEAT", 0.0)


def told(chunk):
    return [json.loads(line)["message"] for line in chunk.splitlines() if line]


def until_told(lines):
    """The next lines that are no sign of life."""
    return next(found for chunk in lines if (found := told(chunk)))


def all_told(lines):
    return [message for chunk in lines for message in told(chunk)]


def waiting():
    execution = start(build([DELAY, DELAY]), {})
    drain()
    return execution


# What was completed is due by the database's clock, which stands still inside a test's own transaction.
@pytest.mark.django_db(transaction=True)
def test_each_line_comes_once_as_it_happens_and_the_stream_ends_with_the_run():
    execution = waiting()
    lines = stream(Follower(execution, logs.Wanted()), follow=True)
    assert until_told(lines) == ["Queued.", "Started.", "Began delay (job 1)."]
    assert next(lines) == b"\n"
    operations.complete_job(Job.objects.get().pk)
    assert until_told(lines)[0] == "Job 1 ended: Resolved."
    drain()
    assert until_told(lines) == ["Began delay (job 2)."]
    operations.cancel(execution.pk)
    rest = all_told(lines)
    assert rest[0] == "Job 2 ended: Aborted."
    assert rest[1:] == ["Ended: Aborted.", "Canceled."]
    assert len(rest) == len(set(rest))


def test_a_look_at_a_run_that_stands_still_costs_one_row(django_assert_num_queries):
    follower = Follower(waiting(), logs.Wanted())
    follower.poll()
    with django_assert_num_queries(1):
        assert follower.poll() == b""


def test_many_jobs_come_in_chunks_and_those_that_wait_are_asked_for_again(monkeypatch):
    monkeypatch.setattr(following, "CHUNK", 2)
    execution = run(status=0)
    for number in range(1, 8):
        job(execution, number, status=0, ended_at=None)
    follower = Follower(execution, logs.Wanted())
    begun = [message for _ in range(4) for message in told(follower.poll())]
    assert sum("Began" in message for message in begun) == 7
    assert not follower.more
    Job.objects.filter(number=6).update(status=1, ended_at=timezone.now())
    Execution.objects.update(turn=5)
    follower.more = False
    lines = []
    for _ in range(5):
        lines += told(follower.poll())
    assert lines == ["Job 6 ended: Resolved."]


def test_without_follow_it_ends_where_the_log_ends():
    execution = waiting()
    assert all_told(stream(Follower(execution, logs.Wanted()), follow=False))[-1] == "Began delay (job 1)."


def test_a_stream_ends_when_its_time_is_over(monkeypatch):
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _seconds: None)
    monkeypatch.setattr(following, "time", clock)
    monkeypatch.setattr(following, "FOLLOWED", 10)
    chunks = list(stream(Follower(waiting(), logs.Wanted()), follow=True))
    assert len(told(chunks[0])) == 3
    assert set(chunks[1:]) == {b"\n"}


def test_silence_is_broken_after_a_while_only(monkeypatch):
    monkeypatch.setattr(following, "BEAT", 60.0)
    monkeypatch.setattr(following, "FOLLOWED", 0.05)
    assert len(list(stream(Follower(waiting(), logs.Wanted()), follow=True))) == 1


def test_a_run_that_is_deleted_ends_its_stream():
    execution = run(status=0)
    lines = stream(Follower(execution, logs.Wanted()), follow=True)
    next(lines)
    Execution.objects.all().delete()
    assert all_told(lines) == []


def test_a_reader_that_comes_again_asks_since_a_moment():
    execution = run(status=0)
    old = timezone.now() - timedelta(hours=2)
    job(execution, 1, started_at=old, ended_at=old)
    Job.objects.update(updated_at=old)
    job(execution, 2)
    wanted = logs.Wanted(since=timezone.now() - timedelta(hours=1))
    lines = all_told(stream(Follower(execution, wanted), follow=False))
    assert sum("Began" in line for line in lines) == 1


def test_of_one_node_the_runs_own_lines_are_left_out():
    execution = run()
    job(execution, 1, node_key="a")
    job(execution, 2, node_key="b")
    wanted = logs.Wanted(node_keys=["b"])
    lines = all_told(stream(Follower(execution, wanted), follow=True))
    assert lines == ["Began deleted node b (job 2).", "Job 2 ended: Resolved."]


@pytest.mark.django_db(transaction=True)
def test_on_an_event_loop_it_sends_the_same():
    execution = run()
    job(execution)

    async def read(follower):
        try:
            return [chunk async for chunk in astream(follower, follow=True)]
        finally:
            # It looked at the run in a thread of its own.
            await sync_to_async(connections.close_all)()

    found = b"".join(asyncio.run(read(Follower(execution, logs.Wanted()))))
    assert found == b"".join(stream(Follower(execution, logs.Wanted()), follow=True))
    assert b"Ended" in found
