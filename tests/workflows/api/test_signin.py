import base64
import time
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from rest_framework.settings import api_settings

from tests.api import Api
from tests.people import person
from workflows import tokens
from workflows.api import throttling

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_window(monkeypatch):
    """Counts of wrong passwords begin again every five minutes by the clock: a test must not straddle that moment."""
    moment = time.time()
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: moment))


@pytest.fixture
def ann():
    user = person("workflows.view_workflow", username="ann")
    user.set_password("right")
    user.save()
    return user


@pytest.fixture
def api(ann):
    return Api(None)


def bearer(text):
    return {"authorization": f"Bearer {text}"}


def basic(password, name="ann"):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def obtain(api, password="right", **expected):
    return api("POST", "token/", {"username": "ann", "password": password}, **expected)


def test_obtain_use_refresh_and_revoke(api):
    pair = obtain(api)
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
    api("GET", "workflows/", **bearer(pair["access"]))
    fresh = api("POST", "token/refresh/", {"refresh": pair["refresh"]})
    api("GET", "workflows/", **bearer(fresh["access"]))
    api("POST", "token/revoke/", {"token": fresh["refresh"]}, status=204)
    answer = api("GET", "workflows/", status=401, **bearer(fresh["access"]))
    assert answer["errors"][0]["code"] == "token_revoked"
    api("POST", "token/refresh", {"refresh": fresh["refresh"]}, status=401)


def test_revoking_what_is_no_token_any_more_is_no_error(api):
    api("POST", "token/revoke/", {"token": "rubbish"}, status=204)


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("token/", {}, {"username", "password"}),
        ("token/", {"username": "ann", "password": "right", "otp": "1"}, {"otp"}),
        ("token/", {"username": "a\x00", "password": "x"}, {"username"}),
        ("token/refresh/", {"refresh": None}, {"refresh"}),
        ("token/revoke/", [], {None}),
    ],
)
def test_bodies_are_checked(api, path, body, fields):
    assert set(api.errors("POST", path, body)) == fields


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "not_authenticated", id="nothing"),
        pytest.param(bearer("opaque"), "token_invalid", id="a-token-of-others"),
        pytest.param(basic("wrong"), "authentication_failed", id="wrong-password"),
        pytest.param({"authorization": "Basic %"}, "authentication_failed", id="broken"),
    ],
)
def test_whoever_is_not_signed_in_is_told_how_to(api, headers, code):
    answer = api.http.get("/api/v1/workflows/", headers={"accept": "application/json", **headers})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.json()["errors"][0]["code"] == code


def test_basic_and_session_still_sign_in(api, ann):
    api("GET", "workflows/", **basic("right"))
    api.http.force_login(ann)
    api("GET", "workflows/")


def test_an_inactive_user_gets_no_token(api, ann):
    get_user_model().objects.update(is_active=False)
    answer = obtain(api, status=401)
    assert answer["errors"][0]["code"] == "wrong_credentials"


def test_a_refresh_token_opens_nothing(api):
    api("GET", "workflows/", status=401, **bearer(obtain(api)["refresh"]))


@pytest.mark.parametrize("attempt", ["token", "basic"])
def test_wrong_passwords_are_counted_and_then_even_the_right_one_waits(api, settings, attempt):
    settings.SLUICE = {"SIGN_IN_FAILURES": 3}

    def enter(password, status):
        if attempt == "token":
            return obtain(api, password, status=status)
        return api("GET", "workflows/", status=status, **basic(password))

    enter("right", 200)
    for _ in range(3):
        enter("wrong", 401)
    answer = enter("right", 429)
    assert answer["errors"][0]["code"] == "throttled"
    refused = api.http.post("/api/v1/token/", {"username": "ann", "password": "right"})
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 300
    # Another account from here may still try.
    api("POST", "token/", {"username": "bob", "password": "x"}, status=401)


@pytest.mark.parametrize("blank", ["  ", "\t", "\x0b"])
def test_a_password_is_counted_however_it_is_parted_from_its_scheme(api, settings, blank):
    settings.SLUICE = {"SIGN_IN_FAILURES": 1}
    odd = {"authorization": basic("wrong")["authorization"].replace(" ", blank)}
    api("GET", "workflows/", status=401, **odd)
    api("GET", "workflows/", status=429, **odd)


@pytest.mark.parametrize("name", ["ANN", "ánn", "\uff41nn"])
def test_another_spelling_that_a_database_may_take_for_the_same_opens_no_new_count(api, settings, name):
    settings.SLUICE = {"SIGN_IN_FAILURES": 1}
    api("POST", "token/", {"username": name, "password": "x"}, status=401)
    obtain(api, status=429)


def test_many_accounts_from_one_address_are_counted_together(api, settings):
    settings.SLUICE = {"SIGN_IN_FAILURES": 1}
    for number in range(10):
        api("POST", "token/", {"username": f"user{number}", "password": "x"}, status=401)
    obtain(api, status=429)


def test_a_header_that_anybody_can_set_opens_no_new_count(api, settings):
    settings.SLUICE = {"SIGN_IN_FAILURES": 1}
    forwarded = [{"x-forwarded-for": f"10.0.0.{number}"} for number in range(2)]
    api("POST", "token/", {"username": "ann", "password": "x"}, status=401, **forwarded[0])
    api("POST", "token/", {"username": "ann", "password": "x"}, status=429, **forwarded[1])


def test_behind_a_known_number_of_proxies_the_callers_own_address_counts(api, settings, monkeypatch):
    settings.SLUICE = {"SIGN_IN_FAILURES": 1}
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1, raising=False)
    for number in range(3):
        header = {"x-forwarded-for": f"10.0.0.{number}"}
        api("POST", "token/", {"username": "ann", "password": "x"}, status=401, **header)


def test_nothing_is_counted_where_the_setting_says_so(api, settings):
    settings.SLUICE = {"SIGN_IN_FAILURES": None}
    for _ in range(12):
        obtain(api, "wrong", status=401)
    obtain(api)


def test_a_bearer_token_costs_two_queries(api, ann, django_assert_num_queries):
    access = tokens.sign_in(ann).access
    with django_assert_num_queries(2):
        # The permission's own queries are the list's.
        api("GET", "", **bearer(access))
