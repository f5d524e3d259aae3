"""The vendor's own examples, with requests and with fetch, against this server."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from executions import start
from executions.models import Execution
from tests.clients import pypi
from workflows import ambient

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Path(__file__).resolve().parent / "iflyrpa"


@pytest.fixture
def base(cloud_server: Any) -> str:
    return f"{cloud_server.url}/api/rpa-openapi"


def test_a_whole_scenario(base: str, demo_flows: Any, run_client: pypi.Client) -> None:
    quick, slow = demo_flows.quick.key, demo_flows.slow.key
    assert run_client(HERE / "scenario.py", base, demo_flows.key.api_key, quick, slow) == [
        {"code": "0000", "total": 12, "first": True},
        ["PENDING", None, True],
        ["COMPLETED", {"data": 42}, False],
        {"pages": 3, "all": True},
        {"parameters": {"n": 0}, "result": {"data": 42}, "project": True},
        ["COMPLETED", {"data": 42}],
        ["quick", "slow"],
        1,
        [[401, ["detail"]], [401, ["detail"]], [422, ["detail"]], [404, ["code", "data", "msg"]],
         [422, ["detail"]], [200, ["code", "data", "msg"]]],
    ]  # fmt: skip
    assert {*Execution.objects.values_list("created_by", flat=True)} == {demo_flows.user.pk}


def test_the_example_for_javascript(base: str, demo_flows: Any) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node 18 or newer: install nodejs")
    with ambient.acting(demo_flows.user):
        run = start("slow", {})
    assert run is not None
    [told, shown] = pypi.run([node, str(HERE / "scenario.cjs"), base, demo_flows.key.api_key])
    assert told == {"code": "0000", "total": 1}
    assert shown[:2] == [str(run.pk), "PENDING"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", shown[2])
