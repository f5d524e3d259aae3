"""Signing in and out, and the checks before any action (spec nocobase-http 3.2, 5)."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import F
from django.test import Client
from django.utils import timezone

from executions.dialects.nocobase import authentication
from tests.executions.dialects.nocobase.clients import NocoBase
from workflows import tokens
from workflows.models import RevokedToken

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada():
    user = get_user_model().objects.create_user("ada", "ada@example.com", "lovelace", first_name="Ada")
    user.groups.add(Group.objects.create(name="builders"))
    return user


@pytest.mark.parametrize(
    "body",
    [{"account": "ada"}, {"account": "ada@example.com"}, {"account": "ADA@example.com"}, {"email": "ada@example.com"}],
)
def test_whoever_signs_in_gets_a_token_that_is_good_until_they_sign_out(nocobase, ada, body):
    anybody = nocobase(None)
    found = anybody.post("auth:signIn", {**body, "password": "lovelace"})
    assert found["user"] | {"createdAt": None} == {
        "id": ada.pk, "nickname": "Ada", "username": "ada", "email": "ada@example.com", "phone": None,
        "appLang": "en", "systemSettings": {}, "createdAt": None,
    }  # fmt: skip
    anybody.headers = {"authorization": f"Bearer {found['token']}"}
    checked = anybody.get("auth:check")
    assert (checked["username"], checked["roles"]) == ("ada", [{"name": "builders", "title": "builders"}])
    assert anybody("POST", "auth:signOut", {}) == {}
    answer = anybody.raw("GET", "auth:check")
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "BLOCKED_TOKEN"


def test_a_form_signs_in_as_well(nocobase, ada):
    answer = nocobase(None).raw(
        "POST", "auth:signIn", "account=ada&password=lovelace", content_type="application/x-www-form-urlencoded"
    )
    assert answer.json()["data"]["user"]["id"] == ada.pk


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"account": "ada"}, 400),
        ({"account": "", "password": "lovelace"}, 400),
        ({"account": 5, "password": "lovelace"}, 400),
        ({"account": {"$ne": None}, "password": "lovelace"}, 400),
        ([], 400),
        ("text", 400),
        ({"account": "ada", "password": "wrong"}, 401),
        ({"account": "nobody", "password": "lovelace"}, 401),
        ({"account": "ada@", "password": "lovelace"}, 401),
    ],
)
def test_what_is_wrong_signs_nobody_in(nocobase, ada, body, status):
    assert nocobase(None).refused("POST", "auth:signIn", body, status=status)


def test_broken_json_is_a_bad_request(nocobase, ada):
    assert nocobase(None).refused("POST", "auth:signIn", b"{", status=400)


def test_wrong_passwords_are_counted_under_either_name(nocobase, ada, settings):
    settings.SLUICE = {"SIGN_IN_FAILURES": 2}
    anybody = nocobase(None)
    for account in ("ada", "ada@example.com"):
        anybody.refused("POST", "auth:signIn", {"account": account, "password": "x"}, status=401)
    answer = anybody.raw("POST", "auth:signIn", {"account": "ada", "password": "lovelace"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "EMPTY_TOKEN"),
        ({"authorization": "Bearer "}, "EMPTY_TOKEN"),
        ({"authorization": "Bearer nonsense"}, "INVALID_TOKEN"),
        ({"authorization": "Bearer a.b.c"}, "INVALID_TOKEN"),
        ({"authorization": "Basic YTpi"}, "INVALID_TOKEN"),
    ],
)
def test_who_is_not_signed_in_is_told_so(nocobase, header, code):
    answer = nocobase(None).raw("GET", "auth:check", **header)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == code


def test_an_inactive_user_a_refresh_token_and_a_new_password_are_refused(ada):
    client = NocoBase(ada)
    pair = tokens.sign_in(ada)
    for text, code in ((pair.access, None), (pair.refresh, "INVALID_TOKEN")):
        client.headers = {"authorization": f"Bearer {text}"}
        answer = client.raw("GET", "auth:check")
        assert (answer.json().get("errors") or [{}])[0].get("code") == code
    client = NocoBase(ada)
    ada.set_password("another")
    ada.save()
    assert client.raw("GET", "auth:check").json()["errors"][0]["code"] == "BLOCKED_TOKEN"
    client = NocoBase(ada)
    get_user_model().objects.filter(pk=ada.pk).update(is_active=False)
    assert client.raw("GET", "auth:check").json()["errors"][0]["code"] == "NOT_EXIST_USER"


@pytest.mark.parametrize(
    ("age", "signed_in", "codes"),
    [
        (0, 0, [None, None]),
        # Expired a moment ago: a new one, once; calls sent at the same time are let in by the old one.
        (authentication.SECONDS + 60, 0, ["new", None]),
        (authentication.SECONDS + authentication.RENEWABLE_SECONDS + 60, 0, ["EXPIRED_SESSION"] * 2),
        (authentication.SECONDS + 60, authentication.SESSION_SECONDS, ["EXPIRED_SESSION"] * 2),
    ],
)
def test_an_expired_token_is_renewed_once(ada, age, signed_in, codes):
    client = NocoBase(None)
    now = timezone.now()
    with pretended(now - timedelta(seconds=age)):
        started = int((timezone.now() - timedelta(seconds=signed_in)).timestamp() * 1000)
        client.headers = bearer(authentication.issue(ada, signed_in=started))
    for code in codes:
        answer = client.raw("GET", "auth:check")
        if code in (None, "new"):
            assert (answer.status_code, answer.has_header("x-new-token")) == (200, code == "new")
        else:
            assert answer.json()["errors"][0]["code"] == code


def test_the_new_token_belongs_to_the_same_sign_in(ada):
    client = NocoBase(None)
    past = timezone.now() - timedelta(seconds=authentication.SECONDS + 600)
    with pretended(past):
        client.headers = old = bearer(authentication.issue(ada))
    client.headers = bearer(client.raw("GET", "auth:check")["x-new-token"])
    assert not client.raw("GET", "auth:check").has_header("x-new-token")
    RevokedToken.objects.update(expires_at=F("expires_at") - timedelta(seconds=authentication.OVERTAKEN_SECONDS + 1))
    assert code_of(NocoBase(None), old) == "EXPIRED_SESSION"
    client("POST", "auth:signOut", {})
    assert code_of(client, client.headers) == code_of(client, old) == "BLOCKED_TOKEN"


def test_signing_out_with_an_expired_token_ends_it(ada):
    client = NocoBase(None)
    with pretended(timezone.now() - timedelta(seconds=authentication.SECONDS + 60)):
        client.headers = bearer(authentication.issue(ada))
    client("POST", "auth:signOut", {})
    assert code_of(client, client.headers) == "BLOCKED_TOKEN"


def bearer(text):
    return {"authorization": f"Bearer {text}"}


def code_of(client, headers):
    client.headers = headers
    return client("GET", "auth:check", status=401)["errors"][0]["code"]


@contextmanager
def pretended(now):
    """What is issued inside is as old as that."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timezone, "now", lambda: now)
        yield


def test_the_token_may_stand_bare_or_in_the_query(ada):
    text = authentication.issue(ada)
    for url, headers in (
        ("/api/auth:check", {"authorization": text}),
        (f"/api/auth:check?token={text}", {}),
        ("/auth:check", {"authorization": f"Bearer {text}"}),
    ):
        assert Client().get(url, headers=headers).status_code == 200


def test_a_token_of_this_interface_is_none_of_the_native_api(ada):
    answer = Client().get("/api/v1/", headers={"authorization": f"Bearer {authentication.issue(ada)}"})
    assert answer.status_code == 401


def test_a_session_signs_nobody_in(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.get("/api/auth:check").status_code == 401
    assert client.post("/api/auth:signIn", {"account": "ada", "password": "lovelace"}).status_code == 400


@pytest.mark.parametrize(("role", "status"), [("builders", 200), ("__union__", 200), ("root", 401), ("anonymous", 401)])
def test_a_role_is_one_of_ones_own(ada, role, status):
    client = NocoBase(ada)
    answer = client.raw("GET", "roles:check", **{"X-Role": role})
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["data"]["roles"] == ["builders"]
    else:
        assert answer.json()["errors"][0]["code"] == "ROLE_NOT_FOUND_FOR_USER"


def test_roles_of_a_superuser_and_of_nobody_in_particular(nocobase):
    found = nocobase()("GET", "roles:check")
    assert (found["data"]["role"], found["data"]["allowAll"], found["meta"]) == ("root", True, {"dataSources": {}})
    plain = NocoBase(get_user_model().objects.create(username="plain")).get("roles:check")
    assert (plain["role"], plain["allowAll"], plain["allowConfigure"]) == ("member", False, False)


def test_messages_are_in_the_language_that_is_asked_for(nocobase):
    found = {
        nocobase(None)("GET", "auth:check", status=401, **headers)["errors"][0]["message"]
        for headers in ({"X-Locale": "en-US"}, {"X-Locale": "nonsense"}, {})
    }
    assert len(found) == 1
    assert nocobase(None).raw("GET", "auth:check?locale=zh-CN").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "auth:nothing", 404),
        ("GET", "nothing:list", 404),
        ("GET", "auth", 404),
        ("GET", "auth:signOut", 405),
        ("PUT", "auth:check", 405),
        ("POST", "auth:check", 200),
        ("HEAD", "auth:check", 200),
        ("OPTIONS", "auth:check", 204),
        ("GET", "auth:check?a=1&a[b]=2", 400),
    ],
)
def test_addresses_and_methods(nocobase, method, path, status):
    answer = nocobase().raw(method, path)
    assert answer.status_code == status
    if status == 204:
        assert "PATCH" in answer["Access-Control-Allow-Methods"]


def test_the_native_api_under_the_same_prefix_is_itself(ada):
    client = Client()
    client.force_login(ada)
    assert client.get("/api/v1/").status_code == 200
    assert client.get("/api/v1/nothing/").json()["errors"][0]["code"] == "not_found"


def test_headers_of_every_answer(nocobase):
    client = nocobase()
    for path in ("auth:check", "auth:nothing"):
        answer = client.raw("GET", path)
        assert len(answer["X-Request-Id"]) == 36
        assert "x-new-token" in answer["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("zone", ["8", "+25:00", "Europe/Berlin", "+08:99"])
def test_a_zone_is_an_offset(nocobase, zone):
    assert nocobase()("GET", "auth:check", status=400, **{"X-Timezone": zone})["errors"]
