"""Who gets in: good signatures of both versions, and each way in which one can be wrong."""

import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient

from executions import accesskeys
from executions.dialects.cloudflow import signing
from executions.dialects.cloudflow.errors import Fault
from executions.dialects.cloudflow.signing import Call
from tests.building import build
from tests.executions.dialects.cloudflow.client import rpc_signature, stamp
from workflows import secrets

pytestmark = pytest.mark.django_db

COMMON = {
    "Format": "json", "Version": "2019-03-15", "Timestamp": "2026-01-01T00:00:00Z", "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0", "AccessKeyId": "AKtest",
}  # fmt: skip
LIST = {
    **COMMON, "Action": "ListExecutions", "SignatureNonce": "n1", "FlowName": "my flow/中文", "Limit": "10",
    "ExecutionNamePrefix": "run*~x",
}  # fmt: skip
START = {**COMMON, "Action": "StartExecution", "SignatureNonce": "n2"}
FORM = {"FlowName": "f1", "ExecutionName": "e1", "Input": '{"key":"值 +&=*~"}'}


@pytest.fixture
def known(db, monkeypatch):
    """The key of the known answers, at their time."""
    user = get_user_model().objects.create(username="known")
    row = accesskeys.create(user).row
    row.access_key_id, row.sealed = "AKtest", secrets.seal("SKtest")
    row.save()
    monkeypatch.setattr(signing.timezone, "now", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    return row


@pytest.mark.parametrize(
    ("method", "query", "form", "signature"),
    [
        ("GET", LIST, {}, "VmQO0YTnAHV5cooe8uYhdsJ9E8M="),
        ("POST", START, FORM, "ArudOfaiSXNqZzAP8KrXISpfEB4="),
    ],
)
def test_known_answers_of_the_vendors_own_client(known, method, query, form, signature):
    query = {**query, "Signature": signature}
    assert signing.authenticate(Call(method, query, form, {}, b"")) == known
    altered = Call(method, {**query, "SignatureNonce": "n3"}, form, {}, b"")
    with pytest.raises(Fault) as refused:
        signing.authenticate(altered)
    assert refused.value.code == "SignatureNotMatch"


@pytest.mark.parametrize("action", ["ListFlows", "StartExecution"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_either_method_serves_every_operation(cloud, action, method):
    answer = cloud.raw(action, method, FlowName="none")
    assert answer.json().get("Code") in (None, "FlowNotExists")


def test_empty_parameters_are_signed_too(cloud):
    common = {**cloud.common("ListFlows"), "SignatureType": ""}
    assert cloud.raw("ListFlows", common=common).status_code == 200


WRONG = {
    "a wrong signature": ({"Signature": "AAAA"}, "SignatureNotMatch"),
    "no text of ASCII": ({"Signature": "中文"}, "SignatureNotMatch"),
    "an unknown key": ({"AccessKeyId": "AKnone"}, "InvalidAccessKeyID"),
    "a time past": ({"Timestamp": stamp(datetime.now(UTC) - timedelta(minutes=16))}, "RequestTimeTooSkewed"),
    "a time to come": ({"Timestamp": "2999-01-01T00:00:00Z"}, "RequestTimeTooSkewed"),
    "no time": ({"Timestamp": "soon"}, "InvalidArgument"),
    "a day that there is not": ({"Timestamp": "2026-02-30T00:00:00Z"}, "InvalidArgument"),
    "another method": ({"SignatureMethod": "SHA256withRSA"}, "SignatureNotMatch"),
    "another version of signing": ({"SignatureVersion": "2.0"}, "SignatureNotMatch"),
    "another version": ({"Version": "2020-01-01"}, "APIVersionNotSupported"),
    "an unknown action": ({"Action": "ListSecrets"}, "ActionNotSupported"),
    "NUL": ({"AccessKeyId": "AK\x00"}, "InvalidArgument"),
    **{
        f"no {name}": ({name: None}, "MissingRequiredParams")
        for name in ("AccessKeyId", "SignatureNonce", "Timestamp", "SignatureMethod")
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_by_its_code(cloud, name):
    changed, code = WRONG[name]
    cloud.refused("ListFlows", code, common=cloud.common("ListFlows", **changed))


def test_a_call_just_inside_of_the_skew_is_let_in(cloud):
    for minutes in (-14, 14):
        moment = stamp(datetime.now(UTC) + timedelta(minutes=minutes))
        cloud("ListFlows", common=cloud.common("ListFlows", Timestamp=moment))


@pytest.mark.parametrize(("name", "value"), [("FlowName", "other"), ("Limit", "2"), ("Extra", "")])
def test_a_changed_parameter_breaks_the_signature(cloud, name, value):
    common = cloud.common("ListExecutions")
    common["Signature"] = rpc_signature("GET", {**common, "FlowName": "flow"}, cloud.new.secret)
    cloud.refused("ListExecutions", "SignatureNotMatch", common=common, **{"FlowName": "flow", name: value})


def test_a_changed_body_breaks_the_signature(cloud):
    build([], name="flow")
    common = cloud.common("StartExecution")
    common["Signature"] = rpc_signature("POST", {**common, "FlowName": "flow"}, cloud.new.secret)
    cloud.refused("StartExecution", "SignatureNotMatch", common=common, FlowName="flow", Input="{}")


def test_a_nonce_is_good_for_one_call(cloud):
    common = cloud.common("ListFlows")
    cloud("ListFlows", common=common)
    cloud.refused("ListFlows", "SignatureNonceUsed", common=common)
    again = {**common, "Timestamp": stamp(datetime.now(UTC) + timedelta(seconds=1))}
    cloud.refused("ListFlows", "SignatureNonceUsed", common=again)


def test_a_bad_signature_uses_up_no_nonce(cloud):
    common = cloud.common("ListFlows")
    cloud.refused("ListFlows", "SignatureNotMatch", common={**common, "Signature": "AAAA"})
    cloud("ListFlows", common=common)


def test_nonces_are_each_keys_own(cloud, cloud_of):
    other = cloud_of("workflows.view_workflow")
    nonce = "shared"
    cloud("ListFlows", common=cloud.common("ListFlows", SignatureNonce=nonce))
    other("ListFlows", common=other.common("ListFlows", SignatureNonce=nonce))


@pytest.mark.parametrize("end", ["revoked", "expired", "inactive", "dialect"])
def test_a_key_that_has_ended_is_none(cloud, end):
    row = cloud.new.row
    if end == "revoked":
        accesskeys.revoke(row)
    elif end == "inactive":
        get_user_model().objects.update(is_active=False)
    elif end == "expired":
        type(row).objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    else:
        type(row).objects.update(dialects=["iflyrpa"])
    cloud.refused("ListFlows", "InvalidAccessKeyID")


def test_an_unknown_key_takes_the_path_of_a_known_one(cloud, monkeypatch):
    compared = []
    monkeypatch.setattr(
        signing.signing, "same", lambda given, wanted: compared.append((len(given), len(wanted))) or given == wanted
    )
    cloud.refused("ListFlows", "SignatureNotMatch", common=cloud.common("ListFlows", Signature="A" * 28))
    unknown = cloud.common("ListFlows", AccessKeyId="AKnone", Signature="A" * 28)
    cloud.refused("ListFlows", "InvalidAccessKeyID", common=unknown)
    assert compared == [(28, 28), (28, 28)]


def test_no_answer_and_no_log_holds_a_secret(cloud, caplog):
    caplog.set_level(logging.DEBUG)
    told = []
    for changed, _code in WRONG.values():
        told.append(cloud.raw("ListFlows", common=cloud.common("ListFlows", **changed)).content.decode())
    secret = cloud.new.secret
    good = rpc_signature("GET", cloud.common("ListFlows"), secret)
    assert not any(secret in text or good in text for text in (*told, caplog.text))


# The third version.


def test_the_third_version_is_let_in(cloud):
    answer = cloud.acs3("ListFlows", "GET", query="Limit=10")
    assert answer.status_code == 200, answer.content
    body = urlencode({"FlowName": "none", "Input": '{"a": "值 +&"}'}).encode()
    answer = cloud.acs3("StartExecution", body=body, **{"content-type": "application/x-www-form-urlencoded"})
    assert answer.json()["Code"] == "FlowNotExists"


def wrong_acs3(cloud, name):
    headers = {
        "a wrong secret": {"secret": "another"},
        "another body": {"x-acs-content-sha256": "0" * 64},
        "a time past": {"x-acs-date": stamp(datetime.now(UTC) - timedelta(minutes=16))},
        "another version": {"x-acs-version": "2020-01-01"},
        "an unknown action": {"x-acs-action": "ListSecrets"},
        "no nonce": {"x-acs-signature-nonce": None},
        "no date": {"x-acs-date": None},
        "no hash": {"x-acs-content-sha256": None},
        "no type of its body": {"body": b"FlowName=x"},
    }
    return cloud.acs3("ListFlows", **headers[name])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a wrong secret", "SignatureNotMatch"),
        ("another body", "SignatureNotMatch"),
        ("a time past", "RequestTimeTooSkewed"),
        ("another version", "APIVersionNotSupported"),
        ("an unknown action", "ActionNotSupported"),
        ("no nonce", "MissingRequiredHeader"),
        ("no date", "MissingRequiredHeader"),
        ("no hash", "MissingRequiredHeader"),
        ("no type of its body", "MissingRequiredHeader"),
    ],
)
def test_of_the_third_version_what_is_wrong_is_refused_by_its_code(cloud, name, code):
    assert wrong_acs3(cloud, name).json()["Code"] == code


def test_a_nonce_of_the_third_version_is_good_for_one_call(cloud):
    assert cloud.acs3("ListFlows", **{"x-acs-signature-nonce": "n"}).status_code == 200
    again = cloud.acs3("ListFlows", **{"x-acs-signature-nonce": "n"})
    assert again.json()["Code"] == "SignatureNonceUsed"


@pytest.mark.parametrize("text", ["ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=,Signature=x"])
def test_a_broken_header_is_refused(cloud, text):
    headers = {"x-acs-action": "ListFlows", "x-acs-version": "2019-03-15", "authorization": text}
    answer = cloud.http.post("/", headers=headers)
    assert answer.json()["Code"] == "MissingRequiredHeader"


def test_without_any_signature_it_is_refused(cloud):
    answer = cloud.http.get("/", headers={"x-acs-action": "ListFlows", "x-acs-version": "2019-03-15"})
    assert answer.json()["Code"] == "MissingRequiredParams"


# The root stays the host's.


@pytest.mark.parametrize(
    "query", ["", "Action=ListFlows", "Action=ListFlows&Version=2", "Version=2019-03-15", "Action=&Version=2019-03-15"]
)
def test_what_is_no_call_of_cloudflows_is_the_hosts(client, query):
    answer = client.get("/", QUERY_STRING=query)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")


def test_the_hosts_own_forms_reach_it(client):
    answer = client.post("/", {"Action": "like", "Version": "3"}, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 405


def test_other_addresses_are_the_hosts(cloud):
    assert cloud.http.get("/healthz", headers={"x-acs-action": "ListFlows"}).content == b"ok"


@pytest.mark.parametrize("setting", ["APPEND_SLASH", "PREPEND_WWW", "SECURE_SSL_REDIRECT"])
def test_nothing_redirects(cloud, settings, setting):
    setattr(settings, setting, True)
    answer = cloud.raw("ListFlows")
    assert answer.status_code == (403 if setting == "SECURE_SSL_REDIRECT" else 200)
    assert "Location" not in answer


def test_all_in_the_form_is_as_good(cloud):
    common = cloud.common("ListFlows")
    common["Signature"] = rpc_signature("POST", common, cloud.new.secret)
    answer = cloud.http.post("/", urlencode(common), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert "Flows" in answer.json()


def test_the_operation_may_stand_in_the_form_alone(cloud):
    common = cloud.common("ListFlows")
    common["Signature"] = rpc_signature("POST", common, cloud.new.secret)
    form = {"Action": common.pop("Action")}
    kind = {"content_type": "application/x-www-form-urlencoded"}
    assert cloud.http.post("/", urlencode(form), **kind, QUERY_STRING=urlencode(common)).status_code == 200


@pytest.mark.parametrize("body", [b"%FF=1", b"\xff=1", b"&".join([b"a=1"] * 300)])
def test_a_form_that_cant_be_read_is_refused(cloud, body):
    answer = cloud.http.generic(
        "POST", "/", body, content_type="application/x-www-form-urlencoded",
        QUERY_STRING=urlencode(cloud.common("ListFlows")),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument")


def test_a_large_body_is_refused(cloud, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    cloud.refused("StartExecution", "EntityTooLarge", FlowName="flow", Input="x" * 20_000)


def test_a_crash_is_told_in_the_vendors_shape(cloud, monkeypatch, caplog):
    monkeypatch.setattr("executions.dialects.cloudflow.actions.flows._shown", lambda *given: 1 / 0)
    told = cloud.refused("ListFlows", "InternalServerError")
    assert "division" not in told
    assert "ZeroDivisionError" in caplog.text


def test_too_many_calls_are_throttled(cloud, settings):
    settings.SLUICE = {"THROTTLES": {"read": "1/hour"}}
    cloud("ListFlows")
    answer = cloud.raw("ListFlows")
    assert (answer.status_code, answer.json()["Code"]) == (429, "ResourceThrottled")
    assert int(answer["x-acs-retry-after"]) > 0


@pytest.mark.django_db(transaction=True)
def test_it_is_served_on_an_event_loop_too(cloud):
    common = cloud.common("ListFlows")
    common["Signature"] = rpc_signature("GET", common, cloud.new.secret)
    answer = async_to_sync(AsyncClient().get)("/", QUERY_STRING=urlencode(common))
    assert answer.status_code == 200
    assert answer.json()["Flows"] == []
