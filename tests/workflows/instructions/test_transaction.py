"""What a transaction may be, and what may stand inside it (spec 5.31); what it does is in tests/faults."""

import pytest

from executions.testing import Outcome, simulate
from tests.building import build
from workflows import editing
from workflows.errors import Invalid
from workflows.instructions.base import StepJob
from workflows.instructions.transaction import Transaction
from workflows.models import Node
from workflows.problems import problems_of

DELAY = {"type": "delay", "config": {"duration": 1}}
REQUEST = {"type": "request", "config": {"url": "https://example.com"}}
MANUAL = {"type": "manual", "config": {"assignees": [1]}}


@pytest.mark.parametrize("config", [{}, {"dataSource": "main"}, {"dataSource": "default", "isolationLevel": None}])
def test_its_configuration(config):
    kind = Transaction()
    kind.check(kind.parse(config))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"dataSource": "elsewhere"}, "dataSource"),
        ({"isolationLevel": "READ UNCOMMITTED"}, "isolationLevel"),
    ],
)
@pytest.mark.django_db
def test_what_it_can_not_be_is_refused_on_save(config, field):
    workflow = build([])
    with pytest.raises(Invalid) as told:
        editing.add_node(workflow, type="transaction", config=config)
    assert set(told.value.errors) == {f"config.{field}"}
    assert field in str(told.value)


def test_both_are_told_at_once():
    kind = Transaction()
    with pytest.raises(Invalid) as told:
        kind.check(kind.parse({"dataSource": "elsewhere", "isolationLevel": "SERIALIZABLE"}))
    assert set(told.value.errors) == {"dataSource", "isolationLevel"}


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (StepJob(2, 2, "n2", -1, {"message": "No."}), "No."),
        (StepJob(2, 2, "n2", -1, "No."), "No."),
        (StepJob(2, 2, "n2", -5, {"code": 1}), "The step ended as Rejected."),
        (StepJob(2, 2, "n2", -100, None), "The step ended as -100."),
    ],
)
def test_its_result_has_a_sentence_whatever_failed(by, message, make_step):
    job = StepJob(1, 1, "n1", 0)
    outcome = Transaction().branch(make_step(Transaction, branches={1: 1}, job=job), by)
    assert outcome.status == by.status
    assert outcome.result == {"committed": False, "message": message, "nodeKey": "n2"}


BROKEN = {"type": "delay", "config": {"duration": []}}


def around(kind):
    return {"type": kind, "branches": {"0": [DELAY]}}


def told(*inside, after=()):
    nodes = [{"type": "transaction", "key": "tx", "branches": {"1": list(inside), "0": list(after)}}]
    found = problems_of({"type": "manual", "nodes": nodes})
    return [(each.field, each.severity) for each in found if each.field.endswith(".type")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param([DELAY], [("nodes.0.branches.1.0.type", "error")], id="delay"),
        pytest.param([MANUAL], [("nodes.0.branches.1.0.type", "error")], id="manual"),
        pytest.param([REQUEST], [("nodes.0.branches.1.0.type", "warning")], id="request"),
        pytest.param([around("loop")], [("nodes.0.branches.1.0.branches.0.0.type", "error")], id="deeper"),
        pytest.param([around("transaction")], [("nodes.0.branches.1.0.branches.0.0.type", "error")], id="beside"),
        pytest.param([{"type": "t-none"}, BROKEN], [("nodes.0.branches.1.0.type", "error")], id="unknown"),
        pytest.param([{"type": "end"}], [], id="nothing"),
    ],
)  # fmt: skip
def test_what_waits_or_calls_inside_is_told(inside, expected):
    assert told(*inside) == expected
    assert told(after=inside) == [("nodes.0.branches.0.0.type", "error")] * (inside[0]["type"] == "t-none")


@pytest.mark.django_db
@pytest.mark.parametrize(("sync", "expected"), [(True, []), (False, [("nodes.0.branches.1.0.type", "error")])])
def test_a_called_workflow_waits_unless_it_is_synchronous(sync, expected):
    called = build([], sync=sync)
    assert told({"type": "subflow", "config": {"workflow": called.key}}) == expected


@pytest.mark.django_db
def test_an_edit_puts_nothing_inside_that_waits():
    workflow = build([("transaction", {}, {1: [("end", {}), ("loop", {"target": 1})]}), ("delay", {"duration": 1})])
    nodes = {node.key: node for node in Node.objects.filter(workflow=workflow)}
    with pytest.raises(Invalid, match="waits") as raised:
        editing.add_node(workflow, type="delay", config={"duration": 1}, upstream=nodes["n2"])
    assert raised.value.field == "type"
    with pytest.raises(Invalid, match="waits") as raised:
        editing.copy_node(nodes["n4"], upstream=nodes["n3"], branch_index=0)
    assert raised.value.field == "type"
    with pytest.raises(Invalid, match="waits") as raised:
        editing.move_node(nodes["n4"], upstream=nodes["n3"], branch_index=0)
    assert raised.value.field == "upstream"
    assert Node.objects.filter(workflow=workflow).count() == 4
    editing.add_node(workflow, type="delay", config={"duration": 1}, upstream=nodes["n1"], branch_index=0)
    editing.move_node(nodes["n4"], upstream=None)


@pytest.mark.django_db
def test_a_change_is_looked_at_too_but_not_a_clients_own_mistakes():
    sync, later = build([], sync=True, title="sync"), build([], title="async")
    workflow = build([("transaction", {}, {1: [("subflow", {"workflow": sync.key})]})], title="calls")
    node = Node.objects.get(workflow=workflow, key="n2")
    with pytest.raises(Invalid, match="waits") as raised:
        editing.change_node(node, config={"workflow": later.key})
    assert raised.value.field == "config"
    editing.change_node(node, config={"workflow": later.key}, lenient=True)
    editing.change_node(node, title="It stays")


@pytest.mark.django_db
def test_it_is_simulated_without_a_database():
    values = {"collection": "shop.Customer", "params": {"values": {"name": "Ann"}}}
    steps = [
        ("transaction", {"continueOnRollback": True}, {1: [("create", values)], 0: [("output", {"value": "gone"})]})
    ]
    workflow = build(steps)
    assert simulate(workflow, complete={"n2": {"id": 1}}).result("n1") == {"committed": True}
    assert simulate(workflow, complete={"n2": Outcome(-1, "No.")}).output == "gone"
