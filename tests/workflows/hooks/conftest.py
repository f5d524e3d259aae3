import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.building import build
from workflows import secrets, versions
from workflows.models import Workflow
from workflows.triggers import listening

SECRET = "a-long-shared-secret"


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def hook(db: None) -> Callable[..., Workflow]:
    """An enabled webhook with this configuration; the secret HOOK is there to name."""
    secrets.create("HOOK", SECRET)

    def make(config: dict[str, Any] | None = None, steps: Any = (), **columns: Any) -> Workflow:
        workflow = build(steps, type="webhook", enabled=False, config=config or {}, **columns)
        versions.enable(workflow)
        listening.refresh(force=True)
        return workflow

    return make


@pytest.fixture
def post() -> Callable[..., HttpResponse]:
    """Posts a value as JSON, or bytes as they stand."""

    def send(workflow: Workflow | str, body: Any = None, **given: Any) -> HttpResponse:
        key = workflow if isinstance(workflow, str) else workflow.key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = given.pop("content_type", "application/json")
        query = given.pop("query", "")
        client = Client(enforce_csrf_checks=True)
        return client.generic(given.pop("method", "POST"), f"/hooks/{key}/{query}", content, kind, **given)

    return send
