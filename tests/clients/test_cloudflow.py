"""Alibaba Cloud's own clients from PyPI, unchanged, against this server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution, Job
from executions.tasktokens import token_of
from executions.testing import drain
from tests.building import build
from tests.clients import pypi
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Path(__file__).resolve().parent / "cloudflow"


def no(status: int, code: str) -> list[Any]:
    return [status, code, True]


@pytest.fixture
def run(cloud_server: Any, demo_flows: Any, run_client: pypi.Client) -> Callable[..., list[Any]]:
    """`run(script, *arguments)` with the demo's key."""

    def with_key(script: str, *arguments: object) -> list[Any]:
        key = demo_flows.key
        return run_client(HERE / script, cloud_server.address, key.row.access_key_id, key.secret, *arguments)

    return with_key


def many_runs() -> Workflow:
    """Five each minute, of five statuses."""
    flow = build([], name="orders")
    first = datetime(2026, 3, 10, 12, tzinfo=UTC)
    kinds = ((1, None), (-1, None), (0, None), (-3, "timeout"), (-3, None))
    for number in range(150):
        status, reason = kinds[number % 5]
        at = first + timedelta(minutes=number // 5)
        known = {"title": "", "version": 1, "type": "manual", "queue": "sluice", "created_at": at, "updated_at": at}
        Execution.objects.create(
            key=flow.key, workflow=flow, name=f"order-{number}", status=status, reason=reason, context={},
            ended_at=None if status == 0 else at, **known,
        )  # fmt: skip
    return flow


def test_executions(run: Callable[..., list[Any]]) -> None:
    kinds = ("StepEntered", "StepStarted", "StepSucceeded", "StepExited")
    assert run("runs.py") == [
        ["first", "quick", {"n": "值 +&=*~"}, "Starting", None, True],
        [True, {"n": "值 +&=*~"}],
        ["Succeeded", "42", True, True],
        no(400, "ExecutionAlreadyExists"),
        [True, "Starting"],
        ["Running", no(400, "InvalidArgument")],
        ["Stopped", True, no(400, "ExecutionAlreadyCompleted")],
        [[number, kind] for number, kind in enumerate(["ExecutionStarted", *kinds, *kinds, "ExecutionSucceeded"], 1)],
        {"input": {"n": "值 +&=*~"}},
        [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]],
        [
            no(404, "FlowNotExists"), no(404, "ExecutionNotExists"), no(404, "FlowNotExists"),
            no(404, "ExecutionNotExists"), no(404, "ExecutionNotExists"), no(404, "FlowNotExists"),
            no(400, "InvalidArgument"), no(400, "InvalidArgument"), no(400, "InvalidArgument"),
        ],
    ]  # fmt: skip


def test_lists(run: Callable[..., list[Any]]) -> None:
    many_runs()
    assert run("lists.py", "orders") == [
        {"Starting": 0, "Running": 30, "Stopped": 30, "Succeeded": 30, "Failed": 30, "TimedOut": 30},
        [60, 1, 99, 100],
        [no(400, "InvalidArgument")] * 3,
        [no(400, "InvalidArgument")] * 3,
        [
            10,
            5,
            0,
            61,
            [f"order-{number}" for number in (*range(129, 119, -1), 12)],
            [],
            13,
        ],
        ["order-149", None, None, None],
        [150, 150, "order-149", "order-0"],
        [True, True],
        [True, True],
        [30, 30],
        True,
    ]


def test_flows(run: Callable[..., list[Any]], demo_flows: Any) -> None:
    waits = build([("callback", {})], name="waits")
    from executions import start

    tokens = []
    for _number in range(2):
        start(waits, {})
        drain()
        tokens.append(token_of(Job.objects.latest("id")))
    assert run("flows.py", *tokens) == [
        ["made", "FDL", "Standard", "Made by a client", True],
        [no(409, "FlowAlreadyExists"), no(400, "InvalidArgument")],
        no(400, "InvalidArgument"),
        ["Succeeded", {"a": 1}],
        [True, True, True],
        [True],
        ["made", "old-form"],
        ["Express", "Succeeded", True, '{"a": 1}', None],
        [no(400, "InvalidArgument"), no(400, "InvalidArgument")],
        ["daily", "0 0 4 * * *", '{"a": 1}', True, "Each day"],
        no(409, "ScheduleAlreadyExists"),
        [True, "@every 1h", '{"a": 1}', False],
        ["daily"],
        no(404, "ScheduleNotExists"),
        no(404, "FlowNotExists"),
        0,
        True,
        True,
        no(400, "TaskAlreadyCompleted"),
        no(400, "InvalidArgument"),
        ["Failed", "Succeeded"],
        no(400, "ActionNotSupported"),
    ]


def test_signatures(run: Callable[..., list[Any]]) -> None:
    wrong, skewed = [403, "SignatureNotMatch"], [403, "RequestTimeTooSkewed"]
    assert run("signatures.py") == [
        ["not refused", [*wrong, True], no(403, "InvalidAccessKeyID")],
        [[200, None], [400, "SignatureNonceUsed"]],
        [[200, None], [200, None], skewed, skewed],
        [wrong, [200, None]],
        [[400, "ActionNotSupported"], [400, "APIVersionNotSupported"], wrong],
        [200, []],
        ["third", '{"a": "值 +&"}'],
        [[*wrong, True], no(400, "APIVersionNotSupported"), no(400, "ActionNotSupported")],
        '{"a": "值 +&"}',
    ]


def test_the_older_client(run: Callable[..., list[Any]]) -> None:
    assert run("older.py") == [
        ["e1", "Starting", {"key": "值 +&=*~"}],
        "42",
        "Stopped",
        ["more-4", "more-3", "more-2", "more-1", "more-0", "e1"],
        ["e1"],
        10,
        ["quick", "slow"],
        [
            no(404, "FlowNotExists"), no(400, "MissingRequiredParams"), no(400, "InvalidArgument"),
            no(403, "SignatureNotMatch"), no(400, "ExecutionAlreadyCompleted"),
        ],
    ]  # fmt: skip
