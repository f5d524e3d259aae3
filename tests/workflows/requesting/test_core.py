"""Which workflows a request sets off, and what becomes of it (spec 4.3-4.5), without HTTP."""

import pytest
from django.contrib.auth.models import Group

from config.shop.models import Customer, Order, Review
from executions.models import Execution
from tests.people import person
from tests.workflows.requesting.asking import keys, place, ran, update
from tests.workflows.requesting.conftest import END, REFUSE, WAIT, say
from workflows import ambient
from workflows.answering import Verdict
from workflows.errors import Invalid
from workflows.requesting import core
from workflows.requesting.asking import Asked, Listed, RequestHalted, parse_listed

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, []),
        ("", []),
        (" , ,", []),
        ("a,b", [("a", ()), ("b", ())]),
        ("a!x.y, b!z ,a", [("a", ("x", "y")), ("b", ("z",))]),
        (["a", "b,c"], [("a", ()), ("b", ()), ("c", ())]),
        ("a!", [("a", ())]),
        ("a!!x", [("a", ("!x",))]),
    ],
)
def test_what_a_request_names(text, expected):
    assert [(item.key, item.path) for item in parse_listed(text)] == expected


def test_a_request_names_only_so_many():
    with pytest.raises(Invalid) as refused:
        parse_listed(",".join(map(str, range(51))))
    assert refused.value.field == "triggerWorkflows"


def test_case_238_a_named_one_fires_with_data_and_user(on, order):
    named = on("action", appends=["customer"])
    on("action")
    elsewhere = on("action", collection="shop.Customer")
    user = person(password="not-for-workflows")
    user.groups.add(Group.objects.create(name="sales"))
    update(order, f"{named.key},{elsewhere.key},nobody", user=user)
    [(key, context)] = ran()
    assert key == named.key
    assert (context["data"]["id"], context["data"]["note"], context["data"]["customer"]["name"]) == (
        order.pk, "changed", "Ann",
    )  # fmt: skip
    assert (context["user"]["username"], context["roleName"]) == ("someone", "sales")
    assert "password" not in context["user"]
    assert Execution.objects.get().created_by_id == user.pk


def test_case_238_a_disabled_one_does_not(on, order):
    named = on("action")
    from workflows import versions

    versions.disable(named)
    update(order, named.key)
    assert ran() == []


@pytest.mark.parametrize(("actions", "count"), [([], 0), (["create"], 1), (["update"], 1), (["create", "update"], 2)])
def test_case_239_a_global_one_fires_on_its_actions(on, order, actions, count):
    workflow = on("action", actions=actions, **{"global": True})
    row, _ = place(order.customer, total=1)
    # Naming it adds nothing.
    update(row, workflow.key)
    assert keys() == [workflow.key] * count


def test_case_240_a_path_leads_to_the_record(on, order):
    of_customer = on("action", collection="shop.Customer")
    of_order = on("action")
    review = Review.objects.create(order=order)
    listed = f"{of_customer.key}!order.customer,{of_order.key}!order"
    with core.acting(Asked(None, parse_listed(listed)), Review, "create") as action:
        action.saved(review)
    assert [(key, context["data"]["id"]) for key, context in ran()] == [
        (of_customer.key, order.customer_id),
        (of_order.key, order.pk),
    ]


@pytest.mark.parametrize("path", ["nothing", "orders", "customer", "customer.orders", "customer.name"])
def test_a_path_that_leads_elsewhere_is_passed_over(on, order, path):
    workflow = on("action", collection="shop.Review")
    update(order, f"{workflow.key}!{path}")
    assert ran() == []


def test_local_ones_come_first_as_listed_then_global_ones_by_id(on, order):
    everywhere = [on("action", [say(text)], sync=True, actions=["update"], **{"global": True}) for text in "xy"]
    local = [on("action", [say(text)], sync=True) for text in "ab"]
    listed = [local[1].key, everywhere[1].key, local[0].key, local[1].key]
    assert update(order, *listed) == ["b", "a", "x", "y"]


def test_several_rows_are_an_event_each(on, order):
    workflow = on("action", actions=["create"], **{"global": True})
    rows = [order, Order.objects.create(customer=order.customer)]
    with core.acting(Asked(), Order, "create") as action:
        action.saved(*rows)
    assert [(key, context["data"]["id"]) for key, context in ran()] == [(workflow.key, row.pk) for row in rows]


def test_silent_writes_set_nothing_off(on, order):
    on("action", actions=["update"], **{"global": True})
    on("request-interception", [REFUSE], actions=["update"], **{"global": True})
    with ambient.skip_workflows():
        update(order)
    assert ran() == []


def test_a_run_whose_model_is_gone_sets_nothing_off(on, order, settings):
    on("action", actions=["update"], **{"global": True})
    settings.SLUICE = {**settings.SLUICE, "MODELS": ["*", "-shop.Order"]}
    from workflows.triggers import listening

    listening.refresh(force=True)
    update(order)
    assert ran() == []


# Before requests.


@pytest.mark.parametrize("action", ["update", "updateOrCreate", "destroy", "create"])
def test_case_248_each_action_has_its_own(on, order, action):
    workflow = on("request-interception", actions=[action], **{"global": True})
    local = on("request-interception", collection="shop.Order")
    asked = Asked(None, [Listed(local.key)])
    for each in ("create", "update", "updateOrCreate", "destroy"):
        core.intercept(asked, Order, each, key=[order.pk], values={"note": "x"}, filter={"id": 1})
    core.intercept(Asked(), Customer, action, key=1)
    runs = Execution.objects.order_by("id")
    assert [run.key for run in runs].count(workflow.key) == 1
    # A local one is for any action.
    assert [run.key for run in runs].count(local.key) == 4
    assert runs.first().context == {
        "params": {"filterByTk": [order.pk], "filter": {"id": 1}, "values": {"note": "x"}},
        "user": None,
        "roleName": None,
    }


# Custom actions.


def trigger(user, *listed, model=Order, rows=None, values=None):
    return core.trigger(Asked(user, parse_listed(listed)), model, rows, values)


def test_case_243_without_names_and_with_none_that_fits(on, order):
    on("custom-action", type=1)
    wrong = on("custom-action", type=1, collection="shop.Customer")
    everywhere = on("custom-action", type=0)
    with pytest.raises(Invalid) as refused:
        trigger(None, rows=[order])
    assert refused.value.errors == {"triggerWorkflows": "Name the workflows: triggerWorkflows=key,key."}
    with pytest.raises(Invalid) as refused:
        trigger(None, wrong.key, everywhere.key, "nobody", rows=[order])
    assert "No action was done" in str(refused.value)
    # Those with values of their own have a way in of theirs.
    with pytest.raises(Invalid):
        trigger(None, wrong.key, model=None)
    trigger(None, everywhere.key, model=None, values={"a": 1})
    assert [context["data"] for _key, context in ran()] == [{"a": 1}]


def test_rows_are_overlaid_with_what_the_request_says(on, order):
    one = on("custom-action", type=1, appends=["customer"])
    many = on("custom-action", type=2)
    of_customer = on("custom-action", type=1, collection="shop.Customer")
    other = Order.objects.create(customer=order.customer)
    said = {"note": "said", "customer": {"name": "Bea"}}
    trigger(None, one.key, many.key, f"{of_customer.key}!customer", rows=[order], values=said)
    trigger(None, many.key, one.key, rows=[other, order], values={"note": "both"})
    (_k, first), (_k, second), (_k, third), (_k, fourth) = ran()
    assert (first["data"]["id"], first["data"]["note"], first["data"]["customer"]) == (
        order.pk, "said", {"name": "Bea"},
    )  # fmt: skip
    assert [row["id"] for row in second["data"]] == [order.pk]
    assert (third["data"]["id"], third["data"]["name"]) == (order.customer_id, "Bea")
    assert [(row["id"], row["note"]) for row in fourth["data"]] == [(other.pk, "both"), (order.pk, "both")]


def test_without_a_row_the_values_are_the_data(on, order):
    one, of_customer = on("custom-action", type=1), on("custom-action", type=1, collection="shop.Customer")
    values = {"note": "new", "customer": {"name": "Cay"}}
    trigger(None, one.key, f"{of_customer.key}!customer", values=values)
    assert [context["data"] for _key, context in ran()] == [values, {"name": "Cay"}]


def test_a_chain_of_custom_actions_stops_as_any(on, order):
    first = on("custom-action", [say("one"), END], sync=True, type=1)
    second = on("custom-action", [say("two")], sync=True, type=1)
    assert trigger(None, second.key, first.key, rows=[order]).messages == ["two", "one"]
    assert trigger(None, first.key, second.key, rows=[order]).messages == ["one"]
    with pytest.raises(RequestHalted) as halted:
        trigger(None, on("custom-action", [WAIT], sync=True, type=1).key, rows=[order])
    assert (halted.value.status, halted.value.verdict) == (500, Verdict.HANGS)


def test_what_is_hidden_from_a_person_is_not_there(on, order, settings):
    workflow = on("custom-action", type=1, title="hidden")
    settings.SLUICE = {**settings.SLUICE, "VISIBLE": "tests.workflows.requesting.test_core.hiding"}
    user = person()
    with pytest.raises(Invalid, match="No action was done"):
        trigger(user, workflow.key, rows=[order])
    assert core.custom_actions(Order, user) == []
    assert [each.key for each in core.custom_actions(Order, person(username="boss", is_superuser=True))] == [
        workflow.key
    ]


def hiding(user):
    from django.db.models import Q

    return ~Q(title="hidden")


def test_requests_without_such_workflows_cost_nothing(on, order, django_assert_num_queries):
    on("action", collection="shop.Customer", actions=["update"], **{"global": True})
    on("action")
    with django_assert_num_queries(1):
        update(order, "unknown")
