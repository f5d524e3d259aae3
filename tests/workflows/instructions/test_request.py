import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web import Web
from tests.workflows.instructions.scans import save_file, scans
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.request import Request
from workflows.statuses import JobStatus


class Server(Web):
    def __init__(self) -> None:
        super().__init__()
        self.body = b'{"ok": true}'
        self.url += "/hook"


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    server = Server()
    yield server
    server.close()


@pytest.fixture
def call(server: Server, make_step: Any) -> Any:
    def call(scope: Any = None, timeout: float | None = None, **config: Any) -> Any:
        step = make_step(
            Request,
            {"url": server.url} | config,
            scope={"$context": scope or {}},
            idempotency_key="7-3",
            timeout=timeout,
        )
        return Request().perform(step)

    return call


def test_is_performed_outside_any_transaction() -> None:
    assert Request().effect_of(Request().parse({})) is Effect.EXTERNAL


def test_a_good_answer_is_kept_with_status_and_headers(call: Any) -> None:
    outcome = call()
    assert outcome.status == JobStatus.RESOLVED
    assert {key: outcome.result[key] for key in ("status", "statusText", "data")} == {
        "status": 200,
        "statusText": "OK",
        "data": {"ok": True},
    }
    assert outcome.result["headers"]["content-length"] == "12"
    assert set(outcome.result) == {"status", "statusText", "headers", "data"}


@pytest.mark.parametrize(
    ("body", "data"),
    [
        pytest.param(b'{"a": [1]}', {"a": [1]}, id="JSON"),
        pytest.param(b"12", 12, id="a number"),
        pytest.param(b"plain", "plain", id="a text"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"NaN", "NaN", id="NaN is no JSON"),
        pytest.param(b"[" * 100_000, "[" * 100_000, id="nested too deeply"),
        pytest.param(b"\xff", "\N{REPLACEMENT CHARACTER}", id="bytes"),
    ],
)
def test_only_data(call: Any, server: Server, body: bytes, data: Any) -> None:
    server.body = body
    assert call(onlyData=True).result == data


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "put"])
def test_method(call: Any, server: Server, method: str) -> None:
    assert call(method=method).status == JobStatus.RESOLVED
    assert server.last[0] == method.upper()


def test_post_is_the_default(call: Any, server: Server) -> None:
    call()
    assert server.last[0] == "POST"


@pytest.mark.parametrize(
    ("content_type", "data", "body"),
    [
        pytest.param(None, {"a": "{{$context.x}}"}, b'{"a":5}', id="JSON is the default"),
        pytest.param("application/json", '{"a": 1}', b'{"a": 1}', id="a text that is JSON goes as it stands"),
        pytest.param("application/json", "text", b'"text"', id="another text becomes JSON"),
        pytest.param("application/json", [1, None], b"[1,null]", id="a list"),
        pytest.param("application/json", 0, b"0", id="zero"),
        pytest.param(
            "application/x-www-form-urlencoded",
            [{"name": " a ", "value": " {{$context.x}} "}, {"name": "b", "value": "ü&"}, {"name": "", "value": 1}],
            b"a=5&b=%C3%BC%26",
            id="form",
        ),
        pytest.param("application/x-www-form-urlencoded", "a=1&b=2", b"a=1&b=2", id="form as text"),
        pytest.param("application/xml", "<a>{{$context.x}}</a>", b"<a>5</a>", id="XML"),
        pytest.param("text/plain", "x = {{$context.x}}", b"x = 5", id="text"),
    ],
)
def test_body(call: Any, server: Server, content_type: str | None, data: Any, body: bytes) -> None:
    call({"x": 5}, contentType=content_type, data=data)
    _method, _path, headers, sent = server.last
    assert (sent, headers["Content-Type"]) == (body, content_type or "application/json")


@pytest.mark.parametrize("config", [{"method": "GET", "data": {"a": 1}}, {"method": "POST"}])
def test_without_a_body_there_is_no_content_type(call: Any, server: Server, config: dict[str, Any]) -> None:
    call(**config)
    assert (server.last[3], server.last[2]["Content-Type"]) == (b"", None)


@pytest.mark.django_db
def test_multipart(call: Any, server: Server, settings: Any) -> None:
    settings.SLUICE = {**settings.SLUICE, "MODELS": ["*", "shop.Scan"]}
    inline = {"filename": "a.png", "content": base64.b64encode(b"picture").decode(), "contentType": "image/png"}
    stored = {"collection": "shop.Scan", "id": "{{$context.scan}}"}
    data = [
        {"valueType": "text", "name": "title", "text": "{{$context.x}}"},
        {"valueType": "file", "name": "files", "file": [stored, inline]},
        {"valueType": "file", "name": "none", "file": None},
        {"valueType": "text", "text": "nameless"},
    ]
    with scans() as scan:
        pk = save_file(scan, "in/report.txt", b"from storage")
        call({"x": "ü", "scan": pk}, contentType="multipart/form-data", data=data)
    sent = server.last[3].decode()
    assert server.last[2]["Content-Type"].startswith("multipart/form-data; boundary=")
    assert sent.count("Content-Disposition") == 3
    assert 'name="title"\r\n\r\nü\r\n' in sent
    assert 'name="files"; filename="report.txt"\r\nContent-Type: text/plain\r\n\r\nfrom storage' in sent
    assert 'name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\npicture' in sent


@pytest.mark.parametrize("file", ["report.txt", {"filename": "a", "content": "no base64!"}])
def test_a_file_that_is_none_is_an_error(call: Any, file: Any) -> None:
    with pytest.raises(Invalid) as raised:
        call(contentType="multipart/form-data", data=[{"valueType": "file", "name": "a", "file": file}])
    assert raised.value.field == "data"


def test_headers_and_params(call: Any, server: Server) -> None:
    call(
        {"x": 5, "list": [1, 2]},
        method="GET",
        headers=[
            {"name": " X-One ", "value": " {{$context.x}} "},
            {"name": "Content-Type", "value": "text/evil"},
            {"name": "X-None", "value": None},
            {"name": "", "value": "nameless"},
            {"name": "X-Text", "value": "grüße"},
        ],
        params=[{"name": " q ", "value": "a {{$context.x}}"}, {"name": "l", "value": "{{$context.list}}"}],
    )
    _method, path, headers, _body = server.last
    assert path == "/hook?q=a+5&l=1&l=2"
    assert (headers["X-One"], headers["Content-Type"], headers["X-None"]) == ("5", None, None)
    assert headers["X-Text"].encode("latin-1").decode() == "grüße"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"method": "POST"}, "7-3"),
        ({"method": "PATCH"}, "7-3"),
        ({"method": "PUT"}, None),
        ({"method": "POST", "headers": [{"name": "idempotency-key", "value": "mine"}]}, "mine"),
    ],
)
def test_unsafe_methods_carry_an_idempotency_key(
    call: Any, server: Server, config: dict[str, Any], key: str | None
) -> None:
    call(**config)
    assert server.last[2]["Idempotency-Key"] == key


@pytest.mark.parametrize(
    ("status", "code"), [(404, "ERR_BAD_REQUEST"), (500, "ERR_BAD_RESPONSE"), (304, "ERR_BAD_REQUEST")]
)
def test_another_status_is_a_failure(call: Any, server: Server, status: int, code: str) -> None:
    server.status, server.body = status, b"" if status == 304 else b'{"why": "so"}'
    outcome = call(headers=[{"name": "X-Key", "value": "secret"}])
    assert (outcome.status, outcome.result["status"], outcome.result["code"]) == (JobStatus.FAILED, status, code)
    assert outcome.result["data"] == ("" if status == 304 else {"why": "so"})
    assert str(status) in outcome.result["message"]
    assert "secret" not in json.dumps(outcome.result)


@pytest.mark.parametrize("status", [200, 201, 299])
def test_every_status_of_the_two_hundreds_is_good(call: Any, server: Server, status: int) -> None:
    server.status = status
    assert call().status == JobStatus.RESOLVED


def test_193_a_timeout_aborts_without_the_configuration_in_its_result(server: Server) -> None:
    server.seconds = 1.0
    outcome = Request().test({"url": server.url, "timeout": 250, "headers": [{"name": "X-Key", "value": "secret"}]})
    assert (outcome.status, outcome.timed_out) == (JobStatus.ABORTED, True)
    assert outcome.result == {"message": "The call took longer than 250 ms.", "code": "ECONNABORTED"}


def test_193_a_timeout_is_resolved_where_failures_are_ignored(server: Server) -> None:
    server.seconds = 1.0
    outcome = Request().test({"url": server.url, "timeout": 250, "ignoreFail": True})
    assert (outcome.status, outcome.timed_out) == (JobStatus.RESOLVED, False)
    assert outcome.result["code"] == "ECONNABORTED"


def test_the_policy_time_out_goes_first(call: Any, server: Server) -> None:
    server.seconds = 1.0
    assert call(timeout=0.2).status == JobStatus.ABORTED


@pytest.mark.parametrize(("config", "seconds"), [({}, 5.0), ({"timeout": 250}, 0.25), ({"timeout": 0}, 60.0)])
def test_seconds_of_an_attempt(config: dict[str, Any], seconds: float) -> None:
    assert Request().attempt_seconds_of(Request().parse(config)) == seconds


@pytest.mark.parametrize(("ignore", "status"), [(False, JobStatus.FAILED), (True, JobStatus.RESOLVED)])
def test_ignore_fail(call: Any, server: Server, ignore: bool, status: int) -> None:
    server.status = 500
    outcome = call(ignoreFail=ignore, onlyData=True)
    assert (outcome.status, outcome.result["status"]) == (status, 500)


@pytest.mark.parametrize("allow", [[], ["10.0.0.0/8"], ["other.example"]])
def test_195_a_host_that_is_not_allowed_is_blocked(server: Server, settings: Any, allow: list[str]) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": allow}
    outcome = Request().test({"url": server.url})
    assert outcome.status == JobStatus.FAILED
    assert "blocked" in outcome.result["message"]
    assert server.calls == []


@pytest.mark.parametrize("url", ["", None, "{{$context.missing}}", "{{$context.scheme}}://127.0.0.1/", "http://[::1/"])
def test_a_url_that_is_none_is_a_failure(call: Any, url: Any) -> None:
    outcome = call({"scheme": "ftp"}, url=url)
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, "ERR_INVALID_URL")


@pytest.mark.parametrize(
    ("method", "lost"),
    [("GET", "again"), ("PUT", "again"), ("DELETE", "again"), ("POST", "error"), ("PATCH", "error")],
)
def test_a_lost_call_is_repeated_only_where_that_is_safe(method: str, lost: str) -> None:
    assert Request().on_lost_of(Request().parse({"method": method})) == lost


def test_the_input_is_the_resolved_configuration(make_step: Any) -> None:
    config = {"url": "http://{{$context.host}}/", "method": "PUT", "data": {"a": "{{$context.x}}"}}
    step = make_step(Request, config, scope={"$context": {"host": "a.example", "x": 5}})
    assert Request().input_of(step) == {
        "method": "PUT",
        "contentType": "application/json",
        "url": "http://a.example/",
        "headers": [],
        "params": [],
        "data": {"a": 5},
    }


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (
            {
                "contentType": "multipart/form-data",
                "data": [{"valueType": "file", "name": "a", "file": {"collection": "shop.Order", "id": 1}}],
            },
            "data",
        ),
        ({"url": "ftp://a.example"}, "url"),
        ({"method": "TRACE"}, "method"),
        ({"contentType": "image/png"}, "contentType"),
        ({"headers": "x"}, "headers"),
        ({"headers": ["x"]}, "headers.0"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 3_600_001}, "timeout"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Request().check(Request().parse(config))
    assert field in raised.value.errors


@pytest.mark.parametrize("config", [{}, {"url": "{{$context.url}}"}, {"url": "HTTPS://a.example/{{$context.x}}"}])
def test_a_right_configuration_is_accepted(config: dict[str, Any]) -> None:
    Request().check(Request().parse(config))
