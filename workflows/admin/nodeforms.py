"""The forms of nodes: their own, and those of the small pages that add, move, copy and delete them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows import editing, undoing
from workflows.admin.forms import JsonField, OperationForm
from workflows.admin.schemaform import SchemaField
from workflows.admin.schemaform.fields import draft
from workflows.instructions import instructions
from workflows.instructions.base import Instruction
from workflows.models import Node
from workflows.policy import Policy

#: Stands for a place to be chosen where the one that was asked for is gone.
NO_PLACE = "-"


class NodeForm(OperationForm):
    #: The state of the version that the person has seen, set by the admin for the request.
    seen = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settle(self, instructions().get(self.instance.type))

    def operate(self, adding: bool) -> Node:
        with undoing.undoable(self.instance.workflow, by=self.by, seen=self.seen) as edit:
            node = editing.change_node(self.instance, by=self.by, **self.changed())
            edit.what = _("Changed node “%s”.") % node
        return node


class PlaceForm(forms.Form):
    """Where a node goes."""

    aliases = {"upstream": "place", "branch_index": "place"}

    place = forms.ChoiceField(label=gettext_lazy("Place"), required=False)

    def __init__(self, *args: Any, places: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = places  # type: ignore[attr-defined]

    def clean_place(self) -> str:
        place: str = self.cleaned_data["place"]
        if place == NO_PLACE:
            raise forms.ValidationError(_("Choose where the node shall stand."))
        return place


def settle(form: forms.BaseForm, kind: Instruction[Any] | None) -> None:
    """Gives a node's form the controls of its kind; a kind that is not installed leaves it JSON."""
    if kind is not None and "config" in form.fields:
        form.fields["config"] = SchemaField(kind.Config, label=_("Configuration"))
    if "policy" in form.fields:
        form.fields["policy"] = SchemaField(Policy, folded=True, label=_("Policy"))
    sent = getattr(form, "draft", None)
    if sent is not None:
        draft(form, sent)


class NewNodeForm(PlaceForm):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=255, required=False, widget=AdminTextInputWidget)
    config = JsonField(required=False)
    policy = JsonField(required=False)

    field_order = ["title", "config", "policy", "place"]

    def __init__(self, *args: Any, kind: Instruction[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settle(self, kind)


class DeleteNodeForm(forms.Form):
    keep_branch = forms.ChoiceField(
        label=gettext_lazy("Nodes in its branches"), widget=forms.RadioSelect, required=False
    )

    def __init__(self, *args: Any, branches: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if branches:
            self.fields["keep_branch"].choices = [("", _("Delete them all")), *branches]  # type: ignore[attr-defined]
        else:
            del self.fields["keep_branch"]


class DeleteBranchForm(forms.Form):
    shift = forms.BooleanField(
        label=gettext_lazy("Close the gap"),
        required=False,
        help_text=gettext_lazy("Branches with a higher number move down by one."),
    )

    def __init__(self, *args: Any, shifts: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not shifts:
            del self.fields["shift"]
