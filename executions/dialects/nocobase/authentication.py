"""Who calls: a bearer token, by header or in the query, and the role that they say they act as (spec 5).

Roles are the user's groups ("root" for superusers, "member" for who is in none). Which of them a client names changes
nothing: permissions are always all that the user has.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from executions.dialects.nocobase.errors import Denied
from workflows import tokens
from workflows.errors import BadToken
from workflows.jsonable import jsonable

#: What the tokens of this interface are for; the native API's access tokens are taken besides.
USE = "nocobase"
#: As there: a day, and a day more in which it is renewed, as long as the sign-in is not a week old.
SECONDS = 86_400
RENEWABLE_SECONDS = 86_400
SESSION_SECONDS = 7 * 86_400
#: A page sends several calls at once: those that the renewed token overtakes are let in by the old one.
OVERTAKEN_SECONDS = 60
UNION = "__union__"

_CODES = {"token_revoked": "BLOCKED_TOKEN", "user_inactive": "NOT_EXIST_USER"}


def issue(user: Any, *, session: str | None = None, signed_in: int | None = None) -> str:
    """`signed_in` is when, in milliseconds; now, unless a token is renewed."""
    moment = int(timezone.now().timestamp() * 1000) if signed_in is None else signed_in
    claims = {"userId": jsonable(user.pk), "temp": True, "signInTime": moment}
    return tokens.issue(user, use=USE, seconds=SECONDS, session=session, **claims)


def authenticate(request: Request, params: dict[str, Any]) -> tuple[Any, str | None]:
    """The user, and their new token where this one has expired. Raises `Denied` with the client's codes."""
    claims = claims_of(request, params)
    try:
        user = tokens.user_of(claims)
    except BadToken as error:
        raise Denied(str(error), code=_CODES.get(error.code, "INVALID_TOKEN")) from None
    wanted = request.headers.get("X-Role")
    if wanted and wanted != UNION and wanted not in roles_of(user):
        raise Denied(_("The role is none of yours; choose another."), code="ROLE_NOT_FOUND_FOR_USER")
    return user, _renewed(user, claims) if claims["exp"] <= timezone.now().timestamp() else None


def _renewed(user: Any, claims: dict[str, Any]) -> str | None:
    """A new token for an expired one, once; None where another call has just got it. Raises `Denied`."""
    now, signed_in = timezone.now(), claims.get("signInTime", 0)
    if now.timestamp() - signed_in / 1000 > SESSION_SECONDS:
        raise _too_old()
    mark, kept = f"renewed:{claims['jti']}", timedelta(seconds=RENEWABLE_SECONDS)
    known = tokens.once(mark, now + kept)
    if known is None:
        return issue(user, session=claims["sid"], signed_in=signed_in)
    if now > known - kept + timedelta(seconds=OVERTAKEN_SECONDS):
        raise _too_old()
    return None


def _too_old() -> Denied:
    return Denied(_("Your sign-in has expired; sign in again."), code="EXPIRED_SESSION")


def claims_of(request: Request, params: dict[str, Any]) -> dict[str, Any]:
    """What the token says, whether or not it was ended since; it may have expired and be good to renew. Raises
    `Denied`."""
    text = _token(request, params)
    if not text:
        raise Denied(_("You are not signed in; sign in first."), code="EMPTY_TOKEN")
    found: list[BadToken] = []
    for use, grace in ((USE, RENEWABLE_SECONDS), (tokens.ACCESS, 0)):
        try:
            return tokens.read(text, use=use, grace=grace)
        except BadToken as error:
            found.append(error)
    if all(error.code == "token_expired" for error in found):
        raise _too_old()
    raise Denied(str(found[-1]), code="INVALID_TOKEN")


def _token(request: Request, params: dict[str, Any]) -> str:
    header = request.headers.get("Authorization", "").strip()
    scheme, _space, rest = header.partition(" ")
    text = rest.strip() if scheme.lower() == "bearer" else header
    in_query = params.get("token")
    return text or (in_query if isinstance(in_query, str) else "")


def roles_of(user: Any) -> list[str]:
    if user.is_superuser:
        return ["root"]
    return list(user.groups.order_by("name").values_list("name", flat=True)) or ["member"]


def find_by_account(account: str) -> str:
    """The user name that an account means: itself, or that of the one user with this e-mail."""
    model = get_user_model()
    column, email = model.USERNAME_FIELD, model.get_email_field_name()
    if "@" in account and email != column:
        rows = model._default_manager.filter(**{f"{email}__iexact": account}).values_list(column, flat=True)[:2]
        named = model._default_manager.filter(**{column: account}).exists()
        if len(rows) == 1 and not named:
            return str(rows[0])
    return account
