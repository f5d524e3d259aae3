from typing import Any

import pytest

from executions.testing import simulate
from tests.building import build
from workflows.errors import Invalid
from workflows.instructions.json_variable_mapping import JsonVariableMapping
from workflows.statuses import JobStatus

EACH = "___arr$___"
SOURCE = {
    "id": 7,
    "note": None,
    "customer": {"name": "Ada", "tags": ["a", "b"]},
    "lines": [
        {"sku": "x", "amount": 0, "parts": [{"n": 1}, {"n": 2}]},
        {"sku": "", "amount": 3, "parts": []},
        None,
        {"amount": 4, "parts": [{"n": 3}]},
    ],
}


def mapped(make_step: Any, *paths: list[str], source: Any = "{{$context}}", **config: Any) -> Any:
    variables = [{"key": f"k{place}", "paths": path} for place, path in enumerate(paths)]
    config = {"dataSource": source, "variables": variables, **config}
    return JsonVariableMapping().run(make_step(JsonVariableMapping, config, scope={"$context": SOURCE}))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(["id"], 7, id="a key"),
        pytest.param(["customer", "name"], "Ada", id="deeper"),
        pytest.param(["customer"], SOURCE["customer"], id="an object"),
        pytest.param(["note"], None, id="null"),
        pytest.param(["lines", "1", "amount"], 3, id="192 an explicit index"),
        pytest.param(["lines", EACH, "amount"], [3, 4], id="192 each element, without what is null or 0"),
        pytest.param(["lines", EACH, "sku"], ["x"], id="192 or missing, or empty text"),
        pytest.param(["customer", "tags", EACH], ["a", "b"], id="each element itself"),
        pytest.param(["lines", EACH, "parts", EACH, "n"], [1, 2, 3], id="lists in lists are one"),
        pytest.param(["lines", EACH, "parts"], [[{"n": 1}, {"n": 2}], [], [{"n": 3}]], id="lists as they are"),
        pytest.param(["lines", EACH, "parts", "0", "n"], [1, 3], id="an index behind each"),
        pytest.param(["lines", EACH, "nothing"], [], id="nothing in any of them"),
    ],
)
@pytest.mark.parametrize("parse_array", [False, True])
def test_the_value_at_the_path(make_step: Any, path: list[str], value: Any, parse_array: bool) -> None:
    outcome = mapped(make_step, path, parseArray=parse_array)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, {"k0": value})


@pytest.mark.parametrize(
    "path",
    [
        ["missing"],
        ["customer", "missing"],
        ["id", "deeper"],
        ["note", "deeper"],
        ["customer", EACH],
        ["customer", "name", "0"],
        ["lines", "9"],
        ["lines", "-1"],
        ["lines", "first"],
        ["lines", "²"],
        ["lines", "9" * 5000],
        ["__class__"],
    ],
)
def test_192_a_missing_path_is_absent(make_step: Any, path: list[str]) -> None:
    outcome = mapped(make_step, path, ["id"])
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, {"k1": 7})


@pytest.mark.parametrize("source", [None, "{{$context.missing}}", "{{$context.note}}", "text", 5, True, '{"id": 7}'])
def test_192_what_is_no_object_is_failed_with_a_text(make_step: Any, source: Any) -> None:
    outcome = mapped(make_step, ["id"], source=source)
    assert outcome.status == JobStatus.FAILED
    assert outcome.result.endswith(".")


def test_a_list_is_a_source_too(make_step: Any) -> None:
    assert mapped(make_step, ["0", "n"], [EACH, "n"], source=[{"n": 1}, {"n": 2}]).result == {"k0": 1, "k1": [1, 2]}


def test_children_stand_beside_their_parents_and_a_path_may_be_a_text(make_step: Any) -> None:
    child = {"key": "name", "path": "customer.name", "paths": None, "children": None}
    parent = {
        "key": "customer",
        "path": "customer",
        "children": [child, {"key": "tag", "paths": ["customer", "tags", 0]}],
    }
    config = {"dataSource": "{{$context}}", "variables": [parent, {"key": "all"}]}
    result = JsonVariableMapping().run(make_step(JsonVariableMapping, config, scope={"$context": SOURCE})).result
    assert result == {"customer": SOURCE["customer"], "name": "Ada", "tag": "a", "all": SOURCE}


def test_later_nodes_are_told_of_the_keys() -> None:
    variables = [{"key": "a", "paths": ["x", "y"], "children": [{"key": "b", "paths": ["x", EACH]}]}]
    shape = JsonVariableMapping().result_shape(JsonVariableMapping().parse({"variables": variables}))
    assert {key: (part.kind, part.title) for key, part in shape.parts.items()} == {
        "a": ("any", "x.y"),
        "b": ("list", f"x.{EACH}"),
    }


@pytest.mark.parametrize(("length", "kept"), [(20, list(range(20))), (21, {"length": 21})])
def test_of_a_long_source_the_input_has_the_length(make_step: Any, length: int, kept: Any) -> None:
    config = {"dataSource": "{{$context.rows}}"}
    step = make_step(JsonVariableMapping, config, scope={"$context": {"rows": list(range(length))}})
    assert JsonVariableMapping().run(step).status == JobStatus.RESOLVED
    assert step.input["dataSource"] == kept


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"variables": {}}, "variables"),
        ({"variables": [{"paths": ["a"]}]}, "variables.0.key"),
        ({"variables": [{"key": "", "paths": ["a"]}]}, "variables.0.key"),
        ({"variables": [{"key": "a", "paths": "a"}]}, "variables.0.paths"),
        ({"variables": [{"key": "a", "paths": [None]}]}, "variables.0.paths.0"),
        ({"variables": [{"key": "a", "children": [{"key": 1}]}]}, "variables.0.children.0.key"),
        ({"parseArray": "perhaps"}, "parseArray"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        JsonVariableMapping().check(JsonVariableMapping().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize("config", [{}, {"dataSource": None, "variables": None, "parseArray": None}])
def test_an_empty_configuration_is_accepted(config: dict[str, Any]) -> None:
    JsonVariableMapping().check(JsonVariableMapping().parse(config))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("context", "status", "output"),
    [({"data": {"items": [{"n": 1}, {"n": 2}]}}, 1, [1, 2]), ({"data": None}, -1, None), ({"data": "text"}, -1, None)],
)
def test_in_a_run(context: dict[str, Any], status: int, output: Any) -> None:
    config = {"dataSource": "{{$context.data}}", "variables": [{"key": "numbers", "paths": ["items", EACH, "n"]}]}
    steps = [("json-variable-mapping", config), ("output", {"value": "{{$jobsMapByNodeKey.n1.numbers}}"})]
    simulation = simulate(build(steps), context)
    assert (simulation.status, simulation.output) == (status, output)
    assert bool(simulation.error) is (status < 0)


def test_can_be_tried_alone() -> None:
    config = {"dataSource": {"a": 1}, "variables": [{"key": "k", "paths": ["a"]}]}
    assert JsonVariableMapping().test(config).result == {"k": 1}
