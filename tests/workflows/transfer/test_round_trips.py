"""What was exported can be imported, and gives the same file again."""

import json
from typing import Any

import pytest

from tests.building import build
from tests.workflows.instructions.test_inputs import KINDS
from workflows import transfer
from workflows.models import Node, Secret, Workflow
from workflows.triggers import triggers

SETTINGS = {
    "SQL_ALIASES": {"default": "read"},
    "CHANNELS": {"ops": {"type": "webhook", "url": "https://example.com"}},
    "LLM": {"ours": {"url": "https://example.com", "key": "hidden", "model": "small"}},
    "SCRIPT": {"enabled": True},
}
#: type -> a configuration
TRIGGERS: dict[str, dict[str, Any]] = {
    "collection": {
        "collection": "shop.Order", "mode": 3, "changed": ["cleared"], "condition": {"$and": [{"id": {"$gt": 2**60}}]},
        "appends": ["customer"],
    },
    "action": {"collection": "shop.Order", "global": True, "actions": ["create", "update"]},
    "approval": {"collection": "shop.Order", "timing": "after"},
    "custom-action": {"type": 1, "collection": "shop.Order"},
    "execution": {"mode": "longer", "seconds": 60, "workflows": []},
    "request-interception": {"collection": "shop.Order", "global": True, "actions": ["create"]},
    "manual": {"fields": [{"name": "数量", "title": "数量", "type": "number", "required": True}]},
    "schedule": {"mode": 0, "startsOn": "2026-01-01T08:00:00Z", "repeat": "0 8 * * 1", "limit": 2**40},
    "webhook": {"auth": {"type": "bearer", "token": "{{$env.HOOK}}"}, "headers": [{"path": "X-Kind"}]},
}  # fmt: skip


def numberless(records: Any) -> Any:
    """The records with ids told by keys, which a file shares with what was made of it."""
    found = json.loads(json.dumps(records))
    for workflow in found:
        keys = {node["id"]: node["key"] for node in workflow["nodes"]}
        workflow["id"] = "workflow"
        for node in workflow["nodes"]:
            node["workflowId"] = "workflow"
            for name in ("id", "upstreamId", "downstreamId"):
                node[name] = keys.get(node[name])
    return found


def again(records: Any) -> Any:
    """The records exported, all forgotten, imported and exported once more."""
    Node.objects.all().delete()
    Workflow.objects.all().delete()
    text = transfer.dumped(records)
    _plan, made = transfer.perform(transfer.read(text.encode()), enable=True)
    return transfer.exported([each.workflow for each in made])


def called() -> Workflow:
    return build([], name="called", title="Called")


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node(kind: str, settings: Any) -> None:
    settings.SLUICE = SETTINGS
    config, branches, _shown = KINDS[kind]
    step = (kind, config, branches, {"onError": "continue"})
    records = transfer.exported([called(), build([("calculation", {"expression": "1"}), step, ("end", {})])])
    assert numberless(again(records)) == numberless(records)


@pytest.mark.django_db
@pytest.mark.parametrize("type", TRIGGERS)
@pytest.mark.parametrize("enabled", [True, False])
def test_every_kind_of_trigger(type: str, enabled: bool) -> None:
    columns = {
        "name": "bestellung",
        "time_zone": "Asia/Shanghai",
        "description": "订单超过两千时审核",
        "enabled": enabled,
    }
    options = {"timeout": 2**33, "stackLimit": 2, "deleteExecutionOnStatus": [1]}
    columns["sync"] = triggers()[type].sync is True
    workflow = build([], type=type, title="订单审核 🧾", config=TRIGGERS[type], options=options, **columns)
    records = transfer.exported([workflow])
    assert numberless(again(records)) == numberless(records)
    assert records[0]["config"] == TRIGGERS[type]


@pytest.mark.django_db
def test_the_tables_know_every_trigger() -> None:
    own = {name for name, kind in triggers().items() if not name.startswith("t-")}
    assert own <= TRIGGERS.keys(), "Say in TRIGGERS what the new kind takes."


@pytest.mark.django_db
def test_what_noco_base_gives_comes_back() -> None:
    """With a number beyond 2**53, texts in Chinese, null where nothing is, nodes in no order, and ids as they are."""
    given = {
        "id": 398925813186573, "key": "a1b2c3d4e5f", "title": "订单", "enabled": False, "description": None,
        "type": "collection", "triggerTitle": "下单时",
        "config": {"mode": 1, "collection": "shop.Order", "appends": []},
        "current": True, "sync": True, "options": {"timeout": 0},
        "nodes": [
            {"id": 12, "key": "inside", "title": "大", "type": "calculation",
             "config": {"engine": "math.js", "expression": "9007199254740993 + 0", "scope": None},
             "workflowId": 398925813186573, "upstreamId": 11, "downstreamId": None, "branchIndex": 1},
            {"id": 13, "key": "after", "title": "", "type": "end", "config": {"endStatus": 1},
             "workflowId": 398925813186573, "upstreamId": 11, "downstreamId": None, "branchIndex": None},
            {"id": 11, "key": "first", "title": "Over 2,000?", "type": "condition",
             "config": {"rejectOnFalse": False, "engine": "basic", "calculation": {"group": {"type": "and",
              "calculations": [{"calculator": "gt", "operands": ["{{$context.data.id}}", 9007199254740993]}]}}},
             "workflowId": 398925813186573, "upstreamId": None, "downstreamId": 13, "branchIndex": None},
        ],
    }  # fmt: skip
    by_server = {"createdAt": "2026-01-01T00:00:00.000Z", "createdById": 1, "executed": 0, "invalid": False}
    for form in ({**given, **by_server}, [given], {"data": given}, {"data": [given], "meta": {"count": 1}}):
        _plan, made = transfer.perform(transfer.read(json.dumps(form)))
        assert numberless(transfer.exported([each.workflow for each in made])) == numberless([given])
        Node.objects.all().delete()
        Workflow.objects.all().delete()


@pytest.mark.django_db
def test_secrets_stay_where_they_are() -> None:
    Secret.objects.create(name="HOOK", sealed="hush-sealed")
    text = transfer.dumped(transfer.exported([build([], type="webhook", config=TRIGGERS["webhook"])]))
    assert "{{$env.HOOK}}" in text
    assert "hush" not in text
