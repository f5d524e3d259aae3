"""Totals of runs are exact after each step of whatever three writers and the ticks do."""

from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from executions.models import Execution
from executions.store import counts
from tests.executions.counting import VERSIONS, check, delete, keep, next_bucket, opened, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

WRITERS = ["w0", "w1", "w2"]
writers = st.sampled_from(WRITERS)


class Histories(RuleBasedStateMachine):
    """Three writers insert, delete, commit and roll back as they like while ticks count; all see their own truth."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE executions_execution RESTART IDENTITY")
        self.open, self.turn = ExitStack(), 0
        for alias in WRITERS:
            self.open.enter_context(opened(alias))

    @rule(target=ids, alias=writers, number=st.integers(1, 3), version=st.sampled_from(VERSIONS))
    def insert(self, alias: str, number: int, version: tuple[int, str]) -> Any:
        return multiple(*write(number, version, alias=alias))

    @rule(alias=writers, which=st.lists(ids, max_size=4))
    def delete(self, alias: str, which: list[int]) -> None:
        # None that another writer holds: it would be waited for.
        free = Execution.objects.using(alias).filter(pk__in=which).select_for_update(skip_locked=True)
        delete(*free.values_list("pk", flat=True), alias=alias)

    @rule(alias=writers)
    def commit(self, alias: str) -> None:
        connections[alias].commit()

    @rule(alias=writers)
    def roll_back(self, alias: str) -> None:
        connections[alias].rollback()

    @rule(target=ids, version=st.sampled_from(VERSIONS))
    def jump(self, version: tuple[int, str]) -> Any:
        """All buckets before are to be counted as soon as no writer is in the way."""
        next_bucket()
        return multiple(*write(1, version))

    @rule(seconds=st.sampled_from([0, 5]))
    def tick(self, seconds: int) -> None:
        counts.keep(seconds=seconds)

    @invariant()
    def exact(self) -> None:
        check()
        # One of those with something of their own, each in its turn.
        self.turn = (self.turn + 1) % len(WRITERS)
        check(WRITERS[self.turn])

    def teardown(self) -> None:
        self.open.close()
        check()
        keep()
        check()


def test_totals_are_exact_whatever_happens():
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Making a failure small takes minutes here.
            phases=[Phase.reuse, Phase.generate],
        ),
    )
