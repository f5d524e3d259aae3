"""What views of a project's own use, over real requests."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpResponse, JsonResponse
from django.test import Client
from django.urls import path

from config.shop.models import Order
from executions.models import Execution
from executions.testing import drain
from tests.people import boss, person
from tests.workflows.requesting.conftest import END, FAIL, REFUSE, say
from workflows import RequestHalted, custom_action, request_action
from workflows.errors import Forbidden, SluiceError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


def change(request, pk):
    order = Order.objects.get(pk=pk)
    try:
        with request_action(request, Order, "update", key=pk, values=request.POST) as action:
            order.note = request.POST["note"]
            order.save()
            action.saved(order)
    except RequestHalted as halted:
        return JsonResponse(halted.body, status=halted.status)
    return JsonResponse({"messages": action.messages})


@transaction.non_atomic_requests
def ship(request):
    try:
        answered = custom_action(request, values=json.loads(request.body))
    except Forbidden as error:
        raise PermissionDenied(str(error)) from None
    except SluiceError as error:
        return HttpResponse(str(error), status=error.status)
    return JsonResponse({"messages": answered.messages})


urlpatterns = [path("orders/<int:pk>/", change), path("ship/", ship)]


def post(address, data, user=None, **given):
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.post(address, data, **given)


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
@pytest.mark.parametrize(
    ("before", "after", "status", "body", "note"),
    [
        ([say("a")], [say("b")], 200, {"messages": ["a", "b"]}, "x"),
        ([say("a"), REFUSE], [], 400, {"errors": [{"field": None, "code": "workflow", "message": "a"}]}, ""),
        ([END], [], 200, {"messages": []}, ""),
        ([], [FAIL], 500, None, "x"),
        ([], [say("b"), REFUSE], 400, {"errors": [{"field": None, "code": "workflow", "message": "b"}]}, "x"),
    ],
)
def test_a_view_of_ones_own(on, order, monkeypatch, atomic, before, after, status, body, note):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", atomic)
    on("request-interception", before, actions=["update"], **{"global": True})
    on("action", after, sync=True, actions=["update"], **{"global": True})
    answer = post(f"/orders/{order.pk}/", {"note": "x"})
    assert answer.status_code == status
    assert body is None or answer.json() == body
    order.refresh_from_db()
    assert order.note == note
    assert Execution.objects.earliest("id").context["params"] == {
        "filterByTk": order.pk,
        "filter": None,
        "values": {"note": "x"},
    }


def test_an_async_one_begins_after_the_response(on, order):
    workflow = on("action")
    assert post(f"/orders/{order.pk}/?triggerWorkflows={workflow.key}", {"note": "x"}).status_code == 200
    execution = Execution.objects.get()
    assert (execution.status, execution.due_at > execution.created_at) == (None, True)
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.context["data"]["note"]) == (1, "x")


@pytest.mark.parametrize(("permissions", "status"), [((), 403), (("workflows.execute_workflow",), 200)])
def test_a_custom_action_with_values_of_its_own(on, permissions, status):
    workflow = on("custom-action", [say("Shipped {{$context.data.n}}")], sync=True, type=0)
    answer = post(
        f"/ship/?triggerWorkflows={workflow.key}", '{"n": 3}', person(*permissions), content_type="application/json"
    )
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"messages": ["Shipped 3"]}


def test_a_custom_action_that_is_not_named(on):
    on("custom-action", type=0)
    assert post("/ship/", "{}", boss(), content_type="application/json").status_code == 400
