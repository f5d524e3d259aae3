"""The addresses of webhooks: `POST /hooks/<workflow key>/` (spec 4.6)."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from workflows import ambient, bodies
from workflows.answering import Answer, Verdict
from workflows.errors import NotFound, SluiceError, entries, entry
from workflows.expressions.text import to_text
from workflows.hooks.proving import Unproved, prove
from workflows.hooks.reading import context_of, delivery_of, parse
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus
from workflows.triggers.base import Ended, Event, Listener, dispatch
from workflows.triggers.listening import listeners
from workflows.triggers.webhook import WebhookConfig, WebhookTrigger

logger = logging.getLogger("sluice.hooks")

#: What a workflow's author lets a request write into an answer is never a page of this site.
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}


@csrf_exempt
def receive(request: HttpRequest, key: str) -> HttpResponse:
    """An asynchronous workflow answers what it is set to, once its run is written; a synchronous one what its
    `response` step says, else 200, 500 where it failed, or 202 where it waits and goes on without the request.

    Errors: 400, 401, 404 (no enabled webhook of this key), 405, 413, 415, each {"errors": [{field, code, message}]}.
    """
    if request.method != "POST":
        message = _("Post to this address.")
        return _refusal(405, [entry(None, "method_not_allowed", message)], {"Allow": "POST"})
    try:
        listener = _listener(key)
        config: WebhookConfig = listener.config
        body = bodies.read(request, config.max_bytes)
        _prove(listener, request, body)
        value = parse(request, body, config)
        event_key = delivery_of(request, value, config)
        context = context_of(request, value, config)
    except Unproved as error:
        headers = {"WWW-Authenticate": error.challenge} if error.challenge else {}
        return _refusal(error.status, entries(error), headers)
    except SluiceError as error:
        return _refusal(error.status, entries(error))
    answer = Answer()
    # On nobody's behalf: a cookie that came along means nothing here.
    with ambient.acting(None):
        [ended] = dispatch([Event(listener, context, event_key, answer=answer)])
    return _answered(answer, ended) if listener.sync else _reply(config)


def _listener(key: str) -> Listener:
    for listener in listeners(WebhookTrigger.type):
        if listener.key == key:
            return listener
    raise NotFound(_("There is no enabled webhook at this address."))


def _prove(listener: Listener, request: HttpRequest, body: bytes) -> None:
    try:
        prove(listener.config.auth, request, body)
    except Unproved:
        raise
    except SluiceError as error:
        # A secret that is gone is the project's trouble; the sender learns only that it is not let in.
        logger.warning("Webhook %s can let nobody in: %s", listener.key, error)
        raise Unproved(_("This webhook can let nobody in at present.")) from None


def _reply(config: WebhookConfig) -> HttpResponse:
    reply = config.response
    headers = ((header.name.strip(), to_text(header.value).strip()) for header in reply.headers)
    return _made(reply.status, headers, reply.body)


def _answered(answer: Answer, ended: Ended | None) -> HttpResponse:
    if answer.response is not None:
        return _made(answer.response.status, answer.response.headers, answer.response.body)
    # Of a delivery known before, the answer has the first run's status.
    status = ended.status if ended is not None else None
    if answer.verdict is Verdict.HANGS or (ended is not None and not status):
        return _told(202, ended, _("The execution waits for something and goes on without this request."))
    if status is not None and status > JobStatus.PENDING:
        return _made(200, (), {"messages": answer.messages} if answer.messages else "ok")
    return _told(500, ended, *(answer.messages or [_("The workflow failed.")]))


def _told(status: int, ended: Ended | None, *messages: str) -> HttpResponse:
    execution = ended.id if ended is not None else None
    errors = [entry(None, "workflow", message) for message in messages]
    return JsonResponse({"execution": execution, "errors" if status >= 400 else "messages": errors}, status=status)


def _made(status: int, headers: Iterable[tuple[str, str]], body: Any) -> HttpResponse:
    if body is None or isinstance(body, str):
        response = HttpResponse(body or "", content_type="text/plain; charset=utf-8", status=status)
    else:
        response = JsonResponse(jsonable(body), safe=False, status=status)
    for name, value in headers:
        # A cookie of this site is none of a sender's business.
        if name and name.lower() != "set-cookie":
            response[name] = value
    for name, value in _SAFE.items():
        response[name] = value
    return response


def _refusal(status: int, told: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"errors": told}, status=status, headers=dict(headers or {}))
