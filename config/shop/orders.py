"""Placing an order, as the shop's page and the demo's data do it."""

from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction

from config.shop.models import Customer, Line, Order, Product


@transaction.atomic
def place_order(
    customer: Customer,
    items: Iterable[tuple[Product, int]],
    *,
    discount: Decimal = Decimal(0),
    note: str = "",
) -> Order:
    """An order with its lines; the stock of each product goes down by its quantity, not below 0.

    Plain ORM writes in one transaction: whatever workflows listen to them see either all of it or nothing.
    """
    items = list(items)
    total = sum((product.price * quantity for product, quantity in items), Decimal(0)) * (1 - discount)
    order = Order.objects.create(customer=customer, total=total, note=note)
    for product, quantity in items:
        Line.objects.create(order=order, product=product, quantity=quantity, price=product.price, discount=discount)
        product.stock = max(product.stock - quantity, 0)
        product.save()
    return order
