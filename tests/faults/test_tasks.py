"""Tasks of people under faults: none is lost, none comes twice, none is answered twice."""

import threading
import time

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from config.shop.models import Customer
from executions import operations
from executions.dispatcher import start
from executions.inbox.submitting import submit
from executions.models import Execution, Job, Task
from executions.store import claims, session
from tests.building import build
from workflows.errors import Busy, Refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

FORM = {"type": "create", "collection": "shop.Customer", "schema": ["name"], "actions": [{"key": "ok", "status": 1}]}
ANSWER = {"f": {"name": "Kay"}, "_": "ok"}
OUTPUT = ("output", {"value": "{{$jobsMapByNodeKey.n2}}"})
#: More than the run has before it waits.
COMMITS = 4


@pytest.fixture
def people():
    return [get_user_model().objects.create(username=name) for name in ("ada", "bob")]


def asked(people, **config):
    steps = [
        ("cc", {"users": [people[0].pk]}),
        ("manual", {"assignees": [person.pk for person in people], "forms": {"f": FORM}, **config}),
        OUTPUT,
    ]
    return start(build(steps), {})


def standing(execution):
    rows = Task.objects.filter(execution=execution).order_by("type", "user", "id")
    return list(rows.values_list("type", "user__username", "status"))


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_kill_at_any_commit_asks_each_person_once(people, victim, work, side, commit):
    execution = asked(people)
    code = victim(side, commit, "--seconds", "2")
    if commit == 1:
        assert code == -9, "The worker was to die at its first commit."
    until = time.monotonic() + 20
    # What the dead worker held is looked at again in a moment.
    while not Job.objects.filter(execution=execution, status=0).exists() and time.monotonic() < until:
        work()
        time.sleep(0.05)
    assert standing(execution) == [("cc", "ada", 0), ("manual", "ada", 0), ("manual", "bob", 0)]
    assert Job.objects.filter(execution=execution, status=0).count() == 1


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_after_an_answer_keeps_the_answer(people, victim, work, settle, side):
    execution = asked(people)
    work()
    submit(Task.objects.get(user=people[0], type="manual").pk, ANSWER, by=people[0])
    victim(side, 1)
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, {**ANSWER})
    assert standing(execution) == [("cc", "ada", 0), ("manual", "ada", 1), ("manual", "bob", -3)]
    assert Customer.objects.count() == 1


def test_case_211_of_two_answers_at_once_one_counts(people, threads, work, settle):
    execution = asked(people)
    work()

    def answer(person):
        submit(Task.objects.get(user=person, type="manual").pk, ANSWER, by=person)

    errors = threads(lambda: answer(people[0]), lambda: answer(people[1]))
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, Refused | Busy) for error in errors if error is not None), errors
    settle()
    execution.refresh_from_db()
    assert execution.status == 1
    assert Customer.objects.count() == 1
    assert sorted(status for kind, _, status in standing(execution) if kind == "manual") == [-3, 1]


def test_case_211_the_same_answer_twice_at_once_counts_once(people, threads, work):
    asked(people)
    work()
    task = Task.objects.get(user=people[0], type="manual")
    answers = threads(*[lambda: submit(task.pk, ANSWER, by=people[0])] * 3)
    assert sum(isinstance(answer, Task) for answer in answers) == 1, answers
    assert sum(isinstance(answer, Refused | Busy) for answer in answers) == 2, answers
    assert Customer.objects.count() == 1


def test_answers_of_all_are_all_counted(people, threads, work, settle):
    """Each reads what the others did under the run's lock: none overwrites another's share."""
    execution = asked(people, mode=1)
    work()

    def answer(person):
        submit(Task.objects.get(user=person, type="manual").pk, ANSWER, by=person)

    assert threads(lambda: answer(people[0]), lambda: answer(people[1])) == [None, None]
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output, Customer.objects.count()) == (1, 1, 2)


def test_an_answer_races_a_cancel(people, threads, work, settle):
    execution = asked(people)
    work()
    task = Task.objects.get(user=people[0], type="manual")
    answered, canceled = threads(lambda: submit(task.pk, ANSWER, by=people[0]), lambda: operations.cancel(execution.pk))
    settle()
    execution.refresh_from_db()
    task.refresh_from_db()
    rows = Customer.objects.count()
    if isinstance(answered, Task):
        assert (task.status, rows) == (1, 1)
        assert isinstance(canceled, Execution) or execution.status == 1, canceled
    else:
        assert isinstance(answered, Refused | Busy), answered
        assert (task.status, rows, execution.status) == (-3, 0, -3)
    assert not Task.objects.asking().filter(status=0).exists()


@pytest.mark.postgres
def test_a_worker_that_holds_the_run_is_busy(people, work):
    execution = asked(people)
    work()
    held, free = threading.Event(), threading.Event()

    def hold():
        with session.segment():
            claims.claim_one(execution.pk)
            held.set()
            free.wait(10)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    try:
        with pytest.raises(Busy):
            submit(Task.objects.get(user=people[0], type="manual").pk, ANSWER, by=people[0])
    finally:
        free.set()
        holder.join()
    assert Customer.objects.count() == 0
    assert Execution.objects.get(pk=execution.pk).status == 0
