"""The one view: from a signed request to a call, and to its answer."""

import uuid
from typing import Any
from urllib.parse import parse_qsl

from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.view import CloudView
from executions.dialects.functiongraph import calls, errors
from executions.dialects.functiongraph.asked import Answer, Asked
from executions.dialects.functiongraph.calls import Call
from executions.dialects.functiongraph.signature import Signed, verified
from workflows.actions import Origin
from workflows.errors import Forbidden

_MOST_PARAMETERS = 100


class FunctionGraphView(CloudView):
    """Serves every call below /v2/<project>/fgs; for what is none of them too, so that nothing else answers there."""

    origin = Origin.FUNCTIONGRAPH

    doing: Call
    ids: dict[str, str]
    signed: Signed

    @cached_property
    def request_id(self) -> str:
        return uuid.uuid4().hex

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        text = self.request.META.get("QUERY_STRING", "")
        try:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            raise errors.BadQuery(_("There are too many parameters; %d is the most.") % _MOST_PARAMETERS) from None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is such a call; who signed it; whose project it is; and may they."""
        self.doing, self.ids = calls.find(str(request.method), kwargs["rest"])
        self.throttle_scope = self.doing.throttle
        super().initial(request, *args, **kwargs)
        for permission in self.doing.permissions:
            self.caller.require(permission)

    def authenticate_caller(self, request: Request) -> Caller:
        self.signed = verified(request._request, self.query, self.raw)
        project = self.kwargs["project"]
        if project != self.signed.key.project_id or request.headers.get("X-Project-Id", project) != project:
            raise Forbidden(_("The project in the address is not the access key's own."))
        return Caller(self.signed.key)

    def serve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = Asked(
            self.caller, kwargs["project"], self.ids, dict(self.query), self.signed.headers, self.raw
        )  # fmt: skip
        done = self.doing.serve(asked)
        return Response(done.body, status=done.status) if isinstance(done, Answer) else Response(done)

    get = post = put = delete = serve

    def shape_error(self, error: Exception) -> Response | None:
        return errors.shaped(error, self.request_id)

    def shape_crash(self) -> Response:
        return errors.crashed(self.request_id)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["X-Request-Id"] = self.request_id
        return final
