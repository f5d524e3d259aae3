"""How workflows of requests are configured and run by hand (spec 4.3-4.5)."""

import pytest
from django.contrib.auth.models import Group

from config.shop.models import Customer, Order
from tests.building import build
from tests.people import person
from workflows.errors import Invalid
from workflows.triggers import get_trigger
from workflows.variables import blank_context

KINDS = ("action", "request-interception", "custom-action")


def parsed(kind, config):
    trigger = get_trigger(kind)
    made = trigger.parse(config)
    trigger.check(made)
    return made


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("action", {"collection": "shop.Order"}),
        ("action", {"collection": "shop.Order", "global": None, "actions": None, "appends": None}),
        (
            "action",
            {"collection": "default:shop.Order", "global": True, "actions": ["create"], "appends": ["customer"]},
        ),
        ("action", {"collection": "shop.Order", "global": True}),
        ("request-interception", {"collection": "shop.Order"}),
        (
            "request-interception",
            {"collection": "shop.Order", "global": True, "actions": ["updateOrCreate", "destroy"]},
        ),
        ("custom-action", {"type": 0}),
        ("custom-action", {"type": 1, "collection": "shop.Order"}),
        ("custom-action", {"type": 2, "collection": "shop.Order", "appends": ["lines.product"]}),
    ],
)
def test_what_is_taken(kind, config):
    assert parsed(kind, config)


@pytest.mark.parametrize(
    ("kind", "config", "path"),
    [
        ("action", {}, "collection"),
        ("action", {"collection": "shop.Nothing"}, "collection"),
        ("action", {"collection": "elsewhere:shop.Order"}, "collection"),
        ("action", {"collection": "auth.User"}, "collection"),
        ("action", {"collection": "shop.Order", "appends": ["nothing"]}, "appends.0"),
        ("action", {"collection": "shop.Order", "actions": ["create", "destroy"]}, "actions.1"),
        ("action", {"collection": "shop.Order", "actions": "create"}, "actions"),
        ("action", {"collection": "shop.Order", "global": "perhaps"}, "global"),
        ("request-interception", {"collection": "shop.Order", "global": True}, "actions"),
        ("request-interception", {"collection": "shop.Order", "actions": ["list"]}, "actions.0"),
        ("request-interception", {"global": True, "actions": ["create"]}, "collection"),
        ("custom-action", {}, "type"),
        ("custom-action", {"type": 3}, "type"),
        ("custom-action", {"type": 1}, "collection"),
        ("custom-action", {"type": 2, "collection": "shop.Order", "appends": ["x"]}, "appends.0"),
    ],
)
def test_what_is_wrong_is_named(kind, config, path):
    with pytest.raises(Invalid) as refused:
        parsed(kind, config)
    assert path in refused.value.errors


@pytest.mark.parametrize(
    ("config", "places"),
    [({}, []), ({"global": True}, ["actions"]), ({"global": True, "actions": ["create"]}, []), ({"actions": []}, [])],
)
def test_an_action_that_never_runs_is_remarked(config, places):
    trigger = get_trigger("action")
    found = trigger.remarks(trigger.parse({"collection": "shop.Order", **config}))
    assert [place for place, _message in found] == places


def test_interceptions_are_always_sync():
    assert [get_trigger(kind).sync for kind in KINDS] == [None, True, None]


@pytest.mark.parametrize(
    ("kind", "config", "names", "required"),
    [
        ("action", {"collection": "shop.Order"}, ["data", "userId", "roleName"], {"data", "userId"}),
        (
            "request-interception",
            {"collection": "shop.Order"},
            ["target", "action", "userId", "roleName"],
            {"target", "userId"},
        ),
        ("custom-action", {"type": 0}, ["data", "userId", "roleName"], {"userId"}),
        ("custom-action", {"type": 1, "collection": "shop.Order"}, ["data", "userId", "roleName"], {"data", "userId"}),
        (
            "custom-action",
            {"type": 2, "collection": "shop.Order"},
            ["filterByTk", "userId", "roleName"],
            {"filterByTk", "userId"},
        ),
    ],
)
@pytest.mark.django_db
def test_what_a_run_by_hand_asks_for(kind, config, names, required):
    trigger = get_trigger(kind)
    made = trigger.parse(config)
    assert list(blank_context(build([], type=kind, config=config))) == names
    assert set(trigger.validate_context(made, {})) == required
    assert set(trigger.validate_context(made, dict.fromkeys(names, 1))) == set()
    assert set(trigger.validate_context(made, [])) == {"values"}
    with pytest.raises(Invalid) as refused:
        trigger.manual_context(made, {})
    assert set(refused.value.errors) == required


@pytest.mark.parametrize(
    ("kind", "config", "kinds"),
    [
        ("action", {}, {"data": "row", "userId": "row", "roleName": "text"}),
        ("request-interception", {}, {"target": "row", "action": "text", "userId": "row", "roleName": "text"}),
        ("custom-action", {"type": 0}, {"data": "any", "userId": "row", "roleName": "text"}),
        ("custom-action", {"type": 1}, {"data": "row", "userId": "row", "roleName": "text"}),
        ("custom-action", {"type": 2}, {"filterByTk": "rows", "userId": "row", "roleName": "text"}),
    ],
)
def test_the_fields_of_the_form_for_a_run_by_hand(kind, config, kinds):
    trigger = get_trigger(kind)
    fields = trigger.manual_fields(trigger.parse({"collection": "shop.Order", **config}))
    assert {field.name: field.kind for field in fields} == kinds
    assert {field.name for field in fields if field.kind in ("row", "rows")} - {"userId"} == {
        field.name for field in fields if field.model is Order
    }


@pytest.fixture
def order(db):
    return Order.objects.create(customer=Customer.objects.create(name="Ann"), note="here")


@pytest.fixture
def user(db):
    user = person(password="never-told")
    for name in ("first", "second"):
        user.groups.add(Group.objects.create(name=name))
    return user


def by_hand(kind, config, values):
    trigger = get_trigger(kind)
    return trigger.manual_context(trigger.parse({"collection": "shop.Order", **config}), values)


def test_an_action_by_hand(order, user):
    context = by_hand("action", {"appends": ["customer"]}, {"data": order.pk, "userId": user.pk})
    assert (context["data"]["note"], context["data"]["customer"]["name"]) == ("here", "Ann")
    assert (context["user"]["username"], context["roleName"]) == ("someone", "first")
    assert "password" not in context["user"]
    given = {"data": {"id": order.pk, "note": "given"}, "userId": {"id": user.pk}, "roleName": "admin"}
    context = by_hand("action", {}, given)
    assert (context["data"]["note"], context["data"]["customer_id"], context["roleName"]) == (
        "given", order.customer_id, "admin",
    )  # fmt: skip
    assert by_hand("action", {}, {"data": {"note": "new"}, "userId": user.pk})["data"] == {"note": "new"}


@pytest.mark.parametrize(("action", "key"), [("destroy", "filterByTk"), ("create", "values"), (None, "values")])
def test_an_interception_by_hand(order, user, action, key):
    context = by_hand("request-interception", {}, {"target": order.pk, "action": action, "userId": str(user.pk)})
    [(name, value)] = context["params"].items()
    assert name == key
    assert (value if key == "filterByTk" else value["id"]) == order.pk


def test_custom_actions_by_hand(order, user):
    other = Order.objects.create(customer=order.customer)
    asked = {"userId": user.pk}
    assert by_hand("custom-action", {"type": 0}, {"data": {"a": 1}, **asked})["data"] == {"a": 1}
    assert by_hand("custom-action", {"type": None}, asked)["data"] is None
    assert by_hand("custom-action", {"type": 1}, {"data": order.pk, **asked})["data"]["note"] == "here"
    rows = by_hand("custom-action", {"type": 2}, {"filterByTk": [other.pk, str(order.pk)], **asked})["data"]
    assert [row["id"] for row in rows] == [other.pk, order.pk]


@pytest.mark.parametrize(
    ("kind", "config", "values", "field"),
    [
        ("action", {}, {"data": 0}, "data"),
        ("action", {}, {"data": "x"}, "data"),
        ("action", {}, {"data": [1]}, "data"),
        ("action", {}, {"data": 10**30}, "data"),
        ("action", {}, {"data": {"id": None}}, "data"),
        ("action", {}, {"data": {"a": 1}, "userId": 0}, "userId"),
        ("action", {}, {"data": {"a": 1}, "userId": "x"}, "userId"),
        ("action", {}, {"data": {"a": 1}, "userId": {}}, "userId"),
        ("request-interception", {}, {"target": {"a": 1}, "action": "list"}, "action"),
        ("request-interception", {}, {"target": {"a": 1}, "action": ["list"]}, "action"),
        ("request-interception", {}, {"target": {"a": 1}, "action": "destroy"}, "target"),
        ("custom-action", {"type": 2}, {"filterByTk": 1}, "filterByTk"),
        ("custom-action", {"type": 2}, {"filterByTk": []}, "filterByTk"),
        ("custom-action", {"type": 2}, {"filterByTk": [0]}, "filterByTk"),
        ("custom-action", {"type": 2}, {"filterByTk": ["x"]}, "filterByTk.0"),
        ("custom-action", {"type": 2}, {"filterByTk": list(range(1_001))}, "filterByTk"),
    ],
)
def test_values_that_will_not_do(user, kind, config, values, field):
    with pytest.raises(Invalid) as refused:
        by_hand(kind, config, {"userId": user.pk, **values})
    assert refused.value.field == field


@pytest.mark.parametrize("kind", KINDS)
def test_templates_know_the_user_and_the_row(kind):
    trigger = get_trigger(kind)
    shape = trigger.context_shape(trigger.parse({"collection": "shop.Order", "type": 2, "appends": ["customer"]}))
    assert {"user", "roleName"} < shape.parts.keys()
    assert "password" not in shape.parts["user"].parts
    if kind != "request-interception":
        assert "name" in shape.parts["data"].parts["customer"].parts
        assert shape.parts["data"].kind == ("list" if kind == "custom-action" else "object")
