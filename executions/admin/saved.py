"""Saved filters: above the list of executions, and on a page where people keep their own."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin.filters import is_asked
from executions.models import Execution, SavedFilter
from workflows.admin.base import STYLES, ModelAdmin, page_of_site

if TYPE_CHECKING:
    _Base = ModelAdmin[Execution]
else:
    _Base = object

#: Most characters of what a filter asks for, most filters of one person, and most that are shown above the list.
LONGEST, MOST, SHOWN = 4_000, 100, 30
SHARE = "executions.share_savedfilter"


class SaveForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    shared = forms.BooleanField(label=gettext_lazy("For everybody"), required=False)
    filter = forms.CharField(widget=forms.HiddenInput, max_length=LONGEST)

    def __init__(self, data: QueryDict | None = None, *, may_share: bool, query: str = "") -> None:
        super().__init__(data, auto_id="save-%s", initial={"filter": query})
        if not may_share:
            del self.fields["shared"]

    def clean_filter(self) -> str:
        query = asked(QueryDict(self.cleaned_data["filter"]))
        if not query:
            raise forms.ValidationError(_("The list is not filtered; choose a filter first."))
        return query


class SavedFiltersMixin(_Base):
    """For the admin of executions."""

    change_list_template = "admin/executions/execution/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("filters/", view(self.filters_page), name="executions_execution_filters"),
            path("filters/save/", view(self.save_filter), name="executions_execution_filters_save"),
            path("filters/<int:filter>/drop/", view(self.drop_filter), name="executions_execution_filters_drop"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        query = asked(request.GET)
        saved = list(of_user(request.user).order_by("name", "id")[: SHOWN + 1])
        known = {
            "saved_filters": [(each, each.query == query) for each in saved[:SHOWN]],
            "more_filters": len(saved) > SHOWN,
            "save_form": SaveForm(query=query, may_share=request.user.has_perm(SHARE)) if query else None,
        }
        return super().changelist_view(request, {**known, **(extra_context or {})})

    def filters_page(self, request: HttpRequest) -> HttpResponse:
        """One's own, to delete; and those of everybody."""
        self._require_list(request)
        rows = of_user(request.user).select_related("owner").order_by("name", "id")
        context = {
            "title": _("Saved filters"),
            "opts": self.opts,
            "filters": [(each, self._may_drop(request, each)) for each in rows[: 2 * MOST]],
            "media": forms.Media(css=STYLES),
        }
        return page_of_site(request, self.admin_site, "admin/executions/execution/filters.html", context)

    def save_filter(self, request: HttpRequest) -> HttpResponse:
        """Keeps what the list is filtered by; one's own of the same name is replaced."""
        self._require_list(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = SaveForm(request.POST, may_share=request.user.has_perm(SHARE))
        listed = reverse("admin:executions_execution_changelist", current_app=self.admin_site.name)
        if not form.is_valid():
            for name, sentences in form.errors.items():
                label = form.fields[name].label or ""
                messages.error(request, f"{label}: {sentences[0]}" if label else str(sentences[0]))
            return HttpResponseRedirect(listed)
        found = form.cleaned_data
        mine = SavedFilter.objects.filter(owner_id=request.user.pk)
        values = {"query": found["filter"], "shared": found.get("shared", False)}
        if not mine.filter(name=found["name"]).exists() and mine.count() >= MOST:
            messages.error(request, _("You have %d saved filters; delete one first.") % MOST)
        elif _keep(request.user, found["name"], values):
            messages.success(request, _("Saved the filter “%s”.") % found["name"])
        return HttpResponseRedirect(f"{listed}?{found['filter']}")

    def drop_filter(self, request: HttpRequest, filter: int) -> HttpResponse:
        """One's own; a shared one whoever may share."""
        self._require_list(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(of_user(request.user), pk=filter)
        if not self._may_drop(request, row):
            raise PermissionDenied
        row.delete()
        messages.success(request, _("Deleted the filter “%s”.") % row.name)
        return HttpResponseRedirect(reverse("admin:executions_execution_filters", current_app=self.admin_site.name))

    def _require_list(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _may_drop(self, request: HttpRequest, row: SavedFilter) -> bool:
        return row.owner_id == request.user.pk or (row.shared and request.user.has_perm(SHARE))


def of_user(user: Any) -> Any:
    """One's own filters and those of everybody."""
    return SavedFilter.objects.filter(Q(owner=user.pk) | Q(shared=True))


def asked(given: QueryDict) -> str:
    """What these parameters filter and search by, as an address has it, in one order; "" for nothing. Pages and all
    that is none of the list's own are left out."""
    found = QueryDict(mutable=True)
    for name, values in sorted(given.lists()):
        kept = [value for value in values if value.strip()]
        if kept and (is_asked(name) or name == "q"):
            found.setlist(name, kept)
    return found.urlencode()


def _keep(owner: Any, name: str, values: dict[str, Any]) -> bool:
    try:
        with transaction.atomic():
            SavedFilter.objects.update_or_create(owner_id=owner.pk, name=name, defaults=values)
    except IntegrityError:
        # The same person has saved the same name at the same moment; one of both stands.
        return False
    return True
