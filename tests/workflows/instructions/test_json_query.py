import sys
from concurrent.futures import ThreadPoolExecutor
from time import thread_time
from typing import Any

import pytest

from executions.testing import simulate
from tests.building import build
from workflows.errors import Invalid
from workflows.instructions import json_query_engines
from workflows.instructions.json_query import JsonQuery
from workflows.instructions.json_query_engines import compile_query
from workflows.statuses import JobStatus

SOURCE = {
    "order": {"id": 7, "customer": {"name": "Ada"}},
    "lines": [
        {"sku": "x", "amount": 2, "product": {"price": 5}},
        {"sku": "y", "amount": 1, "product": {"price": 20}},
        {"sku": "z", "amount": 9, "product": {"price": 1}},
    ],
    "big": "b" * 10_000,
    "least": 2,
}
ENGINES = ["jmespath", "jsonpathplus", "jsonata"]


def found(make_step: Any, engine: str, expression: Any, source: Any = "{{$context}}", **config: Any) -> Any:
    config = {"engine": engine, "source": source, "expression": expression, **config}
    return JsonQuery().run(make_step(JsonQuery, config, scope={"$context": SOURCE}))


@pytest.mark.parametrize(
    ("engine", "expression", "result"),
    [
        pytest.param("jmespath", "lines[*].sku", ["x", "y", "z"], id="191 jmespath"),
        pytest.param("jmespath", "lines[?amount >= `2`].product.price", [5, 1], id="jmespath, a filter"),
        pytest.param("jmespath", "sum(lines[*].amount)", 12, id="jmespath, a function"),
        pytest.param("jmespath", "{n: order.id, s: lines[-1].sku}", {"n": 7, "s": "z"}, id="jmespath, an object"),
        pytest.param("jmespath", "join('-', lines[*].sku)", "x-y-z", id="jmespath, a text"),
        pytest.param("jmespath", "nothing.here", None, id="jmespath, nothing"),
        pytest.param("jsonpathplus", "$.lines[*].sku", ["x", "y", "z"], id="191 jsonpathplus"),
        pytest.param("jsonpathplus", "$.lines[?(@.amount >= 2)].sku", ["x", "z"], id="jsonpath, a filter"),
        pytest.param("jsonpathplus", "$.lines[?(@.sku == 'y')].sku", ["y"], id="jsonpath, one of a filter is a list"),
        pytest.param("jsonpathplus", "$.order.id", 7, id="jsonpath, one value is no list"),
        pytest.param("jsonpathplus", "$.lines[0]", SOURCE["lines"][0], id="jsonpath, one object"),  # type: ignore[index]
        pytest.param("jsonpathplus", "$..price", [5, 20, 1], id="jsonpath, at any depth"),
        pytest.param("jsonpathplus", "$.lines[1:].sku", ["y", "z"], id="jsonpath, a slice"),
        pytest.param("jsonpathplus", "$.nothing", None, id="jsonpath, no value"),
        pytest.param("jsonpathplus", "$.lines[?(@.amount > 99)]", None, id="jsonpath, an empty list"),
        pytest.param("jsonpathplus", "$.order.~", ["id", "customer"], id="jsonpath, keys"),
        pytest.param("jsonata", "lines.sku", ["x", "y", "z"], id="191 jsonata"),
        pytest.param("jsonata", "$sum(lines.(amount * product.price))", 39, id="jsonata, computed"),
        pytest.param("jsonata", "lines[amount >= 2].{'s': sku}", [{"s": "x"}, {"s": "z"}], id="jsonata, objects"),
        pytest.param("jsonata", "order.customer.name & '!'", "Ada!", id="jsonata, a text"),
        pytest.param("jsonata", "$pad(order.customer.name, -5, '.')", "..Ada", id="jsonata, padded"),
        pytest.param("jsonata", "order.customer.name.$pad(5, '.')", "Ada..", id="jsonata, padded in a path"),
        pytest.param("jsonata", "$join(lines.sku, '-')", "x-y-z", id="jsonata, joined"),
        pytest.param("jsonata", "$replace('a.b.c', '.', '-')", "a-b-c", id="jsonata, replaced"),
        pytest.param("jsonata", "nothing.here", None, id="jsonata, nothing"),
    ],
)
def test_191_each_engine_finds_what_is_expected(make_step: Any, engine: str, expression: str, result: Any) -> None:
    outcome = found(make_step, engine, expression)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result), outcome.log
    assert type(outcome.result) is type(result)


@pytest.mark.parametrize(
    ("engine", "expression"),
    [
        ("jmespath", "lines[?amount > `{{$context.least}}`].sku"),
        ("jsonpathplus", "$.lines[?(@.amount > {{$context.least}})].sku"),
        ("jsonata", "lines[amount > {{$context.least}}].sku"),
    ],
)
def test_191_templates_in_the_query_are_rendered_first(make_step: Any, engine: str, expression: str) -> None:
    assert found(make_step, engine, expression).result in (["z"], "z")


@pytest.mark.parametrize("engine", ENGINES)
def test_191_a_parse_error_is_an_error_with_a_log_and_no_result(make_step: Any, engine: str) -> None:
    outcome = found(make_step, engine, "lines[")
    assert (outcome.status, outcome.result) == (JobStatus.ERROR, None)
    levels, lines = zip(*outcome.log, strict=True)
    assert set(levels) == {"ERROR"}
    assert [line.partition(": ")[0] for line in lines][:2] == ["name", "message"]
    assert all(line.partition(": ")[2] and "\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("engine", "expression"),
    [
        ("jmespath", "unknown(@)"),
        ("jmespath", "length(least)"),
        ("jmespath", "{{$context.missing}}"),
        ("jmespath", "{{$context.lines}}"),
        ("jmespath", " "),
        ("jmespath", "a" * 10_001),
        ("jsonpathplus", "$.lines[?unknown(@)]"),
        ("jsonata", "$unknown(lines)"),
        ("jsonata", "order + 1"),
        ("jsonata", "$sum"),
        ("jsonata", "function($x){$x}"),
    ],
)
def test_what_can_not_be_answered_is_an_error_that_says_why(make_step: Any, engine: str, expression: str) -> None:
    outcome = found(make_step, engine, expression)
    assert (outcome.status, outcome.result) == (JobStatus.ERROR, None)
    assert len(outcome.log) >= 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("source", [None, "{{$context.missing}}"])
def test_nothing_is_found_in_nothing(make_step: Any, engine: str, source: Any) -> None:
    expression = "$.order" if engine == "jsonpathplus" else "order"
    outcome = found(make_step, engine, expression, source)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, None)


def test_an_unknown_engine_gives_the_source(make_step: Any) -> None:
    outcome = found(make_step, "xpath", "//sku", model=[{"path": "order.id"}])
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, SOURCE)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        pytest.param("order", {"customer_name": "Ada", "number": 7, "gone": None}, id="an object"),
        pytest.param("[order, order]", [{"customer_name": "Ada", "number": 7, "gone": None}] * 2, id="a list of them"),
        pytest.param("lines[*].amount", [2, 1, 9], id="a list of others"),
        pytest.param("least", 2, id="another value"),
        pytest.param("nothing", None, id="nothing"),
    ],
)
def test_the_model_says_what_is_kept_of_objects(make_step: Any, expression: str, result: Any) -> None:
    model = [
        {"path": "customer.name", "label": "Customer"},
        {"path": "id", "alias": "number"},
        {"path": "a.b.c", "alias": "gone"},
    ]
    assert found(make_step, "jmespath", expression, model=model).result == result


def test_later_nodes_are_told_of_the_model() -> None:
    model = [{"path": "customer.name", "label": "Customer"}, {"path": "id", "alias": "number"}]
    shape = JsonQuery().result_shape(JsonQuery().parse({"model": model}))
    assert {key: part.title for key, part in shape.parts.items()} == {"customer_name": "Customer", "number": ""}


@pytest.mark.parametrize(
    ("engine", "expression", "word"),
    [
        pytest.param("jmespath", "[@, @]" + " | [].[@, @]" * 60, "steps", id="lists that double"),
        pytest.param("jmespath", "join('', [big, big])" + " | join('', [@, @])" * 60, "text", id="texts that double"),
        pytest.param("jmespath", "join(big, many)", "text", id="a long text between"),
        pytest.param("jmespath", f"[{', '.join(['sort(long)'] * 800)}]", "steps", id="functions of long lists"),
        pytest.param("jsonpathplus", "$..[?(@..[?(@..[?(@..nothing)])])]", "steps", id="filters in filters"),
        pytest.param("jsonpathplus", "$" + "[*, *, *, *]" * 30, "steps", id="selectors that double"),
        pytest.param("jsonata", "($f := function($n) { $f($n + 1) }; $f(1))", "steps", id="an endless loop"),
        pytest.param("jsonata", "($f := function($n) { 1 + $f($n) }; $f(1))", "deep", id="endless calls"),
        pytest.param("jsonata", "[1..9999999]", "list", id="a long list"),
        pytest.param("jsonata", "$sum([1..9999999])", "list", id="a long list inside"),
        pytest.param("jsonata", "($s := big;" + "$s := $s & $s;" * 60 + "$s)", "text", id="jsonata, texts that double"),
        pytest.param("jsonata", "$pad('x', 1000000000)", "text", id="a wide text"),
        pytest.param("jsonata", "$pad('x', -1000000000)", "text", id="a wide text to the left"),
        pytest.param("jsonata", "big.$pad(1000000000)", "text", id="a wide text in a path"),
        pytest.param("jsonata", "many ~> $join(big)", "text", id="jsonata, a long text between"),
        pytest.param("jsonata", "$replace(big, 'b', big)", "text", id="a long text in place of each"),
        pytest.param("jsonata", "$eval('[1..9999999]')", "eval", id="a query in a query"),
    ],
)
def test_no_query_holds_a_worker_or_fills_its_memory(make_step: Any, engine: str, expression: str, word: str) -> None:
    more = {"many": ["t"] * 200, "deep": _nested(8)}
    if "sort(long)" in expression:
        more["long"] = [str(number * 7 % 100_003) for number in range(100_000)]
    before = thread_time()
    outcome = found(make_step, engine, expression, {**SOURCE, **more})
    assert (outcome.status, outcome.result) == (JobStatus.ERROR, None)
    assert any(word in line for _level, line in outcome.log), outcome.log
    assert thread_time() - before < 20


def _nested(levels: int) -> Any:
    return [_nested(levels - 1) for _ in range(3)] if levels else {}


@pytest.mark.parametrize(
    ("engine", "expression"),
    [
        ("jsonpathplus", "$.lines[?(@.sku =~ /x+/)]"),
        ("jsonpathplus", "$.lines[?match(@.sku, 'x+')]"),
        ("jsonpathplus", "$.lines[?search(@.sku, 'x+')]"),
        ("jsonata", "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/)"),
        ("jsonata", "$eval(\"$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/)\")"),
    ],
)
def test_regular_expressions_are_refused(make_step: Any, engine: str, expression: str) -> None:
    """Nothing could stop one that runs for hours."""
    assert found(make_step, engine, expression).status == JobStatus.ERROR


@pytest.mark.parametrize(
    ("engine", "expression"), [("jmespath", "[*].n"), ("jsonpathplus", "$[*].n"), ("jsonata", "n")]
)
def test_many_rows_are_within_the_bounds(engine: str, expression: str) -> None:
    assert compile_query(engine, expression)([{"n": number} for number in range(50_000)]) == list(range(50_000))


@pytest.mark.parametrize("engine", ENGINES)
def test_one_query_serves_many_threads(engine: str) -> None:
    query = compile_query(engine, "$.n" if engine == "jsonpathplus" else "n")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: query({"n": number}), range(500))) == list(range(500))


@pytest.mark.parametrize(("engine", "library"), [("jsonpathplus", "jsonpath"), ("jsonata", "jsonata")])
def test_an_engine_that_is_not_installed_is_told_when_the_node_is_saved(
    monkeypatch: pytest.MonkeyPatch, engine: str, library: str, make_step: Any
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    json_query_engines._jsonpath_environment.cache_clear()
    config = {"engine": engine, "expression": "$.a", "source": {}}
    with pytest.raises(Invalid) as raised:
        JsonQuery().check(JsonQuery().parse(config))
    assert "django-sluice[queries]" in str(raised.value.errors["engine"])
    outcome = found(make_step, engine, "$.a")
    assert outcome.status == JobStatus.ERROR
    assert any("django-sluice[queries]" in line for _level, line in outcome.log)


@pytest.mark.parametrize(("length", "kept"), [(20, list(range(20))), (21, {"length": 21})])
def test_of_a_long_source_the_input_has_the_length(make_step: Any, length: int, kept: Any) -> None:
    config = {"source": "{{$context.rows}}", "expression": "length(@)"}
    step = make_step(JsonQuery, config, scope={"$context": {"rows": list(range(length))}})
    assert JsonQuery().run(step).status == JobStatus.RESOLVED
    assert step.input["source"] == kept


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"engine": "xpath"}, "engine"),
        ({"engine": 5}, "engine"),
        ({"expression": "a["}, "expression"),
        ({"expression": "a" * 10_001}, "expression"),
        ({"engine": "jsonpathplus", "expression": "$.a["}, "expression"),
        ({"engine": "jsonata", "expression": "a["}, "expression"),
        ({"engine": "jsonata", "expression": "$match(a, /b/)"}, "expression"),
        ({"expression": ["a"]}, "expression"),
        ({"model": {}}, "model"),
        ({"model": [{}]}, "model.0.path"),
        ({"model": [{"path": ""}]}, "model.0.path"),
        ({"model": [{"path": "a"}, {"path": "b", "alias": 5}]}, "model.1.alias"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        JsonQuery().check(JsonQuery().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize(
    "config", [{}, {"engine": None, "expression": None, "model": None}, {"expression": "a[{{$context.n}}"}]
)
def test_these_are_accepted(config: dict[str, Any]) -> None:
    JsonQuery().check(JsonQuery().parse(config))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("context", "status", "result"),
    [({"rows": [{"n": 1}, {"n": 3}]}, 1, [3]), ({}, 1, None), ({"rows": [{"n": 3}], "least": "x`"}, -2, None)],
)
def test_in_a_run(context: dict[str, Any], status: int, result: Any) -> None:
    config = {"source": "{{$context.rows}}", "expression": "[?n > `{{$context.least:2}}`].n"}
    simulation = simulate(build([("json-query", config)]), context)
    assert (simulation.status, simulation.result("n1")) == (status, result)
    assert ("name: " in (simulation.jobs[0].log or "")) is (status < 0)


def test_can_be_tried_alone() -> None:
    tried = JsonQuery().test({"source": {"a": [1, 2]}, "expression": "a[1]"})
    assert (tried.status, tried.result) == (JobStatus.RESOLVED, 2)
    assert JsonQuery().test({"source": "{{$context}}", "expression": "{{$context.query}}"}).status == JobStatus.ERROR
