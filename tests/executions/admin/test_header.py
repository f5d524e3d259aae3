"""The header of the admin: how many tasks wait for who is signed in, on every page, for one count of one index."""

import re

import pytest
from django.test import Client

from executions.models import Task
from tests.executions.inbox.asking import ask, manual
from tests.people import boss

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user():
    person = boss()
    ask(manual(person))
    ask(manual(person))
    ask(("cc", {"users": [person.pk], "title": "For you"}))
    return person


def page(user, address):
    client = Client()
    if user is not None:
        client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def header(text):
    """(address, number) of the link; None where there is none."""
    found = re.search(r'<a class="sluice-inbox" href="([^"]*)">My tasks(?: <span[^>]*>(\d+)</span>)?</a>', text)
    return found and found.groups()


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/auth/user/", "/admin/executions/task/", "/admin/shop/customer/add/"]
)
def test_it_stands_on_every_page(user, address):
    assert header(page(user, address)) == ("/admin/executions/task/", "2")


def test_without_tasks_there_is_no_number():
    assert header(page(boss(), "/admin/")) == ("/admin/executions/task/", None)


def test_the_page_to_sign_in_has_none_and_counts_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert header(page(None, "/admin/login/")) is None


def test_it_is_counted_once(user, django_assert_num_queries):
    client = Client()
    client.force_login(user)
    with django_assert_num_queries(4) as queries:
        client.get("/admin/")
    counts = [query["sql"] for query in queries if Task._meta.db_table in query["sql"]]
    assert len(counts) == 1
    assert "COUNT" in counts[0]


@pytest.mark.urls("tests.executions.admin.backstage")
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/backstage/", ("/backstage/executions/task/", "2")),
        ("/backstage/auth/user/", ("/backstage/executions/task/", "2")),
        ("/backstage/executions/task/", ("/backstage/executions/task/", "2")),
        ("/plain/", None),
        ("/plain/auth/user/", None),
    ],
)
def test_a_site_of_the_hosts_own_has_it_where_it_has_tasks(user, address, told):
    assert header(page(user, address)) == told


@pytest.mark.urls("tests.executions.admin.backstage")
@pytest.mark.parametrize("name", ["dashboard/", "{pk}/change/", "{pk}/panel/", "{pk}/live/"])
def test_pages_of_a_run_stand_on_such_a_site_too(user, name):
    execution = Task.objects.first().execution
    text = page(user, f"/backstage/executions/execution/{name.format(pk=execution.pk)}")
    assert not re.search(r'(?:href|action|hx-get)="/(?!backstage|static|")', text)
    assert "/backstage/executions/" in text


def test_a_host_with_a_header_of_its_own_pays_nothing(user, settings, tmp_path, django_assert_max_num_queries):
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base_site.html").write_text('{% extends "admin/base.html" %}')
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    client = Client()
    client.force_login(user)
    with django_assert_max_num_queries(9) as queries:
        text = client.get("/admin/auth/user/").content.decode()
    assert header(text) is None
    assert not [query for query in queries if Task._meta.db_table in query["sql"]]
