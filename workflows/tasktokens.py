"""Tokens by which those outside name the job that waits for them. Whoever holds one still needs the permission."""

from django.core import signing
from django.utils.translation import gettext as _

from workflows.errors import BadToken

_SALT = "sluice.task"


def token_for(job: str) -> str:
    """The token of a job, named as its idempotency key names it: "<execution>-<number>", and "-<times>" where somebody
    asked for it again. The same at any time."""
    return signing.Signer(salt=_SALT).sign(job)


def job_for(token: str) -> tuple[int, int, str]:
    """(execution, number, the whole name) of the job that a token names. Raises `BadToken`."""
    try:
        name = signing.Signer(salt=_SALT).unsign(token)
    except signing.BadSignature:
        raise BadToken(_("This is no token of a job that waits; take it as it was handed out.")) from None
    execution, number = name.split("-")[:2]
    return int(execution), int(number), name
