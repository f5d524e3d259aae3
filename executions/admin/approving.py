"""Pages of an approver besides the form itself: further approvers, and the way back to an approval before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from executions.graphs import graph_of
from executions.inbox import approving
from executions.models import Task, TaskType
from workflows.admin.base import form_page
from workflows.graph import GraphNode

if TYPE_CHECKING:
    from executions.admin.tasks import TaskAdmin


class AddSignersForm(forms.Form):
    to = forms.CharField(
        label=pgettext_lazy("approvers", "Who"),
        help_text=gettext_lazy("User names, with commas between; asked one after another."),
    )
    order = forms.TypedChoiceField(
        label=pgettext_lazy("approvers", "When"),
        choices=[(approving.BEFORE, gettext_lazy("Before me")), (approving.AFTER, gettext_lazy("After me"))],
        coerce=int,
        widget=forms.RadioSelect,
    )


class ReturnForm(forms.Form):
    to = forms.ChoiceField(label=gettext_lazy("To"))
    comment = forms.CharField(
        label=gettext_lazy("Comment"), required=False, max_length=approving.LONGEST_COMMENT, widget=forms.Textarea
    )


def urls(site: "TaskAdmin") -> list[URLPattern]:
    def add_signers_page(request: HttpRequest, pk: int) -> HttpResponse:
        task, _node = _own(site, request, pk)
        form = AddSignersForm(request.POST if request.method == "POST" else None)

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            named = [name.strip() for name in cleaned["to"].split(",")]
            approving.add_signers(task.pk, named, by=request.user, order=cleaned["order"])
            messages.success(request, _("They are among the approvers of “%s” now.") % task)
            return HttpResponseRedirect(site.address("change", pk))

        return _page(site, request, task, form, run, _("Add approvers"))

    def return_page(request: HttpRequest, pk: int) -> HttpResponse:
        task, node = _own(site, request, pk)
        form = ReturnForm(request.POST if request.method == "POST" else None)
        to: Any = form.fields["to"]
        to.choices = [(each.key, each.title or each.key) for each in approving.earlier_approvals(node)]

        def run(cleaned: Mapping[str, Any]) -> HttpResponse:
            approving.send_back(task.pk, by=request.user, to=cleaned["to"], comment=cleaned["comment"])
            messages.success(request, _("Your answer to “%s” is taken.") % task)
            return HttpResponseRedirect(site.address("changelist"))

        return _page(site, request, task, form, run, _("Return"))

    view = site.admin_site.admin_view
    return [
        path("<int:pk>/add_signers/", view(add_signers_page), name="executions_task_add_signers"),
        path("<int:pk>/return_to/", view(return_page), name="executions_task_return_to"),
    ]


def _own(site: "TaskAdmin", request: HttpRequest, pk: int) -> tuple[Task, GraphNode]:
    """An approval of one's own, whose node can be read."""
    task = site.own(request, pk)
    if task.type != TaskType.APPROVAL or task.execution is None:
        raise Http404
    graph = graph_of(task.execution)
    node = graph.nodes.get(task.node_id or 0) if graph is not None else None
    if node is None:
        raise Http404
    return task, node


def _page(site: "TaskAdmin", request: HttpRequest, task: Task, form: forms.Form, run: Any, title: str) -> HttpResponse:
    return form_page(
        request, site=site.admin_site, model=Task, title=title, form=form, run=run, submit=title, original=task,
        back=site.address("change", task.pk),
    )  # fmt: skip
