"""No acceptance case gets lost: each has a test whose name or id carries its number, or a reason why not yet.

The cases are numbered by the specification, with gaps. A number stands in a test's name (`test_case_61_...`,
`test_167_and_168_...`) or begins an id (`id="126 zero is not null"`, `"case29-add"`).
"""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.once]

TESTS = Path(__file__).parent

_NAMED = re.compile(r"\bdef test_(?:\w*?case_)?(\d{1,3}(?:_(?:and_)?\d{1,3})*)[_(]")
_IDS = re.compile(r"""(?:\bid=["'](?:case[_ -]?)?|["']case[_ -]?)(\d{1,3})(?=["' _-])""")

#: All numbers that there are, by what they are about.
AREAS = {
    "workflows": "1-6 8-12 15 17-21 24-26 28",
    "nodes": "29-33 35 39-44 46-54 58",
    "dispatching": "59-62 64 66-68 71 72 74-76 78-82 84 85",
    "processor": "88 90-93 95-98 100 101 103-107",
    "operations": "108-111 113 114 117-119",
    "conditions": "120-126 128-130 132 134 136 137",
    "loop": "138-141 143-145 147-150 152",
    "parallel": "154 156-160 162 164",
    "data and calculation": "167-174 176-180",
    "other nodes": "182-186 188 189 191-193 195 197-199",
    "manual": "200 201 203 205-209 211 212",
    "collection trigger": "213-217 219 222-224 226",
    "schedule trigger": "228-230 232 234-237",
    "request triggers": "238-241 243 245 246 248 249",
}

_QUEUE = (
    "The reference's queue in memory and its recovery: here rows are the queue, and no process has anything to lose."
)
_TIMERS = "The reference's timers in a process: here a column says when a run is due."
#: Those without a test, each with the reason.
NOT_OWED = {
    "25": "Counters of open tasks from a provider: the reference's own API.",
    "62": "A callback of the reference's trigger(): here the caller gets the exception.",
    "66-68 71 74 75 78": _QUEUE,
    "103 105-107": _TIMERS,
    "79-82": "Deferred starts, and instances told of a toggle at once: not built.",
}


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split():
        first, _sign, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _tested() -> dict[int, str]:
    """Number -> a file that has it."""
    found: dict[int, str] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        text = path.read_text()
        for match in _NAMED.finditer(text):
            found.update(dict.fromkeys(map(int, re.findall(r"\d+", match[1])), path.name))
        for match in _IDS.finditer(text):
            found[int(match[1])] = path.name
    return found


@pytest.mark.parametrize("area", AREAS)
def test_each_case_has_a_test_or_a_reason(area: str) -> None:
    excused = {number for numbers in NOT_OWED for number in _numbers(numbers)}
    assert sorted(_numbers(AREAS[area]) - set(_tested()) - excused) == []


def test_a_reason_goes_when_the_test_comes() -> None:
    tested = _tested()
    assert {number: tested[number] for text in NOT_OWED for number in _numbers(text) if number in tested} == {}


def test_only_numbers_that_there_are_are_named() -> None:
    known = {number for numbers in AREAS.values() for number in _numbers(numbers)}
    assert {number: file for number, file in _tested().items() if number not in known} == {}
