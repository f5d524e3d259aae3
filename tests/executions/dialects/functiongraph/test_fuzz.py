"""Whatever is sent: no 500, JSON in the interface's shapes, nothing begun but what was asked for."""

import json
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions.dialects.functiongraph.calls import CALLS
from executions.models import Execution
from tests.building import build
from tests.executions.dialects.functiongraph.clients import FunctionGraph, shape
from tests.executions.rows import run
from tests.people import boss

pytestmark = [pytest.mark.django_db, pytest.mark.once]

FLOWS = st.sampled_from(["known", "known", "express", "no"])
TEXTS = st.text(max_size=20).map(lambda text: f"/{text}")
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
#: (method, address); a run of "known" stands where an execution is named.
CALLED = st.one_of(
    *[st.tuples(st.just(call.method), FLOWS.map(lambda key, call=call: call.address.replace("{workflow}", key)))
      for call in CALLS],
    st.tuples(METHODS, TEXTS),
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | st.just("success"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["input", "headers", "result", "error", "output", "workflow_urns", "name", "start", "states", "functions", "mode",
     "retries", "constants", "triggers", "definition"]
)  # fmt: skip
STATE = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"]), "type": st.sampled_from(["Sleep", "End", "Operation", "Pass", "sluice:delay"])},
    optional={"transition": st.sampled_from(["a", "b", "c"]), "end": st.booleans(), "duration": VALUES,
              "actions": VALUES},
)  # fmt: skip
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=30),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, VALUES, max_size=5).map(lambda body: json.dumps(body).encode()),
    st.lists(STATE, max_size=3).map(
        lambda states: json.dumps({"name": "made", "start": "a", "states": states}).encode()
    ),
)
QUERIES = st.one_of(
    st.binary(max_size=20).map(lambda raw: quote_from_bytes(raw, safe="&=+")),
    st.lists(
        st.tuples(
            st.sampled_from(["limit", "offset", "status", "start_time", "end_time", "workflow_name", "mode"]),
            st.text(max_size=6)
            | st.integers().map(str)
            | st.datetimes().map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}")
            | st.sampled_from(["success", "NORMAL", "1"]),
        ),
        max_size=4,
    ).map(
        lambda pairs: "&".join(f"{name}={quote_from_bytes(text.encode('utf-8', 'replace'))}" for name, text in pairs)
    ),
)
LIMITS = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def client(db, settings):
    settings.SLUICE = {"SYNC_SECONDS": 0.01}
    found = run(build([], key="known", name="known"), status=-1)
    build([], key="express", sync=True)
    client = FunctionGraph(boss())
    client.found = str(found.pk)
    return client


@LIMITS
@given(called=CALLED, query=QUERIES, body=BODIES, header=st.text("0123456789nTrue/é", max_size=5))
def test_every_answer_is_one_of_the_interfaces(client, called, query, body, header):
    method, path = called[0], called[1].replace("{execution}", client.found)
    before = Execution.objects.count()
    names = ("x-workflow-run-id", "x-workflow-state-id", "x-get-workflow-full-history-data")
    # Signed as the text that it is, and sent as its bytes.
    client.forge = lambda sent: sent["headers"].update(dict.fromkeys(names, header.encode().decode("latin-1")))
    answer = client.raw(method, path, body, query=query, **dict.fromkeys(names, header))
    assert answer.status_code in (200, 201, 400, 404, 406, 409), answer.content
    if answer.content:
        assert answer["Content-Type"] == "application/json"
        json.loads(answer.content, parse_constant=pytest.fail)
    if answer.status_code >= 400:
        assert shape(answer)[0] in {
            "FSS.0400", "FSS.1001", "APIGW.0301", "FSS.0404", "FSS.0406", "FSS.0409"
        }  # fmt: skip
    begun = method == "POST" and answer.status_code == 200
    assert Execution.objects.count() - before <= int(begun)


@LIMITS
@given(
    header=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
    | st.from_regex(
        r"SDK-HMAC-SHA256 Access=\w{1,5}, SignedHeaders=[\w;-]{1,20}, Signature=[0-9a-f]{64}", fullmatch=True
    )
)
def test_no_text_is_a_signature(client, header):
    client.forge = lambda sent: sent["headers"].update(authorization=header)
    assert client.refused("GET", "/workflows", status=401)[0] == "APIGW.0301"
