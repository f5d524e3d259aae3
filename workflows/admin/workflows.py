"""Workflows in the admin: the list of versions, and the page where one is defined."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from workflows import registries, versions
from workflows.admin import schemas
from workflows.admin.base import (
    OperationAdmin,
    badge,
    chosen,
    confirm_page,
    post_page,
    require,
    shown_json,
)
from workflows.admin.canvas import CanvasMixin, panel_context
from workflows.admin.forms import OperationForm, ReasonForm
from workflows.admin.history import HistoryMixin
from workflows.admin.lists import CurrentFilter, TypeFilter
from workflows.admin.remarks import warn
from workflows.admin.schemaform import SchemaField
from workflows.admin.schemaform.fields import draft
from workflows.admin.transfer import TransferMixin
from workflows.admin.versions import VersionsMixin
from workflows.errors import SluiceError
from workflows.models import HistoryEntry, HistoryQuerySet, Workflow
from workflows.templatetags.sluice import moment
from workflows.triggers import triggers
from workflows.visibility import visible


class WorkflowForm(OperationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = triggers().get(self.instance.type) if self.instance.pk else None
        if kind is not None and "config" in self.fields:
            self.fields["config"] = SchemaField(kind.Config, label=self.fields["config"].label)
        if self.draft is not None:
            draft(self, self.draft)

    def operate(self, adding: bool) -> Workflow:
        if adding:
            return versions.create_workflow(by=self.by, **self.cleaned_data)
        return versions.change_workflow(Workflow.objects.get(pk=self.instance.pk), by=self.by, **self.changed())


class WorkflowAdmin(CanvasMixin, VersionsMixin, TransferMixin, HistoryMixin, OperationAdmin[Workflow]):
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
    show_facets = admin.ShowFacets.NEVER
    actions = [
        "enable_selected", "disable_selected", "revise_selected", "copy_selected", "export_selected", "remove_selected",
    ]  # fmt: skip
    change_list_template = "admin/workflows/workflow/change_list.html"
    change_form_template = "admin/workflows/workflow/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        return visible(super().get_queryset(request), request.user)

    def entries_of(self, row: Workflow) -> HistoryQuerySet:
        return HistoryEntry.objects.of_workflow(row.key)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        known = {"may_import": self.has_import_permission(request), **(extra_context or {})}
        return super().changelist_view(request, known)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        executed = versions.executed([workflow.pk for workflow in shown])
        tools = [tool for tool in registries.workflow_tools(request.user) if tool.of_count]
        for workflow in shown:
            workflow.executed = executed.get(workflow.pk, 0)
            workflow.executed_url = tools[0].url(workflow, self.admin_site.name) if tools else None
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
        return moment(workflow.updated_at)

    @admin.display(description=gettext_lazy("created at"))
    def shown_created(self, workflow: Workflow) -> str:
        return moment(workflow.created_at)

    @admin.display(description=gettext_lazy("frozen at"))
    def shown_frozen(self, workflow: Workflow) -> str:
        return moment(workflow.frozen_at)

    @admin.display(description=pgettext_lazy("count", "executions"))
    def executed(self, workflow: Workflow) -> Any:
        count, url = workflow.executed, workflow.executed_url  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', url, count) if url else count

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        # Django names a location from 6.1 on, and asks for those of the list unless one is given.
        located = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **located)
        # Django's own would go past `versions`.
        actions.pop("delete_selected", None)
        for tool in registries.workflow_tools(request.user):
            if tool.in_list:
                actions[f"tool_{tool.name}"] = (self._open_tool(tool), f"tool_{tool.name}", tool.title)
        return actions

    def _open_tool(self, tool: registries.WorkflowTool) -> Callable[..., HttpResponse | None]:
        def run(_admin: Any, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse | None:
            some = list(chosen(request, self.get_queryset(request), queryset)[:2])
            if len(some) == 1:
                return HttpResponseRedirect(tool.url(some[0], self.admin_site.name))
            messages.error(request, _("“%s” takes one workflow; select one.") % tool.title)
            return None

        return run

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        enabled: list[Workflow] = []

        def enable(workflow: Workflow) -> None:
            enabled.append(versions.enable(workflow, by=request.user))

        self._each(request, queryset, enable, _("Enabled: %s."))
        warn(request, enabled)

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
        rows = chosen(request, self.get_queryset(request), queryset)
        return self._confirm_removal(request, rows, action="remove_selected")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Workflow], operate: Callable[[Workflow], Any], done: str
    ) -> None:
        """Does it with each, and tells what was done and what was refused and why."""
        good = []
        for workflow in chosen(request, self.get_queryset(request), queryset):
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
        return shown_json(workflow.config)

    @admin.display(description=gettext_lazy("options"))
    def shown_options(self, workflow: Workflow) -> str:
        return shown_json(workflow.options)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "type":
            kinds = [(kind.type, kind.title) for kind in triggers().values()]
            return forms.ChoiceField(label=db_field.verbose_name.capitalize(), choices=[("", "---------"), *kinds])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # Boxes say what is chosen without a script, and take any text that is no id for an error.
        return super().formfield_for_manytomany(db_field, request, **{**kwargs, "widget": forms.CheckboxSelectMultiple})

    def response_add(self, request: HttpRequest, obj: Workflow, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("Added workflow “%s”. Add its nodes below, then enable it.") % obj)
        return HttpResponseRedirect(self.page_url(obj.pk))

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        return {"kinds": [(kind, *schemas.trigger_example(kind)) for kind in triggers().values()]}

    def page_context(self, request: HttpRequest, workflow: Workflow, /) -> dict[str, Any]:
        known = {"enabled_badge": enabled_badge(workflow), **panel_context(request, self.admin_site, workflow)}
        versions_of_it = visible(Workflow.objects.filter(key=workflow.key), request.user)
        known["versions"] = versions_of_it.order_by("-version")[:_VERSIONS]
        known["executed"] = versions.executed([workflow.pk])[workflow.pk]
        site = self.admin_site.name
        known["parts"] = registries.workflow_parts(workflow, request.user)
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
            *super().get_urls(),
        ]

    def page_url(self, pk: int) -> str:
        return reverse("admin:workflows_workflow_change", args=[pk], current_app=self.admin_site.name)

    def enable_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        def enable(workflow: Workflow, *, by: Any) -> Workflow:
            enabled = versions.enable(workflow, by=by)
            warn(request, [enabled])
            return enabled

        return self._button(request, pk, "workflows.change_workflow", enable, _("Enabled “%s”."))

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
        workflow = get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)

        def run() -> tuple[str, str]:
            result = operate(workflow, by=request.user)
            self.log_change(request, result, done % result)
            return done % result, self.page_url(result.pk)

        return post_page(request, run, self.page_url(pk))

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
        rows = list(queryset)
        form = ReasonForm.of(request)
        if form.is_valid():
            deleted = versions.delete(rows, by=request.user, reason=form.cleaned_data["reason"])
            for workflow in rows:
                self.log_deletions(request, [workflow])  # type: ignore[arg-type]
            sentence = ngettext(
                "Deleted %(count)d version of: %(titles)s.", "Deleted %(count)d versions of: %(titles)s.", deleted
            )
            titles = ", ".join(dict.fromkeys(f"“{workflow.title or workflow.key}”" for workflow in rows))
            messages.success(request, sentence % {"count": deleted, "titles": Truncator(titles).chars(_TOLD)})
            return None
        whole = {workflow.key for workflow in rows if workflow.current}
        going = Workflow.objects.filter(Q(key__in=whole) | Q(pk__in=[workflow.pk for workflow in rows]))
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
            names=[str(workflow) for workflow in rows],
            sentences=sentences,
            selected=[workflow.pk for workflow in rows],
            action=action,
            submit=_("Delete"),
            form=form,
        )


_RECORD = ("key", "version", "shown_current", "shown_frozen", "shown_created", "shown_updated")
#: Characters of titles that a message shows.
_TOLD = 300
#: The newest versions listed on a page.
_VERSIONS = 20


def enabled_badge(workflow: Workflow) -> str:
    if workflow.enabled:
        return badge(pgettext("state", "Enabled"), "good")
    return badge(pgettext("state", "Disabled"), "off")
