"""What a schedule's configuration may say, and the context of a run by hand."""

from datetime import UTC, datetime

import pytest

from config.shop.models import Customer, Order
from workflows import versions
from workflows.errors import Invalid
from workflows.triggers import get_trigger
from workflows.triggers.schedule import indexed, plan, zone_of

pytestmark = pytest.mark.django_db

START = "2024-05-31T08:00:00Z"
PLACED = {"field": "placed_at"}


def save(config, **columns):
    return versions.create_workflow(type="schedule", title="w", config=config, **columns)


@pytest.mark.parametrize(
    "config",
    [
        {"startsOn": START},
        {"startsOn": START, "mode": None, "repeat": None, "appends": None, "missed": None, "limit": None},
        {"startsOn": "2024-05-31"},
        {"startsOn": START, "repeat": "0 9 * * *", "endsOn": "2025-05-31", "limit": 3, "missed": "skip"},
        {"startsOn": START, "repeat": "*/2 * * * * *"},
        {"startsOn": START, "repeat": 2000},
        {"startsOn": START, "repeat": 2000.0},
        {"startsOn": START, "endsOn": {}},
        {"mode": 1, "collection": "shop.Order", "startsOn": PLACED},
        {"mode": 1, "collection": "shop.Order", "startsOn": {**PLACED, "offset": -1, "unit": 3_600_000}, "endsOn": {}},
        {"mode": 1, "collection": "default:shop.Order", "startsOn": PLACED, "endsOn": PLACED, "appends": ["customer"]},
    ],
)
def test_what_may_be_saved(config):
    assert save(config, enabled=True).sync is False


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"repeat": "0 9 * * *"}, "config.startsOn"),
        ({"startsOn": "soon"}, "config.startsOn"),
        ({"startsOn": 5}, "config.startsOn"),
        ({"startsOn": "0001-01-01T00:00:00+14:00"}, "config.startsOn"),
        ({"startsOn": PLACED}, "config.startsOn"),
        ({"startsOn": START, "endsOn": "2024-05-31T07:59:59Z"}, "config.endsOn"),
        ({"startsOn": START, "endsOn": "never"}, "config.endsOn"),
        ({"startsOn": START, "endsOn": PLACED}, "config.endsOn"),
        ({"startsOn": START, "repeat": "0 0 31 2 *"}, "config.repeat"),
        ({"startsOn": START, "repeat": "every day"}, "config.repeat"),
        ({"startsOn": START, "repeat": 999}, "config.repeat"),
        ({"startsOn": START, "repeat": 1500.5}, "config.repeat"),
        ({"startsOn": START, "repeat": True}, "config.repeat"),
        ({"startsOn": START, "repeat": -5000}, "config.repeat"),
        ({"startsOn": START, "repeat": 10**30}, "config.repeat"),
        ({"startsOn": START, "limit": 0}, "config.limit"),
        ({"startsOn": START, "missed": "later"}, "config.missed"),
        ({"startsOn": START, "mode": 2}, "config.mode"),
        ({"startsOn": START, "repeats": 5000}, "config.repeats"),
        ({"mode": 1, "startsOn": PLACED}, "config.collection"),
        ({"mode": 1, "collection": "shop.Nothing", "startsOn": PLACED}, "config.collection"),
        ({"mode": 1, "collection": "auth.User", "startsOn": {"field": "last_login"}}, "config.collection"),
        ({"mode": 1, "collection": "shop.Order"}, "config.startsOn"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": START}, "config.startsOn"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": {"field": "status"}}, "config.startsOn.field"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": {**PLACED, "unit": 0}}, "config.startsOn"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": {**PLACED, "offset": "x"}}, "config.startsOn"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": PLACED, "endsOn": {"field": "x"}}, "config.endsOn.field"),
        ({"mode": 1, "collection": "shop.Order", "startsOn": PLACED, "appends": ["x"]}, "config.appends.0"),
    ],
)
def test_what_is_refused_with_a_sentence_and_a_path(config, path):
    with pytest.raises(Invalid) as refusal:
        save(config)
    assert list(refusal.value.errors) == [path]
    assert len(str(refusal.value.errors[path])) > 20


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(Invalid) as refusal:
        save({"startsOn": "soon", "endsOn": "later", "repeat": "often"}, time_zone="Mars/Olympus")
    assert set(refusal.value.errors) == {"config.startsOn", "config.endsOn", "config.repeat", "time_zone"}


@pytest.mark.parametrize(
    ("text", "zone", "start"),
    [
        ("2024-05-31T08:00:00", "", datetime(2024, 5, 31, 8, tzinfo=UTC)),
        ("2024-05-31T08:00:00.900", "Europe/Berlin", datetime(2024, 5, 31, 6, tzinfo=UTC)),
        ("2024-05-31T08:00:00+05:00", "Europe/Berlin", datetime(2024, 5, 31, 3, tzinfo=UTC)),
        ("2024-05-31", "Australia/Lord_Howe", datetime(2024, 5, 30, 13, 30, tzinfo=UTC)),
        # A local time that the clocks skip.
        ("2024-03-31T02:30:00", "Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
    ],
)
def test_times_without_an_offset_are_the_workflows_own(text, zone, start):
    workflow = save({"startsOn": text}, time_zone=zone)
    config = get_trigger("schedule").parse(workflow.config)
    assert plan(config, zone_of(workflow)).course.start == start


def test_a_run_by_hand_has_a_date_and_what_was_given():
    trigger = get_trigger("schedule")
    config = trigger.parse({"startsOn": START})
    assert trigger.manual_context(config, {"date": "2024-01-01", "a": 1}) == {"date": "2024-01-01", "a": 1}
    assert trigger.manual_context(config, None)["date"].tzinfo is not None
    with pytest.raises(Invalid):
        trigger.manual_context(config, [1])


def test_a_run_by_hand_of_a_row_loads_it_with_its_relations():
    order = Order.objects.create(customer=Customer.objects.create(name="Ann"), number=1)
    trigger = get_trigger("schedule")
    config = trigger.parse({"mode": 1, "collection": "shop.Order", "startsOn": PLACED, "appends": ["customer"]})
    for data in (order.pk, str(order.pk), {"id": order.pk}):
        context = trigger.manual_context(config, {"data": data, "date": "2024-01-01"})
        assert context["data"]["customer"]["name"] == "Ann"
        assert context["date"] == "2024-01-01"
    assert trigger.manual_context(config, {"data": {"number": 5}})["data"] == {"number": 5}
    for wrong in ({}, {"data": order.pk + 1}, {"data": "x"}):
        with pytest.raises(Invalid) as refusal:
            trigger.manual_context(config, wrong)
        assert refusal.value.field == "data"
    assert list(trigger.validate_context(config, {})) == ["data"]
    assert trigger.validate_context(config, {"data": 5}) == {}


def test_templates_may_name_the_date_and_the_row():
    trigger = get_trigger("schedule")
    config = trigger.parse({"mode": 1, "collection": "shop.Order", "startsOn": PLACED, "appends": ["customer"]})
    shape = trigger.context_shape(config)
    assert shape.parts["date"].kind == "moment"
    assert shape.parts["data"].parts["customer"].parts["name"].kind == "text"


@pytest.mark.parametrize(
    ("model", "field", "answer"), [("Order", "placed_at", False), ("Order", "number", True), ("Order", "id", True)]
)
def test_an_index_that_begins_with_the_field_is_known(model, field, answer):
    from django.apps import apps

    assert indexed(apps.get_model("shop", model), field) is answer
