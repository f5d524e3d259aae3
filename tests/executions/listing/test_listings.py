"""The lists of runs: what each filter finds, in which order, and page after page."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from executions.listing import listings
from executions.listing.filtersets import ExecutionFilter
from executions.models import Attribute, Execution
from tests.building import build
from tests.executions.rows import job, run
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

HERE = "http://testserver/api/v1/"
PAID = {"status": "paid", "total": 5, "ok": True}


def day(number):
    return datetime(2026, 1, number, tzinfo=UTC)


def mark(execution, name, text, number=None):
    Attribute.objects.create(execution=execution, key=execution.key, name=name, text=text, number=number)


@pytest.fixture
def runs(db):
    """Five runs named apple, apply, Apple, banana and bäh, oldest first, as a to e."""
    workflow = Workflow.objects.create(key="kay", title="Big orders", type="manual", current=True)
    other = build([("delay", {"unit": 1000, "duration": 1})], title="Other", key="oh")
    node = other.nodes.get()
    a = run(
        workflow, name="apple", created_at=day(1), started_at=day(3), ended_at=day(9), event_key="ev-1",
        tags=["x", "y"],
        context={"data": {**PAID, "items": [{"sku": "Größe \"L\""}], "at": "2026-01-05"}},
        output={"total": 10},
    )  # fmt: skip
    b = run(
        workflow, name="apply", status=-2, created_at=day(2), started_at=day(2), ended_at=day(3),
        error="Division by Zero",
        context={"data": {"status": "open", "total": 50.5}}, event_key="ev-2", tags=["x"], output={"total": "10"},
    )  # fmt: skip
    c = run(other, name="Apple", status=0, created_at=day(3), started_at=day(6), context={"data": {"total": "5"}})
    d = run(other, name="banana", status=None, created_at=day(4), context={"data": "paid"}, type="manual")
    e = run(name="bäh", status=-3, created_at=day(5), started_at=day(5), ended_at=day(6), context=None)
    job(c, 1)
    job(c, 2, status=0, node=node, node_key=node.key)
    for execution in (a, b):
        for tag in execution.tags:
            mark(execution, "", tag)
    for execution, total in ((a, 5.0), (b, 50.5), (c, 7.0)):
        mark(execution, "total", f"{total:g}", total)
        mark(execution, "on", f"2026-01-0{execution.pk - a.pk + 1}")
    return {
        "w": workflow.pk, "o": other.pk, "n": node.pk, "nk": node.key,
        "letters": dict(zip((a.pk, b.pk, c.pk, d.pk, e.pk), "abcde", strict=True)),
    }  # fmt: skip


def found(api, runs, query):
    rows = api("GET", "executions/?" + query.format(**runs))["results"]
    return "".join(runs["letters"][row["id"]] for row in rows)


FILTERS = [
    ("", "edcba"),
    ("order=id", "abcde"),
    ("status=resolved,error,aborted", "eba"),
    ("status=resolved&status=queued", "da"),
    ("status=resolved,error&key=kay", "ba"),
    ("status=error,queued&workflow={w},{o}", "db"),
    ("key=kay,oh", "dcba"),
    ("key=kay&type=manual", "ba"),
    ("key=kay&type=collection", ""),
    ("workflow={o}&type=manual,collection", "dc"),
    ("workflow={o}&type=collection", ""),
    ("key=gone&type=manual", "e"),
    ("key=gone&type=collection", ""),
    ("title=order", "ba"),
    ("title=o", "dcba"),
    ("title=o&key=oh", "dc"),
    ("title=nothing", ""),
    ("name=apple,Apple", "ca"),
    ("name_prefix=app", "ab"),
    ("name_prefix=App", "c"),
    ("name_prefix=b", "de"),
    ("name_prefix=b%C3%A4", "e"),
    ("name_prefix=app&key=kay", "ab"),
    ("name_prefix=app&status=error", "b"),
    ("event_key=ev-1,ev-2", "ba"),
    ("event_key_prefix=ev-", "ab"),
    ("event_key_prefix=x", ""),
    ("waiting_at={n}", "c"),
    ("waiting_at={nk}", "c"),
    ("waiting_at={nk}&status=started", "c"),
    ("waiting_at={nk}&key=kay", ""),
    ("waiting_at=nowhere", ""),
    ("waiting_at=987654321", ""),
    ("tags=x", "ba"),
    ("tags=x,y", "a"),
    ("tags=x&tags=y", "a"),
    ("tags=x&key=kay", "ba"),
    ("tags=x&key=oh", ""),
    ("tags=x&workflow={w}", "ba"),
    ("tags=x&status=error", "b"),
    ("tags=X", ""),
    ("tags=x&title=order", "ba"),
    ("tags=x&title=other", ""),
    ("attr.total=5", "a"),
    ("attr.total=5.0", "a"),
    ("attr.total=50.5&key=kay", "b"),
    ("attr.total=5&tags=x", "a"),
    ("attr.total=7&tags=x", ""),
    ("attr.total__gte=5", "bca"),
    ("attr.total__gt=5", "bc"),
    ("attr.total__lte=7&attr.total__gt=5", "c"),
    ("attr.total__lt=50&key=kay", "a"),
    ("attr.total__gte=0&status=error,started", "bc"),
    ("attr.on__gte=2026-01-02", "cb"),
    ("attr.on__gte=2026-01-02&attr.total__gt=8", "b"),
    ("attr.nothing=5", ""),
    ("created_since=2026-01-02&created_until=2026-01-04", "cb"),
    ("started_since=2026-01-01", "ceab"),
    ("started_since=2026-01-03&ended_until=2026-01-08", "e"),
    ("ended_since=2026-01-01", "aeb"),
    ("ended_since=2026-01-01&status=resolved,error", "ab"),
    ("updated_until=2026-01-01", ""),
    ("updated_since=2026-02-01", "edcba"),
    ("running_min=0", "c"),
    ("running_min=1&key=oh", "c"),
    ("running_min=1&key=kay", ""),
    ("running_min=1&status=resolved", ""),
    ("running_min=3000000000", ""),
    ("duration_min=86400&duration_max=86400", "eb"),
    ("duration_min=86400.5", "a"),
    ("duration_max=0", ""),
    ("key=kay&order=duration", "ba"),
    ("key=kay&order=-duration", "ab"),
    ("key=oh&order=-duration", ""),
    ("key=kay&order=name", "ab"),
    ("key=kay&order=-name", "ba"),
    ("workflow={w}&order=started", "ba"),
    ("workflow={w}&order=-started", "ab"),
    ("created_since=2026-01-01&order=ended", "bea"),
    ("created_since=2026-01-01&order=-id", "edcba"),
    ("created_since=2026-01-01&order=created", "abcde"),
    ("key=kay&order=updated", "ab"),
    ("key=kay&context.data.status=paid", "a"),
    ("key=kay&context.data.total=5", "a"),
    ("key=oh&context.data.total=5", "c"),
    ("key=kay&context.data.total__gt=5", "b"),
    ("key=oh&context.data.total__gt=1", ""),
    ("key=kay&context.data.total__lte=50.5", "ba"),
    ("key=kay&context.data.ok=true", "a"),
    ("key=kay&context.data.items.0.sku__contains=Gr%C3%B6", "a"),
    ("key=kay&context.data.items.0.sku__contains=gr%C3%B6", ""),
    ("key=kay&context.data.at__gte=2026-01-05", "a"),
    ("key=kay&context.data.at__gt=2026-01-05", ""),
    ("key=kay&context.data.contains=1", ""),
    ("key=kay&context.a__b.gt=1", ""),
    ("key=oh&context.data=paid", "d"),
    ("created_since=2026-01-01&context.data=paid", "d"),
    ("key=kay&output.total=10", "ba"),
    ("key=kay&output.total__gt=5", "a"),
    ("key=kay&output.total__gt=5&context.data.status=paid", "a"),
    ("key=kay&context_contains=PAID", "a"),
    ("key=kay&context_contains=Gr%C3%B6%C3%9Fe%20%22L", "a"),
    ("key=kay&context_contains=%25", ""),
    ("key=kay&output_contains=10", "ba"),
    ("created_since=2026-01-01&error_contains=zero", "b"),
    ("key=gone&context_contains=a", ""),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_filters(client, runs, query, expected):
    assert found(client(), runs, query) == expected


@pytest.mark.parametrize(("query", "expected"), [row for row in FILTERS if len(row[1]) > 1])
def test_pages_hold_the_same_in_the_same_order(client, runs, query, expected):
    """By cursor, one at a time, and by number; whoever counts counts the same."""
    api, seen = client(), ""
    path = "executions/?page_size=1&" + query.format(**runs)
    while path:
        page = api("GET", path.removeprefix(HERE))
        seen += "".join(runs["letters"][row["id"]] for row in page["results"])
        path = page["next"]
    assert seen == expected
    numbered = api("GET", f"executions/?page=2&page_size=1&{query.format(**runs)}")
    assert [runs["letters"][row["id"]] for row in numbered["results"]] == [expected[1]]
    # A count is of the filters; an order by what is lacking leaves rows out.
    assert numbered["count"] >= len(expected)
    assert numbered["count"] == len(expected) or "order=" in query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=started", "order"),
        ("order=-duration&status=error", "order"),
        ("order=colour", "order"),
        ("key=a,b&order=started", "order"),
        ("context.data.status=paid", "context.data.status"),
        ("output.total__gt=5&status=error", "output.total__gt"),
        ("key=a,b&context_contains=x", "context_contains"),
        ("error_contains=x", "error_contains"),
        ("id=1,2&error_contains=x", "error_contains"),
        ("updated_since=2026-01-01&error_contains=x", "error_contains"),
        ("key=k&context.=x", "context."),
        ("key=k&context.a..b=x", "context.a..b"),
        ("key=k&context.a'b=x", "context.a'b"),
        ("key=k&context." + "a." * 8 + "b=x", "context." + "a." * 8 + "b"),
        ("key=k&context.a%22=x", 'context.a"'),
        ("key=k&context.a=%00", "context.a"),
        ("key=k&context.a=x&context.a=y", "context.a"),
        ("attr.=x", "attr."),
        ("attr.a.b=x", "attr.a.b"),
        ("attr.a__like=x", "attr.a__like"),
        ("attribute.a=x", "attribute.a"),
        ("tags=" + "x" * 129, "tags"),
        ("tags=%00", "tags"),
        ("duration_min=-1", "duration_min"),
        ("running_min=-1", "running_min"),
        ("running_min=long", "running_min"),
        ("duration_min=nan", "duration_min"),
        ("duration_max=1e300", "duration_max"),
        ("name_prefix=" + "x" * 129, "name_prefix"),
        ("waiting_at=" + "9" * 65, "waiting_at"),
        ("cursor=abc", "cursor"),
        ("cursor=1~-started~2026-01-01T00:00:00%2B00:00", "cursor"),
        ("started_since=2026-01-01&cursor=5", "cursor"),
        ("started_since=2026-01-01&cursor=5~-ended~2026-01-01T00:00:00%2B00:00", "cursor"),
        ("started_since=2026-01-01&cursor=5~-started~soon", "cursor"),
        ("started_since=2026-01-01&cursor=5~-started~2026-01-01T00:00:00", "cursor"),
        ("started_since=2026-01-01&cursor=~-started~2026-01-01T00:00:00%2B00:00", "cursor"),
        ("key=k&order=duration&cursor=5~duration~1e9", "cursor"),
        ("key=k&order=duration&cursor=5~duration~" + "9" * 40, "cursor"),
        ("name_prefix=a&cursor=5~name~%00", "cursor"),
        ("attr.total__gt=1&cursor=5~-attr.total~inf", "cursor"),
    ],
)
def test_a_bad_parameter_is_named(client, query, field):
    assert list(client().errors("GET", f"executions/?{query}")) == [field]


def test_what_is_too_wide_says_what_to_narrow(client):
    assert "workflow or key" in client().errors("GET", "executions/?error_contains=x")["error_contains"]


def test_a_part_of_too_many_titles_is_refused(client, monkeypatch):
    monkeypatch.setattr("executions.listing.filtersets.MOST_WORKFLOWS", 1)
    for key in ("a", "b"):
        Workflow.objects.create(key=key, title="Orders", type="manual")
    assert "title" in client().errors("GET", "executions/?title=order")


def test_pages_stay_stable_while_runs_begin_and_end(client, runs):
    api = client()
    for query in ("", "ended_since=2026-01-01&"):
        first = api("GET", f"executions/?{query}page_size=2")
        rest = api("GET", first["next"].removeprefix(HERE))
        run(name=f"new{query}", ended_at=timezone.now())
        Execution.objects.filter(pk=first["results"][0]["id"]).update(ended_at=timezone.now())
        again = api("GET", first["next"].removeprefix(HERE))
        assert [row["id"] for row in again["results"]] == [row["id"] for row in rest["results"]]


def test_many_of_one_moment_come_once_each(client, runs):
    moment = timezone.now()
    expected = [run(name=f"n{number}", ended_at=moment).pk for number in range(7)][::-1]
    api, seen, path = client(), [], "executions/?ended_since=2026-06-01&page_size=3"
    while path:
        page = api("GET", path.removeprefix(HERE))
        seen += [row["id"] for row in page["results"]]
        path = page["next"]
    assert seen == expected


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 5), ("status=resolved", 4), ("status=resolved,error,queued&key=kay,oh", 5), ("key=kay", 5),
        ("workflow={w}", 5), ("workflow={w}&status=error", 6), ("key=kay&type=manual", 6), ("title=order", 6),
        ("name_prefix=app", 5), ("created_since=2026-01-01", 5), ("tags=x,y", 4), ("attr.total__gt=5", 5),
        ("waiting_at={nk}", 4), ("key=kay&context.data.total__gt=5", 5), ("key=kay&order=duration", 5),
        ("status=resolved&page=1", 5),
    ],
)  # fmt: skip
def test_each_list_takes_a_fixed_number_of_queries(client, runs, query, number, django_assert_num_queries):
    """Session, user, the keys of the page, its rows; with an id or type of a workflow that workflow; the count; and
    what is marked, where a run on the page has an error or a lane."""
    api = client()
    with django_assert_num_queries(number):
        assert api("GET", "executions/?" + query.format(**runs))["results"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "b"),
        ("az", "a{"),
        ("", None),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("\ud7ff", "\ue000"),
        ("ä", "å"),
    ],
)
def test_the_first_text_behind_a_prefix(text, expected):
    assert listings.after(text) == expected


NAMES = [
    *ExecutionFilter.base_filters, "cursor", "page", "page_size", "fields", "attr.a", "attr.a__gt", "attr.total__lte",
    "context.a", "context.a.0.b__gt", "context.a__contains", "output.b__lte", "context.", "attr.", "colour",
]  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.sampled_from(
        [
            "true", "error", "queued,error", "kay", "-started", "duration", "name", "id", "-id", "2026-01-01", "1,2,3",
            "5~-started~2026-01-01T00:00:00+00:00", "5~name~x", "9" * 18, "1e5", "0001-01-01T00:00:00Z", "%", "_", "\\",
        ]
    ),
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), min_size=1, max_size=5), st.booleans())
@example([("duration_min", "1e308")], True)
@example([("status", "%")], False)
@example([("created_since", "0001-01-01T00:00:00Z"), ("order", "-started")], False)
def test_whatever_is_asked_is_answered_or_refused(client, django_runs, pairs, narrow):
    query = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in pairs)
    if narrow and "key" not in dict(pairs):
        query += "&key=kay"
    answer = django_runs.get(f"/api/v1/executions/?{query}", headers={"accept": "application/json"})
    assert answer.status_code in (200, 400), answer.content


@pytest.fixture
def django_runs(client, runs):
    """A signed-in client of a few runs."""
    http = client().http
    http.raise_request_exception = False
    return http


def test_durations_are_of_ended_runs(client, runs):
    Execution.objects.filter(name="banana").update(started_at=day(1), ended_at=None)
    long = run(name="long", started_at=day(1), ended_at=day(1) + timedelta(days=90))
    rows = client()("GET", "executions/?duration_min=7000000")["results"]
    assert [row["id"] for row in rows] == [long.pk]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tags=" + ",".join(f"t{number}" for number in range(21)), "tags"),
        ("&".join(f"attr.a{number}__gt=1" for number in range(21)), "attr.a20__gt"),
        ("tags=red&" + "&".join(f"context.a{number}=1" for number in range(20)), "context.a19"),
    ],
    ids=["tags", "attributes", "paths"],
)
def test_no_more_conditions_than_a_planner_takes(client, runs, query, field):
    """Some hundred tags keep PostgreSQL busy for minutes, and SQLite refuses the statement."""
    assert set(client().errors("GET", f"executions/?key=kay&{query}")) == {field}
