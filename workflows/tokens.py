"""Bearer tokens: signed, short to access and one-use to refresh, ended by sign-out, a new password or an inactive user.

All tokens of one sign-in share `sid`. A refresh token that comes a second time was stolen or its answer was lost: its
whole sign-in ends. Every claim but `own` and `sub` may be added to, for the dialects' tokens carry claims of their own.
"""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, router, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import BadToken
from workflows.models import RevokedToken

logger = logging.getLogger("sluice.tokens")

ISSUER = "sluice"
ACCESS, REFRESH = "access", "refresh"
_ALGORITHM = "HS256"
#: Rows deleted by one statement.
_CHUNK = 5_000


@dataclass(frozen=True)
class Pair:
    """What a sign-in or a refresh answers; `expires_in` is the access token's seconds."""

    access: str
    refresh: str
    expires_in: int


def sign_in(user: Any, **claims: Any) -> Pair:
    """A first pair of tokens for a user whose password was just checked."""
    return _pair(user, secrets.token_hex(16), claims)


def refresh(text: str) -> Pair:
    """A new pair for a refresh token, which ends. Raises `BadToken`."""
    claims = read(text, use=REFRESH)
    user = user_of(claims)
    if not _revoke(claims["jti"], _moment(claims["exp"])):
        # Both who holds it now and whoever used it first are signed out: which of them is the thief is not known.
        revoke(claims)
        logger.warning("A refresh token of user %s came a second time; its sign-in was ended.", claims["sub"])
        raise _used_up()
    extra = {name: value for name, value in claims.items() if name not in _OWN}
    return _pair(user, claims["sid"], extra)


def revoke(claims: dict[str, Any], *, seconds: int = 0) -> None:
    """Ends all tokens of the sign-in that these claims belong to; `seconds` is how long a dialect's own may live."""
    longest = max(conf().TOKEN_REFRESH_SECONDS, conf().TOKEN_SECONDS, seconds)
    _revoke(claims["sid"], timezone.now() + timedelta(seconds=longest))
    _revoke(claims["jti"], _moment(claims["exp"]) + timedelta(seconds=seconds))


def once(mark: str, until: datetime) -> datetime | None:
    """Makes a mark that is remembered until then: None the first time, else until when the first one is."""
    if _revoke(mark, until):
        return None
    known = RevokedToken.objects.using(_alias()).filter(token=mark).values_list("expires_at", flat=True).first()
    # Forgotten just now.
    return known or timezone.now()


def issue(user: Any, *, use: str, seconds: int, session: str | None = None, **claims: Any) -> str:
    """One signed token; `session` is the sign-in it belongs to, `claims` what a dialect wants in it besides."""
    key = _keys()[0]
    now = int(timezone.now().timestamp())
    own = {
        "iss": ISSUER,
        "sub": str(user.pk),
        "use": use,
        "jti": secrets.token_hex(16),
        "sid": session or secrets.token_hex(16),
        "iat": now,
        "exp": now + seconds,
        "pwd": _password_mark(user, key),
    }
    return jwt.encode({**claims, **own}, key, algorithm=_ALGORITHM)


def ours(text: str) -> bool:
    """Whether a bearer token says that it is one of ours; a host may have tokens of its own."""
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return False
    return claims.get("iss") == ISSUER


def read(text: str, *, use: str = ACCESS, grace: int = 0) -> dict[str, Any]:
    """The claims of a token that is signed by us, not expired and meant for this use. Raises `BadToken`.

    Whether it was revoked and its user is still good is for `user_of` to say. With `grace` one is read, too, that
    expired at most so many seconds ago.
    """
    for key in _keys():
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                leeway=grace,
                # `iat` only tells: another web server's clock may be a moment ahead.
                options={"require": ["exp", "jti", "sid", "sub", "use", "pwd"], "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise BadToken(_("The token has expired; refresh it or sign in again."), code="token_expired") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            break
        if claims["use"] != use:
            raise BadToken(_("This is not the kind of token that is wanted here; send the other one."))
        return claims
    raise BadToken(_("The token is not valid; sign in again."))


def user_of(claims: dict[str, Any]) -> Any:
    """The user these claims speak for: two queries. Raises `BadToken` where the token ended before its time."""
    marks = [claims["jti"], claims["sid"]]
    revoked = RevokedToken.objects.using(_alias()).filter(token__in=marks).values_list("token", flat=True)
    found = set(revoked)
    if claims["sid"] in found:
        raise BadToken(_("You signed out, or the token was used twice; sign in again."), code="token_revoked")
    # That of a refresh token means used up, which is for `refresh` to act on.
    if found and claims["use"] != REFRESH:
        raise BadToken(_("The token was revoked; sign in again."), code="token_revoked")
    model = get_user_model()
    try:
        user = model._default_manager.filter(pk=claims["sub"]).first()
    except (ValueError, ValidationError):
        user = None
    if user is None or not user.is_active:
        raise BadToken(_("This user is not active; ask an administrator."), code="user_inactive")
    if not any(constant_time_compare(claims["pwd"], _password_mark(user, key)) for key in _keys()):
        raise BadToken(_("The password was changed; sign in again."), code="token_revoked")
    return user


def purge(*, limit: int = _CHUNK) -> int:
    """Forgets revocations of tokens that have expired by themselves; answers how many. For the retention's round."""
    rows = RevokedToken.objects.using(_alias())
    expired = list(
        rows.filter(expires_at__lt=timezone.now()).order_by("expires_at").values_list("pk", flat=True)[:limit]
    )
    return rows.filter(pk__in=expired).delete()[0] if expired else 0


_OWN = frozenset(("iss", "sub", "use", "jti", "sid", "iat", "exp", "pwd"))


def _pair(user: Any, session: str, claims: dict[str, Any]) -> Pair:
    settled = conf()
    return Pair(
        issue(user, use=ACCESS, seconds=settled.TOKEN_SECONDS, session=session, **claims),
        issue(user, use=REFRESH, seconds=settled.TOKEN_REFRESH_SECONDS, session=session, **claims),
        settled.TOKEN_SECONDS,
    )


def _revoke(mark: str, until: datetime) -> bool:
    """Notes a token or a sign-in as ended; False where it was already, which the primary key decides between two."""
    try:
        with transaction.atomic(using=_alias()):
            RevokedToken(token=mark, expires_at=until).save(using=_alias(), force_insert=True)
    except IntegrityError:
        return False
    return True


def _used_up() -> BadToken:
    return BadToken(_("The refresh token was used before; sign in again."), code="token_revoked")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _alias() -> str:
    return router.db_for_write(RevokedToken)


def _keys() -> list[str]:
    """What signs (the first) and what is still taken."""
    if (own := conf().TOKEN_KEY) is not None:
        return [own]
    return list(_derived())


def _derived() -> Iterator[str]:
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield salted_hmac("sluice.tokens.key", ISSUER, secret=secret, algorithm="sha256").hexdigest()


def _password_mark(user: Any, key: str) -> str:
    """Changes with the password, and tells nothing of it."""
    password = getattr(user, "password", "") or ""
    return salted_hmac("sluice.tokens.password", password, secret=key, algorithm="sha256").hexdigest()[:24]
