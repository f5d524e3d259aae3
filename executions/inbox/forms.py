"""Forms of tasks as Django forms: for people in the admin, and to check what clients send."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.forms.models import ModelChoiceField, fields_for_model
from django.utils.translation import gettext as _

from workflows.collections import usable
from workflows.errors import SluiceError, refuse
from workflows.formfields import FormField
from workflows.instructions.manual import HasForms
from workflows.jsonable import jsonable

#: A relation to more rows is asked for by key, not by a list of all of them.
MOST_LISTED = 200

_PLAIN: dict[str, type[forms.Field]] = {
    "string": forms.CharField, "text": forms.CharField, "integer": forms.IntegerField, "number": forms.FloatField,
    "boolean": forms.BooleanField, "date": forms.DateField, "datetime": forms.DateTimeField, "time": forms.TimeField,
    "email": forms.EmailField, "url": forms.URLField, "json": forms.JSONField,
}  # fmt: skip
_INPUTS: dict[str, Any] = {
    "text": lambda: forms.Textarea(attrs={"rows": 5, "cols": 60}),
    "date": lambda: forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    "time": lambda: forms.TimeInput(attrs={"type": "time"}),
    "datetime": lambda: forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    "json": lambda: forms.Textarea(attrs={"rows": 6, "cols": 60}),
}


def form_fields(config: HasForms, key: str) -> dict[str, forms.Field] | None:
    """The fields of one form by name; None where it takes any values. Raises `Invalid` for a form that is broken."""
    form = config.forms[key]
    if form.writes is None:
        fields = config.fields_of(key)
        return {field.name: _field(field) for field in fields} if fields else None
    made = fields_for_model(form.model, fields=form.names())
    return {name: _bounded(field, form.alias) for name, field in made.items() if field is not None}


class _Marked(forms.Form):
    #: The admin's bold label.
    required_css_class = "required"


def form_class(fields: Mapping[str, forms.Field], optional: Iterable[str] = ()) -> type[forms.Form]:
    """A form of these; `optional` ones may be left out."""
    for name in optional:
        if name in fields:
            fields[name].required = False
    return type("TaskForm", (_Marked,), dict(fields))


def cleaned(
    fields: Mapping[str, forms.Field] | None, values: Mapping[str, Any], path: str, *, optional: Iterable[str] = ()
) -> dict[str, Any]:
    """What was sent, as JSON, each value as its field understands it; what was not sent is left out.

    Raises `Invalid` (paths below `path`) for values that don't fit, fields that there are not and required ones that
    are missing.
    """
    if fields is None:
        return dict(jsonable(dict(values)))
    refuse({
        f"{path}.{name}": _("There is no such field; there are: %s.") % ", ".join(fields)
        for name in values
        if name not in fields
    })  # fmt: skip
    form = form_class(fields, optional)(data=values)
    if not form.is_valid():
        refuse({f"{path}.{name}": " ".join(map(str, sentences)) for name, sentences in form.errors.items()})
    return {name: as_json(form.cleaned_data[name]) for name in values}


def as_json(value: Any) -> Any:
    if isinstance(value, Model):
        return jsonable(value.pk)
    if isinstance(value, QuerySet):
        return [jsonable(row.pk) for row in value]
    return jsonable(value)


def _bounded(field: forms.Field, alias: str) -> forms.Field:
    if isinstance(field, ModelChoiceField):
        rows: QuerySet[Any] = field.queryset.using(alias)  # type: ignore[union-attr]
        field.queryset = rows
        # What workflows may not read, a form does not list.
        if not usable(rows.model) or rows.order_by()[: MOST_LISTED + 1].count() > MOST_LISTED:
            several = isinstance(field, forms.ModelMultipleChoiceField)
            field.widget = _Keys() if several else forms.TextInput()
            field.help_text = _("Keys, separated by commas.") if several else _("The key of the row.")
    return field


class _Keys(forms.TextInput):
    """Keys of many rows, typed."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = data.get(name)
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    def format_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _field(field: FormField) -> forms.Field:
    common: dict[str, Any] = {
        "label": field.label, "help_text": field.description, "required": field.required, "initial": field.default,
    }  # fmt: skip
    if field.choices:
        return _choice(field, common)
    if field.kind == "boolean":
        # A box that need not be ticked: required says that there is an answer, and an unticked one is.
        common["required"] = False
    if field.kind in ("integer", "number"):
        common |= {"min_value": field.minimum, "max_value": field.maximum}
    if field.kind in ("string", "text", "email", "url"):
        common |= {"min_length": field.min_length, "max_length": field.max_length}
    if field.kind == "url":
        common["assume_scheme"] = "https"
    if field.kind in _INPUTS:
        common["widget"] = _INPUTS[field.kind]()
    return _PLAIN[field.kind](**common)


def _choice(field: FormField, common: dict[str, Any]) -> forms.Field:
    """A choice by the text of its value; what comes out is the value."""
    by_text = {_choice_text(value): value for value, _label in field.choices}

    def coerce(text: Any) -> Any:
        return by_text[str(text)]

    shown = [(_choice_text(value), label) for value, label in field.choices]
    if field.multiple:
        return _Several(choices=shown, coerce=coerce, widget=forms.CheckboxSelectMultiple(), **common)
    blank = [] if field.required and field.default is not None else [("", "---------")]
    return _One(choices=[*blank, *shown], coerce=coerce, empty_value=None, **common)


def _choice_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class _One(forms.TypedChoiceField):
    def to_python(self, value: Any) -> str:
        return str(super().to_python(_choice_text(value) if value is not None else value))

    def prepare_value(self, value: Any) -> Any:
        return _choice_text(value) if value is not None else value


class _Several(forms.TypedMultipleChoiceField):
    def to_python(self, value: Any) -> list[str]:
        return super().to_python([_choice_text(item) for item in value] if isinstance(value, list | tuple) else value)

    def prepare_value(self, value: Any) -> Any:
        return [_choice_text(item) for item in value] if isinstance(value, list | tuple) else value


def broken(error: SluiceError) -> str:
    """What people are told where the node's form can't be made."""
    return _("This form is broken; tell who keeps the workflow: %s") % error


_SHAPES: list[tuple[type[forms.Field], dict[str, Any]]] = [
    (forms.ModelMultipleChoiceField, {"type": "array", "items": {}}),
    (ModelChoiceField, {}),
    (forms.JSONField, {}),
    (forms.BooleanField, {"type": "boolean"}),
    (forms.FloatField, {"type": "number"}),
    (forms.DecimalField, {"type": "number"}),
    (forms.IntegerField, {"type": "integer"}),
    (forms.DateTimeField, {"type": "string", "format": "date-time"}),
    (forms.DateField, {"type": "string", "format": "date"}),
    (forms.TimeField, {"type": "string", "format": "time"}),
    (forms.EmailField, {"type": "string", "format": "email"}),
    (forms.URLField, {"type": "string", "format": "uri"}),
]


def json_schema(fields: Mapping[str, forms.Field] | None) -> dict[str, Any] | None:
    """The fields as JSON Schema, for clients that draw a form; None where any values are taken."""
    if fields is None:
        return None
    return {
        "type": "object",
        "properties": {name: _property(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def _property(field: forms.Field) -> dict[str, Any]:
    shape = next((shape for kind, shape in _SHAPES if isinstance(field, kind)), {"type": "string"})
    found: dict[str, Any] = {"title": str(field.label or ""), **shape}
    # Of a relation whose rows are too many to be listed the key is asked for.
    if isinstance(field, forms.ChoiceField) and isinstance(field.widget, forms.widgets.ChoiceWidget):
        choices: Any = field.choices
        coerce = getattr(field, "coerce", str)
        options = [{"const": coerce(text), "title": str(label)} for text, label in choices if text != ""]
        found = {"title": found["title"], "oneOf": options}
        if isinstance(field, forms.MultipleChoiceField):
            found = {"title": found["title"], "type": "array", "items": {"oneOf": options}}
    if isinstance(field.widget, forms.Textarea) and found.get("type") == "string":
        found["format"] = "textarea"
    for name, bound in (("minimum", "min_value"), ("maximum", "max_value"), ("maxLength", "max_length")):
        if getattr(field, bound, None) is not None:
            found[name] = jsonable(getattr(field, bound))
    if field.help_text:
        found["description"] = str(field.help_text)
    if field.initial is not None and not callable(field.initial):
        found["default"] = jsonable(field.initial)
    return found
