"""The page of a run while it runs: it asks again, ever more seldom, and gets what has changed."""

import hashlib
import re
import time
from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import URLPattern, path

from executions.models import Execution
from workflows.admin.base import require
from workflows.listing.pages import as_id
from workflows.visibility import visible_rows

#: Parts of the page that change while it runs, by their elements' ids.
PARTS = ("tools", "summary", "picture", "timeline", "jobs")
#: Seconds between two looks: the first while it moves, the others the longer nothing has happened.
_PACES = (1, 1, 2, 3, 5, 8, 13, 20, 30)
#: What was costly to draw is drawn seldom: this many times as long lies between.
_REST = 10
#: Forms have a token that differs each time.
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


class FollowingMixin:
    """For the admin of executions."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/live/", view(self.live_part), name="executions_execution_live"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def live_part(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        """What differs from what the asker has; nothing but the next look where the run has not moved."""
        require(request, "executions.view_execution")
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        request.current_app = self.admin_site.name
        begun = time.monotonic()
        turn = visible_rows(Execution.objects.filter(pk=pk), request.user).values_list("turn", flat=True).first()
        if turn is None:
            raise Http404
        if request.GET.get("turn") == str(turn):
            idle = min((as_id(request.GET.get("idle", "")) or 0) + 1, len(_PACES) - 1)
            look = _look(request, pk, turn, idle, request.GET.get("have", ""), _PACES[idle])
            return HttpResponse(render_to_string("admin/executions/execution/look.html", {"look": look}))
        execution = self.get_object(request, str(pk))
        if execution is None:
            raise Http404
        context = self.page_context(request, execution)
        texts = render_parts(request, context)
        have = {*request.GET.get("have", "").split(".")}
        changed = [text for text in texts.values() if _mark(text) not in have]
        context |= {"parts": changed, "look": next_look(request, execution, texts, time.monotonic() - begun)}
        return HttpResponse(render_to_string("admin/executions/execution/live.html", context, request))


def render_parts(request: HttpRequest, context: Mapping[str, Any]) -> dict[str, str]:
    """By name, in the order of `PARTS`; each brings its own element."""
    return {name: render_to_string(f"admin/executions/execution/{name}.html", dict(context), request) for name in PARTS}


def next_look(
    request: HttpRequest, execution: Execution, texts: Mapping[str, str], spent: float = 0.0
) -> dict[str, Any] | None:
    """What the page asks next, and when; None once the run has ended."""
    if execution.ended_at is not None:
        return None
    have = ".".join(_mark(text) for text in texts.values())
    return _look(request, execution.pk, execution.turn, 0, have, max(_PACES[0], round(spent * _REST)))


def _look(request: HttpRequest, pk: int, turn: int, idle: int, have: str, seconds: int) -> dict[str, Any]:
    query = request.GET.copy()
    for name, value in (("turn", turn), ("idle", idle), ("have", have)):
        query[name] = str(value)
    return {"pk": pk, "query": query.urlencode(), "seconds": seconds}


def _mark(text: str) -> str:
    """Tells one text from another."""
    return hashlib.blake2b(_TOKEN.sub("", text).encode(), digest_size=6).hexdigest()
