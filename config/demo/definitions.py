"""The demo's workflows, made as anyone would make them in Python: `create_workflow`, `add_node`, `enable`."""

from typing import Any

from django.db import transaction

from workflows import versions
from workflows.editing import add_node
from workflows.models import Node, Workflow

CREATED, UPDATED = 1, 2
LARGE_ORDER = 2000
GOLD, SILVER = 4000, 1500


@transaction.atomic
def make_workflows() -> int:
    """All of them, enabled, if there is no workflow yet. Returns how many it made."""
    if Workflow.objects.exists():
        return 0
    makers = (
        big_order, restock, customer_tier, order_follow_up, stock_report, quick, slow, cancel_with_reason,
        cancelled_order, ask_for_review,
    )  # fmt: skip
    for make in makers:
        versions.enable(make())
    return len(makers)


def big_order() -> Workflow:
    """On an order's creation: its lines come to more than 2,000 -> a review; else it is marked cleared."""
    workflow = _on("Order", CREATED, name="big-order", title="Big order review")
    total = add_node(
        workflow,
        type="aggregate",
        title="Total of its lines",
        config={
            "aggregator": "sum",
            "collection": "shop.Line",
            "params": {"field": "amount", "filter": {"order_id": {"$eq": "{{$context.data.id}}"}}},
        },
    )
    large = add_node(
        workflow, type="condition", title="Over 2,000?", upstream=total, config=_when(_result(total), "gt", LARGE_ORDER)
    )
    add_node(
        workflow,
        type="create",
        title="Ask for a review",
        upstream=large,
        branch_index=1,
        config={
            "collection": "shop.Review",
            "params": {"values": {"order_id": "{{$context.data.id}}", "reason": f"Total of {_result(total)}"}},
        },
    )
    add_node(
        workflow,
        type="update",
        title="Mark it cleared",
        upstream=large,
        branch_index=0,
        config=_change("Order", "{{$context.data.id}}", {"cleared": True}),
    )
    return workflow


def restock() -> Workflow:
    """On a product's changed stock: below its reorder level, no purchase order open -> one. The product is the lane."""
    workflow = _on(
        "Product",
        UPDATED,
        name="restock",
        title="Restock",
        config={"changed": ["stock"]},
        options={"lane": "product-{{$context.data.id}}"},
    )
    low = add_node(
        workflow,
        type="condition",
        title="Below its reorder level?",
        config=_when("{{$context.data.stock}}", "lt", "{{$context.data.reorder_level}}"),
    )
    open_order = add_node(
        workflow,
        type="query",
        title="Its open purchase order",
        upstream=low,
        branch_index=1,
        config={
            "collection": "shop.PurchaseOrder",
            "multiple": False,
            "params": {"filter": {"product_id": {"$eq": "{{$context.data.id}}"}, "state": {"$eq": "open"}}},
        },
    )
    none_open = add_node(
        workflow,
        type="condition",
        title="None open?",
        upstream=open_order,
        config=_when(_result(open_order), "equal", None),
    )
    quantity = add_node(
        workflow,
        type="calculation",
        title="Three times the level, less the stock",
        upstream=none_open,
        branch_index=1,
        config={"engine": "math.js", "expression": "3 * {{$context.data.reorder_level}} - {{$context.data.stock}}"},
    )
    add_node(
        workflow,
        type="create",
        title="Order it",
        upstream=quantity,
        config={
            "collection": "shop.PurchaseOrder",
            "params": {"values": {"product_id": "{{$context.data.id}}", "quantity": _result(quantity)}},
        },
    )
    return workflow


def customer_tier() -> Workflow:
    """On an order's creation: what the customer has bought so far decides the tier. The customer is the lane."""
    workflow = _on(
        "Order",
        CREATED,
        name="customer-tier",
        title="Customer tier",
        options={"lane": "customer-{{$context.data.customer_id}}"},
    )
    bought = add_node(
        workflow,
        type="aggregate",
        title="Bought so far",
        config={
            "aggregator": "sum",
            "collection": "shop.Order",
            "params": {"field": "total", "filter": {"customer_id": {"$eq": "{{$context.data.customer_id}}"}}},
        },
    )
    tiers = [("Gold", GOLD), ("Silver", SILVER)]
    choice = add_node(
        workflow,
        type="multi-conditions",
        title="Which tier?",
        upstream=bought,
        config={
            "continueOnNoMatch": True,
            "conditions": [{"title": tier, **_logic(_result(bought), "gte", least)} for tier, least in tiers],
        },
    )
    for branch, tier in ((1, "gold"), (2, "silver"), (0, "bronze")):
        add_node(
            workflow,
            type="update",
            title=f"To {tier}",
            upstream=choice,
            branch_index=branch,
            config=_change("Customer", "{{$context.data.customer_id}}", {"tier": tier}),
        )
    return workflow


def order_follow_up() -> Workflow:
    """Two branches side by side, one a loop over the order's lines, one a short wait; then an output."""
    workflow = _on("Order", CREATED, name="order-follow-up", title="Order follow-up")
    lines = add_node(
        workflow,
        type="query",
        title="Its lines",
        config={
            "collection": "shop.Line",
            "multiple": True,
            "params": {
                "filter": {"order_id": {"$eq": "{{$context.data.id}}"}},
                "appends": ["product"],
                "sort": [{"field": "id", "direction": "asc"}],
            },
        },
    )
    both = add_node(workflow, type="parallel", title="Pack and wait", upstream=lines, config={"mode": "all"})
    each = add_node(
        workflow, type="loop", title="Each line", upstream=both, branch_index=1, config={"target": _result(lines)}
    )
    add_node(
        workflow,
        type="calculation",
        title="Packing slip",
        upstream=each,
        branch_index=0,
        config={
            "engine": "string",
            "expression": f"{{{{$scopes.{each.key}.item.quantity}}}} x {{{{$scopes.{each.key}.item.product.name}}}}",
        },
    )
    add_node(
        workflow,
        type="delay",
        title="Give the customer two seconds",
        upstream=both,
        branch_index=2,
        config={"duration": 2, "unit": 1000, "endStatus": 1},
    )
    add_node(
        workflow,
        type="output",
        title="What was packed",
        upstream=both,
        config={"value": {"order": "{{$context.data.id}}", "lines": f"{{{{$jobsMapByNodeKey.{lines.key}.id}}}}"}},
    )
    return workflow


def stock_report() -> Workflow:
    """Every morning: how many products are sold out."""
    workflow = versions.create_workflow(
        type="schedule",
        name="stock-report",
        title="Stock report",
        config={"mode": 0, "startsOn": "2024-01-01", "repeat": "0 7 * * *"},
    )
    sold_out = add_node(
        workflow,
        type="aggregate",
        title="Sold out",
        config={
            "aggregator": "count",
            "collection": "shop.Product",
            "params": {"field": "id", "filter": {"stock": {"$eq": 0}, "discontinued": {"$eq": False}}},
        },
    )
    add_node(
        workflow,
        type="output",
        title="The report",
        upstream=sold_out,
        config={"value": {"date": "{{$context.date}}", "soldOut": _result(sold_out)}},
    )
    return workflow


def quick() -> Workflow:
    """Ends by itself within a second."""
    workflow = versions.create_workflow(type="manual", name="quick", title="quick")
    product = add_node(
        workflow, type="calculation", title="Six times seven", config={"engine": "math.js", "expression": "6 * 7"}
    )
    add_node(workflow, type="output", title="The answer", upstream=product, config={"value": _result(product)})
    return workflow


def slow() -> Workflow:
    """Waits an hour: something to cancel."""
    workflow = versions.create_workflow(type="manual", name="slow", title="slow")
    add_node(workflow, type="delay", title="An hour", config={"duration": 1, "unit": 3_600_000, "endStatus": 1})
    return workflow


def cancel_with_reason() -> Workflow:
    """Before an order is saved in the admin: cancelled without a note, it is refused."""
    workflow = versions.create_workflow(
        type="request-interception",
        name="cancel-with-reason",
        title="Cancel with a reason",
        config={"collection": "shop.Order", "global": True, "actions": ["update"]},
    )
    cancelled = add_node(
        workflow,
        type="condition",
        title="Cancelled?",
        config=_when("{{$context.params.values.status}}", "equal", "cancelled"),
    )
    silent = add_node(
        workflow,
        type="condition",
        title="No note?",
        upstream=cancelled,
        branch_index=1,
        config=_when("{{$context.params.values.note}}", "equal", ""),
    )
    message = add_node(
        workflow,
        type="response-message",
        title="Ask for one",
        upstream=silent,
        branch_index=1,
        config={"message": "Say in the note why the order is cancelled."},
    )
    add_node(workflow, type="end", title="Refuse it", upstream=message, config={"endStatus": -1})
    return workflow


def cancelled_order() -> Workflow:
    """After an order was saved in the admin as cancelled: a review that says who did it."""
    workflow = versions.create_workflow(
        type="action",
        name="cancelled-order",
        title="Cancelled order",
        config={"collection": "shop.Order", "global": True, "actions": ["update"]},
    )
    cancelled = add_node(
        workflow, type="condition", title="Cancelled?", config=_when("{{$context.data.status}}", "equal", "cancelled")
    )
    add_node(
        workflow,
        type="create",
        title="Have it reviewed",
        upstream=cancelled,
        branch_index=1,
        config=_review("Cancelled by {{$context.user.username}}"),
    )
    return workflow


def ask_for_review() -> Workflow:
    """A button of the order's page in the admin."""
    workflow = versions.create_workflow(
        type="custom-action",
        name="ask-for-review",
        title="Ask for a review",
        config={"type": 1, "collection": "shop.Order"},
    )
    add_node(
        workflow,
        type="create",
        title="Open a review",
        config=_review("Asked for by {{$context.user.username}}"),
    )
    return workflow


def _review(reason: str) -> dict[str, Any]:
    return {
        "collection": "shop.Review",
        "params": {"values": {"order_id": "{{$context.data.id}}", "reason": reason}},
    }


def _on(model: str, mode: int, *, config: dict[str, Any] | None = None, **columns: Any) -> Workflow:
    trigger = {"collection": f"shop.{model}", "mode": mode, **(config or {})}
    return versions.create_workflow(type="collection", config=trigger, **columns)


def _result(node: Node) -> str:
    """The template for what a node came to."""
    return f"{{{{$jobsMapByNodeKey.{node.key}}}}}"


def _logic(left: Any, calculator: str, right: Any) -> dict[str, Any]:
    comparison = {"calculator": calculator, "operands": [left, right]}
    return {"engine": "basic", "calculation": {"group": {"type": "and", "calculations": [comparison]}}}


def _when(left: Any, calculator: str, right: Any) -> dict[str, Any]:
    return {"rejectOnFalse": False, **_logic(left, calculator, right)}


def _change(model: str, pk: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"collection": f"shop.{model}", "params": {"filter": {"id": {"$eq": pk}}, "values": values}}
