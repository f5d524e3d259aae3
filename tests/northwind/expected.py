"""What the tables must hold when the workers are done, computed from the same records in plain Python."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from tests.northwind.records import Northwind

BIG_ORDER = 2_000
GOLD_SPENT, GOLD_ORDER, SILVER_SPENT = 10_000, 5_000, 3_000


@dataclass
class Expected:
    """Orders and products by number, customers by code."""

    #: Orders that come to more than 2,000; every other one is cleared.
    reviewed: set[int] = field(default_factory=set)
    cleared: set[int] = field(default_factory=set)
    tiers: dict[str, str] = field(default_factory=dict)
    #: What is left of each product.
    stock: dict[int, int] = field(default_factory=dict)
    #: Product -> quantity of its one purchase order.
    purchases: dict[int, int] = field(default_factory=dict)
    #: (product, stock it left) of each save that changed the stock, counted.
    stock_changes: Counter[tuple[int, int]] = field(default_factory=Counter)


def compute(data: Northwind) -> Expected:
    expected = Expected()
    by_customer: dict[str, list[Decimal]] = defaultdict(list)
    for order in data.orders:
        (expected.reviewed if order.total > BIG_ORDER else expected.cleared).add(order.number)
        by_customer[order.customer].append(order.total)
    expected.tiers = {customer.code: _tier(by_customer[customer.code]) for customer in data.customers}
    _sell(data, expected)
    return expected


def _tier(totals: list[Decimal]) -> str:
    spent, largest = sum(totals), max(totals, default=0)
    if spent >= GOLD_SPENT and largest >= GOLD_ORDER:
        return "gold"
    return "silver" if spent >= SILVER_SPENT else "bronze"


def _sell(data: Northwind, expected: Expected) -> None:
    levels = {product.number: product.reorder_level for product in data.products}
    expected.stock = {product.number: product.stock for product in data.products}
    for line in (line for order in data.orders for line in order.lines):
        left = max(expected.stock[line.product] - line.quantity, 0)
        if left == expected.stock[line.product]:
            continue
        expected.stock[line.product] = left
        expected.stock_changes[line.product, left] += 1
        if left < levels[line.product]:
            # Only the first one orders: it is open from then on.
            expected.purchases.setdefault(line.product, 3 * levels[line.product] - left)
