"""The fields of a form as rows, whether they are kept as a list or as JSON Schema."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from workflows.admin.schemaform.specs import Spec
from workflows.admin.schemaform.texts import unused
from workflows.formfields import KINDS

_TITLES: Mapping[str, Any] = {
    "string": pgettext_lazy("field type", "one line of text"),
    "text": pgettext_lazy("field type", "several lines of text"),
    "integer": pgettext_lazy("field type", "whole number"),
    "number": pgettext_lazy("field type", "number"),
    "boolean": pgettext_lazy("field type", "yes or no"),
    "date": pgettext_lazy("field type", "date"),
    "datetime": pgettext_lazy("field type", "date and time"),
    "time": pgettext_lazy("field type", "time of day"),
    "email": pgettext_lazy("field type", "e-mail address"),
    "url": pgettext_lazy("field type", "web address"),
    "json": pgettext_lazy("field type", "JSON"),
}

#: What a row shows; other keys of a field are kept unseen.
ROW = Spec(
    "group",
    label=_("Field"),
    parts=(
        Spec("text", "name", _("Name"), required=True),
        Spec("text", "title", _("Title"), default=""),
        Spec("choice", "type", _("Type"), default="string", choices=tuple((kind, _TITLES[kind]) for kind in KINDS)),
        Spec("flag", "required", _("Required"), default=False),
        Spec("list", "enum", pgettext_lazy("setting", "Choices"), item=Spec("any")),
    ),
)

_TYPES: Mapping[str, type] = {"name": str, "title": str, "type": str, "required": bool, "enum": list}


def rows_of(value: Any) -> list[dict[str, Any]] | None:
    """A row for each field; None for what rows can't say, such as NocoBase's pages."""
    if value is None:
        return []
    if isinstance(value, list):
        found = [{"name": item} if isinstance(item, str) else item for item in value]
        return found if all(_fits(item) for item in found) else None
    properties = value.get("properties") if isinstance(value, dict) else None
    if not isinstance(properties, dict) or not all(_fits(item) for item in properties.values()):
        return None
    needed = value.get("required", [])
    if not isinstance(needed, list):
        return None
    found = [
        {**item, "name": name, **({"required": True} if name in needed else {})} for name, item in properties.items()
    ]
    return found if to_schema(found, value) == value else None


def to_schema(rows: list[Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of these rows; `outer` is what stands beside its properties."""
    properties: dict[str, Any] = {}
    needed = []
    for row in rows:
        name = unused(str(row.get("name", "")), properties)
        properties[name] = {key: item for key, item in row.items() if key not in ("name", "required")}
        needed += [name] if row.get("required") is True else []
    rest = {key: item for key, item in outer.items() if key not in ("properties", "required")}
    # An empty list that was there stays.
    return {**rest, "properties": properties, **({"required": needed} if needed or outer.get("required") == [] else {})}


def to_list(rows: list[Any], bare: list[bool]) -> list[Any]:
    """`bare`: of each row whether its name alone says all where nothing else is given."""
    return [row["name"] if alone and set(row) == {"name"} else row for row, alone in zip(rows, bare, strict=True)]


def _fits(item: Any) -> bool:
    """Whether a row's controls take it as it is."""
    return isinstance(item, dict) and all(isinstance(item[key], kind) for key, kind in _TYPES.items() if key in item)
