"""The one view: from a request to a call, through the checks in the order that the client knows, to its answer."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from executions.dialects.nocobase import errors, query
from executions.dialects.nocobase.authentication import authenticate
from executions.dialects.nocobase.call import Call
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.registry import resource_of
from executions.dialects.nocobase.resources.base import PUBLIC, Action, Answer, Resource
from executions.dialects.nocobase.surroundings import speaking, zone_of
from workflows.actions import Origin
from workflows.api.base import OurView
from workflows.api.parsers import StorableJSONParser, read_all
from workflows.errors import Forbidden, Invalid

_EXPOSED = "x-new-token, content-disposition, x-request-id"


class _FormParser(BaseParser):
    """A form's body in the syntax of query strings."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return query.parse(read_all(stream).decode("utf-8", "replace"))


class _AnyParser(BaseParser):
    """What is neither JSON nor a form counts as no body, as there."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return {}


class NocoBaseView(OurView):
    """Serves every resource of the interface; bearer tokens only, so it needs no CSRF token."""

    origin = Origin.NOCOBASE
    parser_classes = [StorableJSONParser, _FormParser, _AnyParser]
    renderer_classes = [JSONRenderer]
    permission_classes = []
    # Its description is NocoBase's.
    schema = None  # type: ignore[assignment]

    call: Call
    #: The token to go on with.
    renewed: str | None = None
    serving: type[Resource]
    doing: Action

    def get_authenticators(self) -> list[BaseAuthentication]:
        return []

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        return errors.handle

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with speaking(request):
            return super().dispatch(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return JSONRenderer(), JSONRenderer.media_type

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is such an action; it says what it means; who asks; may they; and how often (spec 4, head)."""
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if request.method == "OPTIONS":
            return
        target: Target = kwargs["target"]
        self._find(target, str(request.method))
        params = query.parse(request.META.get("QUERY_STRING", ""))
        self.call = call = Call(request, target, self.action, params)
        self.throttle_scope = self.doing.throttle or ("read" if self.doing.reads else "change")
        if self.doing.aimed and not call.aims:
            raise Invalid(_("filter or filterByTk is required"), field="filterByTk")
        call.tz = zone_of(request._request)
        if self.doing.permission == PUBLIC:
            self.check_throttles(request)
            return
        call.user, self.renewed = authenticate(request, params)
        request.user = call.user
        self.check_throttles(request)
        if self.doing.permission is not None and not call.user.has_perm(self.doing.permission):
            raise Forbidden(_("No permissions"))

    def _find(self, target: Target, method: str) -> None:
        serving = resource_of(target)
        name = serving.action_for(target, method) if serving is not None else None
        doing = serving.actions().get(name or "") if serving is not None else None
        if serving is None or doing is None or name is None:
            raise errors.not_found()
        if not doing.allows(name, method):
            raise errors.MethodRefused(_("Send this action with POST."))
        self.serving, self.doing, self.action = serving, doing, name

    def serve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            self.call.body = request.data
        done = self.serving(self.call).perform(self.doing)
        return done if isinstance(done, HttpResponseBase) else _response(done)

    get = head = post = put = patch = delete = serve

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """A browser asks whether another site's page may call; no cookie counts here, so any may."""
        headers = {
            "Access-Control-Allow-Methods": "GET,HEAD,PUT,POST,DELETE,PATCH",
            "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "")[:2000],
        }
        return Response(status=204, headers=headers)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        if self.renewed:
            final["x-new-token"] = self.renewed
        final["X-Request-Id"] = str(uuid.uuid4())
        final["Access-Control-Allow-Origin"] = "*"
        final["Access-Control-Expose-Headers"] = _EXPOSED
        final["Cache-Control"] = "no-store"
        return final


def _response(answer: Answer) -> Response:
    if answer.status == 204:
        return Response(status=204)
    body: dict[str, Any] = dict(answer.data) if answer.bare else {"data": answer.data}
    if answer.meta is not None:
        body["meta"] = answer.meta
    if answer.messages:
        body["messages"] = [{"message": message} for message in answer.messages]
    return Response(body, status=answer.status)
