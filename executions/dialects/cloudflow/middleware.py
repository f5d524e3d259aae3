"""CloudFlow's clients call the site's root, whatever else is there: this middleware answers them, and them alone."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from executions.dialects.cloudflow.view import FORM, VERSION, CloudFlowView

_view = CloudFlowView.as_view()


class CloudFlowMiddleware:
    """Stands before whatever redirects, reads bodies or opens sessions: best first of all."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._later(request)
        return _answer(request) if is_meant(request) else self.get_response(request)

    async def _later(self, request: HttpRequest) -> Any:
        if is_meant(request):
            return await sync_to_async(_answer)(request)
        return await self.get_response(request)


def _answer(request: HttpRequest) -> Any:
    response: Any = _view(request)
    # Only what the handler's own views answer is rendered by it.
    return response.render()


def is_meant(request: HttpRequest) -> bool:
    """Whether this is a call of CloudFlow's: at the root, by an operation's name in the vendor's own header, or beside
    its version. An `Action` alone, or beside a version of something else, may be the host's."""
    if request.path_info != "/" or request.method not in ("GET", "POST"):
        return False
    if "x-acs-action" in request.headers:
        return True
    query = request.META.get("QUERY_STRING", "")
    if _names_action(query):
        return True
    form = _form(request)
    # Where either word stands is all the same.
    return bool(form) and _names_action(f"{query}&{form}")


def _names_action(text: str) -> bool:
    # Most requests for the root have no query, and hardly any has both words.
    if "Action=" not in text or "Version=" not in text:
        return False
    given = dict(parse_qsl(text, errors="replace"))
    # Of another version when it is signed as such calls are: its client is told so in words that it can read.
    return bool(given.get("Action")) and (given.get("Version") == VERSION or "SignatureNonce" in given)


def _form(request: HttpRequest) -> str:
    """A posted form's text; the host's own view can read it again."""
    if request.method != "POST" or request.content_type != FORM:
        return ""
    try:
        return request.body.decode("ascii", "replace")
    except (RequestDataTooBig, UnreadablePostError, ValueError):
        # The host's own view will meet the same.
        return ""
