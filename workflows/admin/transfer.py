"""Definitions as files in the admin: out of the list, and in through a preview of what will change."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from workflows import transfer
from workflows.admin.base import OperationAdmin, badge, chosen, page_of_site, require
from workflows.admin.forms import add_errors
from workflows.admin.remarks import warn
from workflows.admin.versions import MEDIA, of_rows
from workflows.admin.versions_rows import new_rows
from workflows.errors import Invalid, SluiceError
from workflows.graph import Graph
from workflows.models import Node, Workflow
from workflows.transfer import Item, State
from workflows.visibility import visible

if TYPE_CHECKING:
    _Base = OperationAdmin[Workflow]
else:
    _Base = object

#: Of an uploaded file. It comes back with the confirmation, where Django takes 2.5 MB; `sluice_import` takes any.
MOST_BYTES = 2 * 1024 * 1024
#: Workflows of one file, of which each is shown with what it changes.
MOST_WORKFLOWS = 200
#: What people need to import; see `transfer.plan` for what nodes ask besides.
_NEEDED = ("workflows.add_workflow", "workflows.add_node")
_TONES = {
    State.NEW: "good", State.VERSION: "busy", State.UNCHANGED: "off", State.PASSED_OVER: "off", State.REFUSED: "bad",
}  # fmt: skip


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "JSON as exported here, as NocoBase's API gives workflows or as FunctionGraph takes them, or FDL (YAML or "
            "JSON); in UTF-8, 2 MiB at most."
        ),
        widget=forms.FileInput({"accept": ".json,.yaml,.yml,application/json,application/yaml"}),
    )
    enable = forms.BooleanField(
        label=gettext_lazy("Enable what is imported"),
        required=False,
        help_text=gettext_lazy("But for what the file itself calls disabled."),
    )

    def __init__(self, *args: Any, may_enable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_enable:
            del self.fields["enable"]

    def clean_file(self) -> bytes:
        given = self.cleaned_data["file"]
        if given.size > MOST_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 2 MiB; split it, or use the command sluice_import on the server.")
            )
        content: bytes = given.read()
        return content


class ConfirmForm(forms.Form):
    """The file as it was read, and the plan that was shown."""

    content = forms.CharField(widget=forms.HiddenInput, strip=False, max_length=MOST_BYTES)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    enable = forms.BooleanField(widget=forms.HiddenInput, required=False)


class TransferMixin(_Base):
    """For the admin of workflows."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_page), name="workflows_workflow_import"),
            path("<int:pk>/export/", view(self.export_page), name="workflows_workflow_export"),
            *super().get_urls(),
        ]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("workflows.view_workflow", "workflows.view_node"))

    def has_import_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(_NEEDED)

    @admin.action(description=gettext_lazy("Export as a file"), permissions=["export"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> HttpResponse:
        return _download(list(chosen(request, self.get_queryset(request), queryset)))

    def export_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One version as a file."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        return _download([get_object_or_404(visible(Workflow.objects.all(), request.user), pk=pk)])

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """A form for the file; then what would change; then, if that is confirmed, the import."""
        for permission in _NEEDED:
            require(request, permission)
        may_enable = request.user.has_perm("workflows.change_workflow")
        if "content" in request.POST:
            return self._confirmed(request, may_enable)
        sent = request.method == "POST"
        form = UploadForm(request.POST if sent else None, request.FILES if sent else None, may_enable=may_enable)
        if form.is_valid():
            try:
                return self._preview(request, form.cleaned_data["file"], form.cleaned_data.get("enable", False))
            except Invalid as error:
                add_errors(form, error)
        return self._page(request, "upload.html", _("Import workflows"), form=form, may_enable=may_enable)

    def _preview(self, request: HttpRequest, content: bytes | str, enable: bool) -> HttpResponse:
        definitions = _read(content)
        todo = transfer.plan(definitions, enable=enable, by=request.user)
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        confirm = ConfirmForm(initial={"content": _on_one_line(text), "seen": todo.fingerprint, "enable": enable})
        items = [_shown(item) for item in todo.items]
        return self._page(
            request, "preview.html", _("Import these workflows?"), items=items, confirm=confirm, plan=todo,
            count=sum(item.writes for item in todo.items),
        )  # fmt: skip

    def _confirmed(self, request: HttpRequest, may_enable: bool) -> HttpResponse:
        form = ConfirmForm(request.POST)
        listed = reverse("admin:workflows_workflow_changelist", current_app=self.admin_site.name)
        if not form.is_valid():
            messages.error(request, _("The file didn't come back whole; choose it again."))
            return HttpResponseRedirect(reverse("admin:workflows_workflow_import", current_app=self.admin_site.name))
        content, enable = _whole(form.cleaned_data["content"]), form.cleaned_data["enable"] and may_enable
        try:
            definitions = _read(content)
            if transfer.plan(definitions, enable=enable, by=request.user).fingerprint != form.cleaned_data["seen"]:
                messages.warning(request, _("Meanwhile something has changed; look at it once more."))
                return self._preview(request, content, enable)
            _plan, made = transfer.perform(definitions, enable=enable, by=request.user)
        except SluiceError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(listed)
        for each in made:
            self.log_addition(request, each.workflow, _("Imported"))
        sentence = ngettext("Imported %d workflow.", "Imported %d workflows.", len(made))
        messages.success(request, sentence % len(made))
        warn(request, [each.workflow for each in made if each.item.enable])
        if len(made) == 1:
            listed = reverse(
                "admin:workflows_workflow_change", args=[made[0].workflow.pk], current_app=self.admin_site.name
            )
        return HttpResponseRedirect(listed)

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        known = {"opts": self.opts, "title": title, "media": MEDIA, **context}
        return page_of_site(request, self.admin_site, f"admin/workflows/transfer/{template}", known)


def _read(content: bytes | str) -> list[transfer.Definition]:
    """Raises `Invalid` (field "file")."""
    definitions = transfer.read(content)
    if len(definitions) > MOST_WORKFLOWS:
        sentence = _("The file has more than %d workflows; split it, or use the command sluice_import on the server.")
        raise Invalid(sentence % MOST_WORKFLOWS, field="file")
    return definitions


def _download(rows: list[Workflow]) -> HttpResponse:
    name = f"workflow-{rows[0].pk}.json" if len(rows) == 1 else "workflows.json"
    answer = HttpResponse(transfer.dumped(transfer.exported(rows)), content_type="application/json")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


def _on_one_line(text: str) -> str:
    """The text without line breaks, which a form's field would change: what is no JSON as a JSON text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _whole(text: str) -> str:
    """What `_on_one_line` was given, or the same in JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text


def _shown(item: Item) -> dict[str, Any]:
    """What the preview tells of a definition."""
    known: dict[str, Any] = {"item": item, "badge": badge(item.state.label, _TONES[item.state])}
    if item.writes:
        draft = _draft(item)
        if item.known is not None and item.comparison is not None:
            stored = list(Node.objects.filter(workflow=item.known))
            known |= {**of_rows(item.known, stored, draft, list(item.nodes)), "first": item.known,
                      "second": _("Version %d") % item.version}  # fmt: skip
        else:
            known["rows"] = new_rows(Graph(draft, item.nodes))
    return known


def _draft(item: Item) -> Workflow:
    columns = {**item.columns, "type": item.definition.columns["type"], "key": item.definition.key or ""}
    draft = Workflow(**columns)
    draft.version = item.version
    return draft
