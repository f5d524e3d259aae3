"""The button that shows a run's masked values, for five minutes, to the person who pressed it."""

import time
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from executions import masking
from executions.models import Execution
from workflows.admin.base import post_page, require
from workflows.sensitivity import PERMISSION
from workflows.visibility import visible_rows

_SESSION = "sluice_revealed"
SECONDS = 300.0
#: Runs that a session remembers.
_MOST = 20


def revealed(request: HttpRequest) -> frozenset[int]:
    """The runs whose values this session has asked for lately, while the person may."""
    kept: dict[str, float] = request.session.get(_SESSION, {})
    if not kept or not request.user.has_perm(PERMISSION):
        return frozenset()
    return frozenset(int(pk) for pk, until in kept.items() if until > time.time())


def may_reveal(request: HttpRequest, pk: int | None) -> bool:
    """Whether the page of this run shows the button."""
    return pk is not None and request.user.has_perm(PERMISSION) and pk not in revealed(request)


class RevealMixin:
    """For the admin of executions."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/reveal/", view(self.reveal_page), name="executions_execution_reveal"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def reveal_page(self: Any, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, PERMISSION)
        if not visible_rows(Execution.objects.filter(pk=pk), request.user).exists():
            raise Http404

        def run() -> tuple[str, str]:
            masking.reveal(pk, by=request.user)
            kept = {key: until for key, until in request.session.get(_SESSION, {}).items() if until > time.time()}
            kept = dict([*kept.items(), (str(pk), time.time() + SECONDS)][-_MOST:])
            request.session[_SESSION] = kept
            return _("Masked values are shown for five minutes; the history has it."), self.page_url(pk)

        return post_page(request, run, self.page_url(pk))
