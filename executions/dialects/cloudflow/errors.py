"""Every refusal as CloudFlow's clients read it: a code at its own status, with a message (spec 1.4)."""

import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from rest_framework.exceptions import APIException, Throttled

from workflows.errors import (
    Busy,
    Forbidden,
    Frozen,
    Invalid,
    NotFound,
    Refused,
    SluiceError,
    TooLarge,
    entries,
    placed,
)

#: Code -> (status, what its message is made of).
CODES: dict[str, tuple[int, Any]] = {
    "ActionNotSupported": (400, gettext_lazy("There is no operation %s here.")),
    "APIVersionNotSupported": (400, gettext_lazy("There is no version %s; use 2019-03-15.")),
    "MissingRequiredParams": (400, gettext_lazy("The parameter %s must be given.")),
    "MissingRequiredHeader": (400, gettext_lazy("The header %s must be given, and signed.")),
    "InvalidArgument": (400, "%s"),
    "EntityTooLarge": (400, gettext_lazy("This is larger than %s bytes; send less.")),
    "ExecutionAlreadyExists": (400, gettext_lazy("An execution named %s has ended already; choose another name.")),
    "ExecutionAlreadyCompleted": (400, gettext_lazy("The execution %s has ended already.")),
    "TaskAlreadyCompleted": (400, gettext_lazy("The task has ended already.")),
    "SignatureNonceUsed": (400, gettext_lazy("This signature nonce was used before; make one for each request.")),
    "AccessDenied": (403, "%s"),
    "InvalidAccessKeyID": (403, gettext_lazy("The access key id %s is not valid.")),
    "RequestTimeTooSkewed": (
        403,
        gettext_lazy("The request's time %s is more than 15 minutes away from the server's, %s."),
    ),
    "SignatureNotMatch": (
        403,
        gettext_lazy("The signature is not that of this request; look at the secret and the way of signing."),
    ),
    "FlowNotExists": (404, gettext_lazy("There is no flow %s.")),
    "ExecutionNotExists": (404, gettext_lazy("The flow %s has no execution %s.")),
    "ScheduleNotExists": (404, gettext_lazy("The flow %s has no schedule %s.")),
    "FlowAlreadyExists": (409, gettext_lazy("There is a flow %s already; choose another name.")),
    "ScheduleAlreadyExists": (409, gettext_lazy("The flow %s has a schedule %s already; choose another name.")),
    "ConcurrentUpdateError": (409, gettext_lazy("Somebody else changes this just now; try again in a moment.")),
    "TaskInvalidState": (409, gettext_lazy("The task does not wait for a report.")),
    "PreconditionFailed": (412, "%s"),
    "ResourceThrottled": (429, gettext_lazy("There are too many requests; try again in a moment.")),
    "InternalServerError": (500, gettext_lazy("Something went wrong on the server; try again.")),
}
#: What is shown of a value that a client sent.
_SHOWN = 128
#: Faults of a definition that one message tells.
_MOST_TOLD = 20


class Fault(SluiceError):
    """A refusal by the code that the client knows; what it is about comes after."""

    def __init__(self, code: str, *about: Any) -> None:
        self.status, sentence = CODES[code]
        named = tuple(str(each)[: 2_000 if sentence == "%s" else _SHOWN] for each in about)
        super().__init__(str(sentence) % named if named else str(sentence), code=code)
        #: Milliseconds to wait, where the client should.
        self.wait_ms: int | None = None


def fault_of(error: Exception) -> Fault | None:
    """The vendor's refusal for an error of ours or the framework's; None for what nobody foresaw."""
    if isinstance(error, Fault):
        return error
    for kind, made in _MADE:
        if isinstance(error, kind):
            return made(error)
    return None


def argument(name: str, sentence: Any) -> Fault:
    return Fault("InvalidArgument", f"{name}: {sentence}")


def _invalid(error: Any) -> Fault:
    sentences = [placed(each["field"], each["message"]) for each in entries(error)]
    if (left := len(sentences) - _MOST_TOLD) > 0:
        more = ngettext("… and %d more like these.", "… and %d more like these.", left) % left
        sentences = [*sentences[:_MOST_TOLD], more]
    return Fault("InvalidArgument", " ".join(sentences))


def _throttled(error: Any) -> Fault:
    found = Fault("ResourceThrottled")
    found.wait_ms = max(1, math.ceil((error.wait or 1) * 1_000))
    return found


def _too_large(error: Any) -> Fault:
    return Fault("EntityTooLarge", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


#: The first that fits.
_MADE: tuple[tuple[Any, Callable[[Any], Fault]], ...] = (
    ((TooLarge, RequestDataTooBig), _too_large),
    (Throttled, _throttled),
    ((Forbidden, PermissionDenied), lambda error: Fault("AccessDenied", error or _("You may not do this."))),
    (Invalid, _invalid),
    ((Busy, Frozen), lambda error: Fault("ConcurrentUpdateError")),
    (NotFound, lambda error: Fault("PreconditionFailed", error)),
    (Refused, lambda error: Fault("PreconditionFailed", error)),
    # What is left of the framework's own: a body that broke off, too many fields, a method that there is not.
    (
        (BadRequest, SuspiciousOperation, TooManyFieldsSent, UnreadablePostError, APIException),
        lambda error: Fault("InvalidArgument", _("The request can't be read.")),
    ),
)
