"""What all our admin pages share: a paginator that never counts much, badges, and pages around one form."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import JSONField, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from workflows.admin.forms import JsonField, add_errors, pretty
from workflows.admin.schemaform.fields import DO, draft
from workflows.errors import SluiceError

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    # Only the stubs know these as generic.
    _ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator[Any]
else:

    class _ModelAdmin(admin.ModelAdmin):
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


class RowList(ChangeList):
    """Asked by its filters and its search alone: the stock one takes any column, also what is masked in it."""

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        if found[2]:
            raise IncorrectLookupParameters(", ".join(found[2]))
        return found


class ModelAdmin(_ModelAdmin[M]):
    """The stock admin, but for pages with more than a form, for lists that tell nothing else than they show, and for
    what would be an error of the server: a ticked row whose id is none."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RowList]:
        return RowList

    def new_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the page of a new row shows besides its form."""
        return {}

    def page_context(self, request: HttpRequest, row: M, /) -> dict[str, Any]:
        """What the page of a row shows besides its form."""
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is None:
            context.update(self.new_context(request))
        else:
            # A form that was refused has left its values on `obj`.
            row = obj if request.method == "GET" else self.get_queryset(request).get(pk=obj.pk)
            context.update(self.page_context(request, row), title=str(row), subtitle=None)
            context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[M], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        sent = request.POST.copy()
        sent.setlist(ACTION_CHECKBOX_NAME, ticked(request))
        request.POST = sent  # type: ignore[assignment]
        return super().response_action(request, queryset, *args, **kwargs)


class OperationAdmin(ModelAdmin[M]):
    """An admin whose form does the saving itself, by an operation; settings in JSON, and a page with more than a form.

    The form is an `OperationForm`.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    formfield_overrides = {JSONField: {"form_class": JsonField}}

    class Media:
        css = STYLES

    @admin.display(description=gettext_lazy("configuration"))
    def shown_config(self, row: Any) -> str:
        return shown_json(row.config)

    def get_form(self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        draft = request.POST if DO in request.POST else None
        return type(form.__name__, (form,), {"by": request.user, "draft": draft})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if DO in request.POST:
            # A button of the form that saves nothing: the page is shown again, with what was typed.
            request.method = "GET"
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: Any) -> None:
        """The form's operation has saved it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """What is related was saved with it."""


def shown_json(value: Any) -> SafeString:
    return format_html('<pre class="sluice-json">{}</pre>', pretty(value))


def badge(text: Any, tone: str) -> SafeString:
    """A word on a coloured ground; the word says all that the colour says. Tones: good, bad, busy, wait, off."""
    return format_html('<span class="sluice-badge sluice-{}">{}</span>', tone, text)


def chosen(request: HttpRequest, known: QuerySet[M], listed: QuerySet[M]) -> QuerySet[M]:
    """The rows that an action of a list is for. One that was ticked is meant, also if it left the filter since it was
    shown: of `known`, which are those without a filter."""
    if request.POST.get("select_across") == "1":
        return listed
    return known.filter(pk__in=ticked(request))


def ticked(request: HttpRequest) -> list[str]:
    """The ids of the rows ticked in a list; what can't be an id is left out."""
    sent = request.POST.getlist(ACTION_CHECKBOX_NAME)
    return [text for text in sent if text.isascii() and text.isdecimal() and len(text) < 19]


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
    if live(request):
        # Other ids than those of the page's own form.
        form.auto_id = "drawer_%s"
    if DO in request.POST:
        draft(form, request.POST)
    elif request.method == "POST" and form.is_valid():
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
    response = page_of_site(request, site, template, known)
    if getattr(form, "moved", False):
        # The canvas behind the drawer is drawn anew; whoever then saves again has seen it.
        response["HX-Trigger"] = "sluice:moved"
    return response


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
    form: forms.Form,
    selected: Sequence[int] = (),
    action: str = "",
    back: str = "",
) -> HttpResponse:
    """Asks before something is done to `selected`; with `action` the answer goes to that action of the list.

    Whoever thinks better of it goes to `back`, without one to the list. Without `submit` there is nothing to
    confirm: the sentences say why.
    """
    context = {
        "opts": model._meta,
        "title": title,
        "names": names,
        "sentences": sentences,
        "submit": submit,
        "form": form,
        "selected": selected,
        "action": action,
        "back": back,
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "media": forms.Media(css=STYLES),
    }
    return page_of_site(request, site, "admin/workflows/confirm.html", context)


def live(request: HttpRequest) -> bool:
    """Whether htmx asks, for a part of a page: what stands in the drawer, or the canvas."""
    return request.headers.get("HX-Request") == "true"


def page_of_site(request: HttpRequest, site: admin.AdminSite, template: str, context: dict[str, Any]) -> HttpResponse:
    # Addresses on the page lead to the site it belongs to, also where a project has several.
    request.current_app = site.name
    base = "admin/workflows/drawer.html" if live(request) else "admin/base_site.html"
    return TemplateResponse(
        request, template, {**site.each_context(request), "base_template": base, "live": live(request), **context}
    )
