"""What may be saved of a workflow that runs of others set off, and what it takes by hand."""

import pytest
from django.db.models import Q

from executions.dispatcher import run_now
from executions.models import Execution
from tests.building import build
from tests.executions.rows import run
from tests.people import boss, person
from workflows import ambient, versions
from workflows.errors import Invalid
from workflows.triggers import get_trigger

pytestmark = pytest.mark.django_db


def save(config):
    return versions.create_workflow(type="execution", title="w", config=config)


@pytest.mark.parametrize(
    ("config", "path", "sentence"),
    [
        ({"mode": "sometimes"}, "config.mode", "ended"),
        ({"mode": "longer"}, "config.seconds", "Say after how many seconds"),
        ({"mode": "longer", "seconds": 0}, "config.seconds", "greater than or equal to 1"),
        ({"mode": "longer", "seconds": 10**9}, "config.seconds", "less than or equal to"),
        ({"statuses": [0]}, "config.statuses.0", "No execution ends with status 0"),
        ({"statuses": [1, 7]}, "config.statuses.1", "No execution ends with status 7"),
        ({"workflows": ["nobody"]}, "config.workflows.0", "no workflow with the key 'nobody'"),
        ({"workflows": ["a\x00b"]}, "config.workflows.0", "NUL"),
        ({"workflows": "all"}, "config.workflows", "list"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(config, path, sentence):
    with pytest.raises(Invalid, match=sentence) as refused:
        save(config)
    assert path in refused.value.errors


def test_its_own_key_is_refused():
    workflow = save({})
    with pytest.raises(Invalid, match="own executions never set it off"):
        versions.change_workflow(workflow, config={"workflows": [workflow.key]})


def test_null_is_all():
    config = get_trigger("execution").parse({"workflows": None, "statuses": None})
    assert (config.mode, config.workflows, config.statuses) == ("ended", [], [])


def test_by_hand_it_takes_an_execution():
    source = run(build([], title="Source"), status=-1, error="It broke.")
    execution = run_now(build([], type="execution"), {"execution": str(source.pk)})
    assert Execution.objects.get(pk=execution.pk).context["execution"]["title"] == "Source"
    assert execution.context["error"] == "It broke."


def test_by_hand_an_execution_of_another_workflow_than_the_chosen_ones_begins_nothing():
    chosen = build([])
    assert run_now(build([], type="execution", config={"workflows": [chosen.key]}), {"execution": run().pk}) is None


@pytest.mark.parametrize(
    "values",
    [None, {}, {"execution": None}, {"execution": "x"}, {"execution": True}, {"execution": 2**63}, {"execution": 5}],
)
def test_what_is_no_execution_is_refused(values):
    with pytest.raises(Invalid) as refused:
        run_now(build([], type="execution"), values)
    assert refused.value.field == "execution"


def only_sales(user):
    return Q(title__startswith="Sales")


def test_of_hidden_workflows_nobody_is_told(settings):
    """Neither by naming them, nor by naming none, nor by running it by hand for an execution of theirs."""
    settings.SLUICE = {"VISIBLE": f"{__name__}.only_sales"}
    seen, hidden = build([], title="Sales", key="sales"), build([], title="Payroll", key="payroll")
    watching = build([], type="execution", title="Sales fail")
    with ambient.acting(person()):
        save({"workflows": [seen.key]})
        with pytest.raises(Invalid, match="no workflow with the key 'payroll'"):
            save({"workflows": [seen.key, hidden.key]})
        with pytest.raises(Invalid, match="hidden from you"):
            save({"mode": "longer", "seconds": 5})
        with pytest.raises(Invalid, match="There is no execution"):
            run_now(watching, {"execution": run(hidden, output="secret").pk})
        assert run_now(watching, {"execution": run(seen).pk}).context["execution"]["key"] == "sales"
    with ambient.acting(boss()):
        save({"workflows": [hidden.key]})
        assert run_now(watching, {"execution": run(hidden).pk})
