"""The mixin for viewsets, over real requests."""

import pytest
from django.contrib import admin
from rest_framework.test import APIClient
from rest_framework.viewsets import ModelViewSet

from config.shop.models import Customer, Order
from executions.models import Execution
from executions.testing import drain
from tests.people import boss, person
from tests.workflows.requesting import shop
from tests.workflows.requesting.conftest import END, FAIL, REFUSE, WAIT, create, say
from workflows import WorkflowAdminMixin, WorkflowViewSetMixin

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.urls("tests.workflows.requesting.shop")]


@pytest.fixture
def api():
    def make(user=None):
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return make


def contexts():
    drain()
    return list(Execution.objects.order_by("id").values_list("context", flat=True))


def named(*workflows):
    return "?triggerWorkflows=" + ",".join(
        workflow if isinstance(workflow, str) else workflow.key for workflow in workflows
    )


MAY = ("workflows.execute_workflow", "shop.view_order")


def test_creating_and_changing_set_off_what_comes_after(on, order, api):
    workflow = on("action")
    user = person()
    made = api(user).post(f"/orders/{named(workflow)}", {"customer": order.customer_id, "note": "x"}, format="json")
    assert (made.status_code, made.data["note"]) == (201, "made")
    changed = api().patch(f"/orders/{order.pk}/{named(workflow)}", {"note": "patched"})
    put = api().put(f"/orders/{order.pk}/{named(workflow)}", {"note": "put", "customer": order.customer_id})
    assert (changed.status_code, put.status_code) == (200, 200)
    assert api().delete(f"/orders/{order.pk}/{named(workflow)}").status_code == 204
    assert [(each["data"]["id"], each["data"]["note"]) for each in contexts()] == [
        (made.data["id"], "made"),
        (order.pk, "patched"),
        (order.pk, "put"),
    ]
    assert [each["user"] and each["user"]["username"] for each in contexts()] == ["someone", None, None]


def test_what_is_not_valid_sets_nothing_off(on, order, api):
    on("action", actions=["create", "update"], **{"global": True})
    assert api().post("/orders/", {"customer": 0}).status_code == 400
    assert contexts() == []


def test_each_row_of_a_list_is_an_event(on, order, api):
    on("action", actions=["create"], **{"global": True})
    rows = [{"customer": order.customer_id}] * 2
    made = api().post("/many/", rows, format="json")
    assert [each["data"]["id"] for each in contexts()] == [row["id"] for row in made.data]


def test_messages_are_in_the_answer(on, order, api):
    on("action", [say("a"), say("b")], sync=True, actions=["update"], **{"global": True})
    on("request-interception", [say("before")], actions=["update", "destroy"], **{"global": True})
    answer = api().patch(f"/orders/{order.pk}/", {"note": "x"})
    assert (answer.data["note"], answer.data["messages"]) == ("x", ["before", "a", "b"])
    answer = api().delete(f"/orders/{order.pk}/")
    assert (answer.status_code, answer.data) == (200, {"messages": ["before"]})
    assert not Order.objects.exists()


@pytest.mark.parametrize("method", ["post", "patch", "put", "delete"])
@pytest.mark.parametrize(
    ("steps", "status", "body"),
    [
        ([say("no"), REFUSE], 400, {"errors": [{"field": None, "code": "workflow", "message": "no"}]}),
        ([say("well"), END], 200, {"messages": ["well"]}),
        ([END], 200, {"messages": []}),
        ([FAIL], 500, None),
    ],
)
def test_what_comes_before_keeps_it_from_being_done(on, order, api, method, steps, status, body):
    seen = [create("shop.Customer", name="by the workflow")]
    on("request-interception", [*seen, *steps], actions=["create", "update", "destroy"], **{"global": True})
    data = {"note": "never", "customer": order.customer_id}
    address = "/orders/" if method == "post" else f"/orders/{order.pk}/"
    answer = getattr(api(), method)(address, data, format="json")
    assert answer.status_code == status
    assert body is None or answer.data == body
    assert list(Order.objects.values_list("note", flat=True)) == [""]
    # What the workflow did itself it did.
    assert Customer.objects.filter(name="by the workflow").count() == 1
    [context] = contexts()
    key = None if method == "post" else order.pk
    assert context["params"] == {"filterByTk": key, "filter": None, "values": None if method == "delete" else data}


def test_a_form_is_as_json_has_it(on, order, api):
    on("request-interception", actions=["update"], **{"global": True})
    api().patch(f"/orders/{order.pk}/", {"note": "x", "tags": ["a", "b"]}, format="multipart")
    assert contexts()[0]["params"]["values"] == {"note": "x", "tags": ["a", "b"]}


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_no_workflow_is_asked_about_rows_that_are_not_to_be_seen(on, order, api, method):
    on("request-interception", actions=["update", "destroy"], **{"global": True})
    Order.objects.update(total=-1)
    assert getattr(api(), method)(f"/orders/{order.pk}/").status_code == 404
    Order.objects.update(total=1, note="locked")
    assert getattr(api(), method)(f"/orders/{order.pk}/").status_code == 403
    assert contexts() == []


def test_too_many_names_are_refused(order, api):
    answer = api().patch(f"/orders/{order.pk}/{named(*map(str, range(60)))}", {"note": "x"})
    assert (answer.status_code, answer.data["errors"][0]["field"]) == (400, "triggerWorkflows")


def test_a_viewset_names_workflows_for_requests_that_name_none(on, order, api, monkeypatch):
    workflow = on("action")
    monkeypatch.setattr(shop.DefaultViewSet, "trigger_workflows", workflow.key)
    api().patch(f"/defaults/{order.pk}/", {"note": "x"})
    api().patch(f"/defaults/{order.pk}/{named('another')}", {"note": "x"})
    assert len(contexts()) == 1


def test_case_245_custom_actions_need_permission_and_a_row_of_ones_own(on, order, api):
    workflow = on("custom-action", [say("ran")], sync=True, type=1)
    hidden = Order.objects.create(customer=order.customer, total=-1)
    address = f"/orders/{order.pk}/trigger/{named(workflow)}"
    for number, held in enumerate([(), MAY[:1], MAY[1:]]):
        assert api(person(*held, username=f"p{number}")).post(address).status_code == 403
    assert api().post(address).status_code == 403
    user = person(*MAY)
    answer = api(user).post(address)
    assert (answer.status_code, answer.data) == (200, {"messages": ["ran"]})
    for pk in (hidden.pk, 0):
        assert api(user).post(f"/orders/{pk}/trigger/{named(workflow)}").status_code == 403
        assert api(user).post(f"/orders/trigger/{named(workflow)}&filterByTk={order.pk},{pk}").status_code == 403
    Order.objects.filter(pk=order.pk).update(note="locked")
    assert api(user).post(address).status_code == 403
    assert api(user).post(f"/orders/trigger/{named(workflow)}&filterByTk={order.pk}").status_code == 403
    Order.objects.filter(pk=order.pk).update(note="")
    assert api(boss()).post(address).status_code == 200
    assert Execution.objects.count() == 2


def test_a_path_leads_only_to_rows_of_models_that_one_may_see(on, order, api):
    workflow = on("custom-action", type=1, collection="shop.Customer")
    address = f"/orders/{order.pk}/trigger/{named(f'{workflow.key}!customer')}"
    assert api(person(*MAY)).post(address).status_code == 403
    assert contexts() == []
    assert api(person(*MAY, "shop.view_customer", username="other")).post(address).status_code == 200
    assert [context["data"]["name"] for context in contexts()] == ["Ann"]


def test_case_243_over_http(on, order, api):
    client = api(person(*MAY))
    for address in (
        f"/orders/{order.pk}/trigger/",
        f"/orders/{order.pk}/trigger/{named('nobody')}",
        "/orders/trigger/",
    ):
        answer = client.post(address)
        assert (answer.status_code, answer.data["errors"][0]["field"]) == (400, "triggerWorkflows")


@pytest.mark.parametrize(("steps", "status"), [([END], 200), ([REFUSE], 400), ([FAIL], 500), ([WAIT], 500)])
def test_how_a_custom_action_is_answered(on, order, api, steps, status):
    workflow = on("custom-action", steps, sync=True, type=1)
    assert api(boss()).post(f"/orders/{order.pk}/trigger/{named(workflow)}").status_code == status


def test_rows_and_values_of_custom_actions(on, order, api):
    one, many = on("custom-action", type=1), on("custom-action", type=2)
    other = Order.objects.create(customer=order.customer)
    client = api(boss())
    client.post(f"/orders/{order.pk}/trigger/{named(one)}", {"note": "x"}, format="json")
    client.post(
        f"/orders/trigger/{named(many)}&filterByTk={other.pk}&filterByTk={order.pk}", {"note": "y"}, format="json"
    )
    client.post(f"/orders/trigger/{named(one)}", {"note": "z"}, format="json")
    first, second, third = (each["data"] for each in contexts())
    assert (first["id"], first["note"]) == (order.pk, "x")
    assert [(row["id"], row["note"]) for row in second] == [(other.pk, "y"), (order.pk, "y")]
    assert third == {"note": "z"}


@pytest.mark.parametrize("keys", ["x", "1.5", "9" * 30, ",".join(map(str, range(1_001)))])
def test_keys_that_are_none(on, api, keys):
    workflow = on("custom-action", type=2)
    answer = api(boss()).post(f"/orders/trigger/{named(workflow)}&filterByTk={keys}")
    assert (answer.status_code, answer.data["errors"][0]["field"]) == (400, "filterByTk")


def test_a_request_without_such_workflows_costs_no_query_of_ours(on, order, api, django_assert_num_queries):
    on("action", collection="shop.Customer", actions=["update"], **{"global": True})
    client = api()
    client.patch(f"/orders/{order.pk}/", {"note": "warm"})
    with django_assert_num_queries(2):
        client.patch(f"/orders/{order.pk}/", {"note": "x"})


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_viewset_that_only_reads_goes_on_only_reading(on, order, api, method):
    on("request-interception", actions=["create", "update", "destroy"], **{"global": True})
    where = "/reading/" if method == "post" else f"/reading/{order.pk}/"
    assert getattr(api(), method)(where, {"note": "x"}).status_code == 405
    assert api().get("/reading/").status_code == 200
    assert contexts() == []


@pytest.mark.parametrize(
    "bases",
    [(ModelViewSet, WorkflowViewSetMixin), (admin.ModelAdmin, WorkflowAdminMixin)],
    ids=["viewset", "admin"],
)
def test_a_mixin_that_would_never_be_asked_is_refused(bases):
    with pytest.raises(TypeError, match=f"Wrong: put {bases[1].__name__} before"):
        type("Wrong", bases, {})
