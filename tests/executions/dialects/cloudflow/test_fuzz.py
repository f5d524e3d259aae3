"""Whatever is sent, the answer is JSON in the vendor's shape, and never a crash."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions.dialects.cloudflow.registry import actions
from tests.building import build
from tests.executions.dialects.cloudflow.client import STATUSES, CloudFlow
from tests.people import boss

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NAMES = (
    "FlowName", "ExecutionName", "Name", "NextToken", "Limit", "Status", "StartedTimeBegin", "StartedTimeEnd",
    "ExecutionNamePrefix", "MetadataOnly", "Input", "Error", "Cause", "Definition", "Description", "Type",
    "ExecutionMode", "TaskToken", "Output", "ScheduleName", "CronExpression", "Payload", "Enable", "Qualifier",
)  # fmt: skip
texts = st.text(max_size=40) | st.sampled_from(
    [
        "flow", "run-1", "FDL", "{}", '{"a": 1}', "[]", "true", "1", "-1", "99999999999999999999", "@every 1h",
        "* * * * *",
        "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00", "0000-01-01T00:00:00Z", "1-1:x",
        "Type: StateMachine\nSpecVersion: v1\nName: flow\nStartAt: a\nStates:\n- Type: Pass\n  Name: a\n  End: true\n",
        "version: v1\ntype: flow\nname: flow\nsteps: []\n", "a: &a [*a]", "\x00", "{{$context}}", "%", "е",
    ]
)  # fmt: skip
# What a URL can hold: no half of a surrogate pair.
storable = texts.filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))
relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def cloud(db):
    build([("delay", {"duration": 1, "unit": 3_600_000})], name="flow")
    found = CloudFlow(boss())
    found("StartExecution", FlowName="flow", ExecutionName="e")
    return found


def in_shape(answer):
    body = json.loads(answer.content)
    assert answer.status_code < 500, body
    assert body["RequestId"] == answer["x-acs-request-id"]
    assert answer.status_code == (STATUSES[body["Code"]] if "Code" in body else 200), body


@relaxed
@given(
    st.sampled_from(sorted(actions())), st.dictionaries(st.sampled_from(NAMES), storable, max_size=6),
    st.sampled_from(["GET", "POST"]),
)  # fmt: skip
def test_parameters(cloud, action, parameters, method):
    parameters = {"FlowName": "flow", "ExecutionName": "e", **parameters}
    # No test waits for a run that never ends.
    in_shape(cloud.raw(action, method, **parameters))


@relaxed
@given(st.binary(max_size=200), st.text(max_size=60), st.sampled_from(["application/x-www-form-urlencoded", "text/x"]))
def test_bodies_and_headers(cloud, body, header, content_type):
    answer = cloud.http.generic(
        "POST", "/", body, content_type=content_type,
        headers={"x-acs-action": "ListFlows", "x-acs-version": "2019-03-15",
                 "authorization": f"ACS3-HMAC-SHA256 {header}"},
    )  # fmt: skip
    in_shape(answer)


@relaxed
@given(st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=200))
def test_queries(cloud, query):
    answer = cloud.http.get("/", QUERY_STRING=f"Action=ListFlows&Version=2019-03-15&{query}")
    in_shape(answer)
