"""The page on which somebody chooses a custom action for rows of the project's, and runs it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from workflows.admin.base import confirm_page
from workflows.admin.forms import JsonField
from workflows.errors import Forbidden
from workflows.requesting import core
from workflows.requesting.asking import Asked, Listed
from workflows.requesting.views import check_may_trigger
from workflows.triggers.base import Listener
from workflows.triggers.custom_action import ONE_ROW

#: Rows of one go; each is a field of the form, of which Django takes 1000.
MOST = 500
#: Failures that are told one by one.
_TOLD = 10


class ChooseForm(forms.Form):
    workflow = forms.ChoiceField(label=gettext_lazy("Workflow"))
    values = JsonField(
        label=gettext_lazy("Values"),
        required=False,
        initial=dict,
        help_text=gettext_lazy("What it is to find in the row instead of what stands there, as a JSON object."),
    )

    def __init__(self, data: Any, known: list[Listener]) -> None:
        super().__init__(data)
        self.known = {listener.key: listener for listener in known}
        self.fields["workflow"].choices = [(each.key, each.title) for each in known]  # type: ignore[attr-defined]


def run_page(model_admin: Any, request: HttpRequest, rows: Any, *, back: str, action: str = "") -> HttpResponse:
    """Asks which workflow, then runs it for the rows, which are of the admin's own queryset; ends at `back`.

    With `action` the answer goes to that action of the list.
    """
    rows = list(rows[: MOST + 1])
    _check(model_admin, request, rows)
    known = core.custom_actions(model_admin.model, request.user)
    if not known or len(rows) > MOST:
        sentence = _("There is no enabled workflow to run here.")
        messages.error(request, sentence if not known else _("Select at most %d.") % MOST)
        return HttpResponseRedirect(back)
    form = ChooseForm(request.POST if request.POST.get("confirmed") else None, known)
    if form.is_valid():
        _run(request, form.known[form.cleaned_data["workflow"]], rows, form.cleaned_data["values"])
        return HttpResponseRedirect(back)
    return confirm_page(
        request, site=model_admin.admin_site, model=model_admin.model, title=_("Run workflow"),
        names=[str(row) for row in rows], sentences=(), submit=_("Run workflow"), form=form,
        selected=[row.pk for row in rows], action=action, back=back,
    )  # fmt: skip


def _check(model_admin: Any, request: HttpRequest, rows: Any) -> None:
    try:
        check_may_trigger(request.user)
    except Forbidden as error:
        raise PermissionDenied(str(error)) from None
    if not all(model_admin.has_view_permission(request, row) for row in rows):
        raise PermissionDenied


def _run(request: HttpRequest, listener: Listener, rows: list[Any], values: Any) -> None:
    asked = Asked(request.user, [Listed(listener.key)])
    answered, halted = core.trigger_each(asked, listener, rows, values)
    for sentence in answered.messages[:_TOLD]:
        messages.info(request, sentence)
    for error in halted[:_TOLD]:
        messages.error(request, str(error))
    well = len(rows) - (len(halted) if listener.config.type == ONE_ROW or not halted else len(rows))
    if well:
        sentence = ngettext(
            "“%(title)s” was run for %(count)d object.", "“%(title)s” was run for %(count)d objects.", well
        )
        messages.success(request, sentence % {"title": listener.title, "count": well})
