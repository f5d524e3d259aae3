"""Whatever is typed and whatever the scope holds: a value, or an `ExpressionError`."""

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.expressions import ExpressionError, calculators, compile_expression, compile_logic, compile_template
from workflows.expressions.functions import library
from workflows.expressions.limits import Meter
from workflows.jsonable import jsonable

engines = st.sampled_from(["math.js", "formula.js", "string"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2024-05-31", "2024-05-31T08:00:00Z", "9999-12-31", "0001-01-01", "1", "-1.5e3", "", "a*"])
    | st.datetimes()
    | st.dates()
    | st.decimals()
    | st.just(Decimal("sNaN"))
    | st.just(object)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=10
)
scopes = st.fixed_dictionaries({"a": values, "b": values, "c": values, "$env": values})
OPERATORS = "+ - * / % ^ mod == != === < <= > >= and or xor ?? & | << >>"
SIGNS = "! = !== <> && || ? : , ; . ( ) [ ] ~ not ** {{ }}"
OPERANDS = "true null pi 0 1 1.5 1e9 'a' \"b\" '2024-01-31' {{a}} {{b}} {{c}} {{a.b}} {{a.0.c:9}} {{$env}}"
words = [*OPERATORS.split(), *SIGNS.split(), *OPERANDS.split()]
pieces = st.sampled_from([*words, *(f"{name}(" for name in library.names("math.js"))])
arguments = st.lists(st.sampled_from(["{{a}}", "{{b}}", "{{c}}", "1", "'day'", "'a'", "[1, 2]"]), max_size=4)
templates = st.recursive(
    st.text(max_size=30) | pieces, lambda inner: st.lists(inner) | st.dictionaries(pieces, inner), max_leaves=8
)
sources = st.lists(pieces, max_size=15).map(" ".join) | st.text(max_size=40)
names = st.sampled_from(sorted({*library.names("math.js"), *library.names("formula.js")}))


def outcome(engine, source, scope):
    try:
        found = compile_expression(engine, source).evaluate(scope)
    except ExpressionError as error:
        return str(error)
    json.dumps(jsonable(found), allow_nan=False)
    return found


@settings(max_examples=300, deadline=None)
@given(engines, sources, scopes)
def test_no_text_raises_anything_else(engine, source, scope):
    outcome(engine, source, scope)


@settings(max_examples=1500, deadline=None)
@given(
    engines,
    names,
    st.lists(st.sampled_from(["{{a}}", "{{b}}", "{{c}}", "1", "'day'", "'a'", "[1, 2]"]), max_size=4),
    scopes,
)
def test_no_function_raises_anything_else(engine, name, arguments, scope):
    outcome(engine, f"{name}({', '.join(arguments)})", scope)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "mod",
            "==",
            "!=",
            "===",
            "<",
            "<=",
            ">",
            ">=",
            "and",
            "or",
            "xor",
            "??",
            "&",
            "|",
            "<<",
            ">>",
        ]
    ),
    engines,
    scopes,
)
def test_no_operator_raises_anything_else(operator, engine, scope):
    outcome(engine, f"{{{{a}}}} {operator} {{{{b}}}}", scope)
    outcome(engine, f"-{{{{a}}}} {operator} {{{{b}}}} {operator} {{{{c}}}}[{{{{a}}}}]", scope)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(st.text(max_size=30) | pieces, lambda x: st.lists(x) | st.dictionaries(pieces, x), max_leaves=8),
    scopes,
)
def test_no_template_raises_anything_else(template, scope):
    found = compile_template(template)
    first = found.render(scope)
    assert found.constant is False or first is template or first == template
    json.dumps(jsonable(first), allow_nan=False)


operands = st.lists(values | st.sampled_from(["{{a}}", "{{b.c}}"]))
calculator_names = st.sampled_from([*calculators(), "==", "<", "x", None])
trees = st.recursive(
    st.fixed_dictionaries({"calculator": calculator_names, "operands": operands}) | values,
    lambda inner: st.fixed_dictionaries(
        {"group": st.fixed_dictionaries({"type": st.sampled_from(["and", "or", "x"]), "calculations": st.lists(inner)})}
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(trees, scopes)
def test_no_tree_raises_anything_else(tree, scope):
    try:
        found = compile_logic(tree).evaluate(scope)
    except ExpressionError:
        return
    assert isinstance(found, bool)


@given(values, values)
def test_comparisons_agree_with_each_other(a, b):
    scope = {"a": a, "b": b}

    def holds(operator):
        return compile_expression("math.js", f"{{{{a}}}} {operator} {{{{b}}}}").evaluate(scope)

    assert holds("==") is not holds("!=")
    assert not (holds("<") and holds(">"))
    assert not (holds("<") and not holds("<="))
    assert compile_expression("math.js", "{{b}} == {{a}}").evaluate(scope) is holds("==")


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 1000))
def test_arithmetic_is_that_of_numbers(a, b, c):
    scope = {"a": a, "b": b, "c": c}
    assert compile_expression("math.js", "{{a}} + {{b}} * {{c}} - {{a}}").evaluate(scope) == b * c
    assert compile_expression("math.js", "({{a}} * {{c}}) / {{c}}").evaluate(scope) == a


def test_the_meter_counts_items_and_texts():
    meter = Meter(100)
    meter.weigh([1, "x" * 64, {"a": 1}])
    assert meter.left == 100 - (1 + 3) - 4 - (1 + 2)
