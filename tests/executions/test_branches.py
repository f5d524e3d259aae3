"""Which branch a node takes, by the numbers of its branches, and where they join again (spec 2.5, 1.3)."""

import pytest

from executions.testing import simulate
from tests.building import build
from workflows.models import Node

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def asks(*truths):
    """Configurations that hold or don't."""
    return [{"calculation": {"calculator": "equal", "operands": [1, 1 if truth else 2]}} for truth in truths]


def named(name):
    return [("output", {"value": name})]


def multi(*truths):
    return "multi-conditions", {"conditions": asks(*truths), "continueOnNoMatch": True}


def one(truth):
    return "condition", asks(truth)[0]


@pytest.mark.parametrize(
    ("node", "branches", "taken"),
    [
        pytest.param(one(True), (0, 1), [1], id="condition-true"),
        pytest.param(one(False), (0, 1), [0], id="condition-false"),
        pytest.param(one(True), (0,), [], id="condition-without-that-branch"),
        pytest.param(multi(True, True), (0, 1, 2), [1], id="first-case"),
        pytest.param(multi(False, True), (0, 1, 2), [2], id="second-case"),
        pytest.param(multi(False, False), (0, 1, 2), [0], id="otherwise"),
        pytest.param(multi(False, False), (1, 2), [], id="no-otherwise"),
        pytest.param(("loop", {"target": 2}), (4, 2, 3), [2, 2], id="loop-takes-the-lowest"),
        pytest.param(("parallel", {"mode": "all"}), (7, 0, -2, 3), [-2, 0, 3, 7], id="parallel-in-ascending-order"),
    ],
)
def test_a_branch_is_taken_by_its_number_and_joins_the_line(node, branches, taken):
    kind, config = node
    workflow = build([(kind, config, {index: named(index) for index in branches}), *named("after")])
    simulation = simulate(workflow)
    titles = dict(Node.objects.filter(workflow=workflow).values_list("key", "config__value"))
    steps = [titles[job.node_key] for job in simulation.jobs if titles[job.node_key] is not None]
    assert steps == [*taken, "after"]
    assert (simulation.status, simulation.output) == (1, "after")
