"""Every refusal as NocoBase's client reads it: {"errors": [{"message", "code"}]} (spec nocobase-http 3.2)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import got_request_exception
from django.db import DataError
from django.utils.translation import gettext as _
from rest_framework.response import Response
from rest_framework.views import set_rollback

from workflows.api.errors import handle as handle_native
from workflows.errors import Frozen, Invalid, KeyReused, NotFound, Refused, SluiceError, entries, placed
from workflows.requesting.asking import RequestHalted

logger = logging.getLogger("sluice.nocobase")


class Denied(SluiceError):
    """Not signed in, or not as one may be; the code is the client's to act on."""

    status = 401


class MethodRefused(SluiceError):
    """No call of the client changes anything with this method."""

    code = "method_not_allowed"
    status = 405


#: Codes that the client knows; of all other errors it reads the message alone.
_CODES = frozenset(
    (
        "EMPTY_TOKEN",
        "INVALID_TOKEN",
        "BLOCKED_TOKEN",
        "EXPIRED_SESSION",
        "NOT_EXIST_USER",
        "ROLE_NOT_FOUND_FOR_USER",
        "WORKFLOW_ROLLBACK_ON_FAILURE",
    )
)


def not_found() -> NotFound:
    """As there: without a word of what is missing."""
    return NotFound("Not Found")


@contextmanager
def named(**names: str) -> Iterator[None]:
    """Refusals name the client's parameter instead of ours."""
    try:
        yield
    except SluiceError as error:
        error.field = names.get(error.field or "", error.field)
        if isinstance(error, Invalid):
            error.errors = {names.get(field, field): message for field, message in error.errors.items()}
        raise


def handle(error: Exception, context: Any) -> Response:
    if isinstance(error, RequestHalted):
        return _halted(error)
    if isinstance(error, SluiceError):
        set_rollback()
        return _answer(entries(error), _status(error))
    if isinstance(error, DataError):
        # Such as a regular expression that this database does not know.
        error = Invalid(_("The database can't compare this: %s") % " ".join(str(error).split())[:200])
        return _answer(entries(error), error.status)
    native = handle_native(error, context)
    if native is not None:
        headers = {name: native[name] for name in ("Retry-After",) if name in native}
        return _answer(native.data["errors"], native.status_code, headers)
    # Told to whoever watches for exceptions, and to the client in the shape that it can read.
    logger.exception("A call of the NocoBase interface failed.")
    got_request_exception.send(sender=type(context["view"]), request=context["request"]._request)
    set_rollback()
    return _answer([{"field": None, "code": "error", "message": _("Something went wrong on the server.")}], 500)


def _halted(error: RequestHalted) -> Response:
    """Workflows ended the request: an `end` node with success or with what it told, or a failure."""
    told = [{"message": message} for message in error.messages]
    if error.status == 200:
        return Response({"messages": told}, status=200)
    return Response({"errors": told}, status=error.status)


def _status(error: SluiceError) -> int:
    """What does not fit the present state is a bad request to this client; only what is locked is a conflict."""
    return 400 if isinstance(error, Frozen | Refused | KeyReused) else error.status


def _answer(found: list[dict[str, Any]], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response({"errors": [_shown(each) for each in found]}, status=status, headers=headers)


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    """The client shows the message alone, so it names the field."""
    shown = {"message": placed(entry["field"], entry["message"])}
    return {**shown, "code": entry["code"]} if entry["code"] in _CODES else shown
