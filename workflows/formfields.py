"""The fields of a form that people fill in: plain JSON Schema, or a list of fields, as one typed list.

What is no such schema (NocoBase's UI schema says how a form looks, not what is in it) has no fields: the form then
takes any values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.utils.translation import gettext as _

from workflows.errors import Invalid, refuse
from workflows.jsonable import jsonable

Kind = Literal[
    "string", "text", "integer", "number", "boolean", "date", "datetime", "time", "email", "url", "json"
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)
MOST_FIELDS = 100
MOST_CHOICES = 500
LONGEST_NAME = 64
#: The key of a result that says which action was taken.
RESERVED = "_"

_FORMATS = {
    "date": "date", "date-time": "datetime", "datetime": "datetime", "time": "time", "email": "email", "uri": "url",
    "url": "url", "textarea": "text", "multiline": "text",
}  # fmt: skip
_TYPES = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "object": "json"}


@dataclass(frozen=True)
class FormField:
    name: str
    kind: Kind = "string"
    title: str = ""
    description: str = ""
    required: bool = False
    #: (value, label); the values of a choice keep their JSON type.
    choices: tuple[tuple[Any, str], ...] = ()
    #: Of a choice: any number of its values, as a list.
    multiple: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None

    @property
    def label(self) -> str:
        return self.title or self.name.replace("_", " ").capitalize()


def parse(schema: Any, path: str = "schema") -> list[FormField]:
    """The fields of a JSON Schema object or a list of fields; none of what is neither.

    Raises `Invalid` (paths below `path`) for what is meant as one of them and can't be read.
    """
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties or _is_component(schema):
            return []
        required = schema.get("required")
        needed = {str(name) for name in required} if isinstance(required, list) else set()
        given = [(f"{path}.properties.{name}", str(name), item, name in needed) for name, item in properties.items()]
    elif isinstance(schema, list):
        given = [(f"{path}.{index}", *_listed(item)) for index, item in enumerate(schema)]
    else:
        return []
    if len(given) > MOST_FIELDS:
        raise Invalid(_("A form has at most %d fields; split it.") % MOST_FIELDS, field=path)
    errors: dict[str, Any] = {}
    fields: dict[str, FormField] = {}
    for where, name, item, needed_too in given:
        try:
            if name in fields:
                raise Invalid(_("There is a field %s already; choose another name.") % name, field=where)
            fields[name] = _field(where, name, item, needed_too)
        except Invalid as error:
            errors[error.field or where] = error.message
    refuse(errors)
    return list(fields.values())


def _is_component(schema: Mapping[str, Any]) -> bool:
    """Whether it describes parts of a page, as NocoBase's does."""
    parts = [schema, *(part for part in schema["properties"].values() if isinstance(part, Mapping))]
    return any(str(key).startswith("x-") for part in parts for key in part)


def _listed(item: Any) -> tuple[str, Any, bool]:
    if isinstance(item, str):
        return item, {}, False
    if isinstance(item, Mapping):
        return str(item.get("name", "")), item, item.get("required") is True
    return "", item, False


def _field(path: str, name: str, item: Any, required: bool) -> FormField:
    if not isinstance(item, Mapping):
        raise Invalid(_("Describe the field by an object with name, type and title."), field=path)
    if not name or name == RESERVED or len(name) > LONGEST_NAME or not name.replace("-", "_").isidentifier():
        raise Invalid(
            _("A field's name is of letters, digits and _, at most %d characters, and not _ alone.") % LONGEST_NAME,
            field=path,
        )
    multiple, inner = False, item
    if item.get("type") == "array":
        below = item.get("items")
        inner = below if isinstance(below, Mapping) else {}
        multiple = bool(_has_choices(inner))
    choices = tuple(_choices(inner, path))
    kind = "json" if item.get("type") == "array" and not choices else _kind(inner, path)
    return FormField(
        name,
        kind,  # type: ignore[arg-type]
        _text(item.get("title")),
        _text(item.get("description") or item.get("help")),
        required,
        choices,
        multiple,
        jsonable(item.get("default")),
        _number(item.get("minimum"), f"{path}.minimum"),
        _number(item.get("maximum"), f"{path}.maximum"),
        _length(item.get("minLength"), f"{path}.minLength"),
        _length(item.get("maxLength"), f"{path}.maxLength"),
    )


def _kind(item: Mapping[str, Any], path: str) -> str:
    named = item.get("type", "string")
    if isinstance(named, list):
        # "or null" is what an optional field is anyway.
        named = next((each for each in named if each != "null"), "string")
    if not isinstance(named, str) or (named not in _TYPES and named not in KINDS):
        raise Invalid(
            _("There is no field type %(type)s; choose one of %(known)s.")
            % {"type": str(named)[:40], "known": ", ".join(sorted({*_TYPES, *KINDS}))},
            field=f"{path}.type",
        )
    kind = _TYPES.get(named, named)
    return _FORMATS.get(str(item.get("format")), kind) if kind == "string" else kind


def _has_choices(item: Mapping[str, Any]) -> bool:
    return any(isinstance(item.get(key), list) for key in ("enum", "oneOf", "options"))


def _choices(item: Mapping[str, Any], path: str) -> Iterator[tuple[Any, str]]:
    """`enum` (labels in `enumNames`), `oneOf` of {const, title}, or `options` of values or {value, label}."""
    if isinstance(values := item.get("enum"), list):
        names = item.get("enumNames")
        labels = names if isinstance(names, list) else []
        found = [(value, labels[index] if index < len(labels) else value) for index, value in enumerate(values)]
    elif isinstance(values := item.get("oneOf") or item.get("options"), list):
        found = [_option(each) for each in values]
    else:
        return
    if len(found) > MOST_CHOICES:
        raise Invalid(_("A field has at most %d choices.") % MOST_CHOICES, field=path)
    for value, label in found:
        if value is None or isinstance(value, dict | list):
            raise Invalid(_("A choice is a text, a number, true or false."), field=path)
        yield jsonable(value), _text(label)


def _option(item: Any) -> tuple[Any, Any]:
    if not isinstance(item, Mapping):
        return item, item
    value = item.get("const", item.get("value"))
    return value, item.get("title", item.get("label", value))


def _text(value: Any) -> str:
    return "" if value is None else str(jsonable(str(value)))


def _number(value: Any, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        raise Invalid(_("Give a number."), field=path)
    return value


def _length(value: Any, path: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Invalid(_("Give a whole number from 0 on."), field=path)
    return value
