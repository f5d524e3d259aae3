"""What people do to runs in the admin, one by one or to a selection, each with its permission and a summary."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from executions import operations
from executions.models import Execution
from workflows.errors import SluiceError

#: Runs that one action of a list takes; the rest is left, and said so.
MOST = 1_000


@dataclass(frozen=True)
class Operation:
    """Something done to one run. `fits` only decides what is offered; the operation itself decides."""

    name: str
    title: Any
    permission: str
    operate: Callable[..., Execution]
    fits: Callable[[Execution], bool]
    done: Any


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


def operate_on(request: HttpRequest, operation: Operation, ids: Sequence[int]) -> list[int]:
    """Does it to each, tells what was done and what was refused and why, and answers the ids it was done to."""
    done, refused = [], {}
    for pk in ids[:MOST]:
        try:
            operation.operate(pk, by=request.user)
        except SluiceError as error:
            refused[pk] = str(error)
        else:
            done.append(pk)
    tell(request, str(operation.done), done, refused, left=len(ids) > MOST)
    return done


def delete_all(request: HttpRequest, ids: Sequence[int]) -> int:
    deletion = operations.delete(ids[:MOST], by=request.user)
    if deletion.deleted:
        sentence = ngettext("Deleted %d execution.", "Deleted %d executions.", deletion.deleted)
        messages.success(request, sentence % deletion.deleted)
    tell(request, "", [], deletion.refused, left=len(ids) > MOST)
    return deletion.deleted


def tell(request: HttpRequest, done: str, ids: Sequence[int], refused: dict[int, str], *, left: bool) -> None:
    """One message for what was done, one for each reason of refusal."""
    if ids:
        messages.success(request, done % numbers(ids))
    for reason, count in Counter(refused.values()).items():
        which = [pk for pk, why in refused.items() if why == reason]
        sentence = reason if count == 1 and f"{which[0]}" in reason else f"{numbers(which)}: {reason}"
        messages.error(request, _("Refused. %s") % sentence)
    if left:
        messages.warning(request, _("Only the first %d were taken; do it again for the rest.") % MOST)


def numbers(ids: Sequence[Any]) -> str:
    """ "#4, #5 and 12 more"."""
    shown = ", ".join(f"#{pk}" for pk in ids[:10])
    return _("%(shown)s and %(more)d more") % {"shown": shown, "more": len(ids) - 10} if len(ids) > 10 else shown
