"""The files as they came."""

from datetime import UTC, datetime
from decimal import Decimal

from tests.northwind.records import CustomerRecord, LineRecord, ProductRecord


def test_nothing_is_lost(northwind):
    found = [len(northwind.customers), len(northwind.products), len(northwind.orders)]
    assert found == [91, 77, 830]
    assert sum(len(order.lines) for order in northwind.orders) == 2155
    assert all(order.lines for order in northwind.orders)


def test_accents_and_commas_in_addresses_and_the_text_null(northwind):
    customers = {customer.code: customer for customer in northwind.customers}
    assert customers["BLONP"] == CustomerRecord("BLONP", "Blondesddsl père et fils", "Strasbourg", "", "France")
    assert customers["HILAA"].region == "Táchira"
    assert not [customer for customer in northwind.customers if "NULL" in vars(customer).values()]


def test_products(northwind):
    assert northwind.products[1] == ProductRecord(2, "Chang", Decimal("19.00"), 17, 25, discontinued=False)
    assert sum(product.discontinued for product in northwind.products) == 8


def test_orders_with_and_without_a_shipping_date(northwind):
    first = northwind.orders[0]
    assert (first.number, first.customer) == (10248, "VINET")
    assert (first.placed_at, first.shipped_at) == (datetime(1996, 7, 4, tzinfo=UTC), datetime(1996, 7, 16, tzinfo=UTC))
    assert first.lines[0] == LineRecord(11, Decimal("14.00"), 12, Decimal(0))
    assert first.total == Decimal("440.00")
    assert sum(order.shipped_at is None for order in northwind.orders) == 21
