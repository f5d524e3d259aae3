"""The row that an application asks for: made or changed, checked without being kept, and shown."""

from collections.abc import Mapping
from typing import Any, cast

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from executions.inbox.forms import cleaned, form_fields
from workflows.coercion import Values, field_value
from workflows.collections import find_relation, is_many, reference, to_json
from workflows.errors import Invalid
from workflows.formrows import keep, prepared
from workflows.instructions.update import locked_rows
from workflows.jsonable import jsonable
from workflows.jsoninput import check as check_json
from workflows.triggers.approval import DATA, ApprovalStartConfig

OBJECT_ID = "object_id"


def filled_in(config: ApprovalStartConfig, data: Any, *, draft: bool) -> dict[str, Any]:
    """What was sent, as JSON, checked field by field; of a draft, or of changes to a row, anything may be missing.

    Raises `Invalid` (paths below "data").
    """
    check_json(data, DATA)
    if not isinstance(data, Mapping):
        raise Invalid(_("The data are an object of fields and values."), field=DATA)
    fields = form_fields(config, DATA) or {}
    # What was not sent and has a default gets it when the row is made.
    optional = fields if draft else [name for name in fields if name not in data and fields[name].initial is not None]
    return cleaned(fields, data, DATA, optional=list(optional))


def key_of_row(config: ApprovalStartConfig, raw: Any) -> str | None:
    """The key of an existing row as text; None for none. Raises `Invalid` (field "object_id")."""
    if raw is None:
        return None
    key = field_value(config.model._meta.pk, raw, path=OBJECT_ID)
    if not config.model._base_manager.using(config.alias).filter(pk=key).exists():
        raise _gone(config, raw)
    return str(jsonable(key))


def propose(config: ApprovalStartConfig, data: Mapping[str, Any], object_id: str | None) -> dict[str, Any]:
    """The row as it would be, as JSON, with its appends; nothing is written. Raises `Invalid` (paths below "data")."""
    before = None if object_id is None else _row(config, object_id)
    row, values = prepared(config.forms[DATA], data, DATA, before)
    relations = {name: find_relation(config.model, name) for name in config.tree}
    single = {name: config.tree[name] for name, relation in relations.items() if getattr(relation, "concrete", False)
              and not is_many(relation)}  # fmt: skip
    known: dict[str, Any] = {name: [] if is_many(relation) else None for name, relation in relations.items()}
    if before is not None:
        known |= next(iter(config.rows([before.pk])), {})
    return {**known, **to_json(row, single, model=config.model), **_chosen(config, values)}


def _chosen(config: ApprovalStartConfig, values: Values) -> dict[str, Any]:
    """Rows of relations to many that were filled in and are to be shown."""
    shown = {}
    for name, keys in values.many.items():
        if name in config.tree:
            related = cast(Any, find_relation(config.model, name)).related_model
            shown[name] = [to_json(row) for row in related._base_manager.using(config.alias).filter(pk__in=keys)]
    return shown


def write(config: ApprovalStartConfig, data: Mapping[str, Any], object_id: str | None) -> tuple[str, dict[str, Any]]:
    """(the row's key as text, the row as JSON with its appends), written now. Raises `Invalid` (paths below "data")."""
    form = config.forms[DATA]
    with transaction.atomic(using=config.alias):
        row = None if object_id is None else _row(config, object_id, lock=True)
        made, values = prepared(form, data, DATA, row)
        keep(made, values, form, DATA, insert=row is None)
    return str(jsonable(made.pk)), config.rows([made.pk])[0]


def latest(config: ApprovalStartConfig, object_id: str) -> dict[str, Any] | None:
    """The row as it is; None if it is gone."""
    key = field_value(config.model._meta.pk, object_id, path=OBJECT_ID)
    return next(iter(config.rows([key])), None)


def _row(config: ApprovalStartConfig, object_id: str, *, lock: bool = False) -> Model:
    key = field_value(config.model._meta.pk, object_id, path=OBJECT_ID)
    rows = config.model._base_manager.using(config.alias).filter(pk=key)
    found = next(iter(locked_rows(rows, config.alias) if lock else rows), None)
    if found is None:
        raise _gone(config, object_id)
    return found


def _gone(config: ApprovalStartConfig, key: Any) -> Invalid:
    return Invalid(
        _("There is no %(model)s %(key)r.") % {"model": reference(config.model), "key": str(key)[:80]}, field=OBJECT_ID
    )
