import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail as outbox

from executions import start
from executions.models import Execution
from executions.statuses import ExecutionStatus
from executions.testing import drain
from tests.building import build
from tests.web import Web
from workflows import channels, checks
from workflows.channels import Channel, register_channel
from workflows.errors import Invalid
from workflows.instructions.base import Effect
from workflows.instructions.notification import Notification
from workflows.statuses import JobStatus
from workflows.trying import try_node


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    web = Web()
    settings.SLUICE = {
        "REQUEST_ALLOW": ["127.0.0.1"],
        "CHANNELS": {
            "people": {"type": "mail", "from": "shop@example.com"},
            "ops": {"type": "webhook", "url": f"{web.url}/hook?key=k3y", "headers": {"Authorization": "Bearer hidden"}},
        },
    }
    yield web
    web.close()


@pytest.fixture
def notify(web: Web, make_step: Any) -> Any:
    def notify(channel: str, message: Any, scope: Any = None, **config: Any) -> Any:
        config = {"channelName": channel, "message": message, **config}
        step = make_step(Notification, config, scope={"$context": scope or {}}, idempotency_key="7-3", timeout=30.0)
        return Notification().perform(step)

    return notify


def test_a_mail(notify: Any) -> None:
    message = {"to": ["{{$context.to}}"], "subject": "Hi {{$context.name}}", "html": "<b>{{$context.name}}</b>"}
    outcome = notify("people", message, {"to": ["a@example.com", "b@example.com"], "name": "Ada"})
    [sent] = outbox.outbox
    assert (sent.to, sent.from_email, sent.subject) == (
        ["a@example.com", "b@example.com"],
        "shop@example.com",
        "Hi Ada",
    )
    assert (outcome.status, outcome.result["recipients"]) == (JobStatus.RESOLVED, sent.to)


def test_keys_beside_the_message_count_too(notify: Any) -> None:
    notify("people", {}, to=["a@example.com"], subject="Hi", contentType="text", text="plain")
    [sent] = outbox.outbox
    assert (sent.to, sent.subject, sent.body) == (["a@example.com"], "Hi", "plain")


def test_a_webhook(notify: Any, web: Web) -> None:
    outcome = notify("ops", {"body": {"text": "Order {{$context.id}}", "id": "{{$context.id}}"}}, {"id": 5})
    [(method, path, headers, body)] = web.calls
    assert (method, path, json.loads(body)) == ("POST", "/hook?key=k3y", {"text": "Order 5", "id": 5})
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer hidden", "7-3")
    assert (outcome.status, outcome.result) == (JobStatus.RESOLVED, {"status": 200})


@pytest.mark.parametrize(("ignore", "status"), [(False, JobStatus.FAILED), (True, JobStatus.RESOLVED)])
def test_a_message_that_is_not_taken_is_failed(notify: Any, web: Web, ignore: bool, status: int) -> None:
    web.status = 503
    outcome = notify("ops", {"body": 1}, ignoreFail=ignore)
    assert (outcome.status, outcome.result["code"]) == (status, "503")
    web.close()
    assert "k3y" not in json.dumps(notify("ops", {"body": 1}, ignoreFail=ignore).result)


@pytest.mark.parametrize(("ignore", "status"), [(False, JobStatus.FAILED), (True, JobStatus.RESOLVED)])
def test_a_mail_to_nobody_is_failed(notify: Any, ignore: bool, status: int) -> None:
    assert notify("people", {"to": "{{$context.to}}"}, {"to": "nobody"}, ignoreFail=ignore).status == status
    assert outbox.outbox == []


class Broken(Channel):
    type = "t-broken"
    title = "Broken"

    def send(self, options: Any, message: dict[str, Any], *, seconds: float, key: str) -> Any:
        raise ZeroDivisionError("out of order")


@pytest.mark.parametrize(("ignore", "status"), [(False, JobStatus.ERROR), (True, JobStatus.RESOLVED)])
def test_an_exception_of_a_channel_of_somebody_elses_is_an_error(
    make_step: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, ignore: bool, status: int
) -> None:
    monkeypatch.setattr(channels, "_registry", channels.channels())
    register_channel(Broken)
    settings.SLUICE = {"CHANNELS": {"mine": {"type": "t-broken"}}}
    outcome = Notification().perform(make_step(Notification, {"channelName": "mine", "ignoreFail": ignore}))
    assert (outcome.status, outcome.result) == (status, {"message": "out of order"})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "channelName"),
        ({"channelName": "nowhere"}, "channelName"),
        ({"channelName": "people", "message": {"to": ["nobody"]}}, "message.to"),
        ({"channelName": "people", "message": {"contentType": "pdf"}}, "message.contentType"),
        ({"channelName": "people", "message": {"sbject": "Hi"}}, "message.sbject"),
        ({"channelName": "ops", "message": "text"}, "message"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(web: Web, config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        Notification().check(Notification().parse(config))
    assert list(raised.value.errors) == [field]


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"type": "pigeon"}, "is not known"),
        ({}, "is not known"),
        ({"type": "webhook"}, "url"),
        ({"type": "webhook", "url": "ftp://x"}, "url"),
        ({"type": "mail", "form": "x"}, "form"),
    ],
)
def test_a_channel_that_is_set_up_wrongly_is_told_by_the_checks(settings: Any, options: Any, said: str) -> None:
    settings.SLUICE = {"CHANNELS": {"good": {"type": "mail"}, "bad": options}}
    [error] = checks.check_channels(None)
    assert (error.id, said in error.msg, "'bad'" in error.msg) == ("sluice.E006", True, True)


def test_it_is_performed_once(make_step: Any, web: Web) -> None:
    config = Notification().parse({"channelName": "ops"})
    assert (Notification().effect_of(config), Notification().on_lost_of(config)) == (Effect.EXTERNAL, "error")
    step = make_step(Notification, {"channelName": "ops", "message": {"body": "{{$context.x}}"}})
    assert Notification().input_of(step) == {"channelName": "ops", "message": {"body": None}}


@pytest.mark.django_db
def test_it_is_tried_alone(web: Web) -> None:
    outcome = try_node("notification", {"channelName": "ops", "message": {"body": "{{$context.x}}"}}, {"x": [1]})
    assert (outcome.status, web.calls[0][3]) == (JobStatus.RESOLVED, b"[1]")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sync", [False, True])
def test_a_run_sends_it(sync: bool, web: Web) -> None:
    node = ("notification", {"channelName": "ops", "message": {"body": "{{$context.x}}"}})
    execution = start(build([node], sync=sync), {"x": 5})
    drain()
    assert execution is not None
    assert Execution.objects.get(pk=execution.pk).status == ExecutionStatus.RESOLVED
    assert [call[3] for call in web.calls] == [b"5"]
