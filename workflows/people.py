"""People whom a step names: keys, user names, rows, lists of these, and filters of users (spec 5.11, 5.20).

Only active users count; whoever is named and is none is told by the step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.utils.translation import gettext as _
from pydantic import WithJsonSchema

from workflows import filters
from workflows.collections import engine_alias, usable
from workflows.errors import Invalid
from workflows.expressions.text import to_text

#: More are a mistake, and would fill many inboxes.
MOST_PEOPLE = 1_000
_FILTER = "filter"

#: How a configuration spells people; texts in it may hold templates.
People = Annotated[Any, WithJsonSchema({"type": ["array", "string", "integer", "object", "null"], "x-people": True})]


@dataclass
class Found:
    """Keys of active users, each once, in the order in which they were named; and what names nobody."""

    ids: list[Any] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def log(self) -> list[tuple[str, str]]:
        """The job's lines on who was not asked."""
        sentence = _("There is no active user %s, so they were not asked.")
        return [("WARN", sentence % ", ".join(self.unknown[:20]))] if self.unknown else []


def has_filter(value: Any) -> bool:
    """Whether people are named by a filter. What a template gives is never one."""
    if isinstance(value, list | tuple):
        return any(has_filter(item) for item in value)
    return isinstance(value, Mapping) and _FILTER in value


def check(value: Any, path: str) -> None:
    """Looks at what holds no template. Raises `Invalid` naming `path`."""
    for where, item in _items(value, path):
        if isinstance(item, Mapping) and _FILTER in item:
            condition = item[_FILTER]
            if not isinstance(condition, str):
                filters.to_q(_users(), condition, path=f"{where}.{_FILTER}", reach=_reach, templates=True)
        elif isinstance(item, bool | float):
            raise Invalid(_("Name a person by key or user name, or several by a filter."), field=where)


def find(value: Any, *, filtered: bool = False) -> Found:
    """Whom a rendered value means; `filtered`: objects in it may be filters.

    Raises `Invalid` for more than `MOST_PEOPLE`, and for a filter that is wrong.
    """
    named: list[Any] = []
    for _where, item in _items(value, "people"):
        if filtered and has_filter(item):
            named.extend(_filtered(item[_FILTER]))
        else:
            named.append(item)
    if len(named) > MOST_PEOPLE:
        raise Invalid(_("A step can ask at most %d people; name fewer.") % MOST_PEOPLE, field="assignees")
    return _known(named)


def strangers(named: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(path, sentence) of each who is named in a configuration, {path: people}, and is no active user now.

    Templates and filters are known only when the step runs. At most one query a call.
    """
    items = [
        (where, item)
        for path, value in named.items()
        for where, item in _items(value, path)
        if not isinstance(item, Mapping | bool) and not (isinstance(item, str) and "{{" in item)
    ]
    unknown = set(_known([item for _where, item in items]).unknown) if items else ()
    sentence = _("There is no active user %s, so they will not be asked.")
    return [(where, sentence % text) for where, item in items if (text := to_text(item)[:80]) in unknown]


def only(scope: Any, ids: list[Any]) -> Any:
    """The scope with its filters asking for no others than these: there may be very many."""
    if isinstance(scope, list | tuple):
        return [only(item, ids) for item in scope]
    if isinstance(scope, Mapping) and "filter" in scope:
        key = _users()._meta.pk.name
        return {"filter": {"$and": [scope["filter"] or {}, {key: {"$in": ids}}]}}
    return scope


def _items(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What stands in lists at any depth, blanks left out, each with its path."""
    stack = [(path, value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend((f"{where}.{index}", item[index]) for index in reversed(range(len(item))))
        elif isinstance(item, str) and not item.strip():
            continue
        elif item is not None:
            yield where, item


def _filtered(condition: Any) -> list[Model]:
    """Users that a filter finds; an empty one finds nobody."""
    if filters.is_empty(condition):
        return []
    found = filters.to_q(_users(), condition, path=_FILTER, reach=_reach)
    return list(active().filter(found).order_by("pk")[: MOST_PEOPLE + 1])


def _known(named: list[Any]) -> Found:
    found = Found()
    model = _users()
    keys = {index: key for index, item in enumerate(named) if (key := _key(item)) is not None}
    names = {index: item.strip() for index, item in enumerate(named) if index not in keys and isinstance(item, str)}
    by_key = set(active().filter(pk__in=set(keys.values())).values_list("pk", flat=True)) if keys else set()
    column = model.USERNAME_FIELD
    rows = active().filter(**{f"{column}__in": set(names.values())}).values_list(column, "pk") if names else ()
    by_name = dict(rows)
    for index, item in enumerate(named):
        key = keys.get(index, by_name.get(names.get(index)))
        if key is None or (index in keys and key not in by_key):
            found.unknown.append(to_text(item)[:80])
        elif key not in found.ids:
            found.ids.append(key)
    return found


def is_key(text: str) -> bool:
    """Whether a text names a person by key rather than by user name."""
    return _key(text) is not None


def _key(item: Any) -> Any:
    """The primary key that an item is, or None."""
    if isinstance(item, Model):
        return item.pk
    column: Field[Any, Any] = _users()._meta.pk
    if isinstance(item, Mapping):
        item = item.get(column.name, item.get("id"))
    if isinstance(item, bool | float | Mapping) or item is None:
        return None
    try:
        key = column.to_python(item.strip() if isinstance(item, str) else item)
    except (ValidationError, ValueError, TypeError, OverflowError):
        return None
    # No database compares a number that it can't hold.
    return None if isinstance(key, int) and not 0 <= key < 2**63 else key


def _users() -> Any:
    return get_user_model()


def active() -> "QuerySet[Any]":
    """Users who may be asked."""
    rows = _users()._base_manager.using(engine_alias())
    names = {each.name for each in _users()._meta.concrete_fields}
    return rows.filter(is_active=True) if "is_active" in names else rows  # type: ignore[no-any-return]


def _reach(model: type[Model]) -> bool:
    """Filters may ask for a person's groups besides what the project opens."""
    return model is Group or usable(model)
