"""Placeholders as people mistype them. A run leaves such text as it is (spec 6.4), so it is told when it is saved."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from django.utils.translation import gettext as _

from workflows.expressions.paths import PLACEHOLDER, split_placeholder

_CTX = "ctx"
#: What a node's templates find; `ctx` leads to all of them again.
ROOTS = ("$context", "$jobsMapByNodeKey", "$scopes", "$system", "$env", _CTX)
#: A path with braces behind it alone. Not any `}}`: JSON ends like that.
_UNOPENED = re.compile(r"(?:ctx\.)?\$(?:context|jobsMapByNodeKey|scopes|system|env)\b[\w.$ -]*\}\}")
_MOST_SHOWN = 60


def not_closed() -> str:
    return _("A placeholder is not closed; write {{ before and }} behind it.")


def misfit(text: str, position: int) -> str:
    """What is wrong with the double braces at `position`, which begin no placeholder."""
    end = text.find("}}", position + 2)
    inside = text[position + 2 : end]
    if end < 0 or any(character in inside for character in "{}\n"):
        return not_closed()
    if not inside.strip():
        return _("A placeholder is empty; write a path like $context.data.id between {{ and }}.")
    return _("Between {{ and }} stands a path like $context.data.id, not %s.") % inside.strip()[:_MOST_SHOWN]


def broken(text: str) -> str | None:
    """A sentence on the first braces in a template that are no placeholder but look like one, or None."""
    if "{{" not in text and "}}" not in text:
        return None
    position = 0
    for found in [*PLACEHOLDER.finditer(text), None]:
        end = len(text) if found is None else found.start()
        opening = text.find("{{", position, end)
        if opening >= 0:
            return misfit(text, opening)
        if _UNOPENED.search(text, position, end):
            return not_closed()
        position = end if found is None else found.end()
    return None


def placeholders(text: str) -> Iterator[tuple[str, str | None]]:
    """(path, default) of each placeholder in a template."""
    for found in PLACEHOLDER.finditer(text):
        yield split_placeholder(found[1])


def segments_of(path: str) -> list[str]:
    """The path from its root on, without the `ctx` before it."""
    segments = path.split(".")
    while len(segments) > 1 and segments[0] == _CTX:
        del segments[0]
    return segments


def misnamed(path: str, roots: Collection[str] = ROOTS) -> str | None:
    """A sentence on a path that can only be null, or None: one of no known root, or with nothing between two dots."""
    if not path:
        return _("A placeholder is empty; write a path like $context.data.id between {{ and }}.")
    root, *rest = segments_of(path) if _CTX in roots else path.split(".")
    if root in roots:
        return None if all(rest) else _("The path %s has an empty part; write one dot between two names.") % path
    near = get_close_matches(root, roots, n=1, cutoff=0.6)
    if near:
        return _('A path can\'t begin with %(root)s. Did you mean "%(near)s"?') % {
            "root": root[:_MOST_SHOWN],
            "near": near[0],
        }
    return _("A path can't begin with %(root)s; it begins with one of %(known)s.") % {
        "root": root[:_MOST_SHOWN],
        "known": ", ".join(roots),
    }
