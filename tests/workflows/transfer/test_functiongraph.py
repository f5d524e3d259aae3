"""FunctionGraph's form: what is read, and what is refused at which place."""

import json
from typing import Any

import pytest

from workflows import transfer
from workflows.transfer import readers
from workflows.transfer.functiongraph import FUNCTIONGRAPH
from workflows.transfer.functiongraph.laying import MOST_COPIES

URN = "urn:fss:cn-north-4:73d69ae0cfcf460190522d060f05adaa:workflow:default:quick:latest"
QUICK = {"name": "quick", "operation": URN}


def call(arguments: Any = None, name: str = "quick", **more: Any) -> dict[str, Any]:
    given = {} if arguments is None else {"arguments": arguments}
    return {"function_ref": {"ref_name": name, **given, **more}}


def operation(id: str, *actions: Any, **more: Any) -> dict[str, Any]:
    return {"id": id, "name": id.title(), "type": "Operation", "actions": list(actions or [call()]), **more}


def flow(*states: dict[str, Any], **more: Any) -> dict[str, Any]:
    first = states[0].get("id") if states else ""
    return {"name": "order", "start": first, "functions": [QUICK], "states": list(states), **more}


def read(raw: dict[str, Any]) -> transfer.Definition:
    [definition] = transfer.read(json.dumps(raw))
    return definition


def config(raw: dict[str, Any], key: str) -> Any:
    found = {node["key"]: node["config"] for node in read(raw).nodes}
    return found[key]


def faults(raw: dict[str, Any]) -> dict[str, str]:
    return {fault.place: fault.message for fault in read(raw).faults if fault.fatal}


def tree(raw: dict[str, Any]) -> list[tuple[Any, ...]]:
    definition = read(raw)
    assert not [fault for fault in definition.faults if fault.fatal]
    keys = {node["id"]: node["key"] for node in definition.nodes}
    return [(node["key"], node["type"], keys.get(node["upstream"]), node["branch_index"]) for node in definition.nodes]


END = {"id": "e", "type": "End"}


def test_the_workflow() -> None:
    definition = read(flow(END, description="What it is", mode="EXPRESS"))
    columns = dict(definition.columns)
    assert json.loads(columns.pop("definition_source"))["name"] == "order"
    assert columns == {"type": "manual", "name": "order", "description": "What it is", "sync": True}
    assert definition.title == "order"
    assert read(flow(END, mode="NORMAL")).columns["sync"] is False


def test_states_in_a_row() -> None:
    pause = {"id": "p", "type": "Sleep", "duration": 90, "transition": "b"}
    given = flow(operation("a", transition="p"), pause, operation("b", transition="e"), END)
    assert tree(given) == [
        ("a", "subflow", None, None), ("p", "delay", "a", None), ("b", "subflow", "p", None),
        ("e", "output", "b", None),
    ]  # fmt: skip
    assert config(given, "p") == {"duration": 90, "unit": 1000, "endStatus": 1}
    # A pause hands on what it is given, and the last state's result is what the flow gives.
    assert config(given, "b") == {"workflow": "quick", "values": "{{$jobsMapByNodeKey.a}}"}
    assert config(given, "e") == {"value": "{{$jobsMapByNodeKey.b}}"}


@pytest.mark.parametrize(("named", "title"), [({"name": "Rest"}, "Rest"), ({"name": None}, "p"), ({}, "p")])
def test_a_state_without_a_name_is_titled_by_its_id(named: dict[str, Any], title: str) -> None:
    assert read(flow({"id": "p", "type": "Sleep", "duration": 1, **named})).nodes[0]["title"] == title


@pytest.mark.parametrize("last", [{"end": True}, {}, {"end": True, "transition": None}])
def test_a_last_state_that_is_no_end(last: dict[str, Any]) -> None:
    assert tree(flow(operation("a", **last))) == [("a", "subflow", None, None), ("a-output", "output", "a", None)]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("$", "{{$context}}"),
        ("$.x", "{{$context.x}}"),
        (" $.a.b[0].c ", "{{$context.a.b.0.c}}"),
        ("$['first name'][\"x-y\"]", "{{$context.first name.x-y}}"),
        ("$.名称", "{{$context.名称}}"),
        ("$CONST.rates.high", 0.5),
        ("$CONST.list[1]", "b"),
        ("$CONST", {"rates": {"high": 0.5}, "list": ["a", "b"]}),
        ("'text'", "text"),
        ("''", ""),
        ("'$.x'", "$.x"),
        ("12", 12),
        ("true", True),
        (12.5, 12.5),
        (None, None),
        (False, False),
        ({"deep": ["$.x", "'y'"]}, {"deep": ["{{$context.x}}", "y"]}),
    ],
)
def test_an_argument(argument: Any, value: Any) -> None:
    constants = {"rates": {"high": 0.5}, "list": ["a", "b"]}
    given = flow(operation("a", call({"it": argument})), constants=constants)
    assert config(given, "a")["values"] == {"it": value}


@pytest.mark.parametrize(
    "argument",
    [
        "$..x", "$.x[*]", "$.*", "$.x[?(@.y > 1)]", "$.x[-1]", "$.x[0:2]", "$.length()", "$x", "$.", "$.a..b",
        "$['a.b']", "$['a:b']", "$.a}}{{b", "$CONST.none", "$CONST.secret", "$CONSTANT.x", "text", "", "'a'b'",
        "'{{$env.KEY}}'", "[1]", {"{{x}}": 1},
    ],
)  # fmt: skip
def test_an_argument_that_templates_cannot_say(argument: Any) -> None:
    given = flow(operation("a", call({"it": argument})), constants={"secret": {"x": "{{$env.KEY}}"}})
    assert [*faults(given)] == ["states.0.actions.0.function_ref.arguments"]


def test_filters() -> None:
    state = operation("a", call({"x": "$.y"}), state_data_filter={"input": "$.in", "output": "$.out"}, transition="b")
    given = flow(
        state, operation("b", call({"z": "$.z"}), transition="e"), {**END, "state_data_filter": {"input": "$.w"}}
    )
    assert config(given, "a")["values"] == {"x": "{{$context.in.y}}"}
    assert config(given, "b")["values"] == {"z": "{{$jobsMapByNodeKey.a.out.z}}"}
    assert config(given, "e") == {"value": "{{$jobsMapByNodeKey.b.w}}"}


def test_several_actions_one_after_another() -> None:
    given = flow(operation("a", call({"x": "$.x"}), call({"y": "$.y"}), transition="b"), operation("b"))
    assert tree(given)[:4] == [
        ("a", "parallel", None, None), ("a-1", "subflow", "a", 1), ("a-2", "subflow", "a-1", None),
        ("b", "subflow", "a", None),
    ]  # fmt: skip
    assert config(given, "a-2")["values"] == {"y": "{{$jobsMapByNodeKey.a-1.y}}"}
    assert config(given, "b")["values"] == "{{$jobsMapByNodeKey.a-2}}"


def test_several_actions_at_a_time() -> None:
    first = operation("a", call({"x": "$.x"}), call({"y": "$.y"}), action_mode="parallel", transition="b")
    given = flow(first, operation("b", call({"all": "$", "second": "$[1].z"})))
    assert tree(given)[:3] == [("a", "parallel", None, None), ("a-1", "subflow", "a", 1), ("a-2", "subflow", "a", 2)]
    assert config(given, "a-2")["values"] == {"y": "{{$context.y}}"}
    both = ["{{$jobsMapByNodeKey.a-1}}", "{{$jobsMapByNodeKey.a-2}}"]
    assert config(given, "b")["values"] == {"all": both, "second": "{{$jobsMapByNodeKey.a-2.z}}"}
    assert [*faults(flow(first, operation("b", call("$[2]"))))] == ["states.1.actions.0.function_ref.arguments"]


@pytest.mark.parametrize(
    ("retry", "policy"),
    [
        ({}, {"attempts": 4, "interval": 1000, "backoff": 1}),
        ({"delay": 5, "max_attempts": 0}, {"attempts": 1, "interval": 5000, "backoff": 1}),
        ({"delay": 7200, "max_attempts": 8},
         {"attempts": 9, "interval": 7_200_000, "backoff": 1, "maxInterval": 7_200_000}),
    ],
)  # fmt: skip
def test_retries(retry: dict[str, Any], policy: dict[str, Any]) -> None:
    given = flow(operation("a", on_errors=[{"retry_ref": "r"}]), retries=[{"name": "r", **retry}])
    assert read(given).nodes[0]["policy"] == {"retry": policy}


def test_an_error_leads_to_an_end() -> None:
    state = operation("a", transition="b", on_errors=[{"transition": "h"}])
    handler = operation("h", call({"why": "$.message"}), transition="e")
    given = flow(state, operation("b", transition="e"), handler, END)
    assert tree(given) == [
        ("a", "subflow", None, None), ("b", "subflow", "a", None), ("e", "output", "b", None),
        ("h", "subflow", "a", -1), ("e-2", "output", "h", None), ("e-2-end", "end", "e-2", None),
    ]  # fmt: skip
    assert read(given).nodes[0]["policy"] == {"onError": "branch"}
    assert config(given, "h")["values"] == {"why": "{{$scopes.a.message}}"}


def test_an_error_comes_back() -> None:
    state = operation("a", transition="b", on_errors=[{"transition": "h"}])
    given = flow(state, operation("b"), operation("h", transition="b"))
    assert ("h", "subflow", "a", -1) in tree(given)
    assert config(given, "a-caught") == {"target": "a", "value": "{{$jobsMapByNodeKey.h}}"}
    passed_over = flow(operation("a", transition="b", on_errors=[{"transition": "b"}]), operation("b"))
    assert config(passed_over, "a-caught") == {"target": "a", "value": "{{$scopes.a}}"}


def test_ways_that_meet_are_copied() -> None:
    state = operation("a", transition="b", on_errors=[{"transition": "h"}])
    other = operation("b", transition="c", on_errors=[{"transition": "h"}])
    given = flow(state, other, operation("c"), operation("h", transition="c"))
    found = tree(given)
    assert [row[0] for row in found if row[0].startswith("h")] == ["h", "h-2"]
    assert ("c", "subflow", "b", None) in found
    assert ("c-2", "subflow", "h", None) in found
    assert config(given, "b-caught") == {"target": "b", "value": "{{$jobsMapByNodeKey.h-2}}"}


def test_ways_that_meet_too_often() -> None:
    states = [operation(f"s{n}", transition=f"s{n + 1}", on_errors=[{"transition": f"s{n + 2}"}]) for n in range(30)]
    given = flow(*states, operation("s30"), operation("s31"))
    assert str(MOST_COPIES) in faults(given)["states"]


def test_ids_that_templates_cannot_name() -> None:
    given = flow(operation("a.b", transition="c/d é"), operation("c/d é", call({"x": "$.x"})))
    keys = [node["key"] for node in read(given).nodes]
    assert keys[0].isalnum()
    assert keys[0] == read(given).nodes[0]["key"]
    assert config(given, "c/d é")["values"] == {"x": f"{{{{$jobsMapByNodeKey.{keys[0]}.x}}}}"}
    long = flow(operation("x" * 70))
    assert all(len(node["key"]) <= 64 for node in read(long).nodes)


LOOP = [operation("a", transition="b"), operation("b", transition="c"), operation("c", transition="b")]
#: what -> (the definition, {place: a part of the sentence})
REFUSED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no name": (flow(END, name=None), {"name": "text"}),
    "another alphabet": (flow(END, name="订单"), {"name": "letter"}),
    "an unknown mode": (flow(END, mode="FAST"), {"mode": "EXPRESS"}),
    "an unknown type": (flow({"id": "s", "name": "S", "type": "Switch"}), {"states.0.type": "Switch", "start": "s"}),
    "no states": (flow(), {}),
    "no start": (flow(END, start="x"), {"start": "x"}),
    "no id": (flow(END, {"type": "End"}), {"states.1.id": "id"}),
    "the same id": (flow(END, END), {"states.1.id": "e"}),
    "an unknown transition": (flow(operation("a", transition="zz")), {"states.0.transition": "zz"}),
    "an unknown handler": (
        flow(operation("a", on_errors=[{"transition": "zz"}])), {"states.0.on_errors.0.transition": "zz"},
    ),
    "a circle": (flow(*LOOP), {"states.2.transition": "b → c → b"}),
    "a circle by an error": (
        flow(operation("a", transition="b"), operation("b", on_errors=[{"transition": "a"}])),
        {"states.1.transition": "a → b → a"},
    ),
    "no way leads there": (flow(END, operation("lost")), {"states.1": "lost"}),
    "an end that is no truth": (flow({**operation("a"), "end": "true"}), {"states.0.end": "true or false"}),
    "an end that goes on": (flow({**END, "transition": "a"}, operation("a")), {"states.0.transition": "ends"}),
    "a function": (
        flow(operation("a"), functions=[{"name": "quick", "operation": "urn:fss:r:p:function:default:f:latest"}]),
        {"functions.0.operation": "function:default:f"},
    ),
    "another version of a workflow": (
        flow(operation("a"), functions=[{"name": "quick", "operation": URN.replace("latest", "7")}]),
        {"functions.0.operation": "7"},
    ),
    "no operation": (flow(operation("a"), functions=[{"name": "quick"}]), {"functions.0.operation": "workflow"}),
    "an unknown function": (
        flow(operation("a", call(name="zz"))), {"states.0.actions.0.function_ref.ref_name": "zz"},
    ),
    "no actions": (flow({"id": "a", "type": "Operation"}), {"states.0.actions": "action"}),
    "an unknown mode of actions": (
        flow(operation("a", call(), call(), action_mode="random")), {"states.0.action_mode": "parallel"},
    ),
    "not waited for": (
        flow(operation("a", call(invoke_mode="async"))), {"states.0.actions.0.function_ref.invoke_mode": "sync"},
    ),
    "no duration": (flow({"id": "p", "type": "Sleep"}), {"states.0.duration": "seconds"}),
    "an odd filter": (
        flow(operation("a", state_data_filter={"output": "$..x"})), {"states.0.state_data_filter.output": "$..x"},
    ),
    "one kind of error": (
        flow(operation("a", on_errors=[{"error": "$.status==500", "transition": "e"}]), END),
        {"states.0.on_errors.0.error": "apart"},
    ),
    "two errors": (
        flow(operation("a", on_errors=[{"transition": "e"}, {"transition": "e"}]), END),
        {"states.0.on_errors.1": "already"},
    ),
    "an unknown retry": (
        flow(operation("a", on_errors=[{"retry_ref": "zz"}])), {"states.0.on_errors.0.retry_ref": "zz"},
    ),
    "a retry without end": (flow(END, retries=[{"name": "r", "max_attempts": 100}]), {"retries.0.max_attempts": "99"}),
    "the same retry": (flow(END, retries=[{"name": "r"}, {"name": "r"}]), {"retries.1.name": "r"}),
    "a timer": (
        flow(END, triggers=[{"trigger_name": "nightly", "trigger_type": "FLOWTIMER", "enabled": True}]),
        {"triggers.0.trigger_type": "nightly (FLOWTIMER)"},
    ),
    "a way back into a filtered state": (
        flow(operation("a", transition="b", on_errors=[{"transition": "b"}], state_data_filter={"output": "$.x"}),
             operation("b")),
        {"states.0.on_errors.0.transition": "filter"},
    ),
    "nothing where it belongs": (
        flow(END, functions=[5], retries={}, triggers=[{}, []], description=7),
        {"functions.0": "object", "retries": "list", "triggers.0.trigger_type": "None", "triggers.1": "object",
         "description": "text"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_named_with_its_place(what: str) -> None:
    given, places = REFUSED[what]
    found = faults(given)
    assert {place: told in found.get(place, "") for place, told in places.items()} == dict.fromkeys(places, True)
    assert found.keys() - places.keys() <= {"start"}


def test_what_is_passed_over_is_told() -> None:
    trigger = {"trigger_name": "t", "trigger_type": "OBS", "enabled": False}
    pause = {"id": "p", "type": "Sleep", "duration": 1, "on_errors": [{}], "action_mode": "x"}
    given = flow(pause, triggers=[trigger], enable_stream_response=True, shape="round", express_config={})
    definition = read(given)
    assert [(fault.place, fault.fatal) for fault in definition.faults] == [
        ("states.0.on_errors", False), ("shape", False), ("enable_stream_response", False), ("triggers.0", False),
    ]  # fmt: skip


def test_keys_that_the_form_does_not_know_are_told_wherever_they_stand() -> None:
    action = {**call(timeout=5), "name": "first"}
    state = operation("a", action, conditions=[], on_errors=[{"retry_ref": "r", "limit": 1}], transition="e")
    functions = [{**QUICK, "metadata": {"any": 1}, "runtime": "x"}]
    retries = [{"name": "r", "backoff": 2}]
    definition = read(flow(state, END, functions=functions, retries=retries))
    assert not [fault for fault in definition.faults if fault.fatal]
    assert {fault.place for fault in definition.faults} == {
        "functions.0.runtime", "retries.0.backoff", "states.0.conditions", "states.0.on_errors.0.limit",
        "states.0.actions.0.name", "states.0.actions.0.function_ref.timeout",
    }  # fmt: skip


def test_a_long_row_of_states() -> None:
    states = [operation(f"s{n}", transition=f"s{n + 1}") for n in range(5_000)]
    assert len(tree(flow(*states, operation("s5000")))) == 5_002


@pytest.mark.parametrize(
    ("text", "detected"),
    [
        (json.dumps(flow(END)), True),
        (json.dumps({"id": "1", "workflow_urn": URN, "definition": flow(END)}), True),
        (json.dumps({"type": "manual", "nodes": [], "states": []}), False),
        ("[]", False),
        ("{", False),
        ("Type: StateMachine\nStates: []\n", False),
        ('{"states": {}}', False),
        ('{"definition": 5}', False),
    ],
)
def test_whose_form_a_text_has(text: str, detected: bool) -> None:
    assert FUNCTIONGRAPH.detect(text) is detected
    if detected:
        assert [name for name, reader in readers().items() if reader.detect(text)] == ["functiongraph"]


def test_an_answer_that_shows_a_workflow() -> None:
    [definition] = transfer.read(json.dumps({"id": "1", "definition": flow(END, name="")}))
    assert definition.place == "definition"
    assert [fault.place for fault in definition.faults] == ["name"]
