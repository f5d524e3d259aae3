"""The mixin for admin pages of the project's own, over real requests to the shop's."""

import re
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from config.shop.admin import OrderAdmin
from config.shop.models import Customer, Order, Product
from executions.models import Attribute, Execution
from executions.testing import drain
from tests.pages import Pages, words
from tests.people import person
from tests.workflows.requesting.conftest import (  # noqa: F401
    END,
    FAIL,
    REFUSE,
    WAIT,
    _no_side_connection,
    create,
    on,
    order,
    say,
)
from workflows import WorkflowAdminMixin

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CHANGE, ADD, LIST = "shop_order_change", "shop_order_add", "shop_order_changelist"
GLOBAL = {"global": True}


@pytest.fixture(autouse=True)
def _keys(order):  # noqa: F811
    return order


def form(order, **values):  # noqa: F811
    return {
        "customer": order.customer_id, "status": "new", "total": "10", "note": "", "placed_at_0": "2024-05-01",
        "placed_at_1": "10:00:00", "shipped_at_0": "", "shipped_at_1": "", "lines-TOTAL_FORMS": "0",
        "lines-INITIAL_FORMS": "0", **values,
    }  # fmt: skip


def save(page, order, row=None, query="", **values):  # noqa: F811
    """Saves the form of a row, or of a new one; the messages for the next page, or what the form shown again says."""
    where = reverse(f"admin:{ADD}") if row is None else reverse(f"admin:{CHANGE}", args=[row.pk])
    page.answer = page.http.post(where + query, form(order, **values))
    if page.answer.status_code == 302:
        return [str(message) for message in get_messages(page.answer.wsgi_request)]
    lists = re.findall(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', page.answer.content.decode(), re.S)
    return [words(each).strip() for each in lists]


def contexts():
    drain()
    return list(Execution.objects.order_by("id").values_list("context", flat=True))


def runner(*more):
    return Pages(person("workflows.execute_workflow", "shop.view_order", *more, username="runner"))


def test_saving_sets_off_what_comes_after(pages, on, order):  # noqa: F811
    on("action", actions=["create", "update"], appends=["lines"], **GLOBAL)
    named, tea = on("action"), Product.objects.create(name="Tea", price=1)
    boss = pages()
    line = {"lines-TOTAL_FORMS": "1", "lines-0-product": tea.pk, "lines-0-quantity": "2", "lines-0-price": "1"}
    line["lines-0-discount"] = "0"
    save(boss, order, note="new", **line)
    save(boss, order, order, note="old", query=f"?triggerWorkflows={named.key}")
    assert [len(each["data"]["lines"]) for each in contexts() if "lines" in each["data"]] == [1, 0]
    assert [(each["data"]["note"], each["user"]["username"]) for each in contexts()] == [
        ("new", "boss"), ("old", "boss"), ("old", "boss"),
    ]  # fmt: skip


def test_what_comes_before_may_refuse_and_the_form_is_shown_again(pages, on, order):  # noqa: F811
    steps = [create("shop.Customer", name="by the workflow"), say("The note must not be x."), REFUSE]
    on("request-interception", steps, actions=["create", "update"], **GLOBAL)
    boss = pages()
    for row in (None, order):
        assert "The note must not be x." in save(boss, order, row, note="x y z")
        assert "x y z" in boss.answer.content.decode()
    assert list(Order.objects.values_list("note", flat=True)) == [""]
    assert not LogEntry.objects.exists()
    # What the workflow did itself it did, and once a request.
    assert Customer.objects.filter(name="by the workflow").count() == 2
    first, second = contexts()
    assert (first["params"]["filterByTk"], second["params"]["filterByTk"]) == (None, order.pk)
    assert first["params"]["values"]["note"] == "x y z"
    assert first["params"]["values"]["customer"] == order.customer_id


@pytest.mark.parametrize(
    ("steps", "told"), [([say("All is well."), END], "All is well."), ([END], "nothing was saved")]
)
def test_what_comes_before_may_take_care_of_it(pages, on, order, steps, told):  # noqa: F811
    on("request-interception", steps, actions=["create", "update"], **GLOBAL)
    boss = pages()
    for row in (None, order):
        assert told in save(boss, order, row, note="x")[-1]
        assert boss.answer.url == boss.answer.wsgi_request.path
    assert list(Order.objects.values_list("note", flat=True)) == [""]


@pytest.mark.parametrize("steps", [[FAIL], [WAIT], [say("no"), REFUSE]])
def test_a_failure_after_it_is_told_and_what_was_saved_stays(pages, on, order, steps):  # noqa: F811
    on("action", steps, sync=True, actions=["update"], **GLOBAL)
    on("action", actions=["update"], **GLOBAL)
    told = save(pages(), order, order, note="stays")
    assert any("It was saved, but" in each for each in told)
    assert Order.objects.get().note == "stays"
    assert Execution.objects.count() == 1


def test_what_it_says_is_told(pages, on, order):  # noqa: F811
    on("request-interception", [say("before")], actions=["update"], **GLOBAL)
    on("action", [say("after")], sync=True, actions=["update"], **GLOBAL)
    told = save(pages(), order, order, note="x")
    assert [each for each in told if each in ("before", "after")] == ["before", "after"]


def test_what_is_not_valid_sets_nothing_off(pages, on, order):  # noqa: F811
    on("request-interception", actions=["update"], **GLOBAL)
    on("action", actions=["update"], **GLOBAL)
    assert len(save(pages(), order, order, status="no such status")) == 1
    assert contexts() == []


def test_rows_edited_in_the_list(pages, on, order, monkeypatch):  # noqa: F811
    monkeypatch.setattr(OrderAdmin, "list_editable", ["status"])
    other = Order.objects.create(customer=order.customer, note="other")
    on("request-interception", [("condition", {"engine": "basic", "calculation": {"group": {"type": "and", "calculations": [{"calculator": "equal", "operands": ["{{$context.params.filterByTk}}", order.pk]}]}}, "rejectOnFalse": False}, {1: [say("not this"), REFUSE]})], actions=["update"], **GLOBAL)  # fmt: skip  # noqa: E501
    on("action", actions=["update"], **GLOBAL)
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    for number, row in enumerate([other, order]):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-status": "paid"}
    told = pages().post(LIST, **data)
    assert "not this" in told
    assert dict(Order.objects.values_list("note", "status")) == {"": "new", "other": "paid"}
    assert [each["data"]["id"] for each in contexts() if "data" in each] == [other.pk]
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(other.pk)]


@pytest.mark.parametrize(("steps", "left", "told"), [([say("no"), REFUSE], 1, "no"), ([END], 1, None), ([], 0, None)])
def test_deleting(pages, on, order, steps, left, told):  # noqa: F811
    on("request-interception", steps, actions=["destroy"], **GLOBAL)
    boss = pages()
    boss.get("shop_order_delete", order.pk)
    assert contexts() == []
    messages = boss.post("shop_order_delete", order.pk, post="yes")
    assert told is None or told in messages
    assert Order.objects.count() == left
    if left:
        sent = {"action": "delete_selected", "_selected_action": order.pk}
        boss.post(LIST, status=200, **sent)
        assert len(contexts()) == 1
        boss.post(LIST, post="yes", **sent)
        assert Order.objects.count() == left
        assert not LogEntry.objects.exists()
        assert [each["params"]["filterByTk"] for each in contexts()] == [order.pk, [order.pk]]


def test_whoever_may_not_delete_sets_nothing_off(on, order):  # noqa: F811
    on("request-interception", actions=["destroy"], **GLOBAL)
    runner().post("shop_order_delete", order.pk, post="yes", status=403)
    assert contexts() == []


def test_run_workflow_for_one_row(on, order):  # noqa: F811
    workflow = on("custom-action", type=1, title="Check the order", appends=["customer"])
    on("custom-action", type=1, collection="shop.Customer", title="Not for orders")
    page = runner()
    assert f"/admin/shop/order/{order.pk}/run-workflow/" in page.get(CHANGE, order.pk)
    shown = words(page.get("shop_order_run_workflow", order.pk))
    assert "Check the order" in shown
    assert "Not for orders" not in shown
    # What stands in the form is taken as it stands.
    assert "Values: What it is to find in the row instead of what stands there, as a JSON object. {}" in shown
    told = page.post(
        "shop_order_run_workflow", order.pk, confirmed="yes", workflow=workflow.key, values='{"note": "said"}'
    )
    assert told == ["“Check the order” was run for 1 object."]
    [context] = contexts()
    assert (context["data"]["id"], context["data"]["note"], context["data"]["customer"]["name"]) == (
        order.pk, "said", "Ann",
    )  # fmt: skip
    assert context["user"]["username"] == "runner"


@pytest.mark.parametrize("given", [{"workflow": "nobody"}, {"values": "[1]"}, {"values": "{"}, {"workflow": ""}])
def test_a_choice_that_is_none_is_refused(on, order, given):  # noqa: F811
    workflow = on("custom-action", type=1)
    page = runner()
    page.errors("shop_order_run_workflow", order.pk, **{"confirmed": "yes", "workflow": workflow.key, **given})
    assert contexts() == []


def test_run_workflow_for_many_rows(on, order):  # noqa: F811
    one, many = on("custom-action", type=1), on("custom-action", type=2)
    other = Order.objects.create(customer=order.customer)
    Order.objects.create(customer=order.customer)
    page = runner()
    sent = {"action": "run_workflow", "_selected_action": [order.pk, other.pk]}
    page.post(LIST, status=200, **sent)
    for workflow in (one, many):
        told = page.post(LIST, confirmed="yes", workflow=workflow.key, **sent)
        assert told[-1:] == ["“A test” was run for 2 objects."]
    first, second, third = contexts()
    assert {first["data"]["id"], second["data"]["id"]} == {order.pk, other.pk}
    assert {row["id"] for row in third["data"]} == {order.pk, other.pk}


def test_a_sync_one_that_fails_for_one_row_keeps_none_of_the_others_back(on, order):  # noqa: F811
    fails = ("condition", {"engine": "math.js", "expression": "{{$context.data.total}} > 5", "rejectOnFalse": True})
    workflow = on("custom-action", [fails, say("{{$context.data.total}}"), END], sync=True, type=1)
    rows = [order, *(Order.objects.create(customer=order.customer, total=total) for total in (1, 20))]
    sent = {"action": "run_workflow", "_selected_action": [row.pk for row in rows]}
    told = runner().post(LIST, confirmed="yes", workflow=workflow.key, **sent)
    assert told[-1] == "“A test” was run for 2 objects."
    assert len([each for each in told if "failed" in each]) == 1
    assert Execution.objects.filter(status=1).count() == 2


@pytest.mark.parametrize(
    ("permissions", "shown"),
    [
        (["workflows.execute_workflow", "shop.view_order"], True),
        (["shop.view_order", "shop.change_order"], False),
        (["workflows.execute_workflow"], None),
    ],
)
def test_run_workflow_is_shown_and_taken_only_where_permitted(on, order, permissions, shown):  # noqa: F811
    workflow = on("custom-action", type=1)
    page = Pages(person(*permissions))
    if shown is not None:
        assert ("run-workflow" in page.get(CHANGE, order.pk)) is shown
        assert ('value="run_workflow"' in page.get(LIST)) is shown
    sent = {"confirmed": "yes", "workflow": workflow.key}
    page.post("shop_order_run_workflow", order.pk, status=302 if shown else 403, **sent)
    listed = {"action": "run_workflow", "_selected_action": order.pk, **sent}
    page.post(LIST, status=403 if shown is None else 302 if shown else 200, **listed)
    assert len(contexts()) == (2 if shown else 0)


def test_rows_that_the_admin_hides_are_not_there(on, order, monkeypatch):  # noqa: F811
    workflow = on("custom-action", type=1)
    shown = OrderAdmin.get_queryset
    monkeypatch.setattr(OrderAdmin, "get_queryset", lambda self, request: shown(self, request).filter(total__lt=0))
    page = runner()
    page.post("shop_order_run_workflow", order.pk, confirmed="yes", workflow=workflow.key)
    page.post(LIST, action="run_workflow", _selected_action=order.pk, confirmed="yes", workflow=workflow.key)
    assert contexts() == []


def test_without_custom_actions_there_is_nothing_to_run(pages, on, order):  # noqa: F811
    boss = pages()
    assert "run-workflow" not in boss.get(CHANGE, order.pk)
    assert 'value="run_workflow"' not in boss.get(LIST)
    [told] = boss.post("shop_order_run_workflow", order.pk, confirmed="yes", workflow="x")
    assert "no enabled workflow" in told


def test_the_executions_of_a_row(pages, on, order):  # noqa: F811
    about = on("action", actions=["update"], **GLOBAL)
    many = on("custom-action", type=2)
    other = Order.objects.create(customer=order.customer)
    boss = pages()
    save(boss, order, order, note="x")
    save(boss, order, other, note="y")
    sent = {"action": "run_workflow", "_selected_action": [order.pk, other.pk]}
    boss.post(LIST, confirmed="yes", workflow=many.key, **sent)
    address = f"/admin/executions/execution/?row={quote(f'shop.order:{order.pk}', safe='')}"
    assert f'href="{address}"' in boss.get(CHANGE, order.pk)
    listed = boss.http.get(address).content.decode()
    found = {int(pk) for pk in re.findall(r"/admin/executions/execution/(\d+)/change/", listed)}
    of_order = Execution.objects.filter(context__data__id=order.pk) | Execution.objects.filter(key=many.key)
    assert found == set(of_order.values_list("pk", flat=True))
    assert len(found) == 2
    assert Execution.objects.filter(key=about.key).count() == 2
    assert Attribute.objects.filter(name="@row").count() == 4
    # Who may not see executions is shown no way to them.
    assert "execution/?row=" not in runner().get(CHANGE, order.pk)


with_mixin, without = admin.AdminSite("with_mixin"), admin.AdminSite("without")
with_mixin.register(Order, type("Mixed", (WorkflowAdminMixin, admin.ModelAdmin), {}))
without.register(Order, admin.ModelAdmin)
urlpatterns = [path("with/", with_mixin.urls), path("without/", without.urls)]


@pytest.mark.urls(__name__)
def test_requests_without_such_workflows_cost_no_query_more(pages, on, order):  # noqa: F811
    on("action", collection="shop.Customer", actions=["update"], **GLOBAL)
    on("request-interception", collection="shop.Customer", actions=["update"], **GLOBAL)
    http, values = pages().http, form(order)
    counts = {}
    for _ in range(2):
        for site in ("with", "without"):
            where = f"/{site}/shop/order/{order.pk}/change/"
            with CaptureQueriesContext(connection) as queries:
                assert http.get(where).status_code == 200
                assert http.post(where, values).status_code == 302
            counts[site] = len(queries)
    assert counts["with"] == counts["without"]
