"""The demo shop: what an order writes, what its page refuses, and the pages anyone may see."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from config.shop.models import Customer, Line, Order, Product
from config.shop.orders import place_order

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(name="Épicerie du Canal")


@pytest.fixture
def product() -> Product:
    return Product.objects.create(name="Kelp salt", price=Decimal("22.10"), stock=5, reorder_level=2)


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(User.objects.create_user("someone"))
    return client


@pytest.mark.parametrize(
    ("price", "quantity", "discount", "amount"),
    [
        ("10.00", 3, "0", "30.0000"),
        ("18.60", 7, "0.15", "110.6700"),
        ("0.01", 1, "0.05", "0.0095"),
        ("263.50", 40, "0.25", "7905.0000"),
    ],
)
def test_a_line_costs_what_it_costs_after_its_discount(
    customer: Customer, product: Product, price: str, quantity: int, discount: str, amount: str
) -> None:
    order = Order.objects.create(customer=customer)
    line = Line.objects.create(
        order=order, product=product, quantity=quantity, price=Decimal(price), discount=Decimal(discount)
    )
    line.refresh_from_db()
    assert line.amount == Decimal(amount)


@pytest.mark.parametrize(("quantity", "left"), [(2, 3), (5, 0), (9, 0)])
def test_an_order_lowers_the_stock_but_not_below_nothing(
    customer: Customer, product: Product, quantity: int, left: int
) -> None:
    order = place_order(customer, [(product, quantity)], discount=Decimal("0.10"))
    product.refresh_from_db()
    assert product.stock == left
    assert order.total == order.lines.get().amount == quantity * Decimal("19.89")


def test_an_order_placed_on_the_page_is_stored(signed_in: Client, customer: Customer, product: Product) -> None:
    answer = signed_in.post("/shop/", {"customer": customer.pk, "note": "Soon, please", f"product-{product.pk}": 2})
    assert answer.status_code == 302
    order = Order.objects.get()
    assert (order.customer, order.note, order.lines.get().quantity) == (customer, "Soon, please", 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"customer": ""}, "This field is required."),
        ({"customer": "0"}, "Select a valid choice."),
        ({"customer": "1\x00"}, "Null characters are not allowed."),
        ({"quantity": ""}, "Give a quantity for at least one product."),
        ({"quantity": "0"}, "Give a quantity for at least one product."),
        ({"quantity": "-1"}, "greater than or equal to 0"),
        ({"quantity": "1e9"}, "Enter a whole number."),
        ({"quantity": "99999999999999999999"}, "less than or equal to 10000"),
    ],
)
def test_the_page_says_what_is_wrong_and_stores_nothing(
    signed_in: Client, customer: Customer, product: Product, change: dict[str, Any], sentence: str
) -> None:
    given = {"customer": customer.pk, "quantity": 1, **change}
    answer = signed_in.post("/shop/", {"customer": given["customer"], f"product-{product.pk}": given["quantity"]})
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Order.objects.exists()


def test_the_page_asks_the_database_no_more_for_more_rows(
    signed_in: Client, customer: Customer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    products = [Product.objects.create(name=f"Product {n}", price=1, stock=9) for n in range(20)]
    for product in products:
        place_order(customer, [(product, 1)])
    with django_assert_num_queries(5):  # session, user, products, customers, orders with their customers
        assert signed_in.get("/shop/").status_code == 200


@pytest.mark.parametrize(("path", "shows"), [("/", "workflow engine"), ("/healthz", "ok")])
def test_pages_for_anyone(client: Client, path: str, shows: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert shows in answer.content.decode()


def test_ordering_needs_a_sign_in(client: Client) -> None:
    assert client.get("/shop/").headers["Location"] == "/admin/login/?next=/shop/"
