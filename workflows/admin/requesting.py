"""A mixin for the project's own admin pages: requests set workflows off there, and buttons run them (spec 4.3-4.5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.db import router
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import select_template
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows import registries, subjects
from workflows.admin.running import run_page
from workflows.errors import Invalid
from workflows.requesting import core
from workflows.requesting.asking import Asked, RequestHalted, check_order
from workflows.requesting.views import PERMISSION, asked_of, plain
from workflows.triggers.requests import CREATE, DESTROY, UPDATE

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object


@dataclass
class _Request:
    """What workflows have to do with one request."""

    asked: Asked
    #: Rows that are not written after all, and why the request was ended.
    stopped: list[Model] = field(default_factory=list)
    halted: RequestHalted | None = None
    #: What a form shows that was refused.
    refused: list[str] = field(default_factory=list)
    chains: list[core.Chain] = field(default_factory=list)

    def stops(self, row: Model) -> bool:
        return any(each is row for each in self.stopped)


class WorkflowAdminMixin(_Base):
    """Stands before the admin's other bases: `class OrderAdmin(WorkflowAdminMixin, admin.ModelAdmin)`.

    Saving and deleting set workflows off that come before or after requests; the page of a row and the list have
    "Run workflow" for custom actions, and a row's page leads to its executions.
    """

    #: Workflows that requests name which name none: "key,key!path".
    trigger_workflows = ""
    change_form_template = "admin/workflows/row/change_form.html"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_order(cls, WorkflowAdminMixin, admin.ModelAdmin)

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        subjects.keep(model)

    # Saving: what comes before and what comes after.

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().changeform_view(request, *args, **kwargs)
        state = self._state(request)
        if state.halted is None:
            self._finish(request, state)
            return response
        halted, state.halted = state.halted, None
        if halted.status == 200:
            # Nothing was written, and that is well.
            _tell(request, halted.messages or [_("A workflow took care of this; nothing was saved.")])
            return HttpResponseRedirect(request.get_full_path())
        # Shown again with what was entered, as any form that is refused.
        state.refused = halted.messages
        return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        state = self._state(request)
        if state.halted is not None:
            _tell_halted(request, state.halted)
        self._finish(request, state)
        return response

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        refused = self._state(request).refused
        if not refused:
            return form

        def clean(own: Any) -> Any:
            cleaned = form.clean(own)
            own.add_error(None, refused)
            return cleaned

        return type(form.__name__, (form,), {"clean": clean})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        state, action = self._state(request), UPDATE if change else CREATE
        using = router.db_for_write(self.model)
        if core.intercepts(state.asked, self.model, action, using):
            key, values = obj.pk if change else None, plain(form.cleaned_data)
            try:
                answered = core.intercept(state.asked, self.model, action, key=key, values=values, using=using)
            except RequestHalted as error:
                # Not raised: what the workflow itself has written stays.
                state.halted = error
                state.stopped.append(obj)
                return
            _tell(request, answered.messages)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        state, row = self._state(request), form.instance
        if state.stops(row):
            return
        super().save_related(request, form, formsets, change)
        using = router.db_for_write(self.model)
        chain = core.after(state.asked, self.model, UPDATE if change else CREATE, [row], using=using)
        chain.queue()
        state.chains.append(chain)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        # Formsets that were not saved have nothing to tell.
        stopped = self._state(request).stops(form.instance)
        return super().construct_change_message(request, form, () if stopped else formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None if self._state(request).stops(obj) else super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None if self._state(request).stops(obj) else super().log_change(request, obj, message)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        # The answer to a stopped request is made by `changeform_view`.
        stopped = self._state(request).stops(obj)
        return HttpResponse() if stopped else super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponse() if self._state(request).stops(obj) else super().response_change(request, obj)

    # Deleting: what comes before.

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and core.intercepts(self._state(request).asked, self.model, DESTROY):
            row = self.get_object(request, unquote(object_id))
            if row is not None and self.has_delete_permission(request, row) and self._halts(request, row.pk):
                return HttpResponseRedirect(self._row_url("change", row))
        return super().delete_view(request, object_id, extra_context)

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        # Django names a location from 6.1 on.
        located = {} if action_location is None else {"action_location": action_location}
        found: dict[str, Any] = super().get_actions(request, **located)
        if self.actions is None or IS_POPUP_VAR in request.GET:
            return found
        if "delete_selected" in found:
            original, name, title = found["delete_selected"]
            found["delete_selected"] = (_DeleteSelected(original), name, title)
        if self._runs(request):
            found["run_workflow"] = (type(self)._run_selected, "run_workflow", _("Run workflow"))
        return found

    def _halts(self, request: HttpRequest, key: Any) -> bool:
        """Whether workflows keep the request from deleting the row, or the rows; it is told."""
        try:
            _tell(request, core.intercept(self._state(request).asked, self.model, DESTROY, key=key).messages)
        except RequestHalted as error:
            _tell_halted(request, error)
            return True
        return False

    # Running by hand.

    def get_urls(self) -> list[URLPattern]:
        opts = self.model._meta
        view = self.admin_site.admin_view(self.run_workflow_view)
        name = f"{opts.app_label}_{opts.model_name}_run_workflow"
        return [path("<path:object_id>/run-workflow/", view, name=name), *super().get_urls()]

    def run_workflow_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Runs a custom action for one row."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        return run_page(self, request, [row], back=self._row_url("change", row))

    def _run_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return run_page(self, request, queryset, back=request.get_full_path(), action="run_workflow")

    def _runs(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION) and bool(core.custom_actions(self.model, request.user))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        opts, row = self.opts, kwargs.get("obj") or context.get("original")
        templates = (f"admin/{opts.app_label}/{opts.model_name}/", f"admin/{opts.app_label}/", "admin/")
        context["sluice_base"] = select_template([f"{each}change_form.html" for each in templates])
        context["sluice_tools"] = self._tools(request, row) if row is not None and row.pk is not None else []
        return super().render_change_form(request, context, *args, **kwargs)

    def _tools(self, request: HttpRequest, row: Model) -> list[tuple[Any, str]]:
        """(title, address) of what a row's page offers."""
        tools: list[tuple[Any, str]] = []
        if self._runs(request):
            tools.append((gettext_lazy("Run workflow"), self._row_url("run_workflow", row)))
        for tool in registries.row_tools(request.user):
            if url := tool.url(row, self.admin_site.name):
                tools.append((tool.title, url))
        return tools

    def _row_url(self, name: str, row: Model) -> str:
        opts, site = self.opts, self.admin_site.name
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[quote(row.pk)], current_app=site)

    def _state(self, request: HttpRequest) -> _Request:
        state: _Request | None = getattr(request, "_sluice", None)
        if state is None:
            try:
                asked = asked_of(request, self.trigger_workflows)
            except Invalid as error:
                messages.error(request, str(error))
                asked = Asked(request.user)
            state = request._sluice = _Request(asked)  # type: ignore[attr-defined]
        return state

    def _finish(self, request: HttpRequest, state: _Request) -> None:
        """What is sync comes once the admin's transaction has been committed."""
        chains, state.chains = state.chains, []
        for chain in chains:
            try:
                _tell(request, chain.run().messages)
            except RequestHalted as error:
                _tell(request, [_("It was saved, but a workflow that comes after it did not succeed.")], error=True)
                _tell_halted(request, error)


class _DeleteSelected:
    """The list's action, once nothing keeps the request from it."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        asked = model_admin._state(request).asked
        asks = request.POST.get("post") and core.intercepts(asked, model_admin.model, DESTROY)
        if asks and model_admin._halts(request, list(queryset.values_list("pk", flat=True))):
            return None
        found: HttpResponse | None = self.original(model_admin, request, queryset)
        return found


def _tell(request: HttpRequest, sentences: Sequence[str], *, error: bool = False) -> None:
    for sentence in sentences:
        messages.add_message(request, messages.ERROR if error else messages.INFO, sentence)


def _tell_halted(request: HttpRequest, halted: RequestHalted) -> None:
    _tell(request, halted.messages or [str(halted)], error=halted.status != 200)
