"""Applications, from the form to the row (spec nocobase-engine 4.7)."""

import pytest
from django.db.models.functions import Now
from django.db.models.signals import post_save

from config.shop.models import Customer, Order, Product
from executions import operations
from executions.applications import reading, starting
from executions.models import Application, ApplicationStatus, Execution, Task
from executions.testing import drain
from tests.building import build
from tests.executions.applications.applying import (
    RESULT,
    apply,
    approval,
    decide,
    fresh,
    person,
    run_of,
    taking,
)
from workflows import versions
from workflows.errors import Forbidden, Invalid, NotFound, Refused
from workflows.models import HistoryEntry
from workflows.triggers import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

S = ApplicationStatus
#: It names what may be filled in, so that required columns of the model stay out of the way.
FORM = {"schema": ["name", "tier", "city"]}


@pytest.fixture
def ann():
    return person("ann", "shop.add_customer", "shop.change_customer", "shop.add_product")


@pytest.fixture(autouse=True)
def approvers():
    return {name: person(name) for name in ("bob", "cid")}


@pytest.mark.parametrize("timing", ["before", "after"])
def test_the_row_is_written_upon_approval_or_at_once(ann, timing):
    workflow = taking(approval("bob"), timing=timing, form=FORM)
    application = apply(workflow, {"name": "Tea & Co", "tier": "gold"}, ann)
    assert (application.status, application.round) == (S.SUBMITTED, 1)
    assert Customer.objects.filter(name="Tea & Co", tier="gold").exists() is (timing == "after")
    assert run_of(application).context["data"]["name"] == "Tea & Co"
    decide("bob", "+")
    application = fresh(application)
    row = Customer.objects.get(name="Tea & Co", tier="gold")
    assert (application.status, application.object_id) == (S.APPROVED, str(row.pk))
    assert run_of(application).status == 1
    assert application.decided_at is not None


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize(("act", "status"), [("-", S.REJECTED), ("<", S.RETURNED), ("cancel", S.FAILED)])
def test_without_approval_nothing_held_back_is_written(ann, timing, act, status):
    workflow = taking(approval("bob", allowReturn=True), timing=timing, form=FORM)
    application = apply(workflow, {"name": "Tea"}, ann)
    if act == "cancel":
        operations.cancel(application.execution_id)
    else:
        decide("bob", act, comment="no")
    assert fresh(application).status == status
    assert Customer.objects.count() == (timing == "after")


@pytest.mark.parametrize("timing", ["before", "after"])
def test_without_an_approval_node_it_is_approved_by_itself(ann, timing):
    application = apply(taking(RESULT, timing=timing, form=FORM), {"name": "Tea"}, ann)
    assert (application.status, Customer.objects.count()) == (S.APPROVED, 1)
    empty = apply(taking(timing=timing, form=FORM), {"name": "Rice"}, ann)
    assert (empty.status, Customer.objects.count()) == (S.APPROVED, 2)


def test_the_context(ann):
    application = apply(taking(approval("bob"), timing="before", form=FORM, appends=["orders"]), {"name": "Tea"}, ann)
    context = run_of(application).context
    assert context["approvalId"] == application.pk
    assert (context["user"]["username"], context["roleName"]) == ("ann", None)
    assert "password" not in context["user"]
    data = context["data"]
    assert (data["id"], data["name"], data["tier"], data["orders"]) == (None, "Tea", "bronze", [])
    assert run_of(application).created_by_id == ann.pk


@pytest.mark.parametrize("timing", ["before", "after"])
def test_appended_relations_of_a_row_that_is_not_there_yet(timing):
    cal = person("cal", "shop.add_order")
    customer = Customer.objects.create(name="Tea & Co")
    workflow = taking(approval("bob"), collection="shop.Order", timing=timing, appends=["customer", "lines"],
                      form={"schema": ["customer", "number"]})  # fmt: skip
    application = apply(workflow, {"customer": customer.pk, "number": 7}, cal)
    data = run_of(application).context["data"]
    assert (data["customer"]["name"], data["lines"], data["customer_id"]) == ("Tea & Co", [], customer.pk)
    decide("bob", "+")
    assert Order.objects.get().customer_id == customer.pk


@pytest.mark.parametrize("timing", ["before", "after"])
def test_an_application_to_change_a_row(ann, timing):
    row = Customer.objects.create(name="old", city="Rome")
    application = apply(taking(approval("bob"), timing=timing, form=FORM), {"name": "new"}, ann, object_id=row.pk)
    row.refresh_from_db()
    assert row.name == ("new" if timing == "after" else "old")
    assert run_of(application).context["data"]["city"] == "Rome"
    decide("bob", "+")
    row.refresh_from_db()
    assert (row.name, row.city, fresh(application).status) == ("new", "Rome", S.APPROVED)
    assert Customer.objects.count() == 1


def test_what_approvers_change_is_written_with_the_row(ann):
    form = {"schema": ["name", "tier"]}
    workflow = taking(
        approval("bob", form={"schema": ["tier", "name", "remark"]}), approval("cid"), timing="before", form=form
    )
    application = apply(workflow, {"name": "Tea", "tier": "gold"}, ann)
    decide("bob", "+", data={"tier": "silver", "remark": "not that good"})
    decide("cid", "+")
    assert Customer.objects.values_list("name", "tier").get() == ("Tea", "silver")
    assert fresh(application).data == {"name": "Tea", "tier": "silver"}


def test_what_approvers_change_of_a_row_that_is_there_is_written_at_once(ann):
    update = {"type": "update", "collection": "shop.Customer", "filter": {"id": "{{$context.data.id}}"},
              "schema": ["tier"]}  # fmt: skip
    apply(taking(approval("bob", "cid", agreement="countersign", form=update), form=FORM), {"name": "Tea"}, ann)
    decide("bob", "+", data={"tier": "gold"})
    assert Customer.objects.get().tier == "gold"


def test_a_row_that_can_not_be_written_is_not_approved(ann):
    Product.objects.create(name="a", price=1, number=7)
    workflow = taking(approval("bob"), collection="shop.Product", timing="before",
                      form={"schema": ["name", "price", "number"]})  # fmt: skip
    with pytest.raises(Invalid) as caught:
        apply(workflow, {"name": "b", "price": "1", "number": 7}, ann)
    assert caught.value.field == "data.number"
    application = apply(workflow, {"name": "b", "price": "1", "number": 8}, ann)
    Product.objects.create(name="c", price=1, number=8)
    with pytest.raises(Invalid):
        decide("bob", "+")
    # Nothing of the answer stands; they may reject it.
    assert (fresh(application).status, Task.objects.get().status) == (S.SUBMITTED, 0)
    decide("bob", "-")
    assert (fresh(application).status, Product.objects.count()) == (S.REJECTED, 2)


def test_a_row_that_a_worker_can_not_write_fails_the_run(ann):
    workflow = taking(approval("bob"), RESULT, collection="shop.Product", timing="before",
                      form={"schema": ["name", "price", "number"]})  # fmt: skip
    application = apply(workflow, {"name": "b", "price": "1", "number": 8}, ann)
    Product.objects.create(name="c", price=1, number=8)
    decide("bob", "+")
    application = fresh(application)
    assert (application.status, run_of(application).status) == (S.FAILED, -2)
    assert "number" in application.error.lower()
    Product.objects.all().delete()
    starting.change(application.pk, by=ann, submit=True)
    drain()
    decide("bob", "+")
    assert (fresh(application).status, Product.objects.get().number) == (S.APPROVED, 8)


def test_the_row_is_written_once_and_sets_other_workflows_off(ann):
    listening_one = build([RESULT], type="collection", config={"collection": "shop.Customer", "mode": 1})
    listening.refresh(force=True)
    workflow = taking(approval("bob"), RESULT, timing="before", form=FORM)
    application = apply(workflow, {"name": "Tea"}, ann)
    decide("bob", "+")
    drain()
    assert Customer.objects.count() == 1
    [other] = Execution.objects.filter(workflow=listening_one)
    assert [entry[0] for entry in other.stack] == [application.execution_id]
    assert other.created_by_id == ann.pk


class TestDrafts:
    def test_a_draft_may_lack_what_is_required_and_starts_nothing(self, ann):
        workflow = taking(approval("bob"), form=FORM)
        application = apply(workflow, {"tier": "gold"}, ann, submit=False)
        assert (application.status, application.execution_id, application.data) == (S.DRAFT, None, {"tier": "gold"})
        with pytest.raises(Invalid) as caught:
            starting.change(application.pk, by=ann, submit=True)
        assert caught.value.field == "data.name"
        starting.change(application.pk, {"name": "Tea"}, by=ann)
        assert (fresh(application).data, Execution.objects.count()) == ({"name": "Tea"}, 0)
        starting.change(application.pk, by=ann, submit=True)
        assert (fresh(application).status, Customer.objects.get().name) == (S.SUBMITTED, "Tea")

    def test_a_workflow_may_take_no_drafts(self, ann):
        with pytest.raises(Refused):
            apply(taking(approval("bob"), form={**FORM, "draft": False}), {"name": "Tea"}, ann, submit=False)
        assert not Application.objects.exists()

    @pytest.mark.parametrize("timing", ["before", "after"])
    def test_what_was_returned_is_submitted_again_to_the_version_of_now(self, ann, timing):
        workflow = taking(approval("bob", allowReturn=True), timing=timing, form=FORM)
        application = apply(workflow, {"name": "Tea"}, ann)
        decide("bob", "<", comment="which one?")
        second = versions.revise(workflow, enabled=True)
        first_run = fresh(application).execution_id
        starting.change(application.pk, {"name": "Green tea"}, by=ann, submit=True)
        drain()
        application = fresh(application)
        assert (application.status, application.round, application.workflow_id) == (S.SUBMITTED, 2, second.pk)
        assert application.execution_id != first_run
        decide("bob", "+")
        assert (fresh(application).status, Customer.objects.get().name) == (S.APPROVED, "Green tea")

    @pytest.mark.parametrize("status", [S.SUBMITTED, S.IN_PROGRESS, S.APPROVED, S.REJECTED])
    def test_from_any_other_status_it_can_not_be_changed(self, ann, status):
        application = apply(taking(approval("bob"), form=FORM), {"name": "Tea"}, ann)
        Application.objects.update(status=status)
        with pytest.raises(Refused):
            starting.change(application.pk, {"name": "Rice"}, by=ann)


class TestWithdrawing:
    def test_until_the_first_decision(self, ann):
        application = apply(taking(approval("bob"), form=FORM), {"name": "Tea"}, ann)
        starting.withdraw(application.pk, by=ann, reason="a mistake")
        drain()
        assert fresh(application).status == S.WITHDRAWN
        assert (run_of(application).status, run_of(application).reason) == (-3, "manual_cancel")
        assert Task.objects.get().status == -3
        done = HistoryEntry.objects.filter(object_kind="application").values_list("action", "reason")
        assert sorted(done) == [("application.submit", None), ("application.withdraw", "a mistake")]
        starting.change(application.pk, by=ann, submit=True)
        drain()
        decide("bob", "+")
        assert fresh(application).status == S.APPROVED

    def test_not_after_it(self, ann):
        application = apply(taking(approval("bob", "cid", agreement="countersign"), form=FORM), {"name": "Tea"}, ann)
        decide("bob", "+")
        assert fresh(application).status == S.IN_PROGRESS
        with pytest.raises(Refused):
            starting.withdraw(application.pk, by=ann)
        decide("cid", "+")
        assert fresh(application).status == S.APPROVED

    def test_only_where_the_workflow_allows_it(self, ann):
        application = apply(taking(approval("bob"), form={**FORM, "withdraw": False}), {"name": "Tea"}, ann)
        with pytest.raises(Refused):
            starting.withdraw(application.pk, by=ann)
        draft = apply(taking(approval("bob"), form=FORM), {"name": "Tea"}, ann, submit=False)
        with pytest.raises(Refused):
            starting.withdraw(draft.pk, by=ann)


class TestPermissions:
    def test_its_initiator_may_write_such_a_row(self):
        workflow = taking(approval("bob"), form=FORM)
        for who, object_id in ((person("dan"), None), (person("eve", "shop.add_customer"), 1)):
            with pytest.raises(Forbidden):
                apply(workflow, {"name": "Tea"}, who, object_id=object_id)
        assert not Application.objects.exists()

    @pytest.mark.parametrize(
        ("initiators", "may"),
        [
            ("all", True),
            (None, True),
            (["ann"], True),
            (["bob"], False),
            ([{"filter": {"groups.name": "clerks"}}], True),
            ([{"filter": {"groups.name": "others"}}], False),
            ([], False),
        ],
    )
    def test_who_may_start_it(self, ann, initiators, may):
        from django.contrib.auth.models import Group

        ann.groups.add(Group.objects.create(name="clerks"))
        workflow = taking(approval("bob"), form=FORM, initiators=initiators)
        assert [each.pk for each in reading.startable(ann)] == [workflow.pk] * may
        if may:
            apply(workflow, {"name": "Tea"}, ann)
        else:
            with pytest.raises(Forbidden):
                apply(workflow, {"name": "Tea"}, ann)

    def test_what_is_offered(self, ann, approvers):
        offered = taking(form=FORM)
        taking(form=FORM, place="data")
        taking(form=FORM, enabled=False)
        taking(collection="shop.Order")
        assert [each.pk for each in reading.startable(ann)] == [offered.pk]
        assert reading.startable(approvers["bob"]) == []

    def test_others_may_not_touch_it(self, ann, approvers):
        application = apply(taking(approval("bob", allowReturn=True), form=FORM), {"name": "Tea"}, ann)
        for act in (starting.change, starting.withdraw):
            with pytest.raises(Forbidden):
                act(application.pk, by=approvers["bob"])

    def test_who_sees_it(self, ann, approvers):
        apply(taking(approval("bob"), form=FORM), {"name": "Tea"}, ann)
        viewer = person("val", "executions.view_application")
        seen = {who.username: reading.readable(who).count() for who in (ann, approvers["bob"], viewer)}
        assert seen == {"ann": 1, "bob": 0, "val": 1}


@pytest.mark.parametrize(
    ("data", "object_id", "field"),
    [
        (None, None, "data"),
        ([], None, "data"),
        ({}, None, "data.name"),
        ({"name": ""}, None, "data.name"),
        ({"name": "x" * 5_000}, None, "data.name"),
        ({"name": "a\x00b"}, None, "data.name"),
        ({"name": "x", "tier": "lead"}, None, "data.tier"),
        ({"name": "x", "id": 7}, None, "data.id"),
        ({"name": "x", "nope": 7}, None, "data.nope"),
        ({"name": "x"}, 10**30, "object_id"),
        ({"name": "x"}, "x", "object_id"),
        ({"name": "x"}, {"a": 1}, "object_id"),
        ({"name": "x"}, 4711, "object_id"),
    ],
)
@pytest.mark.parametrize("timing", ["before", "after"])
def test_bad_input_is_refused_and_leaves_nothing(ann, timing, data, object_id, field):
    workflow = taking(approval("bob"), timing=timing, form=FORM)
    with pytest.raises(Invalid) as caught:
        starting.create(workflow.key, data, by=ann, object_id=object_id)
    assert field in caught.value.errors
    assert [model.objects.count() for model in (Application, Execution, Customer)] == [0, 0, 0]


@pytest.mark.parametrize(("key", "error"), [("nope", NotFound), (7, NotFound), (None, NotFound), ({}, NotFound)])
def test_a_workflow_that_there_is_not(ann, key, error):
    with pytest.raises(error):
        starting.create(key, {}, by=ann)


def test_a_workflow_that_is_disabled_or_of_another_kind(ann):
    with pytest.raises(Refused):
        starting.create(taking(form=FORM, enabled=False).key, {"name": "x"}, by=ann)
    with pytest.raises(NotFound):
        starting.create(build([], type="manual").key, {"name": "x"}, by=ann)


def test_a_row_that_can_not_be_written_when_a_child_ends_fails_the_run(ann):
    """The worker that tells the parent of its child meets the refusal, not a segment of the parent's own."""
    build([RESULT], name="asked")
    workflow = taking(("subflow", {"workflow": "asked", "values": {}}), collection="shop.Product", timing="before",
                      form={"schema": ["name", "price", "number"]})  # fmt: skip
    application = starting.create(workflow.key, {"name": "b", "price": "1", "number": 8}, by=ann)
    Product.objects.create(name="c", price=1, number=8)
    drain()
    application, run = fresh(application), run_of(application)
    assert (application.status, run.status, run.reason) == (S.FAILED, -2, "write_failed")
    assert "number" in application.error.lower()
    child = Execution.objects.get(parent_execution=run)
    Execution.objects.filter(pk=child.pk).update(due_at=Now())
    drain()
    child.refresh_from_db()
    assert (child.status, child.agenda, child.due_at) == (1, None, None)


@pytest.mark.parametrize("application_id", [0, -1, True, None, "1", 2**63, 4711])
@pytest.mark.parametrize("act", [starting.change, starting.withdraw])
def test_an_application_that_there_is_not(ann, act, application_id):
    with pytest.raises(NotFound):
        act(application_id, by=ann)


def test_a_rerun_of_a_failed_run_is_still_its_application(ann):
    workflow = taking(approval("bob"), ("condition", {"engine": "math.js", "expression": "1 > 2",
                                                      "rejectOnFalse": True}), timing="before", form=FORM)  # fmt: skip
    application = apply(workflow, {"name": "Tea"}, ann)
    decide("bob", "+")
    assert fresh(application).status == S.FAILED
    again = operations.rerun(application.execution_id)
    drain()
    decide("bob", "-")
    assert (fresh(application).status, fresh(application).execution_id) == (S.REJECTED, again.pk)


def test_a_queued_run_that_is_deleted(ann):
    workflow = taking(approval("bob"), form=FORM)
    application = starting.create(workflow.key, {"name": "Tea"}, by=ann)
    operations.delete([application.execution_id])
    drain()
    assert fresh(application).status == S.FAILED


def test_records_say_who_decided_what(ann, approvers):
    application = apply(taking(approval("bob", "cid", agreement="countersign"), form=FORM), {"name": "Tea"}, ann)
    decide("bob", "+", comment="fine")
    said = reading.records(fresh(application), by=ann)
    assert [(each["user"], each["status"], each["comment"]) for each in said] == [("bob", 2, "fine"), ("cid", 0, "")]


@pytest.mark.parametrize(("record", "name"), [("snapshot", "Tea"), ("latest", "Rice")])
def test_the_row_as_it_was_or_as_it_is(ann, record, name):
    application = apply(taking(approval("bob"), form=FORM, record=record), {"name": "Tea"}, ann)
    Customer.objects.update(name="Rice")
    assert reading.shown(application, by=ann)["name"] == name
    Customer.objects.all().delete()
    assert reading.shown(application, by=ann)["name"] == "Tea"


def test_a_cancel_when_its_workflow_is_gone(ann):
    workflow = taking(approval("bob"), form=FORM)
    application = apply(workflow, {"name": "Tea"}, ann)
    versions.delete([workflow])
    operations.cancel(application.execution_id)
    assert fresh(application).status == S.FAILED
    assert reading.shown(fresh(application), by=ann)["name"] == "Tea"
    with pytest.raises(NotFound):
        starting.change(application.pk, by=ann, submit=True)


def test_whatever_the_hosts_own_code_raises_is_told_to_who_approves(ann):
    def refuse(**_):
        raise ValueError("not on Sundays")

    application = apply(taking(approval("bob"), timing="before", form=FORM), {"name": "Tea"}, ann)
    post_save.connect(refuse, sender=Customer)
    try:
        with pytest.raises(Refused, match="not on Sundays"):
            decide("bob", "+")
    finally:
        post_save.disconnect(refuse, sender=Customer)
    assert (fresh(application).status, Customer.objects.count()) == (S.SUBMITTED, 0)
    decide("bob", "+")
    assert (fresh(application).status, Customer.objects.count()) == (S.APPROVED, 1)
