"""Holds over HTTP, and why runs are kept back in the lists."""

import pytest

from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Hold
from tests.building import build
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db(transaction=True)


def test_made_listed_and_released(client):
    api = client()
    workflow = build([], name="Daily")
    made = api("POST", "holds/", {"scope": "workflow", "target": "Daily", "reason": "A storm."}, status=201)
    assert {name: made[name] for name in ("scope", "target", "reason")} == {
        "scope": "workflow", "target": workflow.key, "reason": "A storm.",
    }  # fmt: skip
    start(workflow, {})
    drain("sluice")
    [held] = api("GET", "executions/?parked=hold")["results"]
    assert held["parked"] == "hold"
    assert api("GET", "executions/?parked=lane")["results"] == []
    assert [each["id"] for each in api("GET", "holds/?scope=workflow")["results"]] == [made["id"]]
    api("DELETE", f"holds/{made['id']}/?reason=Over", status=204)
    assert api("GET", "holds/")["results"] == []
    api("GET", f"holds/{made['id']}/", status=404)
    api("DELETE", f"holds/{made['id']}/", status=404)
    assert api("GET", "executions/?parked=hold")["results"] == []
    said = HistoryEntry.objects.filter(object_kind="hold").order_by("id")
    assert len(api("GET", "history/?kind=hold&action=hold.release")["results"]) == 1
    assert [(each.action, each.reason, each.origin, each.actor_name) for each in said] == [
        ("hold.add", "A storm.", "api", "boss"),
        ("hold.release", "Over", "api", "boss"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": "disabled"}, "scope"),
        ({"scope": ["all"]}, "scope"),
        ({"scope": "queue"}, "target"),
        ({"scope": "queue", "target": 5}, "target"),
        ({"scope": "queue", "target": "a b"}, "target"),
        ({"scope": "all", "target": "x"}, "target"),
        ({"scope": "all", "reason": "x" * 2001}, "reason"),
        ({"scope": "all", "because": "x"}, "because"),
    ],
)
def test_bad_input_is_refused_by_name(client, body, field):
    assert field in client().errors("POST", "holds/", body)
    assert not Hold.objects.exists()


def test_what_is_not_there_or_held_already(client):
    api = client()
    api("POST", "holds/?fields=nonsense", {"scope": "all"}, status=400)
    api("POST", "holds/", {"scope": "workflow", "target": "nobody"}, status=404)
    api("POST", "holds/", {"scope": "all"}, status=201)
    api("POST", "holds/", {"scope": "all"}, status=409)


def test_who_may_not_see_all_workflows_holds_them_one_by_one(client, settings):
    settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.shown"}
    build([], key="shown", title="Shown")
    build([], key="hidden", title="Hidden")
    api = client("executions.add_hold", "executions.view_hold")
    api("POST", "holds/", {"scope": "all"}, status=409)
    api("POST", "holds/", {"scope": "workflow", "target": "hidden"}, status=404)
    api("POST", "holds/", {"scope": "workflow", "target": "shown"}, status=201)
    Hold.objects.create(scope="workflow", target="hidden", created_at="2026-01-01T00:00Z", since="2026-01-01T00:00Z")
    assert [each["target"] for each in api("GET", "holds/")["results"]] == ["shown"]


def shown(user):
    from django.db.models import Q

    return Q(key="shown")


@pytest.mark.parametrize("value", ["", "nonsense", "lane,nonsense"])
def test_a_reason_that_there_is_not_is_refused(client, value):
    if value:
        assert "parked" in client().errors("GET", f"executions/?parked={value}")
    assert not Execution.objects.exists()
