"""The one view: a signed call, in the order of its checks, to the answer of its operation."""

import uuid
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from executions.dialects.cloudflow import signing
from executions.dialects.cloudflow.errors import Fault, fault_of
from executions.dialects.cloudflow.parameters import Parameters, fields
from executions.dialects.cloudflow.registry import Action, actions
from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.view import CloudView
from workflows.actions import Origin

VERSION = "2019-03-15"
FORM = "application/x-www-form-urlencoded"


class CloudFlowView(CloudView):
    """GET and POST serve every operation; where a parameter stands, in the query or in the form, is all the same."""

    origin = Origin.CLOUDFLOW
    http_method_names = ["get", "post"]

    doing: Action
    parameters_given: Parameters

    def authenticate_caller(self, request: Request) -> Caller:
        call = _call(request, self.raw)
        given = call.parameters
        # What is not signed says nothing: the headers count only with the scheme that signs them.
        headers = call.headers if call.scheme else {}
        name = given.get("Action") or headers.get("x-acs-action", "")
        version = given.get("Version") or headers.get("x-acs-version", "")
        if not name:
            raise Fault("MissingRequiredParams", "Action")
        if version != VERSION:
            raise Fault("APIVersionNotSupported", version) if version else Fault("MissingRequiredParams", "Version")
        if name not in actions():
            raise Fault("ActionNotSupported", name)
        self.doing = actions()[name]
        self.throttle_scope = self.doing.throttle
        self.parameters_given = Parameters(given)
        return Caller(signing.authenticate(call))

    def serve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        for permission in self.doing.permissions:
            self.caller.require(permission)
        return self._answered({}, self.doing.perform(self.caller, self.parameters_given), 200)

    get = post = serve

    def shape_error(self, error: Exception) -> Response | None:
        fault = fault_of(error)
        return None if fault is None else self._refused(fault)

    def shape_crash(self) -> Response:
        return self._refused(Fault("InternalServerError"))

    def _refused(self, fault: Fault) -> Response:
        body = {"Code": fault.code, "Message": fault.message, "HostId": self.request.META.get("HTTP_HOST", "")}
        response = self._answered(body, {}, fault.status)
        if fault.wait_ms is not None:
            # Newer clients read it as a sign of throttling, and wait so long before they try again.
            response["x-acs-retry-after"] = str(fault.wait_ms)
        return response

    def _answered(self, before: dict[str, Any], body: Any, status: int) -> Response:
        request_id = str(uuid.uuid4()).upper()
        return Response(
            {"RequestId": request_id, **before, **body}, status=status, headers={"x-acs-request-id": request_id}
        )

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # No middleware that chooses a language has run: this thread may still have another caller's.
        with translation.override(settings.LANGUAGE_CODE):
            response = super().dispatch(request, *args, **kwargs)
        response["X-Content-Type-Options"] = "nosniff"
        return response


def _call(request: Request, body: bytes) -> signing.Call:
    meta = request.META
    is_form = str(meta.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower() == FORM
    try:
        form = fields(body.decode("ascii")) if is_form else {}
    except UnicodeDecodeError:
        raise Fault("InvalidArgument", _("The form is not percent-encoded.")) from None
    headers = {name[5:].replace("_", "-").lower(): value for name, value in meta.items() if name.startswith("HTTP_")}
    if "CONTENT_TYPE" in meta:
        headers["content-type"] = meta["CONTENT_TYPE"]
    return signing.Call(
        str(request.method), fields(str(meta.get("QUERY_STRING", ""))), form,
        {name: _as_sent(value) for name, value in headers.items() if isinstance(value, str)}, body,
    )  # fmt: skip


def _as_sent(value: str) -> str:
    """Servers read the bytes of a header as Latin-1; what clients sign are texts in UTF-8."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
