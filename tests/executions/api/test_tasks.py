"""The inbox over HTTP (spec nocobase-engine 3.10, 5.11, 5.20; nocobase-http 4.6)."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.shop.models import Customer
from executions import operations, start
from executions.models import Task
from executions.testing import drain
from tests.api import Api
from tests.executions.inbox.asking import FORM, NO, OUTPUT, YES, ask, manual, of, user
from tests.people import boss
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


def copy(*people: Any, **config: Any) -> tuple[str, dict[str, Any]]:
    return ("cc", {"users": [person.pk for person in people], **config})


@pytest.fixture
def ada():
    return user("ada")


@pytest.fixture
def bob():
    return user("bob")


def test_somebody_without_any_permission_sees_and_does_their_own(ada, bob):
    execution = ask(manual(ada, title="Check", description="Order {{$context.n}}"), OUTPUT, context={"n": 7})
    api = Api(ada)
    [row] = api("GET", "tasks/")["results"]
    assert (row["title"], row["type"], row["status_name"], row["workflow_title"]) == (
        "Check",
        "manual",
        "pending",
        "A test",
    )
    assert not {"forms", "data", "result"} & row.keys()
    whole = api("GET", f"tasks/{row['id']}/")
    assert (whole["node_title"], whole["description"], whole["data"]) == ("manual", "Order 7", {"n": 7})
    [form] = whole["forms"]
    assert form["key"] == "f"
    assert form["schema"]["properties"]["days"] == {"title": "Days", "type": "integer", "minimum": 0}
    assert form["schema"]["required"] == ["note"]
    assert [action["key"] for action in form["actions"]] == ["yes", "no", "later"]
    done = api("POST", f"tasks/{row['id']}/submit/", {"result": {"f": {"note": "x"}, "_": "yes"}})
    assert (done["status_name"], done["forms"]) == ("resolved", [])
    assert done["result"] == {"f": {"note": "x"}, "_": "yes"}
    drain()
    execution.refresh_from_db()
    assert execution.status == 1


def test_case_201_nobody_a_stranger_and_the_owner(ada, bob):
    ask(manual(ada))
    address, body = f"tasks/{of(ada).pk}/submit/", {"result": {"f": {"note": "x"}, "_": "yes"}}
    Api(None)("POST", address, body, status=401)
    Api(bob)("POST", address, body, status=404)
    Api(ada)("POST", address, body)
    assert "id" not in Api(ada).errors("POST", address, body, status=409)


def test_who_may_view_all_tasks_may_not_answer_them(ada, client):
    ask(manual(ada))
    manager = client("executions.view_task")
    assert manager("GET", "tasks/")["results"] == []
    assert len(manager("GET", "tasks/?everybody=true")["results"]) == 1
    assert len(manager("GET", f"tasks/?user={ada.pk}")["results"]) == 1
    assert manager("GET", f"tasks/{of(ada).pk}/")["forms"] == []
    manager("POST", f"tasks/{of(ada).pk}/submit/", {"result": {"_": "yes"}}, status=403)
    manager("POST", f"tasks/{of(ada).pk}/delegate/", {"to": "ada"}, status=403)
    manager("POST", f"tasks/{of(ada).pk}/read/", status=403)


def test_without_that_permission_everybody_is_oneself(ada, bob):
    ask(manual(ada))
    assert Api(bob)("GET", "tasks/?everybody=true")["results"] == []
    assert len(Api(ada)("GET", "tasks/?everybody=true")["results"]) == 1


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["C2", "C1", "M2", "M1"]),
        ("?type=cc", ["C2", "C1"]),
        ("?type=manual&status=pending", ["M2"]),
        ("?status=resolved", ["C1", "M1"]),
        ("?status=0", ["C2", "M2"]),
        ("?read=true", ["C1"]),
        ("?read=false&type=cc", ["C2"]),
        ("?workflow_key=none", []),
        ("?fields=title&page_size=2", ["C2", "C1"]),
    ],
)
def test_lists_are_filtered(ada, query, titles):
    first = ask(manual(ada, title="M1"))
    Api(ada)("POST", f"tasks/{of(ada, first).pk}/submit/", {"result": {"f": {"note": "x"}, "_": "yes"}})
    ask(manual(ada, title="M2"))
    for title in ("C1", "C2"):
        ask(copy(ada, title=title))
    Api(ada)("POST", f"tasks/{Task.objects.get(title='C1').pk}/read/")
    assert [row["title"] for row in Api(ada)("GET", f"tasks/{query}")["results"]] == titles


@pytest.mark.parametrize("query", ["type=x", "status=x", "read=x", "user=x", "everybody=x", "what=1", "id=-1"])
def test_wrong_parameters_are_told(ada, query):
    assert query.partition("=")[0] in Api(ada).errors("GET", f"tasks/?{query}")


WRONG = [
    ({}, "result"),
    ({"result": None}, "result"),
    ({"result": []}, "result"),
    ({"result": {"f": {"note": "x"}}}, "result._"),
    ({"result": {"f": {}, "_": "yes"}}, "result.f.note"),
    ({"result": {"_": "yes"}, "what": 1}, "what"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_case_208_what_does_not_fit_is_told_at_its_place(ada, body, field):
    ask(manual(ada))
    assert field in Api(ada).errors("POST", f"tasks/{of(ada).pk}/submit/", body)


def test_case_182_copies_are_unread_until_they_are_read(ada, bob):
    execution = ask(copy(ada, bob, title="For {{$context.n}}"), OUTPUT, context={"n": 1})
    assert execution.status == 1
    counted = Api(ada)("GET", "tasks/counts/")
    assert counted["types"]["cc"] == {"pending": 1, "all": 1}
    assert counted["workflows"] == [{"key": execution.key, "title": "A test", "type": "cc", "pending": 1, "all": 1}]
    done = Api(ada)("POST", f"tasks/{of(ada).pk}/read/")
    assert (done["status"], done["title"]) == (1, "For 1")
    assert done["read_at"] is not None
    assert Api(ada)("GET", "tasks/counts/")["types"]["cc"] == {"pending": 0, "all": 1}
    assert Api(bob)("GET", "tasks/counts/")["types"]["cc"] == {"pending": 1, "all": 1}
    assert Api(ada)("POST", f"tasks/{of(ada).pk}/unread/")["read_at"] is None
    assert Api(ada)("GET", "tasks/counts/")["types"]["cc"] == {"pending": 1, "all": 1}


@pytest.mark.parametrize("users", [None, [], [[" "]], [{"filter": {}}]])
def test_case_182_a_copy_for_nobody_is_no_task(users):
    execution = ask(("cc", {"users": users}))
    assert execution.status == 1
    assert not Task.objects.exists()


def test_case_183_reading_is_for_ones_own(ada, bob):
    one, two = ask(copy(ada, bob)), ask(copy(ada))
    Api(bob)("POST", f"tasks/{of(ada, two).pk}/read/", status=404)
    assert Api(ada)("POST", "tasks/read/", {"workflow_key": two.key}) == {"read": 1}
    assert list(Task.objects.filter(status=1).values_list("execution", "user")) == [(two.pk, ada.pk)]
    assert Api(ada)("POST", "tasks/read/", {}) == {"read": 1}
    assert (of(ada, one).status, of(bob).status) == (1, 0)
    assert "type" in Api(ada).errors("POST", "tasks/read/", {"type": "x"})


def test_a_copy_outlives_the_end_of_its_run_unread(ada):
    execution = ask(copy(ada), manual(ada))
    operations.cancel(execution.pk)
    assert dict(Task.objects.values_list("type", "status")) == {"cc": 0, "manual": -3}


def test_a_copy_takes_no_answer(ada):
    ask(copy(ada))
    assert Api(ada)("GET", f"tasks/{of(ada).pk}/")["forms"] == []
    Api(ada)("POST", f"tasks/{of(ada).pk}/submit/", {"result": {"_": "yes"}}, status=409)


def test_case_212_counts_follow_the_runs_end(ada):
    execution = ask(manual(ada))
    assert Api(ada)("GET", "tasks/counts/")["types"]["manual"] == {"pending": 1, "all": 1}
    operations.cancel(execution.pk)
    assert Api(ada)("GET", "tasks/counts/")["types"]["manual"] == {"pending": 0, "all": 1}


def test_an_update_form_shows_what_stands_in_its_row(ada):
    row = Customer.objects.create(name="Kay", city="Rom")
    form = {"type": "update", "collection": "shop.Customer", "schema": ["name", "tier"], "actions": [YES, NO],
            "filter": {"id": "{{$context.id}}"}}  # fmt: skip
    ask(manual(ada, forms={"f": form}), context={"id": row.pk})
    [form] = Api(ada)("GET", f"tasks/{of(ada).pk}/")["forms"]
    assert form["values"] == {"name": "Kay", "tier": "bronze"}
    assert {"const": "gold", "title": "Gold"} in form["schema"]["properties"]["tier"]["oneOf"]


def test_a_draft_is_shown_again(ada):
    ask(manual(ada))
    Api(ada)("POST", f"tasks/{of(ada).pk}/submit/", {"result": {"f": {"days": 3}, "_": "later"}})
    [form] = Api(ada)("GET", f"tasks/{of(ada).pk}/")["forms"]
    assert form["values"] == {"days": 3}


def test_secrets_and_other_values_of_the_run_are_not_shown(ada):
    ask(manual(ada, title="{{$context.a}} {{$env.TOKEN}}"), context={"a": 1, "b": 2})
    assert not Task.objects.exists()
    ask(manual(ada, title="{{$context.a}}", forms={"f": FORM}), context={"a": 1, "b": 2})
    assert Api(ada)("GET", f"tasks/{of(ada).pk}/")["data"] == {"a": 1}


def test_a_task_is_handed_over(ada, bob):
    ask(manual(ada))
    task = of(ada)
    assert "to" in Api(ada).errors("POST", f"tasks/{task.pk}/delegate/", {"to": "nobody"})
    assert Api(ada)("POST", f"tasks/{task.pk}/delegate/", {"to": bob.pk}, status=200)["user"] == bob.pk
    Api(ada)("GET", f"tasks/{task.pk}/", status=404)


def test_marked_values_are_for_who_was_asked(ada, client):
    step = manual(
        ada, title="For {{$context.iban}}", description="Pay {{$context.iban}}", forms={"f": {"actions": [YES]}}
    )
    ask(step, context={"iban": "DE4412345", "n": 1}, options={"sensitive": ["$context.iban"]})
    Api(ada)("POST", f"tasks/{of(ada).pk}/submit/", {"result": {"f": {"to": "DE4412345"}, "_": "yes"}})
    mine, theirs = Api(ada), client("executions.view_task")
    for path in (f"tasks/{of(ada).pk}/", "tasks/?everybody=true&fields=title,result,description,data"):
        assert "DE4412345" in str(mine("GET", path))
        assert "DE4412345" not in str(theirs("GET", path))


def _queries(call) -> int:
    with CaptureQueriesContext(connection) as seen:
        call()
    return len(seen)


@pytest.mark.parametrize("everybodys", [False, True])
def test_a_list_with_forms_and_data_reads_all_runs_at_once(ada, everybodys):
    reader = boss() if everybodys else ada
    address = "tasks/?fields=id,forms,data,node_title,workflow_title" + ("&everybody=true" if everybodys else "")
    first = ask(manual(ada, description="{{$context.n}}"), context={"n": 7})
    api = Api(reader)
    api("GET", address)
    few = _queries(lambda: api("GET", address))
    for _ in range(4):
        start(first.workflow, {"n": 8})
    drain()
    assert _queries(lambda: api("GET", address)) == few
    assert [row["data"]["n"] for row in api("GET", address)["results"]] == [8, 8, 8, 8, 7]


def test_titles_of_deleted_workflows_are_read_at_once(ada):
    api = Api(ada)

    def gone(count):
        for _ in range(count):
            execution = ask(manual(ada))
            Workflow.objects.filter(pk=execution.workflow_id).delete()

    gone(1)
    few = _queries(lambda: api("GET", "tasks/counts/"))
    gone(4)
    assert _queries(lambda: api("GET", "tasks/counts/")) == few
    assert {row["title"] for row in api("GET", "tasks/counts/")["workflows"]} == {"A test"}
