"""The list of one's own runs and one of them (spec cloud-dialects 3): shapes, order, totals, and whose they are."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from executions import run_now
from executions.drain import drain_all
from executions.statuses import ExecutionStatus, Reason
from tests.building import build
from tests.executions.dialects.iflyrpa.clients import Rpa
from tests.executions.rows import run
from tests.people import person

pytestmark = pytest.mark.django_db

VIEW = "executions.view_execution"


def test_an_execution_has_the_vendors_fields(rpa):
    client = rpa()
    flow = build([], title="Report")
    begun = datetime(2026, 1, 7, 17, 57, 56, 987_654, tzinfo=UTC)
    row = run(
        flow, context={"a": 1}, output={"code": "0000", "data": {"right": 71}}, created_by=client.user,
        created_at=begun, ended_at=begun + timedelta(seconds=15), version=2,
    )  # fmt: skip
    shown = {
        "id": str(row.pk), "project_id": flow.key, "status": "COMPLETED", "parameters": {"a": 1},
        "result": {"code": "0000", "data": {"right": 71}}, "error": None, "exec_position": "EXECUTOR", "version": 2,
        "user_id": str(client.user.pk), "start_time": "2026-01-07T17:57:56", "end_time": "2026-01-07T17:58:11",
    }  # fmt: skip
    assert client("GET", "executions/get") == {
        "code": "0000",
        "msg": "",
        "data": {"executions": [shown], "total": 1, "pageNo": 1, "pageSize": 10, "total_pages": 1},
    }
    assert client("GET", f"executions/{row.pk}") == {"code": "0000", "msg": "", "data": {"execution": shown}}


@pytest.mark.parametrize(
    ("columns", "status", "error"),
    [
        ({"status": None}, "PENDING", None),
        ({"status": 0}, "PENDING", None),
        ({"status": 0, "error": "not yet"}, "PENDING", None),
        ({"status": 1}, "COMPLETED", None),
        ({"status": 1, "error": "swallowed"}, "COMPLETED", None),
        ({"status": -1, "error": "'str' object"}, "FAILED", "'str' object"),
        ({"status": -1}, "FAILED", "Failed"),
        ({"status": -2}, "FAILED", "Error"),
        ({"status": -2, "error": "  "}, "FAILED", "Error"),
        ({"status": -3, "reason": Reason.TIMEOUT}, "FAILED", "Aborted: Timed out"),
        ({"status": -3, "reason": Reason.CANCELED}, "FAILED", "Aborted: Canceled by a person"),
        ({"status": -4}, "FAILED", "Canceled"),
        ({"status": -5}, "FAILED", "Rejected"),
        ({"status": -6, "error": "Asks."}, "FAILED", "Asks."),
    ],
)
def test_statuses_are_three_and_failures_say_why(rpa, columns, status, error):
    client = rpa()
    row = run(created_by=client.user, **columns)
    [shown] = client.get("executions/get")["executions"]
    assert (shown["status"], shown["error"]) == (status, error)
    assert (shown["end_time"] is None) == (status == "PENDING")
    assert shown == client.get(f"executions/{row.pk}")["execution"]


def test_every_way_to_end_is_told(rpa):
    client = rpa()
    for status in ExecutionStatus:
        for reason in (None, *Reason):
            run(created_by=client.user, status=status, reason=reason)
    page = client.get("executions/get?pageSize=100")
    assert all(bool(each["error"]) == (each["status"] == "FAILED") for each in page["executions"])


@pytest.mark.parametrize(
    ("value", "result", "parameters"),
    [
        ({"a": [1]}, {"a": [1]}, {"a": [1]}),
        (None, None, {}),
        ({}, {}, {}),
        (42, {"data": 42}, {"data": 42}),
        (0, {"data": 0}, {"data": 0}),
        ("text", {"data": "text"}, {"data": "text"}),
        ([1, 2], {"data": [1, 2]}, {"data": [1, 2]}),
    ],
)
def test_parameters_and_results_are_objects(rpa, value, result, parameters):
    client = rpa()
    run(created_by=client.user, context=value, output=value)
    [shown] = client.get("executions/get")["executions"]
    assert (shown["result"], shown["parameters"]) == (result, parameters)


@pytest.mark.parametrize("status", [None, 0, -1, -3])
def test_only_what_completed_has_a_result(rpa, status):
    client = rpa()
    run(created_by=client.user, status=status, output={"half": "done"})
    assert client.get("executions/get")["executions"][0]["result"] is None


@pytest.mark.parametrize(
    ("query", "places", "pages"),
    [
        ("", [24, 23, 22, 21, 20, 19, 18, 17, 16, 15], 3),
        ("pageNo=1&pageSize=2", [24, 23], 13),
        ("pageNo=3", [4, 3, 2, 1, 0], 3),
        ("pageNo=13&pageSize=2", [0], 13),
        ("pageNo=4", [], 3),
        ("pageSize=100", list(range(24, -1, -1)), 1),
        ("pageNo=5&pageSize=5", [4, 3, 2, 1, 0], 5),
        ("pageNo=6&pageSize=5", [], 5),
        ("pageNo=99999999999999999999999999&pageSize=100", [], 1),
        ("pageNo=2&pageNo=3", [4, 3, 2, 1, 0], 3),
        ("pageNo=2.0", [14, 13, 12, 11, 10, 9, 8, 7, 6, 5], 3),
        ("somethingElse=1&pageSize=1", [24], 25),
    ],
)
def test_pages_are_newest_first_with_true_totals(rpa, query, places, pages):
    client = rpa()
    began = timezone.now()
    ids = [run(created_by=client.user, created_at=began).pk for _ in range(25)]
    found = client.get(f"executions/get?{query}")
    assert [int(each["id"]) for each in found["executions"]] == [ids[place] for place in places]
    assert (found["total"], found["total_pages"]) == (25, pages)


def test_nobodys_runs_are_no_pages(rpa):
    assert rpa().get("executions/get?pageNo=7&pageSize=3") == {
        "executions": [], "total": 0, "pageNo": 7, "pageSize": 3, "total_pages": 0,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["executions/get", "executions/get/"])
def test_get_is_no_id(rpa, path):
    assert rpa().get(path)["total"] == 0


def test_runs_of_others_are_not_there(rpa):
    client = rpa()
    mine = run(created_by=client.user)
    others = [run(created_by=person(username="another")), run()]
    assert [each["id"] for each in client.get("executions/get")["executions"]] == [str(mine.pk)]
    assert client.get("executions/get")["total"] == 1
    for other in others:
        assert str(other.pk) in client.refused("GET", f"executions/{other.pk}", status=404)


@pytest.mark.parametrize(
    "name", ["1", "0", "-1", "abc", "9" * 30, "1.5", "%00", "6cef46ae-198d-440a-bef6-816bbefd3adf"]
)
def test_what_is_no_run_is_not_found(rpa, name):
    assert rpa().refused("GET", f"executions/{name}", status=404)


def shown(user):
    return ~Q(title="Hidden")


def test_runs_of_hidden_workflows_are_not_there(rpa, settings):
    client = rpa(VIEW)
    hidden, seen = (run(build([], title=title), created_by=client.user) for title in ("Hidden", "Shown"))
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    assert [each["id"] for each in client.get("executions/get")["executions"]] == [str(seen.pk)]
    assert client.refused("GET", f"executions/{hidden.pk}", status=404)


def test_a_key_for_some_workflows_shows_their_runs_alone(rpa):
    first, second = build([], title="First"), build([], title="Second")
    client = rpa(workflows=[first.key])
    mine, other = (run(flow, created_by=client.user) for flow in (first, second))
    found = client.get("executions/get")
    assert (found["total"], [each["id"] for each in found["executions"]]) == (1, [str(mine.pk)])
    assert client.refused("GET", f"executions/{other.pk}", status=404)


def test_marked_values_are_masked(rpa):
    client = rpa()
    flow = build([("variable", {"value": "{{$context.iban}}"})], options={"sensitive": ["$context.iban"]})
    run(flow, created_by=client.user, context={"iban": "DE99 1234"}, status=-1, error="No DE99 1234 here.")
    assert "DE99" not in str(client.get("executions/get"))


@pytest.mark.parametrize("rows", [1, 30])
def test_a_page_costs_the_same_however_long_it_is(rpa, rows, django_assert_num_queries):
    client = rpa()
    for _ in range(rows):
        run(created_by=client.user)
    client.get("executions/get")
    # The key, its user, the total, the ids, the rows, and what is marked.
    with django_assert_num_queries(6):
        client.get("executions/get?pageSize=100")


def test_what_ran_is_there_as_it_ran(rpa):
    client = rpa()
    flow = build([("output", {"value": {"sum": "{{$context.a}}"}})])
    run_now(flow, {"a": 5}, by=client.user)
    drain_all()
    [shown] = client.get("executions/get")["executions"]
    assert (shown["status"], shown["result"], shown["parameters"]) == ("COMPLETED", {"sum": 5}, {"a": 5})


def test_rpa_clients_of_two_users_do_not_meet(rpa):
    first, second = rpa(), Rpa(person(VIEW, username="second"))
    run(created_by=first.user)
    assert (first.get("executions/get")["total"], second.get("executions/get")["total"]) == (1, 0)
