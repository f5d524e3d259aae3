"""The host project's models as workflows see them: references, which may be used, rows as JSON (spec 4, head)."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias, Union, cast

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import router
from django.db.models import (
    CharField,
    Field,
    FileField,
    ForeignObjectRel,
    JSONField,
    Model,
    QuerySet,
    TextField,
)
from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import Invalid
from workflows.jsonable import jsonable

#: A model; kinds spell it so, whose own `type` hides Python's.
ModelType: TypeAlias = type[Model]
#: A tree of relations to load: {name: what to load behind it}.
Appends: TypeAlias = dict[str, Any]
#: A forward or reverse relation, as `Model._meta` describes it.
Relation = Union["Field[Any, Any]", ForeignObjectRel]

#: What concerns people, sessions and the engine itself stays out unless a pattern names the app or the model.
_PRIVATE_APPS = frozenset(
    {"admin", "auth", "authtoken", "contenttypes", "executions", "sessions", "token_blacklist", "workflows"}
)
_PRIMARY_ALIASES = ("main", "default")
_SENSITIVE = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|secret_key|api_?key|private_?key|(access|refresh|auth)_?token)(_hash)?$",
    re.I,
)
#: Text in these is the value itself; text in any other field is a value not yet read.
_TEXT_FIELDS = (CharField, TextField, JSONField, FileField)


def reference(model: type[Model]) -> str:
    """How workflows name the model: "app.Model"."""
    return model._meta.label


def alias_of(collection: str) -> str | None:
    """The database alias that a reference names; None leaves it to the router. Raises `Invalid` for an unknown one."""
    alias, colon, _name = str(collection).rpartition(":")
    if not colon:
        return None
    if alias in settings.DATABASES:
        return alias
    if alias in _PRIMARY_ALIASES:
        return "default"
    raise Invalid(
        _("There is no database alias %(alias)r; choose one of %(known)s.")
        % {"alias": alias, "known": ", ".join(sorted(settings.DATABASES))},
        field="collection",
    )


def write_alias(collection: str) -> str:
    """The alias that rows of the collection are written on. Raises `Invalid` (field "collection")."""
    model = resolve(collection)
    return alias_of(collection) or router.db_for_write(model)


def engine_alias() -> str:
    """The alias of the engine's own tables: the user model's."""
    return router.db_for_write(get_user_model())


def resolve(collection: Any) -> type[Model]:
    """The model of "app.Model" or "alias:app.Model". Raises `Invalid` (field "collection") if there is none to use."""
    if not isinstance(collection, str) or collection.count(".") != 1:
        raise Invalid(_('Name a model as "app.Model" or "alias:app.Model".'), field="collection")
    alias_of(collection)
    label = collection.rpartition(":")[2]
    try:
        model = apps.get_model(label)
    except LookupError:
        raise Invalid(
            _("There is no model %r; check the app's label and the model's name.") % label, field="collection"
        ) from None
    if not usable(model):
        raise Invalid(
            _('Workflows may not use %(model)s; a pattern in SLUICE["MODELS"] would let them.')
            % {"model": reference(model)},
            field="collection",
        )
    return model


def usable(model: type[Model]) -> bool:
    """Whether `SLUICE["MODELS"]` lets workflows use the model."""
    return _usable(model, tuple(conf().MODELS))


@lru_cache(maxsize=2048)
def _usable(model: type[Model], patterns: tuple[str, ...]) -> bool:
    meta = model._meta
    if meta.auto_created or meta.swapped or meta.abstract:
        return False
    app, label, answer = meta.app_label.lower(), meta.label_lower, False
    for pattern in patterns:
        name = pattern.lstrip("-").lower()
        # "*" means what a project is about; tables it doesn't own, and second names of private ones, must be meant.
        if name == label or (name == f"{app}.*" and not _borrowed(model)) or (name == "*" and not _withheld(model)):
            answer = not pattern.startswith("-")
    return answer


def _borrowed(model: type[Model]) -> bool:
    """Whether the model is another name for, or an extension of, a private model of a different app."""
    family = {model._meta.concrete_model, *model._meta.get_parent_list()} - {model, None}
    return any(_private(cast(type[Model], other)) for other in family)


def _withheld(model: type[Model]) -> bool:
    return _private(model) or _borrowed(model) or not model._meta.managed or model._meta.proxy


def _private(model: type[Model]) -> bool:
    return model._meta.app_label in _PRIVATE_APPS or model is get_user_model()


def usable_models() -> list[type[Model]]:
    """Every model that workflows may use, by reference."""
    return sorted((model for model in apps.get_models() if usable(model)), key=reference)


def sensitive(field: "Field[Any, Any]") -> bool:
    """Whether the field's values are never shown: named like a password, or flagged `sluice_sensitive`.

    The flag is an attribute of the field, or a tuple of field names on its model.
    """
    if getattr(field, "sluice_sensitive", False) or _SENSITIVE.search(field.name):
        return True
    return field.name in getattr(field.model, "sluice_sensitive", ())


@lru_cache(maxsize=1024)
def shown_fields(model: type[Model]) -> "tuple[Field[Any, Any], ...]":
    """The concrete fields that rows show as JSON, inherited ones included."""
    return tuple(field for field in model._meta.concrete_fields if not sensitive(field))


def key_of(field: "Field[Any, Any]") -> str:
    """The field's key in a row's JSON: "customer_id" for a foreign key, else its name."""
    return field.attname if field.is_relation else field.name


def find_relation(model: type[Model], name: str) -> Relation | None:
    """The relation of this name, forward or reverse, by the name used in filters or on instances; or None."""
    try:
        found: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        found = next((rel for rel in model._meta.related_objects if rel.get_accessor_name() == name), None)
    if found is None or not found.is_relation or getattr(found, "hidden", False):
        return None
    # A generic foreign key leads to no one model.
    return cast(Relation, found) if isinstance(found.related_model, type) else None


def relation_names(model: type[Model]) -> list[str]:
    """The names of the relations that may be followed: into usable models, and not hidden."""
    return sorted(accessor(field) for field in model._meta.get_fields() if _followed(field))


def _followed(field: Any) -> bool:
    return bool(field.is_relation and isinstance(field.related_model, type) and usable(field.related_model))


def accessor(relation: Any) -> str:
    """The attribute that leads from a row to what it is related to."""
    return cast(str, relation.get_accessor_name() if isinstance(relation, ForeignObjectRel) else relation.name)


def is_many(relation: Any) -> bool:
    return bool(relation.one_to_many or relation.many_to_many)


def parse_appends(model: type[Model], paths: Iterable[str], *, path: str = "appends") -> Appends:
    """The tree of dotted relation paths; "customer.orders" adds "customer" too. Raises `Invalid` naming the path."""
    tree: Appends = {}
    for index, dotted in enumerate(paths):
        here, branch = model, tree
        for name in str(dotted).split("."):
            relation = find_relation(here, name)
            if relation is None or not _followed(relation):
                raise Invalid(
                    _("%(model)s has no relation %(name)r that workflows may follow; it has %(known)s.")
                    % {"model": reference(here), "name": name, "known": ", ".join(relation_names(here)) or _("none")},
                    field=f"{path}.{index}",
                )
            branch = branch.setdefault(name, {})
            here = cast(type[Model], relation.related_model)
    return tree


def load(queryset: "QuerySet[Any]", appends: Appends) -> "QuerySet[Any]":
    """The queryset with what `appends` names loaded along: to-one relations by join, others by one query each."""
    joined, fetched = _split(cast(type[Model], queryset.model), appends)
    if joined:
        queryset = queryset.select_related(*joined)
    return queryset.prefetch_related(*fetched) if fetched else queryset


def _split(model: type[Model], appends: Appends) -> tuple[list[str], list[str]]:
    joined: list[str] = []
    fetched: list[str] = []
    for path, single in _paths(model, appends):
        (joined if single else fetched).append(path)
    return joined, fetched


def _paths(model: type[Model], appends: Appends, prefix: str = "", single: bool = True) -> Iterator[tuple[str, bool]]:
    """Every path of the tree as Django spells it, and whether only to-one relations lead there."""
    for name, below in appends.items():
        relation = find_relation(model, name)
        if relation is None:
            continue
        path, one = prefix + accessor(relation), single and not is_many(relation)
        yield path, one
        yield from _paths(cast(type[Model], relation.related_model), below, f"{path}__", one)


def to_json(
    instance: Model, appends: Appends | Iterable[str] = (), *, model: type[Model] | None = None
) -> dict[str, Any]:
    """The row as JSON: concrete fields by name, foreign keys as "customer_id", appended relations nested by name.

    Sensitive fields are left out, here and in what is nested. `model` shows the row as one of its parents or proxies.
    Raises `Invalid` for an unknown relation.
    """
    shown = model or type(instance)
    tree = appends if isinstance(appends, dict) else parse_appends(shown, appends)
    return cast(dict[str, Any], jsonable(_row(instance, tree, shown)))


def _row(instance: Model, appends: Appends, model: type[Model]) -> dict[str, Any]:
    row = {key_of(field): _value(field, instance) for field in shown_fields(model)}
    for name, below in appends.items():
        relation = find_relation(model, name)
        if relation is not None:
            row[name] = _related(instance, relation, below)
    return row


def _value(field: "Field[Any, Any]", instance: Model) -> Any:
    value = getattr(instance, field.attname)
    if isinstance(value, str) and not isinstance(field, _TEXT_FIELDS):
        # Assigned as text and saved: the instance still holds the text, the row the value.
        value = field.to_python(value)
    return getattr(value, "name", None) or "" if isinstance(field, FileField) else value


def _related(instance: Model, relation: Any, below: Appends) -> Any:
    model = cast(type[Model], relation.related_model)
    try:
        related = getattr(instance, accessor(relation))
    except ObjectDoesNotExist:
        return None
    if is_many(relation):
        return [_row(item, below, model) for item in related.all()]
    return None if related is None else _row(related, below, model)
