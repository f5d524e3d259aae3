"""Random trees of steps in memory: workers that die at random points change nothing of what a run comes to."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import Steps
from tests.executions.walking import FAIL, Killed, Walk, cases, condition, delay, give, loop, parallel, retried
from tests.faults import kinds

pytestmark = pytest.mark.once

#: More segments than any of these trees needs, one move each.
MOST_SEGMENTS = 100_000

RETRY = {"retry": {"attempts": 2, "interval": 1_000}}

leaves = st.one_of(
    st.integers(0, 9).map(give),
    # Read across segments: the latest result of a node that may be before, around or behind this one.
    st.integers(1, 6).map(lambda number: give(f"{{{{$jobsMapByNodeKey.n{number}}}}}")),
    st.integers(1, 3).map(delay),
    st.integers(0, 9).map(lambda value: ("output", {"value": value})),
    st.sampled_from([
        FAIL,
        retried(FAIL, **RETRY),
        retried(FAIL, onError="continue"),
        retried(("t-do", {"act": "second time"}), **RETRY),
        ("calculation", {"engine": "math.js", "expression": "1 1"}),
    ]),
    st.sampled_from([("end", {"endStatus": 1}), retried(FAIL, onError="ask")]),
)  # fmt: skip


def branching(step: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    line = st.lists(step, min_size=1, max_size=3)
    exits = st.fixed_dictionaries({"exit": st.integers(0, 2)})
    return st.one_of(
        st.builds(condition, st.booleans(), st.dictionaries(st.integers(0, 1), line, max_size=2)),
        st.builds(
            lambda held, branches: cases(*held, branches=branches),
            st.lists(st.booleans(), min_size=2, max_size=2),
            st.dictionaries(st.integers(0, 2), line, max_size=3),
        ),
        st.builds(lambda rounds, inside, config: loop(rounds, inside, **config), st.integers(0, 3), line, exits),
        st.builds(
            lambda mode, branches: parallel(mode, *branches),
            st.sampled_from(["all", "any", "race", "allSettled"]),
            st.lists(line, min_size=1, max_size=3),
        ),
    )


trees = st.lists(st.recursive(leaves, branching, max_leaves=10), min_size=1, max_size=4)
#: How many moves a segment makes, and whether it is lost.
fates = st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def _acts() -> Iterator[None]:
    with kinds.known() as acts:
        give_up_once = acts["fail"]
        acts["second time"] = lambda step: acts["give"](step) if step.attempt > 1 else give_up_once(step)
        yield


def go(steps: Steps, segments: Iterator[tuple[int, bool]], **options: Any) -> Walk:
    """Walks to the end, jumping over what it waits for."""
    walk = Walk(steps, **options)
    for moves, killed in segments:
        with contextlib.suppress(Killed):
            walk.segment(moves, killed=killed)
        run = walk.run
        if run.ended:
            return walk
        assert run.due_at is not None, "It waits for nobody, yet has not ended."
        walk.clock.jump(run.due_at)
    pytest.fail("It never ends.")


def became(walk: Walk) -> tuple[Any, ...]:
    """All that is kept of a run, but for ids and turns."""
    run = walk.run
    jobs = [{name: value for name, value in asdict(job).items() if name not in ("id", "changed")} for job in walk.jobs]
    return run.status, run.reason, run.output, run.error, run.started_at, run.ended_at, list(run.agenda), jobs


@settings(max_examples=150, deadline=None)
@given(trees, fates, st.sampled_from([0, 2_000]))
def test_workers_that_die_change_nothing(steps, fates, timeout):
    straight = go(steps, repeat((MOST_SEGMENTS, False), MOST_SEGMENTS), timeout=timeout)
    killed = go(steps, chain(fates, repeat((1, False), MOST_SEGMENTS)), timeout=timeout)
    assert became(killed) == became(straight)


@settings(max_examples=50, deadline=None)
@given(trees)
def test_every_tree_leaves_order_behind(steps):
    walk = go(steps, repeat((1, False), MOST_SEGMENTS))
    assert walk.run.status in (1, -1, -2, -6)
    for number, job in enumerate(walk.jobs, start=1):
        assert job.number == number
        assert (job.parent or 0) < number
        assert (job.upstream or 0) < number
        assert job.due_at is None
