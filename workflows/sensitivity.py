"""Which values stand in the records for templates and are masked where people look: fields of models that
`SLUICE["SENSITIVE"]` names, and places that a workflow's option `sensitive` names."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from django.utils.translation import gettext as _

from workflows.collections import key_of
from workflows.conf import conf
from workflows.models import Workflow
from workflows.secrecy import MASK

#: Segments of a path; the first is one of ROOTS.
Mark: TypeAlias = tuple[str, ...]
CONTEXT, RESULTS = "$context", "$jobsMapByNodeKey"
#: Who sees them after all, by asking; each time is recorded.
PERMISSION = "executions.reveal_values"


def find_field(label: str) -> "Field[Any, Any]":
    """The field that "app.Model.field" names. Raises `LookupError` with a sentence."""
    model, _dot, name = label.rpartition(".")
    try:
        found = apps.get_model(model)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        raise LookupError(_("There is no field %r; write app.Model.field.") % label) from None
    if not isinstance(found, Field) or not found.concrete:
        raise LookupError(_("%r is no column; name a field that has one.") % label)
    return found


def field_names() -> frozenset[str]:
    """The keys under which rows' JSON, filters and values hold the marked fields."""
    return _names(tuple(conf().SENSITIVE))


@lru_cache(maxsize=8)
def _names(labels: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for label in labels:
        try:
            field = find_field(label)
        except LookupError:
            # sluice.E008 tells; the name as it is written hides more rather than less.
            found.add(label.rpartition(".")[2])
        else:
            found |= {field.name, field.attname, key_of(field)}
    return frozenset(found)


def parse_mark(text: str) -> Mark:
    """Raises `ValueError` with a sentence for what is no place that a run has values at."""
    segments = tuple(text.strip().removeprefix("{{").removesuffix("}}").strip().removeprefix("ctx.").split("."))
    least = {CONTEXT: 2, RESULTS: 2}.get(segments[0])
    if least is None or len(segments) < least or not all(segments):
        raise ValueError(
            _("%r is no place; write $context.… or $jobsMapByNodeKey.key or a path behind it.") % text[:80]
        )
    return segments


def marks_of(keys: Any) -> dict[str, frozenset[Mark]]:
    """The marks by workflow key, those that have any: what one version marks holds for the runs of all. One query."""
    rows = Workflow.objects.filter(key__in=keys, options__has_key="sensitive").values_list("key", "options")
    found: dict[str, frozenset[Mark]] = {}
    for key, options in rows:
        marks = marks_in(options)
        if marks:
            found[key] = found.get(key, frozenset()) | marks
    return found


def marks_in(options: Mapping[str, Any]) -> frozenset[Mark]:
    return frozenset(_read(options.get("sensitive")))


def _read(texts: Any) -> Iterator[Mark]:
    for text in texts if isinstance(texts, list) else ():
        try:
            yield parse_mark(str(text))
        except ValueError:
            continue


def touches(marks: Iterable[Mark], path: Collection[str]) -> bool:
    """Whether what lies at this path holds, is or lies inside something that is marked; places in lists don't count."""
    steps = [step for step in path if not step.isdecimal()]
    return any(
        all(one == other for one, other in zip([step for step in mark if not step.isdecimal()], steps, strict=False))
        for mark in marks
    )


def hidden_at(value: Any, path: Mark) -> Any:
    """The value with what lies at this path masked; lists on the way are gone through."""
    if not path:
        return MASK if value not in (None, "", [], {}) else value
    if isinstance(value, list):
        return [hidden_at(item, path[1:] if path[0].isdecimal() else path) for item in value]
    if isinstance(value, Mapping) and path[0] in value:
        return {name: hidden_at(item, path[1:]) if name == path[0] else item for name, item in value.items()}
    return value


def hidden_names(value: Any, names: Collection[str]) -> Any:
    """The value with what stands under these keys masked, at any depth."""
    if isinstance(value, list):
        return [hidden_names(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: MASK if name in names and item not in (None, "", [], {}) else hidden_names(item, names)
        for name, item in value.items()
    }


def texts_at(value: Any, path: Mark) -> Iterator[str]:
    """What lies at this path, as texts."""
    if not path:
        yield from _leaves(value)
    elif isinstance(value, list):
        for item in value:
            yield from texts_at(item, path[1:] if path[0].isdecimal() else path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from texts_at(value[path[0]], path[1:])


def texts_under(value: Any, names: Collection[str]) -> Iterator[str]:
    """What stands under these keys, as texts."""
    if isinstance(value, list):
        for item in value:
            yield from texts_under(item, names)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item) if name in names else texts_under(item, names)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
