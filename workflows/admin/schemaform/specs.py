"""What a JSON Schema asks for, as the controls that a form needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from workflows.admin.schemaform.labels import choice_label, label_of

What = Literal[
    "text", "code", "number", "flag", "choice", "any", "json", "group", "list", "collection", "values", "filter",
    "logic", "column", "people", "fields", "map",
]  # fmt: skip

UNSET: Any = object()
#: Of schemas that hold themselves; what lies deeper is typed as JSON.
_DEEPEST = 5
#: The controls of properties that bear these names and fit; a schema's own "x-editor" goes first.
_BY_NAME: Mapping[str, What] = {
    "collection": "collection",
    "associatedCollection": "collection",
    "filter": "filter",
    "values": "values",
    "calculation": "logic",
    "expression": "code",
    "sql": "code",
    "content": "code",
    "field": "column",
    "condition": "filter",
}
_FITTING: Mapping[What, tuple[str, ...]] = {
    "collection": ("string",),
    "code": ("string",),
    "filter": ("object", ""),
    "values": ("object",),
    "logic": ("object",),
    "column": ("string",),
    "fields": ("",),
}
EDITORS: frozenset[str] = frozenset(_FITTING)


@dataclass(frozen=True)
class Spec:
    """One value: what its control is, and what is to be known of it."""

    what: What
    key: str = ""
    label: Any = ""
    help: str = ""
    required: bool = False
    default: Any = UNSET
    #: Whether the value may be null.
    nullable: bool = False
    whole: bool = False
    #: (value, label)
    choices: tuple[tuple[Any, Any], ...] = ()
    #: Of a group.
    parts: "tuple[Spec, ...]" = field(default=())
    #: Of a list, and of a map by keys that a person chooses.
    item: "Spec | None" = None


def spec_of(config: type[BaseModel]) -> Spec:
    schema = config.model_json_schema(by_alias=True)
    return _spec(schema, schema.get("$defs", {}), "", True, 0)


def _spec(
    part: Mapping[str, Any], defs: Mapping[str, Any], key: str, required: bool, depth: int, *, about: str = ""
) -> Spec:
    """`about` is the key of the list that an item stands in."""
    inner, nullable = _resolved(part, defs)
    outer = {**inner, **part}
    what = _what(inner, outer, key, depth)
    known: dict[str, Any] = {
        "what": what,
        "key": key,
        "label": label_of(key),
        "help": str(part.get("description", "")),
        "required": required,
        "default": part.get("default", UNSET),
        "nullable": nullable,
        "whole": inner.get("type") == "integer",
    }
    if what == "choice":
        values = inner["enum"] if "enum" in inner else [inner["const"]]
        known["choices"] = tuple((value, choice_label(about or key, value, values)) for value in values)
    elif what == "group":
        needed = inner.get("required", ())
        known["parts"] = tuple(
            _spec(item, defs, name, name in needed, depth + 1) for name, item in inner["properties"].items()
        )
    elif what == "list":
        known["item"] = _spec(inner["items"], defs, "", True, depth + 1, about=key)
    elif what == "map":
        known["item"] = _spec(inner["additionalProperties"], defs, "", True, depth + 1, about=key)
    elif what == "fields":
        known["label"] = _("Fields")
    return Spec(**known)


def _resolved(part: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema behind references and behind "or null"; what is a choice of schemas has no type."""
    nullable = False
    while True:
        if "$ref" in part:
            part = defs.get(part["$ref"].rpartition("/")[2], {})
            continue
        union = next((part[name] for name in ("anyOf", "oneOf", "allOf") if name in part), None)
        if union is None:
            break
        others = [item for item in union if item.get("type") != "null"]
        nullable = nullable or len(others) < len(union)
        if len(others) != 1:
            return {}, True
        part = others[0]
    kinds = part.get("type")
    if isinstance(kinds, list):
        others = [kind for kind in kinds if kind != "null"]
        nullable = nullable or "null" in kinds
        part = {**part, "type": others[0] if len(others) == 1 else ""}
    return part, nullable or part.get("type", "") == ""


def _what(inner: Mapping[str, Any], outer: Mapping[str, Any], key: str, depth: int) -> What:
    kind = inner.get("type", "")
    if "enum" in inner or "const" in inner:
        return "choice"
    if outer.get("x-editor") in EDITORS:
        named: What = outer["x-editor"]
        return named
    if outer.get("x-people"):
        return "people"
    if key in _BY_NAME and kind in _FITTING[_BY_NAME[key]] and not inner.get("properties"):
        return _BY_NAME[key]
    if kind == "object" and depth < _DEEPEST and "$ref" in str(inner.get("additionalProperties")):
        return "map"
    if kind == "object":
        return "group" if inner.get("properties") and depth < _DEEPEST else "json"
    if kind == "array":
        return "list" if isinstance(inner.get("items"), dict) and depth < _DEEPEST else "json"
    simple: Mapping[str, What] = {"string": "text", "integer": "number", "number": "number", "boolean": "flag"}
    return simple.get(kind, "any")
