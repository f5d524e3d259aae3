"""What the cards of a canvas say of their nodes: the configuration in a line, and what is wrong with it.

All of it from the rows that are there: nothing here asks the database.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from pydantic import ValidationError

from workflows.admin.schemaform.labels import choice_label
from workflows.admin.schemaform.rows import calculator_choices, rows_of_logic
from workflows.errors import SluiceError
from workflows.graph import Graph, GraphNode

LONGEST_SUMMARY, LONGEST_PROBLEM = 80, 160
#: Settings that say what a node does, the most telling first; those of a nested group under their own names.
_TELLING = ("expression", "sql", "workflow", "subject", "channelName", "target", "source", "value", "title")
_PEOPLE = ("assignees", "users")
#: Lengths of time by their unit in milliseconds.
_LENGTHS = {
    1_000: ngettext_lazy("%(count)d second", "%(count)d seconds", "count"),
    60_000: ngettext_lazy("%(count)d minute", "%(count)d minutes", "count"),
    3_600_000: ngettext_lazy("%(count)d hour", "%(count)d hours", "count"),
    86_400_000: ngettext_lazy("%(count)d day", "%(count)d days", "count"),
    604_800_000: ngettext_lazy("%(count)d week", "%(count)d weeks", "count"),
}
#: Of a text; more does not fit a card.
_MOST_READ = 1_000
_RESULT = re.compile(r"\{\{\s*\$(?:jobsMapByNodeKey|scopes)\.(\w+)([^{}]*?)\s*\}\}")


@dataclass(frozen=True)
class Note:
    summary: str = ""
    #: A sentence; `fatal` if the node can't run like that, else it is a remark.
    problem: str = ""
    fatal: bool = False


def notes_of(graph: Graph) -> dict[int, Note]:
    """By node id."""

    def named(match: re.Match[str]) -> str:
        known = graph.by_key.get(match[1])
        return f"{{{{{(known.title or known.type) + match[2]}}}}}" if known else match[0]

    return {node.id: _note(node, named) for node in graph.nodes.values()}


def _note(node: GraphNode, named: Callable[[re.Match[str]], str]) -> Note:
    """`named` spells a result by its node's title instead of its key."""
    problem, fatal = _problem(node)
    text = _RESULT.sub(named, summary(node.raw_config)[:_MOST_READ])
    short = Truncator(" ".join(text.split())).chars(LONGEST_SUMMARY)
    return Note(short, Truncator(problem).chars(LONGEST_PROBLEM), fatal)


def _problem(node: GraphNode) -> tuple[str, bool]:
    try:
        # Without a workflow: what takes another definition to know is told when the node is saved.
        node.instruction.check(node.config)
        node.policy  # noqa: B018
    except SluiceError as error:
        return str(error), True
    except ValidationError as error:
        return _("Policy: %s") % error.errors()[0]["msg"], True
    remarks = node.instruction.remarks(node.config)
    return (remarks[0][1], False) if remarks else ("", False)


def summary(config: Any) -> str:
    """What a stored configuration says first; "" where that is nothing."""
    if not isinstance(config, Mapping):
        return ""
    for tell in (_of_rows, _of_request, _of_time, _of_people, _of_logic):
        if found := tell(config):
            return found
    return next((found for key in _TELLING if (found := _text(config.get(key)))), "")


def _of_rows(config: Mapping[str, Any]) -> str:
    params = config.get("params")
    values = params.get("values") if isinstance(params, Mapping) else None
    named = f": {', '.join(map(str, values))}" if isinstance(values, Mapping) and values else ""
    found = _text(config.get("collection"))
    return found and f"{found}{named}"


def _of_request(config: Mapping[str, Any]) -> str:
    """Without what an address may hold in confidence."""
    url = _text(config.get("url"))
    try:
        parts = urlsplit(url)
        shown = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return ""
    return url and f"{_text(config.get('method'))} {shown}".strip()


def _of_time(config: Mapping[str, Any]) -> str:
    duration, unit = _text(config.get("duration")), config.get("unit")
    known = isinstance(unit, int | str) and unit not in ("", None)
    if type(config.get("duration")) is int and unit in _LENGTHS:
        return str(_LENGTHS[unit] % {"count": config["duration"]})
    return duration and (f"{duration} {choice_label('unit', unit, ())}" if known else duration)


def _of_people(config: Mapping[str, Any]) -> str:
    named: Any = next((config[key] for key in _PEOPLE if config.get(key)), [])
    items = named if isinstance(named, list) else [named]
    return ", ".join(_("people by filter") if isinstance(item, Mapping) else _text(item) for item in items)


def _of_logic(config: Mapping[str, Any]) -> str:
    found = rows_of_logic(config.get("calculation")) if config.get("calculation") else None
    if found is None or not found.rows:
        return ""
    known = dict(calculator_choices())
    left, operator, right = found.rows[0]
    more = " …" if len(found.rows) > 1 else ""
    return f"{_text(left)} {known.get(operator, operator)} {_text(right)}{more}"


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
