import pytest
from pydantic import ValidationError

from workflows.options import WorkflowOptions

pytestmark = pytest.mark.once


def test_defaults():
    options = WorkflowOptions.model_validate({})
    assert options.model_dump(by_alias=True) == {
        "timeout": 0,
        "stackLimit": 1,
        "deleteExecutionOnStatus": [],
        "retentionDays": None,
        "lane": "",
        "queue": "",
        "priority": 0,
    }


@pytest.mark.parametrize(
    ("key", "value", "attribute", "expected"),
    [
        ("timeout", 1500, "timeout", 1500),
        ("timeout", 1500.9, "timeout", 1500),
        ("timeout", -1, "timeout", 0),
        ("timeout", None, "timeout", 0),
        ("timeout", "5 min", "timeout", 0),
        ("timeout", True, "timeout", 0),
        ("timeout", float("inf"), "timeout", 0),
        ("timeout", float("nan"), "timeout", 0),
        ("timeout", -(10**400), "timeout", 0),
        ("timeout", 180 * 86_400_000, "timeout", 15_552_000_000),
        ("stackLimit", 0, "stack_limit", 1),
        ("stackLimit", None, "stack_limit", 1),
        ("stackLimit", 7, "stack_limit", 7),
        ("deleteExecutionOnStatus", None, "delete_execution_on_status", []),
        ("deleteExecutionOnStatus", [1, -2, 0, 5, "1", True, [1], None], "delete_execution_on_status", [1, -2]),
        ("retentionDays", None, "retention_days", None),
        ("lane", None, "lane", ""),
        ("queue", "slow-1", "queue", "slow-1"),
        ("priority", None, "priority", 0),
        ("useTransaction", True, "useTransaction", True),
    ],
)
def test_values(key, value, attribute, expected):
    assert getattr(WorkflowOptions.model_validate({key: value}), attribute) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timeout", 180 * 86_400_000 + 1),
        ("timeout", 10**400),
        ("stackLimit", 101),
        ("stackLimit", "many"),
        ("deleteExecutionOnStatus", "all"),
        ("retentionDays", 0),
        ("lane", "x" * 1001),
        ("lane", 5),
        ("queue", "not a queue"),
        ("queue", "line\n"),
        ("priority", -1),
        ("priority", 86_401),
    ],
)
def test_refused(key, value):
    with pytest.raises(ValidationError) as raised:
        WorkflowOptions.model_validate({key: value})
    assert raised.value.errors()[0]["loc"][0] == key
