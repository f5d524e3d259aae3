"""Every error of the API has one shape: {"errors": [{"field": "config.engine", "code": "invalid", "message": "…"}]}."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler, set_rollback

from workflows.errors import SluiceError, TooLarge, entries, entry


def handle(error: Exception, context: Any) -> Response | None:
    """The answer to an error, or None for a defect. Set on our own views, so that a host's setting stays untouched."""
    if isinstance(error, RequestDataTooBig):
        error = TooLarge(_("The body is too large; send less."))
    if isinstance(error, SluiceError):
        set_rollback()
        return Response({"errors": entries(error)}, status=error.status)
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(_detail_of(error))
    elif isinstance(error, SuspiciousOperation):
        # Django's own bounds of forms: too many fields or files.
        error = exceptions.ParseError(_("The form can't be read: %s") % error)
    response = exception_handler(error, context)
    if response is not None:
        detail = error.detail if isinstance(error, exceptions.APIException) else response.data["detail"]
        response.data = {"errors": list(_flatten(detail))}
    return response


def _detail_of(error: DjangoValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def _flatten(detail: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """DRF's nested details, one entry a sentence."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            here = path if key == api_settings.NON_FIELD_ERRORS_KEY else f"{path}.{key}" if path else str(key)
            yield from _flatten(value, here)
    elif isinstance(detail, list | tuple):
        for index, value in enumerate(detail):
            yield from _flatten(value, path if isinstance(value, str) else f"{path}.{index}" if path else str(index))
    else:
        yield entry(path, getattr(detail, "code", None) or "invalid", detail)
