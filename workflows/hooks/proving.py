"""Whether a request is from whom the workflow takes it (spec 4.6)."""

import base64
import binascii
import hashlib
import hmac
import time

from django.http import HttpRequest
from django.utils.translation import gettext as _

from workflows.env import Env, env_names
from workflows.errors import SluiceError
from workflows.expressions import render
from workflows.triggers.webhook import Auth


class Unproved(SluiceError):
    """The request does not show that it comes from the sender the workflow was made for."""

    code = "not_authenticated"
    status = 401

    def __init__(self, message: str, challenge: str = "") -> None:
        super().__init__(message)
        #: The value of WWW-Authenticate; "" for schemes that HTTP has no name for.
        self.challenge = challenge


def prove(auth: Auth, request: HttpRequest, body: bytes) -> None:
    """Raises `Unproved`, and `ExpressionError` or `Unopenable` where the secret it names can't be had."""
    if auth.type == "none":
        return
    [name] = auth.secrets
    template = getattr(auth, name)
    secret = str(render(template, {"$env": Env(env_names(template))})).encode()
    {"basic": _basic, "bearer": _bearer, "hmac": _signature}[auth.type](auth, secret, request, body)


def _basic(auth: Auth, secret: bytes, request: HttpRequest, body: bytes) -> None:
    given = _authorization(request, "basic")
    try:
        decoded = base64.b64decode(given, validate=True)
    except binascii.Error:
        decoded = b""
    if not hmac.compare_digest(decoded, auth.username.encode() + b":" + secret):
        raise Unproved(_("Sign in with the name and password of this webhook."), 'Basic realm="webhook"')


def _bearer(auth: Auth, secret: bytes, request: HttpRequest, body: bytes) -> None:
    if not hmac.compare_digest(_authorization(request, "bearer"), secret):
        raise Unproved(_("Send the token of this webhook as a bearer token."), 'Bearer realm="webhook"')


def _signature(auth: Auth, secret: bytes, request: HttpRequest, body: bytes) -> None:
    signed = body
    if auth.timestamp_header:
        stamp = request.headers.get(auth.timestamp_header, "")
        if not _fresh(stamp, auth.tolerance):
            raise Unproved(
                _("The header %(header)s must tell when this was sent, within %(seconds)d seconds of now.")
                % {"header": auth.timestamp_header, "seconds": auth.tolerance}
            )
        signed = stamp.encode() + b"." + body
    made = hmac.new(secret, signed, hashlib.sha256).digest()
    expected = auth.prefix + (made.hex() if auth.encoding == "hex" else base64.b64encode(made).decode())
    given = request.headers.get(auth.header, "")
    if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise Unproved(_("The header %s must hold the HMAC-SHA256 of the body.") % auth.header)


def _fresh(stamp: str, tolerance: int) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        return False
    seconds = int(stamp) / (1000 if len(stamp) > 11 else 1)
    return abs(time.time() - seconds) <= tolerance


def _authorization(request: HttpRequest, scheme: str) -> bytes:
    """What stands behind the scheme in the Authorization header; nothing if it is another one."""
    name, _space, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip().encode(errors="replace") if name.lower() == scheme else b""
