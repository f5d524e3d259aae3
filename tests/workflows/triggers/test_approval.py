"""The kind `approval`: its configuration, its context, runs by hand (spec nocobase-engine 4.7)."""

import pytest
from django.contrib.auth import get_user_model

from config.shop.models import Customer
from workflows import versions
from workflows.errors import Invalid
from workflows.graph import load_graph
from workflows.triggers import get_trigger
from workflows.triggers.listening import listener_of

pytestmark = pytest.mark.django_db


def parsed(**config):
    trigger = get_trigger("approval")
    return trigger, trigger.parse({"collection": "shop.Customer", **config})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"collection": None}, "collection"),
        ({"collection": "shop.Nope"}, "collection"),
        ({"collection": "auth.User"}, "collection"),
        ({"timing": "sometimes"}, "timing"),
        ({"place": "nowhere"}, "place"),
        ({"record": "old"}, "record"),
        ({"initiators": [1.5]}, "initiators.0"),
        ({"initiators": [{"filter": {"nope": 1}}]}, "initiators.0.filter.nope"),
        ({"appends": ["nope"]}, "appends.0"),
        ({"form": {"schema": ["name", "nope"]}}, "form.schema.1.nope"),
        ({"form": {"draft": "perhaps"}}, "form.draft"),
        ({"form": []}, "form"),
    ],
)
def test_bad_configurations_are_refused(config, field):
    def check():
        trigger, made = parsed(**config)
        trigger.check(made)

    with pytest.raises(Invalid) as caught:
        check()
    assert field in caught.value.errors


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"timing": None, "initiators": None, "form": None, "record": None, "place": None, "appends": None},
        {"timing": "before", "initiators": ["ann", 7, {"filter": {"groups.name": "clerks"}}], "appends": ["orders"]},
        {"form": {"schema": ["name"], "title": "Who?", "draft": False, "withdraw": False}, "record": "latest"},
    ],
)
def test_good_configurations(config):
    trigger, made = parsed(**config)
    trigger.check(made)
    assert made.timing in ("before", "after")
    assert {"data", "approvalId", "user", "roleName"} <= set(trigger.context_shape(made).parts)


def test_it_is_never_synchronous_and_its_runs_are_claimed_alone():
    workflow = versions.create_workflow(type="approval", title="w", sync=True, config={"collection": "shop.Customer"})
    assert not listener_of(workflow).sync
    assert load_graph(workflow.pk).solo


def test_which_permission_its_initiator_needs():
    _trigger, made = parsed()
    assert (made.permission(change=False), made.permission(change=True)) == (
        "shop.add_customer",
        "shop.change_customer",
    )


def test_by_hand():
    trigger, made = parsed(appends=["orders"])
    row = Customer.objects.create(name="Ann")
    user = get_user_model().objects.create(username="ann")
    context = trigger.manual_context(made, {"data": row.pk, "userId": user.pk})
    assert (context["data"]["name"], context["data"]["orders"], context["approvalId"]) == ("Ann", [], None)
    assert context["user"]["username"] == "ann"
    for values in ({}, {"data": row.pk}, {"data": 4711, "userId": user.pk}, {"data": row.pk, "userId": 4711}, []):
        with pytest.raises(Invalid):
            trigger.manual_context(made, values)
