"""Whatever is sent: no 500, JSON in one of the interface's shapes, nothing started but what was asked for."""

import json
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions.models import Execution
from tests.building import build
from tests.executions.dialects.iflyrpa.clients import Rpa
from tests.people import boss

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EXAMPLES = 150
PATHS = ["executions/get", "executions/1", "workflows/get", "workflows/get/known", "workflows/execute",
         "workflows/execute-async", "executions/get/", "executions/"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | st.just("known"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["project_id", "params", "exec_position", "version", "idempotency_key", "recording_config", "x"]
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=30),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, VALUES, max_size=5).map(lambda body: json.dumps({"project_id": "known", **body}).encode()),
)
QUERIES = st.one_of(
    st.binary(max_size=20).map(lambda raw: quote_from_bytes(raw, safe="&=+")),
    st.tuples(st.sampled_from(["pageNo", "pageSize", "other"]), st.text(max_size=6) | st.integers().map(str)).map(
        lambda pair: f"{pair[0]}={quote_from_bytes(pair[1].encode('utf-8', 'replace'))}"
    ),
)
METHODS = st.sampled_from(["GET", "GET", "POST", "POST", "PUT", "HEAD"])
KINDS = st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", "x/y+json", "/"])
LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def client(db):
    build([], name="known")
    return Rpa(boss())


@LIMITS
@given(path=st.sampled_from(PATHS), method=METHODS, query=QUERIES, body=BODIES, kind=KINDS)
def test_every_answer_is_one_of_the_interfaces(client, path, method, query, body, kind):
    before = Execution.objects.count()
    answer = client.raw(method, f"{path}?{query}", body, content_type=kind)
    assert answer.status_code in (200, 400, 404, 405, 422), answer.content
    assert answer["Content-Type"] == "application/json"
    if method == "HEAD":
        return
    found = json.loads(answer.content, parse_constant=pytest.fail)
    if answer.status_code == 200 or "code" in found:
        assert set(found) == {"code", "msg", "data"}
        assert found["code"] in ("0000", "5001")
    else:
        assert set(found) == {"detail"}
    begun = method == "POST" and answer.status_code == 200 and found["code"] == "0000"
    assert Execution.objects.count() - before <= int(begun)
    if answer.status_code == 422:
        assert all({"type", "loc", "msg", "input"} <= set(each) for each in found["detail"])
        assert all(each["loc"][0] in ("query", "body") for each in found["detail"])


@LIMITS
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
def test_no_text_is_a_key(client, header):
    client.headers = {"authorization": f"Bearer {header}"}
    assert client("GET", "executions/get", status=401)
