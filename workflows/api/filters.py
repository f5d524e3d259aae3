"""Filters in the query string that never guess: an unknown name or a bad value is a 400 that says what there is."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped]
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.settings import api_settings

from workflows.api.parameters import takes_empty
from workflows.listing.filters import ListFilter
from workflows.listing.parameters import no_value


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        filters = {} if filterset is None else filterset.filters
        ours = {*view.paginator.params, *(each.name for each in view.parameters_of("list") if each.place == "query")}
        plain = {*ours, api_settings.URL_FORMAT_OVERRIDE}
        lenient = takes_empty(request)
        errors: dict[str, Any] = {} if filterset is None else {**filterset.refused}
        for name, values in request.query_params.lists():
            if name not in filters and name not in plain:
                errors.setdefault(
                    name, _("There is no filter of this name; there are %s.") % ", ".join(sorted({*filters, *ours}))
                )
            elif len(values) > 1 and not isinstance(filters.get(name), ListFilter):
                errors[name] = _("Give it once.")
            elif not lenient and name != api_settings.URL_FORMAT_OVERRIDE and not all(map(str.strip, values)):
                errors[name] = no_value()
        if errors:
            raise exceptions.ValidationError(errors)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise exceptions.ValidationError(_details(filterset.errors))
        if not lenient and (empty := filterset.empty()):
            raise exceptions.ValidationError(dict.fromkeys(empty, no_value()))
        view.listing = filterset.listing()
        filtered: QuerySet[Any] = filterset.qs
        return filtered


def _details(errors: Any) -> dict[str, Any]:
    """A form's errors as DRF's; not by django-filter's own, which takes a % that was sent for a place to fill."""
    return {
        name: [exceptions.ErrorDetail(each["message"], each["code"] or "invalid") for each in found]
        for name, found in errors.get_json_data().items()
    }
