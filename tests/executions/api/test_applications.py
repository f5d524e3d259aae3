"""Applications over HTTP (spec nocobase-engine 4.7)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.shop.models import Customer
from executions.models import Application, ApplicationStatus, Execution
from executions.testing import drain
from tests.api import Api
from tests.executions.applications.applying import approval, decide, person, taking
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.pages import Pages
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

FORM = {"schema": ["name", "tier"]}


@pytest.fixture
def ann():
    return person("ann", "shop.add_customer")


@pytest.fixture(autouse=True)
def bob():
    return person("bob")


def test_from_the_form_to_the_decision(ann):
    workflow = taking(approval("bob", allowReturn=True), timing="before", form=FORM, title="New customer")
    api = Api(ann)
    [offered] = api("GET", "approvals/startable/")["results"]
    assert (offered["key"], offered["collection"], offered["drafts"]) == (workflow.key, "shop.Customer", True)
    assert offered["schema"]["required"] == ["name", "tier"]
    assert [each["const"] for each in offered["schema"]["properties"]["tier"]["oneOf"]] == ["bronze", "silver", "gold"]
    body = {"workflow": workflow.key, "data": {"tier": "gold"}, "submit": False}
    draft = api("POST", "approvals/", body, status=201)
    assert (draft["status"], draft["status_name"], draft["execution"], draft["round"]) == (0, "draft", None, 0)
    where = f"approvals/{draft['id']}/"
    assert "data.name" in api.errors("POST", f"{where}submit/", {}, status=400)
    assert api("PATCH", where, {"data": {"name": "Tea"}})["data"] == {"name": "Tea"}
    sent = api("POST", f"{where}submit/", {"data": {"name": "Tea", "tier": "gold"}})
    assert (sent["status_name"], sent["row"]["tier"], sent["records"]) == ("submitted", "gold", [])
    drain()
    decide("bob", "<", comment="which?")
    back = api("GET", where)
    assert back["status_name"] == "returned"
    assert [(each["user"], each["status"], each["comment"]) for each in back["records"]] == [("bob", 1, "which?")]
    api("POST", f"{where}submit/", {})
    drain()
    assert api("POST", f"{where}withdraw/", {"reason": "no need"})["status_name"] == "withdrawn"
    api("POST", f"{where}withdraw/", status=409)
    api("POST", f"{where}submit/", {})
    drain()
    decide("bob", "+")
    done = api("GET", where)
    assert (done["status_name"], done["round"], done["workflow_title"]) == ("approved", 3, "New customer")
    assert done["object_id"] == str(Customer.objects.get().pk)
    [row] = api("GET", "approvals/?status=approved")["results"]
    assert row["id"] == done["id"]
    assert not {"data", "row", "records"} & row.keys()


def test_somebody_elses(ann, bob):
    workflow = taking(approval("bob"), form=FORM)
    made = Api(ann)("POST", "approvals/", {"workflow": workflow.key, "data": {"name": "Tea"}}, status=201)
    where = f"approvals/{made['id']}/"
    Api(None)("GET", where, status=401)
    Api(bob)("GET", where, status=404)
    viewer = Api(person("val", "executions.view_application"))
    assert viewer("GET", where)["data"] == {"name": "Tea"}
    assert viewer("GET", "approvals/")["results"] == []
    for wide in ("everybody=true", f"user={ann.pk}", f"execution={made['execution']}"):
        assert len(viewer("GET", f"approvals/?{wide}")["results"]) == 1
        assert Api(bob)("GET", f"approvals/?{wide}")["results"] == []
    for method, path, body in (
        ("PATCH", where, {"data": {}}),
        ("POST", f"{where}submit/", {}),
        ("POST", f"{where}withdraw/", {}),
    ):
        viewer(method, path, body, status=403)
        Api(bob)(method, path, body, status=404)


def test_who_may_not_write_such_a_row_may_not_apply(bob):
    workflow = taking(approval("bob"), form=FORM)
    assert Api(bob)("GET", "approvals/startable/")["results"] == []
    Api(bob)("POST", "approvals/", {"workflow": workflow.key, "data": {"name": "Tea"}}, status=403)
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "workflow"),
        ({"workflow": 7, "data": {}}, 400, "workflow"),
        ({"workflow": "nope", "data": {}}, 404, None),
        ({"workflow": "a\x00", "data": {}}, 400, "workflow"),
        ({"data": []}, 400, "data"),
        ({"data": {"name": "x", "other": 1}}, 400, "data.other"),
        ({"data": {"name": "x", "tier": "lead"}}, 400, "data.tier"),
        ({"data": {"name": {"a": 1}}, "nope": 1}, 400, "nope"),
        ({"data": {"name": "x"}, "submit": "yes"}, 400, "submit"),
        ({"data": {"name": "x"}, "object_id": [1]}, 403, None),
        ([], 400, None),
    ],
)
def test_bad_bodies(ann, body, status, field):
    workflow = taking(approval("bob"), form=FORM)
    if isinstance(body, dict) and body:
        body = {"workflow": workflow.key, **body}
    errors = Api(ann).errors("POST", "approvals/", body, status=status)
    assert field is None or field in errors
    assert (Application.objects.count(), Execution.objects.count()) == (0, 0)


def test_a_list_costs_the_same_however_many_there_are(ann):
    workflow = taking(approval("bob"), form=FORM)
    api, counts = Api(ann), []
    for _ in range(3):
        api("POST", "approvals/", {"workflow": workflow.key, "data": {"name": "Tea"}}, status=201)
        with CaptureQueriesContext(connection) as queries:
            api("GET", "approvals/")
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_why_one_failed_is_masked(ann, bob):
    workflow = taking(approval("bob"), form=FORM)
    Workflow.objects.update(options={"sensitive": ["$context.data.name"]})
    made = Api(ann)("POST", "approvals/", {"workflow": workflow.key, "data": {"name": "Tea-4711"}}, status=201)
    Application.objects.update(status=ApplicationStatus.FAILED, error="Refused: Tea-4711.")
    viewer, ours = person("val", "executions.view_application"), f"approvals/{made['id']}/"
    assert Api(viewer)("GET", ours)["error"] == "Refused: ******."
    assert Api(viewer)("GET", f"{ours}?fields=error") == {"error": "Refused: ******."}
    [row] = Api(viewer)("GET", "approvals/?everybody=true")["results"]
    assert row["error"] == "Refused: ******."
    viewer.is_staff = True
    viewer.save()
    page = Pages(viewer).get("executions_application_change", made["id"])
    assert "Refused: ******." in page
    assert "Tea-4711" not in page
    [told] = NocoBase(viewer).get("approvals:get", filterByTk=made["id"], fields="error").values()
    assert told == "Refused: ******."
