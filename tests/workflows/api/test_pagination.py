import pytest

from tests.workflows.kinds import plant, spare
from workflows.api import pagination
from workflows.models import Workflow

HERE = "http://testserver/api/v1/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def pages(api, path):
    """The titles of every page, following `next`."""
    found = []
    while path:
        answer = api("GET", path.removeprefix(HERE))
        found.append("".join(row["title"] for row in answer["results"]))
        path = answer["next"]
    return found


@pytest.mark.parametrize(
    ("size", "found"), [(1, ["e", "d", "c", "b", "a"]), (2, ["ed", "cb", "a"]), (5, ["edcba"]), (200, ["edcba"])]
)
def test_pages_follow_one_another_newest_first(client, size, found):
    for title in "abcde":
        spare(title=title)
    assert pages(client(), f"workflows/?page_size={size}&fields=title") == found


def test_pages_are_stable_while_rows_come_and_go(client):
    rows = [spare(title=title) for title in "abcd"]
    api = client()
    first = api("GET", "workflows/?page_size=2")
    spare(title="new")
    Workflow.objects.filter(pk=rows[3].pk).delete()
    assert pages(api, first["next"]) == ["ba"]


def test_the_cursor_keeps_the_filters(client):
    for title in "abc":
        spare(title=title)
    spare(title="x", type="other")
    assert pages(client(), "workflows/?page_size=2&type=t-tick") == ["cb", "a"]


def test_nodes_are_oldest_first(client):
    plant(spare(), "a b c")
    assert pages(client(), "nodes/?page_size=2") == ["ab", "c"]


def test_an_empty_list_is_an_answer(client):
    assert client()("GET", "workflows/") == {"next": None, "results": []}


def test_pages_may_have_numbers_and_a_count(client):
    for title in "abcde":
        spare(title=title)
    api = client()
    page = api("GET", "workflows/?page=2&page_size=2&fields=title")
    assert [row["title"] for row in page["results"]] == ["c", "b"]
    assert (page["count"], page["more_than"]) == (5, False)
    assert [row["title"] for row in api("GET", page["next"].removeprefix(HERE))["results"]] == ["a"]
    assert [row["title"] for row in api("GET", page["previous"].removeprefix(HERE))["results"]] == ["e", "d"]
    last = api("GET", "workflows/?page=3&page_size=2")
    assert (last["next"], len(last["results"])) == (None, 1)
    assert api("GET", "workflows/?page=9&page_size=2")["results"] == []


def test_counting_stops_and_pages_go_on_by_cursor(client, monkeypatch):
    monkeypatch.setattr(pagination, "COUNTED", 4)
    for title in "abcdef":
        spare(title=title)
    api = client()
    page = api("GET", "workflows/?page=2&page_size=2&fields=title")
    assert (page["count"], page["more_than"]) == (4, True)
    assert "cursor=" in page["next"]
    assert pages(api, page["next"]) == ["ba"]
    assert "narrow" in api.errors("GET", "workflows/?page=3&page_size=2")["page"]
