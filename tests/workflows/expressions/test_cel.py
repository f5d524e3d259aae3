import sys
from datetime import UTC, datetime

import pytest

from executions.testing import simulate
from tests.building import build
from workflows import expressions
from workflows.errors import Invalid
from workflows.expressions import ExpressionError, compile_expression
from workflows.instructions.calculation import Calculation
from workflows.jsonable import jsonable

SCOPE = {
    "$context": {
        "data": {
            "amount": 150,
            "status": "paid",
            "price": 1.5,
            "none": None,
            "rows": [{"n": 1}, {"n": 2}],
            "when": datetime(2024, 5, 31, 8, 0, tzinfo=UTC),
            "big": 10**400,
            "large": 10**20,
        }
    },
    "$jobsMapByNodeKey": {"k1": {"total": 12}},
    "$env": {"SECRET": "s3cret"},
}
SCOPE["ctx"] = dict(SCOPE)


def value(text):
    return jsonable(compile_expression("cel", text).evaluate(SCOPE))


@pytest.fixture(autouse=True)
def _package():
    pytest.importorskip("celpy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("{{$context.data.amount}} > 100 && {{$context.data.status}} == 'paid'", True),
        ("{{ $context.data.amount }} + {{$context.data.amount}}", 300),
        ("{{$context.data.missing}} == null", True),
        ("{{$context.data.missing:x}}", "x"),
        ("{{$context.data.none}} == null", True),
        ("{{$context.data.price}} * 2.0", 3),
        ("0.1 + 0.2", 0.3),
        ("1.0 / 0.0", None),
        ("{{$context.data.big}} == null", True),
        ("{{$context.data.large}} > 1.0", True),
        ("{{$context.data.rows}}.map(r, r.n * 2)", [2, 4]),
        ("{{$context.data.rows.n}}", [1, 2]),
        ("{{$jobsMapByNodeKey.k1.total}} - 1", 11),
        ("ctx.context.data.amount", 150),
        ("ctx.jobsMapByNodeKey.k1.total", 12),
        ("ctx['context']['data'].rows[1].n", 2),
        ("has(ctx.context.data.zip)", False),
        ("has(ctx.context.data.amount)", True),
        ("ctx.context.data.none == null", True),
        ("size(ctx.context.data.rows)", 2),
        ("'amount' in ctx.context.data", True),
        ("{'a': [1, 2.5, true, null]}", {"a": [1, 2.5, True, None]}),
        ("b'abc'", "abc"),
        ("{{$context.data.when}} < timestamp('2024-06-01T00:00:00Z')", True),
        ("{{$context.data.when}} + duration('1h')", "2024-05-31T09:00:00Z"),
        ("'$$' + \"it's\" // {{not.this}}", "$$it's"),
        ("'a' == r'a'", True),
    ],
)
def test_value(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("1 +", 3),
        ("1 +\n )", 5),
        ("'{{$context.a}}'", 1),
        ("1 + {{a", 4),
        ("{{}} + 1", 0),
        ("{{$context.data.amount}} )", 25),
    ],
)
def test_syntax_errors_name_the_place(text, position):
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert str(caught.value).startswith("SyntaxError: ")
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "words", "position"),
    [
        ("1 / 0", "divide by zero", 0),
        ("1 + total('a')", "undeclared reference to 'total'", 4),
        ("ctx.env.SECRET", "no such member in mapping: 'env'", 0),
        ("ctx.context.data.zip", "no such member in mapping: 'zip'", 0),
        ("'a' + 1", "no matching overload for add applied to '(string, int)'", 0),
        ("9223372036854775807 + 1", "overflow", 0),
    ],
)
def test_errors_are_sentences_with_a_place(text, words, position):
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert words in str(caught.value)
    assert caught.value.position == position
    assert "s3cret" not in str(caught.value)
    assert "Activation" not in str(caught.value)


def test_macros_in_macros_use_the_budget_up():
    ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    with pytest.raises(ExpressionError, match="more than 50000 steps"):
        value(f"{ten}.map(a, {ten}.map(b, {ten}.map(c, {ten}.map(d, a * b * c * d))))")


def test_a_long_text_is_refused():
    with pytest.raises(ExpressionError, match="1000 characters"):
        value("1 + " * 300 + "1")


def test_node_keys_are_collected():
    assert compile_expression("cel", "{{$jobsMapByNodeKey.k1.total}} > 1").node_keys == {"k1"}


def test_without_the_package_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "celpy", None)
    monkeypatch.delattr(expressions, "celbridge", raising=False)
    monkeypatch.delitem(sys.modules, "workflows.expressions.celbridge", raising=False)
    with pytest.raises(ExpressionError, match=r"install django-sluice\[cel\]") as caught:
        compile_expression("cel", "1 + 40 + 1")
    assert caught.value.field == "engine"
    with pytest.raises(Invalid) as caught:
        Calculation().check(Calculation().parse({"engine": "cel", "expression": "1 + 40 + 2"}))
    assert "engine" in caught.value.errors


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("{{$context.a}} + ctx.context.a", 8),
        ("ctx.jobsMapByNodeKey.n1 * 2", 10),
        ("has(ctx.jobsMapByNodeKey.n9)", False),
        ("ctx.system.epoch", 1605024000),
    ],
)
def test_in_a_run(expression, result):
    nodes = [("calculation", {"expression": "5"}), ("calculation", {"engine": "cel", "expression": expression})]
    simulation = simulate(build(nodes), {"a": 4})
    assert (simulation.status, simulation.result("n2")) == (1, result)


@pytest.mark.parametrize("text", ["+".join("1" * 300), "(" * 300 + "1" + ")" * 300, "a" + ".b" * 300])
def test_more_marks_than_its_reader_takes_quickly_are_refused(text):
    with pytest.raises(ExpressionError, match="250 brackets, operators"):
        compile_expression("cel", text)


def test_marks_in_texts_and_placeholders_do_not_count():
    text = f"'{'+' * 400}'.size() == 400 && {{{{$context.data}}}} == null"
    assert compile_expression("cel", text).evaluate({}) is True
