"""JSON as people read it: folded where it is large, and searched for a text.

Flat, so that a template needs no recursion.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import ngettext

from executions.admin import shown

#: Values that are drawn of one JSON, places that one search finds, characters of one text.
MOST, FOUND, LONGEST = 1_000, 100, 2_000
#: What has no more than so many entries stands open at the top.
_SMALL = 12


@dataclass(frozen=True)
class Line:
    """`open` begins what `close` ends; `value` stands for itself, `rest` says how many entries are left out."""

    what: Literal["open", "close", "value", "rest"]
    name: str = ""
    text: str = ""
    kind: str = ""
    unfolded: bool = False


@dataclass(frozen=True)
class Found:
    """A place of a text: its path, and the text around the words that were found."""

    path: str
    before: str
    words: str
    after: str


def unfold(value: Any, name: str = "") -> list[Line]:
    return list(_lines(value, name))


def _lines(value: Any, name: str) -> Iterator[Line]:
    stack: list[Line | tuple[str, Any, int]] = [(name, value, 0)]
    drawn = 0
    while stack:
        entry = stack.pop()
        if isinstance(entry, Line):
            yield entry
            continue
        label, inner, depth = entry
        drawn += 1
        if not isinstance(inner, dict | list) or not inner:
            yield Line("value", label, shown.plain(inner, LONGEST), _kind(inner))
            continue
        yield Line("open", label, _size(inner), unfolded=depth < 2 and len(inner) <= _SMALL)
        entries = list(inner.items()) if isinstance(inner, dict) else list(enumerate(inner))
        room = max(MOST - drawn - len(stack), 0)
        left = len(entries) - room
        stack.append(Line("close"))
        if left > 0:
            stack.append(Line("rest", text=ngettext("%d more entry", "%d more entries", left) % left))
        stack.extend((str(key), below, depth + 1) for key, below in reversed(entries[:room]))


def _size(value: Any) -> str:
    if isinstance(value, dict):
        return ngettext("%d field", "%d fields", len(value)) % len(value)
    return ngettext("%d item", "%d items", len(value)) % len(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "none" if value is None else "number"


def search(value: Any, words: str) -> list[Found]:
    """Where keys and values have these words in them, whatever their case; `FOUND` and one more at most."""
    wanted = words.casefold()
    found: list[Found] = []
    stack: list[tuple[str, str, Any]] = [("", "", value)]
    while stack and len(found) <= FOUND:
        path, key, inner = stack.pop()
        if isinstance(inner, dict | list) and inner:
            if wanted in key.casefold():
                found.append(Found(path, "", "", _size(inner)))
            pairs = list(inner.items()) if isinstance(inner, dict) else list(enumerate(inner))
            stack.extend((f"{path}.{name}" if path else str(name), str(name), below) for name, below in reversed(pairs))
            continue
        text = shown.plain(inner)
        at = text.casefold().find(wanted)
        if at >= 0:
            around = text[max(at - 60, 0) : at], text[at : at + len(words)], text[at + len(words) :][:120]
            found.append(Found(path, *around))
        elif wanted in key.casefold():
            found.append(Found(path, "", "", text[:180]))
    return found
