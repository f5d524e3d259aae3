"""A client of FunctionGraph's interface that signs as the vendor says and keeps tests to one line a row."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest
from django.test import Client

from executions import accesskeys
from tests.people import boss, person

HOST = "testserver"


def sign(access_key_id: str, secret: str, method: str, path: str, query: str, body: bytes, headers: Any) -> str:
    """The header Authorization for a decoded path, a raw query, and all of these headers."""
    names = sorted(name.lower() for name in headers)
    values = {name.lower(): str(value) for name, value in headers.items()}
    pairs = [part.partition("=") for part in query.split("&") if part]
    parts = [
        method,
        "/".join(quote(part, safe="~") for part in path.split("/")).rstrip("/") + "/",
        "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}"
            for name, value in sorted((unquote_plus(name), unquote_plus(value)) for name, _is, value in pairs)
        ),
        "".join(f"{name}:{values[name].strip()}\n" for name in names),
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    ]
    text = "\n".join(
        ("SDK-HMAC-SHA256", values.get("x-sdk-date", ""), hashlib.sha256("\n".join(parts).encode()).hexdigest())
    )
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"SDK-HMAC-SHA256 Access={access_key_id}, SignedHeaders={';'.join(names)}, Signature={signature}"


def now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


class FunctionGraph:
    """`forge` is done to what is sent, after it was signed: {"method", "path", "query", "body", "headers"}."""

    def __init__(self, user: Any, **limits: Any) -> None:
        self.user = user
        self.key = None if user is None else accesskeys.create(user, **limits)
        self.project = self.key.row.project_id if self.key else "0" * 32
        self.http = Client(raise_request_exception=False)
        self.date: str | None = None
        self.forge: Callable[[dict[str, Any]], Any] = lambda sent: None

    def raw(self, method: str, path: str, body: Any = None, *, query: str = "", **headers: str) -> Any:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {
            "content-type": "application/json",
            "host": HOST,
            "x-project-id": self.project,
            "x-sdk-date": self.date or now(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        full = f"/v2/{self.project}/fgs{path}"
        if self.key is not None:
            known = (self.key.row.access_key_id, self.key.secret)
            given["authorization"] = sign(*known, method, full, query, content, given)
        sent = {"method": method, "path": full, "query": query, "body": content, "headers": given}
        self.forge(sent)
        return self.http.generic(
            sent["method"],
            quote(sent["path"]) + (f"?{sent['query']}" if sent["query"] else ""),
            sent["body"],
            headers={name: value for name, value in sent["headers"].items() if name != "content-type"},
            # Also of a request without a body, as the vendor's client sends it.
            CONTENT_TYPE=sent["headers"].get("content-type", ""),
        )

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: str) -> Any:
        """The answer's JSON; fails with its text where the status is another than expected."""
        answer = self.raw(method, path, body, **more)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        assert answer.get("Content-Type") == ("application/json" if answer.content else None)
        assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-Id"])
        return answer.json() if answer.content else None

    def get(self, path: str, query: str = "", **headers: str) -> Any:
        return self("GET", path, query=query, **headers)

    def post(self, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        return self("POST", path, body, status=status, **headers)

    def refused(self, method: str, path: str, body: Any = None, *, status: int, **more: str) -> tuple[str, str]:
        """(code, message) of a refusal, in its one shape."""
        answer = self.raw(method, path, body, **more)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        return shape(answer)


def shape(answer: Any) -> tuple[str, str]:
    found = answer.json()
    assert set(found) == {"error_code", "error_msg", "request_id"}, found
    assert found["request_id"] == answer["X-Request-Id"]
    assert found["error_msg"]
    return found["error_code"], found["error_msg"]


@pytest.fixture
def graph(db: None) -> Callable[..., FunctionGraph]:
    """`graph()` is a superuser's, `graph(None)` nobody's, `graph("app.permission", ...)` a member's, within limits."""

    def make(*permissions: str | None, **limits: Any) -> FunctionGraph:
        if permissions == (None,):
            return FunctionGraph(None)
        return FunctionGraph(person(*permissions) if permissions else boss(), **limits)  # type: ignore[arg-type]

    return make
