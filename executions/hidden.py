"""What a person may not see is taken out of what they are shown: rows as they are loaded, never as they are stored."""

from collections.abc import Sequence
from typing import Any

from executions.models import Execution
from workflows.visibility import narrowed, visible_rows


def hide_ancestors(runs: Sequence[Execution], user: Any) -> None:
    """Takes from these loaded rows the parents and ancestors that this user may not see; one query, none where nothing
    is hidden."""
    if not narrowed(user):
        return
    ids = {pk for run in runs for pk in (_parent(run), *(entry[0] for entry in _stack(run))) if pk is not None}
    seen = set(visible_rows(Execution.objects.filter(pk__in=ids), user).values_list("pk", flat=True)) if ids else set()
    for run in runs:
        if _parent(run) not in {*seen, None}:
            run.parent_execution_id = None
        if _stack(run):
            run.stack = [entry for entry in _stack(run) if entry[0] in seen]


def _parent(run: Execution) -> int | None:
    """None also where it was not loaded."""
    return run.__dict__.get("parent_execution_id")


def _stack(run: Execution) -> list[list[int]]:
    return run.__dict__.get("stack") or []
