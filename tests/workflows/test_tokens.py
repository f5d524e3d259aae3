from datetime import timedelta

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from workflows import tokens
from workflows.errors import BadToken
from workflows.models import RevokedToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return get_user_model().objects.create_user("ann", password="first")


def whose(text, use=tokens.ACCESS):
    return tokens.user_of(tokens.read(text, use=use))


def refused(text, use=tokens.ACCESS):
    with pytest.raises(BadToken) as caught:
        whose(text, use)
    assert str(caught.value)
    return caught.value.code


def test_a_pair_speaks_for_its_user(user):
    pair = tokens.sign_in(user, roleName="admin")
    assert whose(pair.access) == user
    assert whose(pair.refresh, tokens.REFRESH) == user
    assert pair.expires_in == 900
    assert tokens.read(pair.access)["roleName"] == "admin"


def test_claims_of_others_never_replace_our_own(user):
    text = tokens.issue(user, use=tokens.ACCESS, seconds=60, sub="1", use_by="x", exp=1)
    assert tokens.read(text)["sub"] == str(user.pk)
    assert whose(text) == user


@pytest.mark.parametrize(("given", "wanted"), [("access", "refresh"), ("refresh", "access")])
def test_one_kind_is_no_other(user, given, wanted):
    assert refused(getattr(tokens.sign_in(user), given), wanted) == "token_invalid"


def _signed(user, key=None, **claims):
    known = {
        "iss": "sluice", "sub": str(user.pk), "use": "access", "jti": "a", "sid": "b", "pwd": "c",
        "exp": timezone.now() + timedelta(minutes=1),
    }  # fmt: skip
    return jwt.encode({**known, **claims}, key or tokens._keys()[0], algorithm="HS256")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(lambda user: "", "token_invalid", id="empty"),
        pytest.param(lambda user: "a.b.c", "token_invalid", id="rubbish"),
        pytest.param(lambda user: "é" * 3000, "token_invalid", id="not-ascii"),
        pytest.param(lambda user: _signed(user, "another key of forty characters at least"), "token_invalid", id="key"),
        pytest.param(lambda user: _signed(user, iss="else"), "token_invalid", id="issuer"),
        pytest.param(lambda user: _signed(user, exp=1), "token_expired", id="expired"),
        pytest.param(lambda user: _signed(user, sub=7), "token_invalid", id="number-as-subject"),
        pytest.param(lambda user: _signed(user), "token_revoked", id="another-password"),
        pytest.param(lambda user: _signed(user, sub="someone"), "user_inactive", id="no-id"),
        pytest.param(lambda user: _signed(user, sub="999999"), "user_inactive", id="nobody"),
        pytest.param(
            lambda user: jwt.encode({"iss": "sluice"}, None, algorithm="none"), "token_invalid", id="unsigned"
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_what_is_no_token_of_ours_is_refused(user, text, code):
    assert refused(text(user)) == code


def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_sign_in(user):
    first = tokens.sign_in(user, roleName="admin")
    second = tokens.refresh(first.refresh)
    assert whose(second.access) == user
    assert tokens.read(second.access)["roleName"] == "admin"
    with pytest.raises(BadToken):
        tokens.refresh(first.refresh)
    assert refused(second.access) == "token_revoked"
    assert refused(second.refresh, tokens.REFRESH) == "token_revoked"
    assert whose(tokens.sign_in(user).access) == user


def test_sign_out_ends_all_tokens_of_the_sign_in_and_no_others(user):
    pair, other = tokens.sign_in(user), tokens.sign_in(user)
    tokens.revoke(tokens.read(pair.access))
    assert refused(pair.access) == "token_revoked"
    assert refused(pair.refresh, tokens.REFRESH) == "token_revoked"
    assert whose(other.access) == user


def test_a_token_of_a_kind_of_its_own_outlives_its_sign_in_as_revoked(user):
    text = tokens.issue(user, use="api-key", seconds=10**9)
    claims = tokens.read(text, use="api-key")
    tokens.revoke(claims)
    # As after a year of retention.
    RevokedToken.objects.filter(token=claims["sid"]).delete()
    assert refused(text, "api-key") == "token_revoked"
    assert RevokedToken.objects.get().expires_at.timestamp() == claims["exp"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda user: user.set_password("second"), "token_revoked"),
        (lambda user: setattr(user, "is_active", False), "user_inactive"),
    ],
)
def test_a_new_password_and_an_inactive_user_end_tokens(user, change, code):
    pair = tokens.sign_in(user)
    change(user)
    user.save()
    assert refused(pair.access) == code
    with pytest.raises(BadToken):
        tokens.refresh(pair.refresh)


def test_the_key_follows_the_settings(user, settings):
    old = tokens.sign_in(user).access
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key of more than fifty characters, for this test"
    assert whose(old) == user
    assert whose(tokens.sign_in(user).access) == user
    settings.SECRET_KEY_FALLBACKS = []
    assert refused(old) == "token_invalid"
    settings.SLUICE = {"TOKEN_KEY": "k" * 40}
    own = tokens.sign_in(user).access
    settings.SECRET_KEY = "a third secret key of more than fifty characters, for this test"
    assert whose(own) == user


def test_how_long_tokens_are_good_for_is_set(user, settings):
    settings.SLUICE = {"TOKEN_SECONDS": 60, "TOKEN_REFRESH_SECONDS": 120}
    pair = tokens.sign_in(user)
    spans = [
        claims["exp"] - claims["iat"]
        for claims in (tokens.read(pair.access), tokens.read(pair.refresh, use=tokens.REFRESH))
    ]
    assert (spans, pair.expires_in) == ([60, 120], 60)


def test_ours_are_told_from_a_hosts_own(user):
    assert tokens.ours(tokens.sign_in(user).access)
    assert not tokens.ours(jwt.encode({"iss": "host"}, "k" * 40))
    assert not tokens.ours("opaque")


def test_what_has_expired_is_forgotten(user):
    tokens.revoke(tokens.read(tokens.sign_in(user).access))
    assert RevokedToken.objects.count() == 2
    assert tokens.purge() == 0
    RevokedToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (tokens.purge(limit=1), tokens.purge(), tokens.purge()) == (1, 1, 0)
