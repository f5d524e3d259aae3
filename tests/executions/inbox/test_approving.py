"""Approvals (spec nocobase-engine 4.7, 5.28): who agrees, rejects, sends back, hands over, adds others."""

from time import monotonic, sleep
from typing import Any

import pytest

from config.shop.models import Customer
from executions import operations
from executions.graphs import graph_of
from executions.inbox import approvals, showing
from executions.inbox.approving import add_signers, approve, delegate, reject, send_back
from executions.inbox.kinds import Tool
from executions.models import Execution, Task
from executions.testing import drain
from tests.executions.inbox.asking import ask, job, of, statuses, tasks, user
from workflows.errors import Forbidden, Invalid, NotFound, Refused
from workflows.instructions.approval import APPROVED, OPEN, REJECTED, ApprovalConfig, verdict
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

RESULT = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})
NAMES = ("ada", "bob", "cid", "dan", "eve")


@pytest.fixture
def people() -> dict[str, Any]:
    return {name: user(name) for name in NAMES}


def approval(*names: str, branches: Any = None, policy: Any = None, **config: Any) -> tuple[Any, ...]:
    return ("approval", {"assignees": list(names), **config}, branches or {}, policy or {})


def mine(people: dict[str, Any], name: str) -> Task:
    return Task.objects.filter(user=people[name]).latest("id")


def act(people: dict[str, Any], name: str, what: str, **more: Any) -> Task:
    does = {"+": approve, "-": reject, "<": send_back}[what]
    return does(mine(people, name).pk, by=people[name], **more)


def read(execution: Execution) -> Execution:
    drain()
    execution.refresh_from_db()
    return execution


@pytest.mark.parametrize(
    ("config", "answers", "total", "came_to"),
    [
        ({}, "", 2, OPEN),
        ({}, "+", 3, APPROVED),
        ({}, "-", 2, OPEN),
        ({}, "--", 2, REJECTED),
        ({"agreement": "countersign"}, "+", 2, OPEN),
        ({"agreement": "countersign"}, "++", 2, APPROVED),
        ({"agreement": "countersign"}, "+-", 3, REJECTED),
        ({"agreement": "vote"}, "+", 2, OPEN),
        ({"agreement": "vote"}, "++", 3, APPROVED),
        ({"agreement": "vote"}, "+-", 2, REJECTED),
        ({"agreement": "vote"}, "-", 2, REJECTED),
        ({"agreement": "vote"}, "+-", 3, OPEN),
        ({"agreement": "vote", "ratio": 0.75}, "+++", 4, OPEN),
        ({"agreement": "vote", "ratio": 0.75}, "++++", 4, APPROVED),
        ({"agreement": "vote", "ratio": 0.75}, "-", 4, REJECTED),
        ({"agreement": "vote", "ratio": 0.29}, "+" * 29, 100, OPEN),
        ({"agreement": "vote", "ratio": 0}, "---+", 4, APPROVED),
        ({"agreement": "vote", "ratio": 0}, "----", 4, REJECTED),
    ],
)
def test_what_answers_come_to(config, answers, total, came_to):
    ends = [APPROVED if each == "+" else REJECTED for each in answers]
    assert verdict(ApprovalConfig(**config), ends, total) == came_to


@pytest.mark.parametrize(
    ("config", "acts", "status", "left"),
    [
        ({}, ["ada+"], 1, {"ada": 1, "bob": -3}),
        ({}, ["ada-", "bob+"], 1, {"ada": -5, "bob": 1}),
        ({}, ["ada-", "bob-"], -5, {"ada": -5, "bob": -5}),
        ({"agreement": "countersign"}, ["ada+", "bob+"], 1, {"ada": 1, "bob": 1}),
        ({"agreement": "countersign"}, ["bob-"], -5, {"ada": -3, "bob": -5}),
        ({"agreement": "vote"}, ["ada+"], 0, {"ada": 1, "bob": 0}),
        ({"agreement": "vote"}, ["ada-"], -5, {"ada": -5, "bob": -3}),
        ({"order": "sequential"}, ["ada-"], 0, {"ada": -5, "bob": 0}),
        ({"order": "sequential"}, ["ada+"], 1, {"ada": 1}),
        ({"order": "sequential", "agreement": "countersign"}, ["ada+"], 0, {"ada": 1, "bob": 0}),
        ({"order": "sequential", "agreement": "countersign"}, ["ada+", "bob+"], 1, {"ada": 1, "bob": 1}),
        ({"allowReturn": True, "agreement": "countersign"}, ["ada+", "bob<"], -5, {"ada": 1, "bob": -5}),
    ],
)
def test_what_becomes_of_the_run_and_of_its_tasks(people, config, acts, status, left):
    execution = ask(approval("ada", "bob", **config), RESULT)
    for each in acts:
        act(people, each[:3], each[3])
    assert read(execution).status == status
    assert statuses(execution) == left


def test_the_result_says_who_said_what_and_the_data(people):
    step = approval("ada", "bob", agreement="countersign", form={"schema": ["amount"]})
    execution = ask(step, RESULT, context={"data": {"id": 7, "amount": "10"}})
    assert job(execution).result == {"status": 0, "data": {"id": 7, "amount": "10"}, "records": []}
    act(people, "ada", "+", comment="too much", data={"amount": "8"})
    drain()
    assert job(execution).result["data"] == {"id": 7, "amount": "8"}
    act(people, "bob", "+")
    assert read(execution).status == 1
    first, second = tasks(execution)
    assert (execution.output["status"], execution.output["data"]) == (2, {"id": 7, "amount": "8"})
    assert [(each["id"], each["userId"], each["status"], each["comment"]) for each in execution.output["records"]] == [
        (first.pk, people["ada"].pk, 2, "too much"),
        (second.pk, people["bob"].pk, 2, ""),
    ]
    assert all(each["updatedAt"] for each in execution.output["records"])


def test_an_approvers_changes_are_written_to_the_row_with_the_answer(people):
    row = Customer.objects.create(name="before")
    form = {"type": "update", "collection": "shop.Customer", "filter": {"id": "{{$context.data.id}}"},
            "schema": ["name"]}  # fmt: skip
    execution = ask(approval("ada", "bob", agreement="countersign", form=form), RESULT,
                    context={"data": {"id": row.pk, "name": "before"}})  # fmt: skip
    with pytest.raises(Invalid):
        act(people, "ada", "+", data={"name": "x" * 5_000})
    with pytest.raises(Invalid):
        act(people, "ada", "+", data={"id": 9})
    assert statuses(execution) == {"ada": 0, "bob": 0}
    act(people, "ada", "+", data={"name": "after"})
    row.refresh_from_db()
    assert row.name == "after"
    assert of(people["ada"]).result["data"] == {"name": "after", "_comment": ""}
    act(people, "bob", "-")
    assert read(execution).status == -5
    result = job(execution).result
    assert (result["status"], result["data"]["name"]) == (-1, "after")


@pytest.mark.parametrize(("data", "path"), [({"other": 1}, "data.other"), ([1], "data"), ("x", "data")])
def test_data_that_can_not_be_changed_are_refused(people, data, path):
    ask(approval("ada", form={"schema": [{"name": "amount", "type": "integer"}]}), context={"data": {}})
    with pytest.raises(Invalid) as raised:
        act(people, "ada", "+", data=data)
    assert raised.value.field == path


def test_without_a_form_there_is_nothing_to_change(people):
    ask(approval("ada"), context={"data": {"amount": 1}})
    with pytest.raises(Invalid, match="has no form"):
        act(people, "ada", "+", data={"amount": 2})


@pytest.mark.parametrize("comment", [7, "x" * 10_001, "a\x00b"])
def test_a_comment_is_a_text(people, comment):
    ask(approval("ada"))
    with pytest.raises(Invalid) as raised:
        act(people, "ada", "+", comment=comment)
    assert raised.value.field == "comment"


YES, NO, BACK = (("output", {"value": value}) for value in ("yes", "no", "back"))
WAYS = {2: [YES], 0: [NO], 1: [BACK]}


@pytest.mark.parametrize(
    ("config", "what", "status", "behind", "output"),
    [
        ({}, "+", 1, True, "yes"),
        ({}, "-", -5, False, "no"),
        ({}, "<", -5, False, "back"),
        ({"endOnReject": False}, "-", 1, True, "no"),
        ({"endOnReturn": False}, "<", 1, True, "back"),
    ],
)
def test_each_end_has_its_branch(people, config, what, status, behind, output):
    step = approval("ada", "bob", branches=WAYS, branchMode=True, allowReturn=True, agreement="anyone", **config)
    execution = ask(step, ("variable", {"value": "behind"}))
    if what == "-":
        act(people, "bob", "-")
    act(people, "ada", what)
    assert read(execution).status == status
    assert execution.output == output
    keys = list(execution.jobs.values_list("node_key", flat=True))
    assert ("n5" in keys) == behind
    assert not Task.objects.filter(status=0).exists()


@pytest.mark.parametrize(("what", "status"), [("+", 1), ("-", -5), ("<", -5)])
def test_a_branch_may_be_empty(people, what, status):
    execution = ask(approval("ada", branchMode=True, allowReturn=True), RESULT)
    act(people, "ada", what)
    assert read(execution).status == status


def test_a_branch_that_fails_is_the_nodes_failure(people):
    execution = ask(approval("ada", branches={2: [("end", {"endStatus": -1})]}, branchMode=True))
    act(people, "ada", "+")
    assert read(execution).status == -1


def test_while_a_branch_waits_nobody_can_answer_any_more(people):
    execution = ask(approval("ada", "bob", branches={2: [("delay", {"duration": 1, "unit": 60_000})]},
                             branchMode=True))  # fmt: skip
    task = mine(people, "bob")
    act(people, "ada", "+")
    drain()
    assert statuses(execution) == {"ada": 1, "bob": -3}
    with pytest.raises(Refused):
        approve(task.pk, by=people["bob"])
    operations.cancel(execution.pk)


@pytest.mark.parametrize("assignees", [None, [], [[], " "], "{{$context.nobody}}", ["nobody"], [9_999_999]])
def test_nobody_to_ask_is_an_error_that_names_the_field(assignees):
    execution = ask(("approval", {"assignees": assignees}), RESULT)
    assert execution.status == -2
    assert job(execution).result["field"] == "assignees"
    assert "assignees" in execution.error


@pytest.mark.parametrize(("branch_mode", "output"), [(False, None), (True, "yes")])
def test_nobody_to_ask_may_pass(branch_mode, output):
    branches = WAYS if branch_mode else {}
    execution = ask(("approval", {"onEmpty": "pass", "branchMode": branch_mode}, branches))
    assert (execution.status, execution.output) == (1, output)
    assert job(execution).result == {"status": 2, "data": None, "records": []}


def test_who_is_named_twice_is_asked_once(people):
    nested = [people["ada"].pk, ["bob", "ada"], "{{$context.more}}", {"filter": {"username": {"$in": ["bob", "cid"]}}}]
    execution = ask(("approval", {"assignees": nested}), context={"more": [people["ada"].pk, people["dan"].pk]})
    assert statuses(execution) == {"ada": 0, "bob": 0, "dan": 0, "cid": 0}


def test_only_its_person_may_answer(people):
    execution = ask(approval("ada"))
    task = mine(people, "ada")
    for does in (approve, reject, send_back):
        with pytest.raises(Forbidden):
            does(task.pk, by=people["bob"])
        with pytest.raises(Forbidden):
            does(task.pk, by=None)
        with pytest.raises(NotFound):
            does(10**9, by=people["ada"])
    with pytest.raises(Forbidden):
        delegate(task.pk, "bob", by=people["bob"])
    act(people, "ada", "+")
    with pytest.raises(Refused):
        act(people, "ada", "-")
    assert read(execution).status == 1


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_tasks_close_with_the_run(people, how):
    execution = ask(approval("ada", "bob", order="sequential"), options={"timeout": 3_600_000})
    if how == "cancel":
        operations.cancel(execution.pk)
    else:
        past = execution.created_at
        Execution.objects.filter(pk=execution.pk).update(expires_at=past, due_at=past)
    assert read(execution).status == -3
    assert statuses(execution) == {"ada": -3}
    with pytest.raises(Refused):
        act(people, "ada", "+")


def test_a_time_out_of_the_step_ends_it_aborted_and_a_retry_asks_again(people):
    policy = {"timeout": 60_000, "retry": {"attempts": 2, "interval": 1}}
    execution = ask(approval("ada", policy=policy))
    # As if its time had come.
    execution.jobs.update(due_at=execution.created_at)
    Execution.objects.filter(pk=execution.pk).update(due_at=execution.created_at)
    until = monotonic() + 30
    while len(tasks(execution)) < 2 and monotonic() < until:
        drain()
        sleep(0.01)
    assert [(task.round, task.status) for task in tasks(execution)] == [(1, -3), (2, 0)]
    act(people, "ada", "+")
    assert read(execution).status == 1
    assert len(job(execution).result["records"]) == 1


class TestReturn:
    def test_it_is_for_nodes_that_allow_it(self, people):
        ask(approval("ada"))
        with pytest.raises(Forbidden):
            act(people, "ada", "<")

    def test_to_an_earlier_approval_asks_there_again(self, people):
        execution = ask(approval("ada"), approval("bob", "cid", allowReturn=True, agreement="countersign"), RESULT)
        act(people, "ada", "+")
        drain()
        act(people, "bob", "+")
        act(people, "cid", "<", to="n1", comment="look again")
        drain()
        assert [(each.node_key, each.status) for each in execution.jobs.order_by("number")] == [
            ("n1", 1), ("n2", -5), ("n1", 0),
        ]  # fmt: skip
        returned = execution.jobs.get(node_key="n2").result
        assert (returned["status"], returned["returnTo"]) == (1, "n1")
        assert [(each["userId"], each["status"]) for each in returned["records"]] == [
            (people["bob"].pk, 2), (people["cid"].pk, 1),
        ]  # fmt: skip
        act(people, "ada", "+")
        drain()
        act(people, "bob", "+")
        act(people, "cid", "+")
        assert read(execution).status == 1

    @pytest.mark.parametrize("key", ["n2", "n3", "nobody", 7])
    def test_only_to_an_approval_before_it(self, people, key):
        ask(("variable", {"value": 1}), approval("ada", allowReturn=True), approval("bob"))
        with pytest.raises(Invalid) as raised:
            act(people, "ada", "<", to=key)
        assert raised.value.field == "to"

    def test_out_of_a_branch_to_the_approval_above(self, people):
        inner = approval("bob", allowReturn=True)
        execution = ask(approval("ada", branches={2: [inner]}, branchMode=True))
        act(people, "ada", "+")
        drain()
        act(people, "bob", "<", to="n1")
        drain()
        assert [(each.node_key, each.status) for each in execution.jobs.order_by("number")] == [
            ("n1", -3), ("n2", -5), ("n1", 0),
        ]  # fmt: skip
        act(people, "ada", "+")
        drain()
        act(people, "bob", "+")
        assert read(execution).status == 1


class TestDelegate:
    @pytest.mark.parametrize("order", ["parallel", "sequential"])
    def test_the_other_answers_in_ones_place(self, people, order):
        execution = ask(approval("ada", "bob", delegate=True, agreement="countersign", order=order), RESULT)
        task = mine(people, "ada")
        delegate(task.pk, "cid", by=people["ada"])
        with pytest.raises(Forbidden):
            approve(task.pk, by=people["ada"])
        act(people, "cid", "+")
        act(people, "bob", "+")
        assert read(execution).status == 1
        assert Task.objects.get(pk=task.pk).meta["delegatedBy"] == [people["ada"].pk]

    @pytest.mark.parametrize("to", ["nobody", [], ["cid", "dan"], "bob", "ada", None, 9_999_999])
    def test_to_one_active_user_who_is_not_asked_already(self, people, to):
        ask(approval("ada", "bob", delegate=True, order="sequential"))
        with pytest.raises(Invalid) as raised:
            delegate(mine(people, "ada").pk, to, by=people["ada"])
        assert raised.value.field == "to"

    def test_is_for_nodes_that_allow_it(self, people):
        ask(approval("ada"))
        with pytest.raises(Forbidden):
            delegate(mine(people, "ada").pk, "bob", by=people["ada"])

    @pytest.mark.parametrize(
        "scope", [["bob"], {"filter": {"username": "bob"}}, ["dan", {"filter": {"username.$in": ["bob", "eve"]}}]]
    )
    def test_the_node_says_to_whom(self, people, scope):
        ask(approval("ada", delegate=scope))
        task = mine(people, "ada")
        with pytest.raises(Invalid, match="not be asked: cid"):
            delegate(task.pk, "cid", by=people["ada"])
        delegate(task.pk, "bob", by=people["ada"])
        assert Task.objects.get(pk=task.pk).user == people["bob"]


class TestAddSigners:
    @pytest.mark.parametrize("order", ["parallel", "sequential"])
    def test_before_oneself(self, people, order):
        execution = ask(approval("ada", "bob", order=order, addSigners=True, agreement="countersign"))
        add_signers(mine(people, "ada").pk, ["cid", "dan"], by=people["ada"], order=-1)
        with pytest.raises(Refused, match="cid was added before you"):
            act(people, "ada", "+")
        act(people, "cid", "+")
        with pytest.raises(Refused, match="dan was added before you"):
            act(people, "ada", "-")
        act(people, "dan", "+")
        act(people, "ada", "+")
        assert read(execution).status == 0
        act(people, "bob", "+")
        assert read(execution).status == 1
        assert len(job(execution).result["records"]) == 4

    @pytest.mark.parametrize("order", ["parallel", "sequential"])
    def test_after_oneself(self, people, order):
        execution = ask(approval("ada", "bob", order=order, addSigners=True, agreement="countersign"))
        add_signers(mine(people, "ada").pk, "cid", by=people["ada"], order=1)
        assert "cid" not in statuses(execution)
        act(people, "ada", "+")
        assert statuses(execution)["cid"] == 0
        assert ("bob" in statuses(execution)) == (order == "parallel")
        act(people, "cid", "+")
        act(people, "bob", "+")
        assert read(execution).status == 1

    def test_they_count_for_the_vote(self, people):
        execution = ask(approval("ada", addSigners=True, agreement="vote"))
        add_signers(mine(people, "ada").pk, ["bob", "cid"], by=people["ada"], order=1)
        act(people, "ada", "+")
        assert read(execution).status == 0
        act(people, "bob", "-")
        act(people, "cid", "-")
        assert read(execution).status == -5

    def test_who_waits_for_an_added_one_sees_why_and_no_buttons(self, people):
        ask(approval("ada", addSigners=True, allowReturn=True, delegate=True))
        add_signers(mine(people, "ada").pk, "cid", by=people["ada"], order=-1)
        waiting, asked = (showing.show(mine(people, name), people[name]) for name in ("ada", "cid"))
        assert [(form.actions, form.error[:13]) for form in waiting.forms] == [([], "cid was added")]
        assert [action.key for form in asked.forms for action in form.actions] == ["approve", "reject", "return"]
        assert Tool.DELEGATE in waiting.tools
        act(people, "cid", "-")
        again = showing.show(mine(people, "ada"), people["ada"])
        assert [(len(form.actions), form.error) for form in again.forms] == [(3, "")]

    def test_those_who_are_asked_already_are_left_out(self, people):
        execution = ask(approval("ada", "bob", order="sequential", addSigners=True))
        add_signers(mine(people, "ada").pk, ["bob", "cid"], by=people["ada"], order=1)
        ids = [people[name].pk for name in ("ada", "cid", "bob")]
        assert job(execution).meta["lines"] == [ids]

    @pytest.mark.parametrize(
        ("to", "order", "field"),
        [("bob", 1, "to"), ([], 1, "to"), ("nobody", -1, "to"), ("cid", 0, "order"), ("cid", 2, "order"),
         (["cid", "dan"], 1, "to")],
    )  # fmt: skip
    def test_what_is_refused(self, people, to, order, field):
        ask(approval("ada", "bob", addSigners=["cid", "eve"]))
        with pytest.raises(Invalid) as raised:
            add_signers(mine(people, "ada").pk, to, by=people["ada"], order=order)
        assert raised.value.field == field

    def test_is_for_nodes_that_allow_it(self, people):
        ask(approval("ada"))
        with pytest.raises(Forbidden):
            add_signers(mine(people, "ada").pk, "bob", by=people["ada"], order=1)


def test_each_act_is_in_the_history(people):
    ask(approval("ada"), approval("bob", allowReturn=True, delegate=True, addSigners=True))
    act(people, "ada", "+", reason="why not")
    drain()
    add_signers(mine(people, "bob").pk, "cid", by=people["bob"], order=1)
    delegate(mine(people, "bob").pk, "dan", by=people["bob"])
    act(people, "dan", "<", to="n1")
    entries = HistoryEntry.objects.filter(object_kind="task").order_by("id")
    assert [(each.action, each.actor_name) for each in entries] == [
        ("task.submit", "ada"), ("task.add_signers", "bob"), ("task.delegate", "bob"), ("task.return", "dan"),
    ]  # fmt: skip
    first, added, handed, _back = entries
    assert (first.reason, first.changes["status"]) == ("why not", ["pending", "resolved"])
    assert added.changes["people"] == [None, ["cid"]]
    assert handed.changes == {"user": ["bob", "dan"]}


def test_a_rerun_in_a_branch_keeps_what_was_decided(people):
    failing = ("calculation", {"engine": "math.js", "expression": "1 1"})
    execution = ask(approval("ada", branches={2: [failing]}, branchMode=True))
    act(people, "ada", "+")
    assert read(execution).status == -2
    again = operations.rerun(execution.pk, node_id=execution.jobs.get(node_key="n2").node_id)
    assert read(again).status == -2
    assert job(again).result["status"] == 2
    assert not tasks(again)


def test_two_answers_at_once_end_it_once(people):
    """One after the other under the run's lock: the second finds it decided."""
    execution = ask(approval("ada", "bob"), RESULT)
    act(people, "ada", "+")
    with pytest.raises(Refused):
        act(people, "bob", "+")
    assert read(execution).status == 1
    assert execution.jobs.count() == 2


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"_": "approve"}, 1),
        ({"data": {"amount": 3, "_comment": "fine"}, "_": "approve"}, 1),
        ({"data": {"_comment": "no"}, "_": "reject"}, -5),
        ({"_": "return"}, -5),
    ],
)
def test_it_is_answered_as_any_form_is(people, result, status):
    form = {"schema": [{"name": "amount", "type": "integer"}]}
    execution = ask(approval("ada", allowReturn=True, form=form), RESULT, context={"data": {"amount": 5}})
    task = of(people["ada"])
    scope = {"$jobsMapByNodeKey": {"n1": job(execution).result}}
    [shown] = approvals.APPROVAL.forms(task, _node(execution), scope, people["ada"])
    assert shown.fields is not None
    assert (list(shown.fields), shown.values) == (["amount", "_comment"], {"amount": 5})
    assert [each.key for each in shown.actions] == ["approve", "reject", "return"]
    approvals.submit(task.pk, result, by=people["ada"])
    assert read(execution).status == status
    said = job(execution).result["records"][0]["comment"]
    assert said == (result.get("data") or {}).get("_comment", "")


def test_what_does_not_fit_is_told_at_its_place_in_the_answer(people):
    ask(approval("ada", form={"schema": [{"name": "amount", "type": "integer"}]}), context={"data": {}})
    with pytest.raises(Invalid) as raised:
        approvals.submit(mine(people, "ada").pk, {"data": {"amount": "many"}, "_": "approve"}, by=people["ada"])
    assert list(raised.value.errors) == ["result.data.amount"]


@pytest.mark.parametrize("result", [None, {}, {"_": "resolve"}, {"data": 7, "_": "approve"}, []])
def test_an_answer_that_is_none_is_refused(people, result):
    ask(approval("ada"))
    with pytest.raises(Invalid) as raised:
        approvals.submit(mine(people, "ada").pk, result, by=people["ada"])
    assert raised.value.field == "result"


def _node(execution: Execution) -> Any:
    graph = graph_of(execution)
    assert graph is not None
    return graph.by_key["n1"]
