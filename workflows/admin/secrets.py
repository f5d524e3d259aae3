"""Secrets in the admin: entered, entered anew, never shown."""

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from workflows import secrets
from workflows.admin.base import OperationAdmin
from workflows.admin.forms import OperationForm
from workflows.admin.history import HistoryMixin
from workflows.errors import NotFound
from workflows.models import HistoryEntry, HistoryQuerySet, Secret
from workflows.templatetags.sluice import moment


class SecretForm(OperationForm):
    value = forms.CharField(
        label=_("Value"),
        required=False,
        strip=False,
        # A browser offers neither what it knows of other sites nor to keep this one.
        widget=forms.PasswordInput({"class": "vTextField", "autocomplete": "new-password"}, render_value=False),
    )

    class Meta:
        model = Secret
        fields = ["name", "description"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "value" in self.fields:
            adding = self.instance.pk is None
            self.fields["value"].required = adding
            self.fields["value"].help_text = (
                _("Kept encrypted; nobody will see it again.") if adding else _("Leave empty to keep the present one.")
            )

    @sensitive_variables("given")
    def operate(self, adding: bool) -> Secret:
        given = self.cleaned_data
        if adding:
            return secrets.create(given["name"], given["value"], description=given["description"], by=self.by)
        return secrets.change(self.instance, value=given["value"] or None, description=given["description"], by=self.by)


@method_decorator(sensitive_post_parameters("value"), name="changeform_view")
class SecretAdmin(HistoryMixin, OperationAdmin[Secret]):
    form = SecretForm
    list_display = ["name", "description", "can_be_opened", "changed_by", "shown_updated"]
    search_fields = ["name", "description"]
    sortable_by = ["name", "shown_updated"]
    readonly_fields = ["can_be_opened", "changed_by", "shown_updated"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Secret]:
        # Joined, a user who is gone reads as None.
        return super().get_queryset(request).select_related("updated_by")

    def get_fields(self, request: HttpRequest, obj: Secret | None = None) -> Any:
        if obj is None:
            return ["name", "value", "description"]
        entered = ["value"] if self.has_change_permission(request, obj) else []
        return ["name", *entered, "description", *self.readonly_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Secret | None = None) -> list[str]:
        # Workflows call it by its name.
        return [*self.readonly_fields, *(["name"] if obj is not None else [])]

    def entries_of(self, row: Secret) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind="secret", object_id=row.pk)

    def delete_model(self, request: HttpRequest, obj: Secret) -> None:
        # Somebody else may have been faster.
        with suppress(NotFound):
            secrets.delete(obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Secret]) -> None:
        for secret in queryset:
            self.delete_model(request, secret)

    @admin.display(description=_("can be opened"), boolean=True)
    def can_be_opened(self, secret: Secret) -> bool:
        return secrets.opens(secret)

    @admin.display(description=_("updated at"), ordering="updated_at")
    def shown_updated(self, secret: Secret) -> str:
        return moment(secret.updated_at)

    @admin.display(description=_("changed by"))
    def changed_by(self, secret: Secret) -> Any:
        if secret.updated_by_id is None:
            return None
        return secret.updated_by or _("deleted user %s") % secret.updated_by_id
