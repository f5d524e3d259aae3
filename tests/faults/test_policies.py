"""What becomes of failures by each policy, whatever a step touches, on the engine's database; workers may die."""

from typing import Any

import pytest

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import start
from executions.models import Job
from executions.statuses import ExecutionStatus
from tests.building import build
from tests.faults.kinds import Act
from workflows.instructions.base import Outcome, Step
from workflows.policy import ERROR_BRANCH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

RETRY = {"retry": {"attempts": 2, "interval": 20}}

HOUR = ("delay", {"duration": 1, "unit": 3_600_000})
#: A failing step of each effect and shape: (kind, configuration, its own branches).
STEPS: dict[str, tuple[Any, ...]] = {
    "pure": ("calculation", {"engine": "math.js", "expression": "1 1"}),
    "transactional": ("t-write", {"act": "create and fail", "value": "lost"}),
    "broken": ("create", {"collection": "shop.Customer", "params": {"values": {"nobody": "knows"}}}),
    "external": ("t-call", {"act": "fail"}),
    "waiting": ("t-do", {"act": "wait", "value": 0.02}),
    "question": ("condition", {"engine": "math.js", "expression": "1 1"}, {1: [("t-do", {"act": "give"})]}),
    "loop": ("loop", {"target": 2}, {0: [("t-write", {"act": "create and fail", "value": "lost"})]}),
    "transaction": (
        "transaction", {}, {1: [("t-write", {"act": "create", "value": "lost"}), ("t-write", {"act": "fail"})]},
    ),
    "parallel": ("parallel", {}, {0: [("t-call", {"act": "fail"})], 1: [HOUR]}),
}  # fmt: skip
#: What each ends with.
ENDS = {"pure": -2, "transactional": -1, "broken": -2, "external": -1, "waiting": -3, "question": -2}
GIVE_UP = ("t-write", {"act": "create", "value": "caught {{$scopes.n1.status}} after {{$scopes.n1.attempts}}"})
GO_ON = ("t-write", {"act": "create", "value": "went on"})


@pytest.fixture(autouse=True)
def _more_acts(acts: dict[str, Act]) -> None:
    def second_time(step: Step) -> Outcome:
        return acts["create" if step.attempt > 1 else "fail"](step)

    acts["second time"] = second_time


def failing(name: str, **policy: Any) -> list[tuple[Any, ...]]:
    kind, config, *rest = STEPS[name]
    handler = {ERROR_BRANCH: [GIVE_UP]} if policy.get("onError") == "branch" else {}
    return [(kind, config, {**(rest[0] if rest else {}), **handler}, policy), GO_ON]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("on_error", ["fail", "continue", "branch", "ask"])
def test_each_policy_works_for_every_kind_of_step(settle, name, on_error):
    end = ENDS.get(name, -1)
    execution = start(build(failing(name, **RETRY, onError=on_error)), {})
    settle()
    execution.refresh_from_db()
    written = list(Customer.objects.order_by("pk").values_list("name", flat=True))
    own = Job.objects.get(execution=execution, node_key="n1")
    assert own.status == end
    assert [entry["number"] for entry in own.attempts] == [1, 2] if end != -3 else own.attempts
    assert {"number", "start", "end", "status", "message"} <= own.attempts[0].keys()
    expected = {
        "fail": (end, []),
        "continue": (1, ["went on"]),
        "branch": (1, [f"caught {end} after {own.attempt}", "went on"]),
        "ask": (ExecutionStatus.RETRY_NEEDED, []),
    }
    assert (execution.status, written) == expected[on_error]


@pytest.mark.parametrize("kind", ["t-do", "t-write", "t-call"])
def test_a_second_attempt_that_works_is_the_jobs_end(settle, kind):
    execution = start(build([(kind, {"act": "second time", "value": "done"}, {}, {**RETRY, "onError": "branch"})]), {})
    settle()
    own = Job.objects.get(execution=execution)
    assert [(entry["number"], entry["status"]) for entry in own.attempts] == [(1, -1), (2, 1)]
    assert [entry["message"] for entry in own.attempts] == ["It failed.", None]
    assert list(Customer.objects.values_list("name", flat=True)) == ["done"]


@pytest.mark.parametrize("commit", range(1, 8))
@pytest.mark.parametrize("side", ["before", "after"])
def test_kills_between_attempts_lose_and_double_nothing(victim, settle, side, commit):
    """Two attempts of a loop that fails in its second round, then its error branch."""
    rounds = [
        ("create", {"collection": "shop.Customer", "params": {"values": {"name": "round {{$scopes.n1.index}}"}}}),
        ("calculation", {"engine": "math.js", "expression": "1 / (1 - {{$scopes.n1.index}}) + sqrt('x')"}),
    ]
    handler = (
        "create",
        {"collection": "shop.Customer", "params": {"values": {"name": "caught {{$scopes.n1.attempts}}"}}},
    )
    policy = {**RETRY, "onError": "branch"}
    execution = start(build([("loop", {"target": 2}, {0: rounds, ERROR_BRANCH: [handler]}, policy)]), {})
    victim(side, commit)
    settle()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error
    assert list(Customer.objects.order_by("pk").values_list("name", flat=True)) == ["round 0", "round 0", "caught 2"]
    assert Job.objects.filter(execution=execution).count() == 6


@pytest.mark.parametrize("name", ["pure", "transactional", "external", "loop"])
def test_a_run_that_asks_runs_again_from_the_failed_node(settle, acts, name):
    before = ("t-write", {"act": "create", "value": "before"})
    execution = start(build([before, *failing(name, onError="ask")]), {})
    settle()
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.RETRY_NEEDED
    acts["create and fail"] = acts["fail"] = acts["create"]
    again = operations.rerun(execution.pk, failed=True)
    settle()
    again.refresh_from_db()
    if name == "pure":
        assert (again.status, again.rerun_of_id) == (ExecutionStatus.RETRY_NEEDED, execution.pk)
    else:
        assert (again.status, again.rerun_of_id) == (1, execution.pk)
        assert Customer.objects.filter(name="went on").count() == 1
    assert Customer.objects.filter(name="before").count() == 1


@pytest.mark.parametrize("inside", ["main line", "loop", "parallel"])
def test_a_rerun_from_a_node_of_an_error_branch_goes_on_behind_what_failed(settle, acts, inside):
    pay = ("t-do", {"act": "fail"}, {ERROR_BRANCH: [("t-call", {"act": "refund"})]}, {"onError": "branch"})
    line = [pay, ("t-write", {"act": "create", "value": "behind"})]
    steps = {
        "main line": line,
        "loop": [("loop", {"target": 2}, {0: line}), GO_ON],
        "parallel": [("parallel", {}, {0: [("t-do", {"act": "give"})], 1: line}), GO_ON],
    }[inside]
    acts["refund"] = acts["fail"]
    execution = start(build(steps), {})
    settle()
    assert not Customer.objects.exists()
    acts["refund"] = acts["give"]
    again = operations.rerun(execution.pk, failed=True)
    settle()
    again.refresh_from_db()
    assert again.status == 1, again.error
    rounds = 2 if inside == "loop" else 1
    names = list(Customer.objects.order_by("pk").values_list("name", flat=True))
    assert names == ["behind"] * rounds + (["went on"] if inside != "main line" else [])
    # What failed stays as it failed, and is not done again where it was.
    assert Job.objects.filter(execution=again, node__type="t-do", status=-1).count() == rounds
