"""What people see of a schedule: words, the next five fires in its zone, remarks; on its page and over HTTP."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from config.shop.models import Customer, Order
from executions import clock
from executions.models import Schedule
from executions.schedules.keeping import this_second
from workflows import versions

pytestmark = pytest.mark.django_db

NINE = {"startsOn": "2024-01-01T00:00:00Z", "repeat": "0 9 * * *"}
BY_ROWS = {"mode": 1, "collection": "shop.Order", "startsOn": {"field": "placed_at"}}


@pytest.fixture
def people(client):
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def make(config, enabled=True, **columns):
    return versions.create_workflow(type="schedule", title="w", config=config, enabled=enabled, **columns)


def fires(client, workflow, status=200):
    answer = client.get(f"/api/v1/workflows/{workflow.pk}/fires/")
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_next_five_in_the_workflows_zone(people, enabled):
    found = fires(people, make(NINE, enabled, time_zone="Asia/Kolkata"))
    assert found["words"] == "First at 2024-01-01 05:30:00. Then at 09:00, every day."
    assert (found["time_zone"], found["enabled"], found["fired"], found["limit"]) == ("Asia/Kolkata", enabled, 0, None)
    assert len({fire["at"] for fire in found["fires"]}) == 5
    assert all(fire["at"].endswith("T09:00:00+05:30") for fire in found["fires"])


def test_a_limit_leaves_fewer(people):
    workflow = make({**NINE, "limit": 3})
    Schedule.objects.update(fired=1)
    assert len(fires(people, workflow)["fires"]) == 2


def test_of_rows_the_next_ones_and_what_the_index_would_serve(people):
    ann = Customer.objects.create(name="Ann")
    now = this_second()
    rows = [Order.objects.create(customer=ann, placed_at=now + timedelta(days=day)) for day in range(9, -3, -1)]
    found = fires(people, make(BY_ROWS))
    assert [fire["row"] for fire in found["fires"]] == [str(row.pk) for row in rows[8:3:-1]]
    assert "db_index" in found["remarks"][0]


def test_of_rows_that_repeat_each_comes_again(people):
    ann = Customer.objects.create(name="Ann")
    workflow = make({**BY_ROWS, "repeat": 3_600_000})
    row = Order.objects.create(customer=ann, placed_at=this_second() - timedelta(minutes=5))
    clock.tick()
    assert [fire["row"] for fire in fires(people, workflow)["fires"]] == [str(row.pk)] * 5


def test_what_there_is_nothing_to_say_of(people):
    other = versions.create_workflow(type="manual", title="m")
    assert "No clock" in fires(people, other)["words"]
    broken = make(NINE, enabled=False)
    type(broken).objects.filter(pk=broken.pk).update(config={"startsOn": "never"})
    assert "startsOn" in str(fires(people, broken, 400))
    assert people.get("/api/v1/workflows/999999/fires/").status_code == 404


def test_the_workflows_page_shows_it(people):
    page = people.get(reverse("admin:workflows_workflow_change", args=[make(NINE).pk])).content.decode()
    assert "Then at 09:00, every day." in page
    # The page has other times too, such as that of its making.
    assert page.partition("schedule-title")[2].partition("</section>")[0].count("09:00:00</time>") == 5
    broken = make(NINE, enabled=False)
    type(broken).objects.filter(pk=broken.pk).update(config={"startsOn": "never"})
    page = people.get(reverse("admin:workflows_workflow_change", args=[broken.pk])).content.decode()
    assert "is no date and time" in page
    other = versions.create_workflow(type="manual", title="m")
    assert (
        "schedule-title" not in people.get(reverse("admin:workflows_workflow_change", args=[other.pk])).content.decode()
    )
