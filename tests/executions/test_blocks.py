"""In which order the processor opens, keeps and takes back the places of transactions; in memory."""

from contextlib import contextmanager

import pytest

from executions.processor import LeaveSegment, Processor
from tests.executions.walking import FAIL, PASS, WAIT, Walk, give, loop
from tests.faults import kinds

KEPT, GONE = "kept", "gone"


@pytest.fixture(autouse=True)
def acts():
    with kinds.known() as known:
        yield known


class Watched(Walk):
    """Notes what happens to each place, by the order in which they were opened; `refuses` those that can't be kept."""

    def __init__(self, steps, refuses=(), **options):
        super().__init__(steps, **options)
        self.refuses = refuses
        self.opened = 0
        self.notes = []

    @contextmanager
    def place(self, checked):
        self.opened += 1
        number = self.opened
        try:
            yield
            if number in self.refuses:
                raise ValueError("refused")
        except BaseException:
            self.notes.append((number, GONE))
            raise
        self.notes.append((number, KEPT))

    def _processor(self, run, moves=1_000_000):
        run.graph = self.graph
        self.store.load_jobs([run])
        return Processor(
            run, self.clock, savepoint=self.place, transient=lambda error: isinstance(error, ConnectionError)
        )


def block(inside, after=None, **config):
    return ("transaction", config, {1: inside} if after is None else {1: inside, 0: after})


NESTED = [block([PASS, block([PASS, block([FAIL])])])]


@pytest.mark.parametrize(
    ("steps", "notes", "status"),
    [
        pytest.param([block([PASS])], [(1, KEPT)], 1, id="one"),
        pytest.param([block([FAIL])], [(1, GONE)], -1, id="one-fails"),
        pytest.param(NESTED, [(3, GONE), (2, GONE), (1, GONE)], -1, id="case_95-inner-first"),
        pytest.param([block([block([PASS]), FAIL])], [(2, KEPT), (1, GONE)], -1, id="case_95-marked-for-commit"),
        pytest.param([block([WAIT])], [(1, GONE)], -2, id="case_92-once"),
        pytest.param([block([block([WAIT])])], [(2, GONE), (1, GONE)], -2, id="case_92-nested"),
        pytest.param([block([block([("end", {"endStatus": 1})])])], [(2, KEPT), (1, KEPT)], 1, id="end"),
        pytest.param([block([block([("end", {"endStatus": -1})])])], [(2, GONE), (1, GONE)], -1, id="end-failed"),
        pytest.param([loop(2, [block([PASS])])], [(1, KEPT), (2, KEPT)], 1, id="rounds"),
        pytest.param([block([])], [], 1, id="empty"),
    ],
)
def test_places_are_closed_inner_first(steps, notes, status):
    walk = Watched(steps).settle()
    assert (walk.notes, walk.run.status) == (notes, status)


@pytest.mark.parametrize("end", [[], [("end", {"endStatus": 1})]], ids=["last", "end"])
def test_what_can_not_be_kept_was_not_kept(end):
    steps = [block([block([PASS, *end])], [give("instead")], continueOnRollback=True), ("output", {"value": "after"})]
    walk = Watched(steps, refuses=[1]).settle()
    assert (walk.run.status, walk.run.output) == (1, "after")
    assert walk.notes == [(2, KEPT), (1, GONE)]
    assert walk.job("n1").result == {"committed": False, "message": "refused", "nodeKey": "n1"}


def test_what_was_under_way_inside_it_is_ended():
    steps = [block([loop(2, [("end", {"endStatus": 1})])], [PASS], continueOnRollback=True)]
    walk = Watched(steps, refuses=[1]).settle()
    assert walk.statuses == [("n1", 1), ("n2", -3), ("n3", 1), ("n4", 1)]


def test_a_segment_that_fails_leaves_no_place_open(acts):
    acts["lose"] = lambda step: (_ for _ in ()).throw(ConnectionError("lost"))
    walk = Watched([block([block([("t-do", {"act": "lose"})])])])
    with pytest.raises(LeaveSegment):
        walk.settle()
    assert walk.notes == [(2, GONE), (1, GONE)]
    assert walk.run.known == {}


def test_a_kind_that_gives_up_its_turn_goes_on_at_once(monkeypatch):
    """A loop lets others have a look after many refused items; inside a transaction nobody may come between."""
    monkeypatch.setattr("workflows.instructions.loop.MOST_SKIPPED", 3)
    refused = {"engine": "math.js", "expression": "1 == 2", "continueOnFalse": True}
    walk = Watched([block([loop(10, [PASS], condition=refused)])])
    walk.segment()
    assert (walk.run.status, walk.job("n2").result) == (1, {"looped": 10, "done": 0})


def test_a_delay_of_no_length_does_not_wait():
    assert (
        Watched([block([("delay", {"duration": "{{$context.none}}"}), PASS])], context=None).settle().run.status == -2
    )
    walk = Watched([block([("delay", {"duration": "{{$context}}"}), PASS])], context=0).settle()
    assert walk.statuses == [("n1", 1), ("n2", 1), ("n3", 1)]
