"""Saved filters: one's own and everybody's, above the list of executions."""

import html
from typing import Any

import pytest

from executions.admin import saved
from executions.models import SavedFilter
from tests.executions.rows import run
from tests.pages import words
from tests.people import person

pytestmark = pytest.mark.django_db

LIST = "executions_execution_changelist"
FILTERS, SAVE, DROP = (f"executions_execution_filters{end}" for end in ("", "_save", "_drop"))
VIEW, SHARE = "executions.view_execution", "executions.share_savedfilter"


def links(page: Any, query: str = "") -> list[str]:
    text = html.unescape(page.get(LIST, query=query))
    return [each.query for each in SavedFilter.objects.all() if f'href="?{each.query}"' in text]


def test_what_is_asked_for_is_saved_and_found_above_the_list(pages: Any) -> None:
    run()
    page = pages(VIEW)
    query = "?status=error&status=queued&q=big&p=2&created_span=day&manually="
    page.get(LIST, query=query, status=302)
    assert "Save this filter" in page.get(LIST, query="?status=error&q=big")
    assert "Save this filter" not in page.get(LIST)
    assert page.post(SAVE, name="Mine", filter=query[1:]) == ["Saved the filter “Mine”."]
    kept = "created_span=day&q=big&status=error&status=queued"
    assert page.answer.url.endswith(f"/execution/?{kept}")
    assert links(page) == [kept]
    assert 'class="sluice-selected" aria-current="page">Mine' in page.get(LIST, query=f"?{kept}")


def test_one_is_replaced_by_its_name(pages: Any) -> None:
    page = pages(VIEW)
    page.post(SAVE, name="Mine", filter="status=error")
    page.post(SAVE, name="Mine", filter="status=queued")
    assert list(SavedFilter.objects.values_list("query", flat=True)) == ["status=queued"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"name": "", "filter": "status=error"}, "Name"),
        ({"name": "x" * 81, "filter": "status=error"}, "Name"),
        ({"name": "Mine", "filter": ""}, ""),
        ({"name": "Mine", "filter": "p=2&o=1&other=3"}, "not filtered"),
        ({"name": "Mine", "filter": "status=" + "x" * 5000}, ""),
        ({"name": "\x00", "filter": "status=error"}, "Name"),
    ],
)
def test_what_can_not_be_kept_is_told(pages: Any, sent: dict[str, str], told: str) -> None:
    [message] = pages(VIEW).post(SAVE, **sent)
    assert told in message
    assert not SavedFilter.objects.exists()


def test_nobody_keeps_more_than_a_hundred(pages: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(saved, "MOST", 1)
    page = pages(VIEW)
    page.post(SAVE, name="a", filter="status=error")
    assert page.post(SAVE, name="b", filter="status=error")[-1] == "You have 1 saved filters; delete one first."
    assert page.post(SAVE, name="a", filter="status=queued")[-1] == "Saved the filter “a”."


def test_others_see_what_is_shared_and_nothing_else(pages: Any) -> None:
    page = pages(VIEW, SHARE)
    page.post(SAVE, name="Mine", filter="status=error")
    page.post(SAVE, name="Ours", filter="status=queued", shared="on")
    other = saved_by(pages, "other")
    assert links(other) == ["status=queued"]
    text = words(other.get(FILTERS))
    assert "Ours" in text
    assert "Mine" not in text
    own = SavedFilter.objects.get(name="Mine")
    other.post(DROP, own.pk, status=404)
    other.post(DROP, SavedFilter.objects.get(name="Ours").pk, status=403)
    assert page.post(DROP, own.pk)[-1] == "Deleted the filter “Mine”."
    assert SavedFilter.objects.count() == 1


def saved_by(pages: Any, name: str, *permissions: str) -> Any:
    page = pages(None)
    page.http.force_login(person(VIEW, *permissions, username=name))
    return page


def test_sharing_needs_its_permission(pages: Any) -> None:
    page = pages(VIEW)
    assert 'name="shared"' not in page.get(LIST, query="?status=error")
    page.post(SAVE, name="Mine", filter="status=error", shared="on")
    assert not SavedFilter.objects.get().shared


def test_who_may_share_may_also_take_away_what_is_shared(pages: Any) -> None:
    pages(VIEW, SHARE).post(SAVE, name="Ours", filter="status=queued", shared="on")
    other = saved_by(pages, "other", SHARE)
    other.post(DROP, SavedFilter.objects.get().pk)
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(("name", "method"), [(FILTERS, "get"), (SAVE, "post")])
def test_it_needs_the_permission_for_the_list(pages: Any, name: str, method: str) -> None:
    getattr(pages("executions.view_job"), method)(name, status=403)


def test_a_name_is_never_markup(pages: Any) -> None:
    bad = "<script>alert(1)</script>"
    page = pages(VIEW)
    page.post(SAVE, name=bad, filter='name_prefix="><script>alert(1)</script>')
    for text in (page.get(LIST), page.get(FILTERS)):
        assert bad not in text
