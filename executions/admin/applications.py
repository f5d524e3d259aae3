"""Applications in the admin: one's own in a list, a page for each, and the form that starts one.

Whoever may sign in to the admin may apply, where a workflow lets them; the applications of others are for who has
`executions.view_application`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.admin import shown
from executions.admin.answering import Part, answered, part_of
from executions.admin.personal import PersonalAdmin, WhoseFilter
from executions.admin.steps import RUN_STYLES
from executions.applications import reading, starting
from executions.inbox.forms import broken, form_fields
from executions.inbox.kinds import FormAction, TaskForm
from executions.models import Application, ApplicationStatus
from workflows.admin.base import badge, page_of_site, post_page
from workflows.errors import SluiceError
from workflows.instructions.approval import OPEN
from workflows.models import Workflow
from workflows.triggers.approval import DATA, ApprovalStartConfig
from workflows.validation import inside

_TONES = {
    ApplicationStatus.APPROVED: "good", ApplicationStatus.REJECTED: "bad", ApplicationStatus.FAILED: "bad",
    ApplicationStatus.SUBMITTED: "wait", ApplicationStatus.IN_PROGRESS: "busy", ApplicationStatus.RETURNED: "wait",
}  # fmt: skip
_SUBMIT, _DRAFT = "submit", "draft"


class ApplicationAdmin(PersonalAdmin):
    list_display = ["__str__", "shown_workflow", "shown_status", "user", "shown_created", "shown_submitted"]
    list_filter = ["status", WhoseFilter]
    actions = None
    change_list_template = "admin/executions/application/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new_page), name="executions_application_new"),
            path("<int:pk>/withdraw/", view(self.withdraw_page), name="executions_application_withdraw"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        return reading.readable(request.user)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": _("My applications"), "new_url": self._address("new"), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        listed = super().get_changelist_instance(request)
        listed.result_list = list(listed.result_list.select_related("user").defer("data", "snapshot"))
        titles = reading.titles(listed.result_list)
        for each in listed.result_list:
            each.workflow_title = titles[each.key]
        return listed

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        application = self._application(request, object_id)
        mine = application.user_id == request.user.pk
        if request.method != "GET" and not mine:
            raise PermissionDenied
        parts = []
        if mine and application.status in starting.EDITABLE:
            part = self._part(request, application.key, application.data)
            parts = [] if part is None else [part]
            done = self._sent(
                parts,
                lambda data, submit: starting.change(application.pk, data, by=request.user, submit=submit),
            )
            if done is not None:
                return self._after(request, done)
        if request.method == "POST" and not any(part.chosen for part in parts):
            messages.error(request, _("This application can't be changed any more; see how it stands."))
            return HttpResponseRedirect(request.path)
        return self._page(request, str(application), parts, application)

    def new_page(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = request.GET.get("workflow")
        if key is None:
            context = {
                "opts": Application._meta,
                "title": _("New application"),
                "media": forms.Media(css={**RUN_STYLES}),
                "workflows": reading.startable(request.user),
            }
            return page_of_site(request, self.admin_site, "admin/executions/application/new.html", context)
        workflow = next((each for each in reading.startable(request.user) if each.key == key), None)
        part = None if workflow is None else self._part(request, workflow.key, {})
        if workflow is None or part is None:
            raise Http404
        done = self._sent(
            [part], lambda data, submit: starting.create(workflow.key, data, by=request.user, submit=submit)
        )
        return self._page(request, workflow.title, [part]) if done is None else self._after(request, done)

    def withdraw_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        application = self._application(request, pk)
        if application.user_id != request.user.pk:
            raise PermissionDenied

        def run() -> tuple[str, str]:
            starting.withdraw(application.pk, by=request.user)
            return _("It is withdrawn; you may change it and submit it again."), self._address("change", pk)

        return post_page(request, run, self._address("change", pk))

    def _application(self, request: HttpRequest, object_id: Any) -> Application:
        found: Application | None = self.get_object(request, str(object_id))
        if found is None:
            raise Http404
        return found

    def _part(self, request: HttpRequest, key: str, values: dict[str, Any]) -> Part | None:
        """The form of what is to be submitted; None where the workflow is not enabled any more."""
        try:
            config = reading.config_of(reading.enabled(key))
        except SluiceError:
            return None
        form = TaskForm(DATA, config.form.title or _("Application"), "create", {}, _actions(config), values)
        try:
            form.fields = form_fields(config, DATA) or {}
        except SluiceError as error:
            form.error = broken(error)
        return part_of(request, form)

    def _sent(self, parts: list[Part], act: Callable[[Any, bool], Application]) -> Application | None:
        """The application as the form's button left it; None where none was pressed, or something is to be mended."""

        def submit(result: Any) -> Application:
            with inside("result"):
                return act(result[DATA], result["_"] == _SUBMIT)

        return next((answered(part, submit) for part in parts if part.chosen is not None), None)

    def _after(self, request: HttpRequest, application: Application) -> HttpResponse:
        sent = application.status not in starting.EDITABLE
        messages.success(request, _("Your application is submitted.") if sent else _("Your draft is kept."))
        return HttpResponseRedirect(self._address("change", application.pk))

    def _address(self, name: str, *args: Any) -> str:
        return reverse(f"admin:executions_application_{name}", args=args, current_app=self.admin_site.name)

    def _page(
        self, request: HttpRequest, title: str, parts: list[Part], application: Application | None = None
    ) -> HttpResponse:
        media = forms.Media(css={**RUN_STYLES})
        for part in parts:
            media += part.form.media
        context = {"opts": Application._meta, "title": title, "parts": parts, "media": media,
                   "answer_title": _("Application")}  # fmt: skip
        if application is not None:
            reading.hide_errors([application])
            mine = application.user_id == request.user.pk
            may = mine and application.status == ApplicationStatus.SUBMITTED and _may_withdraw(application)
            context |= {
                "badge": _badge(application),
                "error": application.error,
                "facts": list(_facts(request, application, self.admin_site.name)),
                "data": list(_data(request, application)),
                "withdraw_url": self._address("withdraw", application.pk) if may else "",
            }
        return page_of_site(request, self.admin_site, "admin/executions/application/application.html", context)

    @admin.display(description=gettext_lazy("workflow"))
    def shown_workflow(self, application: Application) -> str:
        return str(getattr(application, "workflow_title", ""))

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, application: Application) -> str:
        return _badge(application)

    @admin.display(description=gettext_lazy("begun at"))
    def shown_created(self, application: Application) -> str:
        return shown.moment(application.created_at)

    @admin.display(description=gettext_lazy("submitted at"), empty_value="")
    def shown_submitted(self, application: Application) -> str:
        return shown.moment(application.submitted_at)


def _actions(config: ApprovalStartConfig) -> list[FormAction]:
    submit, draft = FormAction(_SUBMIT, 1, _("Submit")), FormAction(_DRAFT, 0, _("Save as draft"))
    return [submit, draft] if config.form.draft else [submit]


def _may_withdraw(application: Application) -> bool:
    workflow = Workflow.objects.filter(pk=application.workflow_id or 0).first()
    try:
        return workflow is None or reading.config_of(workflow).form.withdraw
    except SluiceError:
        return False


def _badge(application: Application) -> str:
    status = ApplicationStatus(application.status)
    return badge(status.label, _TONES.get(status, "off"))


def _facts(request: HttpRequest, application: Application, site: str) -> Iterator[tuple[str, Any]]:
    yield _("Workflow"), reading.titles([application])[application.key]
    if application.user_id != request.user.pk:
        yield _("Person"), application.user or _("deleted user %s") % application.user_id
    yield _("Begun"), shown.moment(application.created_at)
    if application.submitted_at is not None:
        yield _("Submitted"), shown.moment(application.submitted_at)
    if application.decided_at is not None:
        yield _("Decided"), shown.moment(application.decided_at)
    if application.object_id is not None:
        yield _("Row"), f"{application.collection} {application.object_id}"
    if application.execution_id is not None and request.user.has_perm("executions.view_execution"):
        yield _("Execution"), shown.execution_link(application.execution_id, site)


def _data(request: HttpRequest, application: Application) -> Iterator[tuple[str, Any, bool]]:
    """(label, value, whether it is shown as it is and not as JSON)."""
    row = reading.shown(application, by=request.user)
    found = row if isinstance(row, dict) else reading.masked(application, application.data, by=request.user)
    for name, value in found.items() if isinstance(found, dict) else ():
        yield name, value, not isinstance(value, dict | list)
    records = reading.records(application, by=request.user)
    if decided := [record for record in records if record["status"] != OPEN]:
        yield _("Answer"), shown.answers(decided), True
    # Closed unanswered, where others decided before.
    open_ones = application.status in (ApplicationStatus.SUBMITTED, ApplicationStatus.IN_PROGRESS)
    waiting = [str(record["user"] or f"#{record['userId']}") for record in records if record["status"] == OPEN]
    if open_ones and waiting:
        yield _("Waits for"), ", ".join(waiting), True
