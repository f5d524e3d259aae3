"""Filters in the query string that never guess: an unknown name or a bad value is a 400 that says what there is."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped]
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.settings import api_settings

from workflows.api.pagination import MAX_NUMBER


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        filters = {} if filterset is None else filterset.filters
        plain = (*view.paginator.params, "fields", api_settings.URL_FORMAT_OVERRIDE)
        errors: dict[str, Any] = {}
        for name, values in request.query_params.lists():
            if name not in filters and name not in plain:
                errors[name] = _("There is no filter of this name; there are %s.") % ", ".join(
                    sorted({*filters, "cursor", "page_size", "fields"})
                )
            elif len(values) > 1 and not isinstance(filters.get(name), ListFilter):
                errors[name] = _("Give it once.")
        if errors:
            raise exceptions.ValidationError(errors)
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


class _ListWidget(forms.TextInput):
    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        values: list[str] = data.getlist(name) if hasattr(data, "getlist") else [data.get(name, "")]
        return [part.strip() for value in values for part in value.split(",") if part.strip()]

    def format_value(self, value: Any) -> str | None:
        return ",".join(value) if isinstance(value, list) else value


class ListField(forms.Field):
    """Several values, repeated or with commas between; each is cleaned by `each`."""

    widget = _ListWidget

    def __init__(self, *, each: forms.Field, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.each = each

    def clean(self, value: Any) -> list[Any]:
        if len(value) > 200:
            raise ValidationError(_("Give 200 values at most."))
        return [self.each.clean(item) for item in value]


class ListFilter(django_filters.Filter):  # type: ignore[misc]
    """True of rows whose column has one of the values."""

    field_class = ListField

    def filter(self, queryset: QuerySet[Any], values: Sequence[Any]) -> QuerySet[Any]:
        if not values:
            return queryset
        queryset = queryset.filter(**{f"{self.field_name}__in": values})
        return queryset.distinct() if self.distinct else queryset


def text_field(max_length: int = 255) -> forms.Field:
    return forms.CharField(max_length=max_length)


class IdField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_NUMBER, **kwargs)


class IdFilter(django_filters.Filter):  # type: ignore[misc]
    """One id; for a list whose order hangs on it."""

    field_class = IdField


def texts(field_name: str, **kwargs: Any) -> ListFilter:
    return ListFilter(field_name=field_name, each=text_field(), **kwargs)


def ids(field_name: str, **kwargs: Any) -> ListFilter:
    return ListFilter(field_name=field_name, each=IdField(), **kwargs)


class _FlagField(forms.CharField):
    """Django's own boolean fields take any text for a yes or a no."""

    def clean(self, value: Any) -> bool | None:
        text = super().clean(value).lower()
        if text == "":
            return None
        if text not in ("true", "false", "1", "0"):
            raise ValidationError(_("Give true or false."))
        return text in ("true", "1")


class FlagFilter(django_filters.Filter):  # type: ignore[misc]
    """True or false; a null column counts as false."""

    field_class = _FlagField

    def filter(self, queryset: QuerySet[Any], value: bool | None) -> QuerySet[Any]:
        if value is None:
            return queryset
        if value:
            return queryset.filter(**{self.field_name: True})
        return queryset.exclude(**{self.field_name: True})


class _InstantField(django_filters.fields.IsoDateTimeField):  # type: ignore[misc]
    """ISO 8601; without an offset it is meant in the server's time zone."""

    def clean(self, value: Any) -> Any:
        if isinstance(value, str) and value:
            # A "+" of an offset that was not escaped arrives as a space.
            value = value.strip().replace(" ", "+" if "T" in value else "T")
        try:
            moment = super().clean(value)
            return None if moment is None else moment.astimezone(UTC)
        except (OverflowError, ValueError):
            raise ValidationError(_("Give a date and time as 2026-01-31T12:00:00Z.")) from None


class InstantFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = _InstantField


def since(field_name: str) -> InstantFilter:
    """At this moment or later."""
    return InstantFilter(field_name=field_name, lookup_expr="gte")


def until(field_name: str) -> InstantFilter:
    """Before this moment."""
    return InstantFilter(field_name=field_name, lookup_expr="lt")


class StrictFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The base of our filter sets; nothing is derived from a model, so nothing is filterable by accident."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, item in self.filters.items():
            item.label = name
