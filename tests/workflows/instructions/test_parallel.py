from collections.abc import Callable
from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.graph import GraphNode
from workflows.instructions.base import Outcome, StepJob, Wait
from workflows.instructions.parallel import Parallel
from workflows.statuses import JobStatus

Drive = Callable[..., tuple[Outcome, list[int]]]


class Engine:
    """Plays the engine for one parallel node: a branch ends or waits, then the next may start."""

    def __init__(self, make_step: Any, node: GraphNode) -> None:
        self.make_step, self.node = make_step, node
        self.own = StepJob(1, 1, "n1", 0)
        self.started: list[int] = []

    def take(self, outcome: Outcome | None) -> Outcome | None:
        if outcome is not None:
            self.own.status, self.own.result, self.own.meta = outcome.status, outcome.result, outcome.meta
        return outcome

    def ask(self, by: StepJob | None) -> Outcome | None:
        if self.own.status != JobStatus.PENDING:
            return None
        return self.take(Parallel().branch(self.make_step(self.node, job=self.own), by))

    def end(self, index: int, status: int) -> Outcome | None:
        return self.ask(StepJob(9, self.node.branches[index].id, "", status)) if status else None

    def play(self, statuses: dict[int, int]) -> None:
        outcome = self.take(Parallel().run(self.make_step(self.node)))
        while outcome is not None and outcome.branch is not None:
            assert outcome.wait is Wait.BRANCH
            self.started.append(outcome.branch)
            more = outcome.more
            self.end(outcome.branch, statuses[outcome.branch])
            outcome = self.ask(None) if more else None


@pytest.fixture
def play(make_node: Any, make_step: Any) -> Callable[..., Engine]:
    def play(mode: str | None, statuses: dict[int, int]) -> Engine:
        config = {} if mode is None else {"mode": mode}
        engine = Engine(make_step, make_node(Parallel, config, dict.fromkeys(statuses, 1)))
        engine.play(statuses)
        return engine

    return play


@pytest.mark.parametrize(
    ("mode", "statuses", "status", "result"),
    [
        pytest.param(None, (1, 1), 1, [1, 1], id="154 all is the default, both fine"),
        pytest.param("all", (-5, 1), -5, [-5, None], id="all: the first failure decides, no other starts"),
        pytest.param("all", (1, -2), -2, [1, -2], id="all: a later failure decides"),
        pytest.param("all", (0, 1), 0, [None, 1], id="all: one waits, the next runs"),
        pytest.param("all", (0, -1), -1, [None, -1], id="all: a failure decides over a waiting one"),
        pytest.param("any", (1, 1), 1, [1, None], id="156 any: first fine, second not run"),
        pytest.param("any", (-1, 1), 1, [-1, 1], id="156 any: first fails, second fine"),
        pytest.param("any", (-1, -5), -1, [-1, -5], id="156 any: all fail"),
        pytest.param("any", (0, 1), 1, [None, 1], id="any: one waits, another is fine"),
        pytest.param("any", (0, -1), 0, [None, -1], id="any: waits for the last hope"),
        pytest.param("race", (1, 1), 1, [1, None], id="157 race: first settled decides"),
        pytest.param("race", (-2, 1), -2, [-2, None], id="157 race: a failure decides too"),
        pytest.param("race", (0, 1), 1, [None, 1], id="157 race: the first is slow"),
        pytest.param("race", (0, -1), -1, [None, -1], id="race: the first is slow, the second fails"),
        pytest.param("race", (0, 0), 0, [None, None], id="race: both slow"),
        pytest.param("allSettled", (-1, 1), 1, [-1, 1], id="158 allSettled: statuses kept"),
        pytest.param("allSettled", (1, 0), 0, [1, None], id="159 allSettled: one waits"),
        pytest.param("allSettled", (-1, -2), 1, [-1, -2], id="allSettled: all failed"),
        pytest.param("all", (1, 1, 1), 1, [1, 1, 1], id="three"),
        pytest.param("all", (1,), 1, [1], id="one"),
    ],
)
def test_mode(play: Any, mode: str | None, statuses: tuple[int, ...], status: int, result: list[int | None]) -> None:
    own = play(mode, dict(enumerate(statuses))).own
    assert (own.status, own.result) == (status, result)


def test_159_goes_on_when_the_waiting_branch_ends(play: Any) -> None:
    engine = play("allSettled", {0: 1, 1: 0})
    assert engine.own.status == JobStatus.PENDING
    engine.end(1, -1)
    assert (engine.own.status, engine.own.result) == (JobStatus.RESOLVED, [1, -1])


def test_160_branches_run_in_ascending_order_of_index(play: Any) -> None:
    engine = play("all", {3: 1, 1: 1})
    assert (engine.started, engine.own.result) == ([1, 3], [1, 1])


@pytest.mark.parametrize("statuses", [(0, 0, 0), (1, 0, 0), (0, 1, 0)])
def test_the_last_branch_asks_for_no_further(play: Any, statuses: tuple[int, ...]) -> None:
    engine = play("all", dict(enumerate(statuses)))
    assert engine.started == [0, 1, 2]
    assert engine.own.meta == {"started": 3}


def test_162_a_job_from_deeper_counts_for_the_branch_it_stands_in(make_node: Any, make_step: Any) -> None:
    node: GraphNode = make_node(Parallel, {"mode": "allSettled"}, {0: 1, 1: 2})
    inner: GraphNode = make_node(Parallel, {}, {0: 1})
    inner.id, deep = 50, inner.branches[0]
    deep.id = 51
    node.branches[1].downstream = inner
    own = StepJob(1, 1, "n1", 0, [None, None], {"started": 2})
    outcome = Parallel().branch(make_step(node, job=own), StepJob(4, 51, "deep", -1))
    assert outcome is not None
    assert outcome.result == [None, -1]


def test_no_branches_are_resolved_at_once(make_step: Any) -> None:
    outcome = Parallel().run(make_step(Parallel, {}))
    assert (outcome.status, outcome.result, outcome.branch) == (JobStatus.RESOLVED, [], None)


def test_the_job_read_is_never_changed(make_step: Any) -> None:
    own = StepJob(1, 1, "n1", 0, [None, None], {"started": 1})
    Parallel().branch(make_step(Parallel, {}, {0: 1, 1: 1}, job=own), StepJob(2, 10, "", 1))
    assert own.result == [None, None]


def test_164_an_invalid_mode_is_refused() -> None:
    with pytest.raises(Invalid) as raised:
        Parallel().parse({"mode": "some"})
    assert "mode" in raised.value.errors


@pytest.mark.parametrize("config", [{}, {"mode": None}])
def test_164_an_empty_configuration_is_accepted(config: dict[str, Any]) -> None:
    assert Parallel().parse(config).mode == "all"


def test_any_index_is_a_branch() -> None:
    assert Parallel().branches(Parallel().parse({})) is None
