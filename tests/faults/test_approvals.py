"""Answers to approvals come whole or not at all, and one after the other."""

import pytest
from django.contrib.auth import get_user_model

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import start
from executions.inbox.approving import add_signers, approve, reject
from executions.models import Execution, Task
from tests.building import build
from workflows.errors import Refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]


@pytest.fixture
def people():
    return [get_user_model().objects.create(username=name) for name in ("ada", "bob", "cid")]


def asking(people, **config):
    step = ("approval", {"assignees": [person.pk for person in people], "addSigners": True, **config})
    return start(build([step, ("output", {"value": "{{$jobsMapByNodeKey.n1.status}}"})]), {"data": {}})


def task_of(person):
    return Task.objects.get(user=person)


def ended(execution):
    execution.refresh_from_db()
    return execution.status


@pytest.mark.parametrize("side", ["before", "after"])
def test_the_answer_the_row_and_the_next_task_are_one_commit(people, work, settle, spawn, side):
    row = Customer.objects.create(name="as it was")
    form = {"type": "update", "collection": "shop.Customer", "filter": {"id": row.pk}, "schema": ["name"]}
    execution = asking(people[:2], order="sequential", agreement="countersign", form=form)
    work()
    first = task_of(people[0])
    assert spawn("tests.faults.approver", first.pk, people[0].pk, side).wait(60) == -9
    done = side == "after"
    first.refresh_from_db()
    row.refresh_from_db()
    assert (first.status, row.name) == ((1, "changed") if done else (0, "as it was"))
    assert Task.objects.filter(user=people[1]).exists() == done
    if not done:
        approve(first.pk, by=people[0])
    approve(task_of(people[1]).pk, by=people[1])
    settle()
    assert ended(execution) == 1


@pytest.mark.parametrize("time", range(3))
@pytest.mark.parametrize(("agreement", "taken"), [("anyone", 1), ("countersign", 3)])
def test_answers_at_one_moment(people, work, settle, threads, time, agreement, taken):
    execution = asking(people, agreement=agreement)
    work()
    tasks = [task_of(person).pk for person in people]
    answers = threads(*(lambda task=task, by=by: approve(task, by=by) for task, by in zip(tasks, people, strict=True)))
    settle()
    assert ended(execution) == 1
    assert sorted(isinstance(answer, Task) for answer in answers) == [False] * (3 - taken) + [True] * taken
    assert all(isinstance(answer, Task | Refused) for answer in answers), answers
    assert Task.objects.filter(status=1).count() == taken
    assert execution.jobs.count() == 2


@pytest.mark.parametrize("time", range(3))
def test_an_answer_while_the_run_is_cancelled(people, work, settle, threads, time):
    execution = asking(people[:1])
    work()
    task = task_of(people[0])
    threads(lambda: reject(task.pk, by=people[0]), lambda: operations.cancel(execution.pk))
    settle()
    task.refresh_from_db()
    assert (ended(execution), task.status) in [(-5, -5), (-3, -3)]


@pytest.mark.parametrize("time", range(3))
def test_signers_are_added_at_one_moment(people, work, settle, threads, time):
    """Both name the same person, who is asked once."""
    execution = asking(people[:2], agreement="countersign")
    work()
    pks = [task_of(person).pk for person in people[:2]]
    cid = people[2].pk
    answers = threads(
        *(lambda pk=pk, by=by: add_signers(pk, cid, by=by, order=-1) for pk, by in zip(pks, people, strict=False))
    )
    assert sum(isinstance(answer, Task) for answer in answers) == 1, answers
    approve(task_of(people[2]).pk, by=people[2])
    for person in people[:2]:
        approve(task_of(person).pk, by=person)
    settle()
    assert ended(execution) == 1
    assert Execution.objects.count() == 1
