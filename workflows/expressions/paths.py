"""Dotted paths into a scope: mappings and lists only, nothing of Python is ever reached (spec 6.4)."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from workflows.expressions.limits import Meter

Scope = Mapping[str, Any]
#: What everything is compiled to.
Getter = Callable[[Scope, Meter], Any]

#: A placeholder's inside: the characters the specification names, words of any language included.
PLACEHOLDER = re.compile(r"\{\{([\w \t\n\-+.,@/()?=*$:]+)\}\}")
_INDEX = re.compile(r"[0-9]{1,9}", re.ASCII)
_NODES = "$jobsMapByNodeKey"
_FUNCTIONS = "$system"
_FLAT = frozenset({str, int, float, bool, type(None), dict})


def split_placeholder(inside: str) -> tuple[str, str | None]:
    """`path:default` as (path, default); no colon, no default."""
    path, colon, default = inside.partition(":")
    return path.strip(), default.strip() if colon else None


def whole_path(value: Any) -> str | None:
    """The path of a text that is exactly one placeholder, and so becomes the value itself; else None."""
    lone = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return split_placeholder(lone[1])[0] if lone else None


def node_key(path: str) -> str | None:
    """The key of the node whose result the path asks for, or None."""
    segments = path.split(".")
    if segments[0] == "ctx":
        del segments[0]
    return segments[1] if len(segments) > 1 and segments[0] == _NODES else None


@lru_cache(maxsize=8192)
def compile_path(path: str, default: str | None = None) -> Getter:
    """A function of the scope that answers the value at the path, and the default or None where there is none."""
    segments = path.split(".")
    if any(not segment for segment in segments):
        return lambda scope, meter: default
    calls = segments[0] == _FUNCTIONS or segments[:2] == ["ctx", _FUNCTIONS]
    getter = _walker(segments, called=calls)
    if default is None:
        return getter

    def get_or_default(scope: Scope, meter: Meter) -> Any:
        value = getter(scope, meter)
        return default if value is None else value

    return get_or_default


def _walker(segments: list[str], *, called: bool) -> Getter:
    root, rest = segments[0], tuple(segments[1:])

    def walk(scope: Scope, meter: Meter) -> Any:
        value = scope.get(root)
        for segment in rest:
            # Plain objects are nearly all there is; the rest takes the longer way.
            value = value.get(segment) if type(value) is dict else step(value, segment, meter)
        return value

    def walk_and_call(scope: Scope, meter: Meter) -> Any:
        value = _called(scope.get(root))
        for segment in rest:
            value = _called(step(value, segment, meter))
        return value

    return walk_and_call if called else walk


def _called(value: Any) -> Any:
    return value() if callable(value) else value


def step(value: Any, segment: str, meter: Meter | None = None) -> Any:
    """One segment further: a key of a mapping, an index of a list, or the segment of each item, flattened one level.

    Raises `ExpressionError` where the list takes more than the meter (a fresh one, if none is given) has left.
    """
    if isinstance(value, Mapping):
        return value.get(segment)
    if not isinstance(value, list | tuple):
        return None
    if _INDEX.fullmatch(segment):
        index = int(segment)
        return value[index] if index < len(value) else None
    return _column(value, segment, Meter() if meter is None else meter)


def _column(items: Sequence[Any], segment: str, meter: Meter) -> list[Any]:
    """The segment of every item, and of the items of lists among them, without recursion."""
    kinds = set(map(type, items))
    if kinds <= _FLAT:
        # Nearly all lists: quick enough to be charged less.
        meter.charge(1 + len(items) // 4)
        found = [item.get(segment) if type(item) is dict else None for item in items]
        return found if _FLAT.issuperset(map(type, found)) else _flattened(found, meter)
    meter.charge(1 + len(items))
    return _deep_column(items, segment, meter)


def _deep_column(items: Sequence[Any], segment: str, meter: Meter) -> list[Any]:
    found: list[Any] = []
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list | tuple):
                meter.charge(1 + len(item))
                stack.append(iter(item))
                break
            found.append(item.get(segment) if isinstance(item, Mapping) else None)
        else:
            stack.pop()
    return _flattened(found, meter)


def _flattened(values: list[Any], meter: Meter) -> list[Any]:
    """With the lists among the values taken apart, one level."""
    made: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            meter.charge(1 + len(value) // 4)
            made.extend(value)
        else:
            made.append(value)
    return made
