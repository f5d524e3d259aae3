"""Flows in FDL's old form, imported and run."""

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from executions import operations, tasktokens
from executions.testing import drain, simulate
from tests.web import Web
from tests.workflows.transfer.test_fdl_runs import imported, ran
from workflows import transfer
from workflows.models import Workflow

HEAD = "version: v1\ntype: flow\nname: flow\n"


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    web = Web()
    yield web
    web.close()


CHOICE = """
steps:
- type: choice
  name: mychoice
  choices:
  - condition: $.status == "ready"
    steps: [{type: pass, name: pass1, outputMappings: [{target: one, source: $input.n}]}]
  - condition: $.status == "failed"
    goto: handle_failure
  default:
    steps: [{type: pass, name: pass2, outputMappings: [{target: two, source: 2}]}]
    goto: handle_failure
- {type: succeed, name: final, outputMappings: [{target: done, source: true}]}
- {type: pass, name: handle_failure, outputMappings: [{target: failed, source: $input.n}]}
"""
#: name -> (the flow, [(its input, its output)])
FLOWS: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
    "a pass without mappings gives nothing": ("steps: [{type: pass, name: a}]", [({"n": 1}, {})]),
    "constants and paths": (
        """
        steps:
        - type: pass
          name: toUpperCase
          outputMappings:
          - {target: names, source: [A, B, {c: $input.n}]}
          - {target: n, source: $input.n}
          - {target: first, source: "$input.list[0]"}
        """,
        [({"n": 1, "list": ["x"]}, {"names": ["A", "B", {"c": 1}], "n": 1, "first": "x"})],
    ),
    "what steps give is gathered, the later one uppermost": (
        """
        steps:
        - {type: pass, name: a, outputMappings: [{target: x, source: 1}, {target: y, source: 2}]}
        - {type: pass, name: b, outputMappings: [{target: y, source: $input.x}, {target: n, source: $input.n}]}
        """,
        [({"n": 7, "x": 9}, {"x": 1, "y": 1, "n": 7})],
    ),
    "mappings into a step": (
        """
        steps:
        - {type: pass, name: a, outputMappings: [{target: x, source: 1}]}
        - type: pass
          name: b
          inputMappings: [{target: l, source: $local.x}, {target: i, source: $input.n}]
          outputMappings: [{target: all, source: $input}]
        """,
        [({"n": 7}, {"x": 1, "all": {"l": 1, "i": 7}})],
    ),
    "the flow's own mappings": (
        """
        inputMappings: [{target: m, source: $input.n}]
        steps:
        - {type: pass, name: a, outputMappings: [{target: x, source: $input.m}]}
        outputMappings: [{target: out, source: $local.x}, {target: given, source: $input.m}]
        """,
        [({"n": 7}, {"out": 7, "given": 7})],
    ),
    "a choice with goto": (
        CHOICE,
        [
            ({"status": "ready", "n": 1}, {"one": 1, "done": True}),
            ({"status": "failed", "n": 2}, {"failed": 2}),
            ({"n": 3}, {"two": 2, "failed": 3}),
        ],
    ),
    "a choice in a choice, without a default": (
        """
        steps:
        - type: choice
          name: outer
          choices:
          - condition: $.n > 1
            steps:
            - type: choice
              name: inner
              choices:
              - condition: $.n > 2
                steps: [{type: pass, name: a, outputMappings: [{target: a, source: $input.n}]}]
              outputMappings: [{target: inner, source: $local.a}]
            - {type: pass, name: b, outputMappings: [{target: b, source: true}]}
          outputMappings: [{target: all, source: $local}]
        - {type: pass, name: last, outputMappings: [{target: last, source: $input.n}]}
        """,
        [
            ({"n": 1}, {"all": {}, "last": 1}),
            ({"n": 2}, {"all": {"inner": None, "b": True}, "last": 2}),
            ({"n": 3}, {"all": {"inner": 3, "b": True}, "last": 3}),
        ],
    ),
    "an end inside a choice": (
        """
        steps:
        - type: choice
          name: c
          choices:
          - condition: $.n == 1
            steps: [{type: pass, name: a, outputMappings: [{target: a, source: 1}], end: true}]
        - {type: pass, name: b, outputMappings: [{target: b, source: 2}]}
        """,
        [({"n": 1}, {"a": 1}), ({"n": 2}, {"b": 2})],
    ),
    "a parallel": (
        """
        steps:
        - type: parallel
          name: p
          branches:
          - steps: [{type: pass, name: a, outputMappings: [{target: result, source: pass1}]}]
          - steps:
            - {type: wait, name: w, duration: 1}
            - {type: pass, name: b, outputMappings: [{target: result, source: $input.n}]}
          outputMappings: [{target: result, source: "$local[*].result"}, {target: second, source: "$local[1]"}]
        """,
        [({"n": 4}, {"result": ["pass1", 4], "second": {"result": 4}})],
    ),
    "a parallel without mappings gives nothing": (
        "steps: [{type: parallel, name: p, branches: [{steps: [{type: pass, name: a, outputMappings: "
        "[{target: a, source: 1}]}]}]}]",
        [({}, {})],
    ),
    "a foreach": (
        """
        steps:
        - type: foreach
          name: f
          iterationMapping: {collection: $.names, item: name, index: at}
          steps:
          - type: pass
            name: one
            outputMappings:
            - {target: greeting, source: $input.name}
            - {target: at, source: $input.at}
            - {target: n, source: $input.n}
          outputMappings: [{target: all, source: $local}, {target: greetings, source: "$local[*].greeting"}]
        """,
        [
            ({"names": ["a", ["b"]], "n": 7},
             {"all": [{"greeting": "a", "at": 0, "n": 7}, {"greeting": ["b"], "at": 1, "n": 7}],
              "greetings": ["a", ["b"]]}),
            ({"names": [], "n": 7}, {"all": [], "greetings": []}),
        ],
    ),
    "a wait, by a path": ("steps: [{type: wait, name: w, duration: $.s}]", [({"s": 1}, {})]),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        pytest.param(text, given, wanted, id=f"{name}: {number}")
        for name, (text, cases) in FLOWS.items()
        for number, (given, wanted) in enumerate(cases)
    ],
)
def test_a_flow_comes_to_what_fdl_says(text: str, given: Any, wanted: Any) -> None:
    imported(HEAD + dedent(text))
    run = simulate(Workflow.objects.get(), given)
    assert run.status == 1, run.error
    assert run.output == wanted


@pytest.mark.django_db
def test_a_fail_ends_the_flow() -> None:
    run = ran(HEAD + "steps: [{type: fail, name: bad, error: NoStock, cause: none left}]")
    assert run.status == -1
    said = {"Code": "NoStock", "Detail": "none left", "message": "NoStock: none left"}
    assert run.jobs.get(node_key="bad_error").result == said


@pytest.mark.django_db(transaction=True)
def test_a_task_posts_its_input_and_gives_the_answer(web: Web) -> None:
    web.body = b'{"n": 5, "paid": true}'
    steps = [
        {"type": "pass", "name": "a", "outputMappings": [{"target": "x", "source": 1}]},
        {"type": "task", "name": "t", "resourceArn": web.url},
        {"type": "pass", "name": "b", "outputMappings": [{"target": "seen", "source": "$input.n"}]},
    ]
    run = ran(HEAD + f"steps: {json.dumps(steps)}", {"n": 3})
    assert json.loads(web.last[3]) == {"n": 3, "x": 1}
    assert (run.status, run.output) == (1, {"x": 1, "n": 5, "paid": True, "seen": 5})


@pytest.mark.django_db(transaction=True)
def test_a_task_waits_for_its_callback(web: Web) -> None:
    mappings = [{"target": "token", "source": "$context.task.token"}, {"target": "n", "source": "$input.n"}]
    task = {"type": "task", "name": "t", "resourceArn": web.url, "pattern": "waitForCallback",
            "inputMappings": mappings, "outputMappings": [{"target": "got", "source": "$local.paid"}]}  # fmt: skip
    run = ran(HEAD + f"steps: {json.dumps([task])}", {"n": 3})
    sent = json.loads(web.last[3])
    assert (run.status, sent["n"]) == (0, 3)
    operations.complete_job(tasktokens.job_of(sent["token"]).pk, result={"paid": 12})
    drain()
    run.refresh_from_db()
    assert (run.status, run.output) == (1, {"got": 12})


OPTION = "{condition: $.a, steps: [{type: pass, name: o}]}, "
BRANCH = "{steps: [{type: pass, name: b}]}, "
#: What stands in the file -> places of its faults.
REFUSED: dict[str, set[str]] = {
    "steps: []": {"steps"},
    "steps: [{type: pass}]": {"steps.0.name"},
    "steps: [{name: a}]": {"steps.0.type"},
    "steps: [{type: loop, name: a}]": {"steps.0.type"},
    "steps: [{type: pass, name: a, retry: [{}], catch: []}]": {"steps.0.retry", "steps.0.catch"},
    "steps: [{type: pass, name: a, colour: red}]": {"steps.0.colour"},
    "steps: [{type: pass, name: a}, {type: pass, name: a}]": {"steps.1.name"},
    "steps: [{type: succeed, name: a}, {type: pass, name: b}]": {"steps.1"},
    "steps: [{type: wait, name: a}]": {"steps.0.duration"},
    "steps: [{type: wait, name: a, duration: 0}]": {"steps.0.duration"},
    "steps: [{type: wait, name: a, duration: 1, timestamp: x}]": {"steps.0.timestamp"},
    "steps: [{type: task, name: a, resourceArn: 'acs:fc:cn:1:services/s/functions/f'}]": {"steps.0.resourceArn"},
    "steps: [{type: task, name: a, resourceArn: 'http://x', pattern: sync}]": {"steps.0.pattern"},
    "steps: [{type: pass, name: a, inputMappings: [{target: x, source: $nothing.a}]}]": {
        "steps.0.inputMappings.0.source"
    },
    "steps: [{type: pass, name: a, outputMappings: [{source: 1}]}]": {"steps.0.outputMappings.0.target"},
    "steps: [{type: pass, name: a, outputMappings: [{target: a.b, source: 1}]}]": {"steps.0.outputMappings.0.target"},
    "steps: [{type: pass, name: a, outputMappings: [{target: t, source: '{{x}}'}]}]": {
        "steps.0.outputMappings.0.source"
    },
    "steps: [{type: choice, name: c, choices: []}]": {"steps.0.choices"},
    "steps: [{type: choice, name: c, choices: [{condition: 'len($.a) > 1'}]}]": {"steps.0.choices.0.condition"},
    "steps: [{type: choice, name: c, choices: [{condition: '$.a', goto: x}]}]": {"steps.0.choices.0.goto"},
    "steps: [{type: pass, name: a}, {type: choice, name: c, choices: [{condition: '$.a', goto: a}]}]": {"steps.1"},
    f"steps: [{{type: choice, name: c, choices: [{OPTION * 101}]}}]": {"steps.0.choices"},
    "steps: [{type: parallel, name: p, branches: [{}]}]": {"steps.0.branches.0.steps"},
    f"steps: [{{type: parallel, name: p, branches: [{BRANCH * 101}]}}]": {"steps.0.branches"},
    "steps: [{type: foreach, name: f, iterationMapping: {}, steps: [{type: pass, name: a}]}]": {
        "steps.0.iterationMapping.item"
    },
    "steps: [{type: foreach, name: f, iterationMapping: {item: a, collection: 3}, steps: [{type: pass, name: a}]}]": {
        "steps.0.iterationMapping.collection"
    },
    "steps: 7": {"steps"},
    "steps: [{type: pass, name: a}]\ninputMappings: [{target: a, source: $local.x}]": set(),
    "steps: [{type: pass, name: a}]\ninputMappings: [{target: a, source: $y.x}]": {"inputMappings.0.source"},
    "steps: [{type: pass, name: a}]\noutputMappings: [{target: a, source: $y.x}]": {"outputMappings.0.source"},
    "steps: [{type: pass, name: a}]\ntimeoutSeconds: x": {"timeoutSeconds"},
}


@pytest.mark.parametrize(("text", "places"), REFUSED.items())
def test_what_is_not_taken_is_told_by_its_place(text: str, places: set[str]) -> None:
    [found] = transfer.read(HEAD + text)
    assert {fault.place for fault in found.faults if fault.fatal} == places
    assert not found.nodes or not places


def test_the_name_may_be_missing() -> None:
    [found] = transfer.read("version: v1beta1\ntype: flow\nsteps: [{type: pass, name: a}]")
    assert not found.faults
    assert "name" not in found.columns
