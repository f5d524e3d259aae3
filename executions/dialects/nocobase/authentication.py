"""Who calls: a bearer token, by header or in the query, and the role that they say they act as (spec 5).

Roles are the user's groups ("root" for superusers, "member" for who is in none). Which of them a client names changes
nothing: permissions are always all that the user has.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from rest_framework.request import Request

from executions.dialects.nocobase.errors import Denied
from workflows import tokens
from workflows.errors import BadToken

#: What the tokens of this interface are for; the native API's access tokens are taken besides.
USE = "nocobase"
#: As there: a day.
SECONDS = 86_400
UNION = "__union__"

_CODES = {"token_revoked": "BLOCKED_TOKEN", "user_inactive": "NOT_EXIST_USER"}


def issue(user: Any) -> str:
    return tokens.issue(user, use=USE, seconds=SECONDS, userId=user.pk, temp=True)


def authenticate(request: Request, params: dict[str, Any]) -> Any:
    """The user. Raises `Denied` with the client's codes."""
    claims = claims_of(request, params)
    try:
        user = tokens.user_of(claims)
    except BadToken as error:
        raise Denied(str(error), code=_CODES.get(error.code, "INVALID_TOKEN")) from None
    wanted = request.headers.get("X-Role")
    if wanted and wanted != UNION and wanted not in roles_of(user):
        raise Denied(_("The role is none of yours; choose another."), code="ROLE_NOT_FOUND_FOR_USER")
    return user


def claims_of(request: Request, params: dict[str, Any]) -> dict[str, Any]:
    """What the token says, whether or not it was ended since. Raises `Denied`."""
    text = _token(request, params)
    if not text:
        raise Denied(_("You are not signed in; sign in first."), code="EMPTY_TOKEN")
    found: BadToken | None = None
    for use in (USE, tokens.ACCESS):
        try:
            return tokens.read(text, use=use)
        except BadToken as error:
            found = error
    raise Denied(str(found), code="INVALID_TOKEN")


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
