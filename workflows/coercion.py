"""JSON values -> the values of a model's fields, with a sentence for each that does not fit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    Field,
    FileField,
    FloatField,
    ForeignKey,
    IntegerField,
    JSONField,
    ManyToManyField,
    Model,
    TextField,
    TimeField,
)
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from workflows.collections import key_of, reference
from workflows.errors import Invalid
from workflows.jsonable import jsonable

#: No database has a larger one.
MOST_INTEGER = 2**63 - 1

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


@dataclass(slots=True)
class Values:
    """What a row is given: `fields` by attribute name, `many` the keys of many-to-many relations by name."""

    fields: dict[str, Any] = field(default_factory=dict)
    many: dict[str, list[Any]] = field(default_factory=dict)


def writable(model: type[Model]) -> dict[str, "Field[Any, Any]"]:
    """The fields that values may name, by every name they go by: "customer" and "customer_id" are one."""
    names: dict[str, Field[Any, Any]] = {}
    for item in model._meta.concrete_fields:
        if not getattr(item, "generated", False):
            names[item.name] = names[item.attname] = item
    names.update({item.name: item for item in model._meta.many_to_many})
    return names


def find_writable(model: type[Model], name: str, *, path: str = "values") -> "Field[Any, Any]":
    """Raises `Invalid` naming `path.name` and what there is."""
    names = writable(model)
    try:
        return names[name]
    except KeyError:
        known = sorted(
            {key_of(item) if item.concrete and not item.many_to_many else item.name for item in names.values()}
        )
        raise Invalid(
            _("%(model)s has no field %(name)r to write; it has %(known)s.")
            % {"model": reference(model), "name": name, "known": ", ".join(known)},
            field=f"{path}.{name}",
        ) from None


def coerce(model: type[Model], values: Any, *, path: str = "values") -> Values:
    """The values of a JSON object as the model's fields take them.

    Raises `Invalid` whose field is "values.<name>" for an unknown field or a value that does not fit. Required fields
    that are missing, and rows that don't exist, are left to the database.
    """
    if not isinstance(values, Mapping):
        raise Invalid(_("The values are an object of fields and values."), field=path)
    result = Values()
    for name, raw in values.items():
        item, where = find_writable(model, str(name), path=path), f"{path}.{name}"
        if isinstance(item, ManyToManyField):
            result.many[item.name] = _keys(item, raw, where)
        else:
            result.fields[item.attname] = field_value(item, raw, path=where)
    return result


def field_value(item: "Field[Any, Any]", raw: Any, *, path: str, label: tuple[str, str] | None = None) -> Any:
    """One JSON value as the field takes it. Raises `Invalid` naming `path`.

    `label` is what the caller knows the field and its model as, where that is not what they are called here.
    """
    if raw is None:
        return None
    try:
        return _convert(item, raw)
    except (ValidationError, ValueError, TypeError, OverflowError, InvalidOperation) as error:
        sentence = " ".join(error.messages) if isinstance(error, ValidationError) else ""
        field, model = label or (key_of(item), reference(item.model))
        raise Invalid(
            (
                _("%(value)r does not fit the field %(field)s of %(model)s. %(why)s")
                % {"value": _short(raw), "field": field, "model": model, "why": sentence}
            ).strip(),
            field=path,
        ) from error


def _short(raw: Any) -> Any:
    return raw if not isinstance(raw, str) or len(raw) <= 80 else f"{raw[:80]}..."


def _keys(item: "ManyToManyField[Any, Any]", raw: Any, path: str) -> list[Any]:
    target = item.target_field
    if not isinstance(raw, list | tuple):
        raise Invalid(_("A list of the related rows' keys belongs here."), field=path)
    return [field_value(target, _key_in(target, one), path=f"{path}.{i}") for i, one in enumerate(raw)]


def _key_in(target: "Field[Any, Any]", raw: Any) -> Any:
    """A related row may be given as its key or as the row's JSON."""
    if not isinstance(raw, Mapping):
        return raw
    if target.name not in raw:
        raise ValueError(target.name)
    return raw[target.name]


def _convert(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(item, ForeignKey):
        return _convert(item.target_field, _key_in(item.target_field, raw)) if raw != "" else None
    for kind, convert in _CONVERTERS:
        if isinstance(item, kind):
            return convert(item, raw)
    return item.to_python(raw)


def _text(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(raw, Mapping | list | tuple):
        raise ValueError(raw)
    if isinstance(raw, bool):
        raw = "true" if raw else "false"
    elif isinstance(raw, datetime | date | time):
        raw = raw.isoformat()
    text = str(item.to_python(raw))
    if jsonable(text) != text:
        # PostgreSQL stores no NUL, and nobody half a surrogate pair.
        raise ValueError(text)
    return text


def _boolean(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(raw, str):
        word = raw.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return None if item.null and not word else item.to_python(raw)
    return item.to_python(raw)


def _integer(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(raw, Mapping | list | tuple):
        raise ValueError(raw)
    if isinstance(raw, str) and not raw.strip():
        return None
    number = Decimal(str(int(raw) if isinstance(raw, bool) else raw).strip())
    if number != number.to_integral_value() or abs(number) > MOST_INTEGER:
        raise ValueError(raw)
    return int(number)


def _float(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(raw, str) and not raw.strip():
        return None
    number = float(raw)
    if not math.isfinite(number):
        raise ValueError(raw)
    return number


def _decimal(item: "Field[Any, Any]", raw: Any) -> Any:
    if isinstance(raw, Mapping | list | tuple):
        raise ValueError(raw)
    if isinstance(raw, str) and not raw.strip():
        return None
    number = Decimal(str(int(raw) if isinstance(raw, bool) else raw).strip())
    # As the database will round it, so that the instance shows what the row holds.
    decimal = cast("DecimalField[Any, Any]", item)
    number = number.quantize(Decimal(1).scaleb(-decimal.decimal_places), rounding=ROUND_HALF_EVEN)
    if abs(number) >= Decimal(1).scaleb(decimal.max_digits - decimal.decimal_places):
        raise ValueError(raw)
    return number


def _datetime(item: "Field[Any, Any]", raw: Any) -> Any:
    if raw == "":
        return None
    value = raw if isinstance(raw, datetime) else None
    if value is None and isinstance(raw, date):
        value = datetime(raw.year, raw.month, raw.day)
    if value is None:
        value = item.to_python(raw) if isinstance(raw, str) else None
    if value is None:
        raise ValueError(raw)
    if settings.USE_TZ and timezone.is_naive(value):
        value = timezone.make_aware(value)
    if timezone.is_aware(value):
        # Databases are told in UTC; the first and the last hours of all time have none.
        value.astimezone(UTC)
    return timezone.make_naive(value) if not settings.USE_TZ and timezone.is_aware(value) else value


def _date(item: "Field[Any, Any]", raw: Any) -> Any:
    if raw == "":
        return None
    moment = parse_datetime(raw) if isinstance(raw, str) and len(raw) > len("2024-01-02") else raw
    if isinstance(moment, datetime) and timezone.is_aware(moment):
        return timezone.localtime(moment).date()
    if not isinstance(moment, str | date):
        raise ValueError(raw)
    return item.to_python(moment)


def _time(item: "Field[Any, Any]", raw: Any) -> Any:
    return None if raw == "" else item.to_python(raw)


def _duration(item: "Field[Any, Any]", raw: Any) -> Any:
    """Seconds as a number, or Django's and ISO 8601's spellings."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return timedelta(seconds=raw)
    return None if raw == "" else item.to_python(raw)


def _json(item: "Field[Any, Any]", raw: Any) -> Any:
    return jsonable(raw)


_CONVERTERS = (
    (JSONField, _json),
    (BooleanField, _boolean),
    (IntegerField, _integer),
    (FloatField, _float),
    (DecimalField, _decimal),
    (DateTimeField, _datetime),
    (DateField, _date),
    (TimeField, _time),
    (DurationField, _duration),
    (CharField, _text),
    (FileField, _text),
    (TextField, _text),
)
