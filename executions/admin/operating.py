"""What people do to runs in the admin, one by one or to a selection, each with its permission and a summary."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executions import operations
from executions.admin import shown
from executions.models import Execution
from workflows.errors import SluiceError
from workflows.models import Workflow

#: Runs that one action of a list takes; the rest is left, and said so.
MOST = 1_000
#: Reasons of refusal that are told one by one; each may name its execution.
_REASONS = 10
#: Characters of an error that a message shows; the run's page has it whole.
_TOLD = 300


@dataclass(frozen=True)
class Operation:
    """Something done to one run. `fits` only decides what is offered; the operation itself decides."""

    name: str
    title: Any
    permission: str
    operate: Callable[..., Execution]
    fits: Callable[[Execution], bool]
    done: Any
    #: Whether a page asks first, because there is no way back.
    asks: bool = False


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation(
            "cancel",
            gettext_lazy("Cancel (ends as Aborted)"),
            "executions.cancel_execution",
            operations.cancel,
            lambda execution: execution.ended_at is None,
            gettext_lazy("Canceled: %s."),
            asks=True,
        ),
        Operation(
            "pause",
            gettext_lazy("Pause"),
            "executions.pause_execution",
            operations.pause,
            lambda execution: execution.ended_at is None and execution.paused_at is None,
            gettext_lazy("Paused: %s."),
        ),
        Operation(
            "resume",
            gettext_lazy("Resume"),
            "executions.pause_execution",
            operations.resume,
            lambda execution: execution.ended_at is None and execution.paused_at is not None,
            gettext_lazy("Resumed: %s."),
        ),
        Operation(
            "rerun",
            gettext_lazy("Rerun from the start"),
            "executions.rerun_execution",
            operations.rerun,
            lambda execution: execution.status is not None,
            gettext_lazy("Rerun: %s."),
        ),
    )
}


def operate_on(
    request: HttpRequest, operation: Operation, ids: Sequence[int], site: str, reason: str | None = None
) -> list[int]:
    """Does it to each, tells what was done and what was refused and why, and answers the ids it was done to."""
    done: list[int] = []
    told: list[Any] = []
    refused = {}
    for pk in ids[:MOST]:
        try:
            execution = operation.operate(pk, by=request.user, reason=reason)
        except SluiceError as error:
            refused[pk] = str(error)
        else:
            done.append(pk)
            told.append(f"#{pk}" if execution.pk == pk else _as_another(pk, execution.pk, site))
    tell(request, str(operation.done), told, refused, left=len(ids) > MOST)
    return done


def delete_all(request: HttpRequest, ids: Sequence[int], reason: str | None = None) -> int:
    deletion = operations.delete(ids[:MOST], by=request.user, reason=reason)
    if deletion.deleted:
        sentence = ngettext("Deleted %d execution.", "Deleted %d executions.", deletion.deleted)
        messages.success(request, sentence % deletion.deleted)
    tell(request, "", [], deletion.refused, left=len(ids) > MOST)
    return deletion.deleted


def tell(request: HttpRequest, done: str, names: Sequence[Any], refused: dict[int, str], *, left: bool) -> None:
    """One message for what was done, one for each reason of refusal."""
    if names:
        messages.success(request, format_html(done.replace("%s", "{}"), listed(names)))
    reasons = Counter(refused.values())
    for reason, count in reasons.most_common(_REASONS):
        which = [pk for pk, why in refused.items() if why == reason]
        shown_ids = listed([f"#{pk}" for pk in which])
        sentence = reason if count == 1 and f"{which[0]}" in reason else f"{shown_ids}: {reason}"
        messages.error(request, _("Refused. %s") % sentence)
    if others := sum(count for _reason, count in reasons.most_common()[_REASONS:]):
        sentence = ngettext("%d more was refused likewise.", "%d more were refused likewise.", others)
        messages.error(request, sentence % others)
    if left:
        messages.warning(request, _("Only the first %d were taken; do it again for the rest.") % MOST)


def tell_run(request: HttpRequest, workflow: Workflow, execution: Execution) -> None:
    """What a run by hand came to: a warning with its error if it did not succeed."""
    known = {"workflow": workflow, "id": execution.pk}
    if execution.status is None or execution.status >= 0:
        messages.success(request, _("Ran “%(workflow)s” as #%(id)s.") % known)
        return
    known["status"] = execution.get_status_display()
    sentence = _("Ran “%(workflow)s” as #%(id)s, which ended as %(status)s.") % known
    messages.warning(request, f"{sentence} {Truncator(execution.error or '').chars(_TOLD)}".rstrip())


def listed(names: Sequence[Any]) -> str:
    """ "#4, #5 and 12 more"; names that are links stay links."""
    shown_names = format_html_join(", ", "{}", ((name,) for name in names[:10]))
    if len(names) <= 10:
        return shown_names
    # The names are escaped by now; the translation is ours.
    return format_html(_("{names} and {more} more"), names=shown_names, more=len(names) - 10)


def _as_another(old: int, new: int, site: str) -> str:
    return format_html(_("#{old} as {new}"), old=old, new=shown.execution_link(new, site))
