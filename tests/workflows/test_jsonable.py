import enum
import json
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import pytest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from workflows.jsonable import DEPTH_LIMIT, jsonable


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    pass


class Point(BaseModel):
    x_at: int = Field(alias="xAt")
    when: datetime | None = None


class Broken:
    def __str__(self) -> str:
        return "bro\x00ken"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -5,
        2**53,
        1.5,
        "",
        "text",
        "größe 漢字 🎉",
        [],
        {},
        [1, "a", None, {"b": [True]}],
        {"a": {"b": [1.5, "x"]}, "ключ": 1},
    ],
)
def test_what_fits_is_returned_itself(value):
    assert jsonable(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x00b", "ab"),
        ("\x00", ""),
        ("lone \ud800 half", "lone \ufffd half"),
        ("pair \ud83c\udf89", "pair 🎉"),
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
        (1 << 2000, None),
        (-(1 << 2000), None),
        (datetime(2024, 5, 31, 8, 0, tzinfo=UTC), "2024-05-31T08:00:00Z"),
        (datetime(2024, 5, 31, 8, 0, 0, 5000, tzinfo=UTC), "2024-05-31T08:00:00.005Z"),
        (datetime(2024, 5, 31, 8, 0, 0, 5, tzinfo=UTC), "2024-05-31T08:00:00.000005Z"),
        (datetime(2024, 5, 31, 8, 0, tzinfo=timezone(timedelta(hours=8))), "2024-05-31T08:00:00+08:00"),
        (datetime(2024, 5, 31, 8, 0), "2024-05-31T08:00:00"),
        (date(2024, 5, 31), "2024-05-31"),
        (time(8, 30), "08:30:00"),
        (timedelta(hours=1), "P0DT01H00M00S"),
        (Decimal("12"), 12),
        (Decimal("12.00"), 12),
        (Decimal("12.5"), 12.5),
        (Decimal("0.1"), 0.1),
        (Decimal("1234567890.123456789"), "1234567890.123456789"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"abc", "abc"),
        (b"\xff", "\ufffd"),
        (bytearray(b"abc"), "abc"),
        ((1, 2), [1, 2]),
        ({1}, [1]),
        (frozenset({"a"}), ["a"]),
        (range(3), [0, 1, 2]),
        ((n for n in "ab"), ["a", "b"]),
        (gettext_lazy("Yes"), "Yes"),
        (SimpleLazyObject(lambda: "late"), "late"),
        (Color.RED, "red"),
        (Level.LOW, 1),
        (Text("a"), "a"),
        (Point(xAt=1, when=datetime(2024, 1, 1, tzinfo=UTC)), {"xAt": 1, "when": "2024-01-01T00:00:00Z"}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (OrderedDict(a=1), {"a": 1}),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ({False: "a", True: "b"}, {"false": "a", "true": "b"}),
        ({2.5: "a", date(2024, 1, 1): "b"}, {"2.5": "a", "2024-01-01": "b"}),
        ({"a\x00": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": float("nan")}, {"a": 1, "b": None}),
        ([1, (2,), 3], [1, [2], 3]),
        (print, None),
        ([len], [None]),
        (Broken(), "broken"),
    ],
)
def test_what_does_not_fit_is_made_to(value, expected):
    assert jsonable(value) == expected


def test_kinds_of_results_are_plain():
    found = jsonable({"a": Text("x"), "b": Level.LOW, "c": OrderedDict(d=1)})
    assert [type(item) for item in found.values()] == [str, int, dict]


def test_the_value_is_not_changed():
    value = {"a": [1, (2,)], "b": "\x00"}
    jsonable(value)
    assert value == {"a": [1, (2,)], "b": "\x00"}


def nested(levels):
    value = 1
    for _level in range(levels):
        value = [value]
    return value


def depth(value):
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def test_depth_that_every_database_takes_is_kept():
    value = nested(DEPTH_LIMIT)
    assert jsonable(value) is value


def test_deeper_values_become_text():
    found = jsonable(nested(DEPTH_LIMIT + 10))
    assert depth(found) == DEPTH_LIMIT
    while isinstance(found, list):
        found = found[0]
    assert json.loads(found) == nested(10)


def test_values_of_any_depth_and_circles_end():
    circle = []
    circle.append(circle)
    for value in (nested(50_000), circle):
        assert depth(jsonable(value)) == DEPTH_LIMIT


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(anything)
def test_everything_can_be_written_as_strict_json(value):
    text = json.dumps(jsonable(value), allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text


@given(anything)
def test_twice_is_once(value):
    once = jsonable(value)
    assert jsonable(once) is once
