"""What a state gets and gives, as far as it is known before anything runs: JSON with references in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.translation import gettext as _

from workflows.expressions.placeholders import broken


class Misfit(Exception):
    """Something that can't be kept, at a dotted path; `place` grows from within."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def below(self, place: str) -> "Misfit":
        return Misfit(self.message, f"{place}.{self.place}" if self.place and place else place or self.place)


@dataclass(frozen=True, slots=True)
class Ref:
    """What a path leads to when the step runs."""

    segments: tuple[str, ...]

    def at(self, *more: str) -> "Ref":
        return Ref((*self.segments, *more))


@dataclass(frozen=True, slots=True)
class Expr:
    """What an expression in math.js comes to when the step runs; a node has to compute it."""

    text: str


@dataclass(frozen=True, slots=True)
class Merged:
    """Objects laid over each other, the last one uppermost."""

    layers: "tuple[Value, ...]"


Value: TypeAlias = "bool | int | float | str | Ref | Expr | Merged | list[Value] | dict[str, Value] | None"

CONTEXT = Ref(("$context",))
#: What a path's segment may hold: a dot would be two segments, a colon begins a default.
_SEGMENT = re.compile(r"[\w+,@/()?=*$-]+(?: +[\w+,@/()?=*$-]+)*")


def result_of(key: str) -> Ref:
    return Ref(("$jobsMapByNodeKey", key))


def look_up(value: Value, segments: tuple[str, ...]) -> Value:
    """What lies at the path; `*` is each item. Null where it is known that there is nothing."""
    for number, segment in enumerate(segments):
        if segment == "*":
            return _of_each(value, segments[number + 1 :])
        if isinstance(value, Ref):
            value = value.at(segment)
        elif isinstance(value, Merged):
            value = _in_layers(value, segment)
        elif isinstance(value, dict):
            value = value.get(segment)
        elif isinstance(value, list) and segment.isdecimal():
            value = value[int(segment)] if int(segment) < len(value) else None
        elif isinstance(value, Expr):
            raise Misfit(_("A path can't go on behind an expression; make it a value in a state before."))
        else:
            return None
    return value


def _in_layers(value: Merged, segment: str) -> Value:
    """Raises `Misfit` where it is not known which layer has the key: whoever asks merges them first."""
    for layer in reversed(value.layers):
        if isinstance(layer, dict):
            if segment in layer:
                return layer[segment]
        elif layer is value.layers[0] and isinstance(layer, Ref):
            return layer.at(segment)
        else:
            raise Unsettled
    return None


class Unsettled(Exception):
    """A path into objects that are merged when the flow runs."""


def _of_each(value: Value, rest: tuple[str, ...]) -> Value:
    if isinstance(value, list):
        return [look_up(item, rest) for item in value]
    if not isinstance(value, Ref):
        raise Misfit(_("[*] can only stand behind a list."))
    if not rest:
        return value
    text = placeholder(value)
    for segment in rest:
        if segment == "*" or segment.isdecimal():
            raise Misfit(_("Only names can stand behind [*]."))
        text = f"pluck({text}, {json.dumps(segment, ensure_ascii=False)})"
    return Expr(text)


def placeholder(ref: Ref) -> str:
    """Raises `Misfit` for names that a template's path can't hold."""
    for segment in ref.segments:
        if not _SEGMENT.fullmatch(segment):
            raise Misfit(_("The name %s can't stand in a path here; choose letters, digits, - and _.") % segment[:80])
    return "{{" + ".".join(ref.segments) + "}}"


def template(value: Value) -> Any:
    """JSON with placeholders. Raises `Misfit` for text that would be taken for one."""
    if isinstance(value, Ref):
        return placeholder(value)
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_below(str(index), item) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {plain(key): _below(key, item) for key, item in value.items()}
    assert not isinstance(value, Expr | Merged), "settle it first"
    return value


def _below(place: str, value: Value) -> Any:
    try:
        return template(value)
    except Misfit as error:
        raise error.below(place) from None


def plain(text: str) -> str:
    if "{{" in text or broken(text) is not None:
        raise Misfit(_("Double braces begin and end a template here, so a text can't hold them; take them out."))
    return text


def operand(value: Value) -> str:
    """As it stands in an expression. Raises `Misfit` for objects and lists."""
    if isinstance(value, Ref):
        return placeholder(value)
    if isinstance(value, Expr):
        return f"({value.text})"
    if isinstance(value, Mapping | list | Merged):
        raise Misfit(_("Only texts, numbers, true, false and null are compared, not objects or lists."))
    return json.dumps(plain(value) if isinstance(value, str) else value, ensure_ascii=False)


def parts(value: Value) -> list[tuple[Any, Value]]:
    """What lies directly in an object or list, by its place there."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []
