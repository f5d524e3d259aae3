"""Answers to approvals (spec 4.7, 5.28): approve, reject, send back, hand over, add signers; under the run's lock.

Besides what `answer` raises, all raise `Refused` where others of the line come first, `Forbidden` for what the node
does not allow, and `Invalid` naming the value at fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from executions.applications.noting import noted
from executions.inbox.answering import Answering, answer
from executions.inbox.forms import cleaned, form_fields
from executions.models import Job, Task, TaskType
from executions.recording import Texts, too_large
from executions.reruns import continue_from
from executions.store import session
from workflows import ambient, people
from workflows.actions import Action
from workflows.collections import engine_alias
from workflows.errors import Forbidden, Invalid, Refused
from workflows.expressions import compile_template, render
from workflows.formfields import RESERVED
from workflows.formrows import write
from workflows.graph import GraphNode
from workflows.instructions.approval import (
    APPROVED,
    DATA,
    LINES,
    OPEN,
    REJECTED,
    RETURNED,
    Approval,
    ApprovalConfig,
    ended,
    request,
    verdict,
)
from workflows.jsonable import jsonable
from workflows.jsoninput import check as check_json
from workflows.statuses import JobStatus
from workflows.triggers.approval import ApprovalTrigger

_TYPES = (TaskType.APPROVAL.value,)
#: Runs of this kind are somebody's application.
APPLICATION = ApprovalTrigger.type
LONGEST_COMMENT = 10_000
BEFORE, AFTER = -1, 1
#: The comment's field in the form of people and of `submit`; no form of a node has such a name by chance.
COMMENT = "_comment"
_STATUS = {APPROVED: JobStatus.RESOLVED, REJECTED: JobStatus.REJECTED, RETURNED: JobStatus.REJECTED}
#: The buttons: what a task's result has under "_".
ACTIONS = {"approve": APPROVED, "reject": REJECTED, "return": RETURNED}
_BUTTONS = {end: name for name, end in ACTIONS.items()}


def approve(
    task_id: Any, *, by: Any, comment: Any = None, data: Any = None, whole: bool = False, reason: str | None = None
) -> Task:
    """Agrees; `data` are changes to what the node's form has, and are written to its row at once. `whole`: they are
    all of the form, changed or not."""
    check_json(data, DATA)

    def act(case: _Case) -> None:
        case.decide(APPROVED, comment, case.changed(data or {}) if whole else data, reason)

    return _answer(task_id, by, act)


def reject(task_id: Any, *, by: Any, comment: Any = None, reason: str | None = None) -> Task:
    return _answer(task_id, by, lambda case: case.decide(REJECTED, comment, None, reason))


def send_back(task_id: Any, *, by: Any, to: Any = None, comment: Any = None, reason: str | None = None) -> Task:
    """Ends the step as returned to whoever began it, whatever the others think; or, with the key of an approval before
    it, goes on from there."""
    return _answer(task_id, by, lambda case: case.send_back(to, comment, reason))


def delegate(task_id: Any, to: Any, *, by: Any, reason: str | None = None) -> Task:
    """Hands the task over to another active user, by key or user name."""
    return _answer(task_id, by, lambda case: case.delegate(to, reason))


def add_signers(task_id: Any, to: Any, *, by: Any, order: int, reason: str | None = None) -> Task:
    """Asks further people, one after another: `BEFORE` the person of this task, who then comes last, or `AFTER`."""
    return _answer(task_id, by, lambda case: case.add_signers(to, order, reason))


def _answer(task_id: Any, by: Any, act: Callable[["_Case"], None]) -> Task:
    return answer(task_id, by, lambda answering: act(_Case(answering)), types=_TYPES)


@dataclass
class _Case:
    """An approval under its run's lock, seen from one person's task."""

    answering: Answering

    @cached_property
    def config(self) -> ApprovalConfig:
        config = self.answering.node.config
        if not isinstance(self.answering.node.instruction, Approval) or not isinstance(config, ApprovalConfig):
            raise Refused(_("Task %s belongs to no approval.") % self.answering.task.pk)
        return config

    @property
    def meta(self) -> dict[str, Any]:
        meta = self.answering.job.meta
        assert isinstance(meta, dict)
        return meta

    @property
    def lines(self) -> list[list[Any]]:
        lines: list[list[Any]] = self.meta[LINES]
        return lines

    @property
    def me(self) -> Any:
        return jsonable(self.answering.task.user_id)

    @property
    def line(self) -> list[Any]:
        return next(line for line in self.lines if self.me in line)

    def tasks(self) -> dict[Any, Task]:
        """By person, those of this round."""
        rows = self.answering.siblings().filter(round=self.meta["round"]).order_by("id")
        return {jsonable(row.user_id): row for row in rows}

    def decide(self, end: int, comment: Any, data: Any, reason: str | None) -> None:
        self._refuse_before_turn()
        values, changes = self._changes(data)
        self._save(end, comment, values, Action.TASK_SUBMIT, reason)
        result = self._result(changes)
        tasks = self.tasks()
        answers = [end_of(task) for task in tasks.values()]
        came_to = verdict(self.config, answers, sum(map(len, self.lines)))
        if came_to != OPEN:
            self._end(came_to, result)
            return
        self._ask_next(tasks, self.line.index(self.me) + 1)
        self.answering.show(result)

    def send_back(self, to: Any, comment: Any, reason: str | None) -> None:
        if not self.config.allow_return:
            raise Forbidden(_("This approval can't be returned; its node does not allow it."))
        self._refuse_before_turn()
        earlier = None if to in (None, "") else self._earlier(to)
        self._save(RETURNED, comment, {}, Action.TASK_RETURN, reason)
        result = self._result({})
        if earlier is None:
            self._end(RETURNED, result)
            return
        run, job = self.answering.run, self.answering.job
        self.answering.show({**result, "status": RETURNED, "returnTo": earlier.key})
        run.close_job(job, JobStatus.REJECTED, self.answering.now)
        continue_from(run, self.answering.clock, earlier.id)

    def delegate(self, to: Any, reason: str | None) -> None:
        new = self._people(to, self.config.delegate)
        if len(new) != 1:
            raise Invalid(_("Name one active user."), field="to")
        [user] = new
        line, task = self.line, self.answering.task
        line[line.index(self.me)] = jsonable(user)
        self._keep_lines()
        before = task.user_id
        meta = task.meta if isinstance(task.meta, dict) else {}
        chain = [*meta.get("delegatedBy", []), jsonable(before)]
        names = names_of([before, user])
        changes = {"user": [names.get(before), names.get(user)]}
        self.answering.save(user_id=user, meta={**meta, "delegatedBy": chain}, read_at=None)
        self.answering.record(Action.TASK_DELEGATE, reason, changes)

    def add_signers(self, to: Any, order: int, reason: str | None) -> None:
        if order not in (BEFORE, AFTER):
            raise Invalid(_("The order is -1, before oneself, or 1, after."), field="order")
        added = self._people(to, self.config.add_signers)
        if sum(map(len, self.lines)) + len(added) > people.MOST_PEOPLE:
            raise Invalid(_("A step can ask at most %d people; name fewer.") % people.MOST_PEOPLE, field="to")
        line = self.line
        tasks = self.tasks()
        place = line.index(self.me) + (1 if order == AFTER else 0)
        my_turn = self._waits_for(tasks) is None
        line[place:place] = [jsonable(user) for user in added]
        self._keep_lines()
        if order == BEFORE and my_turn:
            self._ask_next(tasks, place)
        names = names_of(added)
        changes: dict[str, list[Any]] = {"order": [None, order], "people": [None, [names[user] for user in added]]}
        self.answering.record(Action.TASK_ADD_SIGNERS, reason, changes)

    def _refuse_before_turn(self) -> None:
        first = self._waits_for(self.tasks())
        if first is not None:
            raise Refused(_waits(first))

    def _waits_for(self, tasks: Mapping[Any, Task]) -> Any:
        return _first_before(self.line, self.me, tasks)

    def _ask_next(self, tasks: Mapping[Any, Task], place: int) -> None:
        """The one at this place of the line is asked, who may have been already and only waited."""
        line = self.line
        if place < len(line) and line[place] not in tasks:
            self.answering.run.give_tasks(self.answering.job, [request(self.meta, line[place], place)])

    def _keep_lines(self) -> None:
        self.answering.job.meta = {**self.meta, LINES: [list(line) for line in self.lines]}
        self.answering.job.changed = self.answering.run.changed = True

    def _save(self, end: int, comment: Any, data: Mapping[str, Any], action: Action, reason: str | None) -> None:
        """Keeps the answer as `submit` takes it."""
        answering = self.answering
        said = {DATA: {**data, COMMENT: _comment(comment)}, RESERVED: _BUTTONS[end]}
        before = JobStatus(answering.task.status).name.lower()
        answering.save(status=_STATUS[end], result=answering.run.env.masked(jsonable(said)))
        if answering.run.graph.type == APPLICATION:
            noted(answering.run.id)
        after = JobStatus(_STATUS[end]).name.lower()
        changes = {"status": [before, after], **answering.told()}
        answering.record(action, reason, changes)

    def changed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of a whole form those that differ from what was shown in it; what is left empty and was is no change."""
        result = self.answering.job.result
        known = result.get("data") if isinstance(result, dict) else None
        before = known if isinstance(known, dict) else {}
        return {
            name: value
            for name, value in values.items()
            if not (before[name] == value if name in before else value in (None, "", []))
        }

    def _changes(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what was filled in, what the data become by it): the row of the node's form is written and read again."""
        if data in (None, {}):
            return {}, {}
        form = self.config.form
        if form is None:
            raise Invalid(_("This approval has no form, so its data can't be changed; leave data out."), field=DATA)
        if not isinstance(data, Mapping):
            raise Invalid(_("The data are an object of fields and values."), field=DATA)
        fields = form_fields(self.config, DATA)
        values = cleaned(fields, data, DATA, optional=fields or ())
        if not form.writes:
            return values, values
        answering = self.answering
        condition = render(form.filter, answering.step.scope)
        place = session.savepoint() if form.alias == engine_alias() else transaction.atomic(using=form.alias)
        with ambient.acting(answering.by), ambient.inside(answering.run.ancestry), place:
            rows = write(form, values, condition, DATA)
        if not rows:
            raise Invalid(_("There is no row to write any more; reject, or leave data out."), field=DATA)
        return values, rows[0] if len(rows) == 1 else values

    def _result(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        known = self.answering.job.result
        result = known if isinstance(known, dict) else {}
        data = result.get("data")
        if changes:
            data = {**(data if isinstance(data, dict) else {}), **changes}
        records = [record(task) for task in self.tasks().values() if end_of(task) != OPEN]
        result = jsonable({**result, "data": data, "records": records})
        if (size := Texts().excess(result)) is not None:
            raise Invalid(too_large(size), field=DATA if changes else "comment")
        return dict(result)

    def _end(self, end: int, result: dict[str, Any]) -> None:
        self.answering.complete(ended(self.config, end, {**result, "status": end}))
        # A job whose branch begins is not decided yet, but its people have nothing to add.
        self.answering.run.close_tasks(self.answering.job, self.answering.now)

    def _earlier(self, key: Any) -> GraphNode:
        known = {node.key: node for node in earlier_approvals(self.answering.node)}
        if not isinstance(key, str) or key not in known:
            raise Invalid(
                _("No approval before this one has the key %(key)r; there are: %(known)s.")
                % {"key": str(key)[:64], "known": ", ".join(known) or _("none")},
                field="to",
            )
        return known[key]

    def _people(self, to: Any, scope: Any) -> list[Any]:
        """Active users who are not asked yet and whom the node lets be asked; at least one."""
        if scope is False:
            raise Forbidden(_("The node of this approval does not allow that."))
        found = people.find(to)
        if found.unknown:
            raise Invalid(_("There is no active user %s.") % ", ".join(found.unknown[:20]), field="to")
        present = {user for line in self.lines for user in line}
        new = [user for user in found.ids if jsonable(user) not in present]
        if not new:
            raise Invalid(
                _("They are asked already; name others.") if found.ids else _("Name at least one user."), field="to"
            )
        if scope is not True:
            allowed = people.find(
                people.only(compile_template(scope).render(self.answering.step.scope), new),
                filtered=people.has_filter(scope),
            ).ids
            if outside := [user for user in new if user not in allowed]:
                names = ", ".join(map(str, names_of(outside).values()))
                raise Invalid(_("The node of this approval lets these not be asked: %s.") % names, field="to")
        return new


def why_to_wait(task: Task) -> str:
    """Of a pending task, who was added before its person and has not decided; "" if it is this person's turn. Reads
    without a lock; three queries at most."""
    rows = Job.objects.using(session.alias()).filter(execution=task.execution_id, number=task.job)
    meta = rows.values_list("meta", flat=True).first()
    me = jsonable(task.user_id)
    lines = meta.get(LINES) if isinstance(meta, Mapping) else None
    line: list[Any] = next((line for line in lines or () if me in line), [])
    if me in line[:1] or not line:
        return ""
    others = Task.objects.using(session.alias()).filter(execution=task.execution_id, job=task.job, round=task.round)
    first = _first_before(line, me, {jsonable(row.user_id): row for row in others})
    return "" if first is None else _waits(first)


def _first_before(line: list[Any], me: Any, tasks: Mapping[Any, Task]) -> Any:
    """Who of the line comes before this person and has not answered; None if it is this person's turn."""
    before = line[: line.index(me)]
    return next((user for user in before if user not in tasks or end_of(tasks[user]) == OPEN), None)


def _waits(first: Any) -> str:
    name = names_of([first]).get(first, first)
    return str(_("%s was added before you and has not decided yet; wait for that.") % name)


def end_of(task: Task) -> int:
    """What its person said; OPEN until then, and where nobody wants to know any more."""
    said = task.result.get(RESERVED) if isinstance(task.result, dict) else None
    return OPEN if task.status == JobStatus.PENDING else ACTIONS.get(str(said), OPEN)


def record(task: Task) -> dict[str, Any]:
    return {
        "id": task.pk,
        "userId": jsonable(task.user_id),
        "status": end_of(task),
        "comment": (task.result or {}).get(DATA, {}).get(COMMENT, ""),
        "updatedAt": jsonable(task.decided_at),
    }


def _comment(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_COMMENT or jsonable(value) != value:
        raise Invalid(
            _("The comment is a text of at most %d characters, without NUL.") % LONGEST_COMMENT, field="comment"
        )
    return value


def names_of(users: list[Any]) -> dict[Any, Any]:
    model = get_user_model()
    rows = model._base_manager.using(engine_alias()).filter(pk__in=users)
    return dict(rows.values_list("pk", model.USERNAME_FIELD))


def earlier_approvals(node: GraphNode) -> list[GraphNode]:
    """Those up the lines that lead to the node, the nearest first."""
    found: list[GraphNode] = []
    above = node.upstream
    while above is not None:
        if isinstance(above.instruction, Approval):
            found.append(above)
        above = above.upstream
    return found
