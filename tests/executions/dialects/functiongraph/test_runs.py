"""Lists of runs: windows of time, statuses, places, attempts, and what is not acceptable."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from executions.models import Execution
from executions.statuses import Reason
from tests.building import build
from tests.executions.rows import run
from tests.people import person

pytestmark = pytest.mark.django_db

LIST, PAGE = "/workflows/flow/executions", "/workflows/flow/executions-history"
DAY = timedelta(days=1)


@pytest.fixture
def flow():
    return build([], key="flow", name="orders")


def ids(found):
    return [each["execution_id"] for each in found["executions"]]


def texts(*runs):
    return [str(each.pk) for each in runs]


def test_a_brief(graph, flow):
    client = graph()
    at = datetime(2026, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC)
    row = run(flow, created_at=at, ended_at=at, updated_at=at, created_by=person(username="ann"))
    assert client.get(LIST, "start_time=2026-01-02T03:04:05Z") == {
        "executions": [
            {
                "workflow_id": "flow",
                "workflow_urn": f"urn:fss:local:{client.project}:workflow:default:orders:latest",
                "execution_id": str(row.pk),
                "status": "success",
                "begin_time": "2026-01-02T03:04:05Z",
                "end_time": "2026-01-02T03:04:05Z",
                "last_update_time": "2026-01-02T03:04:05Z",
                "created_by": "ann",
            }
        ]
    }


def test_of_a_workflow_without_a_name_the_key_stands_for_it(graph):
    run(build([], key="unnamed"))
    [found] = graph().get("/workflows/unnamed/executions")["executions"]
    assert found["workflow_urn"].endswith(":workflow:default:unnamed:latest")
    assert found["created_by"] == ""


_TIMEOUT, _CANCELED = Reason.TIMEOUT, Reason.CANCELED
KINDS = [
    (None, None, "running"), (0, None, "running"), (1, None, "success"), (-1, None, "fail"), (-2, None, "fail"),
    (-5, None, "fail"), (-6, None, "fail"), (-3, None, "cancel"), (-4, None, "cancel"), (-3, _CANCELED, "cancel"),
    (-3, _TIMEOUT, "timeout"), (-2, Reason.CRASHED, "fail"), (-1, _TIMEOUT, "timeout"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "reason", "shown"), KINDS)
def test_statuses(graph, flow, status, reason, shown):
    run(flow, status=status, reason=reason)
    client = graph()
    [found] = client.get(LIST)["executions"]
    assert found["status"] == shown
    assert (found["end_time"] is None) == (shown == "running")
    for asked in ("success", "fail", "running", "timeout", "cancel"):
        assert len(client.get(LIST, f"status={asked}")["executions"]) == (asked == shown)


def test_the_newest_come_first(graph, flow):
    now = timezone.now()
    rows = [run(flow, created_at=now - timedelta(minutes=minutes)) for minutes in (5, 1, 9)]
    assert ids(graph().get(LIST)) == texts(rows[1], rows[0], rows[2])


def test_of_one_moment_the_higher_id_comes_first(graph, flow):
    now = timezone.now()
    rows = [run(flow, created_at=now) for _ in range(3)]
    assert ids(graph().get(LIST)) == texts(*reversed(rows))


START = datetime(2026, 3, 10, 12, tzinfo=UTC)
#: query -> how many days after START the runs are that it finds.
WINDOWS = [
    ("start_time=2026-03-10T12:00:00Z", [3, 2, 1, 0]),
    ("start_time=2026-03-10%2012:00:00", [3, 2, 1, 0]),
    ("start_time=2026-03-10+12:00:00", [3, 2, 1, 0]),
    ("start_time=2026-03-10T12:00:01Z", [3, 2, 1]),
    ("end_time=2026-03-14T12:00:00Z", [4, 3, 2, 1]),
    ("end_time=2026-03-14T11:59:59Z", [3, 2, 1]),
    ("start_time=2026-03-10T12:00:00Z&end_time=2026-03-20%2000:00:00", [5, 4, 3, 2, 1, 0]),
    ("start_time=2026-03-11T12:00:00Z&end_time=2026-03-11T12:00:00Z", [1]),
    ("start_time=2026-03-12T00:00:00Z&end_time=2026-03-11T00:00:00Z", []),
    ("start_time=&end_time=2026-03-14T12:00:00Z&status=", [4, 3, 2, 1]),
    ("start_time=9999-12-31T23:59:59Z", []), ("end_time=0001-01-01T00:00:00Z", []),
    ("start_time=0001-01-01T00:00:00Z", []), ("end_time=9999-12-31%2023:59:59", []),
    ("start_time=0001-01-01T00:00:00Z&end_time=9999-12-31T23:59:59Z", [5, 4, 3, 2, 1, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "days"), WINDOWS)
def test_windows_of_three_days(graph, flow, query, days):
    rows = [run(flow, created_at=START + day * DAY) for day in range(6)]
    client, wanted = graph(), texts(*(rows[day] for day in days))
    assert ids(client.get(LIST, query)) == wanted
    page = client.get(PAGE, f"{query}&limit=100&offset=0")
    assert (ids(page), page["total"]) == (wanted, len(days))


def test_without_times_the_last_three_days_are_meant(graph, flow):
    now = timezone.now()
    rows = [run(flow, created_at=now - timedelta(hours=hours)) for hours in (71, 73, 0)]
    assert ids(graph().get(LIST)) == texts(rows[2], rows[0])


def test_the_end_of_a_window_takes_the_whole_second_that_is_shown(graph, flow):
    row = run(flow, created_at=START + timedelta(milliseconds=700))
    assert ids(graph().get(LIST, "end_time=2026-03-10T12:00:00Z")) == texts(row)


LIMITS = [
    ("", 200), ("limit=200", 200), ("limit=201", 200), ("limit=999999999999999999999999", 200), ("limit=7", 7),
    ("limit=0", 0), ("limit=", 200), ("offset=200", 3), ("offset=203", 0), ("offset=-1&limit=5", 5), ("offset=201", 2),
    ("offset=99999999999999999999999999", 0), ("limit=1&limit=2", 2),
]  # fmt: skip


@pytest.mark.parametrize(("query", "found"), LIMITS)
def test_what_is_too_much_counts_as_the_most(graph, flow, query, found):
    now = timezone.now()
    common = {"key": "flow", "title": "", "version": 1, "queue": "q", "created_at": now, "updated_at": now}
    Execution.objects.bulk_create(Execution(**common) for _ in range(203))
    assert len(graph().get(LIST, query)["executions"]) == found


PLACES = [(0, 1, 1), (0, 100, 5), (4, 10, 1), (5, 10, 0), (1, 2, 2), (2**70, 1, 0)]


@pytest.mark.parametrize(("offset", "limit", "size"), PLACES)
def test_pages_have_exact_totals(graph, flow, offset, limit, size):
    rows = [run(flow) for _ in range(5)]
    run(build([], key="other"))
    found = graph().get(PAGE, f"offset={offset}&limit={limit}")
    assert (found["total"], found["size"], ids(found)) == (5, size, texts(*rows[::-1][offset : offset + limit]))


WRONG = [
    "limit=-1", "limit=x", "limit=1.5", "limit=1e3", "limit=%20", "limit=%EF%BC%91", "offset=x", "offset=1.0",
    "status=SUCCESS", "status=done", "status=0", "status=success,fail", "start_time=yesterday", "start_time=2026-01-01",
    "start_time=2026-13-01T00:00:00Z", "start_time=2026-02-30%2000:00:00", "end_time=2026-01-01T00:00:00",
    "end_time=2026-01-01T00:00:00%2B00:00", "end_time=2026-1-1%200:00:00", "end_time=1767225600", "end_time=%00",
    "start_time=2026-01-01T25:00:00Z", "limit=%00", "status=%00",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_what_can_not_be_meant_is_refused(graph, flow, query):
    client = graph()
    code, message = client.refused("GET", LIST, status=400, query=query)
    assert code == "FSS.1001"
    assert message.startswith(f"Invalid query parameter. {query.partition('=')[0]}: ")
    if "status" not in query:
        assert client.refused("GET", PAGE, status=400, query=f"offset=0&limit=1&{query}")[0] == "FSS.1001"


@pytest.mark.parametrize(
    "query",
    ["", "limit=1", "offset=0", "limit=0&offset=0", "limit=101&offset=0", "limit=-1&offset=0", "limit=1&offset=-1"],
)  # fmt: skip
def test_pages_ask_for_a_limit_and_an_offset(graph, flow, query):
    assert graph().refused("GET", PAGE, status=400, query=query)[0] == "FSS.1001"


def test_too_many_parameters(graph, flow):
    assert graph().refused("GET", LIST, status=400, query="&".join(["a=1"] * 101))[0] == "FSS.1001"


@pytest.mark.parametrize("key", ["nothing", "Flow", "flow ", "a/b", "f%6Cow", "x" * 600, "flow\n", "\x00", "中"])
@pytest.mark.parametrize("rest", ["executions", "executions-history"])
def test_an_absent_workflow(graph, flow, key, rest):
    code, message = graph().refused("GET", f"/workflows/{key}/{rest}", status=404, query="limit=1&offset=0")
    assert (code, message.startswith("The specified resource was not found. ")) == ("FSS.0404", True)


def test_a_deleted_workflow_takes_its_history_along(graph, flow):
    run(flow)
    flow.delete()
    assert graph().refused("GET", LIST, status=404)[0] == "FSS.0404"


def test_history_is_that_of_all_versions(graph, flow):
    older = build([], key="flow", version=2, current=None, enabled=False)
    rows = [run(flow), run(older)]
    assert ids(graph().get(LIST)) == texts(*reversed(rows))


def test_paging_to_the_end_while_new_runs_begin(graph, flow):
    now = timezone.now()
    rows = [run(flow, created_at=now - timedelta(minutes=each)) for each in range(7)]
    client, seen = graph(), []
    while found := ids(client.get(LIST, f"limit=2&offset={len(seen)}&end_time={now:%Y-%m-%dT%H:%M:%SZ}")):
        seen += found
        run(flow, created_at=timezone.now() + timedelta(seconds=2))
    assert seen == texts(*rows)


# Attempts


def again(source, **columns):
    return run(rerun_of=source, attempt=source.attempt + 1, key=source.key, **columns)


def test_a_retried_run_stands_under_its_first_id(graph, flow):
    first = run(flow, status=-1)
    second = again(first, status=-2)
    again(second, status=0)
    other = run(flow, status=-1)
    client = graph()
    assert [(each["execution_id"], each["status"]) for each in client.get(LIST)["executions"]] == [
        (str(other.pk), "fail"),
        (str(first.pk), "running"),
    ]
    assert ids(client.get(LIST, "status=fail")) == texts(other)
    assert ids(client.get(LIST, "status=running")) == texts(first)
    assert client.get(PAGE, "limit=1&offset=1")["total"] == 2


def test_every_listed_id_answers_as_it_was_listed(graph, flow):
    """Also where a person ran an older attempt again."""
    first = run(flow, status=-1)
    second = again(first, status=-1)
    again(second, status=1)
    again(first, status=0)
    client = graph()
    listed = client.get(LIST)["executions"]
    assert len(listed) == 2
    assert len({each["execution_id"] for each in listed}) == 2
    for each in listed:
        shown = client.get(f"{LIST}/{each['execution_id']}")
        assert {name: shown[name] for name in each} == each


def test_an_id_answers_though_its_own_run_is_deleted(graph, flow):
    first = run(flow, status=-1)
    second = again(first, status=1)
    Execution.objects.filter(pk=first.pk).delete()
    client = graph()
    assert ids(client.get(LIST)) == texts(first)
    assert client.get(f"{LIST}/{first.pk}")["status"] == client.get(f"{LIST}/{second.pk}")["status"] == "success"


def test_many_attempts(graph, flow, monkeypatch):
    """More than are taken out as one set are looked up one by one."""
    from executions.dialects.functiongraph import attempts

    monkeypatch.setattr(attempts, "_MOST_AS_SET", 3)
    rows = [run(flow, status=-1) for _ in range(5)]
    for row in rows:
        again(row, status=1)
    assert ids(graph().get(LIST)) == texts(*reversed(rows))


# Who sees what


def test_who_may_not_see_runs(graph, flow):
    assert graph("workflows.view_workflow").refused("GET", LIST, status=403)[0] == "FSS.0403"


def test_a_key_for_some_workflows_knows_no_other(graph, flow):
    build([], key="other")
    client = graph("executions.view_execution", workflows=["orders"])
    assert client.get(LIST) == {"executions": []}
    assert client.refused("GET", "/workflows/other/executions", status=404)[0] == "FSS.0404"


def only_orders(user):
    from django.db.models import Q

    return Q(name="orders")


def test_what_is_hidden_is_not_there(graph, flow, settings):
    settings.SLUICE = {"VISIBLE": f"{__name__}.only_orders"}
    build([], key="other")
    client = graph("executions.view_execution")
    assert client.get(LIST) == {"executions": []}
    assert client.refused("GET", "/workflows/other/executions", status=404)[0] == "FSS.0404"
    # A name is no id; whose name it is makes no difference, nor whether there is anything.
    build([], key="further", name="secret")
    said = [
        client.refused("GET", f"/workflows/{text}/executions", status=404)[1].replace(text, "?")
        for text in ("orders", "secret", "other", "nothing")
    ]
    sentence = "There is no workflow ? that you may see; give the id of one, not its name."
    assert set(said) == {f"The specified resource was not found. {sentence}"}


@pytest.mark.parametrize("count", [1, 30])
def test_queries_of_a_list(graph, flow, count, django_assert_num_queries):
    ann = person(username="ann")
    for _ in range(count):
        run(flow, created_by=ann)
    client = graph()
    client.get(LIST)
    # Its key and user; the workflow; whether there are reruns; ids; rows; names of users.
    with django_assert_num_queries(7):
        client.get(LIST)
    with django_assert_num_queries(8):
        client.get(PAGE, "limit=100&offset=0")
    first = Execution.objects.first()
    again(again(first), created_by=ann)
    with django_assert_num_queries(9):
        client.get(LIST)
