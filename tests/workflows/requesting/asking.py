"""What requests of these tests do, without HTTP."""

from config.shop.models import Order
from executions.models import Execution
from executions.testing import drain
from workflows.requesting import core
from workflows.requesting.asking import Asked, parse_listed


def ran():
    """(key, context) of all runs in the order they were written, after all have run."""
    drain()
    assert not Execution.objects.filter(status=None).exists()
    return list(Execution.objects.order_by("id").values_list("key", "context"))


def keys():
    return [key for key, _context in ran()]


def update(order, *listed, user=None, values=None, **given):
    with core.acting(Asked(user, parse_listed(listed)), Order, "update", key=order.pk, values=values) as action:
        order.note = given.pop("note", "changed")
        order.save()
        action.saved(order)
    return action.messages


def place(customer, *listed, **values):
    with core.acting(Asked(None, parse_listed(listed)), Order, "create", values=values) as action:
        row = Order.objects.create(customer=customer, **values)
        action.saved(row)
    return row, action.messages
