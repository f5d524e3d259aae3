"""Which workflow is called, with what, and what of it is refused when the node is saved."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from config.shop.models import Customer
from executions import start
from executions.models import Execution
from executions.testing import drain, simulate
from tests.building import build
from workflows import ambient
from workflows.editing import add_node
from workflows.errors import Invalid, SluiceError
from workflows.instructions.subflow import Subflow, current
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

INPUTS = {"fields": [{"name": "n", "type": "number", "required": True}, {"name": "note", "type": "text"}]}
ECHO = ("output", {"value": "{{$context.n}}"})


def save(config: Any, by: Any = None, **columns: Any) -> None:
    add_node(build([], **columns), type="subflow", config=config, by=by)


def only_hr(user: Any) -> Any:
    from django.db.models import Q

    return Q(title__startswith="HR")


@pytest.mark.parametrize("by", ["name", "key", "id", "id of an old version"])
def test_names_keys_and_ids_mean_the_current_version(by: str) -> None:
    old = build([], name=None, current=None, enabled=False, key="same", version=1)
    now = build([ECHO], name="called", key="same", version=2)
    given = {"name": "called", "key": "same", "id": now.pk, "id of an old version": old.pk}
    config = Subflow().parse({"workflow": given[by]})
    assert current(config.workflow) == now


def test_a_name_goes_before_a_key() -> None:
    build([], key="called")
    named = build([], name="called", key="other")
    assert current("called") == named


@pytest.mark.parametrize("reference", ["nobody", "", "0", "9" * 18, "9" * 30, "-3", "a\x00b", "٣"])
def test_nobody_is_called(reference: str) -> None:
    with pytest.raises(SluiceError, match="There is no workflow"):
        current(reference)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "config.workflow"),
        ({"workflow": ""}, "config.workflow"),
        ({"workflow": None}, "config.workflow"),
        ({"workflow": 1.5}, "config.workflow"),
        ({"workflow": True}, "config.workflow"),
        ({"workflow": ["called"]}, "config.workflow"),
        ({"workflow": "nobody"}, "config.workflow"),
        ({"workflow": "called", "value": {"n": 1}}, "config.value"),
        ({"workflow": "called"}, "config.values"),
        ({"workflow": "called", "values": [1]}, "config.values"),
        ({"workflow": "called", "values": {}}, "config.values.n"),
        ({"workflow": "called", "values": {"n": "seven"}}, "config.values.n"),
        ({"workflow": "called", "values": {"n": "{{$context.n}}", "note": 7}}, "config.values.note"),
        ({"workflow": "called", "values": {"n": "{{$nobody.n}}"}}, "config.values.n"),
        ({"workflow": "rows", "values": {}}, "config.values.data"),
        ({"workflow": "rows", "values": {"data": "no key"}}, "config.values.data"),
    ],
)
def test_what_can_not_be_meant_is_refused_when_it_is_saved(config: Any, path: str) -> None:
    build([], name="called", config=INPUTS)
    build([], name="rows", type="collection", config={"collection": "shop.Customer", "mode": 1})
    with pytest.raises(SluiceError) as raised:
        save(config)
    assert path in (getattr(raised.value, "errors", None) or {raised.value.field: ""})


@pytest.mark.parametrize(
    "config",
    [
        {"workflow": "called", "values": {"n": 1}},
        {"workflow": "called", "values": {"n": "{{$context.n}}", "more": 1}},
        {"workflow": "called", "values": "{{$context}}"},
        {"workflow": "rows", "values": {"data": "{{$context.data.id}}"}},
        {"workflow": "rows", "values": {"data": 5}},
    ],
)
def test_what_may_be_meant_is_saved(config: Any) -> None:
    build([], name="called", config=INPUTS)
    build([], name="rows", type="collection", config={"collection": "shop.Customer", "mode": 1})
    save(config)


@pytest.mark.parametrize(("calling", "called", "fits"), [(True, False, False), (True, True, True), (False, True, True)])
def test_a_synchronous_workflow_calls_synchronous_ones(calling: bool, called: bool, fits: bool) -> None:
    build([], name="called", sync=called)
    if fits:
        save({"workflow": "called"}, sync=calling)
        return
    with pytest.raises(Invalid) as raised:
        save({"workflow": "called"}, sync=calling)
    assert list(raised.value.errors) == ["config.workflow"]


def test_whoever_saves_it_may_run_workflows() -> None:
    build([], name="called")
    user = User.objects.create(username="eve")
    with pytest.raises(Invalid, match="workflows.execute_workflow"):
        save({"workflow": "called"}, by=user)
    user.user_permissions.add(Permission.objects.get(codename="execute_workflow"))
    save({"workflow": "called"}, by=User.objects.get(pk=user.pk))


def test_a_workflow_that_is_hidden_can_not_be_called(settings: Any) -> None:
    settings.SLUICE = {"VISIBLE": f"{__name__}.only_hr"}
    build([], name="called", title="Finance")
    with ambient.acting(User.objects.create(username="eve")), pytest.raises(SluiceError, match="There is no workflow"):
        save({"workflow": "called"}, title="HR")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("context", "status", "errors"),
    [
        ({"n": 7}, 1, None),
        ({"n": "seven", "note": 3}, -2, {"values.n", "values.note"}),
        ({}, -2, {"values.n"}),
    ],
)
def test_values_are_checked_as_for_a_run_by_hand(context: Any, status: int, errors: Any) -> None:
    build([ECHO], name="called", config=INPUTS)
    called = {"workflow": "called", "values": {"n": "{{$context.n}}", "note": "{{$context.note}}"}}
    execution = start(build([("subflow", called)]), context)
    drain()
    assert execution is not None
    execution.refresh_from_db()
    assert execution.status == status
    job = execution.jobs.get()
    assert job.input == {"workflow": "called", "values": {"n": context.get("n"), "note": context.get("note")}}
    assert (set(job.result["errors"]) if errors else None) == errors
    assert Execution.objects.count() == (1 if errors else 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "status"), [("Ada", 1), ("Eve", -1)])
def test_a_row_is_handed_over_by_its_key_if_it_meets_the_condition(name: str, status: int) -> None:
    config = {"collection": "shop.Customer", "mode": 1, "condition": {"name": "Ada"}}
    build([("output", {"value": "{{$context.data.name}}"})], name="rows", type="collection", config=config,
          enabled=False)  # fmt: skip
    row = Customer.objects.create(name=name)
    execution = start(build([("subflow", {"workflow": "rows", "values": {"data": row.pk}})]), {})
    drain()
    assert execution is not None
    execution.refresh_from_db()
    assert execution.status == status, execution.error
    result = execution.jobs.get().result
    assert result == ("Ada" if status == 1 else {"message": execution.error})


@pytest.mark.django_db(transaction=True)
def test_a_workflow_that_is_gone_is_an_error() -> None:
    execution = start(build([("subflow", {"workflow": "nobody"})]), {})
    drain()
    assert execution is not None
    execution.refresh_from_db()
    assert execution.status == -2
    assert execution.error is not None
    assert "'nobody'" in execution.error


def test_a_simulation_asks_what_it_answers() -> None:
    workflow: Workflow = build([("subflow", {"workflow": "called", "values": {"n": 1}})])
    simulation = simulate(workflow, {}, complete={"n1": 5})
    assert simulation.result("n1") == 5
    assert simulation.jobs[0].input == {"workflow": "called", "values": {"n": 1}}
