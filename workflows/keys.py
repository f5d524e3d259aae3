"""The keys a configuration may have: unknown ones, most of them typing mistakes, are found and named."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from django.utils.translation import gettext as _
from pydantic import AliasChoices, BaseModel

from workflows.errors import refuse

Path = tuple[str | int, ...]


def check_known(model: type[BaseModel], raw: Any, stored: Any = None, prefix: str = "") -> None:
    """Raises `Invalid`, one sentence a key, for keys that `model` doesn't know; paths lie below `prefix`.

    What stands at the same path in `stored` may stay: a client that sends keys of its own must be able to read a
    record, change it and send it back. Places in lists don't matter for that.
    """
    errors: dict[str, Any] = {}
    for path, known in unknown_keys(model, raw):
        if not _stands(stored, path):
            errors[".".join(map(str, (prefix, *path) if prefix else path))] = _sentence(str(path[-1]), known)
    refuse(errors)


def unknown_keys(model: type[BaseModel], raw: Any, path: Path = ()) -> Iterator[tuple[Path, list[str]]]:
    """(path of a key, the keys known in its place) for each key that `model`, or a model inside it, doesn't know.

    A model that adds no field to its base says nothing of its keys, so they are all let pass.
    """
    if not isinstance(raw, Mapping) or not model.model_fields:
        return
    fields = {name: field for own, field in model.model_fields.items() for name in _names(own, field)}
    known = [field.alias or name for name, field in model.model_fields.items()]
    for key, value in raw.items():
        if key in fields:
            yield from _inside(fields[key].annotation, value, (*path, key))
        else:
            yield (*path, key), known


def _inside(annotation: Any, value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _inside(arguments[0], value, path)
    elif origin in (Union, UnionType):
        # Of several shapes the one that fits best is meant.
        found = [list(_inside(part, value, path)) for part in arguments if _describes(part, value)]
        yield from min(found, key=len, default=[])
    elif isinstance(value, list) and arguments:
        for index, item in enumerate(value):
            yield from _inside(arguments[0], item, (*path, index))
    elif isinstance(value, Mapping) and len(arguments) == 2:
        for key, item in value.items():
            yield from _inside(arguments[1], item, (*path, key))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from unknown_keys(annotation, value, path)


def _describes(annotation: Any, value: Any) -> bool:
    """Whether a part of a union may mean this object or list."""
    plain = get_origin(annotation) or annotation
    if plain in (Annotated, Any):
        return True
    if isinstance(value, Mapping):
        return plain in (dict, Mapping) or (isinstance(plain, type) and issubclass(plain, BaseModel))
    return isinstance(value, list) and plain in (list, Sequence)


def _names(name: str, field: Any) -> list[str]:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [name, *(choice for choice in choices if isinstance(choice, str))]


def _stands(stored: Any, path: Path) -> bool:
    step, *rest = path
    if isinstance(step, int):
        return isinstance(stored, list) and any(_stands(item, tuple(rest)) for item in stored)
    if not isinstance(stored, Mapping) or step not in stored:
        return False
    return not rest or _stands(stored[step], tuple(rest))


def _sentence(key: str, known: list[str]) -> str:
    plain = {_plain(name): name for name in known}
    close = get_close_matches(_plain(key), plain, n=1, cutoff=0.6)
    if close:
        return _('There is no such key. Did you mean "%s"?') % plain[close[0]]
    return _("There is no such key; there are: %s.") % (", ".join(known) or _("none"))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
