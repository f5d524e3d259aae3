"""The three workflows of the replay, as data, and what makes them: `create_workflow`, `add_node`, `enable`.

A node is (name, kind, configuration) or (name, kind, configuration, {branch: nodes}). Templates name other nodes by
these names; the builder puts the keys that the nodes were given in their place.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from tests.northwind.expected import BIG_ORDER, GOLD_ORDER, GOLD_SPENT, SILVER_SPENT
from workflows import versions
from workflows.editing import add_node
from workflows.models import Node, Workflow

Nodes = Sequence[tuple[Any, ...]]

CREATED, CHANGED = 1, 2
YES, NO = 1, 0


def when(*comparisons: list[Any]) -> dict[str, Any]:
    """All of [left, calculator, right] hold."""
    calculations = [{"calculator": name, "operands": [left, right]} for left, name, right in comparisons]
    return {"engine": "basic", "calculation": {"group": {"type": "and", "calculations": calculations}}}


def change(model: str, key: str, **values: Any) -> dict[str, Any]:
    return {"collection": f"shop.{model}", "params": {"filter": {"id": {"$eq": key}}, "values": values}}


def total(model: str, field: str, column: str, key: str) -> dict[str, Any]:
    params = {"field": field, "filter": {column: {"$eq": key}}}
    return {"aggregator": "sum", "collection": f"shop.{model}", "precision": 4, "params": params}


ROW = "{{$context.data.id}}"
CUSTOMER = "{{$context.data.customer_id}}"
LEVEL, STOCK = "{{$context.data.reorder_level}}", "{{$context.data.stock}}"
SPENT = "{{$jobsMapByNodeKey.spent}}"


def tier(name: str) -> tuple[Any, ...]:
    return (name, "update", change("Customer", CUSTOMER, tier=name))


#: The order's lines are saved after it, in its transaction. The run begins after the commit, so it finds them all.
BIG_ORDER_REVIEW = {
    "title": "Big order",
    "config": {"collection": "shop.Order", "mode": CREATED},
    "nodes": [
        ("sum", "aggregate", total("Line", "amount", "order_id", ROW)),
        ("big", "condition", when(["{{$jobsMapByNodeKey.sum}}", "gt", BIG_ORDER]), {
            YES: [("review", "create", {"collection": "shop.Review", "params": {"values": {
                "order_id": ROW, "reason": "{{$jobsMapByNodeKey.sum}}",
            }}})],
            NO: [("clear", "update", change("Order", ROW, cleared=True))],
        }),
    ],
}  # fmt: skip

#: Two runs of one product at a time would both look before either has ordered, and both would order. In one lane the
#: second looks after the first has committed. The lane also keeps the order of the events, and so whose stock sets the
#: quantity.
RESTOCK = {
    "title": "Restock",
    "config": {"collection": "shop.Product", "mode": CHANGED, "changed": ["stock"]},
    "options": {"lane": f"product-{ROW}"},
    "nodes": [
        ("low", "condition", when([STOCK, "lt", LEVEL]), {YES: [
            ("open", "query", {"collection": "shop.PurchaseOrder", "params": {"filter": {
                "product_id": {"$eq": ROW}, "state": {"$eq": "open"},
            }}}),
            ("none", "condition", when(["{{$jobsMapByNodeKey.open}}", "equal", None]), {YES: [
                ("quantity", "calculation", {"engine": "math.js", "expression": f"3 * {LEVEL} - {STOCK}"}),
                ("order", "create", {"collection": "shop.PurchaseOrder", "params": {"values": {
                    "product_id": ROW, "quantity": "{{$jobsMapByNodeKey.quantity}}",
                }}}),
            ]}),
        ]}),
    ],
}  # fmt: skip

#: A tier taken from one event would be that of whichever run came last; so the run looks at the tables instead. That
#: alone does not do: a run that looked before another order's commit could write its older answer last. In one lane a
#: run looks after the one before it has written, and the last one to look, whichever it is, sees every order.
CUSTOMER_TIER = {
    "title": "Customer tier",
    "config": {"collection": "shop.Order", "mode": CREATED},
    "options": {"lane": f"customer-{CUSTOMER}"},
    "nodes": [
        ("spent", "aggregate", total("Order", "total", "customer_id", CUSTOMER)),
        ("largest", "query", {"collection": "shop.Order", "params": {
            "filter": {"customer_id": {"$eq": CUSTOMER}}, "sort": [{"field": "total", "direction": "desc"}],
        }}),
        ("which", "multi-conditions", {"continueOnNoMatch": True, "conditions": [
            when([SPENT, "gte", GOLD_SPENT], ["{{$jobsMapByNodeKey.largest.total}}", "gte", GOLD_ORDER]),
            when([SPENT, "gte", SILVER_SPENT]),
        ]}, {1: [tier("gold")], 2: [tier("silver")], 0: [tier("bronze")]}),
    ],
}  # fmt: skip


@transaction.atomic
def make(definition: dict[str, Any]) -> Workflow:
    """The enabled workflow of a definition."""
    columns = {name: definition[name] for name in ("title", "config", "options") if name in definition}
    workflow = versions.create_workflow(type="collection", **columns)
    _add(workflow, definition["nodes"], None, None, {})
    return versions.enable(workflow)


def _add(workflow: Workflow, nodes: Nodes, upstream: Node | None, branch: int | None, keys: dict[str, str]) -> None:
    for name, kind, config, *branches in nodes:
        config = _with_keys(config, keys)
        upstream = add_node(workflow, type=kind, title=name, config=config, upstream=upstream, branch_index=branch)
        keys[name], branch = upstream.key, None
        for index, below in (branches[0] if branches else {}).items():
            _add(workflow, below, upstream, index, keys)


def _with_keys(config: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    text = re.sub(r"(?<=\$jobsMapByNodeKey\.)\w+", lambda name: keys[name[0]], json.dumps(config))
    found: dict[str, Any] = json.loads(text)
    return found
