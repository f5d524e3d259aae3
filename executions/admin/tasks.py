"""The inbox in the admin: one's tasks in a list, and a page for each with the form to answer it.

Whoever may sign in to the admin may see and do their own; those of others are for who has `executions.view_task`.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executions.admin import approving, shown
from executions.admin.answering import Part, answered, part_of
from executions.admin.personal import PersonalAdmin, WhoseFilter
from executions.admin.steps import RUN_STYLES
from executions.inbox import approvals, reading, showing
from executions.inbox.kinds import Tool, kind_of
from executions.masking import hide_tasks, searchable
from executions.models import Task, TaskType
from workflows.admin.base import badge, form_page, page_of_site, post_page
from workflows.formfields import RESERVED
from workflows.statuses import JobStatus

TABS = {
    "open": gettext_lazy("To do"),
    "done": gettext_lazy("Done"),
    "copies": gettext_lazy("Copies"),
}


class TabFilter(admin.SimpleListFilter):
    """To do, done, or for information; drawn as tabs."""

    title = gettext_lazy("tasks")
    parameter_name = "tab"
    # Without any, the admin would not ask this filter at all.
    template = "admin/executions/no_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(TABS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        if self.value() == "copies":
            return queryset.filter(type=TaskType.CC)
        rows = queryset.exclude(type=TaskType.CC)
        if self.value() == "done":
            return rows.exclude(status=JobStatus.PENDING)
        return rows.filter(status=JobStatus.PENDING)


class WorkflowFilter(admin.SimpleListFilter):
    """The workflows that ask this person, each with how many wait."""

    title = gettext_lazy("workflow")
    parameter_name = "workflow"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        pending: dict[str, int] = {}
        titles: dict[str, str] = {}
        for row in counts_of(request)["workflows"]:
            titles[row["key"]] = row["title"]
            pending[row["key"]] = pending.get(row["key"], 0) + row["pending"]
        return [(key, f"{title} ({pending[key]})" if pending[key] else title) for key, title in titles.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.filter(key=self.value()) if self.value() else queryset


def counts_of(request: HttpRequest) -> dict[str, Any]:
    """Once a request."""
    if not hasattr(request, "sluice_counts"):
        request.sluice_counts = reading.counts(request.user)  # type: ignore[attr-defined]
    found: dict[str, Any] = request.sluice_counts  # type: ignore[attr-defined]
    return found


class DelegateForm(forms.Form):
    to = forms.CharField(
        label=gettext_lazy("To"), max_length=150, help_text=gettext_lazy("The user name of who shall do it instead.")
    )


class TaskAdmin(PersonalAdmin):
    list_display = ["shown_title", "shown_workflow", "shown_type", "shown_status", "shown_created", "shown_decided"]
    list_display_links = ["shown_title"]
    list_filter = [TabFilter, WorkflowFilter, WhoseFilter]
    search_fields = ["title"]
    actions = ["mark_read", "mark_unread"]
    change_list_template = "admin/executions/task/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/delegate/", view(self.delegate_page), name="executions_task_delegate"),
            *approving.urls(self),
            path("<int:pk>/unread/", view(self.unread_page), name="executions_task_unread"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        return reading.readable(request.user)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        listed = super().get_changelist_instance(request)
        listed.result_list = list(listed.result_list)
        hide_tasks(listed.result_list, by=request.user)
        return listed

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": _("My tasks"), "tabs": list(_tabs(request)), **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        task = self._task(request, object_id)
        mine = task.user_id == request.user.pk
        if request.method != "GET" and not mine:
            raise PermissionDenied
        if request.method == "GET" and mine and task.read_at is None:
            task = reading.mark_read(task, by=request.user)
        seen = showing.show(task, request.user)
        parts = [part_of(request, form) for form in seen.forms]
        for part in parts:
            if part.chosen is not None and (kind := kind_of(task.type)) is not None:
                done = answered(part, lambda result, kind=kind: kind.submit(task.pk, result, by=request.user))  # type: ignore[misc]
                if done is not None:
                    return self._after(request, done)
        if request.method == "POST" and not any(part.chosen for part in parts):
            messages.error(request, _("This task can't be answered any more; see how it stands."))
            return HttpResponseRedirect(request.path)
        return page_of_site(
            request, self.admin_site, "admin/executions/task/task.html", self._page(request, seen, parts)
        )

    def _task(self, request: HttpRequest, object_id: Any) -> Task:
        task: Task | None = self.get_object(request, str(object_id))
        if task is None:
            raise Http404
        return task

    def own(self, request: HttpRequest, pk: int) -> Task:
        """A task of whoever asks; 404 for one that they may not see, 403 for another's."""
        task = self._task(request, pk)
        if task.user_id != request.user.pk:
            raise PermissionDenied
        return task

    def _after(self, request: HttpRequest, task: Task) -> HttpResponse:
        if task.status == JobStatus.PENDING:
            messages.success(request, _("Your draft is kept."))
            return HttpResponseRedirect(request.path)
        messages.success(request, _("Your answer to “%s” is taken.") % task)
        return HttpResponseRedirect(self.address("changelist"))

    def address(self, name: str, *args: Any) -> str:
        return reverse(f"admin:executions_task_{name}", args=args, current_app=self.admin_site.name)

    def _page(self, request: HttpRequest, seen: showing.Shown, parts: list[Part]) -> dict[str, Any]:
        task = seen.task
        media = forms.Media(css={**RUN_STYLES})
        for part in parts:
            media += part.form.media
        return {
            "opts": Task._meta,
            "title": str(task),
            "shown": seen,
            "badge": _badge(task),
            "facts": list(_facts(request, seen, self.admin_site.name)),
            "data": [_datum(path, value) for path, value in seen.data],
            "parts": parts,
            "answer_title": _("Your answer"),
            "no_button": task.type == TaskType.MANUAL and seen.open and not any(form.actions for form in seen.forms),
            "answers": [] if parts else list(_answers(seen)),
            "tools": [
                *self._tools(request, seen),
                {"title": _("History"), "url": self.address("history", task.pk)},
            ],
            "media": media,
        }

    def _tools(self, request: HttpRequest, seen: showing.Shown) -> Iterator[dict[str, Any]]:
        task = seen.task
        if task.user_id != request.user.pk:
            return
        titles = {
            Tool.DELEGATE: _("Hand over"), Tool.ADD_SIGNERS: _("Add approvers"), Tool.RETURN_TO: _("Return to ..."),
        }  # fmt: skip
        for tool in seen.tools:
            yield {"title": titles[tool], "url": self.address(tool.value, task.pk)}
        if task.read_at is not None:
            yield {"title": _("Mark as unread"), "url": self.address("unread", task.pk), "post": True}

    def delegate_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self.own(request, pk)
        kind = kind_of(task.type)
        if kind is None:
            raise Http404
        form = DelegateForm(request.POST if request.method == "POST" else None)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            kind.delegate(task.pk, cleaned["to"], by=request.user)
            messages.success(request, _("“%(task)s” is %(to)s's now.") % {"task": task, "to": cleaned["to"]})
            return HttpResponseRedirect(self.address("changelist"))

        return form_page(
            request, site=self.admin_site, model=Task, title=_("Hand over"), form=form, run=run,
            submit=_("Hand over"), original=task, back=self.address("change", task.pk),
        )  # fmt: skip

    def unread_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self.own(request, pk)

        def run() -> tuple[str, str]:
            reading.mark_read(task, by=request.user, read=False)
            return _("It counts as unread again."), self.address("changelist")

        return post_page(request, run, self.address("change", pk))

    @admin.action(description=gettext_lazy("Mark as read"))
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._mark(request, queryset, read=True)

    @admin.action(description=gettext_lazy("Mark as unread"))
    def mark_unread(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._mark(request, queryset, read=False)

    def _mark(self, request: HttpRequest, queryset: QuerySet[Task], *, read: bool) -> None:
        own = list(queryset.filter(user=request.user.pk))
        for task in own:
            reading.mark_read(task, by=request.user, read=read)
        messages.success(
            request, ngettext("One task is marked.", "%(count)d tasks are marked.", len(own)) % {"count": len(own)}
        )

    @admin.display(description=gettext_lazy("task"))
    def shown_title(self, task: Task) -> str:
        return format_html('<span class="{}">{}</span>', "" if task.read_at else "sluice-unread", task)

    @admin.display(description=gettext_lazy("workflow"))
    def shown_workflow(self, task: Task) -> str:
        return task.execution.title if task.execution is not None else ""

    @admin.display(description=gettext_lazy("type"))
    def shown_type(self, task: Task) -> str:
        return task.get_type_display()

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, task: Task) -> str:
        return _badge(task)

    @admin.display(description=gettext_lazy("asked at"))
    def shown_created(self, task: Task) -> str:
        return shown.moment(task.created_at)

    @admin.display(description=gettext_lazy("answered at"), empty_value="")
    def shown_decided(self, task: Task) -> str:
        return shown.moment(task.decided_at)

    def get_list_display(self, request: HttpRequest) -> Any:
        wide = request.GET.get("whose") == "all" and request.user.has_perm("executions.view_task")
        return [*self.list_display, "user"] if wide else self.list_display

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        term = search_term.replace("\x00", "")
        found = searchable(queryset, request.user) if term else queryset
        rows, several = super().get_search_results(request, found, term)
        large = ("context", "output", "stack", "agenda", "tags")
        rows = rows.defer("result", "meta", *(f"execution__{name}" for name in large))
        return rows.select_related("execution", "user"), several


def _answers(seen: showing.Shown) -> Iterator[tuple[str, Any, bool]]:
    """(label, value, whether it is plain text) of what was answered, or kept as a draft."""
    result = seen.task.result
    for name, values in result.items() if isinstance(result, dict) else ():
        if name == RESERVED:
            yield _("Action"), seen.actions.get(str(values), str(values)), True
        elif isinstance(values, dict):
            yield from (
                (str(seen.labels.get(key, key)), value, not isinstance(value, dict | list))
                for key, value in values.items()
            )


def _tabs(request: HttpRequest) -> Iterator[dict[str, Any]]:
    kept = {name: request.GET[name] for name in ("workflow", "whose") if name in request.GET}
    types = counts_of(request)["types"]
    pending = {name: sum(row["pending"] for kind, row in types.items() if (kind == TaskType.CC) is (name == "copies"))
               for name in TABS}  # fmt: skip
    now = request.GET.get("tab", "open")
    for name, title in TABS.items():
        where = {**kept, **({} if name == "open" else {"tab": name})}
        yield {
            "title": title,
            "url": f"?{urlencode(where)}",
            "selected": name == now,
            "count": 0 if name == "done" else pending[name],
        }


def _badge(task: Task) -> str:
    if task.type == TaskType.CC:
        return badge(_("Read"), "off") if task.status else badge(_("Unread"), "wait")
    return shown.job_badge(task.status)


def _datum(path: str, value: Any) -> tuple[str, Any, bool]:
    """(label, value, whether that is shown as it is and not as JSON)."""
    if path == approvals.RECORDS and (answers := shown.answers(value)) is not None:
        return _("Answer"), answers, True
    return path, value, not isinstance(value, dict | list)


def _facts(request: HttpRequest, seen: showing.Shown, site: str) -> Iterator[tuple[str, Any]]:
    task = seen.task
    if task.user_id != request.user.pk:
        yield _("Person"), task.user or _("deleted user %s") % task.user_id
    yield _("Asked"), shown.moment(task.created_at)
    if task.decided_at is not None:
        yield _("Answered") if task.status != JobStatus.ABORTED else _("Closed"), shown.moment(task.decided_at)
    if seen.execution is not None and request.user.has_perm("executions.view_execution"):
        yield _("Execution"), shown.execution_link(seen.execution.pk, site)
