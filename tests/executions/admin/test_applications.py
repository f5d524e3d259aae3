"""Applications in the admin: the list, the form that starts one, its page."""

import pytest

from config.shop.models import Customer
from executions.models import Application, ApplicationStatus
from executions.testing import drain
from tests.executions.applications.applying import approval, decide, fresh, taking
from tests.pages import Pages, words
from tests.people import person
from workflows import versions

pytestmark = pytest.mark.django_db(transaction=True)

LIST, NEW, PAGE, WITHDRAW = (f"executions_application_{name}" for name in ("changelist", "new", "change", "withdraw"))
FORM = {"schema": ["name", "tier"], "title": "Who is it?"}


@pytest.fixture
def ann():
    return person("shop.add_customer", username="ann")


@pytest.fixture(autouse=True)
def bob():
    return person(username="bob")


def filled(button, **values):
    data = {"form": "data", "_": button, "data-name": "", "data-tier": "bronze"}
    return {**data, **{f"data-{name}": value for name, value in values.items()}}


def test_from_the_list_to_the_decision(ann):
    workflow = taking(approval("bob", allowReturn=True), form=FORM, title="New <customer>", timing="before")
    pages = Pages(ann)
    assert "New application" in pages.get(LIST)
    assert "New &lt;customer&gt;" in pages.get(NEW)
    form = pages.get(NEW, query=f"?workflow={workflow.key}")
    assert "Who is it?" in form
    assert "Submit Save as draft" in words(form)
    assert "This field is required." in pages.errors(NEW, query=f"?workflow={workflow.key}", **filled("submit"))
    assert not Application.objects.exists()
    pages.post(NEW, query=f"?workflow={workflow.key}", **filled("submit", name="Tea & Co", tier="gold"))
    drain()
    application = Application.objects.get()
    assert (application.status, application.data) == (ApplicationStatus.SUBMITTED, {"name": "Tea & Co", "tier": "gold"})
    page = pages.get(PAGE, application.pk)
    assert "Tea &amp; Co" in page
    assert "Waits for bob" in words(page)
    assert "Withdraw" in page
    decide("bob", "<", comment="which <one>?")
    page = pages.get(PAGE, application.pk)
    assert "which &lt;one&gt;?" in page
    assert 'value="Tea &amp; Co"' in page
    pages.post(PAGE, application.pk, **filled("submit", name="Tea", tier="silver"))
    drain()
    decide("bob", "+")
    assert Customer.objects.values_list("name", "tier").get() == ("Tea", "silver")
    page = pages.get(PAGE, application.pk)
    assert "Approved" in page
    assert "Withdraw" not in page
    assert "New &lt;customer&gt;" in pages.get(LIST)


def test_drafts_and_withdrawing(ann):
    workflow = taking(approval("bob"), form=FORM)
    pages = Pages(ann)
    pages.post(NEW, query=f"?workflow={workflow.key}", **filled("draft", tier="gold"))
    application = Application.objects.get()
    assert (application.status, application.data["tier"]) == (ApplicationStatus.DRAFT, "gold")
    pages.post(PAGE, application.pk, **filled("draft", name="Tea"))
    assert fresh(application).data["name"] == "Tea"
    pages.post(PAGE, application.pk, **filled("submit", name="Tea"))
    drain()
    pages.post(WITHDRAW, application.pk)
    assert fresh(application).status == ApplicationStatus.WITHDRAWN
    assert "Submit" in words(pages.get(PAGE, application.pk))
    versions.disable(workflow)
    assert "Submit Save" not in words(pages.get(PAGE, application.pk))


def test_what_the_model_refuses_shows_at_its_field(ann):
    Customer.objects.create(name="a", code="T1")
    workflow = taking(approval("bob"), form={"schema": ["name", "code"]}, timing="before")
    data = {"form": "data", "_": "submit", "data-name": "b", "data-code": "T1"}
    assert "already exists" in Pages(ann).errors(NEW, query=f"?workflow={workflow.key}", **data)
    assert not Application.objects.exists()


def test_others(ann, bob):
    workflow = taking(approval("bob"), form=FORM)
    Pages(bob).get(NEW, query=f"?workflow={workflow.key}", status=404)
    assert "nothing that you may apply for" in Pages(bob).get(NEW)
    Pages(ann).post(NEW, query=f"?workflow={workflow.key}", **filled("submit", name="Tea & Co"))
    pk = Application.objects.get().pk
    for page in (PAGE, WITHDRAW):
        Pages(bob).post(page, pk, status=404)
    viewer = Pages(person("executions.view_application", username="val"))
    assert "Tea &amp; Co" in viewer.get(PAGE, pk)
    assert "Withdraw" not in viewer.get(PAGE, pk)
    for page in (PAGE, WITHDRAW):
        viewer.post(page, pk, status=403)
    assert "ann" not in words(viewer.get(LIST))
    assert "ann" in words(viewer.get(LIST, query="?whose=all"))
    Pages(None).get(NEW, status=302)


def test_the_list_costs_no_more_for_more(ann, django_assert_max_num_queries):
    workflow = taking(approval("bob"), form=FORM)
    for number in range(5):
        Pages(ann).post(NEW, query=f"?workflow={workflow.key}", **filled("draft", name=f"Tea {number}"))
    pages = Pages(ann)
    with django_assert_max_num_queries(10):
        pages.get(LIST)
