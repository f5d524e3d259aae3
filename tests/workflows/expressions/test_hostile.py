"""Expressions and templates made to break out, to blow up or to never end; each gives an error or a harmless value."""

import json
import time

import pytest

from tests.workflows.expressions.corpus import CORPUS, METERED, SCOPE, TEMPLATES
from workflows.expressions import ExpressionError, compile_expression, compile_logic, compile_template
from workflows.expressions.limits import LIST_LIMIT, STEP_LIMIT, TEXT_LIMIT
from workflows.jsonable import jsonable

SECONDS = 1.0


def shorten(text):
    return text if len(text) <= 60 else f"{text[:50]}...{len(text)}"


def attempt(text, call):
    """What the call gives, or its error as text; it takes less than a second and reaches no secret."""
    begin = time.perf_counter()
    try:
        result = call()
    except ExpressionError as error:
        result = str(error)
    assert time.perf_counter() - begin < SECONDS
    shown = str(result)[:20_000] if not isinstance(result, dict) else ""
    assert "$env" in text or "s3cret" not in shown
    assert "<built-in" not in shown
    return result


@pytest.mark.parametrize("engine", ["math.js", "formula.js"])
@pytest.mark.parametrize("text", CORPUS, ids=shorten)
def test_expression_ends_soon_with_an_error_or_a_harmless_value(engine, text):
    result = attempt(text, lambda: compile_expression(engine, text).evaluate(SCOPE))
    if isinstance(result, str | list):
        assert len(result) <= max(TEXT_LIMIT, LIST_LIMIT)
    json.dumps(jsonable(result), allow_nan=False)


@pytest.mark.parametrize("text", METERED, ids=shorten)
def test_what_repeats_uses_the_budget_up(text):
    expression = compile_expression("math.js", text)
    with pytest.raises(ExpressionError, match=f"more than {STEP_LIMIT} steps"):
        expression.evaluate(SCOPE)


@pytest.mark.parametrize("text", TEMPLATES, ids=shorten)
def test_template_ends_soon(text):
    attempt(text, lambda: compile_template({"a": [text], text: 1}).render(SCOPE))


def test_what_a_placeholder_brings_is_not_read_again():
    assert compile_template("{{$context.data.braces}}!").render(SCOPE) == "{{$env.SECRET}}!"


def test_the_corpus_is_large_enough():
    assert len(set(CORPUS)) + len(set(TEMPLATES)) >= 300


@pytest.mark.parametrize("calculator", ["equal", "gt", "includes", "startsWith"])
@pytest.mark.parametrize("name", ["text", "list", "deep", "wide", "big", "nan", "object", "type", "nul", "half"])
def test_logic_ends_soon(calculator, name):
    tree = {"calculator": calculator, "operands": [f"{{{{$context.data.{name}}}}}"] * 2}
    begin = time.perf_counter()
    assert compile_logic(tree).evaluate(SCOPE) in (True, False)
    assert time.perf_counter() - begin < SECONDS
