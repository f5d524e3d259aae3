"""Workflows in the admin: the list of versions, and the page where one is defined."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, JSONField, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy
from pydantic import ValidationError

from workflows import registries, versions
from workflows.admin import schemas, tree
from workflows.admin.base import (
    STYLES,
    CappedPaginator,
    ModelAdmin,
    badge,
    confirm_page,
    page_of_site,
    post_page,
    require,
)
from workflows.admin.forms import JsonField, OperationForm, pretty
from workflows.admin.lists import CurrentFilter, TypeFilter
from workflows.errors import SluiceError
from workflows.graph import Graph
from workflows.models import Node, Workflow
from workflows.triggers import triggers


class WorkflowForm(OperationForm):
    def operate(self, adding: bool) -> Workflow:
        if adding:
            return versions.create_workflow(by=self.by, **self.cleaned_data)
        return versions.change_workflow(Workflow.objects.get(pk=self.instance.pk), by=self.by, **self.changed())


class WorkflowAdmin(ModelAdmin[Workflow]):
    form = WorkflowForm
    list_display = [
        "title",
        "shown_version",
        "shown_enabled",
        "shown_type",
        "executed",
        "shown_updated",
    ]
    list_filter = [CurrentFilter, "enabled", TypeFilter, "sync", "categories"]
    search_fields = ["id__exact", "title", "name", "key__exact"]
    search_help_text = gettext_lazy("Id, title, name or key.")
    ordering = ["-id"]
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ["enable_selected", "disable_selected", "revise_selected", "copy_selected", "remove_selected"]
    formfield_overrides = {JSONField: {"form_class": JsonField}}
    change_form_template = "admin/workflows/workflow/change_form.html"

    class Media:
        css = STYLES

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        executed = versions.executed([workflow.pk for workflow in shown])
        for workflow in shown:
            workflow.executed = executed.get(workflow.pk, 0)
        changelist.result_list = shown
        return changelist

    @admin.display(description=gettext_lazy("type"), ordering="type")
    def shown_type(self, workflow: Workflow) -> str:
        kind = triggers().get(workflow.type)
        return str(kind.title) if kind else workflow.type

    @admin.display(description=gettext_lazy("enabled"), ordering="enabled")
    def shown_enabled(self, workflow: Workflow) -> str:
        return enabled_badge(workflow)

    @admin.display(description=gettext_lazy("version"), ordering="version")
    def shown_version(self, workflow: Workflow) -> str:
        if workflow.current:
            return str(workflow.version)
        return format_html('{} <span class="sluice-quiet">{}</span>', workflow.version, _("(not current)"))

    @admin.display(description=gettext_lazy("current"), boolean=True)
    def shown_current(self, workflow: Workflow) -> bool:
        return workflow.current is True

    @admin.display(description=gettext_lazy("updated"), ordering="updated_at")
    def shown_updated(self, workflow: Workflow) -> str:
        local = timezone.localtime(workflow.updated_at)
        return format_html('<time datetime="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M}")

    @admin.display(description=pgettext_lazy("count", "executions"))
    def executed(self, workflow: Workflow) -> int:
        return workflow.executed  # type: ignore[attr-defined, no-any-return]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        # Django's own would go past `versions`.
        actions.pop("delete_selected", None)
        for tool in registries.workflow_tools(request.user):
            if tool.in_list:
                actions[f"tool_{tool.name}"] = (self._open_tool(tool), f"tool_{tool.name}", tool.title)
        return actions

    def _open_tool(self, tool: registries.WorkflowTool) -> Callable[..., HttpResponse | None]:
        def run(_admin: Any, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
            chosen = list(queryset[:2])
            if len(chosen) == 1:
                return HttpResponseRedirect(tool.url(chosen[0], self.admin_site.name))
            messages.error(request, _("“%s” takes one workflow; select one.") % tool.title)
            return None

        return run

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, lambda workflow: versions.enable(workflow, by=request.user), _("Enabled: %s."))

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, lambda workflow: versions.disable(workflow, by=request.user), _("Disabled: %s."))

    @admin.action(description=gettext_lazy("New version"), permissions=["add"])
    def revise_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(
            request, queryset, lambda workflow: versions.revise(workflow, by=request.user), _("New version of: %s.")
        )

    @admin.action(description=gettext_lazy("Copy"), permissions=["add"])
    def copy_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, lambda workflow: versions.copy(workflow, by=request.user), _("Copied: %s."))

    @admin.action(description=gettext_lazy("Delete"), permissions=["delete"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
        return self._confirm_removal(request, queryset, action="remove_selected")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Workflow], operate: Callable[[Workflow], Any], done: str
    ) -> None:
        """Does it with each, and tells what was done and what was refused and why."""
        good = []
        for workflow in queryset:
            try:
                operate(workflow)
            except SluiceError as error:
                messages.error(request, f"{workflow}: {error}")
            else:
                good.append(str(workflow))
                self.log_change(request, workflow, done % workflow)
        if good:
            messages.success(request, done % ", ".join(good))

    def get_fieldsets(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        editable = self.has_change_permission(request, obj) if obj else True
        frozen = obj is not None and (obj.frozen or not editable)
        options = "options" if editable else "shown_options"
        what = ["title", "name", "description", "categories"]
        trigger = [
            "type" if obj is None else "shown_type",
            "sync",
            "trigger_title",
            "shown_config" if frozen else "config",
        ]
        return [
            (None, {"fields": what}),
            (_("Trigger"), {"fields": trigger}),
            (_("How it runs"), {"fields": ["time_zone", options], "classes": ["collapse"] if obj else []}),
            *([(_("Record"), {"fields": list(_RECORD), "classes": ["collapse"]})] if obj else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Workflow | None = None) -> tuple[str, ...]:
        return () if obj is None else ("shown_type", "sync", "shown_config", "shown_options", *_RECORD)

    @admin.display(description=gettext_lazy("trigger configuration"))
    def shown_config(self, workflow: Workflow) -> str:
        return format_html('<pre class="sluice-json">{}</pre>', pretty(workflow.config))

    @admin.display(description=gettext_lazy("options"))
    def shown_options(self, workflow: Workflow) -> str:
        return format_html('<pre class="sluice-json">{}</pre>', pretty(workflow.options))

    def get_form(self, request: HttpRequest, obj: Workflow | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "type":
            kinds = [(kind.type, kind.title) for kind in triggers().values()]
            return forms.ChoiceField(label=db_field.verbose_name.capitalize(), choices=[("", "---------"), *kinds])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # Boxes say what is chosen without a script, and take any text that is no id for an error.
        return super().formfield_for_manytomany(db_field, request, **{**kwargs, "widget": forms.CheckboxSelectMultiple})

    def save_model(self, request: HttpRequest, obj: Workflow, form: Any, change: Any) -> None:
        """The form's operation has saved it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Categories were saved with it."""

    def response_add(self, request: HttpRequest, obj: Workflow, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("Added workflow “%s”. Add its nodes below, then enable it.") % obj)
        return HttpResponseRedirect(self.page_url(obj.pk))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Workflow | None = None,
    ) -> HttpResponse:
        if obj is None:
            context["kinds"] = [(kind, *schemas.trigger_example(kind)) for kind in triggers().values()]
        else:
            # A form that was refused has left its values on `obj`.
            workflow = obj if request.method == "GET" else Workflow.objects.get(pk=obj.pk)
            context.update(self._page_context(request, workflow), title=str(workflow), subtitle=None)
            context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page_context(self, request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
        known: dict[str, Any] = {"workflow": workflow, "enabled_badge": enabled_badge(workflow)}
        try:
            found = tree.rows(Graph(workflow, Node.objects.filter(workflow=workflow)))
            known["tree"] = [row for row in found if not (row.new and workflow.frozen)]
        except (SluiceError, ValidationError) as error:
            known["tree_error"] = str(error)
        may = request.user.has_perm
        known["may"] = {name: may(f"workflows.{name}") and not workflow.frozen for name in _NODE_PERMISSIONS}
        known["versions"] = Workflow.objects.filter(key=workflow.key).order_by("-version")[:_VERSIONS]
        known["executed"] = versions.executed([workflow.pk])[workflow.pk]
        site = self.admin_site.name
        known["tools"] = [(tool.title, tool.url(workflow, site)) for tool in registries.workflow_tools(request.user)]
        return known

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        buttons = {
            "enable": self.enable_page,
            "disable": self.disable_page,
            "revise": self.revise_page,
            "copy": self.copy_page,
        }
        return [
            *(
                path(f"<int:pk>/{name}/", view(page), name=f"workflows_workflow_{name}")
                for name, page in buttons.items()
            ),
            path("<int:pk>/compare/<int:other>/", view(self.compare_page), name="workflows_workflow_compare"),
            *super().get_urls(),
        ]

    def page_url(self, pk: int) -> str:
        return reverse("admin:workflows_workflow_change", args=[pk], current_app=self.admin_site.name)

    def enable_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._button(request, pk, "workflows.change_workflow", versions.enable, _("Enabled “%s”."))

    def disable_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._button(request, pk, "workflows.change_workflow", versions.disable, _("Disabled “%s”."))

    def revise_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._button(request, pk, "workflows.add_workflow", versions.revise, _("This is the new version “%s”."))

    def copy_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._button(request, pk, "workflows.add_workflow", versions.copy, _("This is the copy, “%s”."))

    def _button(
        self, request: HttpRequest, pk: int, permission: str, operate: Callable[..., Workflow], done: str
    ) -> HttpResponse:
        require(request, permission)
        workflow = get_object_or_404(Workflow, pk=pk)

        def run() -> tuple[str, str]:
            result = operate(workflow, by=request.user)
            self.log_change(request, result, done % result)
            return done % result, self.page_url(result.pk)

        return post_page(request, run, self.page_url(pk))

    def compare_page(self, request: HttpRequest, pk: int, other: int) -> HttpResponse:
        require(request, "workflows.view_workflow")
        first, second = (get_object_or_404(Workflow, pk=which) for which in sorted((pk, other)))
        context: dict[str, Any] = {"first": first, "second": second}
        try:
            context["comparison"] = versions.compare(first, second)
        except SluiceError as error:
            messages.error(request, str(error))
        title = _("Compare %(first)s with %(second)s") % {"first": first, "second": second}
        context |= {"title": title, "original": second, "opts": self.opts, "media": self.media}
        return page_of_site(request, self.admin_site, "admin/workflows/workflow/compare.html", context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        workflow = self.get_object(request, unquote(object_id))
        if workflow is None:
            raise Http404
        if not self.has_delete_permission(request, workflow):
            raise PermissionDenied
        return self._confirm_removal(request, Workflow.objects.filter(pk=workflow.pk)) or HttpResponseRedirect(
            reverse("admin:workflows_workflow_changelist", current_app=self.admin_site.name)
        )

    def _confirm_removal(
        self, request: HttpRequest, queryset: QuerySet[Workflow], action: str = ""
    ) -> HttpResponse | None:
        """Asks first, telling what goes along; None once it is done."""
        chosen = list(queryset)
        if "confirmed" in request.POST:
            deleted = versions.delete(chosen, by=request.user)
            for workflow in chosen:
                self.log_deletions(request, [workflow])  # type: ignore[arg-type]
            sentence = ngettext("Deleted %d version.", "Deleted %d versions.", deleted)
            messages.success(request, sentence % deleted)
            return None
        whole = {workflow.key for workflow in chosen if workflow.current}
        going = Workflow.objects.filter(Q(key__in=whole) | Q(pk__in=[workflow.pk for workflow in chosen]))
        counts = going.aggregate(versions=Count("pk", distinct=True), nodes=Count("nodes"))
        sentences = [
            ngettext("%d version goes,", "%d versions go,", counts["versions"]) % counts["versions"]
            + ngettext(" with its %d node.", " with their %d nodes.", counts["nodes"]) % counts["nodes"],
            _("With a current version go all others of its workflow. Executions are kept."),
        ]
        return confirm_page(
            request,
            site=self.admin_site,
            model=Workflow,
            title=_("Delete workflows?"),
            names=[str(workflow) for workflow in chosen],
            sentences=sentences,
            selected=[workflow.pk for workflow in chosen],
            action=action,
            submit=_("Delete"),
        )


_RECORD = ("key", "version", "shown_current", "frozen_at", "created_at", "updated_at")
_NODE_PERMISSIONS = ("add_node", "change_node", "delete_node")
#: The newest versions listed on a page.
_VERSIONS = 20


def enabled_badge(workflow: Workflow) -> str:
    if workflow.enabled:
        return badge(pgettext("state", "Enabled"), "good")
    return badge(pgettext("state", "Disabled"), "off")
