"""Marked values are masked in rows as they are loaded to be shown, never as they are stored (`workflows.sensitivity`).

A run's values are masked where their own places are, and wherever else a text of the run repeats them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Left

from executions.models import Execution, Job, Task
from executions.naming import subject_of_run
from workflows import history, sensitivity
from workflows.actions import Action
from workflows.env import Masker
from workflows.models import Workflow
from workflows.sensitivity import CONTEXT, PERMISSION, RESULTS, Mark

#: What may hold values of a run, besides its context.
_RUN_COLUMNS = ("output", "error", "lane")
_TASK_COLUMNS = ("title", "result", "meta")
_JOB_COLUMNS = ("input", "result", "meta", "attempts")
#: Texts of the page of a run, cut by the database, with the columns behind them.
_CUT = {"shown_input": "input", "shown_result": "result", "shown_log": "log"}
#: Jobs of marked nodes whose results are looked for in other texts of their run.
_MOST_JOBS = 500


def cut(names: Iterable[str], most: int) -> dict[str, Left]:
    """Annotations of jobs: the first characters of these columns' texts, one more than `most` where there are more.

    Values may be megabytes: no more of them is loaded than is shown.
    """
    return {f"shown_{name}": Left(Cast(name, TextField()), most + 1) for name in names}


@dataclass
class Mask:
    """What is marked in one run, and the texts that it has there."""

    names: frozenset[str]
    marks: frozenset[Mark]
    context: Any = None
    texts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.learn(self.context)
        for mark in self.marks:
            if mark[0] == CONTEXT:
                self.texts.update(sensitivity.texts_at(self.context, mark[1:]))

    def learn(self, value: Any, node_key: str | None = None) -> None:
        """Takes the marked texts out of a value, of a result those that are marked of the node."""
        self.texts.update(sensitivity.texts_under(value, self.names))
        for mark in self.marks:
            if node_key is not None and mark[:2] == (RESULTS, node_key):
                self.texts.update(sensitivity.texts_at(value, mark[2:]))

    def masked(self, value: Any, *place: str) -> Any:
        """The value that stands at this place ("$context", or "$jobsMapByNodeKey" and a node's key) or at none."""
        for mark in self.marks:
            if place and mark[: len(place)] == place:
                value = sensitivity.hidden_at(value, mark[len(place) :])
        return Masker([*self.texts]).masked(sensitivity.hidden_names(value, self.names))

    def found(self, value: Any, *place: str) -> Any:
        """The value that a template finds at this place, which may lie inside of what is marked."""
        steps = tuple(step for step in place if not step.isdecimal())
        marked = [tuple(step for step in mark if not step.isdecimal()) for mark in self.marks]
        inside = any(steps[: len(mark)] == mark for mark in marked)
        return sensitivity.hidden_at(value, ()) if inside or self.names & {*steps} else self.masked(value, *place)


def reveal(execution_id: int, *, by: Any, reason: str | None = None, node_key: str | None = None) -> None:
    """Records that this person has the marked values of a run shown, of one job where a node is named."""
    subject = replace(subject_of_run(execution_id), node_key=node_key)
    history.record(Action.EXECUTION_REVEAL, subject, by=by, reason=reason)


def hide_runs(runs: Sequence[Execution], *, revealed: Collection[int] = ()) -> None:
    """Masks these loaded rows, but for those that were revealed. One query where nothing is marked."""
    shown = [run for run in runs if run.pk not in revealed and any(run.__dict__.get(name) for name in _ALL)]
    masks = masks_of({run.pk for run in shown})
    for run in shown:
        mask = masks.get(run.pk)
        if mask is None:
            continue
        known = run.__dict__
        if "context" in known:
            run.context = mask.masked(known["context"], CONTEXT)
        for name in _RUN_COLUMNS:
            if known.get(name):
                setattr(run, name, mask.masked(known[name]))


_ALL = ("context", *_RUN_COLUMNS)


def hide_jobs(jobs: Sequence[Job], *, revealed: Collection[int] = ()) -> None:
    """As `hide_runs`; rows without values cost nothing."""
    columns = (*_JOB_COLUMNS, "log", *_CUT)
    shown = [
        job for job in jobs if job.execution_id not in revealed and any(job.__dict__.get(name) for name in columns)
    ]
    masks = masks_of({job.execution_id for job in shown if job.execution_id is not None})
    if not masks:
        return
    whole = _whole([job for job in shown if job.execution_id in masks and _CUT.keys() & job.__dict__.keys()])
    mine = [(job, masks[job.execution_id]) for job in shown if job.execution_id in masks]
    for job, mask in mine:
        mask.learn(job.__dict__.get("input"))
        mask.learn(job.__dict__.get("result"), job.node_key)
        for row in whole.get(job.pk, {}).items():
            mask.learn(row[1], job.node_key if row[0] == "result" else None)
    for job, mask in mine:
        _hide_job(job, mask, whole.get(job.pk, {}))


def _hide_job(job: Job, mask: Mask, whole: dict[str, Any]) -> None:
    known = job.__dict__
    for name in _JOB_COLUMNS:
        if known.get(name) is not None:
            place = (RESULTS, job.node_key) if name == "result" else ()
            setattr(job, name, mask.masked(known[name], *place))
    if known.get("log"):
        job.log = mask.masked(known["log"])
    for name, column in _CUT.items():
        if known.get(name) is not None and column in whole:
            place = (RESULTS, job.node_key) if column == "result" else ()
            value = mask.masked(whole[column], *place)
            known[name] = value if column == "log" else json.dumps(value, ensure_ascii=False)


def _whole(jobs: Sequence[Job]) -> dict[int, dict[str, Any]]:
    """The columns behind texts that were cut: what is cut can't be read, and may end inside of what is marked."""
    if not jobs:
        return {}
    rows = Job.objects.filter(pk__in=[job.pk for job in jobs]).values("pk", *_CUT.values())
    return {row.pop("pk"): row for row in rows}


def hide_tasks(tasks: Sequence[Task], *, by: Any) -> None:
    """Masks loaded tasks of other people than `by`: who was asked may know."""
    others = [task for task in tasks if task.user_id != by.pk and task.execution_id is not None]
    masks = masks_of({task.execution_id for task in others if task.execution_id is not None})
    for task in others:
        mask = masks.get(task.execution_id or 0)
        for name in _TASK_COLUMNS if mask is not None else ():
            if task.__dict__.get(name):
                # What was answered is, or becomes, the result of its step.
                place = (RESULTS, task.node_key) if name == "result" else ()
                setattr(task, name, mask.masked(task.__dict__[name], *place))  # type: ignore[union-attr]


def searchable(tasks: QuerySet[Task], user: Any) -> QuerySet[Task]:
    """Those whose titles may be searched by this person: of others' a search could tell what is masked in them."""
    if user.has_perm(PERMISSION):
        return tasks
    if sensitivity.field_names():
        return tasks.filter(user=user.pk)
    marked = Workflow.objects.filter(options__has_key="sensitive").order_by().values("key")
    return tasks.filter(Q(user=user.pk) | ~Q(key__in=marked))


def kept(execution_id: int, value: Any, *, result_of: str | None = None) -> Any:
    """The value as the history may keep it, masked for good; `result_of` the node whose result it is."""
    mask = mask_of(execution_id)
    if mask is None:
        return value
    mask.learn(value, result_of)
    return mask.masked(value, *(() if result_of is None else (RESULTS, result_of)))


def mask_of(execution_id: int) -> Mask | None:
    """What is marked in a run; None where nothing is."""
    return masks_of({execution_id}).get(execution_id)


def masks_of(ids: Collection[int]) -> dict[int, Mask]:
    """By run, where something of it is marked."""
    if not ids:
        return {}
    names = sensitivity.field_names()
    runs = Execution.objects.filter(pk__in=ids)
    marks = sensitivity.marks_of(runs.order_by().values("key"))
    if not names and not marks:
        return {}
    found: dict[int, Mask] = {}
    keys: dict[int, str] = {}
    rows: Iterable[tuple[int, str, Any]] = runs.values_list("pk", "key", "context")
    for pk, key, context in rows if names else rows.filter(key__in=marks):  # type: ignore[attr-defined]
        found[pk], keys[pk] = Mask(names, marks.get(key, frozenset()), context), key
    learn_results(found)
    return found


def learn_results(
    masks: dict[int, Mask], read: "Callable[[QuerySet[Job, Any]], Iterable[tuple[Any, ...]]]" = iter
) -> None:
    """What marked nodes gave, which other texts of the run may repeat."""
    nodes: dict[str, set[int]] = defaultdict(set)
    for pk, mask in masks.items():
        for mark in mask.marks:
            if mark[0] == RESULTS:
                nodes[mark[1]].add(pk)
    if not nodes:
        return
    jobs = Job.objects.filter(execution__in=list(masks), node_key__in=list(nodes)).order_by("-id")
    for pk, key, result in read(jobs.values_list("execution", "node_key", "result")[:_MOST_JOBS]):
        if pk is not None:
            masks[pk].learn(result, key)
