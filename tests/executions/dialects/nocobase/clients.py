"""A client of the NocoBase interface that keeps tests to one line a row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from executions.dialects.nocobase import authentication
from tests.people import boss, person


class NocoBase:
    def __init__(self, user: Any) -> None:
        self.user = user
        self.http = Client()
        self.headers = {} if user is None else {"authorization": f"Bearer {authentication.issue(user)}"}

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content: dict[str, Any] = {}
        if body is not None:
            data = body if isinstance(body, bytes | str) else json.dumps(body)
            content = {"data": data, "content_type": headers.pop("content_type", "application/json")}
        return self.http.generic(method, f"/api/{path}", headers={**self.headers, **headers}, **content)

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """The answer's JSON; fails with its text where the status is another than expected."""
        answer = self.raw(method, path, body, **headers)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        """`data` of a GET; objects among the parameters travel as JSON, lists as arrays."""
        return self("GET", with_query(path, params))["data"]

    def post(self, path: str, values: Any = None, *, status: int = 200, **params: Any) -> Any:
        found = self("POST", with_query(path, params), {} if values is None else values, status=status)
        return found["data"] if found and "data" in found else found

    def refused(self, method: str, path: str, body: Any = None, *, status: int = 400) -> list[str]:
        """The messages of a refusal, in the one shape of errors."""
        found = self(method, path, body, status=status)
        assert set(found) == {"errors"}, found
        assert all(set(each) <= {"message", "code"} and each["message"] for each in found["errors"])
        return [each["message"] for each in found["errors"]]


def with_query(path: str, params: dict[str, Any]) -> str:
    from urllib.parse import quote

    pairs = []
    for name, value in params.items():
        name = name.rstrip("_")
        if isinstance(value, list):
            pairs += [f"{name}%5B%5D={quote(str(item))}" for item in value]
        else:
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            pairs.append(f"{name}={quote(text)}")
    return f"{path}?{'&'.join(pairs)}" if pairs else path


@pytest.fixture
def nocobase(db: None) -> Callable[..., NocoBase]:
    """`nocobase()` is a superuser's, `nocobase(None)` nobody's, `nocobase("app.permission", ...)` a member's."""

    def make(*permissions: str | None) -> NocoBase:
        if permissions == (None,):
            return NocoBase(None)
        return NocoBase(person(*permissions) if permissions else boss())  # type: ignore[arg-type]

    return make
