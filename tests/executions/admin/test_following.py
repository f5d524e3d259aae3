"""The page of a run while it runs: it asks again, gets what has changed, and stops when the run has ended."""

import html
import re

import pytest

from executions import operations, start
from executions.models import Execution
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.history import LONGEST_REASON
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db(transaction=True)

CHANGE, LIVE = "executions_execution_change", "executions_execution_live"
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
HOURS = ("delay", {"unit": 3_600_000, "duration": 1})


def waiting(*nodes):
    execution = start(build([*nodes, HOURS, SUM]), {})
    drain()
    return Execution.objects.get(pk=execution.pk)


def next_look(page):
    """(query, seconds) of what the page asks next; None where it asks nothing any more."""
    found = re.search(r'id="run-look" hx-get="[^"?]*(\?[^"]*)" hx-trigger="every (\d+)s"', page)
    return (html.unescape(found[1]), int(found[2])) if found else None


def parts(page):
    return re.findall(r'id="run-(tools|summary|picture|timeline|jobs)"', page)


def test_a_look_at_what_has_not_moved_is_cheap_and_the_next_one_later(pages, django_assert_num_queries):
    execution = waiting()
    boss = pages()
    query, seconds = next_look(boss.get(CHANGE, execution.pk))
    assert seconds == 1
    paces = []
    for _ in range(10):
        # Session, user, the run's turn.
        with django_assert_num_queries(3):
            page = boss.get(LIVE, execution.pk, query=query)
        assert parts(page) == []
        query, seconds = next_look(page)
        paces.append(seconds)
    assert paces == [1, 2, 3, 5, 8, 13, 20, 30, 30, 30]


def test_only_what_has_changed_comes(pages):
    execution = waiting()
    boss = pages()
    query, _seconds = next_look(boss.get(CHANGE, execution.pk, query="?show=waiting"))
    assert "show=waiting" in query
    Execution.objects.filter(pk=execution.pk).update(turn=99)
    page = boss.get(LIVE, execution.pk, query=query)
    # How long it has waited so far is told anew, what may be done is the same.
    assert set(parts(page)) <= {"summary", "picture", "timeline", "jobs"}
    assert next_look(page)[1] == 1
    operations.cancel(execution.pk)
    page = boss.get(LIVE, execution.pk, query=query)
    assert parts(page) == ["tools", "summary", "picture", "timeline", "jobs"]
    assert "Pause" not in page


def test_it_ends_with_the_run(pages):
    execution = waiting()
    boss = pages()
    query, _seconds = next_look(boss.get(CHANGE, execution.pk))
    operations.complete_job(execution.jobs.get(status=0).pk)
    drain()
    page = boss.get(LIVE, execution.pk, query=query)
    assert next_look(page) is None
    assert "Ended as Resolved" in words(page)
    assert next_look(boss.get(CHANGE, execution.pk)) is None


@pytest.mark.parametrize("jobs", [3, 300])
def test_a_look_takes_a_fixed_number_of_queries(pages, django_assert_max_num_queries, jobs):
    execution = run(build([SUM]), status=0)
    for number in range(1, jobs + 1):
        job(execution, number)
    boss = pages()
    with django_assert_max_num_queries(14):
        boss.get(LIVE, execution.pk, query="?turn=none")


@pytest.mark.parametrize("query", ["", "?turn=x&idle=-1&have=%00", "?turn=0&idle=1e9", "?after=x&in=y&show=z"])
def test_whatever_is_asked(pages, query):
    pages().get(LIVE, waiting().pk, query=query)


def test_who_may_look(pages):
    execution = waiting()
    pages("executions.view_job").get(LIVE, execution.pk, status=403)


def test_without_the_permission_to_see_jobs_none_are_told(pages):
    page = pages("executions.view_execution").get(CHANGE, waiting().pk)
    assert "sluice-card" not in page
    assert "Timeline" not in page


def test_what_is_not_there(pages):
    boss = pages()
    boss.get(LIVE, 987654321, status=404)
    boss.post(LIVE, waiting().pk, status=405)


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_a_pause_has_a_reason_in_the_history(pages, name):
    execution = waiting()
    if name == "resume":
        operations.pause(execution.pk)
    boss = pages()
    boss.post(f"executions_execution_{name}", execution.pk, reason="lunch")
    assert HistoryEntry.objects.get(action=f"execution.{name}", reason="lunch")
    said = boss.post(f"executions_execution_{name}", execution.pk, reason="x" * (LONGEST_REASON + 1))
    assert said[-1].startswith("The reason")
