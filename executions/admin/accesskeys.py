"""Access keys in the admin: made, their secrets shown this once, looked at, revoked, and deleted when they have ended.

Everybody sees their own, a superuser all. A key is never changed: programs hold it.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from executions import accesskeys
from executions.accesskeys import State
from executions.admin.keyform import AccessKeyForm
from executions.admin.steps import RUN_STYLES
from executions.models import AccessKey, Dialect
from workflows import secrets
from workflows.admin.base import OperationAdmin, badge, chosen, confirm_page, form_page, page_of_site
from workflows.admin.forms import ReasonField, ReasonForm
from workflows.admin.history import HistoryMixin
from workflows.errors import NotFound, SluiceError
from workflows.listing.pages import as_id
from workflows.models import HistoryEntry, HistoryQuerySet, Workflow
from workflows.visibility import narrowed, visible

#: Titles of workflows that a row of the list tells.
TOLD = 3
_TONES = {State.ACTIVE: "good", State.EXPIRED: "off", State.REVOKED: "off", State.IDLE: "wait"}


class RevokeForm(forms.Form):
    reason = ReasonField()


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return list(reversed(State.choices))

    def queryset(self, request: HttpRequest, queryset: QuerySet[AccessKey]) -> QuerySet[AccessKey]:
        state = self.value()
        return accesskeys.in_state(queryset, state) if state in State.values else queryset


class AccessKeyAdmin(HistoryMixin, OperationAdmin[AccessKey]):
    form = AccessKeyForm
    list_display = [
        "shown_name", "shown_state", "shown_user", "shown_limits", "shown_expires", "shown_used", "shown_created",
    ]  # fmt: skip
    list_filter = [StateFilter]
    sortable_by = []
    ordering = ["-id"]
    actions = ["revoke_selected", "delete_selected"]
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    change_form_template = "admin/executions/accesskey/change_form.html"

    class Media:
        css = RUN_STYLES

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_page)
        return [path("<int:pk>/revoke/", view, name="executions_accesskey_revoke"), *super().get_urls()]

    def entries_of(self, row: AccessKey) -> HistoryQuerySet:
        return HistoryEntry.objects.filter(object_kind="access_key", object_id=row.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessKey]:
        # Joined, a user who is gone reads as None.
        rows = super().get_queryset(request).select_related("user", "created_by")
        return rows if _sees_all(request) else rows.filter(user=request.user.pk)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AccessKey | None:
        pk = as_id(object_id)
        return None if pk is None else self.get_queryset(request).filter(pk=pk).first()

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["name", "access_key_id", f"user__{get_user_model().USERNAME_FIELD}"]

    def has_view_permission(self, request: HttpRequest, obj: AccessKey | None = None) -> bool:
        """Who makes keys for themselves can look at them and revoke them; `get_queryset` holds no others."""
        return any(request.user.has_perm(f"executions.{action}_accesskey") for action in ("view", "add"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: AccessKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccessKey | None = None) -> bool:
        """One that still opens something is revoked first, which the history then tells."""
        may = request.user.has_perm("executions.delete_accesskey")
        return may and (obj is None or accesskeys.has_ended(obj))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: AccessKey | None = None) -> Any:
        if obj is not None:
            # The page's own template shows everything.
            return []
        person = ["person"] if request.user.is_superuser else []
        description = _("Without limits the key may do whatever its user may.")
        return [
            (None, {"fields": [*person, "name", "expires_at", "once"]}),
            (_("Limits"), {"fields": ["dialects", "workflows"], "description": description}),
        ]

    def get_form(self, request: HttpRequest, obj: AccessKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.site = self.admin_site.name
        return form

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        listed = super().get_changelist_instance(request)
        rows = list(listed.result_list)
        titles = _titles(rows, request.user)
        for row in rows:
            row.workflow_titles = _spelled(row, titles, request.user)
        listed.result_list = rows
        return listed

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        return {"title": _("Make an access key")}

    def page_context(self, request: HttpRequest, key: AccessKey, /) -> dict[str, Any]:
        state = accesskeys.state_of(key)
        titles = _titles([key], request.user)
        return {
            **_example_of(request, key),
            "badge": _badge(state),
            "whose": _user(key.user_id, key.user),
            "author": _user(key.created_by_id, key.created_by),
            "dialects": _dialects(key),
            "workflows": _spelled(key, titles, request.user),
            "used": _minute(key.last_used_at),
            "may_revoke": key.revoked_at is None,
            "has_ended": accesskeys.has_ended(key),
            "may_delete": self.has_delete_permission(request, key),
            "unopened": state == State.ACTIVE and not secrets.opens(key),
        }

    def save_model(self, request: HttpRequest, obj: AccessKey, form: Any, change: Any) -> None:
        # For the answer to this request, and nowhere else.
        request.sluice_made = form.made  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: AccessKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the secrets is the answer itself: they are kept for no other page, and a reload has none."""
        context = {
            **_example_of(request, obj),
            "title": _("Access key made"),
            "opts": self.opts,
            "made": request.sluice_made,  # type: ignore[attr-defined]
            "media": forms.Media(css={**RUN_STYLES}),
        }
        response = page_of_site(request, self.admin_site, "admin/executions/accesskey/made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def revoke_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        key = get_object_or_404(self.get_queryset(request), pk=pk)
        back = reverse("admin:executions_accesskey_change", args=[pk], current_app=self.admin_site.name)

        def run(given: Mapping[str, Any]) -> HttpResponse:
            accesskeys.revoke(key, by=request.user, reason=given["reason"])
            messages.success(request, _("Revoked: %s.") % key)
            return HttpResponseRedirect(back)

        return form_page(
            request, site=self.admin_site, model=AccessKey, title=_("Revoke %s") % key, original=key, back=back,
            danger=True, form=RevokeForm(request.POST if request.method == "POST" else None), run=run,
            submit=_("Revoke"),
            sentences=[_("Whatever comes with this key is refused from then on. There is no way back.")],
        )  # fmt: skip

    def delete_model(self, request: HttpRequest, obj: AccessKey) -> None:
        # Somebody else may have been faster.
        with suppress(NotFound):
            accesskeys.delete(obj, by=request.user)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[AccessKey]) -> HttpResponse | None:
        rows = list(chosen(request, self.get_queryset(request), queryset).filter(revoked_at=None))
        form = ReasonForm.of(request)
        if rows and not form.is_valid():
            sentences = [_("Whatever comes with these keys is refused from then on. There is no way back.")]
            return self._ask(request, rows, form, "revoke_selected", _("Revoke access keys?"), sentences)
        done = self._each(request, rows, accesskeys.revoke, form)
        messages.success(request, ngettext("Revoked %d access key.", "Revoked %d access keys.", done) % done)
        return None

    # Takes the place of Django's own, which would count those as deleted that have not ended.
    @admin.action(description=gettext_lazy("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[AccessKey]) -> HttpResponse | None:
        rows = list(chosen(request, self.get_queryset(request), queryset))
        form = ReasonForm.of(request)
        if rows and not form.is_valid():
            sentences = [_("Those that have not ended stay: revoke them first."), _("There is no way back.")]
            return self._ask(request, rows, form, "delete_selected", _("Delete access keys?"), sentences)
        done = self._each(request, rows, accesskeys.delete, form)
        messages.success(request, ngettext("Deleted %d access key.", "Deleted %d access keys.", done) % done)
        return None

    def _ask(
        self, request: HttpRequest, rows: list[AccessKey], form: forms.Form, action: str, title: str, said: list[str]
    ) -> HttpResponse:
        return confirm_page(
            request, site=self.admin_site, model=AccessKey, title=title, names=[_named(row) for row in rows],
            sentences=said, submit=_("Yes, I’m sure"), form=form, selected=[row.pk for row in rows], action=action,
        )  # fmt: skip

    def _each(self, request: HttpRequest, rows: list[AccessKey], operate: Any, form: forms.Form) -> int:
        done = 0
        for row in rows:
            try:
                operate(row, by=request.user, reason=form.cleaned_data["reason"])
            except SluiceError as error:
                messages.error(request, str(error))
            else:
                done += 1
        return done

    @admin.display(description=gettext_lazy("access key"))
    def shown_name(self, key: AccessKey) -> SafeString:
        return format_html('{}<br><code class="sluice-quiet">{}</code>', key.name or _("no name"), key.access_key_id)

    @admin.display(description=gettext_lazy("user"))
    def shown_user(self, key: AccessKey) -> str:
        return _user(key.user_id, key.user)

    @admin.display(description=gettext_lazy("limits"))
    def shown_limits(self, key: AccessKey) -> str:
        titles: list[str] = getattr(key, "workflow_titles", [])
        told = ", ".join(titles[:TOLD])
        if len(titles) > TOLD:
            told = _("%(some)s and %(count)d more") % {"some": told, "count": len(titles) - TOLD}
        return format_html("{}<br>{}", _dialects(key), told or _("all workflows"))

    @admin.display(description=gettext_lazy("created"))
    def shown_created(self, key: AccessKey) -> str:
        return _minute(key.created_at)

    @admin.display(description=gettext_lazy("last used"))
    def shown_used(self, key: AccessKey) -> str:
        return _minute(key.last_used_at)

    @admin.display(description=pgettext_lazy("access key", "Expires"))
    def shown_expires(self, key: AccessKey) -> str:
        return pgettext("expires", "never") if key.expires_at is None else _minute(key.expires_at)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, key: AccessKey) -> SafeString:
        return _badge(accesskeys.state_of(key))


def _sees_all(request: HttpRequest) -> bool:
    return request.user.is_active and bool(getattr(request.user, "is_superuser", False))


def _titles(keys: list[AccessKey], user: Any) -> dict[str, str]:
    """The titles of the workflows that these are limited to, of those that the user sees; one query at most."""
    named = {each for key in keys for each in key.workflows}
    if not named:
        return {}
    rows = visible(Workflow.objects.current(), user).filter(key__in=named)
    return dict(rows.order_by().values_list("key", "title"))


def _spelled(key: AccessKey, titles: Mapping[str, str], user: Any) -> list[str]:
    """What it is limited to; none means all. What the user may not see is only counted."""
    told = sorted(titles[each] for each in key.workflows if each in titles)
    gone = [each for each in key.workflows if each not in titles]
    if gone and narrowed(user):
        return [*told, ngettext("%d that you don't see", "%d that you don't see", len(gone)) % len(gone)]
    return [*told, *(_("deleted workflow %s") % each for each in gone)]


def _example_of(request: HttpRequest, key: AccessKey) -> dict[str, Any]:
    """What examples for the makers' clients need; the secrets they read from the environment."""
    taken = key.dialects or Dialect.values
    workflow_key, workflow_name = _workflow_of(key)
    return {
        "key": key,
        "host": request.get_host(),
        "scheme": request.scheme,
        "examples": taken,
        "signs": Dialect.CLOUDFLOW in taken or Dialect.FUNCTIONGRAPH in taken,
        "workflow_key": workflow_key or "...",
        "workflow_name": workflow_name or "...",
    }


def _workflow_of(key: AccessKey) -> tuple[str | None, str | None]:
    """Key and name of a workflow in reach of the key: enabled ones first, then by name; None where there is none."""
    if key.user is None:
        return None, None
    rows = visible(Workflow.objects.current(), key.user)
    if key.workflows:
        rows = rows.filter(key__in=key.workflows)
    found = rows.order_by("-enabled", F("name").asc(nulls_last=True), "pk").values_list("key", "name").first()
    return found or (None, None)


def _user(pk: Any, user: Any) -> str:
    if user is not None:
        return str(user)
    return "" if pk is None else _("deleted user %s") % pk


def _dialects(key: AccessKey) -> str:
    return ", ".join(Dialect(each).label for each in key.dialects if each in Dialect.values) or _("all interfaces")


def _named(key: AccessKey) -> str:
    return f"{key}, {_user(key.user_id, key.user)}, {accesskeys.state_of(key).label}"


def _badge(state: State) -> SafeString:
    return badge(capfirst(state.label), _TONES[state])


def _minute(when: Any) -> SafeString | str:
    """Finer the last use is not kept."""
    if when is None:
        return pgettext("last used", "never")
    local = timezone.localtime(when)
    date, hour = f"{local:%Y-%m-%d}", f"{local:%H:%M}"
    return format_html('<time datetime="{}"><span>{}</span> {}</time>', local.isoformat(), date, hour)
