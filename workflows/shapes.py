"""What values look like before there are any: of rows, of contexts, of results; for people who write templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from django.db import models
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from workflows.collections import Appends, find_relation, is_many, key_of, shown_fields

#: The kinds of values that JSON holds, with dates and times told apart.
Kind = Literal["text", "number", "boolean", "date", "time", "moment", "list", "object", "any"]

KINDS: dict[str, str | Promise] = {
    "text": _("text"),
    "number": pgettext_lazy("kind of value", "number"),
    "boolean": _("true or false"),
    "date": _("date"),
    "time": _("time"),
    "moment": _("date and time"),
    "list": _("list"),
    "object": _("object"),
    "any": _("any value"),
}

# In this order: a date and time is a date to Django too.
_OF_FIELDS: tuple[tuple[Any, Kind], ...] = (
    (models.BooleanField, "boolean"),
    (models.DateTimeField, "moment"),
    (models.DateField, "date"),
    (models.TimeField, "time"),
    ((models.IntegerField, models.FloatField, models.DecimalField), "number"),
    (models.JSONField, "any"),
)


@dataclass(frozen=True)
class Shape:
    """A kind of value and, by key, what lies behind it; of a list, what lies behind each of its items."""

    kind: Kind = "any"
    title: str | Promise = ""
    parts: "Mapping[str, Shape]" = field(default_factory=dict)


ANY = Shape()


def of_row(model: type[Model], appends: Appends, title: str | Promise = "") -> Shape:
    """A row as `collections.to_json` makes it, with the relations that `appends` names."""
    parts = {key_of(item): Shape(_kind(item), item.verbose_name) for item in shown_fields(model)}
    for name, below in appends.items():
        relation: Any = find_relation(model, name)
        if relation is not None:
            related = relation.related_model
            label = related._meta.verbose_name_plural if is_many(relation) else related._meta.verbose_name
            one = of_row(related, below, label)
            parts[name] = replace(one, kind="list") if is_many(relation) else one
    return Shape("object", title or model._meta.verbose_name or "", parts)


def _kind(item: Any) -> Kind:
    # A foreign key holds what the key it leads to holds.
    target = item.target_field if item.is_relation else item
    return next((kind for types, kind in _OF_FIELDS if isinstance(target, types)), "text")
