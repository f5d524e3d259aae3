"""A client of iFlyRPA's interface that keeps tests to one line a row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from executions import accesskeys
from tests.people import boss, person

BASE = "/api/rpa-openapi"


class Rpa:
    def __init__(self, user: Any, **limits: Any) -> None:
        self.user = user
        self.key = None if user is None else accesskeys.create(user, **limits)
        self.headers = {} if self.key is None else {"authorization": f"Bearer {self.key.api_key}"}
        self.http = Client(raise_request_exception=False)

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content: dict[str, Any] = {}
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body)
            content = {"data": data, "content_type": headers.pop("content_type", "application/json")}
        return self.http.generic(method, f"{BASE}/{path}", headers={**self.headers, **headers}, **content)

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """The answer's JSON; fails with its text where the status is another than expected."""
        answer = self.raw(method, path, body, **headers)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        assert answer["Content-Type"] == "application/json"
        return answer.json()

    def get(self, path: str) -> Any:
        found = self("GET", path)
        assert (found["code"], found["msg"]) == ("0000", "")
        return found["data"]

    def post(self, path: str, body: Any) -> Any:
        found = self("POST", path, body)
        assert (found["code"], found["msg"]) == ("0000", "")
        return found["data"]

    def refused(self, method: str, path: str, body: Any = None, *, status: int = 200) -> str:
        """The message of a failure, in its one shape."""
        found = self(method, path, body, status=status)
        assert set(found) == {"code", "msg", "data"}
        assert (found["code"], found["data"]) == ("5001", None)
        assert found["msg"]
        return found["msg"]


@pytest.fixture
def rpa(db: None) -> Callable[..., Rpa]:
    """`rpa()` is a superuser's, `rpa(None)` nobody's, `rpa("app.permission", ...)` a member's; limits of its key."""

    def make(*permissions: str | None, **limits: Any) -> Rpa:
        if permissions == (None,):
            return Rpa(None)
        return Rpa(person(*permissions) if permissions else boss(), **limits)  # type: ignore[arg-type]

    return make
