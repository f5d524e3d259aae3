"""Answers to manual tasks (spec 5.20): one form's values and the action that was taken."""

from collections import ChainMap
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.forms.models import model_to_dict
from django.utils.translation import gettext as _

from executions.inbox.answering import Answering, answer
from executions.inbox.forms import broken, cleaned, form_fields
from executions.inbox.kinds import FormAction, Kind, TaskForm
from executions.models import Task, TaskType
from executions.recording import Texts, too_large
from executions.store import session
from workflows import ambient, people
from workflows.actions import Action as Done
from workflows.collections import engine_alias, to_json
from workflows.errors import Invalid, Refused, SluiceError
from workflows.expressions import render
from workflows.formfields import RESERVED
from workflows.formrows import found, write
from workflows.graph import GraphNode
from workflows.instructions.base import Outcome
from workflows.instructions.manual import Action, Form, Manual, ManualConfig
from workflows.jsonable import jsonable
from workflows.jsoninput import check as check_json
from workflows.statuses import JobStatus

_TYPES = (TaskType.MANUAL.value,)


def submit(task_id: Any, result: Any, *, by: Any, reason: str | None = None) -> Task:
    """Takes {form key: {field: value}, "_": action key} as the answer to a task of `by`.

    A draft (status 0) is kept with the task; any other action decides it, writes the row its form is for, and ends the
    job where that decides it, all in one transaction. Raises what `answer` raises, and `Invalid` ("result.…").
    """
    check_json(result, "result")

    def act(answering: Answering) -> None:
        config = _config(answering)
        given = _given(config, result)
        if given.action.drafts:
            _keep_draft(answering, config, given)
        else:
            _decide(answering, config, given, reason)

    return answer(task_id, by, act, types=_TYPES)


def _config(answering: Answering) -> ManualConfig:
    if not isinstance(answering.node.instruction, Manual):
        raise Refused(_("Task %s is not answered by a form.") % answering.task.pk)
    config = answering.node.config
    assert isinstance(config, ManualConfig)
    return config


@dataclass
class _Given:
    """An answer: which form, its values as they were sent, which action."""

    key: str
    form: Form
    values: Mapping[str, Any]
    action: Action

    @property
    def path(self) -> str:
        return f"result.{self.key}"


def _given(config: ManualConfig, result: Any) -> _Given:
    if not isinstance(result, Mapping):
        raise Invalid(_("Give an object: form -> values, and the action's key as _."), field="result")
    action_key = result.get(RESERVED)
    if not isinstance(action_key, str) or not action_key:
        raise Invalid(_("Say which action is taken: its key belongs under _."), field=f"result.{RESERVED}")
    named = [str(key) for key in result if key != RESERVED]
    for key in named:
        if key not in config.forms:
            known = ", ".join(config.forms) or _("none")
            raise Invalid(_("There is no such form; there are: %s.") % known, field=f"result.{key}")
    # Buttons alone need no values.
    having = [(key, action) for key in named or config.forms if (action := config.forms[key].action(action_key))]
    if len(having) != 1:
        raise Invalid(
            _("No form that was filled in has the action %s; send one form with one of its actions.") % action_key[:64]
            if not having
            else _("Several forms have the action %s; send the values of one.") % action_key[:64],
            field=f"result.{RESERVED}",
        )
    [(key, action)] = having
    values = result.get(key)
    if values is not None and not isinstance(values, Mapping):
        raise Invalid(_("The values are an object of fields and values."), field=f"result.{key}")
    return _Given(key, config.forms[key], values or {}, action)


def _keep_draft(answering: Answering, config: ManualConfig, given: _Given) -> None:
    """Merged into what was kept before; of the job one sees it where one answer decides (spec 5.20)."""
    fields = form_fields(config, given.key)
    values = cleaned(fields, given.values, given.path, optional=fields or ())
    before = answering.task.result if isinstance(answering.task.result, dict) else {}
    kept = before.get(given.key)
    merged = {**(kept if isinstance(kept, dict) else {}), **values}
    result = {**before, given.key: merged, RESERVED: given.action.key}
    answering.save(result=_kept(answering, result))
    if config.mode == 0:
        answering.show(answering.task.result)


def _decide(answering: Answering, config: ManualConfig, given: _Given, reason: str | None) -> None:
    scope = _scope(answering, given)
    presets = render(given.action.values, scope)
    fields = form_fields(config, given.key)
    values = cleaned(fields, _with_defaults(config, given), given.path, optional={*presets, *_left_out(given, fields)})
    values = {**values, **jsonable(presets)}
    before = JobStatus(answering.task.status).name.lower()
    # Rows are for what was agreed to: who rejects changes nothing.
    if given.form.writes and given.action.status > 0:
        _write_rows(answering, given, values, scope)
    result = {given.key: values, RESERVED: given.action.key}
    answering.save(status=given.action.status, result=_kept(answering, result))
    after = JobStatus(given.action.status).name.lower()
    changes = {"status": [before, after], **answering.told()}
    answering.record(Done.TASK_SUBMIT, reason, changes)
    statuses = list(answering.siblings().filter(round=answering.task.round).values_list("status", flat=True))
    decided = job_status(config.mode, statuses)
    ratio = sum(status != JobStatus.PENDING for status in statuses) / len(statuses)
    outcome = answering.task.result if config.mode == 0 else ratio
    if decided == JobStatus.PENDING:
        answering.show(outcome)
    else:
        answering.complete(Outcome(status=decided, result=outcome))


def _with_defaults(config: ManualConfig, given: _Given) -> Mapping[str, Any]:
    """Of a form that writes a row, the model finds its own."""
    if given.form.writes:
        return given.values
    defaults = {field.name: field.default for field in config.fields_of(given.key) if field.default is not None}
    return {**defaults, **given.values}


def _left_out(given: _Given, fields: Mapping[str, Any] | None) -> Iterable[str]:
    """What may be missing: a row that is changed has its values, a new one its defaults."""
    named = fields or {}
    if given.form.type == "update":
        return named
    return [name for name, field in named.items() if given.form.writes and field.initial is not None]


def job_status(mode: int, statuses: list[int]) -> int:
    """What tasks with these statuses make of their job: all (1), any (-1), or the first answer (0)."""
    answers = [status for status in statuses if status != JobStatus.PENDING]
    negative = next((status for status in answers if status < 0), None)
    if mode == 0:
        return answers[0] if answers else JobStatus.PENDING
    if mode == 1:
        if negative is not None:
            return negative
        return JobStatus.RESOLVED if len(answers) == len(statuses) else JobStatus.PENDING
    if any(status > 0 for status in answers):
        return JobStatus.RESOLVED
    return JobStatus.REJECTED if len(answers) == len(statuses) else JobStatus.PENDING


def _scope(answering: Answering, given: _Given) -> Mapping[str, Any]:
    """What presets and filters of forms find: the node's own scope, who answers, what was sent, and the time."""
    user, sent, now = (
        to_json(answering.by, model=get_user_model()),
        jsonable(dict(given.values)),
        answering.now.isoformat(),
    )
    own = {
        "$user": user,
        "$nForm": sent,
        "$nDate": {"now": now},
        "currentUser": user,
        "currentRecord": sent,
        "currentTime": now,
    }
    return ChainMap(own, answering.step.scope)  # type: ignore[arg-type]


def _write_rows(answering: Answering, given: _Given, values: dict[str, Any], scope: Mapping[str, Any]) -> None:
    form = given.form
    condition = render(form.filter, scope)
    # Elsewhere it has a transaction of its own, which ends first: another answer can't come between, for the run is
    # locked, and one that fails after it says so and may be sent again.
    place: AbstractContextManager[Any] = (
        session.savepoint() if form.alias == engine_alias() else transaction.atomic(using=form.alias)
    )
    with ambient.acting(answering.by), ambient.inside(answering.run.ancestry), place:
        write(form, values, condition, given.path)


def _kept(answering: Answering, result: Any) -> Any:
    masked = answering.run.env.masked(jsonable(result))
    size = Texts().excess(masked)
    if size is not None:
        raise Invalid(too_large(size), field="result")
    return masked


def delegate(task_id: Any, to: Any, *, by: Any, reason: str | None = None) -> Task:
    """Hands a task of `by` over to another active user, by key or user name.

    Raises what `answer` raises, and `Invalid` (field "to") for nobody, oneself or somebody who was asked as well.
    """

    def act(answering: Answering) -> None:
        named = people.find(to)
        if len(named.ids) != 1:
            raise Invalid(_("Name one active user."), field="to")
        [user] = named.ids
        if answering.siblings().filter(round=answering.task.round, user=user).exists():
            raise Invalid(_("That person was asked already; choose another."), field="to")
        before = answering.task.user_id
        meta = answering.task.meta if isinstance(answering.task.meta, dict) else {}
        chain = [*meta.get("delegatedBy", []), jsonable(before)]
        answering.save(user_id=user, meta={**meta, "delegatedBy": chain}, read_at=None)
        names = dict(get_user_model()._base_manager.filter(pk__in=[before, user]).values_list("pk", _name()))
        changes = {"user": [names.get(before), names.get(user)]}
        answering.record(Done.TASK_DELEGATE, reason, changes)

    return answer(task_id, by, act, types=_TYPES)


def shown_forms(task: Task, node: GraphNode, scope: Mapping[str, Any], by: Any) -> list[TaskForm]:
    """The forms of a manual task as its person sees them, with what was kept as a draft or stands in the row."""
    config = node.config
    assert isinstance(config, ManualConfig)
    kept = task.result if isinstance(task.result, dict) else {}
    shown = []
    for key, form in config.forms.items():
        made = TaskForm(key, form.title or (key if len(config.forms) > 1 else ""), form.type)
        made.actions = [FormAction(action.key, action.status, action.label) for action in form.actions]
        try:
            made.fields = form_fields(config, key)
            draft = kept.get(key)
            made.values = draft if isinstance(draft, dict) else _present(form, made.fields, scope)
        except SluiceError as error:
            made.error = broken(error)
        shown.append(made)
    return shown


def _present(form: Form, fields: Mapping[str, Any] | None, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the one row that an update form changes."""
    if form.type != "update":
        return {}
    rows = list(found(form, render(form.filter, scope), "filter")[:2])
    return model_to_dict(rows[0], fields=list(fields or ())) if len(rows) == 1 else {}


MANUAL = Kind(forms=shown_forms, submit=submit, delegate=delegate)


def _name() -> str:
    return str(get_user_model().USERNAME_FIELD)
