"""A view of the three clouds: JSON in the vendor's shapes, callers by access keys, errors as the vendor's client reads
them, and never a redirect."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from executions import accesskeys
from executions.dialects.clouds.caller import Caller
from workflows import bodies
from workflows.api.base import OurView
from workflows.errors import Forbidden

logger = logging.getLogger("sluice.clouds")


class CloudView(OurView):
    """`authenticate_caller` and `shape_error` are each dialect's own; the body is read as bytes, by `raw`."""

    parser_classes: list[type[BaseParser]] = []
    renderer_classes = [JSONRenderer]
    permission_classes = []
    # Its description is the vendor's.
    schema = None  # type: ignore[assignment]

    caller: Caller

    def authenticate_caller(self, request: Request) -> Caller:
        """Who signed the request. Raises an error that `shape_error` knows."""
        raise NotImplementedError

    def shape_error(self, error: Exception) -> Response | None:
        """The vendor's answer to an error, or None for one that nobody foresaw."""
        raise NotImplementedError

    def shape_crash(self) -> Response:
        """The vendor's answer to what nobody foresaw."""
        raise NotImplementedError

    def get_authenticators(self) -> list[BaseAuthentication]:
        return []

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return JSONRenderer(), JSONRenderer.media_type

    @cached_property
    def raw(self) -> bytes:
        """The body as it was sent: signatures are over its bytes. Raises `TooLarge`."""
        return bodies.read(self.request._request, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            # Where pages are redirected; clients would take that for success.
            raise Forbidden(_("Call this server by HTTPS."))
        self.caller = self.authenticate_caller(request)
        request.user = self.caller.user
        self.check_throttles(request)
        accesskeys.note_use(self.caller.key)
        # Also in a host without our middleware, and for what no address of its own leads to.
        self._surroundings.enter_context(self.caller.acting(self.origin, str(request.META.get("REMOTE_ADDR") or "")))

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self._surroundings:
            response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        return self._answer

    def _answer(self, error: Exception, context: Any) -> Response:
        set_rollback()
        known = self.shape_error(error)
        if known is not None:
            return known
        logger.exception("A call of %s failed.", self.origin)
        got_request_exception.send(sender=type(self), request=self.request._request)
        return self.shape_crash()
