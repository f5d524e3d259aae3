"""Huawei Cloud's own client from PyPI, unchanged, against this server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution
from tests.building import build
from tests.clients import pypi
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Path(__file__).resolve().parent / "functiongraph"
URN = ["default", "orders", "latest"]
NOT_FOUND, BAD_QUERY, BAD = [404, "FSS.0404", True], [400, "FSS.1001", True], [400, "FSS.0400", True]
UNSIGNED = [401, "APIGW.0301", True]


@pytest.fixture
def run(cloud_server: Any, demo_flows: Any, run_client: pypi.Client) -> Callable[..., list[Any]]:
    """`run(script, *arguments)` with the demo's key."""

    def with_key(script: str, *arguments: object) -> list[Any]:
        key = demo_flows.key
        known = (cloud_server.url, key.row.access_key_id, key.secret, key.row.project_id)
        return run_client(HERE / script, *known, *arguments)

    return with_key


def many_runs() -> Workflow:
    """Five each minute, of the five statuses."""
    flow = build([], name="orders")
    first = datetime(2026, 3, 10, 12, tzinfo=UTC)
    kinds = ((1, None), (-1, None), (0, None), (-3, "timeout"), (-3, None))
    for number in range(450):
        status, reason = kinds[number % 5]
        at = first + timedelta(minutes=number // 5)
        known = {"title": "", "version": 1, "type": "manual", "queue": "sluice", "created_at": at, "updated_at": at}
        ended = None if status == 0 else at
        Execution.objects.create(key=flow.key, workflow=flow, status=status, reason=reason, ended_at=ended, **known)
    return flow


def test_lists(run: Callable[..., list[Any]], demo_flows: Any) -> None:
    assert run("lists.py", many_runs().key, demo_flows.quick.key, "absent") == [
        [200, 200, 7],
        [200, 50, 0, 0],
        dict.fromkeys(("success", "fail", "running", "timeout", "cancel"), 90),
        True,
        0,
        5,
        10,
        50,
        0,
        [True, URN, "2026-03-10T13:29:00Z", "2026-03-10T13:29:00Z", "cancel"],
        "2026-03-10T13:29:00Z",
        [450, 450, True],
        [450, 10, 10, "2026-03-10T12:01:00Z"],
        [8, 0],
        [*[BAD_QUERY] * 4, *[NOT_FOUND] * 2, *[BAD_QUERY] * 2, NOT_FOUND, [403, "FSS.0403", True], NOT_FOUND],
    ]


def test_signatures(run: Callable[..., list[Any]]) -> None:
    flow = many_runs()
    before = Execution.objects.count()
    unsigned = [401, "APIGW.0301", None]
    assert run("signatures.py", flow.key) == [
        0,
        [UNSIGNED, True],
        [UNSIGNED, "not refused", "not refused", UNSIGNED],
        [200, True],
        [unsigned] * 10,
    ]
    assert [each.context for each in Execution.objects.order_by("id")[before:]] == [{"arg": "值 1 +&=*~"}] * 2


def test_runs(run: Callable[..., list[Any]], demo_flows: Any) -> None:
    calculation = ("calculation", {"engine": "math.js", "expression": "{{$context.n}} * 2"})
    output = ("output", {"value": {"double": "{{$jobsMapByNodeKey.n1}}"}})
    double = build([calculation, output], sync=True)
    fails = build([("calculation", {"engine": "math.js", "expression": "1"}), ("delay", {"duration": 3_600_000})])
    quick, slow = demo_flows.quick.key, demo_flows.slow.key
    assert run("runs.py", quick, slow, fails.key, double.key, "absent") == [
        ["running", None, {"n": "值"}, "success", 42, True],
        ["Six times seven", "success", 42],
        [True, None],
        [BAD, BAD],
        ["running", 200, "cancel", BAD],
        [NOT_FOUND] * 4,
        ["running", 2, True],
        ["fail", 200, "running"],
        [1, True, "running", 1],
        BAD,
        ["success", True, {"well": "done"}],
        [BAD, NOT_FOUND],
        ["success", {"double": 42}, [], True],
        ["fail", None, 1, True],
        [BAD, NOT_FOUND, NOT_FOUND, BAD],
    ]


def test_flows(run: Callable[..., list[Any]]) -> None:
    Workflow.objects.all().delete()
    naps = ["default", "naps", "latest"]
    assert run("flows.py") == [
        [201, "naps", "Made by a client", ["workflow", *naps], "boss"],
        [409, "FSS.0409", True],
        [[2, 2, ["quick-naps", "naps"]], [2, 1, ["naps"]], [2, 2, ["quick-naps", "naps"]], [1, 1, ["naps"]]],
        [[1, 1, ["quick-naps"]], [1, 1, ["naps"]], [0, 0, []]],
        ["naps", "NORMAL", "a", [["a", "Sleep"], ["b", "Sleep"]]],
        [True, 1, True],
        [True],
        [BAD, BAD, BAD, NOT_FOUND, NOT_FOUND],
        [True, 1, True],
        [NOT_FOUND, [0, 0, []]],
        [True, []],
    ]
