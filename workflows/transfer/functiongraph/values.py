"""What `$` stands for, and what FunctionGraph's paths and literals become in templates of ours."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid

_STEP = re.compile(r"""\.([^.\[\]'"]+)|\[([0-9]{1,9})\]|\['([^'\\]+)'\]|\["([^"\\]+)"\]""", re.ASCII)
_SEGMENT = re.compile(r"[\w$-](?:[\w $@+/=,-]*[\w$@+/=-])?")
_CONSTANTS = "$CONST"
_MOST_SHOWN = 80


@dataclass(frozen=True)
class Source:
    """What a state is given or gives: a path in templates or, of a state with several at a time, a list of those."""

    path: str = ""
    parts: "tuple[Source, ...]" = ()

    @property
    def template(self) -> Any:
        return [part.template for part in self.parts] if self.parts else f"{{{{{self.path}}}}}"

    def at(self, path: str) -> "Source":
        """What lies at a JSONPath such as `$.order.lines[0].id`. Raises `Invalid` for one that templates can't say."""
        return self._below(_segments(path, "$"), path)

    def _below(self, segments: list[str], path: str) -> "Source":
        if not self.parts:
            return Source(".".join([self.path, *segments]))
        if not segments:
            return self
        first, *rest = segments
        if not first.isdecimal() or int(first) >= len(self.parts):
            sentence = _("%(path)s leads nowhere: the state before gives a list of %(count)d results.")
            raise Invalid(sentence % {"path": path[:_MOST_SHOWN], "count": len(self.parts)})
        return self.parts[int(first)]._below(rest, path)


def template_of(value: Any, source: Source, constants: Any) -> Any:
    """An argument's value as a template: a path, a number, true, false, null, a text in single quotes, or lists and
    objects of these. Raises `Invalid`."""
    if isinstance(value, Mapping):
        return {_plain(key): template_of(item, source, constants) for key, item in value.items()}
    if isinstance(value, list):
        return [template_of(item, source, constants) for item in value]
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text == _CONSTANTS or text.startswith((f"{_CONSTANTS}.", f"{_CONSTANTS}[")):
        return _plain(_constant(text, constants))
    if text.startswith("$"):
        return source.at(text).template
    return _plain(_literal(text))


def _literal(text: str) -> Any:
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1 and "'" not in text[1:-1]:
        return text[1:-1]
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, str | dict | list):
        sentence = _("%s is neither a path nor a literal; begin a path with $, and put a text in single quotes.")
        raise Invalid(sentence % text[:_MOST_SHOWN])
    return found


def _constant(path: str, constants: Any) -> Any:
    value = constants
    for segment in _segments(path, _CONSTANTS):
        if isinstance(value, Mapping) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and segment.isdecimal() and int(segment) < len(value):
            value = value[int(segment)]
        else:
            raise Invalid(_("The constants have no %s; add it there, or change the path.") % path[:_MOST_SHOWN])
    return value


def _plain(value: Any) -> Any:
    """The value itself, which no template may take for one of its own. Raises `Invalid`."""
    if isinstance(value, str) and ("{{" in value or "}}" in value):
        raise Invalid(_("A text here can't hold {{ or }}: templates are written so; take them out."))
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _segments(path: str, root: str) -> list[str]:
    found: list[str] = []
    position = len(root)
    while position < len(path) and (step := _STEP.match(path, position)) is not None:
        found.append(next(filter(None, step.groups())))
        position = step.end()
    if not path.startswith(root) or position < len(path) or not all(map(_fits, found)):
        sentence = _("%s is no path that is known here; write it like $.order.lines[0].id.")
        raise Invalid(sentence % path[:_MOST_SHOWN])
    return found


def _fits(segment: str) -> bool:
    """Whether it can be a part of a template's path, and means the same there."""
    return _SEGMENT.fullmatch(segment) is not None


def can_be_named(key: str) -> bool:
    """Whether templates can name a node of this key."""
    return _fits(key)
