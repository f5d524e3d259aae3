"""Who may post to a webhook (spec 4.6)."""

import base64
import hashlib
import hmac
import time

import pytest

from executions.models import Execution
from tests.workflows.hooks.conftest import SECRET, sign
from workflows.models import Secret

BASIC = {"auth": {"type": "basic", "username": "shop", "password": "{{$env.HOOK}}"}}
BEARER = {"auth": {"type": "bearer", "token": "{{$env.HOOK}}"}}
HMAC = {"auth": {"type": "hmac", "secret": "{{$env.HOOK}}"}}
BODY = b'{"n": 1}'


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("config", "headers", "status"),
    [
        (BASIC, {"Authorization": basic("shop", SECRET)}, 200),
        (BASIC, {"Authorization": basic("shop", SECRET).replace("Basic", "basic")}, 200),
        (BASIC, {"Authorization": basic("shop", "wrong")}, 401),
        (BASIC, {"Authorization": basic("other", SECRET)}, 401),
        (BASIC, {"Authorization": "Basic !!"}, 401),
        (BASIC, {"Authorization": f"Bearer {SECRET}"}, 401),
        (BASIC, {}, 401),
        (BEARER, {"Authorization": f"Bearer {SECRET}"}, 200),
        (BEARER, {"Authorization": f"Bearer {SECRET}x"}, 401),
        (BEARER, {"Authorization": "Bearer "}, 401),
        (BEARER, {"Authorization": SECRET}, 401),
        (BEARER, {"Authorization": "Bearer é"}, 401),
        (BEARER, {}, 401),
        (HMAC, {"X-Hub-Signature-256": sign(BODY)}, 200),
        (HMAC, {"X-Hub-Signature-256": sign(BODY).upper()}, 401),
        (HMAC, {"X-Hub-Signature-256": sign(BODY, "other")}, 401),
        (HMAC, {"X-Hub-Signature-256": sign(b'{"n": 2}')}, 401),
        (HMAC, {"X-Hub-Signature-256": sign(BODY).removeprefix("sha256=")}, 401),
        (HMAC, {"X-Hub-Signature": sign(BODY)}, 401),
        (HMAC, {}, 401),
    ],
)
def test_only_the_sender_is_let_in(hook, post, config, headers, status):
    response = post(hook(config), BODY, headers=headers)
    assert response.status_code == status
    assert Execution.objects.count() == (status == 200)
    assert SECRET not in response.content.decode()
    if status == 401 and config is not HMAC:
        assert response["WWW-Authenticate"].startswith(("Basic", "Bearer"))


STAMPED = {
    "auth": {**HMAC["auth"], "header": "X-Sign", "prefix": "v1=", "encoding": "base64", "timestampHeader": "X-Time"}
}


@pytest.mark.parametrize(
    ("age", "unit", "status"), [(0, 1, 200), (200, 1, 200), (200, 1000, 200), (301, 1, 401), (-400, 1, 401)]
)
def test_what_was_sent_long_ago_is_refused(hook, post, age, unit, status):
    stamp = str(int((time.time() - age) * unit))
    digest = hmac.new(SECRET.encode(), stamp.encode() + b"." + BODY, hashlib.sha256).digest()
    given = {"X-Time": stamp, "X-Sign": "v1=" + base64.b64encode(digest).decode()}
    assert post(hook(STAMPED), BODY, headers=given).status_code == status


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1e9", "١٢٣", "9" * 400])
def test_a_time_that_is_none_is_refused(hook, post, stamp):
    assert post(hook(STAMPED), BODY, headers={"X-Time": stamp, "X-Sign": "v1="}).status_code == 401


def test_a_time_is_part_of_what_is_signed(hook, post):
    now = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()
    given = {"X-Time": now, "X-Sign": "v1=" + base64.b64encode(digest).decode()}
    assert post(hook(STAMPED), BODY, headers=given).status_code == 401


def test_without_its_secret_nobody_is_let_in(hook, post):
    workflow = hook(HMAC)
    Secret.objects.all().delete()
    response = post(workflow, BODY, headers={"X-Hub-Signature-256": sign(BODY)})
    assert (response.status_code, "HOOK" in response.content.decode()) == (401, False)


def test_the_size_is_looked_at_before_the_signature_and_that_before_the_kind(hook, post):
    workflow = hook({**HMAC, "maxBytes": 4})
    assert post(workflow, BODY).status_code == 413
    assert post(hook(HMAC, title="B"), BODY, content_type="text/xml").status_code == 401
