"""Secrets in the admin: what is entered is never shown again."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model

from tests.pages import words
from workflows import secrets
from workflows.models import HistoryEntry, Secret

pytestmark = [pytest.mark.django_db, pytest.mark.once]

VALUE = "hunter2-hunter2"
MINE = ("workflows.view_secret", "workflows.add_secret", "workflows.change_secret", "workflows.delete_secret")


def test_one_is_added_and_never_shown(pages):
    page = pages(*MINE)
    form = page.get("workflows_secret_add")
    assert 'type="password" name="value"' in form
    page.post("workflows_secret_add", name="TOKEN", value=f" {VALUE}", description="Shop")
    # Kept out of reports of errors.
    assert page.answer.wsgi_request.sensitive_post_parameters == ("value",)
    secret = Secret.objects.get()
    assert secrets.unseal(secret) == f" {VALUE}"
    assert secret.updated_by.username == "someone"
    for shown in (
        page.get("workflows_secret_changelist"),
        page.get("workflows_secret_change", secret.pk),
        page.get("workflows_secret_history", secret.pk),
    ):
        assert VALUE not in shown
        assert secret.sealed not in shown
        assert "TOKEN" in shown
    assert VALUE not in str([*LogEntry.objects.values(), *HistoryEntry.objects.values()])


def test_an_empty_value_keeps_the_present_one(pages):
    secret = secrets.create("TOKEN", VALUE)
    page = pages(*MINE)
    page.post("workflows_secret_change", secret.pk, value="", description="Shop")
    secret.refresh_from_db()
    assert (secrets.unseal(secret), secret.description) == (VALUE, "Shop")
    page.post("workflows_secret_change", secret.pk, value="another one", description="Shop", name="RENAMED")
    secret.refresh_from_db()
    assert (secrets.unseal(secret), secret.name) == ("another one", "TOKEN")
    assert [entry.changes for entry in HistoryEntry.objects.order_by("id")[1:]] == [
        {"description": ["", "Shop"]},
        {"value": ["******", "******"]},
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "TOKEN", "value": ""}, "required"),
        ({"name": "A-B", "value": "x"}, "Begin with a letter"),
        ({"name": "TAKEN", "value": "x"}, "already exists"),
        ({"name": "TOKEN", "value": "x" * 20_001}, "20000 characters"),
        ({"name": "TOKEN", "value": "a\x00b"}, "ull characters"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_the_value_is_not_sent_back(pages, given, told):
    secrets.create("TAKEN", VALUE)
    page = pages(*MINE)
    assert told in page.errors("workflows_secret_add", **given, description="")
    assert "x" * 30 not in page.answer.content.decode()
    assert Secret.objects.count() == 1


def test_who_may_only_look_sees_names(pages):
    secret = secrets.create("TOKEN", VALUE)
    page = pages("workflows.view_secret")
    assert 'name="value"' not in page.get("workflows_secret_change", secret.pk)
    page.post("workflows_secret_change", secret.pk, status=403, value="other")
    page.get("workflows_secret_add", status=403)
    assert secrets.unseal(Secret.objects.get()) == VALUE
    pages_of_nobody = type(page)(get_user_model().objects.create(username="none", is_staff=True))
    pages_of_nobody.get("workflows_secret_changelist", status=403)


def test_deleting_leaves_an_entry(pages):
    one, two = secrets.create("ONE", VALUE), secrets.create("TWO", VALUE)
    page = pages(*MINE)
    page.post("workflows_secret_delete", one.pk, post="yes")
    page.post("workflows_secret_changelist", action="delete_selected", _selected_action=[two.pk], post="yes")
    assert not Secret.objects.exists()
    deleted = HistoryEntry.objects.filter(action="secret.delete").order_by("id")
    assert [entry.title for entry in deleted] == ["ONE", "TWO"]


def test_one_that_no_key_opens_is_marked_and_opens_its_page(pages, settings):
    secret = secrets.create("TOKEN", VALUE)
    settings.SLUICE = {"SECRET_KEYS": ["another key of thirty-two characters"]}
    page = pages()
    assert "icon-no" in page.get("workflows_secret_changelist")
    page.get("workflows_secret_change", secret.pk)
    page.post("workflows_secret_change", secret.pk, value="entered anew", description="")
    assert secrets.unseal(Secret.objects.get()) == "entered anew"
    assert "icon-no" not in page.get("workflows_secret_changelist")


def test_its_author_may_be_gone(pages):
    author = get_user_model().objects.create(username="gone")
    secret = secrets.create("TOKEN", VALUE, by=author)
    pk = author.pk
    author.delete()
    assert f"deleted user {pk}" in words(pages().get("workflows_secret_change", secret.pk))


def test_the_list_costs_the_same_for_one_and_for_many(pages, django_assert_max_num_queries):
    for number in range(10):
        secrets.create(f"S{number}", VALUE)
    page = pages()
    page.get("workflows_secret_changelist")
    with django_assert_max_num_queries(8):
        page.get("workflows_secret_changelist")
