"""The Northwind CSV files as they came, as plain records: no Django here, so that what is expected owes it nothing.

Addresses with unquoted commas make some rows longer than their header. Orders are read from the left, where nothing is
free text yet; customers from both ends, for their address stands in the middle.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True)
class CustomerRecord:
    code: str
    name: str
    city: str
    region: str
    country: str


@dataclass(frozen=True)
class ProductRecord:
    number: int
    name: str
    price: Decimal
    stock: int
    reorder_level: int
    discontinued: bool


@dataclass(frozen=True)
class LineRecord:
    product: int
    price: Decimal
    quantity: int
    #: A fraction: 0.15 is 15 %.
    discount: Decimal

    @property
    def amount(self) -> Decimal:
        """What the line costs after its discount."""
        return self.quantity * self.price * (1 - self.discount)


@dataclass(frozen=True)
class OrderRecord:
    number: int
    customer: str
    placed_at: datetime
    shipped_at: datetime | None
    lines: list[LineRecord] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Northwind:
    """Orders in the order of their numbers, each with its lines in the file's order."""

    customers: list[CustomerRecord]
    products: list[ProductRecord]
    orders: list[OrderRecord]


def read(directory: Path) -> Northwind:
    """The records of a directory with customers.csv, products.csv, orders.csv and order-details.csv."""
    customers = [
        CustomerRecord(row[0], row[1], city=row[-6], region=_text(row[-5]) or "", country=row[-3])
        for row in _rows(directory / "customers.csv")
    ]
    products = [
        ProductRecord(int(row[0]), row[1], Decimal(row[5]), int(row[6]), int(row[8]), discontinued=row[9] == "1")
        for row in _rows(directory / "products.csv")
    ]
    orders = {
        int(row[0]): OrderRecord(int(row[0]), row[1], placed_at=_time(row[3]), shipped_at=_shipped(row[5]))
        for row in _rows(directory / "orders.csv")
    }
    for order, product, price, quantity, discount in _rows(directory / "order-details.csv"):
        orders[int(order)].lines.append(LineRecord(int(product), Decimal(price), int(quantity), Decimal(discount)))
    return Northwind(customers, products, list(orders.values()))


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def _text(value: str) -> str | None:
    return None if value == "NULL" else value


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _shipped(value: str) -> datetime | None:
    text = _text(value)
    return None if text is None else _time(text)
