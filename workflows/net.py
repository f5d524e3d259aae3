"""Calls to the outside that can't be turned against the inside.

Every connection, redirects included, is made in one place: it resolves the name once, refuses addresses inside the
network unless `SLUICE["REQUEST_ALLOW"]` lets them, and connects to exactly the address it looked at. Names that change
their answer between check and call, odd spellings of addresses and redirects to the inside all end there.
"""

import errno
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpcore2
import httpx2
from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import SluiceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: (field, (file name or None for a text, content, content type or None)); a field may come again.
Files = Sequence[tuple[str, tuple[str | None, bytes, str | None]]]

MAX_REDIRECTS = 5
_ENCODINGS = ("gzip", "deflate")
#: Where a body ends is ours to say: two that disagree are two requests to some servers.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "upgrade"})
_BAD_RESPONSE = "ERR_BAD_RESPONSE"
#: Take time that grows with the square of the text.
_SLOW_CODECS = frozenset({"idna", "punycode"})
#: Global by what Python's registry says, yet the inside of a cloud: Azure's host agent; Oracle's metadata, among the
#: numbers of the IETF's own protocols.
_INSIDE = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class CallError(SluiceError):
    """There was no answer to use; `code` is that of the system or client, as ECONNREFUSED."""

    code = "ERR_NETWORK"


class CallTimedOut(CallError):
    code = "ECONNABORTED"


class Blocked(CallError):
    """The address lies inside the network."""

    code = "ERR_BLOCKED"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    #: Lower-case names; set-cookie is a list.
    headers: dict[str, Any]
    text: str


def fetch(
    method: str,
    url: str,
    *,
    seconds: float,
    headers: Iterable[tuple[str, str]] = (),
    params: Sequence[tuple[str, str]] = (),
    content: bytes | None = None,
    files: Files | None = None,
) -> Answer:
    """One call with at most 5 redirects, `seconds` for all of it.

    Raises `Blocked`, `CallTimedOut` or `CallError` (no connection, a broken or too large answer, a URL that is none).
    """
    network = _Network(time.monotonic() + seconds)
    try:
        with httpx2.Client(
            transport=_Transport(network),
            # No proxies, no .netrc: what the host's environment says is not the workflow author's to use.
            trust_env=False,
            timeout=seconds,
            headers={"User-Agent": "django-sluice", "Accept-Encoding": ", ".join(_ENCODINGS)},
        ) as client:
            target = httpx2.URL(url.encode(errors="replace").decode())
            if params:
                # Added as text: what stands in the URL already keeps its own encoding.
                added = urlencode(params).encode()
                target = target.copy_with(query=target.query + b"&" + added if target.query else added)
            lines = [
                (name.encode(errors="replace"), value.encode(errors="replace"))
                for name, value in headers
                if name.lower() not in _FRAMING
            ]
            request = client.build_request(method, target, headers=lines, content=content, files=files)
            return _follow(client, request)
    except httpx2.TimeoutException:
        raise CallTimedOut(_("The call took longer than %d ms.") % round(seconds * 1000)) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        raise CallError(
            _("The URL is not valid; it begins with http:// or https://."), code="ERR_INVALID_URL"
        ) from None
    except httpx2.LocalProtocolError:
        # Its own words quote the header, which may be a secret.
        raise CallError(_("A header's name or value is not valid in HTTP."), code="ERR_INVALID_HEADER") from None
    except httpx2.HTTPError as error:
        raise CallError(str(error) or type(error).__name__, code=code_of(error)) from None


def _follow(client: httpx2.Client, request: httpx2.Request) -> Answer:
    """Redirects are followed here, as the client would read their bodies whole, however large."""
    for _hop in range(MAX_REDIRECTS + 1):
        response = client.send(request, stream=True)
        try:
            if response.next_request is None:
                return _answer(response)
            request = response.next_request
        finally:
            response.close()
    raise CallError(_("There were more than %d redirects.") % MAX_REDIRECTS, code="ERR_FR_TOO_MANY_REDIRECTS")


def _answer(response: httpx2.Response) -> Answer:
    body = _body(response, conf().REQUEST_MAX_BYTES)
    headers: dict[str, Any] = dict(response.headers.items())
    if "set-cookie" in headers:
        headers["set-cookie"] = response.headers.get_list("set-cookie")
    encoding = (response.charset_encoding or "utf-8").lower()
    try:
        text = body.decode("utf-8" if encoding in _SLOW_CODECS else encoding, "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    return Answer(response.status_code, response.reason_phrase, headers, text)


def _body(response: httpx2.Response, most: int) -> bytearray:
    """Unpacks by itself, never past `most` bytes: the client's decoders unpack whatever they are given."""
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in (*_ENCODINGS, "identity", ""):
        raise CallError(_("The answer is packed as %s; only gzip and deflate are known.") % packed, code=_BAD_RESPONSE)
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed in _ENCODINGS else None
    body, begun = bytearray(), False
    try:
        for chunk in response.iter_raw():
            body += chunk if unpack is None else unpack.decompress(chunk, most + 1 - len(body))
            begun = True
            if len(body) > most:
                raise CallError(
                    _("The answer is larger than %d bytes; ask for less or raise SLUICE['REQUEST_MAX_BYTES'].") % most,
                    code=_BAD_RESPONSE,
                )
            if unpack is not None and unpack.eof:
                # What comes behind is no part of it, and would be kept.
                break
        if unpack is not None and begun and not unpack.eof:
            raise zlib.error
    except zlib.error:
        raise CallError(_("The answer can't be unpacked."), code=_BAD_RESPONSE) from None
    return body


def code_of(error: BaseException) -> str:
    """The system's name of what lies under a failed call."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause.reason or "ERR_TLS"
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
            return errno.errorcode[cause.errno]
        cause = cause.__cause__ or cause.__context__
    return CallError.code


def permitted(host: str, port: int, seconds: float = 10.0) -> list[str]:
    """The addresses of a host that may be called.

    Raises `Blocked` if it has none such, `CallError` if it has none, `TimeoutError` if that is not known in time.
    """
    found = _look_up(host, port, seconds)
    if isinstance(found, Exception):
        raise CallError(_("The host %s was not found.") % host[:253], code="ENOTFOUND")
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    allowed = [address for address in addresses if _may_call(host, address)]
    if not allowed:
        raise Blocked(
            _(
                "The call to %s was blocked: its address lies inside the network. To allow it, name the host in "
                "SLUICE['REQUEST_ALLOW']."
            )
            % host
        )
    return allowed


def _look_up(host: str, port: int, seconds: float) -> list[Any] | Exception:
    """What the system's resolver answers; it knows no time-out of ours, so nobody waits for it longer than this."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    Thread(target=ask, daemon=True, name="sluice-resolver").start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None


def _may_call(host: str, address: str) -> bool:
    hosts, networks = _exceptions(tuple(conf().REQUEST_ALLOW))
    name = host.lower().rstrip(".")
    parents = {"*" + name[position:] for position, letter in enumerate(name) if letter == "."}
    if name in hosts or parents & hosts:
        return True
    meant = _meant(ipaddress.ip_address(address))
    return any(meant in network for network in networks) or _is_public(meant)


@lru_cache(maxsize=8)
def _exceptions(entries: tuple[str, ...]) -> tuple[frozenset[str], tuple[Network, ...]]:
    hosts: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry.strip(), strict=False))
        except ValueError:
            hosts.add(entry.strip().lower().rstrip("."))
    return frozenset(hosts), tuple(networks)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if (
        any(address in network for network in _INSIDE)
        or address.is_multicast
        or address.is_reserved
        or not address.is_global
    ):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _GLOBAL_UNICAST


class _Transport(httpx2.HTTPTransport):
    """httpx2's own transport over our network; its constructor has no argument for that, so its pool is replaced."""

    def __init__(self, network: "_Network") -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore2.ConnectionPool(ssl_context=_tls(), network_backend=network)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


class _Network(httpcore2.SyncBackend):
    """Connects to permitted addresses only; TLS and Host keep the name, which stays with the layers above."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = permitted(host, port, _left(self.deadline, httpcore2.ConnectTimeout))
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        while True:
            address, more = addresses.pop(0), len(addresses)
            # Each address gets its share of the time, so that a silent one leaves some to the next.
            share = _left(self.deadline, httpcore2.ConnectTimeout) / (more + 1)
            try:
                return _Stream(super().connect_tcp(address, port, share, local_address, socket_options), self.deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if not more:
                    raise

    def connect_unix_socket(self, path: str, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        raise Blocked(_("The call to %s was blocked.") % path)


class _Stream(httpcore2.NetworkStream):
    """Holds the whole call to its deadline: a server that sends a byte now and then can't stretch it."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self.stream = stream
        self.deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, _left(self.deadline, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, _left(self.deadline, httpcore2.WriteTimeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(self.deadline, httpcore2.ConnectTimeout)
        return _Stream(self.stream.start_tls(ssl_context, server_hostname, left), self.deadline)

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


def _left(deadline: float, late: type[httpcore2.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late
    return left
