import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core import mail as outbox

from executions import start
from executions.models import Execution
from executions.statuses import ExecutionStatus
from executions.testing import drain
from tests.building import build
from tests.smtp import Smtp
from tests.workflows.instructions.scans import save_file, scans
from tests.workflows.test_net import _certificate as self_signed
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.mailer import Mailer
from workflows.statuses import JobStatus

INLINE = {"filename": "a.png", "content": base64.b64encode(b"picture").decode(), "contentType": "image/png"}


@pytest.fixture
def server(settings: Any) -> Iterator[Smtp]:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    server = Smtp()
    yield server
    server.close()


@pytest.fixture
def send(make_step: Any) -> Any:
    def send(scope: Any = None, timeout: float = 30.0, **config: Any) -> Any:
        config = {"to": ["ada@example.com"]} | config
        step = make_step(Mailer, config, scope={"$context": scope or {}}, timeout=timeout)
        return Mailer().perform(step)

    return send


def provider(server: Smtp, **fields: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "secure": False} | fields


def test_it_goes_over_the_projects_own_settings(send: Any, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "shop@example.com"
    outcome = send({"name": "Ada"}, subject=" Hello {{$context.name}} ", html="<b>{{$context.name}}</b>")
    [sent] = outbox.outbox
    assert (sent.subject, sent.body, sent.content_subtype) == ("Hello Ada", "<b>Ada</b>", "html")
    assert (sent.from_email, sent.to, sent.cc, sent.bcc) == ("shop@example.com", ["ada@example.com"], [], [])
    assert outcome.status == JobStatus.RESOLVED
    assert outcome.result == {"messageId": sent.message()["Message-ID"], "recipients": ["ada@example.com"]}


def test_recipients_are_flattened_trimmed_and_without_blanks(send: Any) -> None:
    scope = {"more": [["b@example.com", None], [" ", "c@example.com "]], "one": "Ada Byron <d@example.com>"}
    send(
        scope,
        to=[" a@example.com ", "", "{{$context.more}}"],
        cc=["{{$context.one}}"],
        bcc="a@example.com",
        **{"from": "Jürgen <j@example.com>", "contentType": "text", "text": "plain", "html": "<b>not this</b>"},
    )
    [sent] = outbox.outbox
    assert (sent.to, sent.bcc) == (["a@example.com", "b@example.com", "c@example.com"], ["a@example.com"])
    assert sent.cc == ["Ada Byron <d@example.com>"]
    assert (sent.body, sent.content_subtype) == ("plain", "plain")
    assert "Bcc" not in sent.message()
    assert sent.message()["From"].endswith("<j@example.com>")


def test_the_subject_can_begin_no_header(send: Any) -> None:
    send({"title": "Hi\r\nBcc: eve@example.com\u2028X: y\x00"}, subject="{{$context.title}}")
    message = outbox.outbox[0].message()
    assert message["Subject"] == "Hi Bcc: eve@example.com X: y"
    assert message["Bcc"] is None


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "from"])
@pytest.mark.parametrize(
    "text",
    [
        "a@example.com\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com <a@example.com>",
        "a@example.com, eve@example.com",
        "a@example.com\x00",
        "ada",
        "@example.com",
        "a" * 400 + "@example.com",
        "a@example.com> RCPT TO:<eve@example.com",
    ],
)
def test_what_is_no_single_address_is_refused(send: Any, field: str, text: str) -> None:
    outcome = send({"address": text}, **{field: "{{$context.address}}"})
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, "invalid")
    assert "no mail address" in outcome.result["message"]
    assert outbox.outbox == []


def test_a_foreign_domain_is_written_as_mail_servers_know_it(send: Any) -> None:
    send(to="Ä <a@exämple.com>")
    assert outbox.outbox[0].to[0].endswith("<a@xn--exmple-cua.com>")


@pytest.mark.parametrize("to", [[], [""], [f"a{number}@example.com" for number in range(101)]])
def test_a_mail_has_some_recipients(send: Any, to: list[str]) -> None:
    outcome = send(to=to)
    assert (outcome.status, outbox.outbox) == (JobStatus.FAILED, [])


@pytest.mark.django_db
def test_197_files_are_sent_with_their_names(send: Any, settings: Any, server: Smtp) -> None:
    settings.SLUICE = {**settings.SLUICE, "MODELS": ["*", "shop.Scan"]}
    files = [{"collection": "shop.Scan", "id": "{{$context.scan}}"}, [[INLINE], None]]
    with scans() as scan:
        pk = save_file(scan, "in/report.txt", b"from storage")
        assert send({"scan": pk}, attachments=files, provider=provider(server)).status == JobStatus.RESOLVED
    [(_sender, _recipients, message)] = server.mails
    assert [(part.get_filename(), part.get_content()) for part in message.iter_attachments()] == [
        ("report.txt", "from storage"),
        ("a.png", b"picture"),
    ]


@pytest.mark.parametrize(("ignore", "status"), [(True, JobStatus.RESOLVED), (False, JobStatus.FAILED)])
def test_197_what_a_server_refuses_is_resolved_where_failures_are_ignored(
    send: Any, server: Smtp, ignore: bool, status: int
) -> None:
    server.refuse["RCPT"] = "550 nobody of this name"
    outcome = send(provider=provider(server), ignoreFail=ignore)
    assert outcome.status == status
    assert "ada@example.com" in outcome.result["message"]


@pytest.mark.parametrize("ignore", [True, False])
def test_197_a_file_that_is_none_is_a_failure(send: Any, ignore: bool) -> None:
    outcome = send(attachments=["../settings.py"], ignoreFail=ignore)
    assert outcome.status == (JobStatus.RESOLVED if ignore else JobStatus.FAILED)
    assert outbox.outbox == []


def test_a_server_of_its_own(send: Any, server: Smtp) -> None:
    auth = {"user": "shop", "pass": "{{$context.password}}"}
    outcome = send(
        {"password": "hidden", "port": server.port},
        **{"provider": provider(server, auth=auth, port="{{$context.port}}"), "from": "Shop <shop@example.com>"},
        bcc=["eve@example.com"],
        subject="Grüße",
        contentType="text",
        text="Zeile\n.\nEnde",
    )
    assert outcome.status == JobStatus.RESOLVED, outcome.result
    [(sender, recipients, message)] = server.mails
    assert (sender, recipients) == ("shop@example.com", ["ada@example.com", "eve@example.com"])
    assert (message["Subject"], message.get_content().split()) == ("Grüße", ["Zeile", ".", "Ende"])
    assert server.auth == [["shop", "hidden"]]
    assert outbox.outbox == []


@pytest.mark.parametrize(
    ("refuse", "code", "said"),
    [
        ({"AUTH": "535 wrong password"}, "535", "wrong password"),
        ({"MAIL": "451 try later"}, "451", "try later"),
        ({"DATA": "554 no spam"}, "554", "no spam"),
    ],
)
def test_the_servers_words_are_the_failure(send: Any, server: Smtp, refuse: Any, code: str, said: str) -> None:
    server.refuse = refuse
    outcome = send(provider=provider(server, auth={"user": "shop", "pass": "hidden"}))
    assert (outcome.status, outcome.result) == (JobStatus.FAILED, {"message": said, "code": code})


def test_a_server_that_is_not_there_is_a_failure(send: Any, server: Smtp) -> None:
    server.close()
    outcome = send(provider=provider(server))
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, "ECONNREFUSED")


def test_a_server_inside_the_network_is_not_called(send: Any, server: Smtp, settings: Any) -> None:
    settings.SLUICE = {}
    outcome = send(provider=provider(server))
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, "ERR_BLOCKED")
    assert server.mails == []


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_checks_the_certificate(
    send: Any, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": ["localhost", "127.0.0.1"]}
    certificate = self_signed("localhost", tmp_path)
    server = Smtp(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outcome = send(provider=provider(server, host="localhost", secure=True))
    server.close()
    assert outcome.status == (JobStatus.RESOLVED if trusted else JobStatus.FAILED), outcome.result
    assert len(server.mails) == trusted
    if not trusted:
        assert outcome.result["code"] == "CERTIFICATE_VERIFY_FAILED"


def test_it_is_performed_once() -> None:
    config = Mailer().parse({})
    assert (Mailer().effect_of(config), Mailer().on_lost_of(config)) == (Effect.EXTERNAL, "error")


def test_the_input_shows_no_password_and_no_content(make_step: Any) -> None:
    config = {
        "provider": {"host": "{{$context.host}}", "auth": {"user": "u", "pass": "hidden", "password": "hidden"}},
        "to": ["{{$context.to}}"],
        "attachments": [INLINE, {"collection": "shop.Scan", "id": 5}],
    }
    step = make_step(Mailer, config, scope={"$context": {"host": "mail.example.com", "to": "a@example.com"}})
    shown = Mailer().input_of(step)
    assert shown["provider"]["host"] == "mail.example.com"
    assert (shown["to"], shown["attachments"]) == (["a@example.com"], ["a.png", config["attachments"][1]])
    assert "hidden" not in json.dumps(shown)
    assert INLINE["content"] not in json.dumps(shown)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"to": ["nobody"]}, "to"),
        ({"cc": "nobody"}, "cc"),
        ({"bcc": [["{{$context.x}}", "nobody"]]}, "bcc"),
        ({"from": "nobody"}, "from"),
        ({"contentType": "pdf"}, "contentType"),
        ({"provider": {"port": 25}}, "provider.host"),
        ({"provider": {"host": "mail.example.com", "port": 70_000}}, "provider.port"),
        ({"provider": "mail.example.com"}, "provider"),
        ({"subject": 5}, "subject"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Mailer().check(Mailer().parse(config))
    assert list(raised.value.errors) == [field]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
def test_a_run_sends_it(sync: bool) -> None:
    execution = start(build([("mailer", {"to": "{{$context.to}}", "subject": "Hi"})], sync=sync), {"to": "a@b.example"})
    drain()
    assert execution is not None
    assert Execution.objects.get(pk=execution.pk).status == ExecutionStatus.RESOLVED
    assert [mail.to for mail in outbox.outbox] == [["a@b.example"]]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(b"220-go on\r\n", "ETIMEDOUT", id="lines"),
        pytest.param(b"2", "ETIMEDOUT", id="letters"),
        pytest.param(b"220-go on\r\n" * 1_000, "ERR_BAD_RESPONSE", id="many lines"),
    ],
)
def test_a_server_that_never_comes_to_an_end_is_left(send: Any, settings: Any, reply: bytes, code: str) -> None:
    settings.SLUICE = {"REQUEST_ALLOW": ["127.0.0.1"]}
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def dribble() -> None:
            with suppress(OSError), listening.accept()[0] as client:
                while True:
                    client.sendall(reply)
                    time.sleep(0.01)

        threading.Thread(target=dribble, daemon=True).start()
        begun = time.monotonic()
        provider = {"host": "127.0.0.1", "port": listening.getsockname()[1], "secure": False}
        outcome = send(timeout=2.0, provider=provider)
    assert (outcome.status, outcome.result["code"]) == (JobStatus.FAILED, code)
    # Without a bound it would go on for ever.
    assert time.monotonic() - begun < 20
