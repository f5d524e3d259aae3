"""Definitions in FDL's new form: what is read of them, and what is refused at which place."""

import json
import time
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows import transfer
from workflows.errors import Invalid
from workflows.problems import drafted
from workflows.transfer import Definition
from workflows.transfer.fdl import FDL, definition_of
from workflows.transfer.fdl.reading import definition_of_value

HEAD = "Type: StateMachine\nSpecVersion: v1\nName: flow\n"
ONE = HEAD + "StartAt: A\nStates: [{Type: Pass, Name: A, End: true}]\n"


def read(text: str) -> Definition:
    [found] = transfer.read(HEAD + dedent(text))
    return found


def places(found: Definition, *, fatal: bool = True) -> set[str]:
    return {fault.place for fault in found.faults if fault.fatal is fatal}


def test_columns_of_a_flow() -> None:
    text = ONE + "Description: Says hello\nTimeout: 90\n"
    [found] = transfer.read(text)
    assert not found.faults
    assert found.columns == {
        "type": "manual", "name": "flow", "description": "Says hello", "options": {"timeout": 90_000},
        "definition_source": text,
    }  # fmt: skip
    assert [(node["key"], node["type"]) for node in found.nodes] == [("A", "variable"), ("output", "output")]


def test_the_same_in_json() -> None:
    value = {"Type": "StateMachine", "SpecVersion": "v1", "Name": "flow", "StartAt": "A",
             "States": [{"Type": "Pass", "Name": "A", "End": True}]}  # fmt: skip
    [found] = transfer.read(json.dumps(value))
    assert found.nodes == transfer.read(ONE)[0].nodes


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        (ONE, True),
        ("type: flow\nsteps: []", True),
        ("  'Type' : \"StateMachine\"  # yes\r\n", True),
        ('{"Type": "StateMachine"}', True),
        ('{"type": "flow", "steps": []}', True),
        ('{"type": "manual", "title": "Type: StateMachine"}', False),
        ('[{"Type": "StateMachine"}]', False),
        ('{"a": {"Type": "StateMachine"}}', False),
        ("Type: StateMachines", False),
        ("{not json", False),
        ("", False),
        ("\x00", False),
        ("[" * 100_000, False),
    ],
)
def test_which_texts_are_meant(text: str, is_it: bool) -> None:
    assert FDL.detect(text) is is_it


#: What stands below the head -> places of its faults. @HTTP begins a task.
REFUSED: dict[str, set[str]] = {
    "": {"StartAt", "States"},
    "StartAt: A\nStates: {}": {"States"},
    "StartAt: A\nStates: [7]": {"States.0", "States.0.Name", "States.0.Type"},
    "StartAt: B\nStates: [{Type: Pass, Name: A, End: true}]": {"StartAt"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, Next: B}]": {"States.0.Next"},
    "StartAt: A\nStates: [{Type: Pass, Name: A}]": {"States.0.Next"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, Next: A, End: true}]": {"States.0.Next"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: 1}]": {"States.0.End", "States.0.Next"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, Next: A}]": {"States.0.Next"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true}, {Type: Pass, Name: B, End: true}]": {"States.1"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true}, {Type: Pass, Name: A, End: true}]": {"States.1.Name"},
    "StartAt: A\nStates: [{Type: Step, Name: A, End: true}]": {"States.0.Type"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, Colour: red}]": {"States.0.Colour"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, Retry: []}]": {"States.0.Retry"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: 3}]": {"States.0.InputConstructor"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, OutputConstructor: {a: {b.$: $Error.x}}}]": {
        "States.0.OutputConstructor.a.b.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a.$: $Output.x}}]": {
        "States.0.InputConstructor.a.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a.$: $Context.Flow.Name}}]": {
        "States.0.InputConstructor.a.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a.$: $Context.Current.TaskToken}}]": {
        "States.0.InputConstructor.a.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a: ['{{x}}']}}]": {
        "States.0.InputConstructor.a.0"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a.$: '$Input[\"a.b\"]'}}]": {
        "States.0.InputConstructor.a.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, InputConstructor: {a.$: 'uuid()'}}]": {
        "States.0.InputConstructor.a.$"
    },
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true, OutputConstructor: {a: {b: 1, b.$: $Input.b}}}]": {
        "States.0.OutputConstructor.a.b"
    },
    "StartAt: A\nStates: [{Type: Wait, Name: A, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: 0, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: null, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: 2, Seconds.$: $Input.s, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: 301, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: 1.5, End: true}]": {"States.0.Seconds"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds.$: '1 +', End: true}]": {"States.0.Seconds.$"},
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds.$: $Input, End: true}]": set(),
    "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds.$: 'true', End: true}]": {"States.0.Seconds.$"},
    "StartAt: A\nStates: [{Type: Choice, Name: A}]": {"States.0.Branches", "States.0.Default"},
    "StartAt: A\nStates: [{Type: Choice, Name: A, End: true, Branches: [{Condition: a, Next: A}], Default: A}]": {
        "States.0.End", "States.0.Branches.0.Next",
    },
    "StartAt: A\nStates: [{Type: Choice, Name: A, Branches: [{Next: B}], Default: B}, {Type: Fail, Name: B}]": {
        "States.0.Branches.0.Condition"
    },
    "StartAt: A\nStates: [{Type: Choice, Name: A, Branches: [{Condition: '1 ==', Next: B}, {Condition: a b, Next: B}, "
    "{Condition: '$Input.a = 1', Next: B}], Default: B}, {Type: Fail, Name: B}]": {"States.0.Branches.0.Condition"},
    "StartAt: A\nStates: [{Type: Choice, Name: A, Branches: [{Condition: '1', Next: X}], Default: Y}]": {
        "States.0.Branches.0.Next", "States.0.Default",
    },
    "StartAt: A\nStates: [{Type: Succeed, Name: A, Next: A}]": {"States.0.Next"},
    "StartAt: A\nStates: [{Type: Fail, Name: A, Cause: x}]": {"States.0.Cause"},
    "StartAt: A\nStates: [{Type: Fail, Name: A, Code: '{{x}}'}]": {"States.0"},
    "StartAt: A\nStates: [{Type: Task, Name: A, Action: 'FC:InvokeFunction', Parameters: {}, End: true}]": {
        "States.0.Action"
    },
    "StartAt: A\nStates: [{@HTTP, End: true}]": {"States.0.Parameters"},
    "StartAt: A\nStates: [{@HTTP, Parameters: {}, End: true}]": {
        "States.0.Parameters.url"
    },
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x, method: HEAD}, End: true}]": {
        "States.0.Parameters.method"
    },
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x, query: 1}, End: true}]": {
        "States.0.Parameters.query"
    },
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x, body: 1}, End: true}]": {
        "States.0.Parameters.body"
    },
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x, headers: {Content-Type: a}}, "
    "End: true}]": {"States.0.Parameters.headers.Content-Type"},
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x}, TaskMode: "
    "WaitForSystemCallback, End: true}]": {"States.0.TaskMode"},
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x}, Timeout: -1, Catch: [], "
    "End: true}]": {"States.0.Timeout", "States.0.Catch"},
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x}, End: true, Retry: [{}]}]": {
        "States.0.Retry.0.Errors", "States.0.Retry.0.MaxAttempts",
    },
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x}, End: true, Retry: "
    "[{Errors: [Mine], MaxAttempts: 1}]}]": {"States.0.Retry.0.Errors"},
    "StartAt: A\nStates: [{@HTTP, Parameters: {url: x}, End: true, Retry: "
    "[{Errors: [FnF.ALL], MaxAttempts: 100, IntervalSeconds: 86401, BackoffRate: 0.5, MaxBackoffSeconds: x}]}]": {
        f"States.0.Retry.0.{name}" for name in ("MaxAttempts", "IntervalSeconds", "BackoffRate", "MaxBackoffSeconds")
    },
    "StartAt: A\nStates: [{Type: Parallel, Name: A, Branches: [], End: true}]": {"States.0.Branches"},
    "StartAt: A\nStates: [{Type: Parallel, Name: A, Branches: [{StartAt: B, States: [{Type: Pass, Name: B, "
    "Next: A}]}], End: true}]": {"States.0.Branches.0.States.0.Next"},
    "StartAt: A\nStates: [{Type: Parallel, Name: A, Branches: [" + "{}, " * 51 + "], End: true}]": {
        "States.0.Branches",
        *(f"States.0.Branches.{index}.{name}" for index in range(50) for name in ("StartAt", "States")),
    },
    "StartAt: A\nStates: [{Type: Map, Name: A, End: true}]": {
        "States.0.ItemsPath", "States.0.Processor", "States.0.Processor.StartAt", "States.0.Processor.States",
    },
    "StartAt: A\nStates: [{Type: Map, Name: A, ItemsPath: '7', Processor: {StartAt: B, States: [{Type: Fail, "
    "Name: B}]}, End: true}]": {"States.0.ItemsPath"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true}]\nTimeout: 0": {"Timeout"},
    "StartAt: A\nStates: [{Type: Pass, Name: A, End: true}]\nVersion: 1": {"Version"},
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), REFUSED.items())
def test_what_is_not_taken_is_told_by_its_place(text: str, wanted: set[str]) -> None:
    found = read(text.replace("@HTTP", "Type: Task, Name: A, Action: 'HTTP:Request'"))
    assert places(found) == wanted
    assert all(fault.message.endswith((".", "?")) for fault in found.faults)
    assert bool(found.nodes) is not bool(wanted)


def test_a_circle_names_its_states() -> None:
    states = [{"Type": "Pass", "Name": name, "Next": after} for name, after in ("AB", "BC", "CB")]
    [fault] = read(f"StartAt: A\nStates: {json.dumps(states)}").faults
    assert (fault.place, "B → C → B" in fault.message) == ("States.2.Next", True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Type: StateMachine\nSpecVersion: v2\nName: a\nStartAt: A\nStates: [{Type: Fail, Name: A}]", "SpecVersion"),
        ("Type: StateMachine\nSpecVersion: v1\nName: a b\nStartAt: A\nStates: [{Type: Fail, Name: A}]", "Name"),
        ("Type: StateMachine\nSpecVersion: v1\nStartAt: A\nStates: [{Type: Fail, Name: A}]", "Name"),
        ("type: flow\nversion: v9\nsteps: [{type: pass, name: a}]", "version"),
    ],
)
def test_the_head_of_a_flow(text: str, place: str) -> None:
    assert places(transfer.read(text)[0]) == {place}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ONE + "Name: again\n", "the key Name appears twice in line 6"),
        (ONE + "1: x\n", "not a text in line 6"),
        (ONE + "X: [\n", "not valid YAML"),
        (ONE + "X: !!python/object:os.system x\n", "the tag"),
        (ONE + "X: !!timestamp 2020-01-01\n", "the tag"),
        (ONE + "X: !!bool maybe\n", "neither true nor false"),
        (ONE + "X: !!seq {a: 1}\n", "the tag"),
        (ONE + 'X: "\\0"\n', "NUL"),
        (ONE + "X: 1e999\n", "not finite"),
        (ONE + "X: " + "9" * 5_000, "not valid YAML"),
        (ONE + "X: &x [*x]\n", "nested too deep"),
        (ONE + "X: " + "[" * 5_000, "nested too deep"),
        (ONE + "#" + "x" * 200_000, "at most"),
        (ONE + "X: &a0 [x, x]\n" + "".join(f"X{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 9)), "holds more"),
        (ONE + "--- {}\n", "another document"),
        ('{"Type": "StateMachine", "X": NaN}', "not finite"),
        ('{"Type": "StateMachine", "States": [{"Name": "A", "Name": "B"}]}', "the key Name appears twice"),
    ],
)
def test_a_text_that_can_not_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(Invalid, match="(?s)" + told) as raised:
        transfer.read(text)
    assert raised.value.field == "file"


@pytest.mark.parametrize("value", ["no", "12:30", "2020-01-01", "0x1f", "1_000", "on", "=", "<<"])
def test_only_what_json_knows_is_no_text(value: str) -> None:
    [found] = transfer.read(ONE.replace("End", f"OutputConstructor: {{a: {value}}}, End"))
    assert found.nodes[0]["config"]["value"] == {"a": value}


def test_waits_of_express_flows_are_short() -> None:
    text = HEAD + "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds: 21, End: true}]"
    assert not definition_of(text).faults
    assert places(definition_of(text, express=True)) == {"States.0.Seconds"}


def test_rounds_at_once_are_remarked_on() -> None:
    found = read(
        "StartAt: A\nStates: [{Type: Map, Name: A, ItemsPath: $Input.a, MaxConcuccency: 5, Processor: {StartAt: B, "
        "ProcessorConfig: {Mode: x}, States: [{Type: Succeed, Name: B}]}, End: true}]"
    )
    remarks = {"States.0.MaxConcuccency", "States.0.Processor.ProcessorConfig"}
    assert (places(found), places(found, fatal=False)) == (set(), remarks)


def test_a_retry_is_a_policy() -> None:
    rule = {"Errors": ["FnF.ALL"], "MaxAttempts": 3, "IntervalSeconds": 10, "BackoffRate": 1.5, "MaxBackoffSeconds": 60}
    task = {"Type": "Task", "Name": "A", "Action": "HTTP:Request", "Parameters": {"url": "https://x"}, "Timeout": "9",
            "Retry": [rule], "End": True}  # fmt: skip
    [node, _output] = read(f"StartAt: A\nStates: {json.dumps([task])}").nodes
    retry = {"attempts": 4, "interval": 10_000, "backoff": 1.5, "maxInterval": 60_000}
    assert node["policy"] == {"retry": retry, "timeout": 9_000}


@pytest.mark.parametrize(
    ("parameters", "config"),
    [
        ({"url": "https://x", "method": "Get"}, {"method": "GET"}),
        ({"url": "https://x"}, {"method": "GET"}),
        (
            {"url": "https://x", "method": "PUT", "body": "hello", "headers": {"X-A": "b"}},
            {"method": "PUT", "contentType": "text/plain", "data": "hello", "headers": [{"name": "X-A", "value": "b"}]},
        ),
        (
            {"url": "https://x", "method": "POST", "body": '{"a": 1}'},
            {"method": "POST", "contentType": "application/json", "data": '{"a": 1}'},
        ),
        (
            {"url": "https://x", "method": "POST", "body": {"a": 1}, "headers": {
                "content-type": "application/x-www-form-urlencoded; charset=utf-8"}},
            {"method": "POST", "contentType": "application/x-www-form-urlencoded",
             "data": [{"name": "a", "value": 1}]},
        ),
        (
            {"url.$": "$Input.url", "method": "POST", "body.$": "$Input.a"},
            {"url": "{{$context.url}}", "method": "POST", "contentType": "application/json", "data": "{{$context.a}}"},
        ),
    ],
)  # fmt: skip
def test_parameters_of_an_http_task(parameters: dict[str, Any], config: dict[str, Any]) -> None:
    task = {"Type": "Task", "Name": "A", "Action": "HTTP:Request", "Parameters": parameters, "End": True}
    [node, _output] = read(f"StartAt: A\nStates: {json.dumps([task])}").nodes
    assert node["config"] == {"url": "https://x", "timeout": 60_000, **config}


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        ('$Input.a == "x"', '{{$context.a}} === "x"'),
        ('$Input.a == `x"y`', '{{$context.a}} === "x\\"y"'),
        ("$Input.a != 1 && $Input.b", "{{$context.a}} !== 1 and {{$context.b}}"),
        ("$Input.a || $Input.b && $Input.c", "{{$context.a}} or {{$context.b}} and {{$context.c}}"),
        ("($Input.a || $Input.b) && $Input.c", "({{$context.a}} or {{$context.b}}) and {{$context.c}}"),
        ("!$Input.a == false", "!({{$context.a}}) === false"),
        ("!($Input.a > -1.5)", "!({{$context.a}} > -1.5)"),
        ("($Input.a == 1) == true", "({{$context.a}} === 1) === true"),
        ('$Input["a b"][0].c <= 2', "{{$context.a b.0.c}} <= 2"),
        ("$Context.Execution.Input.a >= null", "{{$context.a}} >= null"),
    ],
)
def test_conditions_become_expressions(condition: str, expression: str) -> None:
    states = [{"Type": "Choice", "Name": "A", "Branches": [{"Condition": condition, "Next": "B"}], "Default": "B"},
              {"Type": "Succeed", "Name": "B"}]  # fmt: skip
    found = read(f"StartAt: A\nStates: {json.dumps(states)}")
    assert not found.faults
    assert found.nodes[0]["config"]["expression"] == expression


def chain(length: int) -> str:
    """Choices whose ways meet only where they end: what stands behind is in both branches of each."""
    states: list[dict[str, Any]] = []
    for index in range(length):
        after = f"C{index + 1}" if index + 1 < length else "End"
        ways = [{"Condition": "$Input.a", "Next": f"A{index}"}]
        states.append({"Type": "Choice", "Name": f"C{index}", "Branches": ways, "Default": f"E{index}"})
        states.append({"Type": "Pass", "Name": f"A{index}", "Next": after})
        states.append({"Type": "Choice", "Name": f"E{index}", "Branches": [{"Condition": "$Input.b", "Next": "End"}],
                       "Default": after})  # fmt: skip
    states.append({"Type": "Pass", "Name": "End", "End": True})
    return HEAD + f"StartAt: C0\nStates: {json.dumps(states)}"


def test_states_in_several_branches_are_bounded() -> None:
    assert not definition_of(chain(3)).faults
    began = time.thread_time()
    assert places(definition_of(chain(30))) == {"States"}
    assert time.thread_time() - began < 5


def test_names_of_all_kinds_become_keys() -> None:
    names = ["a b", "a_b", "订单", "7", "x" * 300, "output"]
    states = [{"Type": "Pass", "Name": name, "Next": after} for name, after in zip(names, names[1:], strict=False)]
    states.append({"Type": "Pass", "Name": names[-1], "End": True})
    found = read(f"StartAt: a b\nStates: {json.dumps(states)}")
    assert not found.faults
    keys = [node["key"] for node in found.nodes]
    assert keys == ["a_b", "a_b_2", "订单", "n7", "x" * 40, "output", "output_2"]


@pytest.mark.django_db
def test_an_imported_flow_is_what_its_text_says() -> None:
    plan, [made] = transfer.perform(transfer.read(chain(2)), enable=True)
    assert (plan.errors, made.workflow.name, made.workflow.title, made.workflow.enabled) == ({}, "flow", "flow", True)
    assert made.workflow.definition_source == chain(2)
    assert not made.item.warnings


WORDS = st.sampled_from([
    "A", "B", "Pass", "Wait", "Choice", "Task", "Succeed", "Fail", "Parallel", "Map", "HTTP:Request", "Sluice:end",
    "$.a", "$Input.a", "$Output", "$Input.a > 1", "{{$context.a}}", "pass", "wait", "choice", "task", "succeed", "fail",
    "parallel", "foreach", "$local.a", "$input[*].b", "http://x", "WaitForCustomCallback", "waitForCallback",
    "", "Sluice:basic {",
])  # fmt: skip
KEYS = st.sampled_from([
    "Name", "Type", "Next", "End", "StartAt", "States", "Branches", "Condition", "Default", "Seconds", "Seconds.$",
    "ItemsPath", "Processor", "Parameters", "url", "method", "headers", "body.$", "InputConstructor",
    "OutputConstructor",
    "Retry", "Errors", "Action", "TaskMode", "Sluice", "Form", "Config", "Without", "Policy", "Index", "ErrorBranch",
    "Options", "name", "type", "steps", "choices", "condition", "default", "goto", "branches", "iterationMapping",
    "collection", "item", "resourceArn", "pattern", "inputMappings", "outputMappings", "target", "source", "end",
    "duration", "a.$", "x",
])  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 400) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
NEW = st.fixed_dictionaries({"Name": st.sampled_from("AB"), "Type": WORDS}, optional={"Next": st.sampled_from("AB")})
OLD = st.fixed_dictionaries({"name": st.sampled_from("AB"), "type": WORDS})


def mixed(known: Any) -> Any:
    return st.lists(st.tuples(known, st.dictionaries(KEYS, ANYTHING, max_size=4)).map(lambda both: both[1] | both[0]),
                    max_size=4)  # fmt: skip


HEADS = st.sampled_from([
    {"Type": "StateMachine", "SpecVersion": "v1", "Name": "flow", "StartAt": "A"},
    {"Type": "StateMachine", "SpecVersion": "v1", "Name": "flow", "StartAt": "A", "Sluice": {"Form": "nodes"}},
    {"type": "flow", "version": "v1", "name": "flow"},
])  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(HEADS, mixed(NEW), mixed(OLD), st.dictionaries(KEYS, ANYTHING, max_size=2))
def test_whatever_stands_there_is_read_or_told(head: Any, new: Any, old: Any, more: Any) -> None:
    found = definition_of_value({"States": new, "steps": old, **more, **head})
    assert found.faults or found.columns
    without = {"steps"} if "Type" in head else {"States"}
    value = {"States": new, "steps": old, **head}
    found = definition_of_value({name: item for name, item in value.items() if name not in without})
    assert any(fault.fatal for fault in found.faults) or found.columns["name"] == "flow"
    drafted({**found.columns, "title": "x", "nodes": found.nodes})
