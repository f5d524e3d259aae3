"""Templates: any JSON value with `{{path}}` in its texts, compiled once and rendered fast (spec 6.4)."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import DEPTH_LIMIT, PLACEHOLDER_LIMIT, TEXT_LIMIT, Meter
from workflows.expressions.paths import PLACEHOLDER, Getter, Scope, compile_path, node_key, split_placeholder
from workflows.expressions.text import to_text

Render = Callable[[Scope], Any]


class Template:
    """A compiled template; `render` may be called from many threads at once."""

    __slots__ = ("constant", "fill", "node_keys", "render")

    #: Answers the value with its placeholders replaced. Raises `ExpressionError` if a budget is used up.
    render: Render
    #: The same for those who count with a meter of their own.
    fill: Getter
    #: Whether it holds no placeholder: `render` then answers the very value it was made of.
    constant: bool
    #: Keys of the nodes whose results it asks for.
    node_keys: frozenset[str]

    def __init__(self, fill: Getter, *, constant: bool, node_keys: frozenset[str]) -> None:
        self.fill = fill
        self.render = _unmetered(fill) if constant else lambda scope: fill(scope, Meter())
        self.constant = constant
        self.node_keys = node_keys


def _unmetered(fill: Getter) -> Render:
    value = fill({}, Meter())
    return lambda scope: value


def compile_template(value: Any) -> Template:
    """Compiles texts, lists and objects (keys too) at any depth up to 50. Raises `ExpressionError` for deeper ones."""
    return _compile(value, 0)


def render(value: Any, scope: Scope) -> Any:
    """The value with its placeholders replaced: a text that is one placeholder becomes the value itself."""
    return compile_template(value).render(scope)


def _compile(value: Any, depth: int) -> Template:
    if isinstance(value, str):
        return _compile_text(value)
    if isinstance(value, dict | list | tuple):
        if depth >= DEPTH_LIMIT:
            raise ExpressionError(_("Lists and objects may be nested %d levels deep; make it flatter.") % DEPTH_LIMIT)
        return _compile_object(value, depth) if isinstance(value, dict) else _compile_list(value, depth)
    return _constant(value)


def _constant(value: Any) -> Template:
    return Template(lambda scope, meter: value, constant=True, node_keys=frozenset())


@lru_cache(maxsize=4096)
def _compile_text(text: str) -> Template:
    if "{{" not in text:
        return _constant(text)
    lone = PLACEHOLDER.fullmatch(text)
    if lone is not None:
        path, default = split_placeholder(lone[1])
        return Template(compile_path(path, default), constant=False, node_keys=_keys(path))
    parts, keys = text_parts(text)
    if not any(callable(part) for part in parts):
        return _constant(text)
    return Template(lambda scope, meter: join_parts(parts, scope, meter), constant=False, node_keys=keys)


def text_parts(text: str) -> tuple[list[str | Getter], frozenset[str]]:
    """The text cut into literal pieces and getters, and the keys of the nodes it names."""
    parts: list[str | Getter] = []
    keys: frozenset[str] = frozenset()
    position = 0
    for number, found in enumerate(PLACEHOLDER.finditer(text)):
        if number == PLACEHOLDER_LIMIT:
            raise ExpressionError(_("A text may have %d placeholders; split it.") % PLACEHOLDER_LIMIT)
        if found.start() > position:
            parts.append(text[position : found.start()])
        path, default = split_placeholder(found[1])
        parts.append(compile_path(path, default))
        keys |= _keys(path)
        position = found.end()
    if position < len(text):
        parts.append(text[position:])
    return parts, keys


def join_parts(parts: list[str | Getter], scope: Scope, meter: Meter) -> str:
    pieces: list[str] = []
    length = 0
    for part in parts:
        piece = part if isinstance(part, str) else _piece(part(scope, meter), meter)
        length += len(piece)
        if length > TEXT_LIMIT:
            raise ExpressionError(_("The text would be longer than %d characters; make it shorter.") % TEXT_LIMIT)
        pieces.append(piece)
    return "".join(pieces)


def _piece(value: Any, meter: Meter) -> str:
    if isinstance(value, Mapping | list | tuple):
        # Asked before the JSON is made, not after.
        meter.weigh(value)
    return to_text(value)


def _keys(path: str) -> frozenset[str]:
    key = node_key(path)
    return frozenset() if key is None else frozenset({key})


def _compile_list(value: list[Any] | tuple[Any, ...], depth: int) -> Template:
    items = [_compile(item, depth + 1) for item in value]
    moving = [(index, item.fill) for index, item in enumerate(items) if not item.constant]
    if not moving:
        return _constant(value)

    def fill_list(scope: Scope, meter: Meter) -> list[Any]:
        made = list(value)
        for index, fill in moving:
            made[index] = fill(scope, meter)
        return made

    return Template(fill_list, constant=False, node_keys=_union(items))


def _compile_object(value: dict[Any, Any], depth: int) -> Template:
    keys = {key: _compile(key, depth + 1) for key in value}
    items = {key: _compile(item, depth + 1) for key, item in value.items()}
    moving = [(key, item.fill) for key, item in items.items() if not item.constant]
    node_keys = _union([*keys.values(), *items.values()])
    if all(key.constant for key in keys.values()):
        if not moving:
            return _constant(value)

        def fill_object(scope: Scope, meter: Meter) -> dict[Any, Any]:
            made = value.copy()
            for key, fill in moving:
                made[key] = fill(scope, meter)
            return made

        return Template(fill_object, constant=False, node_keys=node_keys)

    pairs = [(keys[key].fill, item.fill) for key, item in items.items()]

    def fill_pairs(scope: Scope, meter: Meter) -> dict[Any, Any]:
        return {_piece(fill_key(scope, meter), meter): fill(scope, meter) for fill_key, fill in pairs}

    return Template(fill_pairs, constant=False, node_keys=node_keys)


def _union(templates: list[Template]) -> frozenset[str]:
    return frozenset().union(*(template.node_keys for template in templates))
