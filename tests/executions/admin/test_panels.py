"""One node of a run: the round that is asked for, its values folded and searched, and what may be done there."""

import re

import pytest

from executions import start
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from workflows.models import Node

pytestmark = pytest.mark.django_db

PANEL = "executions_execution_panel"
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
HOURS = ("delay", {"unit": 3_600_000, "duration": 1})
HOSTILE = "<img src=x onerror=alert(1)>"


def ran(*nodes, context=None):
    execution = start(build(list(nodes)), context or {})
    drain()
    return Execution.objects.get(pk=execution.pk)


def look(pages, execution, query=""):
    return words(pages.get(PANEL, execution.pk, query=query))


def node_of(execution, key):
    return Node.objects.get(workflow=execution.workflow_id, key=key).pk


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "job 4"),
        ("?node={n2}", "job 4 Round of 3 Show Previous"),
        ("?node={n2}&round=2", "job 3 Round of 3 Show Previous Next"),
        ("?node={n2}&round=99", "job 4 Round of 3"),
        ("?node={n2}&round=x", "job 4 Round of 3"),
        ("?job=2", "job 2 Round of 3 Show Next"),
        ("?job=1", "loop · job 1 Status Resolved"),
    ],
)
def test_the_round_that_is_asked_for(pages, query, told):
    execution = ran(("loop", {"target": 3}, {0: [SUM]}))
    page = look(pages(), execution, query.format(n2=node_of(execution, "n2")))
    assert told in page


@pytest.mark.parametrize("query", ["?job=99", "?node=987654321"])
def test_what_is_not_there(pages, query):
    pages().get(PANEL, ran(SUM).pk, query=query, status=404)


def test_a_node_that_has_not_run(pages):
    execution = ran(HOURS, SUM)
    boss = pages()
    assert "This node has not run." in look(boss, execution, f"?node={node_of(execution, 'n2')}")
    assert "Nothing has run." in look(boss, run())


@pytest.mark.parametrize("jobs", [3, 60])
def test_it_costs_the_same_for_any_number_of_rounds(pages, django_assert_num_queries, jobs):
    execution = ran(("loop", {"target": jobs}, {0: [SUM]}))
    page = pages()
    # Session, user, run, the job, what is marked, its round (four), the tasks that the header counts.
    with django_assert_num_queries(10):
        page.get(PANEL, execution.pk, query="?job=3")


def test_values_are_folded_and_what_is_large_is_left_out(pages):
    execution = run()
    job(execution, result={"rows": list(range(3_000)), "note": "x" * 5_000, "deep": {"a": {"b": None}}})
    page = pages().get(PANEL, execution.pk)
    assert "3000 items" in page
    assert re.search(r"<p class=\"sluice-quiet\">\d+ more entries</p>", page)
    assert page.count("<details") == page.count("</details>")
    assert "x" * 2_001 not in page


def test_a_search_tells_the_places_of_what_it_found(pages):
    execution = run()
    job(
        execution,
        result={"rows": [{"name": "Ada"}, {"name": "Bob"}], "adagio": 1},
        log='{"message": "met Ada"}\n{"message": "left"}',
    )
    page = pages().get(PANEL, execution.pk, query="?q=ADA")
    assert re.findall(r"<code>(.*?)</code> (.*?)</li>", page) == [
        ("rows.0.name", "<mark>Ada</mark>"), ("adagio", "1"),
    ]  # fmt: skip
    assert "met Ada" in page
    assert "left" not in words(page)


def test_nothing_is_html(pages):
    execution = run()
    job(
        execution, node_key=HOSTILE, input={HOSTILE: HOSTILE}, result=[HOSTILE], log=HOSTILE, status=-2, attempt=2,
        attempts=[{"number": 1, "start": None, "end": None, "status": -2, "message": HOSTILE}],
    )  # fmt: skip
    boss = pages()
    for name, query in ((PANEL, ""), (PANEL, "?q=img"), ("executions_execution_change", "")):
        assert "<img src=x" not in boss.get(name, execution.pk, query=query)


def test_what_may_be_done_there(pages):
    execution = ran(HOURS)
    seen = pages("executions.view_execution", "executions.view_job")
    assert "Complete" not in look(seen, execution)
    boss = pages()
    assert "Complete Fail Rerun from here The job's page The node" in look(boss, execution)
    Job.objects.update(status=1)
    assert "Complete" not in look(boss, execution)


@pytest.mark.parametrize("permission", ["executions.view_execution", "executions.view_job"])
def test_it_needs_both_permissions(pages, permission):
    execution = ran(SUM)
    pages(permission).get(PANEL, execution.pk, status=403)


def test_marked_values_are_masked(pages):
    workflow = build([SUM], options={"sensitive": ["$context.data.card"]})
    execution = run(workflow, context={"data": {"card": "4711-secret"}})
    job(execution, input={"text": "card 4711-secret"}, log="seen 4711-secret")
    page = pages().get(PANEL, execution.pk, query="?q=4711")
    assert "secret" not in page.replace("workflows_secret", "").replace("/secret/", "").partition("sluice-look")[2]
