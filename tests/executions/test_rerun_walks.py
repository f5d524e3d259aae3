"""Random trees of steps in memory, made to go on from random nodes: a line keeps one place, and the run its end."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions.reruns import continue_from
from tests.building import Steps
from tests.executions.test_error_branches import caught
from tests.executions.walking import FAIL, PASS, WAIT, Walk, condition, delay, loop, parallel, retried
from tests.faults import kinds
from workflows.errors import Invalid

pytestmark = pytest.mark.once

leaves = st.sampled_from([PASS, WAIT, WAIT, delay(1), retried(FAIL, onError="continue")])


def branching(step: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    line = st.lists(step, min_size=1, max_size=3)
    modes = st.sampled_from(["all", "any", "race", "allSettled"])
    return st.one_of(
        st.builds(condition, st.booleans(), st.dictionaries(st.integers(0, 1), line, max_size=2)),
        st.builds(loop, st.integers(0, 3), line),
        st.builds(lambda mode, branches: parallel(mode, *branches), modes, st.lists(line, min_size=1, max_size=3)),
        st.builds(lambda failing, handlers: caught(failing, *handlers), st.just(FAIL), line),
    )


trees = st.lists(st.recursive(leaves, branching, max_leaves=10), min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def _acts() -> Iterator[None]:
    with kinds.known():
        yield


def go_on_from(walk: Walk, node_id: int, *, overwrite: bool = False) -> None:
    with walk.store.segment():
        [run] = walk.store.claim_one(walk.id)
        walk._processor(run)
        continue_from(run, walk.clock, node_id, overwrite=overwrite)  # type: ignore[arg-type]
        walk.store.write([run], walk.clock.now())


def places(walk: Walk) -> Counter[Any]:
    """How many jobs are pending on each line that still moves."""
    run, nodes = walk.run, walk.graph.nodes
    run.graph = walk.graph
    moving = [job for job in run.known.values() if not run.decided_above(job.parent, nodes[job.node_id])]
    return Counter((job.parent, nodes[job.node_id].branch) for job in moving if job.pending)


@settings(max_examples=100, deadline=None)
@given(trees, st.lists(st.integers(0, 30), min_size=4, max_size=8), st.booleans())
def test_a_line_has_one_place(steps: Steps, picks: list[int], overwrite: bool) -> None:
    walk = Walk(steps).settle()
    for pick in [*picks, *[None] * 10_000]:
        if walk.run.ended:
            break
        waiting = [job.node_key for job in walk.jobs if job.wait == "outside" and job.pending]
        if pick is not None and pick % 3:
            try:
                go_on_from(walk, 1 + pick % len(walk.graph.nodes), overwrite=overwrite)
            except Invalid:
                continue
        elif waiting:
            walk.complete(waiting[0])
        walk.later(2)
        assert walk.run.ended or set(places(walk).values()) == {1}, walk.statuses
    assert walk.run.ended, walk.statuses
