"""Bulk operations and the history of runs over HTTP."""

import pytest

from executions import bulk
from executions.dispatcher import start
from executions.models import BulkOperation, Execution
from tests.building import build
from tests.people import person
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = ("delay", {"duration": 1, "unit": 3_600_000})
URL = "executions/bulk/"


@pytest.fixture
def runs():
    workflow = build([WAIT])
    return [start(workflow, {}).pk for _ in range(3)]


def finish():
    while bulk.due("sluice"):
        bulk.work("sluice")


def test_asked_for_done_and_told(client, runs):
    api = client()
    body = {"action": "cancel", "filter": {"status": ["queued"], "id": runs[:2]}, "reason": "A storm."}
    operation = api("POST", URL, body, status=202)
    assert (operation["state"], operation["total"], operation["done"]) == ("queued", 2, 0)
    path = f"bulk-operations/{operation['id']}/"
    finish()
    operation = api("GET", path)
    assert (operation["state"], operation["done"], operation["refused"], operation["failed"]) == ("done", 2, 0, 0)
    assert operation["filter"] == {"status": ["queued"], "id": runs[:2]}
    assert operation["started_at"] <= operation["ended_at"]
    [entry] = api("GET", f"executions/{runs[0]}/history/")["results"]
    assert {name: entry[name] for name in ("action", "origin", "address", "actor_name", "reason", "bulk")} == {
        "action": "execution.cancel", "origin": "api", "address": "127.0.0.1", "actor_name": "boss",
        "reason": "A storm.", "bulk": operation["id"],
    }  # fmt: skip
    assert len(api("GET", f"history/?bulk={operation['id']}")["results"]) == 2
    assert api("GET", f"executions/{runs[2]}/history/")["results"] == []


def test_all_must_be_said(client, runs):
    api = client()
    assert set(api.errors("POST", URL, {"action": "cancel"})) == {"filter"}
    assert set(api.errors("POST", URL, {"action": "cancel", "filter": {}})) == {"filter"}
    assert set(api.errors("POST", URL, {"action": "cancel", "filter": None})) == {"filter"}
    assert api("POST", URL, {"action": "cancel", "all": True}, status=202)["total"] == 3
    assert api("POST", URL, {"action": "cancel", "filter": None, "all": True}, status=202)["total"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"all": True}, "action"),
        ({"action": "explode", "all": True}, "action"),
        ({"action": "cancel", "filter": {"colour": "red"}}, "filter.colour"),
        ({"action": "cancel", "filter": {"status": "blue"}}, "filter.status"),
        ({"action": "cancel", "filter": {"status": {"a": 1}}}, "filter.status"),
        ({"action": "cancel", "filter": ["a"]}, "filter"),
        ({"action": "delete", "filter": {"id": []}}, "filter.id"),
        ({"action": "delete", "filter": {"id": ""}}, "filter.id"),
        ({"action": "delete", "filter": {"status": ""}}, "filter.status"),
        ({"action": "delete", "filter": {"title": ""}}, "filter.title"),
        ({"action": "delete", "filter": {"paused": ""}}, "filter.paused"),
        ({"action": "delete", "filter": {"key": [""]}}, "filter.key"),
        ({"action": "delete", "filter": {"key": ","}}, "filter.key"),
        ({"action": "delete", "filter": {"attr.x": ""}}, "filter.attr.x"),
        ({"action": "delete", "filter": {"order": "id"}}, "filter"),
        ({"action": "cancel", "all": "yes"}, "all"),
        ({"action": "cancel", "all": 1}, "all"),
        ({"action": "cancel", "all": True, "reason": 5}, "reason"),
        ({"action": "cancel", "all": True, "reason": "x" * 2001}, "reason"),
        ({"action": "cancel", "all": True, "colour": 1}, "colour"),
    ],
)
def test_bad_bodies_name_the_field(client, runs, body, field):
    assert set(client().errors("POST", URL, body)) == {field}
    assert not BulkOperation.objects.exists()


@pytest.mark.parametrize(
    ("action", "permission"),
    [
        ("cancel", "executions.cancel_execution"),
        ("pause", "executions.pause_execution"),
        ("resume", "executions.pause_execution"),
        ("rerun", "executions.rerun_execution"),
        ("delete", "executions.delete_execution"),
    ],
)
def test_each_action_needs_its_own_permission(client, runs, action, permission):
    api = client(permission, "executions.view_execution")
    operation = api("POST", URL, {"action": action, "all": True}, status=202)
    type(api)(person(permission, username="blind"))("POST", URL, {"action": action, "all": True}, status=403)
    others = {"executions.cancel_execution", "executions.rerun_execution", "executions.view_execution"} - {permission}
    stranger = type(api)(person(*others, "executions.view_bulkoperation", username="stranger"))
    stranger("POST", URL, {"action": action, "all": True}, status=403)
    stranger("POST", f"bulk-operations/{operation['id']}/stop/", {}, status=403)
    assert api("POST", f"bulk-operations/{operation['id']}/stop/", {"reason": "No."})["state"] == "stopped"
    assert HistoryEntry.objects.first().reason == "No."
    finish()
    assert Execution.objects.filter(status=None, paused_at=None).count() == 3
    answer = api("POST", f"bulk-operations/{operation['id']}/stop/", {}, status=409)
    assert "has ended" in answer["errors"][0]["message"]


def test_people_see_their_own_and_with_the_permission_all(client, runs):
    api = client("executions.cancel_execution", "executions.view_execution")
    mine = api("POST", URL, {"action": "cancel", "all": True}, status=202)["id"]
    stranger = type(api)(person("executions.cancel_execution", username="stranger"))
    assert stranger("GET", "bulk-operations/")["results"] == []
    stranger("GET", f"bulk-operations/{mine}/", status=404)
    stranger("POST", f"bulk-operations/{mine}/stop/", {}, status=404)
    auditor = type(api)(person("executions.view_bulkoperation", username="auditor"))
    for reader in (api, auditor):
        assert [row["id"] for row in reader("GET", "bulk-operations/?state=queued&action=cancel")["results"]] == [mine]
    assert "refusals" not in auditor("GET", "bulk-operations/")["results"][0]
    type(api)(None)("GET", "bulk-operations/", status=401)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", URL), ("POST", "bulk-operations/"), ("DELETE", "bulk-operations/1/")]
)
def test_other_methods_are_none(client, method, path):
    client()(method, path, status=405)


@pytest.mark.parametrize(
    ("permission", "pk", "status"),
    [
        ("executions.view_execution", "77", 404),
        ("executions.view_execution", "x", 404),
        ("executions.view_job", "1", 403),
    ],
)
def test_history_of_a_run_needs_the_run_and_its_permission(client, permission, pk, status):
    client(permission)("GET", f"executions/{pk}/history/", status=status)


def test_reasons_of_single_operations_are_kept(client, runs):
    api = client()
    api("POST", f"executions/{runs[0]}/cancel/", {"reason": "Wrong customer."})
    [entry] = api("GET", f"executions/{runs[0]}/history/")["results"]
    assert (entry["reason"], entry["changes"]) == ("Wrong customer.", {"status": ["queued", "aborted"]})
