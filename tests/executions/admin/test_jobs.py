import pytest

from tests.building import build
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db

LIST, CHANGE = "executions_job_changelist", "executions_job_change"


def test_the_list_takes_a_fixed_number_of_queries_and_loads_no_json(pages, django_assert_num_queries):
    execution = run()
    for number in range(1, 6):
        job(execution, number)
    page = pages()
    with django_assert_num_queries(5) as queries:
        page.get(LIST)
    assert not any(f'"{column}"' in query["sql"] for query in queries for column in ("input", "result", "meta", "log"))


@pytest.mark.parametrize(("q", "found"), [("{one}", "a"), ("%23{one}", "a"), ("x", ""), ("9" * 30, ""), ("%00", "")])
def test_search_is_by_execution(pages, q, found):
    one, two = run(), run()
    job(one, node_key="key-a")
    job(two, node_key="key-b")
    text = pages().get(LIST, query="?q=" + q.format(one=one.pk))
    assert "".join(name for name in "ab" if f"key-{name}" in text and q != "%00") == found


def test_the_page_shows_everything_and_changes_nothing(pages):
    row = job(run(), status=7, result={"a": 1}, meta=[1], log="a line")
    page = pages()
    text = page.get(CHANGE, row.pk)
    assert "Resolved (7)" in text
    assert "&quot;a&quot;: 1" in text
    assert page.http.post(f"/admin/executions/job/{row.pk}/change/", {}).status_code == 403
    assert page.http.get(f"/admin/executions/job/{row.pk}/delete/").status_code == 403
    assert page.http.get("/admin/executions/job/add/").status_code == 403


@pytest.mark.parametrize("pk", ["abc", "9" * 30, "77"])
def test_an_id_that_is_none_is_sent_back(pages, pk):
    assert pages().http.get(f"/admin/executions/job/{pk}/change/").status_code == 302


def test_it_needs_its_permission(pages):
    row = job(run())
    page = pages("executions.view_execution")
    page.get(LIST, status=403)
    page.get(CHANGE, row.pk, status=403)


def test_its_page_links_to_all_it_stands_with(pages, django_assert_num_queries):
    workflow = build([("calculation", {"engine": "math.js", "expression": "1+2"})])
    node, execution = workflow.nodes.get(), run(workflow)
    first, second = job(execution, 1), job(execution, 2)
    child = run(parent_execution=execution, parent_job=3)
    row = job(execution, 3, node=node, parent=1, upstream=2, log='{"level": "ERROR", "message": "Ouch <b>"}\n')
    page = pages()
    # Django remembers content types from the first time on.
    page.get(CHANGE, row.pk)
    # Session, user, job with its run and node, what its workflow marks, parent, the one before, runs it started, tasks.
    with django_assert_num_queries(9):
        text = page.get(CHANGE, row.pk)
    for address in (
        f"/admin/executions/execution/{execution.pk}/change/?after=2#job-3",
        f"/admin/workflows/node/{node.pk}/change/",
        f"/admin/executions/job/{first.pk}/change/",
        f"/admin/executions/job/{second.pk}/change/",
        f"/admin/executions/execution/{child.pk}/change/",
    ):
        assert f'href="{address}"' in text
    assert "Ouch &lt;b&gt;" in text
    node.delete()
    assert "deleted node n1" in page.get(CHANGE, row.pk)
