"""Every refusal as FunctionGraph's clients read it: {"error_code", "error_msg", "request_id"} (spec 2.3)."""

from collections.abc import Iterator, Sequence

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from rest_framework.exceptions import APIException, Throttled
from rest_framework.response import Response

from workflows.errors import Busy, Forbidden, Invalid, NotFound, SluiceError, TooLarge, placed

#: Faults that one answer tells of.
_MOST_TOLD = 20


class BadSignature(SluiceError):
    """The request is not signed, or not as its key would sign it."""

    status = 401


class BadQuery(Invalid):
    """A parameter of the query is not acceptable."""


class BadBody(SluiceError):
    """The body is no JSON."""

    status = 406


class Exists(SluiceError):
    """Something of this name is there already."""

    status = 409


#: What is raised: status, code, and the vendor's sentence, behind which ours says more. The first that fits.
_TABLE: Sequence[tuple[tuple[type[Exception], ...], int, str, str]] = (
    ((BadSignature,), 401, "APIGW.0301", "Incorrect IAM authentication information:"),
    ((BadQuery,), 400, "FSS.1001", "Invalid query parameter."),
    ((BadBody,), 406, "FSS.0406", "Not acceptable."),
    ((Exists,), 409, "FSS.0409", "The resource already exists."),
    ((TooLarge, RequestDataTooBig), 413, "FSS.0413", "The request is too large."),
    # The one status that the client itself tries again after.
    ((Busy, Throttled), 429, "FSS.0429", "Too many requests."),
    ((Forbidden,), 403, "FSS.0403", "Forbidden."),
    ((NotFound,), 404, "FSS.0404", "The specified resource was not found."),
    ((SluiceError, SuspiciousOperation), 400, "FSS.0400", "Invalid parameter."),
)


def shaped(error: Exception, request_id: str) -> Response | None:
    """The answer to an error; None for one that nobody foresaw."""
    wait = getattr(error, "wait", None) if isinstance(error, Throttled) else None
    headers = {} if wait is None else {"Retry-After": str(int(wait) + 1)}
    for kinds, status, code, sentence in _TABLE:
        if isinstance(error, kinds):
            return _answer(status, code, f"{sentence} {' '.join(_said(error))}".strip(), request_id, headers)
    if isinstance(error, APIException):
        # A host's own throttles and checks.
        return _answer(error.status_code, f"FSS.{error.status_code:04d}", str(error.detail), request_id, headers)
    return None


def crashed(request_id: str) -> Response:
    return _answer(500, "FSS.0500", "Internal server error.", request_id)


def _said(error: Exception) -> Iterator[str]:
    if isinstance(error, Invalid) and error.errors:
        for path, message in list(error.errors.items())[:_MOST_TOLD]:
            yield placed(path, message)
    elif isinstance(error, SluiceError):
        yield str(error)


def _answer(status: int, code: str, message: str, request_id: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error_code": code, "error_msg": message, "request_id": request_id}
    return Response(body, status=status, headers=headers)
