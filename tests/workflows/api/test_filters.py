from datetime import datetime

import pytest
from django.utils import timezone

from tests.workflows.kinds import spare
from workflows.models import Category, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def titles(api, query):
    return "".join(row["title"] for row in api("GET", f"workflows/?{query}")["results"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "cba"),
        ("name=bee", "b"),
        ("name=a,bee", "ba"),
        ("name=a&name=bee", "ba"),
        ("name=BEE", ""),
        ("title=B", "b"),
        ("type=t-tick", "ba"),
        ("type=t-tick,other", "cba"),
        ("enabled=true", "b"),
        ("enabled=0", "ca"),
        ("current=true", "ba"),
        ("current=false", "c"),
        ("created_since=2026-01-02T00:00:00Z", "cb"),
        ("created_until=2026-01-02T00:00:00Z", "a"),
        ("created_since=2026-01-02T02:00:00+02:00&created_until=2026-01-03", "b"),
        ("title=%25", ""),
    ],
)
def test_filters(client, query, found):
    spare(title="a", name="a")
    spare(title="b", name="bee", enabled=True)
    spare(title="c", current=None, type="other")
    for day, title in enumerate("abc", start=1):
        moment = timezone.make_aware(datetime(2026, 1, day))
        Workflow.objects.filter(title=title).update(created_at=moment)
    assert titles(client(), query) == found


def test_several_categories_show_a_workflow_once(client):
    workflow = spare(title="a")
    found = [Category.objects.create(title=title) for title in "xy"]
    workflow.categories.set(found)
    assert titles(client(), f"category={found[0].pk},{found[1].pk}") == "a"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("status=1", "status"),
        ("id=abc", "id"),
        ("id=" + "9" * 30, "id"),
        ("id=-1", "id"),
        ("id=" + "1," * 300, "id"),
        ("enabled=perhaps", "enabled"),
        ("enabled=true&enabled=false", "enabled"),
        ("name=%00", "name"),
        ("title=%00", "title"),
        ("title=" + "x" * 300, "title"),
        ("created_since=yesterday", "created_since"),
        ("created_since=0001-01-01T00:00:00%2B23:00", "created_since"),
        ("created_since=9999-12-31T23:59:59-23:00", "created_since"),
        ("created_since=2026-13-40", "created_since"),
        ("created_since=2026-01-01T00:00:00%2B99:99", "created_since"),
        ("fields=id,colour", "fields"),
        ("cursor=abc", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=" + "9" * 5000, "cursor"),
        ("cursor=1&cursor=2", "cursor"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=all", "page_size"),
        ("%00=1", "\x00"),
        ("page=0", "page"),
        ("page=2&cursor=5", "page"),
        ("page=201", "page"),
        ("page=5&page=6", "page"),
    ],
)
def test_a_bad_parameter_is_named(client, query, field):
    errors = client().errors("GET", f"workflows/?{query}")
    assert list(errors) == [field]


def test_an_unknown_filter_says_which_there_are(client):
    message = client().errors("GET", "workflows/?colour=red")["colour"]
    assert all(name in message for name in ("title", "enabled", "created_since", "cursor", "fields"))


def test_fields_choose_what_is_shown_and_loaded(client, django_assert_num_queries):
    spare(title="a")
    api = client()
    with django_assert_num_queries(3) as queries:
        answer = api("GET", "workflows/?fields=title,frozen")
    assert answer["results"] == [{"title": "a", "frozen": False}]
    assert '"config"' not in queries[-1]["sql"]
