"""Who signed a request: HMAC-SHA1 in the parameters (spec 1.5), or ACS3-HMAC-SHA256 in a header (spec 1.6)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from django.core.cache import caches
from django.utils import timezone

from executions.dialects.cloudflow.errors import Fault, argument
from executions.dialects.clouds import signing
from executions.models.keys import AccessKey, Dialect
from workflows.conf import conf

SCHEME = "ACS3-HMAC-SHA256"
#: How far a client's clock may be from ours, either way.
SKEW = timedelta(minutes=15)
_SIGNED = ("host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_AUTHORIZATION = re.compile(
    SCHEME + r"\s+Credential=([\w.-]{1,128}),\s*SignedHeaders=([\w;-]{1,2000}),\s*Signature=([\w]{1,128})", re.ASCII
)
#: A nonce is remembered for longer than any clock could still let its request in.
_REMEMBERED = int(2 * SKEW.total_seconds()) + 60


@dataclass(frozen=True)
class Call:
    """A request as the signatures see it."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    #: By lower-case name.
    headers: Mapping[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        return {**self.query, **self.form}

    @property
    def scheme(self) -> str | None:
        """The scheme of its Authorization header, if that is ours."""
        return SCHEME if self.headers.get("authorization", "").startswith(SCHEME) else None


@dataclass(frozen=True)
class _Claim:
    """What a request says of who signed it, and when."""

    access_key_id: str
    moment: str
    #: The parameter or header that the moment stands in.
    place: str
    nonce: str
    signature: str
    #: What the signature must be, by the secret.
    wanted: Callable[[str], str]


def authenticate(call: Call) -> AccessKey:
    """The key that signed this request. Raises `Fault`; a nonce is used up by a good signature alone."""
    claim = _of_header(call) if call.scheme else _of_parameters(call)
    now = timezone.now()
    moment = _moment(claim)
    signer = signing.signer(claim.access_key_id, Dialect.CLOUDFLOW)
    # Reckoned whoever signed: nobody learns from the time it takes whether there is such a key.
    good = signing.same(claim.signature, claim.wanted(signer.secret))
    if signer.key is None:
        raise Fault("InvalidAccessKeyID", claim.access_key_id)
    if abs(now - moment) > SKEW:
        raise Fault("RequestTimeTooSkewed", claim.moment, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if not good:
        raise Fault("SignatureNotMatch")
    _use(claim)
    return signer.key


def _use(claim: _Claim) -> None:
    """Raises `Fault` for a nonce that came before, whichever server it came to."""
    mark = hashlib.sha256(f"{claim.access_key_id}\n{claim.nonce}".encode()).hexdigest()
    if not caches[conf().CACHE].add(f"sluice:cloudflow:nonce:{mark}", 1, timeout=_REMEMBERED):
        raise Fault("SignatureNonceUsed")


def _moment(claim: _Claim) -> datetime:
    try:
        if not _MOMENT.fullmatch(claim.moment):
            raise ValueError
        return datetime.strptime(claim.moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise argument(claim.place, "2026-01-31T12:00:00Z") from None


def _of_parameters(call: Call) -> _Claim:
    given = call.parameters
    for name in ("Action", "AccessKeyId", "Signature", "SignatureMethod", "SignatureNonce", "Timestamp"):
        if not given.get(name):
            raise Fault("MissingRequiredParams", name)
    # Key pairs of RSA, and whatever else there may be, open nothing here.
    if given["SignatureMethod"] != "HMAC-SHA1" or given.get("SignatureVersion", "1.0") != "1.0":
        raise Fault("SignatureNotMatch")
    joined = _joined((name, value) for name, value in given.items() if name != "Signature")
    text = f"{call.method}&%2F&{encoded(joined)}".encode()

    def wanted(secret: str) -> str:
        return base64.b64encode(hmac.digest(f"{secret}&".encode(), text, "sha1")).decode()

    return _Claim(
        given["AccessKeyId"], given["Timestamp"], "Timestamp", given["SignatureNonce"], given["Signature"], wanted
    )


def _of_header(call: Call) -> _Claim:
    found = _AUTHORIZATION.fullmatch(call.headers["authorization"].strip())
    if found is None:
        raise Fault("MissingRequiredHeader", "Authorization")
    access_key_id, listed, signature = found.groups()
    names = listed.split(";")
    # Of a body its type too: what is not signed could be changed on the way.
    for name in (*_SIGNED, *(["content-type"] if call.body else []), *names):
        if name not in names or name not in call.headers:
            raise Fault("MissingRequiredHeader", name)
    body = hashlib.sha256(call.body).hexdigest()
    if not signing.same(call.headers["x-acs-content-sha256"].strip(), body):
        raise Fault("SignatureNotMatch")
    headers = "".join(f"{name}:{call.headers[name].strip()}\n" for name in names)
    canonical = "\n".join((call.method, "/", _joined(call.query.items()), headers, listed, body))
    text = f"{SCHEME}\n{hashlib.sha256(canonical.encode()).hexdigest()}".encode()

    def wanted(secret: str) -> str:
        return hmac.digest(secret.encode(), text, "sha256").hex()

    moment, nonce = call.headers["x-acs-date"], call.headers["x-acs-signature-nonce"]
    if not nonce.strip():
        raise Fault("MissingRequiredHeader", "x-acs-signature-nonce")
    return _Claim(access_key_id, moment, "x-acs-date", nonce, signature, wanted)


def encoded(text: str) -> str:
    """By RFC 3986: letters, digits and -_.~ stay."""
    return quote(text, safe="-_.~")


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(pairs, key=_bytes))


def _bytes(pair: tuple[str, str]) -> bytes:
    return pair[0].encode()
