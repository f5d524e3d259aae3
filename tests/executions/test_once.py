from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from executions import clock, once
from executions.models import EventKey, Execution
from executions.store.side import close_side
from tests.building import build
from workflows import tokens
from workflows.errors import Invalid, KeyReused
from workflows.models import RevokedToken

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})
CALLERS = 4


@pytest.fixture
def ann():
    return get_user_model().objects.create(username="ann")


@pytest.mark.parametrize("columns", [{}, {"sync": True}], ids=["async", "sync"])
@pytest.mark.parametrize("bodies", [1, 2], ids=["one-request", "two-requests"])
def test_of_many_at_once_one_begins_a_run(ann, columns, bodies):
    workflow, together = build([SUM], **columns), Barrier(CALLERS)

    def call(number):
        together.wait(30)
        try:
            asked = once.execute(workflow, {"a": number % bodies}, by=ann, key="k")
            return asked.execution.pk if asked.execution else None
        except KeyReused:
            return "reused"
        except once.Refused:
            # A synchronous run stands a moment after its key.
            return "soon"
        finally:
            close_side()
            connections.close_all()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = set(pool.map(call, range(CALLERS)))
    execution = Execution.objects.get()
    assert execution.context["a"] in range(bodies)
    assert execution.pk in answers
    assert answers <= {execution.pk, "soon", *(["reused"] if bodies == 2 else [])}
    assert ("reused" in answers) == (bodies == 2)
    assert EventKey.objects.count() == 2


def test_a_request_that_began_nothing_may_come_again(ann):
    workflow = build([SUM], sync=True, time_zone="Mars/Olympus")
    with pytest.raises(Invalid):
        once.execute(workflow, {}, by=ann, key="k")
    workflow.time_zone = ""
    workflow.save()
    first = once.execute(workflow, {}, by=ann, key="k")
    assert (first.execution.status, first.again) == (1, False)
    assert once.execute(workflow, {}, by=ann, key="k") == (first.execution, True)


def test_retention_forgets_tokens_that_have_expired(ann):
    tokens.revoke(tokens.read(tokens.sign_in(ann).access))
    clock.retain()
    assert RevokedToken.objects.count() == 2
    RevokedToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    clock.retain()
    assert not RevokedToken.objects.exists()
