"""The form that makes an access key."""

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.urls import NoReverseMatch, reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions import accesskeys
from executions.admin.running import RowInput
from executions.models import AccessKey, Dialect
from workflows import people
from workflows.admin.forms import OperationForm
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.visibility import visible

#: Workflows that it offers; the command takes any.
OFFERED = 1_000


class Chooser(FilteredSelectMultiple):
    """The stock one; its script takes the place of all that stands beside it, so it stands alone."""

    template_name = "admin/executions/accesskey/chooser.html"


class AccessKeyForm(OperationForm):
    person = forms.CharField(label=gettext_lazy("User"), max_length=255, help_text=gettext_lazy("Whose key it is."))
    dialects = forms.MultipleChoiceField(
        label=gettext_lazy("Interfaces"),
        required=False,
        choices=Dialect.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Those that take the key; without any, all do."),
    )
    workflows = forms.MultipleChoiceField(
        label=gettext_lazy("Workflows"),
        required=False,
        widget=Chooser(gettext_lazy("workflows"), is_stacked=False),
        help_text=gettext_lazy("Those that the key reaches, all versions; without any, all that its user may see."),
    )
    #: Sent again, as by a reload, the form makes no second key.
    once = forms.CharField(widget=forms.HiddenInput, max_length=64, initial=lambda: get_random_string(32))

    #: Set by the admin: the name of its site.
    site = "admin"
    #: What errors of the operation call the field.
    aliases = {"user": "person"}
    made: accesskeys.NewKey

    class Meta:
        model = AccessKey
        fields = ["name", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["workflows"].choices = _offered(self.by)  # type: ignore[attr-defined]
        if not self.by.is_superuser:
            del self.fields["person"]
            return
        self.fields["person"].initial = self.by.get_username()
        with suppress(NoReverseMatch):
            found = reverse("admin:workflows_node_people", current_app=self.site)
            self.fields["person"].widget = RowInput(f"{found}?of=person")

    def operate(self, adding: bool) -> AccessKey:
        given = self.cleaned_data
        self.made = accesskeys.create(
            _person(given["person"]) if "person" in given else self.by,
            name=given["name"],
            dialects=given["dialects"],
            workflows=given["workflows"],
            expires_at=given["expires_at"],
            by=self.by,
            once=given["once"],
        )
        return self.made.row


def _offered(user: Any) -> list[tuple[str, str]]:
    rows = visible(Workflow.objects.current(), user).order_by("title", "pk")
    return [
        (key, f"{title} ({name})" if name else title)
        for key, title, name in rows.values_list("key", "title", "name")[:OFFERED]
    ]


def _person(text: str) -> Any:
    """The active user of this name or key. Raises `Invalid` (field "user")."""
    found = people.find([text])
    if len(found.ids) != 1:
        raise Invalid(_("There is no active user %r; give the name they sign in with.") % text, field="user")
    return people.active().get(pk=found.ids[0])
