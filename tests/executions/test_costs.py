"""What an event costs the one whose save it is: counted in statements, warm."""

import pytest
from django.db import transaction

from config.shop.models import Customer
from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Execution
from tests.building import build, fired
from workflows.errors import Invalid
from workflows.triggers import listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listened(settings):
    workflow = build([fired()], type="collection", config={"collection": "shop.Customer", "mode": 1})
    listening.changed()
    Customer.objects.create(name="warm")
    drain_all()
    return workflow


def test_a_save_without_workflows_costs_no_statement_of_ours(django_assert_num_queries):
    Customer.objects.create(name="warm")
    with transaction.atomic(), django_assert_num_queries(1):
        Customer.objects.create(name="Ada")


def test_a_save_that_triggers_costs_one_insert_in_its_own_transaction(listened, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(2):
        Customer.objects.create(name="Ada")
    assert Execution.objects.filter(status=None).count() == 1


def test_two_workflows_on_one_save_still_cost_one_insert(listened, django_assert_num_queries):
    build([fired()], type="collection", config={"collection": "shop.Customer", "mode": 1})
    listening.changed()
    Customer.objects.create(name="warm")
    with transaction.atomic(), django_assert_num_queries(2):
        Customer.objects.create(name="Ada")
    assert Execution.objects.filter(context__data__name="Ada").count() == 2


def test_an_event_key_costs_one_statement_more(listened, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(2):
        start(listened, {"data": {}}, event_key="delivery-1")
    with transaction.atomic(), django_assert_num_queries(2):
        again = start(listened, {"data": {}}, event_key="delivery-1")
    assert again == Execution.objects.get(event_key="delivery-1")


@pytest.mark.parametrize("event_key", ["", "x" * 256, "a\x00b", 7])
def test_an_event_key_that_does_not_fit_is_refused_by_name(event_key):
    with pytest.raises(Invalid) as refused:
        start(build([]), {}, event_key=event_key)
    assert refused.value.field == "event_key"
    assert not Execution.objects.exists()
