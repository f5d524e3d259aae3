import time

import pytest

from workflows.expressions import ExpressionError, compile_expression, compile_template
from workflows.expressions.placeholders import broken, misnamed

NOT_CLOSED = "A placeholder is not closed; write {{ before and }} behind it."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "{{$context.data.id}}",
        "a {{ ctx.$context.data.id:none }} b {{$system.now}}",
        "{{{$context.data.id}}}",
        '{"a":{"b":"{{$context.data.id}}"}}',
        '{"a":{"b":1}}',
        '{"a":{"b":{{$context.n}}}}',
        "{$context.data.id}",
        "costs $5 }}",
        "x{{$context.a}}{{$context.b}}y",
    ],
)
def test_nothing_is_broken(text):
    assert broken(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "{{$context.data.id",
        "{{$context.data.id}",
        "No. {{$context.data.id} of {{$context.data.total}}",
        "{{$context.a}} and {{$context.b",
        "$context.data.id}}",
        "{$context.data.id}}",
        "{{$context.a}} and { ctx.$context.b }}",
        "{{ {{$context.a}} }}",
        "{{",
        "{{\n\n",
    ],
)
def test_not_closed(text):
    assert broken(text) == NOT_CLOSED
    # What a run makes of it is another matter: it is text (spec 6.4).
    scope = {"$context": {"a": 1, "b": 2, "data": {"id": 3, "total": 4}}}
    assert "{" in str(compile_template(text).render(scope)) or "}}" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{{$context.data["id"]}}', '$context.data["id"]'),
        ("x {{#if more}} y", "#if more"),
        ("{{$context.a > 1}}", "$context.a > 1"),
    ],
)
def test_more_than_a_path(text, said):
    assert broken(text) == "Between {{ and }} stands a path like $context.data.id, not %s." % said  # noqa: UP031


def test_empty():
    assert (
        broken("{{}}")
        == misnamed("")
        == "A placeholder is empty; write a path like $context.data.id between {{ and }}."
    )


@pytest.mark.parametrize(
    "path", ["$context", "$context.a.0.b c", "ctx", "ctx.$env.KEY", "ctx.ctx.$scopes.x", "$system.now"]
)
def test_known_roots(path):
    assert misnamed(path) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("$contxt.a", 'Did you mean "$context"?'),
        ("context.a", 'Did you mean "$context"?'),
        ("$jobsMapByNodekey.a", 'Did you mean "$jobsMapByNodeKey"?'),
        ("ctx.$scope.a", 'Did you mean "$scopes"?'),
        ("name", "it begins with one of $context, "),
        ("$context..id", "write one dot"),
        ("$context.", "write one dot"),
        (".a", "can't begin with ;"),
    ],
)
def test_misnamed(path, said):
    assert said in misnamed(path)


def test_a_lane_knows_the_context_alone():
    assert misnamed("$context.a", ("$context",)) is None
    assert "$context" in misnamed("ctx.$context.a", ("$context",))


@pytest.mark.parametrize("engine", ["math.js", "formula.js"])
@pytest.mark.parametrize("text", ["1 + {{$context.data.id", "{{$context.data.id} + 1", "{{"])
def test_an_expression_says_it_too(engine, text):
    with pytest.raises(ExpressionError, match="A placeholder is not closed; write {{ before and }} behind it"):
        compile_expression(engine, text)


@pytest.mark.parametrize(
    "text", ["{{" * 50_000, "{" * 100_000, "{{a" * 30_000, "$context." * 11_000, "ctx." * 25_000 + "}}"]
)
def test_long_texts_take_no_long_time(text):
    start = time.thread_time()
    broken(text)
    assert time.thread_time() - start < 1
