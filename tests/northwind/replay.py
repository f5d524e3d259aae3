"""The records saved row by row through the ORM, as an application would."""

from collections.abc import Iterator

from django.db import transaction

from config.shop.models import Customer, Line, Order, Product
from tests.northwind.records import Northwind, OrderRecord


class Replay:
    """Saves customers and products at once, then an order at a time as `orders` is gone through."""

    def __init__(self, data: Northwind) -> None:
        self.data = data
        self.customers = {record.code: self._customer(record) for record in data.customers}
        self.products = {record.number: self._product(record) for record in data.products}

    def orders(self) -> Iterator[int]:
        """Yields after each order's commit how many there are."""
        for count, record in enumerate(self.data.orders, start=1):
            self._place(record)
            yield count

    @transaction.atomic
    def _place(self, record: OrderRecord) -> None:
        order = Order.objects.create(
            number=record.number,
            customer=self.customers[record.customer],
            total=record.total,
            placed_at=record.placed_at,
            shipped_at=record.shipped_at,
        )
        for line in record.lines:
            product = self.products[line.product]
            Line.objects.create(
                order=order, product=product, quantity=line.quantity, price=line.price, discount=line.discount
            )
            product.stock = max(product.stock - line.quantity, 0)
            product.save()

    @staticmethod
    def _customer(record) -> Customer:
        return Customer.objects.create(**vars(record))

    @staticmethod
    def _product(record) -> Product:
        return Product.objects.create(**vars(record))
