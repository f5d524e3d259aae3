"""What all our admin pages share: a paginator that never counts much, badges, and pages around one form."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workflows.admin.forms import add_errors
from workflows.errors import SluiceError

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    # Only the stubs know these as generic.
    ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator[Any]
else:

    class ModelAdmin(admin.ModelAdmin):
        def __class_getitem__(cls, item):
            return cls

    _Paginator = Paginator

#: The most rows a list counts; further ones are found by filters and search.
COUNTED = 10_000
STYLES: dict[str, Sequence[str]] = {"all": ["workflows/admin.css"]}


class CappedPaginator(_Paginator):
    """Counts at most `COUNTED` rows, so that a list of millions opens as fast as one of hundreds."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:COUNTED].count() if isinstance(rows, QuerySet) else len(rows)


def badge(text: Any, tone: str) -> SafeString:
    """A word on a coloured ground; the word says all that the colour says. Tones: good, bad, busy, wait, off."""
    return format_html('<span class="sluice-badge sluice-{}">{}</span>', tone, text)


def require(request: HttpRequest, permission: str) -> None:
    """Raises `PermissionDenied` (403) unless the user has it."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def form_page(
    request: HttpRequest,
    *,
    site: admin.AdminSite,
    model: type[Model],
    title: str | Promise,
    form: forms.Form,
    run: Callable[[Mapping[str, Any]], HttpResponse],
    submit: str | Promise,
    template: str = "admin/workflows/form_page.html",
    **context: Any,
) -> HttpResponse:
    """A page with one form: `run` does the work and answers a redirect; what it refuses shows at the form's fields."""
    if request.method == "POST" and form.is_valid():
        try:
            return run(form.cleaned_data)
        except SluiceError as error:
            add_errors(form, error)
    known = {
        "opts": model._meta,
        "title": title,
        "form": form,
        "submit": submit,
        "media": forms.Media(css=STYLES) + form.media,
        **context,
    }
    return page_of_site(request, site, template, known)


def post_page(request: HttpRequest, run: Callable[[], tuple[str, str]], back: str) -> HttpResponse:
    """A button's POST: `run` answers the sentence to show and where to go; a refusal shows as an error on `back`."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        sentence, back = run()
    except SluiceError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, sentence)
    return HttpResponseRedirect(back)


def confirm_page(
    request: HttpRequest,
    *,
    site: admin.AdminSite,
    model: type[Model],
    title: str,
    names: Sequence[str],
    sentences: Sequence[str],
    submit: str,
    selected: Sequence[int] = (),
    action: str = "",
) -> HttpResponse:
    """Asks before something is done to `selected`; with `action` the answer goes to that action of the list."""
    context = {
        "opts": model._meta,
        "title": title,
        "names": names,
        "sentences": sentences,
        "submit": submit,
        "selected": selected,
        "action": action,
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "media": forms.Media(css=STYLES),
    }
    return page_of_site(request, site, "admin/workflows/confirm.html", context)


def page_of_site(request: HttpRequest, site: admin.AdminSite, template: str, context: dict[str, Any]) -> HttpResponse:
    # Addresses on the page lead to the site it belongs to, also where a project has several.
    request.current_app = site.name
    return TemplateResponse(request, template, {**site.each_context(request), **context})
