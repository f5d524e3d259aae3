"""The parameters of lists of runs whose names hold a name or a path: `attr.customer`, `context.data.total__gt`."""

from typing import Any

import django_filters  # type: ignore[import-untyped]
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import StrIndex
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from executions.listing import jsonpaths
from executions.listing.jsonpaths import JsonKind, JsonNumber, JsonText
from executions.models import Attribute, Execution
from executions.store.attributes import LONGEST_TEXT, ROW, TAG, as_number, number_text
from workflows.collections import usable
from workflows.listing.filters import ListFilter, text_field
from workflows.listing.parameters import TEXT, Parameter
from workflows.subjects import subject_of

RANGES = ("gt", "gte", "lt", "lte")

FURTHER = (
    Parameter(
        "attr.{name}",
        TEXT,
        gettext_lazy(
            "A search attribute that the workflow declares has this value; with __gt, __gte, __lt or __lte it is"
            " above or below it, as a number where the value is one, else as a text."
        ),
    ),
    *(
        Parameter(
            f"{column}.{{path}}",
            TEXT,
            gettext_lazy(
                "What is at this path has this value: names with dots between. With __gt, __gte, __lt or __lte it is"
                " above or below it; with __contains it has this text somewhere. Inside one workflow or a range of"
                " created, started or ended only."
            ),
        )
        for column in ("context", "output")
    ),
)


class AttributeFilter(django_filters.Filter):  # type: ignore[misc]
    """A search attribute has a value, or is above or below one."""

    field_class = forms.CharField

    def __init__(self, attribute: str, operator: str) -> None:
        super().__init__(max_length=255)
        self.attribute = attribute
        self.operator = operator

    def rows(self, value: str) -> QuerySet[Attribute]:
        return Attribute.objects.filter(self.condition(value), name=self.attribute)

    def condition(self, value: str) -> Q:
        column = column_of(value) if self.operator else "text"
        if not self.operator:
            return Q(text__in=self.texts(value))
        operand: Any = as_number(value) if column == "number" else value[:LONGEST_TEXT]
        # Said also where the comparison implies it: only so is the index of numbers as good as one of them all.
        there = Q(number__isnull=False) if column == "number" else Q()
        return there & Q(**{f"{column}__{self.operator}": operand})

    def texts(self, value: str) -> list[str]:
        """As which it may be stored: a number has one text, so 5 is found by 5.0 too."""
        number = as_number(value)
        return sorted({value[:LONGEST_TEXT]} | ({number_text(number)} if number is not None else set()))

    def filter(self, queryset: QuerySet[Execution], value: str) -> QuerySet[Execution]:
        return queryset.filter(pk__in=self.rows(value).values("execution")) if value else queryset


class RowField(forms.CharField):
    """A row by its model and id. Models come and go, so one that there is not is a row about which no runs are."""

    def validate(self, value: str) -> None:
        super().validate(value)
        label, _colon, key = value.partition(":")
        try:
            model = apps.get_model(label)
            if usable(model):
                model._meta.pk.to_python(key)
        except (LookupError, ValueError):
            return
        except ValidationError:
            sentence = _("%(key)r can't be the id of a row of %(model)s; write it like shop.order:7.")
            raise ValidationError(sentence % {"key": key[:40], "model": label}) from None


class RowFilter(AttributeFilter):
    """Runs about a row of the project's: "shop.order:7"."""

    field_class = RowField

    def __init__(self) -> None:
        super().__init__(ROW, "")
        self.extra["help_text"] = gettext_lazy("Executions about this row of a model, such as shop.order:7.")

    def texts(self, value: str) -> list[str]:
        label, _colon, key = value.partition(":")
        try:
            return [subject_of(apps.get_model(label), key)]
        except (LookupError, ValueError):
            # Of no model that there is: nothing is found by it.
            return [value[:LONGEST_TEXT]]


def column_of(value: str) -> str:
    """What a range is of: numbers where the bound is one, else texts, such as dates in ISO 8601."""
    return "text" if as_number(value) is None else "number"


class TagsFilter(ListFilter):
    """True of runs with all of the tags."""

    def __init__(self) -> None:
        super().__init__(each=text_field(LONGEST_TEXT), help_text=gettext_lazy("All of these tags."))

    def rows(self, tag: str) -> QuerySet[Attribute]:
        return Attribute.objects.filter(name=TAG, text=tag)

    def filter(self, queryset: QuerySet[Execution], values: Any) -> QuerySet[Execution]:
        for tag in values or ():
            queryset = queryset.filter(pk__in=self.rows(tag).values("execution"))
        return queryset


class PathFilter(django_filters.Filter):  # type: ignore[misc]
    """What is at a path of a JSON column compares to a value."""

    field_class = forms.CharField

    def __init__(self, column: str, path: str, operator: str) -> None:
        super().__init__(max_length=255)
        self.column = column
        self.parts = jsonpaths.parse(path)
        self.operator = operator
        #: Whether what has parts of its own compares to nothing: its text would tell of them.
        self.scalar = False

    def filter(self, queryset: QuerySet[Execution], value: str) -> QuerySet[Execution]:
        if not value:
            return queryset
        name = f"at_{len(queryset.query.annotations)}"
        if self.scalar:
            kind = JsonKind(self.column, self.parts)
            queryset = queryset.alias(**{f"{name}_kind": kind}).filter(**{f"{name}_kind": "scalar"})
        text, numeric = JsonText(self.column, self.parts), JsonNumber(self.column, self.parts)
        if self.operator == "contains":
            return queryset.alias(**{name: StrIndex(text, Value(value))}).filter(**{f"{name}__gt": 0})
        number = as_number(value)
        if self.operator:
            compared, operand = (text, value) if number is None else (numeric, number)
            return queryset.alias(**{name: compared}).filter(**{f"{name}__{self.operator}": operand})
        queryset, found = queryset.alias(**{name: text}), Q(**{name: value})
        if number is not None:
            queryset = queryset.alias(**{f"{name}_number": numeric})
            found |= Q(**{f"{name}_number": number})
        return queryset.filter(found)


class TextSearchFilter(django_filters.Filter):  # type: ignore[misc]
    """A column has this text somewhere, whatever its case."""

    field_class = forms.CharField

    def __init__(self, column: str, *, is_json: bool, **kwargs: Any) -> None:
        super().__init__(field_name=column, max_length=255, **kwargs)
        self.is_json = is_json

    def filter(self, queryset: QuerySet[Execution], value: str) -> QuerySet[Execution]:
        if not value:
            return queryset
        annotations, found = jsonpaths.contains(self.field_name, value, is_json=self.is_json)
        return queryset.alias(**annotations).filter(found)


def filter_for(name: str) -> django_filters.Filter | None:
    """The filter that a name with a dot stands for, or None. Raises `ValidationError` for one that is wrong."""
    head, dot, rest = name.partition(".")
    if not dot or head not in ("attr", "context", "output"):
        return None
    path, operator = rest, ""
    known = RANGES if head == "attr" else (*RANGES, "contains")
    if "__" in rest:
        before, _sign, last = rest.rpartition("__")
        if last in known:
            path, operator = before, last
        elif head == "attr":
            raise ValidationError(_("There is no comparison %(given)r; there are %(known)s.") % {
                "given": last[:40], "known": ", ".join(known),
            })  # fmt: skip
    if head == "attr":
        if len(jsonpaths.parse(path)) > 1:
            raise ValidationError(_("A search attribute's name has no dots."))
        return AttributeFilter(path, operator)
    return PathFilter(head, path, operator)
