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
    coerced = coerce(form.model, values, path=path)
    try:
        if form.type == "create":
            return [_saved(form.model(**coerced.fields), coerced, form, path, insert=True)]
        changed = []
        for row in locked_rows(found(form, condition, path), form.alias):
            for name, value in coerced.fields.items():
                setattr(row, name, value)
            changed.append(_saved(row, coerced, form, path))
    except IntegrityError as error:
        raise Invalid(_("The row can't be kept: %s") % " ".join(str(error).split())[:300], field=path) from error
    return changed


def found(form: Form, condition: Any, path: str) -> "models.QuerySet[Any]":
    """The rows that an update form changes. Raises `Invalid` where the filter came out empty."""
    if filters.is_empty(condition):
        raise Invalid(_("The form's filter came out empty; it would change every row. Correct the node."), field=path)
    filters.check_rendered(form.filter, condition, path=f"{path}.filter")
    rows = form.model._default_manager.using(form.alias)
    return rows.filter(filters.to_q(form.model, condition, path=f"{path}.filter", reach=usable))


def _saved(row: models.Model, values: Values, form: Form, path: str, *, insert: bool = False) -> dict[str, Any]:
    given = {field.name for field in row._meta.concrete_fields if field.attname in values.fields}
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
    row.save(using=form.alias, force_insert=insert)
    for name, keys in values.many.items():
        getattr(row, name).set(keys)
    return to_json(row)
