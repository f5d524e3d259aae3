"""The rows that runs are about, as far as somebody wants to find runs by them: "shop.order:7".

Only of models that are kept (`WorkflowAdminMixin` keeps its own) are they noted, when a run is written.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from django.db.models import Model

from workflows.collections import key_of, resolve
from workflows.errors import Invalid
from workflows.triggers.base import Listener

#: Characters of a subject; a longer one is its digest.
LONGEST = 128
#: Rows of one run that are noted.
MOST = 1_000

_kept: set[type[Model]] = set()


def keep(model: type[Model]) -> None:
    """From now on runs are found by rows of this model."""
    _kept.add(_concrete(model))


def name_of(model: type[Model], key: Any) -> str:
    """What people call the row by: "shop.order:7", of a proxy by its model."""
    return f"{_concrete(model)._meta.label_lower}:{key}"


def subject_of(model: type[Model], key: Any) -> str:
    """What runs about the row are found by."""
    text = name_of(model, key)
    return text if len(text) <= LONGEST else hashlib.sha256(text.encode()).hexdigest()


def subjects_of(listener: Listener, context: Any) -> list[str]:
    """The rows that a run with this context is about: those of `data`, and of a request those that it named."""
    collection = getattr(listener.config, "collection", None)
    if not (_kept and collection and isinstance(context, Mapping)):
        return []
    try:
        model = resolve(collection)
    except Invalid:
        return []
    if _concrete(model) not in _kept:
        return []
    found = dict.fromkeys(subject_of(model, key) for key in _keys(model, context))
    return list(found)[:MOST]


def _keys(model: type[Model], context: Mapping[str, Any]) -> Iterator[Any]:
    name = key_of(model._meta.pk)
    for row in _listed(context.get("data")):
        if isinstance(row, Mapping):
            yield from _scalars(row.get(name))
    params = context.get("params")
    if isinstance(params, Mapping):
        for key in _listed(params.get("filterByTk")):
            yield from _scalars(key)


def _listed(value: Any) -> Iterable[Any]:
    return value[:MOST] if isinstance(value, list) else [value]


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, str | int) and not isinstance(value, bool):
        yield value


def _concrete(model: type[Model]) -> type[Model]:
    return cast(type[Model], model._meta.concrete_model)
