"""Rows of the host that a person's form writes, checked as the model's own forms check them."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models
from django.utils.translation import gettext as _

from workflows import filters
from workflows.coercion import Values, coerce
from workflows.collections import to_json, usable
from workflows.errors import Invalid
from workflows.instructions.manual import Form
from workflows.instructions.update import locked_rows


def write(form: Form, values: Mapping[str, Any], condition: Any, path: str) -> list[dict[str, Any]]:
    """The rows written, as JSON: the one that is created, or those that the rendered filter finds.

    In a transaction on `form.alias`. Raises `Invalid` (paths below `path`) for values that the model refuses.
    """
    if form.type == "create":
        row, coerced = prepared(form, values, path)
        return [to_json(keep(row, coerced, form, path, insert=True))]
    changed = []
    for row in locked_rows(found(form, condition, path), form.alias):
        row, coerced = prepared(form, values, path, row)
        changed.append(to_json(keep(row, coerced, form, path)))
    return changed


def prepared(
    form: Form, values: Mapping[str, Any], path: str, row: models.Model | None = None
) -> tuple[models.Model, Values]:
    """The row as these values make it, a new one if none is given: checked, and not saved.

    Raises `Invalid` (paths below `path`) for values that the model refuses.
    """
    coerced = coerce(form.model, values, path=path)
    row = form.model() if row is None else row
    row._state.db = form.alias
    for name, value in coerced.fields.items():
        setattr(row, name, value)
    given = {field.name for field in row._meta.concrete_fields if field.attname in coerced.fields}
    others = {field.name for field in row._meta.concrete_fields} - given
    try:
        row.clean_fields(exclude=others)
        row.clean()
        row.validate_unique(exclude=others)
        row.validate_constraints(exclude=others)
    except ValidationError as error:
        sentences = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
        below = {
            path if name == NON_FIELD_ERRORS else f"{path}.{name}": " ".join(said) for name, said in sentences.items()
        }
        first = next(iter(below))
        raise Invalid(below[first], field=first, errors=below) from None
    return row, coerced


def keep(row: models.Model, values: Values, form: Form, path: str, *, insert: bool = False) -> models.Model:
    """Saves a prepared row with its relations, in a transaction on `form.alias`. Raises `Invalid` (`path`)."""
    try:
        row.save(using=form.alias, force_insert=insert)
        for name, keys in values.many.items():
            getattr(row, name).set(keys)
    except IntegrityError as error:
        raise Invalid(_("The row can't be kept: %s") % " ".join(str(error).split())[:300], field=path) from error
    return row


def found(form: Form, condition: Any, path: str) -> "models.QuerySet[Any]":
    """The rows that an update form changes. Raises `Invalid` where the filter came out empty."""
    if filters.is_empty(condition):
        raise Invalid(_("The form's filter came out empty; it would change every row. Correct the node."), field=path)
    filters.check_rendered(form.filter, condition, path=f"{path}.filter")
    rows = form.model._default_manager.using(form.alias)
    return rows.filter(filters.to_q(form.model, condition, path=f"{path}.filter", reach=usable))
