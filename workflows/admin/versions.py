"""The versions of a workflow: all of them in a list, two side by side, and the way back to an old one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows import registries, versions
from workflows.admin.base import STYLES, OperationAdmin, form_page, page_of_site, require
from workflows.admin.remarks import warn
from workflows.admin.versions_rows import stretches
from workflows.comparison import Comparison, compare_rows
from workflows.errors import SluiceError
from workflows.graph import Graph
from workflows.listing.pages import as_id
from workflows.models import Node, Workflow
from workflows.visibility import visible

if TYPE_CHECKING:
    _Base = OperationAdmin[Workflow]
else:
    _Base = object

#: Versions of one page.
SHOWN = 50
MEDIA = forms.Media(css={"all": [*STYLES["all"], "workflows/versions.css"]})


class BackForm(forms.Form):
    """How a version that is made of an old one begins."""

    enabled = forms.BooleanField(
        label=gettext_lazy("Enable it at once"),
        required=False,
        initial=True,
        help_text=gettext_lazy("It then takes the place of the current version; runs under way go on as they began."),
    )

    def __init__(self, *args: Any, may_enable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_enable:
            del self.fields["enabled"]


class VersionsMixin(_Base):
    """For the admin of workflows."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/versions/", view(self.versions_page), name="workflows_workflow_versions"),
            path("<int:pk>/back/", view(self.back_page), name="workflows_workflow_back"),
            path("<int:pk>/compare/<int:other>/", view(self.compare_page), name="workflows_workflow_compare"),
            *super().get_urls(),
        ]

    def versions_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All versions, newest first, with what was counted of each. `?a=&b=` goes on to their comparison."""
        require(request, "workflows.view_workflow")
        workflow = self._version(request, pk)
        rows = self._of_key(request, workflow)
        two = [as_id(request.GET.get(name, "")) for name in ("a", "b")]
        if two[0] is not None and two[1] is not None:
            return HttpResponseRedirect(self._url("compare", *two))
        page = Paginator(rows, SHOWN).get_page(request.GET.get("p"))
        shown = list(page.object_list)
        counts = versions.executed([row.pk for row in shown])
        for row in shown:
            row.executed = counts.get(row.pk, 0)  # type: ignore[attr-defined]
        current = next((row for row in shown if row.current), None)
        tools = [tool for tool in registries.workflow_tools(request.user) if tool.in_list]
        for row in shown:
            row.tools = [(tool.title, tool.url(row, self.admin_site.name)) for tool in tools]  # type: ignore[attr-defined]
        two_first = [row.pk for row in (current, next((row for row in shown if row is not current), None)) if row]
        context = {
            "title": _("Versions of “%s”") % workflow.title,
            "original": workflow,
            "opts": self.opts,
            "versions": shown,
            "page": page,
            "pages": page.paginator.get_elided_page_range(page.number),
            "current": current,
            # What one most often wants: what the newest changes of the current one.
            "chosen": sorted(two_first),
            "may_change": self.has_change_permission(request),
            "may_add": self.has_add_permission(request),
            "media": MEDIA,
        }
        return page_of_site(request, self.admin_site, "admin/workflows/workflow/all_versions.html", context)

    def compare_page(self, request: HttpRequest, pk: int, other: int) -> HttpResponse:
        """Two versions of a workflow, or two workflows, side by side; the older one on the left."""
        require(request, "workflows.view_workflow")
        first, second = (self._version(request, which) for which in sorted((pk, other)))
        known = list(self._of_key(request, second)[:SHOWN])
        context: dict[str, Any] = {
            "first": first,
            "second": second,
            "choices": list({row.pk: row for row in (second, *known, first)}.values()),
            "title": _("Compare %(first)s with %(second)s") % {"first": first, "second": second},
            "original": second,
            "opts": self.opts,
            "media": MEDIA,
        }
        try:
            context |= side_by_side(first, second)
        except SluiceError as error:
            messages.error(request, str(error))
        return page_of_site(request, self.admin_site, "admin/workflows/workflow/compare.html", context)

    def back_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new version made from this one, with what that changes of the current one."""
        require(request, "workflows.add_workflow")
        workflow = self._version(request, pk)
        may_enable = self.has_change_permission(request)
        form = BackForm(request.POST if request.method == "POST" else None, may_enable=may_enable)
        current = visible(Workflow.objects.filter(key=workflow.key, current=True), request.user).first()
        context: dict[str, Any] = {}
        if current is not None and current.pk != workflow.pk and self.has_view_permission(request):
            try:
                context = {"first": current, "second": workflow, **side_by_side(current, workflow)}
            except SluiceError as error:
                context = {"sentences": [str(error)]}

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            made = versions.revise(workflow, by=request.user, **({"enabled": True} if cleaned.get("enabled") else {}))
            sentence = _("Version %(new)d is version %(old)d again.") % {"new": made.version, "old": workflow.version}
            self.log_change(request, made, sentence)
            messages.success(request, sentence)
            if made.enabled:
                warn(request, [made])
            return HttpResponseRedirect(self._url("change", made.pk))

        return form_page(
            request, site=self.admin_site, model=Workflow, title=_("Go back to version %d?") % workflow.version,
            form=form, run=run, submit=_("Make the new version"), template="admin/workflows/workflow/back.html",
            original=workflow, back=self._url("versions", workflow.pk), styles=MEDIA, **context,
        )  # fmt: skip

    def _version(self, request: HttpRequest, pk: int) -> Workflow:
        return get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)

    def _of_key(self, request: HttpRequest, workflow: Workflow) -> QuerySet[Workflow]:
        found = visible(Workflow.objects.filter(key=workflow.key), request.user)
        return found.select_related("created_by", "updated_by").order_by("-version")

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"admin:workflows_workflow_{name}", args=args, current_app=self.admin_site.name)


def side_by_side(first: Workflow, second: Workflow) -> dict[str, Any]:
    """What the comparison's template takes; one query. Raises `Invalid` if the nodes of one form no tree."""
    rows: dict[int, list[Node]] = {first.pk: [], second.pk: []}
    for node in Node.objects.filter(workflow__in=rows):
        rows[node.workflow_id].append(node)
    return of_rows(first, rows[first.pk], second, rows[second.pk])


def of_rows(first: Workflow, before: list[Node], second: Workflow, after: list[Node]) -> dict[str, Any]:
    """As `side_by_side`, of nodes that are at hand."""
    comparison = compare_rows(first, before, second, after)
    return {
        "comparison": comparison,
        "counts": _counts(comparison),
        "stretches": stretches(comparison, Graph(first, before), Graph(second, after)),
    }


def _counts(comparison: Comparison) -> list[tuple[str, Any, int]]:
    """(state, its name, how many) of what differs."""
    return [
        (state, label, count)
        for state, label, count in (
            ("columns", _("Settings"), len(comparison.columns)),
            ("added", _("Nodes added"), len(comparison.added)),
            ("removed", _("Nodes removed"), len(comparison.removed)),
            ("changed", _("Nodes changed"), len(comparison.changed)),
            ("moved", _("Nodes moved"), len(comparison.moved)),
        )
        if count
    ]
