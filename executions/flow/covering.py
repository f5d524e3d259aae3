"""Which runs the holds cover, as a claim needs to know it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from executions.models import Execution, Hold
from executions.run import Run
from executions.statuses import Parked
from executions.store.session import alias


@dataclass(frozen=True, slots=True)
class Holds:
    """What is held. Runs that a person started by hand are covered by none: that was meant.

    A run that another one waits for goes on with that one, unless its own workflow or queue is held.
    """

    everything: bool
    queues: frozenset[str]
    keys: frozenset[str]
    disabled: frozenset[str]
    by_hand: frozenset[int]
    #: Asked for by a person too, but for the workers.
    reruns: frozenset[int]

    def why(self, run: Run) -> Parked | None:
        if run.id in self.by_hand:
            return None
        if run.key in self.disabled and run.parent_job is None and run.id not in self.reruns:
            return Parked.DISABLED
        held = run.queue in self.queues or run.key in self.keys or (self.everything and run.parent_job is None)
        return Parked.HOLD if held else None


def active(runs: Iterable[Run]) -> Holds:
    """Two statements; asked only where the claim saw that there are holds."""
    rows = Hold.objects.using(alias()).filter(active=True).values_list("scope", "target")
    queued = [run.id for run in runs if run.status is None]
    asked = Execution.objects.using(alias()).filter(Q(manually=True) | Q(rerun_of__isnull=False), pk__in=queued)
    return of(list(rows), list(asked.values_list("id", "rerun_of_id")))


def of(rows: Sequence[tuple[str, str]], asked: Sequence[tuple[int, int | None]] = ()) -> Holds:
    """From (scope, target) of each; `asked` are the runs that people asked for, and which ones those run again."""
    targets = {scope: frozenset(target for each, target in rows if each == scope) for scope in Hold.Scope.values}
    return Holds(
        everything=bool(targets[Hold.Scope.ALL]),
        queues=targets[Hold.Scope.QUEUE],
        keys=targets[Hold.Scope.WORKFLOW],
        disabled=targets[Hold.Scope.DISABLED],
        by_hand=frozenset(pk for pk, again in asked if again is None),
        reruns=frozenset(pk for pk, again in asked if again is not None),
    )
