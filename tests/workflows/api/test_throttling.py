from types import SimpleNamespace

import pytest

from tests.building import build
from workflows.api import throttling

pytestmark = pytest.mark.django_db


@pytest.fixture
def still(monkeypatch):
    """A clock that stands, and can be set."""
    now = [1_000_000_040.0]
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: now[0]))
    return now


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("read", "GET", "workflows/", None),
        ("read", "GET", "", None),
        ("change", "POST", "categories/", {"title": "x"}),
        ("execute", "POST", "workflows/{w}/execute/", {}),
        ("sign-in", "POST", "token/revoke/", {"token": "x"}),
    ],
)
def test_each_kind_of_call_has_its_own_count(client, settings, still, scope, method, path, body):
    workflow = build([])
    settings.SLUICE = {"THROTTLES": {scope: "2/minute"}}
    api = client()

    def call():
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        return api.http.generic(method, f"/api/v1/{path.format(w=workflow.pk)}", **_encoded(content))

    assert [call().status_code < 300 for _ in range(2)] == [True, True]
    refused = call()
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "throttled")
    # The window began at a whole minute.
    assert refused["Retry-After"] == "40"
    # No other kind is touched.
    api("GET" if scope != "read" else "POST", "jobs/" if scope != "read" else f"workflows/{workflow.pk}/validate/")
    still[0] += 40
    assert call().status_code < 300


def _encoded(content):
    import json

    return {**content, "data": json.dumps(content["data"])} if content else {}


def test_callers_are_counted_apart(client, settings, still):
    settings.SLUICE = {"THROTTLES": {"read": "1/hour"}}
    first, second = client(), client("workflows.view_workflow")
    first("GET", "workflows/")
    first("GET", "workflows/", status=429)
    second("GET", "workflows/")


def test_a_cache_that_keeps_nothing_lets_pass(client, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.SLUICE = {"THROTTLES": {"read": "1/hour"}}
    api = client()
    for _ in range(3):
        api("GET", "workflows/")


def test_nothing_is_limited_by_default(client, settings):
    settings.SLUICE = {}
    api = client()
    for _ in range(5):
        api("GET", "workflows/")
