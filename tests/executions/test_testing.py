"""What host projects test with: simulations, and drains of their own rows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from config.shop.models import Customer
from executions import start
from executions.models import Execution, Job
from executions.testing import Outcome, Unanswered, drain, simulate
from tests.building import build
from tests.executions.walking import FAIL, PASS, WAIT, condition, delay, loop, retried
from tests.faults import kinds
from workflows.errors import Invalid
from workflows.models import Node

pytestmark = [pytest.mark.once, pytest.mark.django_db]

CREATE = ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$context.name}}"}}})
CALL = ("request", {"url": "https://example.com/{{$context.name}}", "method": "GET"})
OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})


@pytest.fixture(autouse=True)
def acts() -> Iterator[dict[str, kinds.Act]]:
    with kinds.known() as known:
        yield known


@pytest.mark.parametrize("step", [CREATE, CALL, ("t-write", {"act": "create"}), ("t-call", {"act": "give"}), WAIT])
def test_steps_that_touch_the_world_are_answered(step):
    simulation = simulate(build([step, OUTPUT]), {"name": "Ada"}, complete={"n1": {"id": 7}})
    assert (simulation.status, simulation.output, simulation.error) == (1, {"id": 7}, None)
    assert [(job.node_key, job.status) for job in simulation.jobs] == [("n1", 1), ("n2", 1)]


def test_nothing_is_written():
    workflow = build([CREATE, OUTPUT])
    simulate(workflow, {"name": "Ada"}, complete={"n1": None})
    assert (Execution.objects.count(), Job.objects.count(), Customer.objects.count()) == (0, 0, 0)
    workflow.refresh_from_db()
    assert workflow.frozen_at is None


@pytest.mark.parametrize("step", [CREATE, CALL])
def test_a_step_without_an_answer_is_named(step):
    workflow = build([PASS, step])
    Node.objects.filter(key="n2").update(title="Ask them")
    with pytest.raises(Unanswered, match="n2 .*Ask them") as raised:
        simulate(workflow, {"name": "Ada"})
    assert raised.value.field == "complete.n2"


def test_a_step_that_is_not_reached_needs_no_answer():
    assert simulate(build([condition(False, {1: [CREATE]}), PASS])).status == 1


def test_an_answer_to_nobody_is_refused():
    with pytest.raises(Invalid, match="'n9'") as raised:
        simulate(build([PASS]), complete={"n9": 1})
    assert raised.value.field == "complete.n9"


def test_the_input_is_rendered_as_before():
    [job] = simulate(build([CALL]), {"name": "ada"}, complete={"n1": {}}).jobs
    assert job.input["url"] == "https://example.com/ada"


def test_an_answer_may_be_a_function_of_the_step():
    workflow = build([loop(3, [("t-call", {"act": "give", "value": "{{$scopes.n1.index}}"})])])
    simulation = simulate(workflow, complete={"n2": lambda step: kinds.value(step) * 10})
    assert [job.result for job in simulation.jobs if job.node_key == "n2"] == [0, 10, 20]
    assert simulation.result("n2") == 20


def test_an_answer_may_be_a_failure():
    simulation = simulate(build([CREATE, PASS]), complete={"n1": Outcome(-1, {"message": "Refused."})})
    assert (simulation.status, simulation.error, len(simulation.jobs)) == (-1, "Refused.", 1)


def test_failures_are_tried_again_after_their_back_off():
    def second_time(step: Any) -> Outcome:
        return Outcome(1 if step.attempt == 2 else -2, step.attempt)

    workflow = build([retried(CREATE, retry={"attempts": 2, "interval": 60_000})])
    simulation = simulate(workflow, complete={"n1": second_time})
    assert (simulation.status, simulation.took) == (1, timedelta(minutes=1))
    assert (simulation.result("n1"), len(simulation.jobs[0].attempts)) == (2, 2)


def test_delays_take_no_time():
    simulation = simulate(build([loop(3, [delay(86_400)]), PASS]))
    assert (simulation.status, simulation.took) == (1, timedelta(days=3))


def test_the_time_out_is_the_runs_own():
    simulation = simulate(build([delay(86_400)], options={"timeout": 5_000}))
    assert (simulation.status, simulation.reason, simulation.took) == (-3, "timeout", timedelta(seconds=5))


def test_what_nobody_answers_waits():
    simulation = simulate(build([WAIT, PASS]))
    assert (simulation.status, [job.status for job in simulation.jobs]) == (0, [0])


@pytest.mark.parametrize("wrong", [FAIL, ("create", {}), ("calculation", {"engine": "math.js", "expression": "1 1"})])
def test_what_fails_by_itself_fails(wrong):
    simulation = simulate(build([wrong, PASS]))
    assert simulation.status < 0
    assert simulation.error
    with pytest.raises(KeyError):
        simulation.result("n2")


def test_a_drain_runs_what_is_due_inside_a_test_transaction():
    execution = start(build([CREATE, ("output", {"value": "{{$jobsMapByNodeKey.n1.name}}"})]), {"name": "Ada"})
    assert drain() >= 1
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, "Ada")
    assert Customer.objects.get().name == "Ada"


def test_a_drain_leaves_what_is_not_due():
    execution = start(build([delay(3_600)]), {})
    drain()
    assert drain() == 0
    execution.refresh_from_db()
    assert execution.status == 0


@pytest.mark.django_db(transaction=True)
def test_a_drain_performs_what_calls_the_world(acts):
    execution = start(build([("t-call", {"act": "give", "value": 5}), OUTPUT]), {})
    drain()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, 5)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": {"limit": 1, "onLimit": "drop_newest"}},
        {"rate": {"limit": 1, "seconds": 60}},
        {"debounce": {"seconds": 60}},
    ],
)
def test_a_simulated_run_is_alone_and_waits_for_no_other(options):
    simulation = simulate(build([PASS], options=options), {})
    assert (simulation.status, simulation.took) == (1, timedelta(0))
