"""Signatures of both versions, and what is refused: other secrets, changed bodies, replays, clocks that are wrong."""

import urllib.parse
from datetime import UTC, datetime, timedelta

import requests
from alibabacloud_fnf20190315.client import Client
from alibabacloud_tea_openapi import utils_models
from alibabacloud_tea_openapi.client import Client as Generic
from aliyunsdkcore.auth.algorithm import sha_hmac1
from aliyunsdkcore.auth.composer import rpc_signature_composer
from asking import ADDRESS, AK, SK, config, fnf, refused, start, tell
from darabonba.runtime import RuntimeOptions


def asked(**given):
    """Lists with another client."""
    return refused(Client(config(**given)).list_executions, fnf.ListExecutionsRequest(flow_name="quick"))


tell([asked(), asked(sk="another"), asked(ak="AKnobody")])


def signed(method="GET", minutes=0, body=None, **changed):
    """A request's query as the older core signs it, at another time."""
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    common = {
        "Version": "2019-03-15", "Action": "ListExecutions", "Format": "JSON", "RegionId": "cn-hangzhou",
        "FlowName": "quick", "Timestamp": moment, "SignatureMethod": "HMAC-SHA1", "SignatureType": "",
        "SignatureVersion": "1.0", "SignatureNonce": f"{datetime.now(UTC).timestamp()}", "AccessKeyId": AK, **changed,
    }  # fmt: skip
    text = getattr(rpc_signature_composer, "__compose_string_to_sign")(method, {**common, **(body or {})})
    signature = sha_hmac1.get_sign_string(text, f"{SK}&")
    return urllib.parse.urlencode({**common, "Signature": signature})


def answer(query, body=None):
    url = f"http://{ADDRESS}/?{query}"
    got = requests.get(url, timeout=10) if body is None else requests.post(url, data=body, timeout=10)
    assert not got.history, "redirected"
    return [got.status_code, got.json().get("Code")]


replayed = signed()
tell([answer(replayed), answer(replayed)])
tell([answer(signed(minutes=minutes)) for minutes in (-14, 14, -16, 16)])
started = signed("POST", Action="StartExecution", body={"ExecutionName": "e"})
tell([answer(started, {"ExecutionName": "other"}), answer(started, {"ExecutionName": "e"})])
tell(
    [answer(signed(Action="Nothing")), answer(signed(Version="2020-01-01")), answer(signed().replace("quick", "slow"))]
)


def third(name, query, sk=SK, version="2019-03-15", body=None):
    """The generic client signs by ACS3-HMAC-SHA256."""
    params = utils_models.Params(
        action=name, version=version, protocol="HTTP", pathname="/", method="GET" if body is None else "POST",
        auth_type="AK", style="RPC", req_body_type="formData", body_type="json",
    )  # fmt: skip
    request = utils_models.OpenApiRequest(query=query, body=body)
    return Generic(config(sk=sk)).call_api(params, request, RuntimeOptions())


found = third("ListExecutions", {"FlowName": "quick", "ExecutionNamePrefix": "run*~x 中"})
tell([found["statusCode"], found["body"]["Executions"]])
found = third("StartExecution", {}, body={"FlowName": "quick", "ExecutionName": "third", "Input": '{"a": "值 +&"}'})
tell([found["body"]["Name"], found["body"]["Input"]])
tell(
    [
        refused(third, "ListFlows", {}, "another"),
        refused(third, "ListFlows", {}, SK, "2020-01-01"),
        refused(third, "Nothing", {}),
    ]
)
tell(start("quick", "third").input)
