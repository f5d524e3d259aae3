"""What the templates show of a configuration: controls with their values, their choices and what is wrong with them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils.translation import gettext as _

from workflows.admin.forms import pretty
from workflows.admin.schemaform import formfields, rows
from workflows.admin.schemaform.specs import UNSET, Spec
from workflows.admin.schemaform.texts import Typed, one_line, show_any
from workflows.coercion import writable
from workflows.collections import key_of, reference, resolve, sensitive, usable_models
from workflows.errors import SluiceError

Option = tuple[str, Any, bool]


@dataclass(frozen=True)
class Control:
    """One control; what fills it depends on `what`, as in the template control.html."""

    what: str
    name: str
    #: Of the element: another than the name's where two forms stand on a page.
    id: str
    label: Any
    #: What names it where there is no label: an item of a list.
    aria: str = ""
    help: str = ""
    error: str = ""
    required: bool = False
    nullable: bool = False
    text: str = ""
    on: bool = False
    options: list[Option] = field(default_factory=list)
    children: "list[Control]" = field(default_factory=list)
    #: Of rows: (left, its options, operators, right).
    rows: list[tuple[str, list[Option], list[Option], str]] = field(default_factory=list)
    #: What a button may add.
    more: list[tuple[str, Any]] = field(default_factory=list)
    join: str = "and"
    plain: bool = True
    #: What the group keeps unseen.
    kept: str = ""


@dataclass(frozen=True)
class Drawer:
    """`errors` are sentences by the dotted path below the configuration's name."""

    base: str
    errors: Mapping[str, Any]
    #: The id of the whole.
    id: str

    def _id(self, name: str) -> str:
        return self.id + name.removeprefix(self.base)

    def draw(self, spec: Spec, value: Any, name: str, model: type[Model] | None = None) -> Control:
        """`model` is that of the nearest collection."""
        known: dict[str, Any] = {
            "name": name,
            "id": self._id(name),
            "label": spec.label,
            "help": spec.help,
            "error": str(self.errors.get(name.removeprefix(self.base).removeprefix("."), "")),
            "required": spec.required,
            "nullable": spec.nullable,
        }
        what = spec.what
        if isinstance(value, Typed):
            return Control(what if what in ("text", "code", "number", "any") else "json", text=str(value), **known)
        if value is UNSET:
            value = None if spec.default is UNSET else spec.default
        more = getattr(self, f"_{what}", self._plain)(spec, value, name, model)
        return Control(more.pop("what", what), **{**known, **more})

    def _plain(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        """A control with a text in it; a value of another type than the schema's is shown as what it is."""
        if spec.what in ("text", "code") and value is not None and not isinstance(value, str):
            return {"what": "any", "text": show_any(value)}
        if spec.what == "any":
            return {"text": show_any(value)}
        if spec.what == "json":
            return {"text": "" if value is None or value == {} else pretty(value)}
        return {"text": "" if value is None else str(value)}

    def _flag(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        return {"on": value is True}

    def _choice(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        known = [(json.dumps(each), label, each == value and type(each) is type(value)) for each, label in spec.choices]
        if value is not None and not any(chosen for _text, _label, chosen in known):
            known.append((value if isinstance(value, str) else json.dumps(value), str(value), True))
        if spec.nullable or spec.default is UNSET:
            known.insert(0, ("", "---------", value is None))
        return {"options": known}

    def _collection(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        options = [(reference(each), f"{each._meta.verbose_name} ({reference(each)})") for each in usable_models()]
        chosen = _resolved(value)
        current = reference(chosen) if chosen is not None and ":" not in str(value) else value
        known = [
            (name, label, name == current) for name, label in sorted(options, key=lambda each: str(each[1]).lower())
        ]
        if current and not any(found for _name, _label, found in known):
            known.append((str(value), str(value), True))
        return {"options": [("", "---------", not current), *known]}

    def _column(self, spec: Spec, value: Any, name: str, model: type[Model] | None) -> dict[str, Any]:
        if model is None:
            return {"what": "text", "text": "" if value is None else str(value)}
        return {"options": [("", "---------", not value), *_options(rows.column_choices(model), value or "")]}

    def _group(self, spec: Spec, value: Any, name: str, model: type[Model] | None) -> dict[str, Any]:
        if spec.nullable and value is None:
            return {"on": False}
        if value is not None and not isinstance(value, dict):
            return {"what": "json", "text": show_any(value)}
        stored = value or {}
        for part in spec.parts:
            if part.what == "collection":
                model = _resolved(stored.get(part.key)) or model
        known = {part.key for part in spec.parts}
        kept = {
            "has": [key for key in stored if key in known],
            "rest": {key: item for key, item in stored.items() if key not in known},
        }
        return {
            "on": True,
            "children": [
                self.draw(part, stored.get(part.key, UNSET), f"{name}.{part.key}", model) for part in spec.parts
            ],
            "kept": json.dumps(kept, ensure_ascii=False),
        }

    def _list(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, list):
            return {"what": "json", "text": show_any(value)}
        assert spec.item is not None
        items = [self.draw(spec.item, item, f"{name}.{index}", model) for index, item in enumerate(value or ())]
        return {"children": [replace(item, aria=f"{spec.label} {index}") for index, item in enumerate(items, 1)]}

    def _map(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            return {"what": "json", "text": show_any(value)}
        assert spec.item is not None
        stored = value or {}
        keys = list(stored)
        inner = self._told({key: str(index) for index, key in enumerate(keys)}, name, "$key")
        children = []
        for index, key in enumerate(keys):
            at = f"{name}.{index}"
            item = inner.draw(replace(spec.item, label=key), stored[key], at, model)
            named = inner.draw(Spec("text", label=_("Key"), required=True), key, f"{at}.$key")
            children.append(replace(item, children=[replace(named, what="line"), *item.children], aria=key))
        return {"children": children}

    def _told(self, places: Mapping[str, str], name: str, itself: str) -> "Drawer":
        """With errors below keys at the controls that stand for them; `itself` takes those of a key's whole."""
        path = name.removeprefix(self.base).removeprefix(".")
        moved = dict(self.errors)
        for where, sentence in self.errors.items():
            for key, place in places.items():
                rest = f"{where}.".removeprefix(f"{path}.{key}.")
                if len(rest) <= len(where):
                    moved[f"{path}.{place}.{rest.rstrip('.') or itself}"] = sentence
        return replace(self, errors=moved)

    def _fields(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        found = formfields.rows_of(value)
        if found is None:
            return {"what": "json", "text": show_any(value)}
        where = f"{name}.properties" if isinstance(value, dict) else name
        keys = list(value["properties"]) if isinstance(value, dict) else map(str, range(len(found)))
        # Of JSON Schema they are told by name, of lists by number.
        inner = self._told({key: str(index) for index, key in enumerate(keys)}, where, "name")
        path, below = (each.removeprefix(self.base).removeprefix(".") for each in (name, where))
        moved = {key.replace(f"{below}.", f"{path}.", 1): text for key, text in inner.errors.items()}
        inner = replace(inner, errors=moved)
        children = []
        for index, row in enumerate(found):
            item = inner.draw(formfields.ROW, row, f"{name}.{index}")
            if isinstance(value, list) and isinstance(value[index], str):
                item = replace(item, kept="")
            children.append(replace(item, aria=row.get("name") or str(index + 1)))
        if isinstance(value, dict):
            outer: Any = {key: item for key, item in value.items() if key != "properties"}
        else:
            outer = [] if value == [] else None
        return {"children": children, "kept": json.dumps(outer, ensure_ascii=False)}

    def _people(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        items = value if isinstance(value, list) else [] if value is None else [value]
        shape = "list" if isinstance(value, list) else "" if value is None else "one"
        children = [self._person(spec, item, f"{name}.{index}", index + 1) for index, item in enumerate(items)]
        return {"children": children, "kept": shape}

    def _person(self, spec: Spec, value: Any, name: str, number: int) -> Control:
        """A person is one line; what finds several is a filter of users."""
        users = get_user_model()
        if isinstance(value, dict) and set(value) == {"filter"} and rows.rows_of_filter(value["filter"]) is not None:
            known = Spec("filter", label=_("People by filter"))
            return replace(self.draw(known, value["filter"] or {}, name, users), aria=f"{spec.label} {number}")
        drawn = self.draw(Spec("any"), value, name)
        return replace(drawn, what="person", text=one_line(value), aria=f"{spec.label} {number}")

    def _values(self, spec: Spec, value: Any, name: str, model: type[Model] | None) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            return {"what": "json", "text": show_any(value)}
        if model is None:
            return {"what": "json", "text": "" if not value else pretty(value)}
        fields = {key_of(item) if not item.many_to_many else item.name: item for item in writable(model).values()}
        shown = value or {}
        children = [
            Control(
                "any",
                f"{name}.{index}.value",
                self._id(f"{name}.{index}.value"),
                fields[key].verbose_name.capitalize() if key in fields else key,
                error=str(self.errors.get(f"{name}.{key}".removeprefix(f"{self.base}."), "")),
                text=show_any(item),
                kept=key,
            )
            for index, (key, item) in enumerate(shown.items())
        ]
        more = [
            (key, f"{item.verbose_name}{'' if _needless(item) else ' *'}")
            for key, item in fields.items()
            if key not in shown and item.name not in shown and not sensitive(item)
        ]
        return {"children": children, "more": more}

    def _filter(self, spec: Spec, value: Any, name: str, model: type[Model] | None) -> dict[str, Any]:
        found = rows.rows_of_filter(value)
        if found is None or model is None:
            return {"what": "any", "text": show_any(value)}
        columns = rows.column_choices(model)
        shown = [
            (
                str(left),
                _options(columns, left),
                _options(list(rows.FILTER_OPERATORS.items()), operator),
                show_any(right),
            )
            for left, operator, right in found.rows
        ]
        return {"rows": shown, "more": columns, "join": found.join, "plain": found.plain}

    def _logic(self, spec: Spec, value: Any, name: str, model: Any) -> dict[str, Any]:
        found = rows.rows_of_logic(value)
        if found is None:
            return {"what": "json", "text": pretty(value)}
        known = rows.calculator_choices()
        shown: list[Any] = [
            (show_any(left), [], _options(known, operator), show_any(right)) for left, operator, right in found.rows
        ]
        return {"rows": shown, "join": found.join}


def _options(choices: list[tuple[str, Any]], chosen: Any) -> list[Option]:
    known = [(value, label, value == chosen) for value, label in choices]
    return (
        known
        if not chosen or any(found for _value, _label, found in known)
        else [*known, (str(chosen), str(chosen), True)]
    )


def _resolved(value: Any) -> type[Model] | None:
    try:
        return resolve(value) if value else None
    except SluiceError:
        return None


def _needless(item: Any) -> bool:
    """Whether a row does without a value for it."""
    return bool(item.null or item.blank or item.has_default() or item.many_to_many)
