"""Query parameters and headers: what an action takes beside its body, said once for checking and for describing."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings

from workflows.listing.parameters import TEXT, Parameter, no_value

FIELDS = Parameter("fields", TEXT, gettext_lazy("Only these fields, with commas between."))
EXCLUDE = Parameter("exclude", TEXT, gettext_lazy("All but these fields, with commas between."))
REASON = Parameter("reason", TEXT, gettext_lazy("Why; kept in the history."))
IF_MATCH = Parameter(
    "If-Match", TEXT, gettext_lazy("The ETag that was read; 412 where the object has changed since."), "header"
)
IF_NONE_MATCH = Parameter(
    "If-None-Match", TEXT, gettext_lazy("ETags that are known; 304 where one of them still holds."), "header"
)


def takes_empty(request: Request) -> bool:
    """Whether parameters without a value are left aside: the forms of the browsable pages send all that they have."""
    return isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer)


def check_query(request: Request, known: Collection[str]) -> None:
    """Raises `ValidationError` for a query parameter that is not known, given twice or empty: no slip goes unseen."""
    errors: dict[str, Any] = {}
    for name, values in request.query_params.lists():
        if name not in known and name != api_settings.URL_FORMAT_OVERRIDE:
            errors[name] = _("There is no parameter of this name; there are: %s.") % (
                ", ".join(sorted(known)) or _("none")
            )
        elif len(values) > 1:
            errors[name] = _("Give it once.")
        elif name in known and not values[0].strip() and not takes_empty(request):
            errors[name] = no_value()
    if errors:
        raise ValidationError(errors)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false, false where it is not given. Raises `ValidationError`."""
    text = request.query_params.get(name, "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise ValidationError({name: _("Give true or false.")})
    return text in ("true", "1")


def names_of(request: Request, name: str, known: Collection[str]) -> list[str]:
    """A parameter's names, with commas between, or none. Raises `ValidationError` for one that is not known."""
    given = request.query_params.get(name, "")
    asked = [part.strip() for part in given.split(",") if part.strip()]
    if given and not asked and not takes_empty(request):
        raise ValidationError({name: no_value()})
    for each in asked:
        if each not in known:
            raise ValidationError(
                {
                    name: _("There is no field %(name)r; there are %(known)s.")
                    % {"name": each[:80], "known": ", ".join(known)}
                }
            )
    return asked
