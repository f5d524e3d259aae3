"""An event becomes a row: accepted in the caller's own transaction, or not at all."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions import sync, wakeup
from executions.models import Execution
from executions.queued import check_stack, queued
from executions.store import attributes, eventkeys, intake, session
from workflows import ambient
from workflows.answering import Answer
from workflows.errors import Invalid, NotFound, Refused
from workflows.instructions.base import parse_config
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.options import STRICT, WorkflowOptions
from workflows.subjects import subjects_of
from workflows.triggers import manual_context
from workflows.triggers.base import Ended, Event, Listener
from workflows.triggers.listening import is_solo, listener_of

logger = logging.getLogger("sluice.dispatcher")

_MOST_TAGS = 50


def dispatch(events: Sequence[Event]) -> list[Ended | None]:
    """A run for each event: the async ones in one insert, then the sync ones, one after another, to their end or
    first wait.

    None stands where an event was refused (stack limit). A second event with a known key answers the first one's run.
    """
    results: list[Ended | None] = [None] * len(events)
    waiting = [(index, event) for index, event in enumerate(events) if not event.listener.sync and _accepts(event)]
    for index, execution in _insert(waiting):
        results[index] = execution
    for index, event in enumerate(events):
        if event.listener.sync and _accepts(event):
            results[index] = sync.run(event, new_execution(event))
    return results


def _accepts(event: Event) -> bool:
    """Whether the version stands less often among its own ancestors than it may."""
    try:
        check_stack(event.listener.workflow_id, _options(event.listener), ambient.stack())
    except Refused as error:
        logger.warning("%s", error)
        return False
    return True


def _insert(waiting: Sequence[tuple[int, Event]]) -> list[tuple[int, Execution]]:
    if not waiting:
        return []
    db = session.connection()
    elsewhere = next((event.using for _, event in waiting if event.using not in (None, db.alias)), None)
    if elsewhere is not None and connections[elsewhere].in_atomic_block:
        # Rows of another database: recorded once they are there, at most once.
        here = [(index, replace(event, using=None)) for index, event in waiting]
        # With the actor and the ancestors of now, whatever surrounds the commit.
        surroundings = copy_context()
        transaction.on_commit(lambda: void(surroundings.run(_insert, here)), using=elsewhere)
        return []
    rows = [(index, new_execution(event)) for index, event in waiting]
    keyed = {(each.key, each.event_key): each for _, each in reversed(rows) if each.event_key is not None}
    firsts: dict[tuple[str, str | None], Execution | None] = {**keyed}
    with transaction.atomic(using=db.alias, savepoint=False) if keyed else nullcontext():
        if keyed:
            for pair, first in eventkeys.remember([(key, str(event_key)) for key, event_key in keyed]).items():
                firsts[pair] = first
        answers = [(index, firsts.get((execution.key, execution.event_key), execution)) for index, execution in rows]
        # Those whose event was not known, neither before nor from an earlier event of this call.
        new = [execution for (_, execution), (_, first) in zip(rows, answers, strict=True) if first is execution]
        intake.insert_queued(db, new)
        # Those with a delay are the tick's to wake.
        for queue in {execution.queue for execution in new if not execution.delay}:
            wakeup.wake_on_commit(db, queue)
    return [(index, first) for index, first in answers if first is not None]


def begin_new(events: Sequence[Event]) -> int:
    """Queues runs of asynchronous events with keys, in the transaction under way; answers how many events were new."""
    db = session.connection()
    rows = {(row.key, str(row.event_key)): row for row in map(new_execution, events)}
    new = eventkeys.note(db, rows)
    intake.insert_queued(db, [row for pair, row in rows.items() if pair in new])
    for queue in {rows[pair].queue for pair in new if not rows[pair].delay}:
        wakeup.wake_on_commit(db, queue)
    return len(new)


def void(_: object) -> None:
    """A commit hook answers nothing."""


def new_execution(event: Event) -> Execution:
    """The row of a queued run, but for its times: the database sets those."""
    listener = event.listener
    execution = queued(
        listener,
        _options(listener),
        jsonable(event.context),
        stack=ambient.stack(),
        solo=is_solo(listener.workflow_id),
        created_by_id=ambient.actor_id(),
        event_key=event.event_key,
        **event.fields,
    )
    execution.delay = max(execution.delay, event.delay)
    if rows := subjects_of(listener, execution.context):
        execution.found_by = [*execution.found_by, *((attributes.ROW, row, None) for row in rows)]
    return execution


def _options(listener: Listener) -> WorkflowOptions:
    options = listener.options
    return options if isinstance(options, WorkflowOptions) else WorkflowOptions.model_validate(options or {})


def start(
    workflow: str | Workflow, data: Any, *, event_key: str | None = None, answer: Answer | None = None, **fields: Any
) -> Execution | None:
    """Queues a run of an enabled workflow, by its `name` or as an object, in the caller's transaction.

    `data` is the run's `$context`. A second call with one `event_key` answers the first one's run, or None once that
    is purged. `answer` takes what a synchronous run says to the request that waits for it. `fields` are further
    columns: name, tags, and queue and priority where they are others than the workflow's. Raises `NotFound` for an
    unknown workflow, `Refused` for a disabled one, `Invalid` for a name that is taken and for values that don't fit.
    """
    version = _by_name(workflow) if isinstance(workflow, str) else workflow
    if not version.enabled:
        raise Refused(_("Workflow %s is not enabled; enable it first.") % version)
    _check_text(event_key, "event_key")
    _check_fields(version, fields)
    [result] = dispatch([Event(listener_of(version), data, event_key, answer=answer, fields=fields)])
    return result if isinstance(result, Execution | None) else _as_execution(result)


def _by_name(name: str) -> Workflow:
    version = Workflow.objects.filter(name=name, current=True).first()
    if version is None:
        raise NotFound(_("There is no workflow named %r.") % name, field="name")
    return version


_FIELDS = {"name", "tags", "queue", "priority", "manually", "parent_execution_id", "parent_job"}


def _check_fields(workflow: Workflow, fields: Mapping[str, Any]) -> None:
    unknown = set(fields) - _FIELDS
    if unknown:
        raise Invalid(_("A run has no field %s.") % ", ".join(sorted(unknown)), field=sorted(unknown)[0])
    name = fields.get("name")
    _check_text(name, "name")
    _check_tags(fields.get("tags"))
    # As the workflow's options take them.
    parse_config(
        WorkflowOptions, {each: fields[each] for each in ("queue", "priority") if each in fields}, context=STRICT
    )
    if name is not None and Execution.objects.filter(key=workflow.key, name=name).exists():
        raise Invalid(_("Another run of this workflow is named %r; names are unique.") % name, field="name")


def _check_text(value: str | None, field: str) -> None:
    if value is None:
        return
    longest = getattr(Execution._meta.get_field(field), "max_length", 0)
    if not isinstance(value, str) or not value or len(value) > longest or jsonable(value) != value:
        raise Invalid(
            _("%(field)s is a text of 1 to %(longest)s characters, without NUL.")
            % {"field": field, "longest": longest},
            field=field,
        )


def _check_tags(tags: Any) -> None:
    if tags is None:
        return
    most, longest = _MOST_TAGS, attributes.LONGEST_TEXT
    if not (isinstance(tags, list | tuple) and len(tags) <= most and all(_is_tag(tag) for tag in tags)):
        raise Invalid(
            _("Tags are a list of up to %(most)d texts of 1 to %(longest)d characters, without NUL.")
            % {"most": most, "longest": longest},
            field="tags",
        )


def _is_tag(tag: Any) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= attributes.LONGEST_TEXT and jsonable(tag) == tag


def run_now(workflow: Workflow, values: Any, *, by: Any = None) -> Execution | None:
    """Runs a version by hand, enabled or not, to its first wait or its end; inside a transaction it is only queued.

    None: the values don't meet the trigger's condition. Raises `Invalid` for values that the trigger can't take.
    """
    from executions.segments import run_to_first_wait

    context = manual_context(workflow, values)
    if context is None:
        return None
    with ambient.acting(by) if by is not None else ambient.inside(ambient.stack()):
        listener = listener_of(workflow)
        event = Event(listener, context, fields={"manually": True})
        if listener.sync:
            return _as_execution(sync.run(event, new_execution(event)))
        [(_index, execution)] = _insert([(0, event)])
    if not session.connection().in_atomic_block:
        run_to_first_wait(execution.pk)
    return _as_execution(execution)


def _as_execution(result: Ended | Execution | None) -> Execution | None:
    if result is None:
        return None
    return Execution.objects.using(session.alias()).filter(pk=result.id).first()


def copy_of(source: Execution, by: Any) -> Execution:
    """The unsaved row of a rerun: same workflow, context and lane, the youngest of its lane."""
    return Execution(
        workflow_id=source.workflow_id,
        key=source.key,
        title=source.title,
        version=source.version,
        type=source.type,
        context=source.context,
        stack=source.stack,
        queue=source.queue,
        priority=source.priority,
        solo=source.solo,
        lane=source.lane,
        tags=source.tags,
        manually=source.manually,
        rerun_of_id=source.pk,
        attempt=source.attempt + 1,
        created_by_id=by.pk if by is not None else ambient.actor_id(),
        due_at=Now() - timedelta(seconds=source.priority),
        created_at=Now(),
        updated_at=Now(),
    )
