"""Flows in FDL, imported and run: what they come to is what FDL says."""

import json
from collections.abc import Iterator
from datetime import timedelta
from textwrap import dedent
from typing import Any

import pytest
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions import operations, start, tasktokens
from executions.models import Execution
from executions.testing import drain, simulate
from tests.web import Web
from tests.workflows.transfer.fdlflows import comes_to, flows
from workflows import transfer
from workflows.models import Workflow

HEAD = "Type: StateMachine\nSpecVersion: v1\nName: flow\n"


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    web = Web()
    yield web
    web.close()


def imported(text: str) -> None:
    plan, _made = transfer.perform(transfer.read(text), enable=True)
    assert (plan.errors, plan.items[0].warnings) == ({}, [])


def ran(text: str, given: Any = None) -> Execution:
    imported(text)
    run = start("flow", {} if given is None else given)
    drain()
    return Execution.objects.get(pk=run.pk)


def output(text: str, given: Any) -> Any:
    """Flows that wait are simulated, so that nobody waits."""
    if "Wait" in text:
        imported(HEAD + dedent(text))
        run: Any = simulate(Workflow.objects.get(), given)
    else:
        run = ran(HEAD + dedent(text), given)
    assert run.status == 1, run.error
    return run.output


CHOICE = """
StartAt: Big
States:
- {Type: Choice, Name: Big, Default: Small, Branches: [{Condition: $Input.total > 100, Next: Large}]}
- {Type: Pass, Name: Large, OutputConstructor: {size: large, was.$: $Input.total}, Next: Tell}
- {Type: Pass, Name: Small, OutputConstructor: {size: small}, Next: Tell}
- {Type: Pass, Name: Tell, OutputConstructor: {told.$: $Input.size, was.$: $Input.was}, End: true}
"""
#: name -> (the flow, [(its input, its output)])
FLOWS: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
    "a pass gives what it got": ("StartAt: A\nStates: [{Type: Pass, Name: A, End: true}]", [({"n": 1}, {"n": 1})]),
    "constructors": (
        """
        StartAt: A
        States:
        - Type: Pass
          Name: A
          InputConstructor: {x.$: $Input.a.b, list: [1, {y.$: "$Input.list[1]"}], plain: $Input.a, n: 7}
          OutputConstructor:
            {x.$: $Input.x, y.$: "$Input.list[1].y", all.$: $Output, more.$: $Context.Execution.Input.a}
          End: true
        """,
        [
            (
                {"a": {"b": 5}, "list": [1, "two"]},
                {"x": 5, "y": "two", "all": {"x": 5, "list": [1, {"y": "two"}], "plain": "$Input.a", "n": 7},
                 "more": {"b": 5}},
            )
        ],
    ),
    "each state gets what the one before gave": (
        """
        StartAt: A
        States:
        - {Type: Pass, Name: A, OutputConstructor: {n.$: $Input.n, from: A}, Next: W}
        - {Type: Wait, Name: W, Seconds: 1, OutputConstructor: {n.$: $Input.n, by.$: $Context.Current.Name}, Next: B}
        - {Type: Pass, Name: B, End: true}
        """,
        [({"n": 3}, {"n": 3, "by": "W"})],
    ),
    "a comparison as a value": (
        "StartAt: A\nStates: [{Type: Pass, Name: A, OutputConstructor: {old.$: '$Input.age >= 18', no.$: '!true'}, "
        "End: true}]",
        [({"age": 20}, {"old": True, "no": False}), ({"age": 2}, {"old": False, "no": False})],
    ),
    "a choice whose ways meet": (
        CHOICE,
        [({"total": 150}, {"told": "large", "was": 150}), ({"total": 5}, {"told": "small", "was": None})],
    ),
    "a choice of several, in order": (
        """
        StartAt: C
        States:
        - Type: Choice
          Name: C
          Branches:
          - {Condition: '$Input.n >= 10 && $Input.kind == "x"', Next: First}
          - {Condition: '$Input.n >= 10 || $Input.kind == `y`', Next: Second}
          - {Condition: '!($Input.n < 5)', Next: Third}
          Default: Other
        - {Type: Pass, Name: First, OutputConstructor: {way: 1}, End: true}
        - {Type: Pass, Name: Second, OutputConstructor: {way: 2}, End: true}
        - {Type: Succeed, Name: Third, OutputConstructor: {way: 3}}
        - {Type: Succeed, Name: Other}
        """,
        [
            ({"n": 10, "kind": "x"}, {"way": 1}),
            ({"n": 10, "kind": "z"}, {"way": 2}),
            ({"n": 1, "kind": "y"}, {"way": 2}),
            ({"n": 6, "kind": "z"}, {"way": 3}),
            ({"n": 1, "kind": "z"}, {"n": 1, "kind": "z"}),
        ],
    ),
    "texts and numbers are two kinds": (
        """
        StartAt: C
        States:
        - {Type: Choice, Name: C, Branches: [{Condition: '$Input.n == 1', Next: A}], Default: B}
        - {Type: Pass, Name: A, OutputConstructor: {number: true}, End: true}
        - {Type: Pass, Name: B, OutputConstructor: {number: false}, End: true}
        """,
        [({"n": 1}, {"number": True}), ({"n": "1"}, {"number": False}), ({"n": True}, {"number": False})],
    ),
    "ways that meet late": (
        """
        StartAt: One
        States:
        - {Type: Choice, Name: One, Branches: [{Condition: $Input.n == 1, Next: A}], Default: Shared}
        - {Type: Pass, Name: A, OutputConstructor: {n.$: $Input.n, a: true}, Next: Two}
        - {Type: Choice, Name: Two, Branches: [{Condition: $Input.n == 2, Next: B}], Default: Shared}
        - {Type: Pass, Name: B, Next: Last}
        - {Type: Pass, Name: Shared, OutputConstructor: {n.$: $Input.n, a.$: $Input.a, shared: true}, Next: Last}
        - {Type: Pass, Name: Last, End: true}
        """,
        [
            ({"n": 1}, {"n": 1, "a": True, "shared": True}),
            ({"n": 3}, {"n": 3, "a": None, "shared": True}),
        ],
    ),
    "an early end beside a way that goes on": (
        """
        StartAt: C
        States:
        - {Type: Choice, Name: C, Branches: [{Condition: $Input.stop == true, Next: Done}], Default: Go}
        - {Type: Succeed, Name: Done}
        - {Type: Pass, Name: Go, OutputConstructor: {went: true}, Next: On}
        - {Type: Pass, Name: On, End: true}
        """,
        [({"stop": True}, {"stop": True}), ({"stop": False}, {"went": True})],
    ),
    "a parallel": (
        """
        StartAt: P
        States:
        - Type: Parallel
          Name: P
          Branches:
          - StartAt: A
            States: [{Type: Pass, Name: A, OutputConstructor: {a.$: $Input.n}, End: true}]
          - StartAt: W
            States:
            - {Type: Wait, Name: W, Seconds: 1, Next: B}
            - {Type: Pass, Name: B, End: true}
          - StartAt: C
            States:
            - {Type: Choice, Name: C, Branches: [{Condition: $Input.n > 1, Next: D}], Default: S}
            - {Type: Pass, Name: D, OutputConstructor: {big: true}, Next: E}
            - {Type: Pass, Name: E, End: true}
            - {Type: Succeed, Name: S, OutputConstructor: {small: true}}
          Next: Last
        - {Type: Pass, Name: Last, OutputConstructor: {all.$: $Input, first.$: $Input.Branch0.a}, End: true}
        """,
        [
            ({"n": 1}, {"all": {"Branch0": {"a": 1}, "Branch1": {"n": 1}, "Branch2": {"small": True}}, "first": 1}),
            ({"n": 2}, {"all": {"Branch0": {"a": 2}, "Branch1": {"n": 2}, "Branch2": {"big": True}}, "first": 2}),
        ],
    ),
    "a map": (
        """
        StartAt: M
        States:
        - Type: Map
          Name: M
          ItemsPath: $Input.lines
          Processor:
            StartAt: Each
            States: [{Type: Pass, Name: Each, OutputConstructor: {sku.$: $Input.sku, all.$: $Input}, End: true}]
          End: true
        """,
        [
            ({"lines": [{"sku": "a"}, {"sku": "b", "n": 2}]},
             {"Items": [{"sku": "a", "all": {"sku": "a"}}, {"sku": "b", "all": {"sku": "b", "n": 2}}]}),
            ({"lines": []}, {"Items": []}),
            ({"lines": [[1], [2, 3], 4, None]},
             {"Items": [{"sku": None if not item or item == 4 else [None] * len(item), "all": item}
                        for item in ([1], [2, 3], 4, None)]}),
        ],
    ),
    "a map in a map": (
        """
        StartAt: M
        States:
        - Type: Map
          Name: M
          ItemsPath: $Input.rows
          Processor:
            StartAt: In
            States:
            - Type: Map
              Name: In
              ItemsPath: $Input.cells
              Processor:
                StartAt: C
                States:
                - {Type: Choice, Name: C, Branches: [{Condition: $Input.n > 1, Next: Big}], Default: Small}
                - {Type: Pass, Name: Big, OutputConstructor: {big.$: $Input.n}, End: true}
                - {Type: Pass, Name: Small, OutputConstructor: {small.$: $Input.n}, End: true}
              OutputConstructor: {cells.$: $Output.Items}
              End: true
          End: true
        """,
        [
            ({"rows": [{"cells": [{"n": 1}, {"n": 2}]}, {"cells": []}, {"cells": [{"n": 3}]}]},
             {"Items": [{"cells": [{"small": 1}, {"big": 2}]}, {"cells": []}, {"cells": [{"big": 3}]}]}),
        ],
    ),
    "one of each item": (
        "StartAt: A\nStates: [{Type: Pass, Name: A, OutputConstructor: {skus.$: '$Input.lines[*].sku'}, End: true}]",
        [({"lines": [{"sku": "a"}, {"sku": ["b"]}, {}]}, {"skus": ["a", ["b"], None]})],
    ),
    "seconds from the input": (
        "StartAt: A\nStates: [{Type: Wait, Name: A, Seconds.$: $Input.s, End: true}]",
        [({"s": 1}, {"s": 1})],
    ),
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
    assert output(text, given) == wanted


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(flows(), st.integers(0, 3), st.integers(0, 3))
def test_any_flow_comes_to_what_fdl_says(flow: dict[str, Any], a: int, b: int) -> None:
    Workflow.objects.all().delete()
    _plan, [made] = transfer.perform(transfer.read(json.dumps(flow)))
    workflow = made.workflow
    run = simulate(workflow, {"a": a, "b": b})
    wanted = comes_to(flow, {"a": a, "b": b})
    assert (run.status, run.output) == ((-1, None) if wanted is None else (1, wanted))


@pytest.mark.django_db(transaction=True)
def test_a_wait_waits() -> None:
    run = ran(HEAD + "StartAt: W\nStates: [{Type: Wait, Name: W, Seconds: 30, End: true}]", {"n": 1})
    assert run.status == 0
    [job] = run.jobs.filter(wait="timer")
    assert timedelta(seconds=30) <= job.due_at - job.started_at < timedelta(seconds=60)
    # As if so much time had gone by.
    for row in (run, job):
        type(row).objects.filter(pk=row.pk).update(due_at=F("due_at") - timedelta(seconds=30))
    drain()
    run.refresh_from_db()
    assert (run.status, run.output) == (1, {"n": 1})


@pytest.mark.django_db
@pytest.mark.parametrize("inside", [False, True], ids=["on the main line", "in a branch"])
def test_a_fail_ends_the_flow(inside: bool) -> None:
    fail = "{Type: Fail, Name: Bad, Code: NoStock, Detail: none left}"
    branch = f"{{Type: Parallel, Name: P, Branches: [{{StartAt: Bad, States: [{fail}]}}], End: true}}"
    run = ran(HEAD + f"StartAt: {'P' if inside else 'Bad'}\nStates: [{branch if inside else fail}]")
    assert run.status == -1
    said = {"Code": "NoStock", "Detail": "none left", "message": "NoStock: none left"}
    assert run.jobs.get(node_key="Bad_error").result == said
    assert run.error == "NoStock: none left"


def http(web: Web, **more: Any) -> str:
    state = {"Type": "Task", "Name": "Call", "Action": "HTTP:Request", "End": True,
             "Parameters": {"url": web.url + "/x", "method": "Get"}, **more}  # fmt: skip
    return HEAD + "StartAt: Call\nStates: " + json.dumps([state])


@pytest.mark.django_db(transaction=True)
def test_an_http_task_gives_its_answer(web: Web) -> None:
    web.body = b'{"ok": true}'
    headers = {"X-Order": 7, "Content-Type": "application/json"}
    parameters = {"url.$": "$Input.url", "method": "post", "headers": headers, "body": {"n.$": "$Input.n"}}
    run = ran(
        http(web, Parameters=parameters, OutputConstructor={"code.$": "$Output.Code", "body.$": "$Output.Body"}),
        {"url": web.url + "/orders", "n": 3},
    )
    assert (run.status, run.output) == (1, {"code": 200, "body": {"ok": True}})
    method, path, headers, body = web.last
    assert (method, path, headers["X-Order"], json.loads(body)) == ("POST", "/orders", "7", {"n": 3})


@pytest.mark.django_db(transaction=True)
def test_a_retry_tries_again(web: Web) -> None:
    web.status = 503
    rule = {"Errors": ["FnF.ALL"], "MaxAttempts": 2, "IntervalSeconds": 0, "Description": "x"}
    run = ran(http(web, Retry=[rule]))
    assert (run.status, len(web.calls)) == (-1, 3)


@pytest.mark.django_db(transaction=True)
def test_a_task_waits_for_its_callback(web: Web) -> None:
    parameters = {
        "url": web.url,
        "method": "POST",
        "body": {"token.$": "$Context.Current.TaskToken", "n.$": "$Input.n"},
    }
    run = ran(
        http(web, Parameters=parameters, TaskMode="WaitForCustomCallback", OutputConstructor={"got.$": "$Output.paid"}),
        {"n": 3},
    )
    assert run.status == 0
    sent = json.loads(web.last[3])
    assert sent["n"] == 3
    operations.complete_job(tasktokens.job_of(sent["token"]).pk, result={"paid": 12})
    drain()
    run.refresh_from_db()
    assert (run.status, run.output) == (1, {"got": 12})


@pytest.mark.django_db(transaction=True)
def test_a_reported_failure_fails_the_task(web: Web) -> None:
    parameters = {"url": web.url, "method": "POST", "body": {"token.$": "$Context.Current.TaskToken"}}
    run = ran(http(web, Parameters=parameters, TaskMode="WaitForCustomCallback"))
    operations.fail_job(tasktokens.job_of(json.loads(web.last[3])["token"]).pk, result={"ErrorCode": "E"})
    drain()
    run.refresh_from_db()
    assert run.status == -1
