"""Who signed a request: known answers of the vendor's own signer, and everything that must not pass."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient
from django.utils import timezone

from executions import accesskeys
from executions.dialects.functiongraph import signature
from executions.models import Execution
from executions.models.keys import AccessKey
from tests.building import build
from tests.executions.dialects.functiongraph.clients import now, sign

pytestmark = pytest.mark.django_db

PROJECT = "73d69ae0cfcf460190522d060f05adaa"
HEADERS = {
    "content-type": "application/json",
    "host": "127.0.0.1:8000",
    "x-project-id": PROJECT,
    "x-sdk-date": "20260101T000000Z",
}
KNOWN = [
    (
        "GET", f"/v2/{PROJECT}/fgs/workflows/wf/1 中/executions",
        "limit=10&start_time=2026-01-01%2000%3A00%3A00&status=success", b"",
        "ae0c1c012fde7c09494fc39eebffd789e4f28b2c057b12b0e5df60d0bf0ebe3c",
    ),
    (
        "POST", f"/v2/{PROJECT}/fgs/workflows/w1/executions", "", b'{"input": {"k": "v"}}',
        "0e381800d50809f868d4679241d0e79ae2e966381e4e88c8165e739a2d4c7987",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "body", "expected"), KNOWN)
def test_known_answers(rf, monkeypatch, method, path, query, body, expected):
    names = ";".join(sorted(HEADERS))
    known = AccessKey(access_key_id="AKtest", project_id=PROJECT)
    monkeypatch.setattr(accesskeys, "find", lambda pk, _dialect: known if pk == "AKtest" else None)
    monkeypatch.setattr(accesskeys, "secret_of", lambda _row: "SKtest")
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 1, 1, 0, 14, tzinfo=UTC))
    authorization = f"SDK-HMAC-SHA256 Access=AKtest, SignedHeaders={names}, Signature={expected}"
    headers = {**HEADERS, "authorization": authorization}
    sent = {name: value for name, value in headers.items() if name != "content-type"}
    request = rf.generic(method, f"{path}?{query}", body, headers=sent, CONTENT_TYPE="application/json")
    pairs = [tuple(map(unquote_plus, part.split("="))) for part in query.split("&")] if query else []
    assert signature.verified(request, pairs, body).key is known


def test_the_tests_sign_as_the_vendor_does():
    for method, path, query, body, expected in KNOWN:
        assert sign("AKtest", "SKtest", method, path, query, body, HEADERS).endswith(expected)


@pytest.fixture
def flow():
    return build([], key="flow")


PATH = "/workflows/flow/executions"


@pytest.mark.parametrize(
    "query",
    ["", "limit=1", "status=success&limit=5", "limit=5&status=success", "a=%20+%2B&b=", "b", "a=2&a=1",
     "x=%E4%B8%AD~*'()", "start_time=2026-01-01%2000%3A00%3A00", "start_time=2026-01-01+00:00:00"],
)  # fmt: skip
def test_a_good_signature_opens(graph, flow, query):
    assert graph().get(PATH, query) == {"executions": []}


@pytest.mark.parametrize("headers", [{"user-agent": "huaweicloud-usdk-python/3.0; 中"}, {"x-other": "  a  b  "}])
def test_other_headers_may_be_signed_too(graph, flow, headers):
    client = graph()
    client.forge = lambda sent: sent["headers"].update(
        {name: value.encode().decode("latin-1") for name, value in sent["headers"].items()}
    )
    assert client.get(PATH, **headers)


def _set(place, **values):
    return lambda sent: sent[place].update({name.replace("_", "-"): value for name, value in values.items()})


def _put(**values):
    return lambda sent: sent.update(values)


def _change(old, new):
    def change(sent):
        text = sent["headers"]["authorization"]
        assert re.search(old, text)
        sent["headers"]["authorization"] = re.sub(old, new, text)

    return change


FORGERIES = {
    "none": lambda sent: sent["headers"].pop("authorization"),
    "empty": _set("headers", authorization=""),
    "basic": _set("headers", authorization="Basic YTpi"),
    "bearer": _set("headers", authorization="Bearer abc"),
    "another algorithm": _change("SDK-HMAC-SHA256", "SDK-HMAC-SM3"),
    "another letter": _change("Signature=.", "Signature=g"),
    "another signature": _change("Signature=.*", f"Signature={'0' * 64}"),
    "a short signature": _change("Signature=.*", "Signature=00"),
    "no signature": _change(", Signature=.*", ""),
    "an unknown key": _change("Access=AK", "Access=XK"),
    "no key": _change("Access=[^,]*", "Access="),
    "another body": _put(body=b'{"input": 2}'),
    "no body": _put(body=b""),
    "a space more": _put(body=b'{"input":  1}'),
    "another parameter": _put(query="limit=2"),
    "another address": lambda sent: sent.update(path=sent["path"].replace("/flow/", "/flow2/")),
    "another method": _put(method="GET"),
    "another type": _set("headers", content_type="text/plain"),
    "another host": _set("headers", host="127.0.0.1"),
    "another date": _set("headers", x_sdk_date="20200101T000000Z"),
    "no date": lambda sent: sent["headers"].pop("x-sdk-date"),
    "a date that is none": _set("headers", x_sdk_date="yesterday"),
    "a header less": lambda sent: sent["headers"].pop("x-project-id"),
    "host is not signed": _change("host;", ""),
    "date is not signed": _change(";x-sdk-date", ""),
    "in capitals": _change("host;", "HOST;"),
    "a payload that is not signed": _set("headers", x_sdk_content_sha256="UNSIGNED-PAYLOAD"),
    "a hash of another payload": _set("headers", x_sdk_content_sha256="0" * 64),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_what_was_not_signed_so_is_refused(graph, flow, forge):
    client = graph()
    client.forge = forge
    code, message = client.refused("POST", PATH, b'{"input": 1}', status=401)
    assert code == "APIGW.0301"
    assert message.startswith("Incorrect IAM authentication information: ")
    assert not Execution.objects.exists()


def test_the_unsigned_payload_is_refused_even_if_it_is_signed(graph, flow):
    answer = graph().refused("POST", PATH, b'{"input": 1}', status=401, x_sdk_content_sha256="UNSIGNED-PAYLOAD")
    assert answer[0] == "APIGW.0301"


def test_an_unknown_key_and_a_wrong_signature_look_alike(graph, flow):
    client, told = graph(), set()
    for forge in (FORGERIES["an unknown key"], FORGERIES["another signature"]):
        client.forge = forge
        told.add(client.refused("GET", PATH, status=401))
    assert len(told) == 1


def test_both_are_compared(graph, flow, monkeypatch):
    """Also of a key that there is not, so that the time tells nothing."""
    compared = []
    same = signature.same
    monkeypatch.setattr(signature, "same", lambda given, wanted: compared.append(given) or same(given, wanted))
    client = graph()
    for forge in (FORGERIES["an unknown key"], FORGERIES["another signature"], lambda sent: None):
        client.forge = forge
        client.raw("GET", PATH)
    assert len(compared) == 3


@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (14, 200), (-16, 401), (16, 401), (60 * 24, 401)])
def test_clocks_may_be_a_quarter_of_an_hour_apart(graph, flow, minutes, status):
    client = graph()
    client.date = (timezone.now() + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")
    assert client.raw("GET", PATH).status_code == status


def test_a_call_that_comes_again_is_a_call(graph, flow):
    """Two like calls of one second are signed alike; nothing tells a repeat of the client's from another's."""
    client = graph()
    client.date = now()
    assert len({client.post(PATH, {"input": {}})["execution_id"] for _ in range(2)}) == 2


def _revoked(row):
    accesskeys.revoke(row)


def _expired(row):
    AccessKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def _asleep(row):
    get_user_model().objects.filter(pk=row.user_id).update(is_active=False)


def _elsewhere(row):
    AccessKey.objects.filter(pk=row.pk).update(dialects=["cloudflow"])


@pytest.mark.parametrize("change", [_revoked, _expired, _asleep, _elsewhere])
def test_a_key_that_is_no_longer_good_opens_nothing(graph, flow, change):
    client = graph()
    assert client.get(PATH)
    change(client.key.row)
    assert client.refused("GET", PATH, status=401)[0] == "APIGW.0301"


@pytest.mark.parametrize(
    "project", ["0" * 32, "", "x", PROJECT.upper()], ids=["another", "none", "no project", "capitals"]
)
def test_a_project_belongs_to_its_key(graph, flow, project):
    client = graph()
    client.project = project or "%20"
    assert client.refused("GET", PATH, status=403)[0] == "FSS.0403"


def test_the_header_names_the_same_project(graph, flow):
    assert graph().refused("GET", PATH, status=403, x_project_id="0" * 32)[0] == "FSS.0403"


def test_another_users_project_is_no_ones_else(graph, flow):
    client, other = graph(), graph("executions.view_execution")
    client.project = other.project
    assert client.refused("GET", PATH, status=403)[0] == "FSS.0403"


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_secrets_are_in_no_answer_and_no_log(graph, flow, forge, caplog):
    client = graph()
    client.forge = forge
    answer = client.raw("GET", PATH)
    assert client.key.secret not in f"{answer.content!r}{caplog.text}"


def test_a_key_whose_secret_nothing_opens_any_more(graph, flow):
    client = graph()
    AccessKey.objects.update(sealed="gAAAA")
    assert client.refused("GET", PATH, status=403)[0] == "FSS.0403"


def test_the_keys_use_is_noted(graph, flow):
    client = graph()
    client.get(PATH)
    assert AccessKey.objects.get().last_used_at is not None


def test_on_an_event_loop(graph, flow):
    client, sent = graph(), {}
    client.forge = sent.update
    client.get(PATH, "limit=1&start_time=2026-01-01%2000:00:00", user_agent="a/b")
    headers = {name: value for name, value in sent["headers"].items() if name not in ("content-type", "host")}

    async def ask():
        path = f"{sent['path']}?{sent['query']}"
        return await AsyncClient().generic("GET", path, CONTENT_TYPE="application/json", headers=headers)

    assert async_to_sync(ask)().json() == {"executions": []}


def test_a_session_is_no_signature(client, graph, flow):
    known = graph()
    client.force_login(known.user)
    assert client.get(f"/v2/{known.project}/fgs{PATH}").status_code == 401
