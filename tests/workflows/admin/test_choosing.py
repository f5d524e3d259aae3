"""People found while somebody types: who is found, in what spelling, and by whom."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.people import boss, person

pytestmark = pytest.mark.django_db

MAY = ("workflows.view_node", "auth.view_user")


def found(client, text="", **query):
    name = "config.assignees.0"
    answer = client.get(reverse("admin:workflows_node_people"), {"of": name, name: text, **query})
    assert answer.status_code == 200
    return re.findall(r'<option value="([^"]*)">([^<]*)</option>', answer.content.decode())


@pytest.fixture
def users():
    users = get_user_model().objects
    return {
        "ann": users.create(username="ann", first_name="Ann", last_name="Ash"),
        "7": users.create(username="7", email="seven@example.org"),
        "gone": users.create(username="gone", is_active=False),
        "odd": users.create(username="true", first_name="<b>"),
    }


def test_active_people_are_found_by_the_search_of_their_own_admin(client, users):
    client.force_login(person(*MAY))
    assert found(client, "ash") == [("ann", "Ann Ash")]
    # A name that reads as a key is given by its key, one that reads as JSON in quotes.
    assert found(client, "seven@") == [(str(users["7"].pk), "7")]
    assert found(client, "true") == [("&quot;true&quot;", "&lt;b&gt;")]
    assert found(client, "gone") == []
    assert [value for value, _title in found(client)][:1] == ["ann"]


@pytest.mark.parametrize("text", ["{{$context.data.id}}", "\x00nobody", "x" * 5000])
def test_what_names_nobody_finds_nobody(client, users, text):
    client.force_login(boss())
    assert found(client, text) == []


def test_whoever_may_not_see_users_is_offered_none(client, users):
    client.force_login(person("workflows.view_node"))
    assert found(client, "ann") == []


def test_twenty_people_are_offered_in_one_query(client, users, django_assert_num_queries):
    get_user_model().objects.bulk_create(get_user_model()(username=f"u{number}") for number in range(30))
    client.force_login(boss())
    found(client)
    # Session, user, people.
    with django_assert_num_queries(3):
        assert len(found(client, "u")) == 20
