import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.web import Server
from workflows import net

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(handler)` answers GET and POST on a port of 127.0.0.1, which it returns."""
    servers: list[Server] = []

    def serve(answer: Callable[[BaseHTTPRequestHandler], None]) -> int:
        servers.append(Server(answer))
        return servers[-1].port

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def _allow_loopback(settings: Any) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"], "REQUEST_MAX_BYTES": 10_000}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve to what the test says; every other asks the system. Counts lookups under "asked"."""
    known: dict[str, list[str]] = {"asked": []}
    real = socket.getaddrinfo

    def look_up(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        known["asked"].append(host)
        if host not in known:
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def answer(
    body: bytes = b"ok", status: int = 200, seen: list[BaseHTTPRequestHandler] | None = None, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(request: BaseHTTPRequestHandler) -> None:
        if seen is not None:
            seen.append(request)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return send


def endless(head: bytes, again: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        while True:
            request.wfile.write(again)

    return send


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.1", id="loopback, short"),
        pytest.param("2130706433", id="loopback, one number"),
        pytest.param("0x7f000001", id="loopback, hexadecimal"),
        pytest.param("0177.0.0.1", id="loopback, octal"),
        pytest.param("::1", id="loopback, IPv6"),
        pytest.param("::ffff:127.0.0.1", id="loopback, mapped"),
        pytest.param("::ffff:a00:1", id="private, mapped, hexadecimal"),
        pytest.param("::127.0.0.1", id="loopback, compatible"),
        pytest.param("64:ff9b::7f00:1", id="loopback, NAT64"),
        pytest.param("64:ff9b:1::a00:1", id="local NAT64"),
        pytest.param("2002:7f00:1::", id="loopback, 6to4"),
        pytest.param("2002:a00:1::1", id="private, 6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:3fff:fdd2", id="Teredo"),
        pytest.param("10.1.2.3", id="private 10"),
        pytest.param("172.16.0.1", id="private 172"),
        pytest.param("192.168.1.1", id="private 192"),
        pytest.param("fd00::1", id="private, IPv6"),
        pytest.param("169.254.169.254", id="metadata, link-local"),
        pytest.param("fd00:ec2::254", id="metadata, IPv6"),
        pytest.param("100.100.100.200", id="metadata in CGNAT"),
        pytest.param("168.63.129.16", id="metadata, global number"),
        pytest.param("192.0.0.192", id="metadata, protocol number"),
        pytest.param("2002:a9fe:a9fe::", id="metadata, 6to4"),
        pytest.param("64:ff9b::a9fe:a9fe", id="metadata, NAT64"),
        pytest.param("::ffff:169.254.169.254", id="metadata, mapped"),
        pytest.param("fe80::1", id="link-local, IPv6"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("100.64.0.1", id="CGNAT"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("ff02::1", id="multicast, IPv6"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("0", id="unspecified, short"),
        pytest.param("::", id="unspecified, IPv6"),
        pytest.param("198.18.0.1", id="benchmarking"),
        pytest.param("localhost", id="a name"),
    ],
)
def test_the_inside_is_blocked(address: str) -> None:
    with pytest.raises(net.Blocked, match="blocked"):
        net.permitted(address, 80)


@pytest.mark.parametrize("address", ["8.8.8.8", "2620:fe::fe", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"])
def test_the_outside_may_be_called(address: str) -> None:
    assert net.permitted(address, 80)


@pytest.mark.parametrize(
    ("entry", "host", "addresses", "allowed"),
    [
        pytest.param("10.0.0.0/8", "a.example", ["10.1.2.3"], True, id="a network"),
        pytest.param("10.0.0.0/8", "a.example", ["192.168.1.1"], False, id="another network"),
        pytest.param("10.1.2.3", "a.example", ["10.1.2.3"], True, id="an address"),
        pytest.param("a.example", "a.example", ["10.1.2.3"], True, id="a host"),
        pytest.param("A.example.", "a.EXAMPLE.", ["10.1.2.3"], True, id="a host in another spelling"),
        pytest.param("a.example", "b.a.example", ["10.1.2.3"], False, id="not what lies below a host"),
        pytest.param("*.a.example", "b.c.a.example", ["10.1.2.3"], True, id="what lies below"),
        pytest.param("*.a.example", "a.example", ["10.1.2.3"], False, id="not the name itself"),
        pytest.param("*.a.example", "ba.example", ["10.1.2.3"], False, id="not what ends alike"),
    ],
)
def test_allow(
    settings: Any, names: dict[str, list[str]], entry: str, host: str, addresses: list[str], allowed: bool
) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": [entry]}
    names[host] = addresses
    if allowed:
        assert net.permitted(host, 80) == addresses
    else:
        with pytest.raises(net.Blocked):
            net.permitted(host, 80)


def test_of_a_host_with_both_only_the_outside_is_called(names: dict[str, list[str]]) -> None:
    names["both.example"] = ["10.0.0.1", "8.8.8.8"]
    assert net.permitted("both.example", 80) == ["8.8.8.8"]


def test_the_mapped_form_of_an_allowed_address_is_allowed(settings: Any) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    assert net.permitted("::ffff:127.0.0.1", 80)


@pytest.mark.usefixtures("_allow_loopback")
class TestFetch:
    def test_answers(self, serve: Serve) -> None:
        port = serve(answer("grüße".encode("latin-1"), Content_Type="text/plain; charset=latin-1", X_One="1"))
        got = net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert (got.status, got.reason, got.text, got.headers["x-one"]) == (200, "OK", "grüße", "1")

    def test_the_name_is_looked_up_once_and_stays_in_the_host_header(
        self, serve: Serve, names: dict[str, list[str]]
    ) -> None:
        seen: list[BaseHTTPRequestHandler] = []
        port = serve(answer(seen=seen))
        names["shop.example"] = ["127.0.0.1"]
        net.fetch("GET", f"http://shop.example:{port}/", seconds=5)
        assert [request.headers["Host"] for request in seen] == [f"shop.example:{port}"]
        assert names["asked"].count("shop.example") == 1

    def test_the_next_address_is_tried(self, serve: Serve, names: dict[str, list[str]], settings: Any) -> None:
        settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.0/8"]}
        port = serve(answer())
        names["shop.example"] = ["127.0.0.2", "127.0.0.1"]
        assert net.fetch("GET", f"http://shop.example:{port}/", seconds=5).text == "ok"

    def test_a_name_that_answers_differently_the_second_time_is_not_asked_twice(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside, port = serve(answer(b"secret")), serve(answer())
        turns = iter(["127.0.0.1", "127.0.0.2"])
        real = socket.getaddrinfo

        def look_up(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
            return real(next(turns) if host == "turns.example" else host, port, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert net.fetch("GET", f"http://turns.example:{port}/", seconds=5).text == "ok"
        with pytest.raises(net.Blocked):
            net.fetch("GET", f"http://turns.example:{inside}/", seconds=5)

    def test_a_redirect_to_a_name_that_now_leads_inside_is_blocked(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns = iter(["127.0.0.1", "10.0.0.1"])
        real = socket.getaddrinfo

        def look_up(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
            return real(next(turns) if host == "turns.example" else host, port, *args, **kwargs)

        def move(request: BaseHTTPRequestHandler) -> None:
            answer(status=302, Location="/there", Connection="close")(request)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        port = serve(move)
        with pytest.raises(net.Blocked):
            net.fetch("GET", f"http://turns.example:{port}/", seconds=5)

    @pytest.mark.parametrize(
        "target",
        [
            "http://127.0.0.2:{port}/",
            "http://[::1]:{port}/",
            "//127.0.0.2:{port}/",
            "http://a@127.0.0.2:{port}/",
            "http://2130706434:{port}/",
            "http://[::ffff:169.254.169.254]/",
        ],
    )
    def test_a_redirect_to_the_inside_is_blocked(self, serve: Serve, target: str) -> None:
        inside = serve(answer(b"secret"))
        port = serve(answer(status=302, Location=target.format(port=inside)))
        with pytest.raises(net.Blocked):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)

    def test_a_redirect_is_followed(self, serve: Serve) -> None:
        last = serve(answer(b"there"))
        port = serve(answer(status=301, Location=f"http://127.0.0.1:{last}/"))
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5).text == "there"

    def test_a_redirect_to_another_scheme_is_none(self, serve: Serve) -> None:
        port = serve(answer(status=302, Location="file:///etc/passwd"))
        with pytest.raises(net.CallError) as raised:
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert raised.value.code == "ERR_INVALID_URL"

    def test_five_redirects_are_the_most(self, serve: Serve) -> None:
        seen: list[BaseHTTPRequestHandler] = []
        port = serve(answer(status=302, seen=seen, Location="/again"))
        with pytest.raises(net.CallError, match="5 redirects"):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert len(seen) == 6

    def test_authorization_stays_with_its_origin(self, serve: Serve) -> None:
        seen: list[BaseHTTPRequestHandler] = []
        last = serve(answer(seen=seen))
        port = serve(answer(status=307, seen=seen, Location=f"http://127.0.0.1:{last}/"))
        net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5, headers=[("Authorization", "Bearer x")])
        assert [request.headers["Authorization"] for request in seen] == ["Bearer x", None]

    @pytest.mark.parametrize(
        ("packed", "encoding"),
        [
            pytest.param(b"x" * 10_001, None, id="plain"),
            pytest.param(gzip.compress(b"x" * 10_000_000), "gzip", id="gzip bomb"),
            pytest.param(zlib.compress(b"x" * 10_000_000), "deflate", id="deflate bomb"),
        ],
    )
    def test_a_large_answer_is_refused(self, serve: Serve, packed: bytes, encoding: str | None) -> None:
        headers = {"Content_Encoding": encoding} if encoding else {}
        port = serve(answer(packed, **headers))
        with pytest.raises(net.CallError, match="larger than 10000 bytes") as raised:
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert raised.value.code == "ERR_BAD_RESPONSE"

    @pytest.mark.parametrize(
        "part",
        [
            pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="a header"),
            pytest.param(b"HTTP/1.1 200 ", id="a reason"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", id="a chunk's extension"),
        ],
    )
    def test_what_has_no_end_is_refused_before_it_fills_the_memory(self, serve: Serve, part: bytes) -> None:
        port = serve(endless(part, b"x" * 10_000))
        with pytest.raises(net.CallError) as raised:
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=20)
        assert raised.value.code == "ERR_NETWORK"

    @pytest.mark.parametrize(
        "again",
        [
            pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", id="hints"),
            pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
        ],
    )
    def test_what_never_becomes_an_answer_ends_with_the_time(self, serve: Serve, again: bytes) -> None:
        port = serve(endless(b"", again))
        with pytest.raises(net.CallTimedOut):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=0.3)

    def test_chunks_without_end_are_a_large_answer(self, serve: Serve) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        port = serve(endless(head, b"1000\r\n" + b"x" * 4096 + b"\r\n"))
        with pytest.raises(net.CallError, match="larger than 10000 bytes"):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=20)

    def test_what_comes_behind_a_packed_answer_is_not_read(self, serve: Serve) -> None:
        packed = gzip.compress(b"ok")
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        first = b"%x\r\n%s\r\n" % (len(packed), packed)
        port = serve(endless(head + first, b"1000\r\n" + b"x" * 4096 + b"\r\n"))
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=20).text == "ok"

    @pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Upgrade"])
    def test_where_a_body_ends_is_not_the_authors_to_say(self, serve: Serve, name: str) -> None:
        seen: list[BaseHTTPRequestHandler] = []
        port = serve(answer(seen=seen))
        headers = [(name, "5"), ("X-One", "1")]
        net.fetch("POST", f"http://127.0.0.1:{port}/", seconds=5, content=b"0123456789", headers=headers)
        [request] = seen
        assert (request.headers["Content-Length"], request.headers["X-One"]) == ("10", "1")
        assert "5" not in request.headers.values()

    @pytest.mark.parametrize(
        ("packed", "encoding"), [(gzip.compress(b"ok"), "gzip"), (zlib.compress(b"ok"), "deflate")]
    )
    def test_a_packed_answer_is_unpacked(self, serve: Serve, packed: bytes, encoding: str) -> None:
        port = serve(answer(packed, Content_Encoding=encoding))
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5).text == "ok"

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [
            (b"ok", "zstd"),
            (b"ok", "gzip"),
            (b"ok", "gzip, gzip"),
            (gzip.compress(b"cut off in the middle")[:20], "gzip"),
        ],
    )
    def test_what_cannot_be_unpacked_is_a_failure(self, serve: Serve, body: bytes, encoding: str) -> None:
        port = serve(answer(body, Content_Encoding=encoding))
        with pytest.raises(net.CallError, match="packed"):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)

    @pytest.mark.parametrize("charset", ["nonsense", "idna", "rot13"])
    def test_an_odd_charset_is_read_as_utf8(self, serve: Serve, charset: str) -> None:
        port = serve(answer("ü".encode(), Content_Type=f"text/plain; charset={charset}"))
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5).text == "ü"

    def test_set_cookie_is_a_list(self, serve: Serve) -> None:
        port = serve(answer(Set_Cookie="a=1"))
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5).headers["set-cookie"] == ["a=1"]

    def test_a_server_that_drips_cannot_stretch_the_time(self, serve: Serve) -> None:
        def drip(request: BaseHTTPRequestHandler) -> None:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1_500:
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
                time.sleep(0.02)

        port = serve(drip)
        began = time.monotonic()
        with pytest.raises(net.CallTimedOut, match="300 ms"):
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=0.3)
        # The server has enough for half a minute.
        assert time.monotonic() - began < 1.5

    def test_a_refused_connection_tells_the_system_code(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            with pytest.raises(net.CallError) as raised:
                net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert raised.value.code == "ECONNREFUSED"

    def test_a_connection_that_breaks_off_is_a_failure(self, serve: Serve) -> None:
        port = serve(lambda request: None)
        with pytest.raises(net.CallError) as raised:
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5)
        assert raised.value.code == "ERR_NETWORK"

    def test_params_are_added_to_those_of_the_url(self, serve: Serve) -> None:
        seen: list[BaseHTTPRequestHandler] = []
        port = serve(answer(seen=seen))
        net.fetch("GET", f"http://127.0.0.1:{port}/x?a=%2f&b", seconds=5, params=[("c", "1 &"), ("c", "ü")])
        assert [request.path for request in seen] == ["/x?a=%2f&b&c=1+%26&c=%C3%BC"]

    def test_a_bad_header_is_not_quoted(self, serve: Serve) -> None:
        port = serve(answer())
        with pytest.raises(net.CallError) as raised:
            net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5, headers=[("X-Key", "secret\r\nX-Two: 2")])
        assert raised.value.code == "ERR_INVALID_HEADER"
        assert "secret" not in str(raised.value)

    def test_the_environment_names_no_proxy(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.2:9")
        port = serve(answer())
        assert net.fetch("GET", f"http://127.0.0.1:{port}/", seconds=5).status == 200

    def test_tls_asks_for_the_name_and_checks_it(
        self, names: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate, asked = _certificate("shop.example", tmp_path), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda connection, name, ctx: asked.append(name)
        server = Server(answer(), context)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        net._tls.cache_clear()
        names["shop.example"] = names["other.example"] = ["127.0.0.1"]
        try:
            assert net.fetch("GET", f"https://shop.example:{server.port}/", seconds=5).text == "ok"
            with pytest.raises(net.CallError) as raised:
                net.fetch("GET", f"https://other.example:{server.port}/", seconds=5)
        finally:
            net._tls.cache_clear()
            server.close()
        assert asked == ["shop.example", "other.example"]
        assert raised.value.code == "CERTIFICATE_VERIFY_FAILED"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://a@127.0.0.1/", id="a user"),
        pytest.param("http://8.8.8.8@127.0.0.1/", id="an address as user"),
        pytest.param("http://127.0.0.1#@8.8.8.8/", id="an address as fragment"),
        pytest.param("http://8.8.8.8\\@127.0.0.1/", id="a backslash"),
        pytest.param("http://8.8.8.8:80\\@127.2.2.2:80/", id="a backslash and ports"),
        pytest.param("http://1.1.1.1 &@2130706433# @3.3.3.3/", id="spaces"),
        pytest.param("http://LOCALHOST/", id="upper case"),
        pytest.param("http://127\u30020\u30020\u30021/", id="ideographic stops"),
        pytest.param("http://0x7f.1/", id="hexadecimal"),
        pytest.param("http://2130706433/", id="one number"),
        pytest.param("http://[0:0:0:0:0:ffff:0a00:0001]/", id="long form, mapped"),
        pytest.param("http://[::1]:80/", id="IPv6 with a port"),
    ],
)
def test_no_spelling_of_a_url_leads_inside(url: str) -> None:
    with pytest.raises(net.Blocked):
        net.fetch("GET", url, seconds=5)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", id="digits in circles"),
        pytest.param("http://\uff11\uff12\uff17.0.0.1/", id="wide digits"),
        pytest.param("http://0177.0.0.1/", id="octal"),
        pytest.param("http://127.0.0.1./", id="a dot behind"),
        pytest.param("http://[::1%25lo]/", id="a zone"),
        pytest.param("http://%31%32%37.0.0.1/", id="escaped digits"),
        pytest.param("http://localhost%2f/", id="an escaped slash"),
        pytest.param("http://127.0.0.1:99999999999999999999/", id="a port that is none"),
        pytest.param("http://127.0.0.1\r\nX: y/", id="a line break"),
        pytest.param("http://nowhere.invalid/\ud800", id="half a character"),
        pytest.param("http://" + "a" * 5000 + "/", id="a very long name"),
    ],
)
def test_an_odd_url_is_a_failure_and_no_call(url: str) -> None:
    with pytest.raises(net.CallError) as raised:
        net.fetch("GET", url, seconds=5)
    assert raised.value.code in ("ERR_BLOCKED", "ERR_INVALID_URL", "ENOTFOUND")
    assert len(str(raised.value)) < 400


def test_a_resolver_that_does_not_answer_cannot_stretch_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answered.wait(30) and [])
    began = time.monotonic()
    try:
        with pytest.raises(net.CallTimedOut):
            net.fetch("GET", "http://shop.example/", seconds=0.3)
    finally:
        answered.set()
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nowhere",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://a:b:c/",
        "http://[::1/",
        "javascript:1",
    ],
)
def test_a_url_that_is_none_says_so(url: str) -> None:
    with pytest.raises(net.CallError) as raised:
        net.fetch("GET", url, seconds=1)
    assert raised.value.code == "ERR_INVALID_URL"


def test_an_unknown_host_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(net.CallError, match="nowhere.example") as raised:
        net.fetch("GET", "http://nowhere.example/", seconds=1)
    assert raised.value.code == "ENOTFOUND"


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
