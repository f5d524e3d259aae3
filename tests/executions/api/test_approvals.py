"""Approvals over HTTP and on the admin's pages (spec nocobase-engine 4.7)."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executions.models import Task
from executions.testing import drain
from tests.api import Api
from tests.executions.inbox.asking import OUTPUT, ask, manual, of, statuses, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

FORM = {"schema": [{"name": "amount", "type": "integer"}, {"name": "note"}]}
ALL = {"allowReturn": True, "delegate": True, "addSigners": True, "form": FORM}
CONTEXT = {"data": {"id": 7, "amount": 5}}


@pytest.fixture
def ada():
    return user("ada", is_staff=True)


@pytest.fixture
def bob():
    return user("bob", is_staff=True)


def approval(*people: Any, **config: Any) -> tuple[str, dict[str, Any]]:
    return ("approval", {"assignees": [person.pk for person in people], **config})


def read(execution: Any) -> Any:
    drain()
    execution.refresh_from_db()
    return execution


@pytest.mark.parametrize(
    ("name", "body", "status", "result"),
    [
        ("approve", {}, 1, {"data": {"_comment": ""}, "_": "approve"}),
        (
            "approve",
            {"comment": " ok\n", "data": {"amount": 4}},
            1,
            {"data": {"amount": 4, "_comment": " ok\n"}, "_": "approve"},
        ),
        ("reject", {"comment": "no"}, -5, {"data": {"_comment": "no"}, "_": "reject"}),
        ("return", {"comment": "back", "reason": "r"}, -5, {"data": {"_comment": "back"}, "_": "return"}),
        ("submit", {"result": {"_": "approve"}}, 1, {"data": {"_comment": ""}, "_": "approve"}),
    ],
)
def test_an_approver_answers(ada, name, body, status, result):
    execution = ask(approval(ada, **ALL), OUTPUT, context=CONTEXT)
    api = Api(ada)
    done = api("POST", f"tasks/{of(ada).pk}/{name}/", body)
    assert (done["status"], done["result"], done["type"]) == (status, result, "approval")
    assert read(execution).status == status


@pytest.mark.parametrize(
    ("name", "body", "status", "field"),
    [
        ("approve", {"data": {"amount": "many"}}, 400, "data.amount"),
        ("approve", {"data": {"id": 9}}, 400, "data.id"),
        ("approve", {"data": [1]}, 400, "data"),
        ("approve", {"comment": 7}, 400, "comment"),
        ("approve", {"coment": "x"}, 400, "coment"),
        ("reject", {"data": {}}, 400, "data"),
        ("return", {"to": "nowhere"}, 400, "to"),
        ("add_signers", {"to": "bob"}, 400, "order"),
        ("add_signers", {"order": 1}, 400, "to"),
        ("add_signers", {"to": "bob", "order": 7}, 400, "order"),
        ("add_signers", {"to": "ada", "order": 1}, 400, "to"),
        ("delegate", {"to": "nobody"}, 400, "to"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(ada, bob, name, body, status, field):
    ask(approval(ada, **ALL), context=CONTEXT)
    answer = Api(ada)("POST", f"tasks/{of(ada).pk}/{name}/", body, status=status)
    assert field in str(answer)
    assert of(ada).status == 0


@pytest.mark.parametrize("name", ["approve", "reject", "return", "add_signers", "delegate"])
def test_who_may_not(ada, bob, name):
    execution = ask(approval(ada, **ALL), manual(bob))
    address, body = f"tasks/{of(ada).pk}/{name}/", {}
    if name in ("add_signers", "delegate"):
        body = {"to": "bob", **({"order": 1} if name == "add_signers" else {})}
    Api(None)("POST", address, body, status=401)
    Api(bob)("POST", address, body, status=404)
    Api(user("boss", is_superuser=True))("POST", address, body, status=403)
    assert statuses(execution) == {"ada": 0}
    Api(ada)("POST", f"tasks/{of(ada).pk}/approve/", {})
    Api(ada)("POST", address, body, status=409)
    drain()
    if name != "delegate":
        Api(bob)("POST", f"tasks/{of(bob).pk}/{name}/", body, status=409)


def test_what_the_node_does_not_allow_is_forbidden(ada, bob):
    ask(approval(ada))
    api, address = Api(ada), f"tasks/{of(ada).pk}"
    api("POST", f"{address}/return/", {}, status=403)
    api("POST", f"{address}/delegate/", {"to": "bob"}, status=403)
    api("POST", f"{address}/add_signers/", {"to": "bob", "order": 1}, status=403)


def test_a_task_shows_what_is_approved_and_what_others_said(ada, bob):
    ask(approval(ada, bob, agreement="countersign", **ALL), context=CONTEXT)
    Api(ada)("POST", f"tasks/{of(ada).pk}/approve/", {"data": {"amount": 4}, "comment": "less"})
    drain()
    shown = Api(bob)("GET", f"tasks/{of(bob).pk}/")
    assert shown["data"]["amount"] == 4
    [record] = shown["data"]["records"]
    assert (record["user"], record["status"], record["comment"]) == ("ada", 2, "less")
    [form] = shown["forms"]
    assert form["values"] == {"amount": 4}
    assert list(form["schema"]["properties"]) == ["amount", "note", "_comment"]
    assert [each["key"] for each in form["actions"]] == ["approve", "reject", "return"]


def test_signers_over_http(ada, bob):
    execution = ask(approval(ada, agreement="countersign", **ALL))
    Api(ada)("POST", f"tasks/{of(ada).pk}/add_signers/", {"to": ["bob"], "order": -1})
    assert statuses(execution) == {"ada": 0, "bob": 0}
    Api(ada)("POST", f"tasks/{of(ada).pk}/approve/", {}, status=409)
    Api(bob)("POST", f"tasks/{of(bob).pk}/approve/", {})
    Api(ada)("POST", f"tasks/{of(ada).pk}/approve/", {})
    assert read(execution).status == 1


class TestPages:
    @pytest.fixture
    def page(self, ada):
        client = Client()
        client.force_login(ada)
        return client

    def address(self, name: str, person: Any) -> str:
        return reverse(f"admin:executions_task_{name}", args=[of(person).pk])

    @pytest.mark.parametrize(("button", "status"), [("approve", 1), ("reject", -5), ("return", -5)])
    def test_the_form_has_a_button_for_each_answer(self, page, ada, button, status):
        execution = ask(approval(ada, **ALL), OUTPUT, context=CONTEXT)
        where = self.address("change", ada)
        text = page.get(where).content.decode()
        assert all(f'value="{each}"' in text for each in ("approve", "reject", "return"))
        answer = page.post(where, {"form": "data", "_": button, "data-amount": "3", "data-note": "",
                                   "data-_comment": "so it is"})  # fmt: skip
        assert answer.status_code == 302
        assert read(execution).status == status
        result = execution.jobs.get(node_key="n1").result
        assert result["data"] == {"id": 7, "amount": 3 if button == "approve" else 5}
        assert result["records"][0]["comment"] == "so it is"
        assert "so it is" in page.get(where).content.decode()

    def test_what_does_not_fit_stands_at_its_field(self, page, ada):
        ask(approval(ada, **ALL), context=CONTEXT)
        answer = page.post(self.address("change", ada), {"form": "data", "_": "approve", "data-amount": "many"})
        assert answer.status_code == 200
        assert "Enter a whole number" in answer.content.decode()
        assert of(ada).status == 0

    def test_approvers_are_added_and_the_task_handed_over(self, page, ada, bob):
        execution = ask(approval(ada, **ALL))
        text = page.get(self.address("change", ada)).content.decode()
        assert self.address("add_signers", ada) in text
        assert self.address("delegate", ada) in text
        assert self.address("return_to", ada) not in text
        cid = user("cid")
        assert page.get(self.address("add_signers", ada)).status_code == 200
        refused = page.post(self.address("add_signers", ada), {"to": "nobody", "order": "1"})
        assert "no active user nobody" in refused.content.decode()
        page.post(self.address("add_signers", ada), {"to": "bob, ", "order": "-1"})
        assert statuses(execution) == {"ada": 0, "bob": 0}
        page.post(self.address("delegate", ada), {"to": "cid"})
        assert statuses(execution) == {"cid": 0, "bob": 0}
        assert of(cid).meta["delegatedBy"] == [ada.pk]

    def test_the_way_back_to_an_approval_before(self, page, ada, bob):
        execution = ask(approval(bob), approval(ada, **ALL))
        Api(bob)("POST", f"tasks/{of(bob).pk}/approve/", {})
        drain()
        where = self.address("return_to", ada)
        assert where in page.get(self.address("change", ada)).content.decode()
        assert page.post(where, {"to": "n2"}).status_code == 200
        assert page.post(where, {"to": "n1", "comment": "look again"}).status_code == 302
        drain()
        assert [task.status for task in Task.objects.order_by("id")] == [1, -5, 0]
        assert execution.jobs.count() == 3

    @pytest.mark.parametrize("name", ["add_signers", "return_to", "delegate"])
    def test_pages_of_others_are_not_there(self, page, ada, bob, name):
        ask(approval(bob, **ALL))
        assert page.get(self.address(name, bob)).status_code == 404
