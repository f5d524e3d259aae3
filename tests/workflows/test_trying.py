from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.instructions import instructions
from workflows.statuses import JobStatus
from workflows.trying import try_node

pytestmark = pytest.mark.django_db
CONTEXT = {"n": 4, "row": {"a": 1}, "day": "2024-02-28"}


@pytest.mark.parametrize(
    ("type", "config", "result"),
    [
        ("calculation", {"expression": "{{$context.n}} * 2"}, 8),
        ("condition", {"engine": "math.js", "expression": "{{$context.n}} > 3"}, True),
        ("multi-conditions", {"conditions": [{"engine": "math.js", "expression": "{{$context.n}} > 3"}]}, True),
        ("dateCalculation", {"input": "{{$context.day}}", "steps": [{"function": "isLeapYear"}]}, True),
        ("dynamic-calculation", {"expression": {"expression": "{{a}} + 1"}, "scope": "{{ctx.$context.row}}"}, 2),
        ("json-query", {"source": "{{$context.row}}", "expression": "a"}, 1),
        (
            "json-variable-mapping",
            {"dataSource": "{{$context}}", "variables": [{"key": "k", "paths": ["row", "a"]}]},
            {"k": 1},
        ),
    ],
)
def test_a_kind_is_tried_with_a_sample(type: str, config: dict[str, Any], result: Any) -> None:
    outcome = try_node(type, config, CONTEXT)
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, result)
    assert outcome.input is not None


def test_a_failure_is_an_outcome() -> None:
    outcome = try_node("json-query", {"expression": "{{$context.query}}", "source": {}}, {"query": "a["})
    assert (outcome.status, outcome.result) == (JobStatus.ERROR, None)
    assert outcome.log
    assert try_node("calculation", {"expression": "sqrt({{$context.n}})"}, {"n": "x"}).status == JobStatus.ERROR


def test_without_a_context_placeholders_come_to_nothing() -> None:
    assert try_node("calculation", {"expression": "{{$context.n}}"}).result is None


def test_a_call_of_the_world_is_made() -> None:
    """To an address inside the network, which is refused before anything is sent."""
    outcome = try_node("request", {"url": "http://{{$context.host}}:9/", "method": "GET"}, {"host": "127.0.0.1"})
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, "ERR_BLOCKED")
    assert outcome.input["url"] == "http://127.0.0.1:9/"


def test_results_are_as_a_job_would_keep_them() -> None:
    outcome = try_node("dateCalculation", {})
    assert outcome.result.endswith("Z")
    assert isinstance(outcome.input["input"], str)


@pytest.mark.parametrize(
    ("type", "config", "field"),
    [
        ("nothing", {}, "type"),
        ("end", {}, "type"),
        ("variable", {}, "type"),
        ("calculation", {"expression": "1 +"}, "config.expression"),
        ("dateCalculation", {"steps": [{"function": "explode"}]}, "config.steps.0.function"),
        ("json-query", {"engine": "xpath"}, "config.engine"),
        ("json-query", [], "config"),
        ("calculation", {"expression": "\x00"}, "config.expression"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_path(type: str, config: Any, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        try_node(type, config)
    assert field in raised.value.errors


def test_a_context_that_could_not_be_stored_is_refused() -> None:
    with pytest.raises(Invalid) as raised:
        try_node("calculation", {"expression": "1"}, {"a": float("nan")})
    assert "context.a" in raised.value.errors


#: These make no sense without a configuration; their own tests try them.
NEEDY = {"notification", "llm", "query", "aggregate"}


@pytest.mark.parametrize("type", [name for name, kind in instructions().items() if kind.testable and name not in NEEDY])
def test_every_kind_that_opts_in_can_be_tried(type: str, settings: Any) -> None:
    settings.SLUICE = {"SQL_ALIASES": {"default": "read"}, "SCRIPT": {"enabled": True}}
    assert try_node(type, {}).status in {JobStatus.RESOLVED, JobStatus.FAILED, JobStatus.ERROR}
