"""Rows of the host set off runs, from the save to the run's end, with everything in between real (spec 4.1, 3.7)."""

from decimal import Decimal

import pytest
from django.db import transaction

from config.shop.models import Customer, Order, Product
from executions.models import Execution, Job
from executions.testing import drain
from tests.building import build
from workflows import ambient, versions
from workflows.triggers import listening
from workflows.triggers.firing import RollbackOnFailure

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

OUTPUT = ("output", {"value": "{{$context.data}}"})
REFUSE = ("condition", {"engine": "math.js", "expression": "1 > 2", "rejectOnFalse": True})
HOUR = ("delay", {"unit": 3_600_000, "duration": 1})


def create(model, **values):
    return ("create", {"collection": model, "params": {"values": values}})


def on(collection, steps=(OUTPUT,), *, sync=False, options=None, **config):
    """An enabled workflow that listens to rows; this process knows it at once."""
    config = {"collection": collection, "mode": 1, **config}
    workflow = build(steps, type="collection", sync=sync, config=config, options=options or {})
    listening.refresh(force=True)
    return workflow


def outputs():
    """What the runs put out, in the order of their events, after all of them ran."""
    drain()
    assert set(Execution.objects.values_list("status", flat=True)) <= {1}
    return list(Execution.objects.order_by("pk").values_list("output", flat=True))


@pytest.mark.parametrize(("mode", "stocks"), [(1, [5]), (2, [4]), (3, [5, 4]), (4, [4])])
def test_a_mode_is_what_is_done_to_the_row(mode, stocks):
    on("shop.Product", mode=mode)
    row = Product.objects.create(name="Tea", price=1, stock=5)
    row.stock = 4
    row.save()
    pk = row.pk
    row.delete()
    assert [(output["id"], output["stock"]) for output in outputs()] == [(pk, stock) for stock in stocks]


def test_case_59_each_of_three_workflows_gets_its_run():
    workflows = [on("shop.Customer") for _ in range(3)]
    Customer.objects.create(name="Ann")
    assert [output["name"] for output in outputs()] == ["Ann"] * 3
    assert set(Execution.objects.values_list("workflow_id", flat=True)) == {each.pk for each in workflows}


def test_case_5_what_happens_while_it_is_off_is_lost():
    workflow = on("shop.Customer")
    Customer.objects.create(name="before")
    versions.disable(workflow)
    Customer.objects.create(name="off")
    versions.enable(workflow)
    Customer.objects.create(name="after")
    assert [output["name"] for output in outputs()] == ["before", "after"]


def test_a_new_version_takes_over_the_listening():
    first = on("shop.Customer")
    Customer.objects.create(name="first")
    second = versions.revise(first, enabled=True)
    Customer.objects.create(name="second")
    outputs()
    assert list(Execution.objects.order_by("pk").values_list("workflow_id", "version")) == [
        (first.pk, 1),
        (second.pk, 2),
    ]


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        pytest.param({"stock": 4}, True, id="changed"),
        pytest.param({"stock": "5"}, False, id="the-same-as-text"),
        pytest.param({"name": "Jam"}, False, id="another-field"),
        pytest.param({"price": Decimal("2.50")}, False, id="the-same-price"),
        pytest.param({"price": "2.51"}, True, id="another-price"),
    ],
)
def test_only_a_change_of_the_named_fields_counts(values, fires):
    row = Product.objects.create(name="Tea", price="2.5", stock=5)
    on("shop.Product", mode=3, changed=["stock", "price"])
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    assert len(outputs()) == fires
    # Of creations nothing is compared.
    Product.objects.create(name="Rice", price=1)
    assert len(outputs()) == fires + 1


def test_case_216_and_217_the_condition_is_asked_of_the_row_as_it_was_written_and_not_of_deleted_ones():
    on("shop.Customer", mode=3, condition={"$or": [{"tier": "gold"}, {"orders.total": {"$gt": 100}}]})
    on("shop.Customer", mode=4, condition={"tier": "gold"})
    ann = Customer.objects.create(name="Ann")
    Order.objects.create(customer=ann, total=200)
    Customer.objects.create(name="Bob").delete()
    ann.save()
    ann.tier = "gold"
    ann.save()
    assert [(output["name"], output["tier"]) for output in outputs()] == [
        ("Bob", "bronze"),
        ("Ann", "bronze"),
        ("Ann", "gold"),
    ]


def test_appends_bring_related_rows_along():
    on("shop.Order", appends=["customer"])
    order = Order.objects.create(customer=Customer.objects.create(name="Ann", tier="gold"), total=1)
    (output,) = outputs()
    assert (output["id"], output["customer"]["name"], output["customer"]["tier"]) == (order.pk, "Ann", "gold")


@pytest.mark.parametrize(("undo", "names"), [(False, ["Ann"]), (True, [])])
def test_an_async_run_is_there_with_the_commit_or_not_at_all(undo, names):
    on("shop.Customer")
    with transaction.atomic():
        Customer.objects.create(name="Ann")
        transaction.set_rollback(undo)
    assert [output["name"] for output in outputs()] == names


def test_writes_of_a_run_set_off_others_but_not_itself_again():
    first = on("shop.Customer", [create("shop.Customer", name="made by {{$context.data.name}}")])
    other = on("shop.Customer", options={"stackLimit": 2})
    Customer.objects.create(name="Ann")
    drain()
    stacks = {
        (run.workflow_id, run.context["data"]["name"]): [entry[1] for entry in run.stack]
        for run in Execution.objects.all()
    }
    assert stacks == {
        (first.pk, "Ann"): [],
        (other.pk, "Ann"): [],
        (other.pk, "made by Ann"): [first.pk],
    }


@pytest.mark.parametrize(("options", "times"), [({}, 1), ({"stackLimit": 3}, 3)])
def test_case_222_two_that_set_each_other_off_end_at_their_stack_limit(options, times):
    first = on("shop.Customer", [create("shop.Product", name="Tea", price=1)], options=options)
    second = on("shop.Product", [create("shop.Customer", name="Ben")], options=options)
    Customer.objects.create(name="Ann")
    drain()
    runs = Execution.objects.filter(status=1).values_list("workflow_id", flat=True)
    assert sorted(runs) == sorted([first.pk, second.pk] * times)


@pytest.mark.parametrize("sync", [False, True])
def test_silent_and_bulk_writes_set_off_nothing(sync):
    for mode in (3, 4):
        on("shop.Customer", sync=sync, mode=mode)
    with ambient.skip_workflows():
        Customer.objects.create(name="silent").delete()
    Customer.objects.bulk_create([Customer(name="bulk")])
    Customer.objects.update(city="Rome")
    Customer.objects.all().delete()
    assert not Execution.objects.exists()


class TestSync:
    """A sync workflow runs inside the save; its own rows outlive the save's rollback."""

    def test_its_run_has_ended_when_the_save_returns(self):
        on("shop.Customer", [create("shop.Product", name="{{$context.data.name}}", price=1)], sync=True)
        Customer.objects.create(name="Ann")
        assert Product.objects.get().name == "Ann"
        execution = Execution.objects.get()
        assert (execution.status, execution.agenda, execution.due_at) == (1, None, None)
        assert list(Job.objects.values_list("execution_id", "status")) == [(execution.pk, 1)]

    @pytest.mark.parametrize("rollback", [False, True])
    def test_without_a_failure_the_row_stays(self, rollback):
        on("shop.Customer", sync=True, rollbackOnFailure=rollback)
        Customer.objects.create(name="Ann")
        assert Customer.objects.get().name == Execution.objects.get().output["name"] == "Ann"

    def test_its_steps_see_the_row_and_what_they_write_goes_with_it(self):
        query = {"collection": "shop.Customer", "params": {"filter": {"name": "Ann"}}}
        steps = [
            create("shop.Product", name="Tea", price=1),
            ("query", query),
            ("output", {"value": "{{$jobsMapByNodeKey.n2.name}}"}),
        ]
        on("shop.Customer", steps, sync=True)
        with transaction.atomic():
            Customer.objects.create(name="Ann")
            on_sqlite = transaction.get_connection().vendor == "sqlite"
            assert Product.objects.exists() is not on_sqlite
            transaction.set_rollback(True)
        assert not Customer.objects.exists()
        assert not Product.objects.exists()
        # On SQLite, which has one writer, it would have run after the commit.
        assert list(Execution.objects.values_list("status", "output")) == ([] if on_sqlite else [(1, "Ann")])

    @pytest.mark.postgres
    @pytest.mark.mariadb
    @pytest.mark.parametrize(
        ("steps", "status"),
        [
            pytest.param([REFUSE], -1, id="failed"),
            pytest.param([("calculation", {"engine": "math.js", "expression": "nothing.there"})], -2, id="error"),
            pytest.param([create("shop.Product", name="Tea", price=1), REFUSE], -1, id="after-a-write"),
        ],
    )
    def test_case_223_rollback_on_failure_undoes_the_write_and_keeps_the_history(self, steps, status):
        on("shop.Customer", steps, sync=True, rollbackOnFailure=True)
        with pytest.raises(RollbackOnFailure) as raised:
            Customer.objects.create(name="Ann")
        assert (raised.value.status, raised.value.code) == (422, "WORKFLOW_ROLLBACK_ON_FAILURE")
        assert "administrator" in str(raised.value)
        assert not Customer.objects.exists()
        assert not Product.objects.exists()
        assert list(Execution.objects.values_list("status", flat=True)) == [status]
        assert Job.objects.count() == len(steps)

    @pytest.mark.postgres
    @pytest.mark.mariadb
    @pytest.mark.parametrize("mode", [2, 4])
    def test_changes_and_deletes_are_undone_too(self, mode):
        row = Customer.objects.create(name="Ann")
        on("shop.Customer", [REFUSE], sync=True, mode=mode, rollbackOnFailure=True)
        row.name = "Bob"
        with pytest.raises(RollbackOnFailure):
            row.save() if mode == 2 else row.delete()
        assert Customer.objects.get().name == "Ann"

    @pytest.mark.postgres
    @pytest.mark.mariadb
    def test_where_no_run_is_made_the_write_is_undone_too(self):
        """Refused below itself by the stack limit, the second write fails the step that made it, and so the first."""
        again = create("shop.Customer", name="again")
        on("shop.Customer", [again], sync=True, rollbackOnFailure=True)
        with pytest.raises(RollbackOnFailure):
            Customer.objects.create(name="Ann")
        assert not Customer.objects.exists()
        assert list(Execution.objects.values_list("status", flat=True)) == [-2]

    def test_case_223_a_failure_without_the_option_leaves_the_row(self):
        on("shop.Customer", [REFUSE], sync=True)
        Customer.objects.create(name="Ann")
        assert Customer.objects.get().name == "Ann"
        assert Execution.objects.get().status == -1

    def test_a_run_that_waits_goes_on_with_the_workers(self):
        on("shop.Customer", [HOUR, OUTPUT], sync=True, rollbackOnFailure=True)
        Customer.objects.create(name="Ann")
        execution = Execution.objects.get()
        assert (execution.status, execution.agenda) == (0, None)
        assert list(Job.objects.values_list("wait", "status")) == [("timer", 0)]
        assert execution.due_at == Job.objects.get().due_at
