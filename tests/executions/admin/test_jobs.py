import pytest

from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db

LIST, CHANGE = "executions_job_changelist", "executions_job_change"


def test_the_list_takes_a_fixed_number_of_queries_and_loads_no_json(pages, django_assert_num_queries):
    execution = run()
    for number in range(1, 6):
        job(execution, number)
    page = pages()
    with django_assert_num_queries(4) as queries:
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
