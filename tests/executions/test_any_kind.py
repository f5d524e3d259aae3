"""Workflows of any kind are started from Python, once a key, and called by others (spec 4.9)."""

import pytest
from django.db import transaction

from config.shop.models import Customer
from executions import start
from executions.models import EventKey, Execution
from executions.testing import drain
from tests.building import build
from tests.executions.rows import run
from tests.people import boss
from workflows.triggers import get_trigger, triggers
from workflows.triggers.builtin import register_builtin  # noqa: F401  (registers them)

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

ECHO = ("output", {"value": "{{$context}}"})
OF_CUSTOMERS = {"collection": "shop.Customer"}
#: By kind: its configuration, and what it takes by hand ("row", "run" and "user" stand for the keys of one).
KINDS = {
    "action": (OF_CUSTOMERS, {"data": "row", "userId": "user"}),
    "approval": (OF_CUSTOMERS, {"data": "row", "userId": "user"}),
    "collection": ({**OF_CUSTOMERS, "mode": 1}, {"data": "row"}),
    "custom-action": ({"type": 0}, {"data": {"a": 1}, "userId": "user"}),
    "execution": ({}, {"execution": "run"}),
    "manual": ({}, {"a": 1}),
    "request-interception": (OF_CUSTOMERS, {"target": "row", "userId": "user"}),
    "schedule": ({"startsOn": "2099-01-01"}, {"date": "2024-01-01T00:00:00Z"}),
    "webhook": ({}, {"body": {"a": 1}}),
}


def made(kind, **columns):
    config = KINDS[kind][0]
    sync = get_trigger(kind).sync is True
    return build([ECHO], type=kind, config=config, sync=sync, name="any", **columns)


def values(kind):
    keys = {"row": Customer.objects.create(name="Ann").pk, "run": run().pk, "user": boss().pk}
    return {name: keys.get(value, value) if isinstance(value, str) else value for name, value in KINDS[kind][1].items()}


def test_the_table_has_all_kinds():
    assert {kind for kind, trigger in triggers().items() if type(trigger).__module__.startswith("workflows.")} == {
        *KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_started_from_python_with_what_is_given_once_a_key(kind):
    workflow = made(kind)
    before = Execution.objects.count()
    first = start("any", {"given": [1]}, event_key="once", tags=["t"], name="mine")
    assert start(workflow, {"given": [2]}, event_key="once").pk == first.pk
    drain()
    first.refresh_from_db()
    assert (first.status, first.output, first.type, first.tags, first.name) == (1, {"given": [1]}, kind, ["t"], "mine")
    assert Execution.objects.count() == before + 1
    with transaction.atomic():
        start(workflow, {}, event_key="undone")
        transaction.set_rollback(True)
    assert not EventKey.objects.filter(event_key="undone").exists()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_called_by_another_with_what_it_takes_by_hand(kind, enabled):
    called = made(kind, enabled=enabled)
    given = values(kind)
    caller = start(
        build([("subflow", {"workflow": "any", "values": given}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})]),
        {},
    )
    drain()
    caller.refresh_from_db()
    assert caller.status == 1, caller.error
    child = Execution.objects.get(key=called.key)
    assert (child.status, child.parent_execution_id, child.output) == (1, caller.pk, child.context)
    assert caller.output == child.context
