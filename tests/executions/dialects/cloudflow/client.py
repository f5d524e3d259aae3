"""A client of the CloudFlow interface, written from the vendor's rules and not from our code."""

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.test import Client

from executions import accesskeys

#: Operations that the SDKs send as GET.
READS = ("List", "Describe", "Get")


def percent(text: str) -> str:
    return quote(text, safe="-_.~")


def rpc_signature(method: str, parameters: dict[str, str], secret: str) -> str:
    joined = "&".join(f"{percent(name)}={percent(parameters[name])}" for name in sorted(parameters))
    text = f"{method}&{percent('/')}&{percent(joined)}"
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def stamp(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class CloudFlow:
    """Calls as the user of a key; each call is an operation's name and its parameters."""

    def __init__(self, user: Any, **limits: Any) -> None:
        self.new = accesskeys.create(user, **limits)
        self.http = Client(raise_request_exception=False)

    def common(self, action: str, **changed: str | None) -> dict[str, str]:
        found = {
            "Action": action, "Format": "json", "Version": "2019-03-15", "Timestamp": stamp(),
            "SignatureNonce": uuid.uuid4().hex, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
            "AccessKeyId": self.new.row.access_key_id, **changed,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def raw(self, action: str, method: str | None = None, common: dict[str, str] | None = None, **given: Any) -> Any:
        """The answer to a signed call; `common` replaces the parameters that all calls have."""
        method = method or ("GET" if action.startswith(READS) else "POST")
        own = {name: str(value) for name, value in given.items() if value is not None}
        common = self.common(action) if common is None else dict(common)
        if "Signature" not in common:
            common["Signature"] = rpc_signature(method, {**common, **own}, self.new.secret)
        if method == "GET":
            return self.http.get("/", QUERY_STRING=urlencode({**common, **own}))
        return self.http.generic(
            "POST", "/", urlencode(own), content_type="application/x-www-form-urlencoded",
            QUERY_STRING=urlencode(common),
        )  # fmt: skip

    def __call__(self, action: str, *, status: int = 200, **given: Any) -> Any:
        """The answer's body, without its RequestId; fails with its text where the status is another."""
        answer = self.raw(action, **given)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        body = answer.json()
        assert body.pop("RequestId") == answer["x-acs-request-id"]
        assert answer["Content-Type"] == "application/json"
        assert answer["Cache-Control"] == "no-store"
        return body

    def refused(self, action: str, code: str, **given: Any) -> str:
        """The message of a refusal with this code, in the one shape of errors."""
        answer = self.raw(action, **given)
        body = answer.json()
        assert body.get("Code") == code, body
        assert answer.status_code == STATUSES[code]
        assert set(body) == {"RequestId", "Code", "Message", "HostId"}
        assert "Location" not in answer
        return str(body["Message"])

    def pages(self, action: str, key: str, **given: Any) -> list[list[Any]]:
        """All pages of a list."""
        found, token = [], None
        while True:
            page = self(action, NextToken=token, **given)
            found.append(page[key])
            token = page.get("NextToken")
            if token is None:
                return found
            assert len(found) < 200

    def acs3(
        self, action: str, method: str = "POST", *, secret: str = "", body: bytes = b"", query: str = "", **headers: Any
    ) -> Any:
        """A call signed by the third version."""
        sent = {
            "host": "testserver", "x-acs-action": action, "x-acs-version": "2019-03-15", "x-acs-date": stamp(),
            "x-acs-signature-nonce": uuid.uuid4().hex, "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            **headers,
        }  # fmt: skip
        sent = {name: value for name, value in sent.items() if value is not None}
        names = sorted(sent)
        canonical = "\n".join(
            (method, "/", query, "".join(f"{name}:{sent[name]}\n" for name in names), ";".join(names),
             sent.get("x-acs-content-sha256", ""))
        )  # fmt: skip
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new((secret or self.new.secret).encode(), text.encode(), hashlib.sha256).hexdigest()
        sent["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.new.row.access_key_id},SignedHeaders={';'.join(names)},"
            f"Signature={signature}"
        )
        return self.http.generic(
            method, "/", body, content_type="application/x-www-form-urlencoded", QUERY_STRING=query, headers=sent
        )


#: The vendor's table (spec 1.4).
STATUSES = {
    **dict.fromkeys(
        (
            "ActionNotSupported", "APIVersionNotSupported", "MissingRequiredParams", "MissingRequiredHeader",
            "InvalidArgument", "EntityTooLarge", "ExecutionAlreadyExists", "ExecutionAlreadyCompleted",
            "TaskAlreadyCompleted", "SignatureNonceUsed",
        ),
        400,
    ),
    **dict.fromkeys(("AccessDenied", "InvalidAccessKeyID", "RequestTimeTooSkewed", "SignatureNotMatch"), 403),
    **dict.fromkeys(("FlowNotExists", "ExecutionNotExists", "ScheduleNotExists"), 404),
    **dict.fromkeys(
        ("FlowAlreadyExists", "ScheduleAlreadyExists", "ConcurrentUpdateError", "TaskInvalidState"), 409
    ),
    "PreconditionFailed": 412, "ResourceThrottled": 429, "InternalServerError": 500,
}  # fmt: skip
