"""Which workflows a request sets off, in which order, with what, and what becomes of the request (spec 4.3-4.5).

A face calls `intercept` before its action, `after` within the transaction of what it saved and the chain's `run` behind
that, or `acting`, which does all three; and `trigger` for a custom action.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db import router, transaction
from django.db.models import Model
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from workflows import ambient
from workflows.answering import Answer, Verdict
from workflows.collections import accessor, find_relation, is_many, usable
from workflows.errors import Invalid
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.requesting.asking import PARAMETER, Answered, Asked, Listed, RequestHalted
from workflows.triggers import listening
from workflows.triggers.base import Event, Listener, dispatch
from workflows.triggers.custom_action import ONE_ROW, ROWS, CustomActionConfig
from workflows.triggers.requests import GlobalConfig, RequestConfig, asker, first_role
from workflows.visibility import narrowed, visible

#: An async run begins this many seconds after it was written: after the response (spec 4.3).
AFTER_RESPONSE = 0.2

Path = tuple[str, ...]


class Asker:
    """{"user", "roleName"}, read once and only where a workflow needs it."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    @cached_property
    def parts(self) -> dict[str, Any]:
        user, role = self.asked.user, self.asked.role_name
        if role is None and user is not None and getattr(user, "is_authenticated", False):
            role = first_role(user)
        return asker(user, role)


@dataclass
class Chain:
    """The runs of one request in their order: async ones are queued, sync ones run in turn, in the caller's process."""

    asked: Asked
    events: Sequence[Event] = ()
    answered: Answered = field(default_factory=Answered)
    queued: bool = False

    @property
    def waits(self) -> bool:
        """Whether it has sync ones, which decide whether anything else runs."""
        return any(event.listener.sync for event in self.events)

    def queue(self) -> None:
        """Writes the async ones, in the caller's transaction, unless sync ones come first."""
        if not self.waits:
            self._queue()

    def run(self) -> Answered:
        """Runs the sync ones, then writes the async ones if that was not done. Raises `RequestHalted`, but not for an
        `end` node that resolved its run: there the rest is left out, and the request goes its way."""
        verdict = self.in_turn()
        if verdict in (Verdict.FAILED, Verdict.HANGS, Verdict.REFUSED):
            raise RequestHalted(verdict, self.answered.messages)
        if verdict is Verdict.NEXT:
            self._queue()
        return self.answered

    def in_turn(self) -> Verdict:
        """The verdict of the last sync run that had its turn."""
        for event in self.events:
            if event.listener.sync:
                answer = event.answer = Answer()
                with ambient.acting(self.asked.user):
                    dispatch([event])
                self.answered.messages += answer.messages
                if answer.verdict is not Verdict.NEXT:
                    return answer.verdict
        return Verdict.NEXT

    def _queue(self) -> None:
        waiting = [event for event in self.events if not event.listener.sync]
        if waiting and not self.queued:
            with ambient.acting(self.asked.user):
                dispatch(waiting)
        self.queued = True


def intercept(
    asked: Asked,
    model: type[Model],
    action: str,
    *,
    key: Any = None,
    values: Any = None,
    filter: Any = None,
    using: str | None = None,
) -> Answered:
    """Runs what comes before an action (create, update, updateOrCreate, destroy), one after another.

    `key` is the row's, or a list of several; `values` what is to be written, as the request has it. Raises
    `RequestHalted` if one of them ends the request: the action must not be executed then.
    """
    found = _found("request-interception", asked, model, action, using)
    if not found:
        return Answered()
    params = jsonable({"filterByTk": key, "filter": filter, "values": values})
    context = {"params": params, **Asker(asked).parts}
    chain = Chain(asked, [Event(listener, context) for listener, _path in found])
    verdict = chain.in_turn()
    if verdict is not Verdict.NEXT:
        raise RequestHalted(verdict, chain.answered.messages)
    return chain.answered


def intercepts(asked: Asked, model: type[Model], action: str, using: str | None = None) -> bool:
    """Whether something would come before this action; no query."""
    return bool(_found("request-interception", asked, model, action, using))


def follows(asked: Asked, model: type[Model], action: str, using: str | None = None) -> bool:
    """Whether something would come after this action (create, update); no query."""
    return bool(_found("action", asked, model, action, using))


def after(asked: Asked, model: type[Model], action: str, rows: Sequence[Model], *, using: str | None = None) -> Chain:
    """What comes after an action that saved these rows; nothing of it has run yet."""
    found = _found("action", asked, model, action, using) if rows else []
    if not found:
        return Chain(asked)
    parts, events = Asker(asked).parts, []
    for listener, path in found:
        config = cast(RequestConfig, listener.config)
        keys = [row.pk for each in rows if (row := _at(each, path)) is not None]
        for data in config.rows(keys):
            events.append(Event(listener, {"data": data, **parts}, using=config.alias, delay=AFTER_RESPONSE))
    return Chain(asked, events)


@dataclass
class Acting:
    """A request's action under way."""

    answered: Answered
    rows: list[Model] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        """What workflows said, once the block is over."""
        return self.answered.messages

    def saved(self, *rows: Model) -> None:
        """These are the rows that the action created or changed."""
        self.rows += rows


@contextmanager
def acting(
    asked: Asked,
    model: type[Model],
    action: str,
    *,
    key: Any = None,
    values: Any = None,
    filter: Any = None,
    using: str | None = None,
) -> Iterator[Acting]:
    """Around an action: what comes before it, the action in one transaction with its async runs, what comes after.

    Raises `RequestHalted` before the block, whose action is then not executed, or after it: what it saved stays saved.
    """
    using = using or router.db_for_write(model)
    under_way = Acting(intercept(asked, model, action, key=key, values=values, filter=filter, using=using))
    if not follows(asked, model, action, using):
        yield under_way
        return
    with transaction.atomic(using=using):
        yield under_way
        chain = after(asked, model, action, under_way.rows, using=using)
        chain.queue()
    chain.answered.messages[:0] = under_way.messages
    under_way.answered = chain.answered
    chain.run()


def trigger(
    asked: Asked,
    model: type[Model] | None,
    rows: Sequence[Model] | None = None,
    values: Any = None,
    *,
    using: str | None = None,
) -> Answered:
    """Runs the custom actions that a request names: of this model or, where it is None, those with values of their own.

    `rows` are those that the request is for and that its user may see, None where it has no row yet; a workflow for
    one row is not for several. `values` is the request's body. Raises `Invalid` where no workflow is named or none
    fits, and `RequestHalted` where one that ran at once failed.
    """
    if not asked.listed:
        raise Invalid(_("Name the workflows: %s=key,key.") % PARAMETER, field=PARAMETER)
    values, several = {} if values is None else jsonable(values), rows is not None and len(rows) > 1
    who, events = Asker(asked), []
    for listener, path in _seen(_custom(asked, model, using), asked.user):
        config = cast(CustomActionConfig, listener.config)
        if not (several and config.type == ONE_ROW):
            events += _custom_events(listener, path, rows, values, who)
    if not events:
        raise Invalid(_("No action was done: none of these workflows is enabled for it."), field=PARAMETER)
    return Chain(asked, events).run()


def trigger_each(
    asked: Asked, listener: Listener, rows: Sequence[Model], values: Any = None
) -> tuple[Answered, list[RequestHalted]]:
    """Runs one custom action for these rows, a workflow for one row once for each of them: async ones in one insert,
    sync ones one after another, of which those that fail keep none of the others back."""
    values = {} if values is None else jsonable(values)
    events = _custom_events(listener, (), rows, values, Asker(asked))
    answered, halted = Answered(), []
    for chain in [Chain(asked, [event]) for event in events] if listener.sync else [Chain(asked, events)]:
        try:
            answered.messages += chain.run().messages
        except RequestHalted as error:
            halted.append(error)
    return answered, halted


def _custom_events(
    listener: Listener, path: Path, rows: Sequence[Model] | None, values: Any, who: Asker
) -> list[Event]:
    found = _data(cast(CustomActionConfig, listener.config), path, rows, values)
    return [Event(listener, {"data": data, **who.parts}, delay=AFTER_RESPONSE) for data in found]


def custom_actions(model: type[Model], user: Any, using: str | None = None) -> list[Listener]:
    """The enabled custom actions for rows of the model that the user may see, by title."""
    using = using or router.db_for_write(model)
    known = listening.listeners("custom-action")
    found: list[tuple[Listener, Path]] = [
        (each, ()) for each in known if each.config.of_rows and each.config.concerns(model, using)
    ]
    return sorted((listener for listener, _path in _seen(found, user)), key=lambda each: (each.title, each.key))


def _found(kind: str, asked: Asked, model: type[Model], action: str, using: str | None) -> list[tuple[Listener, Path]]:
    """The local ones that the request names, in its order, then the global ones for this action, by id."""
    known = listening.listeners(kind)
    if not known or ambient.silent():
        return []
    using = using or router.db_for_write(model)
    found = [
        (listener, item.path)
        for listener, item in _named(known, asked.listed)
        if not _global(listener).for_all and _concerned(listener, model, item.path, using)
    ]
    for listener in known:
        config = _global(listener)
        if config.for_all and action in config.actions and config.concerns(model, using):
            found.append((listener, ()))
    return found


def _custom(asked: Asked, model: type[Model] | None, using: str | None) -> list[tuple[Listener, Path]]:
    known = _named(listening.listeners("custom-action"), asked.listed)
    if model is None:
        return [(listener, item.path) for listener, item in known if not listener.config.of_rows]
    using = using or router.db_for_write(model)
    return [
        (listener, item.path)
        for listener, item in known
        if listener.config.of_rows and _concerned(listener, model, item.path, using)
    ]


def _named(known: Iterable[Listener], listed: Iterable[Listed]) -> Iterator[tuple[Listener, Listed]]:
    by_key = {listener.key: listener for listener in known}
    for item in listed:
        if item.key in by_key:
            yield by_key[item.key], item


def _seen(found: list[tuple[Listener, Path]], user: Any) -> list[tuple[Listener, Path]]:
    """Without those that are hidden from the user; no query where nothing is."""
    if not found or not narrowed(user):
        return found
    ids = [listener.workflow_id for listener, _path in found]
    shown = set(visible(Workflow.objects.filter(pk__in=ids), user).values_list("pk", flat=True))
    return [each for each in found if each[0].workflow_id in shown]


def _global(listener: Listener) -> GlobalConfig:
    return cast(GlobalConfig, listener.config)


def _concerned(listener: Listener, model: type[Model], path: Path, using: str) -> bool:
    """Whether the path leads from the model to the workflow's."""
    target = leads_to(model, path)
    return target is not None and bool(listener.config.concerns(target, using))


def leads_to(model: type[Model], path: Path) -> type[Model] | None:
    """The model at the end of these to-one relations, or None where they are none that workflows may follow."""
    target = model
    for name in path:
        relation = find_relation(target, name)
        if relation is None or is_many(relation) or not usable(cast(type[Model], relation.related_model)):
            return None
        target = cast(type[Model], relation.related_model)
    return target


def _at(row: Model, path: Path) -> Model | None:
    """The row that the path leads to, or None."""
    for name in path:
        relation = find_relation(type(row), name)
        if relation is None:
            return None
        try:
            found = getattr(row, accessor(relation))
        except ObjectDoesNotExist:
            return None
        if found is None:
            return None
        row = found
    return row


def _data(config: CustomActionConfig, path: Path, rows: Sequence[Model] | None, values: Any) -> Iterator[Any]:
    """The data of each run of one workflow: rows as they stand, overlaid with what the request says of them."""
    if not config.of_rows:
        yield values
        return
    said = _within(values, path)
    if rows is None:
        if said is not None:
            yield said
        return
    keys = [found.pk for row in rows if (found := _at(row, path)) is not None]
    data = [{**row, **said} if isinstance(said, Mapping) else row for row in config.rows(keys)]
    if config.type == ROWS:
        if data:
            yield data
    else:
        yield from data


def _within(values: Any, path: Path) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
