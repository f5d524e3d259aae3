"""Whose signature it should be; a wrong key and a wrong signature take the same path and the same time."""

import secrets
from dataclasses import dataclass, field
from functools import lru_cache

from django.utils.crypto import constant_time_compare

from executions import accesskeys
from executions.models.keys import AccessKey
from workflows import secrets as sealing
from workflows.errors import Forbidden

#: As long as a true one. Nobody knows it, so no signature fits.
_NOBODYS = secrets.token_hex(20)


@dataclass(frozen=True)
class Signer:
    """What a signature is checked with. `key` is None where the id is none of ours; the check then fails as any."""

    key: AccessKey | None
    secret: str = field(repr=False)


def signer(access_key_id: str, dialect: str) -> Signer:
    """Raises `Forbidden` where no key in force opens the secret."""
    key = accesskeys.find(access_key_id, dialect)
    return Signer(key, _nobodys() if key is None else accesskeys.secret_of(key))


def same(given: str, wanted: str) -> bool:
    """Whether the signatures are alike, in a time that tells nothing of where they differ."""
    return constant_time_compare(given, wanted)


def _nobodys() -> str:
    """Opened as a true one is, for as long as that takes."""
    try:
        return accesskeys.secret_of(_nobody())
    except Forbidden:
        # The keys of secrets are others by now.
        return _NOBODYS


@lru_cache(maxsize=1)
def _nobody() -> AccessKey:
    return AccessKey(sealed=sealing.seal(_NOBODYS))
