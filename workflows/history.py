"""Who changed what, when, from where and why: entries written in the same transaction as the change.

The functions of `versions` and `editing`, and those of the executions app, record; views and forms never do. What a
run does is not recorded: the run's own jobs tell it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import router
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from workflows import ambient, comparison
from workflows.actions import Action
from workflows.errors import Invalid
from workflows.jsonable import jsonable
from workflows.models import HistoryEntry, Node, Workflow
from workflows.secrecy import MASK, secret_keys

LONGEST_REASON = 2_000
#: Fields of one entry, and characters of one value's JSON.
MOST_FIELDS, LONGEST_VALUE = 50, 500
#: Stands for the fields that were too many; its value is their number.
MORE = "…"

_gathered: ContextVar[list[HistoryEntry] | None] = ContextVar("sluice_history", default=None)


class _UtcNow(Now):
    """The database's clock as the columns hold it, whatever the session's time zone."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Times are compared as text: six decimals, as Django writes them.
        clock = "(STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', 'NOW') || '000')"
        return self.as_sql(compiler, connection, template=clock, **context)


@dataclass(frozen=True)
class Subject:
    """What something was done to; see `HistoryEntry` for the columns."""

    kind: str
    id: int | None
    title: str
    workflow: int | None = None
    workflow_key: str | None = None
    node_key: str | None = None
    execution: int | None = None


def of_workflow(workflow: Workflow) -> Subject:
    return Subject("workflow", workflow.pk, str(workflow), workflow=workflow.pk, workflow_key=workflow.key)


def of_node(node: Node, workflow: Workflow) -> Subject:
    return Subject(
        "node", node.pk, f"{workflow}: {node}", workflow=workflow.pk, workflow_key=workflow.key, node_key=node.key
    )


def checked_reason(reason: Any) -> str | None:
    """The reason without spaces around it; None for none. Raises `Invalid` (field "reason")."""
    if reason is None:
        return None
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON or jsonable(reason) != reason:
        raise Invalid(_("A reason is a text of at most %d characters, without NUL.") % LONGEST_REASON, field="reason")
    return reason.strip() or None


def record(
    action: Action,
    subject: Subject,
    *,
    by: Any = None,
    reason: str | None = None,
    changes: Mapping[str, Sequence[Any]] | None = None,
    at: datetime | None = None,
) -> None:
    """Writes an entry in the transaction under way. Raises `Invalid` (field "reason").

    `by` None is the signed-in user of the request, if any; nothing is written of what a run does by itself.
    `changes` maps fields to [before, after]; see `changed`. `at` is the time of the clock that the change was made by;
    None asks the database's.
    """
    why = checked_reason(reason)
    author = by if by is not None else ambient.actor()
    if author is None and ambient.stack():
        return
    origin, address = ambient.source()
    entry = HistoryEntry(
        at=at or _UtcNow(),
        actor_id=getattr(author, "pk", None),
        actor_name=str(author.get_username())[:255] if author is not None else "",
        origin=origin,
        address=address[:64],
        action=action,
        object_kind=subject.kind,
        object_id=subject.id,
        title=subject.title if len(subject.title) <= 255 else subject.title[:254] + "…",
        workflow=subject.workflow,
        workflow_key=subject.workflow_key,
        node_key=subject.node_key,
        execution=subject.execution,
        reason=why,
        changes=_bounded(changes or {}),
    )
    gathered = _gathered.get()
    if gathered is not None:
        gathered.append(entry)
    else:
        entry.save(using=router.db_for_write(HistoryEntry))


@contextmanager
def gathering() -> Iterator[list[HistoryEntry]]:
    """Entries made inside are not written but gathered; whoever gathers writes them with `add`."""
    entries: list[HistoryEntry] = []
    token = _gathered.set(entries)
    try:
        yield entries
    finally:
        _gathered.reset(token)


def add(entries: Sequence[HistoryEntry]) -> None:
    """Writes gathered entries in one statement; inside another gathering they join it."""
    gathered = _gathered.get()
    if gathered is not None:
        gathered.extend(entries)
    elif entries:
        HistoryEntry.objects.using(router.db_for_write(HistoryEntry)).bulk_create(entries)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """{dotted path: [before, after]} of what differs, secrets masked; a changed secret shows as changed."""
    found = comparison.changes(_hidden(jsonable(dict(before))), _hidden(jsonable(dict(after))))
    return {change.path: [_shown(change.before), _shown(change.after)] for change in found}


@dataclass(frozen=True)
class _Hidden:
    """A secret: compared by its value, never shown."""

    value: Any


def _hidden(value: Any) -> Any:
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if not isinstance(value, dict):
        return value
    secret = secret_keys(value)
    return {name: _Hidden(item) if name in secret else _hidden(item) for name, item in value.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, _Hidden):
        return MASK
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _bounded(changes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    kept = {name[:200]: [_short(value) for value in pair] for name, pair in list(changes.items())[:MOST_FIELDS]}
    if len(changes) > MOST_FIELDS:
        kept[MORE] = [None, len(changes) - MOST_FIELDS]
    return kept


def _short(value: Any) -> Any:
    """The value, or the beginning of its text."""
    value = jsonable(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
