"""Answers to manual tasks (spec nocobase-engine 5.20, cases 200-212)."""

from typing import Any

import pytest

from config.shop.models import Customer, Order
from executions import operations
from executions.inbox.submitting import delegate, submit
from executions.models import Execution, Task
from executions.testing import drain
from tests.building import build
from tests.executions.inbox.asking import FORM, LATER, NO, OUTPUT, YES, ask, job, manual, of, statuses, tasks, user
from workflows.errors import Forbidden, Invalid, NotFound, Refused
from workflows.models import HistoryEntry
from workflows.triggers import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


@pytest.fixture
def ada():
    return user("ada")


@pytest.fixture
def bob():
    return user("bob")


def answer(person: Any, action: str = "yes", key: str = "f", execution: Execution | None = None, **values: Any) -> Task:
    given = {"note": "ok", **values} if not values.get("bare") else {}
    return submit(of(person, execution).pk, {key: given, "_": action}, by=person)


@pytest.mark.parametrize("assignees", [None, [], [[], [None, " "]], ""])
def test_case_200_nobody_to_ask_resolves_at_once(assignees):
    execution = ask(("manual", {"assignees": assignees, "forms": {"f": FORM}}), OUTPUT)
    assert execution.status == 1
    assert not tasks(execution)


def test_case_200_lists_are_flattened_and_each_is_asked_once(ada, bob):
    nested = [ada.pk, [[str(bob.pk), "{{$context.who}}"], " ", None], "ada"]
    execution = ask(
        ("manual", {"assignees": nested, "title": "Look at {{$context.n}}"}), context={"who": ada.pk, "n": 7}
    )
    assert statuses(execution) == {"ada": 0, "bob": 0}
    assert {task.title for task in tasks(execution)} == {"Look at 7"}
    [task, _other] = tasks(execution)
    assert (task.node_key, task.key, task.job, task.type) == ("n1", execution.key, 1, "manual")
    assert job(execution).input == {"assignees": [ada.pk, bob.pk], "title": "Look at 7", "description": "", "mode": 0}


def test_who_does_not_exist_is_told_and_who_does_is_asked(ada):
    gone = user("gone", is_active=False)
    execution = ask(manual(ada, gone, 9_999_999, "nobody", 2**70))
    assert statuses(execution) == {"ada": 0}
    assert f"no active user {gone.pk}, 9999999, nobody" in job(execution).log


def test_if_nobody_who_was_named_exists_the_step_fails():
    execution = ask(manual(9_999_999))
    assert execution.status == -1
    assert "9999999" in execution.error


def test_a_filter_of_users_asks_whom_it_finds(ada, bob):
    execution = ask(
        ("manual", {"assignees": [{"filter": {"username": {"$eq": "{{$context.n}}"}}}]}), context={"n": "bob"}
    )
    assert statuses(execution) == {"bob": 0}


def test_what_a_template_gives_is_no_filter(ada):
    execution = ask(manual("{{$context.who}}"), context={"who": {"filter": {"username": "ada"}}})
    assert execution.status == -1
    assert not tasks(execution)


def test_case_201_only_the_owner_answers_and_once(ada, bob):
    execution = ask(manual(ada), OUTPUT)
    with pytest.raises(Forbidden):
        submit(of(ada).pk, {"f": {"note": "x"}, "_": "yes"}, by=None)
    with pytest.raises(Forbidden):
        submit(of(ada).pk, {"f": {"note": "x"}, "_": "yes"}, by=bob)
    task = answer(ada)
    assert task.status == 1
    assert task.result == {"f": {"note": "ok"}, "_": "yes"}
    assert task.decided_at is not None
    with pytest.raises(Refused):
        answer(ada)
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, {"f": {"note": "ok"}, "_": "yes"})


@pytest.mark.parametrize("task_id", [0, -1, 2**63, "1", None, True, 12_345_678])
def test_a_task_that_there_is_not(ada, task_id):
    with pytest.raises(NotFound):
        submit(task_id, {"_": "yes"}, by=ada)


def test_rejecting_ends_the_run_rejected_and_closes_the_others(ada, bob):
    execution = ask(manual(ada, bob), OUTPUT)
    answer(ada, "no")
    assert statuses(execution) == {"ada": -5, "bob": -3}
    drain()
    execution.refresh_from_db()
    assert execution.status == -5


STEPS = {
    "case_203 all: one of two": (1, [("ada", "yes")], 0, 0.5),
    "case_203 all: both": (1, [("ada", "yes"), ("bob", "yes")], 1, 1),
    "case_203 all: first rejects": (1, [("ada", "no")], -5, 0.5),
    "any: first resolves": (-1, [("ada", "yes")], 1, 0.5),
    "any: one rejects": (-1, [("ada", "no")], 0, 0.5),
    "any: both reject": (-1, [("ada", "no"), ("bob", "no")], -5, 1),
    "any: the second resolves": (-1, [("ada", "no"), ("bob", "yes")], 1, 1),
}


@pytest.mark.parametrize(("mode", "answers", "status", "result"), STEPS.values(), ids=STEPS)
def test_what_answers_make_of_the_job(ada, bob, mode, answers, status, result):
    people = {"ada": ada, "bob": bob}
    execution = ask(manual(ada, bob, mode=mode), OUTPUT)
    assert job(execution).result == []
    for name, action in answers:
        answer(people[name], action)
    assert (job(execution).status, job(execution).result) == (status, result)
    closed = {name: -3 for name in people if name not in dict(answers)} if status else {}
    assert closed.items() <= statuses(execution).items()
    drain()
    execution.refresh_from_db()
    assert execution.status == status


PRESET = {"note": "preset", "by": "{{$user.username}}", "was": "{{$nForm.note}}", "at": "{{$nDate.now}}",
          "theirs": "{{currentUser.id}}", "n": "{{$context.n}}"}  # fmt: skip


@pytest.mark.parametrize(("action", "preset"), [("yes", True), ("no", True), ("later", False)])
def test_case_205_206_presets_override_what_was_filled_in_unless_it_is_a_draft(ada, action, preset):
    form = {**FORM, "actions": [{**each, "values": PRESET} for each in (YES, NO, LATER)]}
    ask(manual(ada, forms={"f": form}), context={"n": 5})
    result = answer(ada, action).result["f"]
    if not preset:
        assert result == {"note": "ok"}
        return
    assert result.pop("at").startswith("20")
    assert result == {"note": "preset", "by": "ada", "was": "ok", "theirs": ada.pk, "n": 5}


def test_case_207_only_the_form_that_was_decided_remains(ada):
    ask(manual(ada, forms={"f": FORM, "g": FORM}))
    answer(ada, "later", note="1")
    answer(ada, "later", key="g", note="2")
    assert of(ada).result == {"f": {"note": "1"}, "g": {"note": "2"}, "_": "later"}
    assert of(ada).status == 0
    assert job(of(ada).execution).result == of(ada).result
    assert answer(ada, "yes", key="g", note="3").result == {"g": {"note": "3"}, "_": "yes"}


WRONG = {
    "no object": ([], "result"),
    "case_208 no action": ({"f": {"note": "x"}}, "result._"),
    "case_208 unknown action": ({"f": {"note": "x"}, "_": "maybe"}, "result._"),
    "action of another type": ({"f": {"note": "x"}, "_": ["yes"]}, "result._"),
    "unknown form": ({"h": {"note": "x"}, "_": "yes"}, "result.h"),
    "values no object": ({"f": 3, "_": "yes"}, "result.f"),
    "required is missing": ({"f": {}, "_": "yes"}, "result.f.note"),
    "wrong type": ({"f": {"note": "x", "days": "many"}, "_": "yes"}, "result.f.days"),
    "too small": ({"f": {"note": "x", "days": -1}, "_": "yes"}, "result.f.days"),
    "unknown field": ({"f": {"note": "x", "admin": True}, "_": "yes"}, "result.f.admin"),
    "a NUL": ({"f": {"note": "a\x00b"}, "_": "yes"}, "result.f.note"),
    "too large": ({"f": {"note": "x" * 20_000}, "_": "yes"}, "result"),
}


@pytest.mark.parametrize(("result", "field"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_and_changes_nothing(ada, result, field, settings):
    ask(manual(ada))
    settings.SLUICE = {**getattr(settings, "SLUICE", {}), "MAX_RESULT_BYTES": 10_000}
    with pytest.raises(Invalid) as refusal:
        submit(of(ada).pk, result, by=ada)
    assert refusal.value.field == field
    assert (of(ada).status, of(ada).result) == (0, None)


def test_a_form_without_fields_takes_any_values(ada):
    ask(manual(ada, forms={"f": {"actions": [YES]}}))
    assert answer(ada, deep={"a": [1]}).result["f"] == {"note": "ok", "deep": {"a": [1]}}


def test_a_button_alone_needs_no_values(ada):
    ask(manual(ada, forms={"f": {"actions": [YES]}}))
    assert submit(of(ada).pk, {"_": "yes"}, by=ada).result == {"f": {}, "_": "yes"}


CREATE = {"type": "create", "collection": "shop.Customer", "schema": ["name", "city"],
          "actions": [{**YES, "values": {"region": "{{$user.username}}"}}, NO, LATER]}  # fmt: skip


@pytest.mark.parametrize(("action", "rows"), [("yes", 1), ("no", 0), ("later", 0)])
def test_case_209_a_create_form_writes_its_row_when_it_resolves(ada, action, rows):
    ask(manual(ada, forms={"f": CREATE}))
    submit(of(ada).pk, {"f": {"name": "Kay", "city": "Ulm"}, "_": action}, by=ada)
    found = list(Customer.objects.values_list("name", "city", "region"))
    assert found == [("Kay", "Ulm", "ada")] * rows


def test_case_209_an_update_form_changes_only_the_rows_of_its_filter(ada):
    kay, ann = (Customer.objects.create(name=name, city="Rom") for name in ("Kay", "Ann"))
    form = {"type": "update", "collection": "shop.Customer", "schema": ["city"], "actions": [YES],
            "filter": {"id": "{{$context.id}}"}}  # fmt: skip
    ask(manual(ada, forms={"f": form}), context={"id": kay.pk})
    submit(of(ada).pk, {"f": {"city": "Ulm"}, "_": "yes"}, by=ada)
    assert dict(Customer.objects.values_list("name", "city")) == {"Kay": "Ulm", "Ann": "Rom"}


BAD_ROWS = {
    "required": ({"city": "Ulm"}, "result.f.name"),
    "not in the form": ({"name": "Kay", "credit": 1000}, "result.f.credit"),
    "a model's choice": ({"name": "Kay", "tier": "iron"}, "result.f.tier"),
    "taken": ({"name": "Kay", "code": "TAKEN"}, "result.f.code"),
    "too long": ({"name": "x" * 200}, "result.f.name"),
}


@pytest.mark.parametrize(("values", "field"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_rows_are_checked_as_the_model_checks_them(ada, values, field):
    Customer.objects.create(name="Taken", code="TAKEN")
    ask(manual(ada, forms={"f": {**CREATE, "schema": ["name", "city", "tier", "code"], "actions": [YES]}}))
    with pytest.raises(Invalid) as refusal:
        submit(of(ada).pk, {"f": values, "_": "yes"}, by=ada)
    assert refusal.value.field == field
    assert (of(ada).status, Customer.objects.count()) == (0, 1)


def test_row_task_and_job_are_one_transaction(ada, monkeypatch):
    execution = ask(manual(ada, forms={"f": CREATE}))
    monkeypatch.setattr("executions.operations.journal.write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit(of(ada).pk, {"f": {"name": "Kay"}, "_": "yes"}, by=ada)
    assert (Customer.objects.count(), of(ada).status, job(execution).status) == (0, 0, 0)


def test_rows_that_a_form_writes_set_workflows_off_with_the_runs_stack(ada):
    listener = build([], type="collection", config={"collection": "shop.Customer", "mode": 1})
    listening.refresh(force=True)
    execution = ask(manual(ada, forms={"f": CREATE}))
    submit(of(ada).pk, {"f": {"name": "Kay"}, "_": "yes"}, by=ada)
    fired = Execution.objects.get(key=listener.key)
    assert fired.stack == [[execution.pk, execution.workflow_id]]
    assert fired.created_by_id == ada.pk


def test_what_has_a_default_may_be_left_out(ada):
    fields = [{"name": "note", "required": True, "default": "none"}, {"name": "n", "type": "integer", "default": 3}]
    ask(manual(ada, forms={"f": {"schema": fields, "actions": [YES]}}))
    assert submit(of(ada).pk, {"f": {"n": 4}, "_": "yes"}, by=ada).result["f"] == {"note": "none", "n": 4}


def test_a_relation_is_chosen_by_key(ada):
    kay = Customer.objects.create(name="Kay")
    form = {"type": "create", "collection": "shop.Order", "schema": ["customer", "placed_at"], "actions": [YES]}
    ask(manual(ada, forms={"f": form}))
    values = {"customer": kay.pk, "placed_at": "2026-01-02T03:04:05Z"}
    submit(of(ada).pk, {"f": values, "_": "yes"}, by=ada)
    assert Order.objects.get().customer_id == kay.pk
    assert of(ada).result["f"]["customer"] == kay.pk


@pytest.mark.parametrize("end", ["cancel", "timeout", "fail_job"])
def test_case_212_the_runs_end_closes_what_is_pending(ada, bob, end):
    execution = ask(manual(ada, bob, mode=1), options={"timeout": 3_600_000})
    if end == "cancel":
        operations.cancel(execution.pk)
    elif end == "timeout":
        past = execution.created_at
        Execution.objects.filter(pk=execution.pk).update(expires_at=past, due_at=past)
    elif end == "fail_job":
        operations.fail_job(job(execution).pk)
    drain()
    assert statuses(execution) == {"ada": -3, "bob": -3}
    assert {task.decided_at is not None for task in tasks(execution)} == {True}
    with pytest.raises(Refused):
        answer(ada)


def test_case_212_an_expired_run_that_nobody_ended_yet_is_ended_by_the_answer(ada):
    execution = ask(manual(ada), options={"timeout": 3_600_000})
    Execution.objects.filter(pk=execution.pk).update(expires_at=execution.created_at)
    with pytest.raises(Refused, match="timed out"):
        answer(ada)
    execution.refresh_from_db()
    assert (execution.status, execution.reason, statuses(execution)) == (-3, "timeout", {"ada": -3})


def test_a_node_time_out_ends_the_unanswered_task(ada):
    execution = ask((*manual(ada), {}, {"timeout": 1}), OUTPUT)
    drain()
    execution.refresh_from_db()
    assert (execution.status, statuses(execution)) == (-3, {"ada": -3})


def test_an_attempt_more_asks_again(ada):
    policy = {"timeout": 1, "retry": {"attempts": 2, "interval": 0}}
    execution = ask((*manual(ada), {}, policy))
    drain()
    assert [(task.round, task.status) for task in tasks(execution)] == [(1, -3), (2, -3)]


def test_another_branch_that_decides_closes_the_task(ada):
    steps = ("parallel", {"mode": "any"}, {0: [manual(ada)], 1: [("output", {"value": 1})]})
    execution = ask(steps)
    assert (execution.status, statuses(execution)) == (1, {"ada": -3})


def test_a_branch_that_ends_the_run_later_closes_it_too(ada):
    steps = ("parallel", {"mode": "any"}, {0: [manual(ada)], 1: [("delay", {"duration": 3_600})]})
    execution = ask(steps)
    assert statuses(execution) == {"ada": 0}
    operations.complete_job(job(execution, "n3").pk)
    drain()
    assert statuses(execution) == {"ada": -3}


def test_both_branches_of_a_parallel_may_ask_the_same_person(ada):
    execution = ask(("parallel", {}, {0: [manual(ada)], 1: [manual(ada)]}))
    for task in tasks(execution):
        submit(task.pk, {"f": {"note": "x"}, "_": "yes"}, by=ada)
    drain()
    execution.refresh_from_db()
    assert execution.status == 1


def test_a_rerun_from_the_node_closes_the_old_task_and_asks_again(ada):
    execution = ask(manual(ada))
    operations.rerun(execution.pk, node_id=job(execution).node_id)
    drain()
    assert [(task.job, task.status) for task in tasks(execution)] == [(1, -3), (2, 0)]


def test_deleting_a_run_deletes_its_tasks(ada):
    execution = ask(manual(ada))
    operations.cancel(execution.pk)
    drain()
    assert operations.delete([execution.pk]).deleted == 1
    assert not Task.objects.exists()


def test_the_history_says_who_answered_what(ada):
    execution = ask(manual(ada))
    answer(ada, "later")
    answer(ada)
    [entry] = HistoryEntry.objects.filter(action="task.submit")
    assert (entry.actor_id, entry.execution, entry.node_key) == (ada.pk, execution.pk, "n1")
    assert entry.changes["status"] == ["pending", "resolved"]


def test_a_task_is_handed_over(ada, bob):
    execution = ask(manual(ada), OUTPUT)
    task = delegate(of(ada).pk, "bob", by=ada)
    assert (task.user_id, task.meta) == (bob.pk, {"delegatedBy": [ada.pk]})
    with pytest.raises(Forbidden):
        submit(task.pk, {"f": {"note": "x"}, "_": "yes"}, by=ada)
    answer(bob)
    drain()
    execution.refresh_from_db()
    assert execution.status == 1
    assert HistoryEntry.objects.get(action="task.delegate").changes == {"user": ["ada", "bob"]}


@pytest.mark.parametrize("to", ["nobody", None, 77_777, [], "bob", "ada"])
def test_a_task_is_handed_over_to_one_who_was_not_asked(ada, bob, to):
    ask(manual(ada, bob))
    with pytest.raises(Invalid) as refusal:
        delegate(of(ada).pk, to, by=ada)
    assert refusal.value.field == "to"
