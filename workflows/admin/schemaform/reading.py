"""A configuration out of a POST: each control gives back what it was given, changed where a person changed it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.admin.schemaform import formfields, rows
from workflows.admin.schemaform.specs import UNSET, Spec
from workflows.admin.schemaform.texts import read_any, read_json, read_number, unused

#: Of lists: more is no person's work.
_MOST = 500
_WHOLE = frozenset({"json", "group", "list", "values", "filter", "logic", "fields", "map"})


@dataclass(frozen=True)
class Reader:
    data: Mapping[str, Any]
    #: (what to do, with which control), of a button that changes the form and saves nothing.
    verb: str = ""
    at: str = ""

    def read(self, spec: Spec, name: str) -> Any:
        """The value of a control; UNSET where nothing was given."""
        if spec.what in _WHOLE and name in self.data:
            # Shown as a text, for it fits no control.
            text = str(self.data[name]).strip()
            return UNSET if not text else read_any(text) if spec.what in ("filter", "fields") else read_json(text)
        found = getattr(self, f"_{spec.what}")(spec, name)
        if self.verb == "off" and self.at == name:
            return None
        return found

    def _text(self, spec: Spec, name: str) -> Any:
        text = self.data.get(name)
        if text is None:
            return UNSET
        if not text and (spec.required or spec.nullable):
            return UNSET
        return str(text).replace("\r\n", "\n")

    _code = _collection = _column = _text

    def _number(self, spec: Spec, name: str) -> Any:
        found = read_number(str(self.data.get(name, "")), spec.whole)
        return UNSET if found is None else found

    def _flag(self, spec: Spec, name: str) -> Any:
        return name in self.data

    def _choice(self, spec: Spec, name: str) -> Any:
        text = self.data.get(name, "")
        known = {json.dumps(value): value for value, _label in spec.choices}
        return known.get(text, text) if text else UNSET

    def _any(self, spec: Spec, name: str) -> Any:
        if name not in self.data:
            return UNSET
        return read_any(str(self.data[name]))

    def _json(self, spec: Spec, name: str) -> Any:
        return UNSET

    def _group(self, spec: Spec, name: str) -> Any:
        adding = self.verb == "on" and self.at == name
        if spec.nullable and f"{name}.$on" not in self.data:
            return {} if adding else UNSET
        kept = self._kept(name)
        found = {}
        for part in spec.parts:
            value = self.read(part, f"{name}.{part.key}")
            if value is UNSET and part.nullable and part.key in kept["has"]:
                value = None
            # What was not stored and is as it would be anyway stays unsaid.
            if value is not UNSET and (part.key in kept["has"] or not _as_default(part, value)):
                found[part.key] = value
        known = {part.key for part in spec.parts}
        return {**found, **{key: value for key, value in kept["rest"].items() if key not in known}}

    def _kept(self, name: str) -> dict[str, Any]:
        """What a group held that its controls can't say: keys that were there, and those nobody knows."""
        kept = read_json(str(self.data.get(f"{name}.$kept") or "{}"))
        kept = kept if isinstance(kept, dict) else {}
        has, rest = kept.get("has"), kept.get("rest")
        return {"has": has if isinstance(has, list) else [], "rest": rest if isinstance(rest, dict) else {}}

    def _list(self, spec: Spec, name: str) -> Any:
        assert spec.item is not None
        if f"{name}.$n" not in self.data:
            return UNSET
        items = [self.read(spec.item, f"{name}.{index}") for index in range(self._count(name))]
        items = self._rearranged([None if item is UNSET else item for item in items], name)
        if self.verb == "add" and self.at == name:
            items.append({} if spec.item.what == "group" else "")
        return items

    def _map(self, spec: Spec, name: str) -> Any:
        assert spec.item is not None
        if f"{name}.$n" not in self.data:
            return UNSET
        given = [
            (str(self.data.get(f"{name}.{index}.$key", "")).strip(), self.read(spec.item, f"{name}.{index}"))
            for index in range(self._count(name))
        ]
        given = self._rearranged(given, name)
        if self.verb == "add" and self.at == name:
            given.append(("form", {}))
        found: dict[str, Any] = {}
        for key, item in given:
            found[unused(key, found)] = {} if item is UNSET else item
        return found

    def _people(self, spec: Spec, name: str) -> Any:
        """What one was kept as one, and a list as a list."""
        if f"{name}.$n" not in self.data:
            return UNSET
        found = [self._one(spec, f"{name}.{index}") for index in range(self._count(name))]
        found = [item for item in self._rearranged(found, name) if item is not UNSET]
        if self.at == name:
            found += [None] if self.verb == "add" else [{"filter": {}}] if self.verb == "add-filter" else []
        shape = self.data.get(f"{name}.$shape")
        if not found and shape != "list":
            return UNSET
        return found[0] if len(found) == 1 and shape == "one" else found

    def _one(self, spec: Spec, name: str) -> Any:
        """A person or, by a filter, several; nobody is left out."""
        if f"{name}.$n" in self.data:
            condition = self._filter(Spec("filter"), name)
            return {"filter": {} if condition is UNSET else condition}
        found = self._any(spec, name)
        return UNSET if found is None else found

    def _fields(self, spec: Spec, name: str) -> Any:
        if f"{name}.$n" not in self.data:
            return UNSET
        found = [
            (self._group(formfields.ROW, f"{name}.{index}"), "name" not in self._kept(f"{name}.{index}")["has"])
            for index in range(self._count(name))
        ]
        found = self._rearranged(found, name)
        if self.verb == "add" and self.at == name:
            found.append(({}, True))
        outer = read_json(str(self.data.get(f"{name}.$outer") or "null"))
        rows, bare = [row for row, _bare in found], [alone for _row, alone in found]
        if isinstance(outer, dict):
            return formfields.to_schema(rows, outer)
        return formfields.to_list(rows, bare) if found or outer == [] else UNSET

    def _values(self, spec: Spec, name: str) -> Any:
        texts = [str(self.data.get(f"{name}.{index}.key", "")) for index in range(self._count(name))]
        pairs = [(key, self._any(spec, f"{name}.{index}.value")) for index, key in enumerate(texts) if key]
        pairs = self._rearranged(pairs, name)
        chosen = str(self.data.get(f"{name}.$new", ""))
        if self.verb == "add" and self.at == name and chosen:
            pairs.append((chosen, None))
        return {key: None if value is UNSET else value for key, value in pairs}

    def _filter(self, spec: Spec, name: str) -> Any:
        found = rows.to_filter(self._rows(spec, name))
        return found or UNSET

    def _logic(self, spec: Spec, name: str) -> Any:
        found = rows.to_logic(self._rows(spec, name))
        return found or UNSET

    def _rows(self, spec: Spec, name: str) -> rows.Rows:
        found = []
        for index in range(self._count(name)):
            at = f"{name}.{index}"
            left: Any = (
                str(self.data.get(f"{at}.left", ""))
                if spec.what == "filter"
                else read_any(str(self.data.get(f"{at}.left", "")))
            )
            found.append((left, str(self.data.get(f"{at}.op", "")), read_any(str(self.data.get(f"{at}.right", "")))))
        found = [row for row in self._rearranged(found, name) if row[0] or spec.what == "logic"]
        if self.verb == "add" and self.at == name:
            chosen = str(self.data.get(f"{name}.$new", ""))
            found += [(chosen, "$eq", None)] if spec.what == "filter" and chosen else []
            found += [(None, "equal", None)] if spec.what == "logic" else []
        join = "or" if self.data.get(f"{name}.$join") == "or" else "and"
        return rows.Rows(join, found, f"{name}.$plain" in self.data)

    def _count(self, name: str) -> int:
        text = str(self.data.get(f"{name}.$n", ""))
        return min(int(text), _MOST) if text.isascii() and text.isdecimal() and len(text) < 9 else 0

    def _rearranged(self, items: list[Any], name: str) -> list[Any]:
        """With the item that a button is for removed or moved up."""
        where, _dot, last = self.at.rpartition(".")
        if where != name or not last.isdecimal() or int(last) >= len(items):
            return items
        index = int(last)
        if self.verb == "remove":
            return items[:index] + items[index + 1 :]
        if self.verb == "up" and index:
            return [*items[: index - 1], items[index], items[index - 1], *items[index + 1 :]]
        return items


def _as_default(part: Spec, value: Any) -> bool:
    if part.default is not UNSET:
        return bool(value == part.default and type(value) is type(part.default))
    # Of a default that a schema can't tell: nothing at all.
    return not part.required and value in ({}, [], "", None)
