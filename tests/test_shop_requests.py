"""The demo's workflows of requests, as somebody in the admin meets them."""

import pytest
from django.test import Client

from config.demo import definitions
from config.shop.models import Customer, Order, Product, Review
from executions.models import Execution
from executions.testing import drain
from tests.building import build
from tests.people import boss
from workflows import versions
from workflows.triggers import listening

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def order() -> Order:
    return Order.objects.create(customer=Customer.objects.create(name="Ann"))


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(boss())
    return client


def enabled(*made):
    for workflow in made:
        versions.enable(workflow)
    listening.refresh(force=True)


def cancel(client, order, note):
    values = {"customer": order.customer_id, "status": "cancelled", "total": "1", "note": note}
    values |= {"placed_at_0": "2024-05-01", "placed_at_1": "10:00:00", "lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0}
    return client.post(f"/admin/shop/order/{order.pk}/change/", values)


def test_an_order_is_cancelled_with_a_reason_only(signed_in, order):
    enabled(definitions.cancel_with_reason(), definitions.cancelled_order())
    refused = cancel(signed_in, order, "")
    assert b"Say in the note why the order is cancelled." in refused.content
    assert cancel(signed_in, order, "Out of stock").status_code == 302
    drain()
    assert [review.reason for review in Review.objects.all()] == ["Cancelled by boss"]
    assert Order.objects.get().status == "cancelled"


def test_a_review_is_asked_for_by_a_button(signed_in, order):
    workflow = definitions.ask_for_review()
    enabled(workflow)
    page = f"/admin/shop/order/{order.pk}/run-workflow/"
    assert b"Ask for a review" in signed_in.get(page).content
    signed_in.post(page, {"confirmed": "yes", "workflow": workflow.key})
    drain()
    assert [review.reason for review in order.reviews.all()] == ["Asked for by boss"]


@pytest.mark.parametrize(("status", "orders"), [(None, 1), (-1, 0)])
def test_an_order_of_the_shops_page_is_a_request(signed_in, status, orders):
    say = ("response-message", {"message": "Not today."})
    steps = [] if status is None else [say, ("end", {"endStatus": status})]
    config = {"collection": "shop.Order", "global": True, "actions": ["create"]}
    build(steps, type="request-interception", sync=True, config=config)
    listening.refresh(force=True)
    customer, tea = Customer.objects.create(name="Ann"), Product.objects.create(name="Tea", price=1)
    answer = signed_in.post("/shop/", {"customer": customer.pk, f"product-{tea.pk}": 2, "note": "x"})
    assert (answer.status_code, Order.objects.count()) == (302 if orders else 200, orders)
    assert orders or b"Not today." in answer.content
    values = Execution.objects.get().context["params"]["values"]
    assert values == {"customer": customer.pk, f"product-{tea.pk}": 2, "note": "x"}
