"""People found while somebody types, as options of the browser's own list."""

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from workflows import people
from workflows.admin.base import page_of_site, require
from workflows.admin.schemaform.texts import show_any
from workflows.listing.bounds import TooSlow, bounded

#: Offered while somebody types.
OFFERED = 20
_LONGEST = 255


class PeopleMixin:
    """For the admin of nodes."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("people/", view(self.people_part), name="workflows_node_people"), *super().get_urls()]  # type: ignore[misc]

    def people_part(self: Any, request: HttpRequest) -> HttpResponse:
        """Active users who fit what was typed: `?of=` the field's name, and the field itself.

        Found by the search of the users' own admin; none for whoever may not see users there.
        """
        require(request, "workflows.view_node")
        text = request.GET.get(request.GET.get("of", ""), "").strip().replace("\x00", "")
        try:
            found = self._offered(request, text[:_LONGEST])
        except TooSlow:
            # Whoever types more finds fewer; a name or a key does it without any.
            found = []
        return page_of_site(request, self.admin_site, "admin/workflows/schema/people.html", {"people": found})

    def _offered(self: Any, request: HttpRequest, text: str) -> list[tuple[str, str]]:
        model: Any = get_user_model()
        users = self.admin_site._registry.get(model)
        if users is None or not users.has_view_permission(request) or "{{" in text:
            return []
        rows = users.get_queryset(request)
        if text:
            rows, _may_repeat = users.get_search_results(request, rows, text)
        rows = rows.filter(pk__in=people.active().values("pk"))
        with bounded(rows.db):
            return [(_spelled(user), _title(user)) for user in rows.order_by("pk").distinct()[:OFFERED]]


def _spelled(user: Any) -> str:
    """The user name; the key of one whose name reads as a key."""
    name = str(user.get_username())
    return show_any(user.pk if people.is_key(name) else name)


def _title(user: Any) -> str:
    full = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return str(full or user)
