"""What lists are filtered by: a value is checked before the database sees it, and a wrong one is told what there is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from workflows.listing.pages import MAX_NUMBER, Listing
from workflows.listing.parameters import Parameter


def schema_of(field: forms.Field) -> dict[str, Any]:
    """The JSON Schema of what a filter's form field takes."""
    own = getattr(field, "openapi", None)
    if own is not None:
        return dict(own)
    if isinstance(field, forms.IntegerField):
        return {"type": "integer"}
    found: dict[str, Any] = {"type": "string"}
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        found["enum"] = [str(value) for value, _label in choices if value != ""]
    elif getattr(field, "max_length", None) is not None:
        found["maxLength"] = field.max_length  # type: ignore[attr-defined]
    return found


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

    @property
    def openapi(self) -> dict[str, Any]:
        return {"type": "array", "items": schema_of(self.each)}

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


class _KindField(forms.CharField):
    """A kind that is registered, or that rows have whose own was; `known` and the model are asked when it is used."""

    def __init__(self, known: Callable[[], Iterable[str]], model: type[Model], column: str) -> None:
        super().__init__(max_length=255)
        self.known = known
        self.model = model
        self.column = column

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        known = sorted(self.known())
        if text not in known and not self.model._default_manager.filter(**{self.column: text}).exists():
            raise ValidationError(
                _("There is no %(given)r; there are %(known)s.") % {"given": text[:40], "known": ", ".join(known)}
            )
        return text


def kinds(column: str, known: Callable[[], Iterable[str]], model: type[Model], **kwargs: Any) -> ListFilter:
    """Of a column that says what kind its row is; a kind that there is not is refused with those there are."""
    return ListFilter(field_name=column, each=_KindField(known, model, column), **kwargs)


class IdField(forms.IntegerField):
    openapi = {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}

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

    openapi = {"type": "boolean"}

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

    openapi = {"type": "string", "format": "date-time"}

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


def is_empty(value: Any) -> bool:
    """Whether a cleaned value asks for nothing; no and nought ask for something."""
    return value is None or value in ("", [])


class StrictFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The base of our filter sets; nothing is derived from a model, so nothing is filterable by accident."""

    #: Parameters that no declared filter stands for, as where a name holds a path.
    further: Sequence[Parameter] = ()

    @classmethod
    def described(cls) -> list[Parameter]:
        """Its parameters, for the API's description."""
        declared = (
            Parameter(name, schema_of(item.field), item.extra.get("help_text", ""))
            for name, item in cls.base_filters.items()
        )
        return [*declared, *cls.further]

    #: What helps where a list takes too long.
    narrow_by = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Parameters that `further` has room for and that are wrong, with a sentence each.
        self.refused: dict[str, Any] = {}
        for name in self.data or ():
            if name not in self.filters:
                self._add(name)
        for name, item in self.filters.items():
            item.label = name

    def _add(self, name: str) -> None:
        try:
            item = self.filter_for(name)
        except ValidationError as error:
            self.refused[name] = error.messages
            return
        if item is not None:
            item.parent = self
            item.model = self.queryset.model
            self.filters[name] = item

    def filter_for(self, name: str) -> django_filters.Filter | None:
        """The filter of a parameter that is not declared, or None. Raises `ValidationError` for a wrong name."""
        return None

    def refusals(self) -> dict[str, str]:
        """A sentence for each parameter that is wrong."""
        wrong = self.refused or self.form.errors
        return {name: " ".join(map(str, lines)) for name, lines in wrong.items()}

    def empty(self) -> list[str]:
        """Of the parameters that are given, those without a value; where all of them are valid."""
        cleaned = self.form.cleaned_data if self.is_valid() else {}
        return [name for name in self.data if name in cleaned and is_empty(cleaned[name])]

    def listing(self) -> Listing | None:
        """How the pages of what is asked for are found; None: in one statement over the rows themselves."""
        return None
