"""Who calls: a bearer token of ours, else whatever the host project takes; wrong passwords are counted."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from workflows import tokens
from workflows.api.throttling import Failures
from workflows.errors import BadToken

CHALLENGE = 'Bearer realm="api"'


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; a token that is not ours is left to the classes after this one."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = bearer(request)
        if not tokens.ours(text):
            return None
        with as_refusal():
            claims = tokens.read(text)
            return tokens.user_of(claims), claims

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def bearer(request: Request) -> str:
    """The bearer token of the request, whosever it is, or nothing."""
    scheme, _space, token = get_authorization_header(request).partition(b" ")
    return token.decode("latin-1").strip() if scheme.lower() == b"bearer" else ""


@contextmanager
def as_refusal() -> Iterator[None]:
    """A bad token is answered 401 with the challenge that belongs to it."""
    try:
        yield
    except BadToken as error:
        raise AuthenticationFailed(str(error), code=error.code) from None


@contextmanager
def counting_failures(request: Request) -> Iterator[None]:
    """Around the host's own authentication: passwords of Basic credentials are guessed as those of a sign-in are."""
    account = _basic_account(request)
    if account is None:
        yield
        return
    failures = Failures(request, account)
    failures.check()
    try:
        yield
    except AuthenticationFailed:
        failures.note()
        raise


def _basic_account(request: Request) -> str | None:
    # Split as those who look at the password split it: a tab too parts the scheme from the rest.
    scheme, *rest = get_authorization_header(request).split() or [b""]
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(b"".join(rest)).decode("utf-8", "replace").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""
