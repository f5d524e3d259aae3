"""Values of filters that are wholly `{{ variable }}` (spec nocobase-http 2.1)."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from config.shop.models import Customer
from executions.dialects.nocobase import variables
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.people import person
from workflows import timing

pytestmark = pytest.mark.django_db

#: A Wednesday; in zones from +08:00 on it is Thursday.
NOW = datetime(2026, 11, 18, 18, 30, tzinfo=UTC)


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(timing, "now", lambda: NOW)
    return NocoBase(person("shop.view_customer", username="ada", first_name="Ada L.", email="ada@example.com"))


def named(client, condition, **headers):
    """The names of the customers that the filter finds."""
    rows = client("GET", f"shop.Customer:list?sort=id&filter={quote(json.dumps(condition))}", **headers)["data"]
    return [row["name"] for row in rows]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("{{$user.username}}", ["ada"]),
        ("{{ $user.nickname }}", ["Ada L."]),
        (" {{$user.email}} ", ["ada@example.com"]),
        ("{{$nRole}}", ["member"]),
        (["{{$user.username}}", "Ada L."], ["ada", "Ada L."]),
        # Only what is a variable as a whole is one.
        ("x{{$user.username}}", ["x{{$user.username}}"]),
        ("{{$user.username}}{{$nRole}}", []),
    ],
)
def test_who_asks(client, value, found):
    for name in ("ada", "Ada L.", "ada@example.com", "member", "x{{$user.username}}"):
        Customer.objects.create(name=name)
    assert named(client, {"name": value}) == found
    assert named(client, {"$or": [{"name.$in": value}]}) == found


def test_ids_and_roles_that_are_named(client):
    Customer.objects.create(pk=client.user.pk, name="mine")
    Customer.objects.create(pk=client.user.pk + 1, name="__union__")
    assert named(client, {"id": "{{$user.id}}"}) == ["mine"]
    assert named(client, {"name": "{{$nRole}}"}, **{"X-Role": "__union__"}) == ["__union__"]


DAYS = {
    "now": 0, "today": 0, "yesterday": -1, "tomorrow": 1, "thisWeek": -3, "lastWeek": -10, "nextWeek": 4,
    "thisIsoWeek": 4, "lastIsoWeek": -3, "nextIsoWeek": 11, "thisMonth": -17, "lastMonth": -18, "nextMonth": 13,
    "thisQuarter": 43, "lastQuarter": -49, "nextQuarter": 44, "thisYear": -321, "lastYear": -322, "nextYear": 44,
    "last7Days": -6, "next7Days": 7, "last30Days": -29, "next30Days": 30, "last90Days": -89, "next90Days": 90,
}  # fmt: skip


@pytest.mark.parametrize(
    ("prefix", "name"), [*(("$nDate", name) for name in DAYS), ("$date", "today"), ("$system", "now")]
)
def test_periods(client, prefix, name):
    made = Customer.objects.create(name=name)
    Customer.objects.filter(pk=made.pk).update(created_at=NOW + timedelta(days=DAYS[name]))
    wanted = "{{%s.%s}}" % (prefix, name)  # noqa: UP031
    operator = "$lte" if name == "now" else "$dateOn"
    assert named(client, {"created_at": {operator: wanted}}) == [name]
    before = NOW + timedelta(days=DAYS[name], microseconds=1) if name == "now" else NOW + timedelta(days=800)
    Customer.objects.filter(pk=made.pk).update(created_at=before)
    assert named(client, {"created_at": {operator: wanted}}) == []


def test_days_begin_where_the_zone_says(client):
    made = Customer.objects.create(name="late")
    Customer.objects.filter(pk=made.pk).update(created_at=datetime(2026, 11, 18, 1, tzinfo=UTC))
    today = {"created_at": {"$dateOn": "{{$nDate.today}}"}}
    assert named(client, today) == ["late"]
    assert named(client, today, **{"X-Timezone": "+08:00"}) == []


def test_ranges_beside_the_filter_have_them_too(nocobase):
    client = nocobase()
    for operator, status in (("$dateOn", 200), ("$nothing", 400)):
        assert client("GET", f"executions:list?createdAt[{operator}]=%7B%7B$nDate.today%7D%7D", status=status)


@pytest.mark.parametrize("name", ["$nothing", "$user.password", "$user", "$nDate.never", "$env.SECRET", "user", ""])
def test_what_is_no_variable_is_refused_by_name(client, name):
    value = "{{%s}}" % name  # noqa: UP031
    [message] = client.refused("GET", f'shop.Customer:list?filter={{"$and":[{{"name":{{"$eq":"{value}"}}}}]}}')
    assert message.startswith("filter.$and.0.name.$eq: ")
    assert repr(name) in message


def test_a_filter_has_a_bounded_number_of_values(client):
    body = ",".join(["1"] * variables.MOST_VALUES)
    assert client.raw("GET", f'shop.Customer:list?filter={{"id":{{"$in":[{body}]}}}}').status_code == 200
    [message] = client.refused("GET", f'shop.Customer:list?filter={{"id":{{"$in":[{body},1]}}}}')
    assert "10000" in message
