"""The walk through a filter object: names become columns and relations, operators conditions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, cast

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Exists, Field, ForeignObjectRel, JSONField, ManyToManyField, Model, OuterRef, Q
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _

from workflows.collections import find_relation, is_many, key_of, reference, sensitive
from workflows.errors import Invalid
from workflows.filters.columns import Column, Condition, all_of, any_of, equal
from workflows.filters.operators import find_operator

#: (model) -> whether filters may follow a relation to it.
Reach = Callable[[type[Model]], bool]
#: (model, name) -> the model's own name for it.
Rename = Callable[[type[Model], str], str]
#: (model, name) -> what errors call the column and the model.
Label = Callable[[type[Model], str], tuple[str, str]]

_GROUPS = {"$and": all_of, "$or": any_of}
_EXISTENCE = ("$exists", "$notExists")
_MOST_CONDITIONS = 500
_DEEPEST = 30
_TAKEN = frozenset({*JSONField.get_class_lookups(), *KeyTransform.get_class_lookups()})


def to_q(
    model: type[Model],
    filter: Any,
    *,
    path: str = "filter",
    tz: tzinfo | None = None,
    reach: Reach | None = None,
    rename: Rename | None = None,
    label: Label | None = None,
    templates: bool = False,
) -> Q:
    """The condition a filter object means for rows of `model`; an empty filter is no condition, `Q()`.

    Rows never repeat: conditions on to-many relations are EXISTS, and those named in one object hold of one related
    row.
    `tz` is the zone of dates without one (default: the current one). `reach` says into which models relations may be
    followed, `rename` translates names, and `label` says what errors call them. With `templates` values that hold {{ }}
    are taken for granted, so that a filter can be checked before it is rendered. Raises `Invalid` naming the dotted
    path and what exists there.
    """
    condition = _Translator(tz, reach, rename, label, templates).filter(_Place(model), filter, path)
    return Q() if condition is None else condition.true


def is_empty(filter: Any) -> bool:
    """Whether a filter is no condition: nothing in it but empty objects and empty groups (spec 4.1)."""
    if isinstance(filter, Mapping):
        return all(
            (key in _GROUPS or key == "$not" or isinstance(value, Mapping)) and is_empty(value)
            for key, value in filter.items()
        )
    return filter is None or (isinstance(filter, list | tuple) and all(is_empty(item) for item in filter))


def order_column(model: type[Model], name: str, *, path: str = "sort", reach: Reach | None = None) -> str:
    """A column to sort by, as Django spells it; dots lead through to-one relations. Raises `Invalid` naming `path`."""
    translator, place = _Translator(None, reach, None, None, False), _Place(model)
    *relations, last = name.split(".")
    for relation_name in relations:
        relation = translator.relation(place.model, relation_name)
        if relation is None or is_many(relation):
            raise translator.unknown(place, relation_name, path)
        place = place.behind(relation)
    column = translator.column(place, last, path)
    if column is None:
        raise translator.unknown(place, last, path)
    return column.path


def inverse_lookup(relation: Any) -> tuple[str, str] | None:
    """(lookup on the related model, the column here that it must equal); None for generic relations."""
    if isinstance(relation, ManyToManyField):
        return f"{relation.remote_field.name}__pk", "pk"
    if isinstance(relation, ForeignObjectRel) and relation.many_to_many:
        return f"{relation.field.name}__pk", "pk"
    if isinstance(relation, ForeignObjectRel):
        field = cast(Any, relation.field)
        return field.attname, field.target_field.attname
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a filter one is: a model, and the to-one path that leads there from the row of the query."""

    model: type[Model]
    prefix: str = ""

    def behind(self, relation: Any) -> "_Place":
        return _Place(cast(type[Model], relation.related_model), f"{self.prefix}{relation.name}__")


class _Translator:
    def __init__(
        self, tz: tzinfo | None, reach: Reach | None, rename: Rename | None, label: Label | None, templates: bool
    ) -> None:
        self.tz = tz
        self.reach = reach
        self.rename = rename
        self.label = label
        self.templates = templates
        self.conditions = 0

    def filter(self, place: _Place, raw: Any, path: str) -> Condition | None:
        """An object at a model; its entries are ANDed. None is no condition."""
        if raw is None or self.later(raw):
            return None
        self.bound(path)
        if not isinstance(raw, Mapping):
            raise Invalid(_("A filter is an object of columns and conditions."), field=path)
        conditions: list[Condition | None] = []
        members: dict[str, list[tuple[Any, str]]] = {}
        for key, value in raw.items():
            name = str(key)
            if self.later(name):
                continue
            if name in _GROUPS:
                conditions.append(
                    self.group(name, value, f"{path}.{name}", lambda item, at: self.filter(place, item, at))
                )
            elif name == "$not":
                conditions.append(_negated(self.filter(place, value, f"{path}.$not")))
            elif name.startswith("$"):
                raise Invalid(
                    _('The operator %(name)s belongs to a column, as in {"id": {"%(name)s": ...}}.') % {"name": name},
                    field=f"{path}.{name}",
                )
            else:
                self.collect(place, name, value, path, members)
        for name, nested in members.items():
            conditions.extend(self.member(place, name, nested))
        return all_of(condition for condition in conditions if condition is not None)

    def collect(
        self, place: _Place, key: str, value: Any, path: str, members: dict[str, list[tuple[Any, str]]]
    ) -> None:
        """Sorts {"a.b.$op": x} under "a" as {"b.$op": x}, so that all that is said of one relation stands together."""
        head, dot, rest = key.partition(".")
        if rest in _EXISTENCE and self.relation(place.model, head) is not None:
            rest = f"pk.{rest}"
        members.setdefault(head, []).append(({rest: value} if dot else value, f"{path}.{head}"))

    def group(self, name: str, raw: Any, path: str, read: Callable[[Any, str], Condition | None]) -> Condition | None:
        if self.later(raw):
            return None
        self.bound(path)
        if isinstance(raw, Mapping):
            raw = [raw]
        if not isinstance(raw, list | tuple):
            raise Invalid(_("A list of filters belongs here."), field=path)
        parts = (read(item, f"{path}.{index}") for index, item in enumerate(raw))
        return _GROUPS[name](part for part in parts if part is not None)

    def member(self, place: _Place, name: str, nested: list[tuple[Any, str]]) -> Iterable[Condition | None]:
        """What is said of one column or relation."""
        path = nested[0][1]
        relation = self.relation(place.model, name)
        behind = [(raw, at) for raw, at in nested if relation is not None and _follows(raw)]
        for raw, at in nested:
            if relation is None or not _follows(raw):
                column = self.column(place, name, at)
                if column is None:
                    raise self.unknown(place, name, path) if relation is None else self.unspecific(name, at)
                yield self.test(column, raw)
        if relation is not None and behind:
            yield (self.many if is_many(relation) else self.one)(place, relation, behind)

    def one(self, place: _Place, relation: Any, nested: list[tuple[Any, str]]) -> Condition | None:
        found = (self.filter(place.behind(relation), raw, path) for raw, path in nested)
        return all_of(condition for condition in found if condition is not None)

    def many(self, place: _Place, relation: Any, nested: list[tuple[Any, str]]) -> Condition | None:
        """EXISTS a related row of which all this holds; without any, the row counts as one joined with NULLs."""
        related = cast(type[Model], relation.related_model)
        found = (self.filter(_Place(related), raw, path) for raw, path in nested)
        condition = all_of(part for part in found if part is not None)
        link = inverse_lookup(relation)
        if condition is None:
            return None
        if link is None:
            raise Invalid(_("Filters can't follow the generic relation %r.") % relation.name, field=nested[0][1])
        rows = related._base_manager.filter(**{link[0]: OuterRef(place.prefix + link[1])})
        none = ~Q(Exists(rows))
        true, false = Q(Exists(rows.filter(condition.true))), Q(Exists(rows.filter(condition.false)))
        if condition.null is not None:
            true, false = (true | none, false) if condition.null else (true, false | none)
        return Condition(true, false, condition.null)

    def test(self, column: Column, raw: Any) -> Condition | None:
        """What is said of one column: a value, operators, or a path into its JSON."""
        if self.later(raw):
            return None
        self.bound(column.where)
        if not isinstance(raw, Mapping):
            return equal(column, raw)
        return all_of(
            condition
            for condition in (self.entry(column, str(key), value) for key, value in raw.items())
            if condition is not None
        )

    def entry(self, column: Column, name: str, raw: Any) -> Condition | None:
        where = f"{column.where}.{name}"
        if name in _GROUPS:
            return self.group(name, raw, where, lambda item, at: self.test(self.named(column, at), item))
        if name == "$not" and isinstance(raw, Mapping):
            return _negated(self.test(self.named(column, where), raw))
        if name.startswith("$"):
            operator = find_operator(name, where)
            later = self.later([*raw.values()] if isinstance(raw, Mapping) else raw)
            return None if later else operator(self.named(column, where), raw)
        if column.field is not None and not isinstance(column.field, JSONField):
            called = column.label[0] if column.label is not None else key_of(column.field)
            raise Invalid(_("%r is a column; nothing lies behind it.") % called, field=where)
        head, dot, rest = name.partition(".")
        if not head or "__" in head:
            raise Invalid(_("A path into JSON is made of names and numbers with dots between."), field=where)
        if head in _TAKEN:
            raise Invalid(_("The JSON key %r can't be asked for: Django reads it as a lookup.") % head, field=where)
        inner = Column(f"{column.path}__{head}", f"{column.where}.{head}", None, self.tz)
        return self.test(inner, {rest: raw} if dot else raw)

    def named(self, column: Column, where: str) -> Column:
        return Column(column.path, where, column.field, column.zone, column.label)

    def name(self, model: type[Model], name: str) -> str:
        return self.rename(model, name) if self.rename is not None else name

    def relation(self, model: type[Model], name: str) -> Any:
        relation = find_relation(model, self.name(model, name))
        if relation is None or (self.reach is not None and not self.reach(cast(type[Model], relation.related_model))):
            return None
        return relation

    def column(self, place: _Place, name: str, path: str) -> Column | None:
        field = _find_column(place.model, self.name(place.model, name))
        label = None if self.label is None else self.label(place.model, name)
        return None if field is None else Column(f"{place.prefix}{field.attname}", path, field, self.tz, label)

    def unknown(self, place: _Place, name: str, path: str) -> Invalid:
        columns = [key_of(field) for field in place.model._meta.concrete_fields if not sensitive(field)]
        relations = [
            field.name for field in place.model._meta.get_fields() if self.relation(place.model, field.name) is not None
        ]
        return Invalid(
            _("%(model)s has no column %(name)r; it has %(known)s.")
            % {"model": reference(place.model), "name": name, "known": ", ".join([*columns, *sorted(relations)])},
            field=path,
        )

    def unspecific(self, name: str, path: str) -> Invalid:
        return Invalid(
            _('%(name)r is a relation; name one of its columns, as in "%(name)s.id".') % {"name": name}, field=path
        )

    def later(self, raw: Any) -> bool:
        """Whether the value will be known only once it is rendered."""
        return self.templates and _has_template(raw)

    def bound(self, path: str) -> None:
        self.conditions += 1
        if self.conditions > _MOST_CONDITIONS or path.count(".") > _DEEPEST:
            raise Invalid(_("The filter has too many conditions, or too deep ones."), field=path[:200])


def _negated(condition: Condition | None) -> Condition | None:
    return None if condition is None else condition.negated()


def _follows(raw: Any) -> bool:
    """Whether what is said of a relation is about the related row, not about the key that leads there."""
    return isinstance(raw, Mapping) and not (
        raw and all(str(key).startswith("$") and key not in _GROUPS for key in raw)
    )


def _has_template(raw: Any) -> bool:
    items = raw if isinstance(raw, list | tuple) else [raw]
    return any(isinstance(item, str) and "{{" in item for item in items)


def _find_column(model: type[Model], name: str) -> "Field[Any, Any] | None":
    """A concrete field by name or attribute name; sensitive ones can't be asked for."""
    found: Any
    try:
        found = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        found = next((field for field in model._meta.concrete_fields if field.attname == name), None)
    if not isinstance(found, Field) or not found.concrete or found.many_to_many or sensitive(found):
        return None
    return found
