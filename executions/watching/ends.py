"""A run ends, and workflows that watch for it get runs of their own: written in the commit of the end.

So whoever ends it - a worker, a person, a parent, a time-out - an end that stands has been told of, and one that was
rolled back has not. A run that sets a workflow off stands among the ancestors of what follows, and no run with a
workflow among its ancestors, or as its own, sets that off.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db.backends.base.base import BaseDatabaseWrapper

from executions import wakeup
from executions.models import RunWatch
from executions.queued import queued
from executions.store import ends, eventkeys, intake, session
from executions.store.ends import Ended
from executions.watching.described import contexts, read
from workflows.conf import conf
from workflows.models import Workflow
from workflows.triggers.base import Listener
from workflows.triggers.execution import ENDED, LONGER
from workflows.triggers.listening import is_solo

#: A run, and a workflow that it sets off.
Event = tuple[Ended, Listener]

_watching: tuple[Listener, ...] = ()
#: The workflow key of each version, which never changes.
_keys: dict[int, str] = {}


def listen(listeners: Sequence[Listener]) -> None:
    """These, and only these, workflows watch runs; with none of them an end costs nothing."""
    global _watching, _keys
    _watching, _keys = tuple(listeners), {}
    ends.connect(tell if _watching else None)


def tell(db: BaseDatabaseWrapper, runs: Sequence[Ended]) -> None:
    """Begins what these ends set off, in the transaction under way on this connection."""
    concerned = [(run, each) for each in _watching for run in runs if _concerns(each, run)]
    begin(db, _counting(db, concerned))


def _concerns(watching: Listener, run: Ended) -> bool:
    config = watching.config
    if watching.key == run.key or not config.means(run.key):
        return False
    if config.mode == ENDED:
        return not config.statuses or run.status in config.statuses
    return run.started_at is not None and run.ended_at is not None and _border(watching, run) < run.ended_at


def _border(watching: Listener, run: Ended) -> datetime:
    """When the run had run as long as the workflow allows."""
    border: datetime = run.started_at + timedelta(seconds=watching.config.seconds)
    return border


def _counting(db: BaseDatabaseWrapper, events: Sequence[Event]) -> list[Event]:
    """Without those long runs that were told of, or had run too long, before anybody watched.

    The others the tick may have told of already: their event's key knows that, as long as keys are remembered.
    """
    keys = {each.key for _run, each in events if each.config.mode == LONGER}
    if not keys:
        return list(events)
    since = dict(read(db, RunWatch.objects.filter(key__in=keys).values_list("key", "since")))
    remembered = timedelta(days=conf().EVENT_KEY_DAYS)

    def counts(run: Ended, each: Listener) -> bool:
        begun = since.get(each.key)
        return begun is not None and run.started_at > begun and run.ended_at - _border(each, run) < remembered

    return [(run, each) for run, each in events if each.config.mode == ENDED or counts(run, each)]


def begin(db: BaseDatabaseWrapper, events: Iterable[Event]) -> int:
    """Writes a run for each event that is new and not caused by the workflow itself; answers how many."""
    wanted = {(each.key, event_key(each, run)): (run, each) for run, each in caused_by_others(db, list(events))}
    if not wanted:
        return 0
    new = eventkeys.note(db, wanted)
    events = [event for pair, event in wanted.items() if pair in new]
    graphs = {run.id: getattr(run, "graph", None) for run, _ in events if run.ended_at is not None}
    told = contexts(db, {run.id for run, _ in events}, graphs)
    # Where this is a second connection, the first may be broken: it is asked nothing, and the claim corrects the class.
    solo: Callable[[int], bool] = is_solo if db is session.connection() else lambda _workflow_id: True
    rows = [
        queued(
            each,
            each.options,
            {"event": each.config.mode, **told[run.id]},
            stack=[*run.stack, [run.id, run.workflow_id]],
            solo=solo(each.workflow_id),
            created_by_id=run.created_by_id,
            event_key=event_key(each, run),
        )
        for run, each in events
    ]
    intake.insert_queued(db, rows)
    for queue in {row.queue for row in rows if not row.delay}:
        wakeup.wake_on_commit(db, queue)
    return len(rows)


def event_key(watching: Listener, run: Ended) -> str:
    """One a run and kind: the workflow's own key stands beside it."""
    return f"{watching.config.mode}:{run.id}"


def caused_by_others(db: BaseDatabaseWrapper, events: Sequence[Event]) -> list[Event]:
    """Without runs that have the workflow, in whatever version, among their ancestors."""
    _learn(db, {version for run, _ in events for _execution, version in run.stack})
    return [
        (run, each) for run, each in events if all(_keys.get(version) != each.key for _execution, version in run.stack)
    ]


def _learn(db: BaseDatabaseWrapper, versions: Collection[int]) -> None:
    unknown = {version for version in versions if version not in _keys}
    if unknown:
        _keys.update(read(db, Workflow.objects.filter(pk__in=unknown).values_list("id", "key")))
