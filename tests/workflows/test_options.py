import pytest
from pydantic import ValidationError

from workflows.options import STRICT, WorkflowOptions

pytestmark = pytest.mark.once


def test_defaults():
    options = WorkflowOptions.model_validate({})
    assert options.model_dump(by_alias=True) == {
        "timeout": 0,
        "stackLimit": 1,
        "deleteExecutionOnStatus": [],
        "retentionDays": None,
        "lane": "",
        "concurrency": None,
        "rate": None,
        "debounce": None,
        "queue": "",
        "priority": 0,
        "searchAttributes": {},
        "sensitive": [],
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


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("timeout", -1, ()),
        ("timeout", "5 min", ()),
        ("timeout", True, ()),
        ("timeout", 1500.9, ()),
        ("timeout", float("inf"), ()),
        ("stackLimit", 0, ()),
        ("stackLimit", "2", ()),
        ("retentionDays", True, ()),
        ("priority", "5", ()),
        ("priority", 10**9, ()),
        ("deleteExecutionOnStatus", [1, 0], (1,)),
        ("deleteExecutionOnStatus", [5], (0,)),
        ("deleteExecutionOnStatus", ["1"], (0,)),
        ("deleteExecutionOnStatus", [True], (0,)),
        ("deleteExecutionOnStatus", 0, ()),
    ],
)
def test_what_means_none_to_the_engine_is_refused_where_a_person_saves(key, value, path):
    with pytest.raises(ValidationError) as raised:
        WorkflowOptions.model_validate({key: value}, context=STRICT)
    assert raised.value.errors()[0]["loc"] == (key, *path)


@pytest.mark.parametrize(
    ("key", "value", "attribute"),
    [
        ("timeout", 0, "timeout"),
        ("stackLimit", 100, "stack_limit"),
        ("deleteExecutionOnStatus", [1, -6], "delete_execution_on_status"),
        ("priority", 86_400, "priority"),
    ],
)
def test_what_makes_sense_is_taken_from_a_person(key, value, attribute):
    assert getattr(WorkflowOptions.model_validate({key: value}, context=STRICT), attribute) == value


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("concurrency", 3, ()),
        ("concurrency", {}, ("limit",)),
        ("concurrency", {"limit": 0}, ("limit",)),
        ("concurrency", {"limit": 1001}, ("limit",)),
        ("concurrency", {"limit": True}, ("limit",)),
        ("concurrency", {"limit": "3"}, ("limit",)),
        ("concurrency", {"limit": 3, "onLimit": "explode"}, ("onLimit",)),
        ("concurrency", {"limit": 3, "key": 7}, ("key",)),
        ("concurrency", {"limit": 3, "key": "x" * 1001}, ("key",)),
        ("rate", {"limit": 3}, ("seconds",)),
        ("rate", {"seconds": 3}, ("limit",)),
        ("rate", {"limit": 3, "seconds": 0}, ("seconds",)),
        ("rate", {"limit": 3, "seconds": 86_401}, ("seconds",)),
        ("rate", {"limit": 1.5, "seconds": 1}, ("limit",)),
        ("debounce", {}, ("seconds",)),
        ("debounce", {"seconds": -1}, ("seconds",)),
        ("debounce", {"seconds": 5, "key": None}, ("key",)),
        ("debounce", [5], ()),
    ],
)
def test_what_is_no_control_of_the_flow_is_refused(key, value, path):
    with pytest.raises(ValidationError) as raised:
        WorkflowOptions.model_validate({key: value}, context=STRICT)
    assert raised.value.errors()[0]["loc"] == (key, *path)


@pytest.mark.parametrize(
    ("options", "template", "limit", "flows"),
    [
        ({}, None, None, False),
        ({"lane": "a"}, "a", 1, True),
        ({"concurrency": {"limit": 3}}, "", 3, True),
        ({"concurrency": {"limit": 3, "key": "b"}}, "b", 3, True),
        ({"lane": "a", "concurrency": {"limit": 3}}, "a", 3, True),
        ({"rate": {"limit": 3, "seconds": 1}}, "", None, True),
        ({"rate": {"limit": 3, "seconds": 1, "key": "c"}}, "c", None, True),
        ({"lane": "a", "rate": {"limit": 3, "seconds": 1, "key": "a"}}, "a", 1, True),
        ({"debounce": {"seconds": 3}}, None, None, True),
        ({"concurrency": None, "rate": None, "debounce": None}, None, None, False),
    ],
)
def test_what_runs_wait_by(options, template, limit, flows):
    found = WorkflowOptions.model_validate(options, context=STRICT)
    assert (found.lane_template, found.lane_limit, found.flows) == (template, limit, flows)


def test_null_leaves_a_key_out_for_a_person_too():
    options = WorkflowOptions.model_validate({"timeout": None, "stackLimit": None}, context=STRICT)
    assert (options.timeout, options.stack_limit) == (0, 1)
