"""Two who act on one application at a time: exactly one of them wins."""

from functools import partial

import pytest

from config.shop.models import Customer
from executions.applications import starting
from executions.inbox.approving import approve, reject
from executions.models import Application, ApplicationStatus, Execution
from executions.testing import drain
from tests.executions.applications.applying import RESULT, apply, approval, fresh, person, taking, task
from workflows.errors import Busy, Refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

FORM = {"schema": ["name"]}


@pytest.fixture
def ann():
    return person("ann", "shop.add_customer")


def won(results):
    """Which of them did what it wanted; the others were refused."""
    assert all(isinstance(each, Refused | Busy) for each in results if isinstance(each, Exception)), results
    return [not isinstance(each, Exception) for each in results]


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("decide", [approve, reject])
def test_withdrawing_against_the_first_decision(ann, threads, timing, decide):
    bob = person("bob")
    person("cid")
    for number in range(2):
        steps = [approval("bob", "cid", agreement="countersign" if decide is approve else "anyone")]
        application = apply(taking(*steps, timing=timing, form=FORM), {"name": f"Tea {number}"}, ann)
        mine = task("bob")
        withdrawn, decided = won(
            threads(partial(starting.withdraw, application.pk, by=ann), partial(decide, mine.pk, by=bob))
        )
        assert sorted([withdrawn, decided]) == [False, True]
        status = fresh(application).status
        assert status == (ApplicationStatus.WITHDRAWN if withdrawn else ApplicationStatus.IN_PROGRESS)
        run = Execution.objects.get(pk=application.execution_id)
        assert run.status == (-3 if withdrawn else 0)


def test_withdrawing_against_the_only_decision(ann, threads):
    bob = person("bob")
    application = apply(taking(approval("bob"), timing="before", form=FORM), {"name": "Tea"}, ann)
    mine = task("bob")
    withdrawn, decided = won(
        threads(partial(starting.withdraw, application.pk, by=ann), partial(approve, mine.pk, by=bob))
    )
    assert sorted([withdrawn, decided]) == [False, True]
    assert Customer.objects.count() == (decided)
    assert fresh(application).status == (ApplicationStatus.APPROVED if decided else ApplicationStatus.WITHDRAWN)


def test_submitting_twice_at_once(ann, threads):
    person("bob")
    application = apply(taking(approval("bob"), form=FORM), {"name": "Tea"}, ann, submit=False)
    results = won(threads(*[partial(starting.change, application.pk, by=ann, submit=True)] * 3))
    assert results.count(True) == 1
    assert (Execution.objects.count(), Customer.objects.count(), fresh(application).round) == (1, 1, 1)


def test_workers_that_end_it_at_once_write_the_row_once(ann, threads):
    starting.create(taking(RESULT, timing="before", form=FORM).key, {"name": "a"}, by=ann)
    won(threads(drain, drain, drain))
    assert Customer.objects.count() == 1
    assert Application.objects.get().status == ApplicationStatus.APPROVED
