"""SDK-HMAC-SHA256: whose a signed request is (spec 2.4).

What is signed is the path, the query, some headers and the body, as this server reads them; what it goes by must be
among them.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from executions.dialects.clouds.signing import same, signer
from executions.dialects.functiongraph.errors import BadSignature
from executions.models.keys import AccessKey, Dialect

ALGORITHM = "SDK-HMAC-SHA256"
#: How far a client's clock may be off.
SKEW = timedelta(minutes=15)
_FORM = re.compile(
    rf"{ALGORITHM}\s+Access=([^\s,]{{1,128}}),\s*SignedHeaders=([^\s,]{{1,4000}}),\s*Signature=([0-9a-fA-F]{{64}})",
    re.ASCII,
)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_NEEDED = ("host", "x-sdk-date")
_CONTENT_HASH = "x-sdk-content-sha256"

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Signed:
    """A request whose signature is its key's; headers by their names in small letters, those alone that were signed."""

    key: AccessKey
    headers: dict[str, str]


def verified(request: HttpRequest, query: Pairs, body: bytes) -> Signed:
    """Raises `BadSignature`; of a key that there is not, the same as of a wrong signature.

    A request may come again while its date is good: the date counts in seconds, so two like calls of one second are
    signed alike.
    """
    access_key_id, names, signature = _taken_apart(request.headers.get("Authorization", ""))
    headers = _signed_headers(request, names)
    _check_date(headers["x-sdk-date"])
    body_hash = hashlib.sha256(body).hexdigest()
    if body and request.headers.get(_CONTENT_HASH, body_hash).lower() != body_hash:
        # UNSIGNED-PAYLOAD is what the SDK says of bodies that are not JSON; none of these calls has one.
        raise BadSignature(_("X-Sdk-Content-Sha256 is not the SHA-256 of the body; sign the body itself."))
    # The decoded path, as the client has it too: so nothing depends on how a server hands the raw one on.
    wanted = canonical(str(request.method), request.path, query, headers, names, body_hash)
    who = signer(access_key_id, Dialect.FUNCTIONGRAPH)
    known = same(signature.lower(), signed(who.secret, headers["x-sdk-date"], wanted))
    if not known or who.key is None:
        raise BadSignature(_("the access key is unknown, or the signature is not its own; check both."))
    return Signed(who.key, headers)


def canonical(
    method: str, path: str, query: Pairs, headers: dict[str, str], names: Sequence[str], body_hash: str
) -> str:
    """The request as it is signed, of a decoded path and decoded pairs of the query."""
    encoded_path = "/".join(map(_encoded, path.split("/")))
    return "\n".join((
        method.upper(),
        encoded_path if encoded_path.endswith("/") else f"{encoded_path}/",
        "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(query)),
        *(f"{name}:{headers[name]}" for name in names),
        "",
        ";".join(names),
        body_hash,
    ))  # fmt: skip


def signed(secret: str, date: str, request: str) -> str:
    """The signature of a canonical request."""
    text = f"{ALGORITHM}\n{date}\n{hashlib.sha256(_bytes(request)).hexdigest()}"
    return hmac.new(secret.encode(), _bytes(text), hashlib.sha256).hexdigest()


def _taken_apart(authorization: str) -> tuple[str, list[str], str]:
    found = _FORM.fullmatch(authorization.strip())
    if found is None:
        raise BadSignature(_("sign the request with %s.") % ALGORITHM)
    return found[1], found[2].split(";"), found[3]


def _signed_headers(request: HttpRequest, names: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name in names:
        value = request.headers.get(name)
        if value is None or name != name.lower():
            raise BadSignature(_("the header %s is listed as signed but missing.") % name[:100])
        headers[name] = _text(value).strip()
    for name in _NEEDED:
        if name not in headers:
            raise BadSignature(_("the header %s is not signed; sign it too.") % name)
    return headers


def _check_date(text: str) -> None:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        date = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BadSignature(_("X-Sdk-Date is a moment like 20260101T000000Z.")) from None
    if abs(timezone.now() - date) > SKEW:
        raise BadSignature(
            _("X-Sdk-Date is more than %d minutes off; set the clock and sign again.") % (SKEW.seconds // 60)
        )


def _encoded(text: str) -> str:
    return quote(_bytes(text), safe="~")


def _text(value: str) -> str:
    """A header's value: its bytes are UTF-8 where the client wrote it, and Latin-1 where a server read it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
