"""One form field that holds a whole configuration."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from pydantic import BaseModel

from workflows.admin.forms import pretty
from workflows.admin.schemaform.drawing import Drawer
from workflows.admin.schemaform.reading import Reader
from workflows.admin.schemaform.specs import UNSET, Spec, spec_of
from workflows.admin.schemaform.texts import Typed, read_json, refused

#: The name of the buttons that change a form and save nothing: "add:config.conditions", "refresh:".
DO = "_do"
_JSON, _FORM = "json", "form"


@lru_cache(maxsize=256)
def _spec(config: type[BaseModel]) -> Spec:
    return spec_of(config)


class SchemaWidget(forms.Widget):
    """Controls made of a schema, or, where a person prefers it, one text area with all of it as JSON."""

    template = "admin/workflows/schema/config.html"

    def __init__(self, config: type[BaseModel], *, folded: bool) -> None:
        super().__init__()
        self.config = config
        #: Folded away as long as there is nothing in it.
        self.folded = folded
        #: What is wrong, by dotted path; set by the form that was refused.
        self.errors: dict[str, Any] = {}
        self.as_json = False
        self.label: Any = ""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        verb, _colon, at = str(data.get(DO, "")).partition(":")
        typed = name in data
        # A button of another field leaves this one as it is.
        switch = verb if at == name else ""
        self.as_json = switch == _JSON or (typed and switch != _FORM)
        if typed:
            text = str(data[name])
            value = read_json(text) if text.strip() else {}
            if not isinstance(value, dict | Typed):
                value = refused(text, _("Give an object of keys and values."))
            self.as_json = self.as_json or isinstance(value, Typed)
            return value
        value = Reader(data, verb, at).read(_spec(self.config), name)
        return {} if value is UNSET or value is None else value

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return not any(key == name or key.startswith(f"{name}.") for key in data)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context: dict[str, Any] = {
            "name": name,
            "as_json": self.as_json,
            "attrs": attrs or {},
            "folded": self.folded,
            "open": bool(value or self.errors),
            "label": self.label,
        }
        if self.as_json or isinstance(value, Typed):
            context |= {"as_json": True, "text": value if isinstance(value, str) else pretty(value)}
        else:
            control = Drawer(name, self.errors, context["attrs"].get("id", f"id_{name}")).draw(
                _spec(self.config), value or {}, name
            )
            context |= {"control": control, "do": DO}
        return render_to_string(self.template, context)

    def id_for_label(self, id_: str) -> str:
        # A group: its controls have labels of their own.
        return ""


class SchemaField(forms.Field):
    widget: SchemaWidget

    def __init__(self, config: type[BaseModel], *, folded: bool = False, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs, "widget": SchemaWidget(config, folded=folded)})
        self.widget.label = self.label

    def clean(self, value: Any) -> Any:
        wrong = dict(_unread(value, ""))
        if wrong:
            self.widget.errors.update(wrong)
            raise ValidationError([f"{path}: {why}" if path else str(why) for path, why in wrong.items()])
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or {}) != data)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else data


def _unread(value: Any, path: str) -> Any:
    """(path, why) of each text that could not be read."""
    if isinstance(value, Typed):
        yield path, value.error
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _unread(item, f"{path}.{key}" if path else str(key))


def draft(form: forms.BaseForm, data: Any) -> None:
    """Makes of a form what it holds after one of its buttons that save nothing: unbound, nothing checked yet."""
    found = {}
    for name, item in form.fields.items():
        key = form.add_prefix(name)
        if not item.widget.value_omitted_from_data(data, MultiValueDict(), key):
            value = item.widget.value_from_datadict(data, MultiValueDict(), key)
            # As it was typed: whether it is right is nobody's question yet.
            found[name] = item.bound_data(value, None)
    form.is_bound = False
    form.initial.update(found)
    # What was looked at while it was bound.
    form._bound_fields_cache.clear()  # type: ignore[attr-defined]
