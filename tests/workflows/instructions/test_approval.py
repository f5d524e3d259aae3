"""What of an approval's configuration is refused, told and declared; what people do is tested with the inbox."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.testing import simulate
from tests.building import build
from workflows.editing import add_node, change_node
from workflows.errors import Invalid
from workflows.instructions.approval import Approval

pytestmark = pytest.mark.django_db

ROW = {"type": "update", "collection": "shop.Customer", "filter": {"id": 1}}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"agreement": "most"}, "agreement"),
        ({"ratio": 1}, "ratio"),
        ({"ratio": -0.1}, "ratio"),
        ({"order": "random"}, "order"),
        ({"onEmpty": "ignore"}, "onEmpty"),
        ({"approvers": ["ada"]}, "approvers"),
        ({"assignees": [True]}, "assignees.0"),
        ({"assignees": {"filter": {"nowhere": 1}}}, "assignees.filter.nowhere"),
        ({"delegate": [1.5]}, "delegate.0"),
        ({"addSigners": {"filter": {"nowhere": 1}}}, "addSigners.filter.nowhere"),
        ({"title": "{{$nobody.id}}"}, "title"),
        ({"form": {"type": "create", "collection": "shop.Customer"}}, "form.type"),
        ({"form": {"actions": [{"key": "yes"}]}}, "form.actions"),
        ({"form": {"schema": [{"name": "a", "type": "nothing"}]}}, "form.schema.0.type"),
        ({"form": {**ROW, "schema": ["nowhere"]}}, "form.schema.0"),
        ({"form": {**ROW, "filter": {}}}, "form.filter"),
        ({"form": {**ROW, "collection": "shop.Nobody"}}, "form"),
    ],
)
def test_what_can_not_be_meant_is_refused_at_its_place(config: Any, path: str) -> None:
    with pytest.raises(Invalid) as raised:
        add_node(build([]), type="approval", config=config)
    assert any(found.startswith(f"config.{path}") for found in raised.value.errors), raised.value.errors


@pytest.mark.parametrize("config", [{}, {"ratio": 0, "assignees": None, "form": None}, {"delegate": True}])
def test_what_is_left_out_has_a_default(config: Any) -> None:
    add_node(build([]), type="approval", config=config)


def test_what_may_be_a_mistake_is_told() -> None:
    config = Approval().parse({"form": {**ROW, "filter": {"id": "{{$nobody.id}}"}}})
    assert [path for path, _sentence in Approval().remarks(config)] == ["assignees", "form.filter.id"]


def test_who_saves_it_may_change_the_row_that_it_writes() -> None:
    with pytest.raises(Invalid, match=r"shop\.change_customer"):
        add_node(build([]), type="approval", config={"form": ROW}, by=User.objects.create(username="eve"))


def test_its_branches_are_there_while_it_has_them() -> None:
    node = add_node(build([]), type="approval", config={"branchMode": True})
    for index in (2, 1, 0):
        add_node(node.workflow, type="output", upstream=node, branch_index=index)
    with pytest.raises(Invalid):
        add_node(node.workflow, type="output", upstream=node, branch_index=3)
    with pytest.raises(Invalid):
        change_node(node, config={"branchMode": False})


def test_a_simulation_answers_it() -> None:
    workflow = build([("approval", {"onEmpty": "pass"}), ("output", {"value": "{{$jobsMapByNodeKey.n1.status}}"})])
    assert simulate(workflow, {}).output == 2
