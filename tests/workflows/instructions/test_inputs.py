"""Every kind leaves the resolved configuration as its job's input."""

from typing import Any

import pytest

from config.shop.models import Customer
from executions import start
from executions.models import Job
from executions.testing import drain, simulate
from tests.building import build
from workflows.instructions import instructions

A_CUSTOMER = {"collection": "shop.Customer", "params": {"filter": {"name": "{{$context.name}}"}}}
SHOWN = {"collection": "shop.Customer", "params": {"filter": {"name": "Ada"}}}
ASKED = {"engine": "math.js", "expression": "{{$context.n}} == 2"}
TREE = {"calculator": "equal", "operands": ["{{$context.n}}", 2]}
RESOLVED = {"calculator": "equal", "operands": [2, 2]}
INSIDE = [("output", {"value": "in"})]
URL = {"url": "https://example.com/{{$context.name}}", "method": "GET"}

#: type -> (configuration, branches, what the input holds at least)
KINDS: dict[str, tuple[dict[str, Any], dict[int, Any], Any]] = {
    "condition": ({"calculation": TREE}, {1: INSIDE}, {"calculation": RESOLVED}),
    "multi-conditions": (
        {"conditions": [{**ASKED, "expression": "1 == 2"}, {"calculation": TREE}, ASKED]},
        {2: INSIDE},
        {"conditions": [{"expression": "1 == 2"}, {"calculation": RESOLVED}]},
    ),
    "loop": ({"target": "{{$context.items}}", "exit": 1}, {0: INSIDE}, {"target": [1, 2], "exit": 1}),
    "parallel": ({}, {0: INSIDE, 1: INSIDE}, {"mode": "all"}),
    "delay": ({"duration": "{{$context.n}}", "unit": 60_000}, {}, {"duration": 2, "unit": 60_000, "endStatus": 1}),
    "subflow": (
        {"workflow": "called", "values": {"name": "{{$context.name}}"}},
        {},
        {"workflow": "called", "values": {"name": "Ada"}},
    ),
    "manual": (
        {"assignees": [["{{$context.nobody}}"]], "title": "For {{$context.name}}", "mode": 1},
        {},
        {"assignees": [], "title": "For Ada", "mode": 1},
    ),
    "cc": ({"users": [], "title": "For {{$context.name}}"}, {}, {"users": [], "title": "For Ada"}),
    "approval": (
        {"assignees": ["{{$context.name}}"], "title": "{{$context.name}}", "data": "{{$context.n}}", "onEmpty": "pass"},
        {},
        {"assignees": [], "title": "Ada", "data": 2, "agreement": "anyone", "order": "parallel"},
    ),
    "callback": ({}, {}, {}),
    "output": ({"value": {"name": "{{$context.name}}"}}, {}, {"value": {"name": "Ada"}}),
    "end": ({"endStatus": 1}, {}, {"endStatus": 1}),
    "calculation": ({"expression": "1 + {{$context.n}}"}, {}, {"expression": "1 + {{$context.n}}"}),
    "create": (
        {"collection": "shop.Customer", "params": {"values": {"name": "{{$context.name}}"}}},
        {},
        {"collection": "shop.Customer", "params": {"values": {"name": "Ada"}, "appends": []}},
    ),
    "update": ({**A_CUSTOMER, "params": {**A_CUSTOMER["params"], "values": {"name": "Eve"}}}, {}, {}),
    "destroy": (A_CUSTOMER, {}, SHOWN),
    "query": (A_CUSTOMER, {}, {}),
    "aggregate": ({**A_CUSTOMER, "aggregator": "count", "params": {**A_CUSTOMER["params"], "field": "id"}}, {}, {}),
    "variable": ({"value": ["{{$context.n}}"]}, {}, {"target": None, "value": [2]}),
    "dateCalculation": (
        {"input": "{{$context.n}}", "steps": [{"function": "toTimestamp", "arguments": {"unit": "millisecond"}}]},
        {},
        {"input": 2, "inputType": "date", "steps": [{"function": "toTimestamp", "arguments": {"unit": "millisecond"}}]},
    ),
    "dynamic-calculation": (
        {"expression": {"expression": "1 + {{n}}"}, "scope": "{{$context}}"},
        {},
        {"expression": {"expression": "1 + {{n}}"}, "scope": {"name": "Ada", "n": 2, "items": [1, 2]}},
    ),
    "json-query": (
        {"source": "{{$context.items}}", "expression": "[?@ == `{{$context.n}}`]"},
        {},
        {"engine": "jmespath", "source": [1, 2], "expression": "[?@ == `2`]"},
    ),
    "json-variable-mapping": (
        {"dataSource": "{{$context}}", "variables": [{"key": "k", "paths": ["n"]}]},
        {},
        {"dataSource": {"name": "Ada", "n": 2, "items": [1, 2]}},
    ),
    "sql": (
        {"sql": "SELECT :n", "variables": [{"name": "n", "value": "{{$context.n}}"}]},
        {},
        {"dataSource": "default", "sql": "SELECT :n", "variables": [{"name": "n", "value": 2}]},
    ),
    "script": (
        {"content": "return n", "arguments": [{"name": "n", "value": "{{$context.n}}"}], "timeout": 500},
        {},
        {"arguments": [{"name": "n", "value": 2}], "timeout": 500},
    ),
    "mailer": (
        {"to": ["{{$context.name}}@example.com"], "subject": "Hi", "html": "{{$context.n}}"},
        {},
        {"to": ["Ada@example.com"], "subject": "Hi", "html": 2, "contentType": "html"},
    ),
    "notification": (
        {"channelName": "ops", "message": {"body": {"n": "{{$context.n}}"}}},
        {},
        {"channelName": "ops", "message": {"body": {"n": 2}}},
    ),
    "llm": (
        {"llmService": "ours", "messages": [{"content": "Hi {{$context.name}}"}]},
        {},
        {"llmService": "ours", "messages": [{"role": "user", "content": "Hi Ada"}]},
    ),
    "request": (URL, {}, {"method": "GET", "url": "https://example.com/Ada"}),
    "transaction": ({"continueOnRollback": True}, {1: INSIDE}, {"continueOnRollback": True}),
    "response-message": ({"message": "Hi {{$context.name}}"}, {}, {"message": "Hi Ada"}),
    "response": (
        {"statusCode": 201, "headers": [{"name": "X-N", "value": "{{$context.n}}"}], "body": "{{$context.items}}"},
        {},
        {"statusCode": 201, "headers": [{"name": "X-N", "value": 2}], "body": [1, 2]},
    ),
}
CONTEXT = {"name": "Ada", "n": 2, "items": [1, 2]}
STEPS = [pytest.param((kind, config, branches), shown, id=kind) for kind, (config, branches, shown) in KINDS.items()]


def built_in() -> set[str]:
    return {name for name, kind in instructions().items() if type(kind).__module__.startswith("workflows.")}


def test_the_table_knows_every_kind() -> None:
    assert built_in() <= KINDS.keys(), "Say in KINDS what input the new kind leaves."


@pytest.mark.django_db
@pytest.mark.parametrize(("step", "shown"), STEPS)
def test_what_was_resolved_is_the_input(step: Any, shown: Any, settings: Any) -> None:
    settings.SLUICE = {
        "SQL_ALIASES": {"default": "read"},
        "CHANNELS": {"ops": {"type": "webhook", "url": "https://example.com"}},
        "LLM": {"ours": {"url": "https://example.com", "key": "hidden", "model": "small"}},
        "SCRIPT": {"enabled": True},
    }
    simulation = simulate(build([step]), CONTEXT, complete={"n1": None})
    assert simulation.status == 1, simulation.error
    job = simulation.jobs[0]
    assert job.input is not None
    assert job.input == job.input | shown


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
def test_what_fails_or_touches_the_world_leaves_it_too(sync: bool, settings: Any) -> None:
    Customer.objects.create(name="Ada")
    bad = ("delay", {"duration": "{{$context.name}}"}, {}, {"onError": "continue"})
    call = ("request", {"url": "http://127.0.0.1:9/{{$context.name}}", "ignoreFail": True, "method": "GET"})
    execution = start(build([call, ("destroy", A_CUSTOMER), bad], sync=sync), CONTEXT)
    drain()
    assert execution is not None
    inputs = dict(Job.objects.filter(execution_id=execution.pk).values_list("node_key", "input"))
    assert inputs["n1"]["url"] == "http://127.0.0.1:9/Ada"
    assert inputs["n2"] == SHOWN
    assert inputs["n3"] == {"duration": "Ada", "unit": 1000, "endStatus": 1}


@pytest.mark.django_db
def test_a_loop_that_its_condition_ended_shows_the_question() -> None:
    asked = {"calculation": {"calculator": "lt", "operands": ["{{$scopes.n1.item}}", 2]}}
    loop = ("loop", {"target": [1, 2, 3], "condition": asked}, {0: INSIDE})
    [job, *_] = simulate(build([loop])).jobs
    assert job.result == {"looped": 1, "done": 1, "broken": True}
    condition = {"calculation": {"calculator": "lt", "operands": [2, 2]}}
    assert job.input == {"target": [1, 2, 3], "exit": 0, "condition": condition}


@pytest.mark.django_db
@pytest.mark.parametrize(("length", "shown"), [(20, list(range(20))), (21, {"length": 21})])
@pytest.mark.parametrize("as_template", [True, False])
def test_a_long_target_is_shown_by_its_length(length: int, shown: Any, as_template: bool) -> None:
    items = list(range(length))
    loop = ("loop", {"target": "{{$context.items}}" if as_template else items}, {0: INSIDE})
    assert simulate(build([loop]), {"items": items}).jobs[0].input == {"target": shown, "exit": 0}
