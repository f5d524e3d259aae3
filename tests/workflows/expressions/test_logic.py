from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from workflows.expressions import ExpressionError, calculators, compile_logic, logic, register_calculator

NOON = datetime(2024, 5, 31, 12, 0, tzinfo=UTC)
MILLISECONDS = int(NOON.timestamp() * 1000)


def compare(calculator, a, b):
    return compile_logic({"calculator": calculator, "operands": [a, b]}).evaluate({})


EQUAL = [
    (1, 1),
    (1, "1"),
    (1.0, 1),
    ("1.0", 1),
    (" 1 ", 1),
    (0, False),
    (1, True),
    ("1", True),
    (0, ""),
    (False, ""),
    (None, None),
    ("a", "a"),
    (0.1 + 0.2, 0.3),
    ([1, "2"], ["1", 2]),
    ({"a": 1}, {"a": "1"}),
    ([], []),
    (NOON, "2024-05-31T12:00:00Z"),
    (NOON, "2024-05-31T14:00:00+02:00"),
    (NOON, MILLISECONDS),
    (date(2024, 5, 31), "2024-05-31T00:00:00Z"),
]
DIFFERENT = [
    (1, 2),
    (0, None),
    ("", None),
    (False, None),
    ("a", "A"),
    ("a", 0),
    ("true", True),
    ([], None),
    ([1], [1, 2]),
    ([1], 1),
    ({"a": 1}, {"b": 1}),
    ({}, []),
    (NOON, None),
    (NOON, True),
    (NOON, "soon"),
    (NOON, ""),
    (float("nan"), float("nan")),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_is_loose(a, b):
    with timezone.override("UTC"):
        assert [compare("equal", a, b), compare("equal", b, a)] == [True, True]
        assert [compare("notEqual", a, b), compare("notEqual", b, a)] == [False, False]
        assert compare("gte", a, b) is compare("lte", a, b) is True


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_case_126_null_is_equal_to_null_only(a, b):
    assert [compare("equal", a, b), compare("equal", b, a)] == [False, False]
    assert [compare("notEqual", a, b), compare("notEqual", b, a)] == [True, True]


def test_case_126_missing_path_is_null():
    tree = {"calculator": "equal", "operands": ["{{$context.data.no}}", None]}
    assert compile_logic(tree).evaluate({"$context": {"data": {}}})


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (1, 2),
        (-1, "0"),
        ("9", 10),
        ("10", "9"),
        ("a", "b"),
        (False, 1),
        ("2024-01-01", "2024-02-01"),
        (date(2024, 5, 31), NOON),
        ("2024-05-31T11:59:59Z", NOON),
        (NOON, MILLISECONDS + 1),
        (1.5, 2),
    ],
)
def test_order(less, more):
    with timezone.override("UTC"):
        assert [compare(name, less, more) for name in ("lt", "lte", "gt", "gte")] == [True, True, False, False]
        assert [compare(name, more, less) for name in ("lt", "lte", "gt", "gte")] == [False, False, True, True]


@pytest.mark.parametrize(
    ("a", "b"), [(None, 1), (1, None), ("a", 1), ([1], 2), ({}, 1), (NOON, None), (NOON, True), (NOON, "soon")]
)
def test_no_order_between_what_cannot_be_compared(a, b):
    assert [compare(name, a, b) for name in ("lt", "lte", "gt", "gte")] == [False] * 4


@pytest.mark.parametrize(
    ("calculator", "a", "b", "expected"),
    [
        ("includes", "abc", "b", True),
        ("includes", "abc", "x", False),
        ("includes", [1, 2], "2", True),
        ("includes", [1, 2], 3, False),
        ("includes", 123, 2, True),
        ("includes", None, "a", False),
        ("includes", {"a": 1}, "a", True),
        ("notIncludes", "abc", "b", False),
        ("notIncludes", None, "a", True),
        ("startsWith", "abc", "ab", True),
        ("startsWith", 123, 1, True),
        ("startsWith", None, "", False),
        ("notStartsWith", "abc", "ab", False),
        ("notStartsWith", "abc", "b", True),
        ("endsWith", "abc", "bc", True),
        ("endsWith", "abc", "b", False),
        ("notEndsWith", "abc", "b", True),
        ("==", 1, "1", True),
        ("!=", 1, 2, True),
        (">", 2, 1, True),
        (">=", 1, 1, True),
        ("<", 1, 2, True),
        ("<=", 1, 1, True),
    ],
)
def test_calculators(calculator, a, b, expected):
    assert compare(calculator, a, b) is expected


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        [],
        "",
        5,
        {"calculator": "equal"},
        {"operands": [1, 2]},
        {"calculator": "", "operands": [1, 2]},
        {"calculator": "equal", "operands": []},
        {"calculator": None, "operands": None},
        {"group": None},
    ],
)
def test_case_128_missing_logic_holds(tree):
    assert compile_logic(tree).evaluate({}) is True


@pytest.mark.parametrize("name", ["nope", "__class__", "eval", "EQUAL"])
def test_case_128_unknown_calculator_is_an_error(name):
    with pytest.raises(ExpressionError, match=r"no calculator .* choose one of .*equal") as caught:
        compile_logic({"group": {"type": "and", "calculations": [{"calculator": name, "operands": [1, 2]}]}})
    assert caught.value.field == "calculation.group.calculations.0.calculator"


YES = {"calculator": "equal", "operands": [1, 1]}
NO = {"calculator": "equal", "operands": [1, 2]}


def group(kind, *members):
    return {"group": {"type": kind, "calculations": list(members)}}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (group("and"), True),
        (group("or"), False),
        (group("and", YES, YES), True),
        (group("and", YES, NO), False),
        (group("or", NO, YES), True),
        (group("or", NO, NO), False),
        (group("and", YES, group("or", NO, YES)), True),
        (group("or", NO, group("and", YES, NO)), False),
        (group("and", group("or")), False),
        (group("or", group("and")), True),
        (group("and", YES, {}), True),
        ({"group": {"calculations": [YES, NO]}}, False),
        ({"group": {"type": "and"}}, True),
    ],
)
def test_case_129_groups(tree, expected):
    assert compile_logic(tree).evaluate({}) is expected


def test_case_130_calculator_of_ones_own(monkeypatch):
    monkeypatch.setattr(logic, "_calculators", calculators())
    register_calculator("divides", lambda a, b: b % a == 0)
    assert compare("divides", 3, 9)
    assert not compare("divides", 3, 10)


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        (group("xor", YES), "calculation.group.type"),
        ({"calculator": "equal", "operands": {"a": 1}}, "calculation.operands"),
    ],
)
def test_malformed_trees_name_the_place(tree, field):
    with pytest.raises(ExpressionError) as caught:
        compile_logic(tree)
    assert caught.value.field == field


def test_resolve_keeps_the_tree_with_its_values():
    tree = group("and", {"calculator": "gt", "operands": ["{{$context.data.amount}}", 100]})
    found = compile_logic(tree)
    scope = {"$context": {"data": {"amount": 150}}}
    assert found.evaluate(scope) is True
    assert found.resolve(scope) == group("and", {"calculator": "gt", "operands": [150, 100]})


def test_node_keys_are_collected():
    tree = group("or", {"calculator": "equal", "operands": ["{{$jobsMapByNodeKey.k1.x}}", 1]})
    assert compile_logic(tree).node_keys == {"k1"}


def test_a_group_bomb_is_refused():
    tree = YES
    for _level in range(5000):
        tree = group("and", tree)
    with pytest.raises(ExpressionError, match="nested"):
        compile_logic(tree)
