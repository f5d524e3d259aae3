"""A client of the native API that keeps tests to one line a row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.people import boss, person

ROOT = "/api/v1/"


class Api:
    def __init__(self, user: Any) -> None:
        self.http = Client()
        if user is not None:
            self.http.force_login(user)

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: Any) -> Any:
        """Sends JSON and answers JSON; fails with the answer's text where the status is another than expected."""
        content = (
            {}
            if body is None
            else {"data": body if isinstance(body, bytes) else json.dumps(body), "content_type": "application/json"}
        )
        answer = self.http.generic(method, ROOT + path, headers={"accept": "application/json", **headers}, **content)
        assert answer.status_code == status, f"{answer.status_code}: {answer.content[:2000]!r}"
        return answer.json() if answer.content else None

    def errors(self, method: str, path: str, body: Any = None, *, status: int = 400) -> dict[str, str]:
        """{field: message} of a refusal, its errors in the one shape."""
        answer = self(method, path, body, status=status)
        # A conflict tells how the run stands, besides.
        assert set(answer) - ({"execution", "job"} if status == 409 else set()) == {"errors"}
        for error in answer["errors"]:
            assert set(error) == {"field", "code", "message"}
            assert error["message"]
        return {error["field"]: error["message"] for error in answer["errors"]}


@pytest.fixture
def client(db: None) -> Callable[..., Api]:
    """`client()` is a superuser's, `client(None)` nobody's, `client("app.permission", ...)` that of a staff member."""

    def make(*permissions: str | None) -> Api:
        if permissions == (None,):
            return Api(None)
        return Api(person(*permissions) if permissions else boss())

    return make
