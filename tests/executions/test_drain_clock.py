"""What is due within the millisecond that SQLite's clock shows is due."""

from datetime import timedelta

import pytest
from django.db import connection

from executions import start
from executions.models import Execution
from executions.store import session
from executions.testing import drain
from tests.building import build


@pytest.mark.django_db(transaction=True)
# Other databases' clocks count microseconds.
@pytest.mark.once
def test_a_drain_waits_for_the_rest_of_the_millisecond() -> None:
    execution = start(build([("delay", {"duration": 1, "unit": 86_400_000})]), {})
    assert execution is not None
    drain()
    nearly = session.database_now() + timedelta(microseconds=999 if connection.vendor == "sqlite" else 0)
    execution.jobs.update(due_at=nearly)
    Execution.objects.update(due_at=nearly)
    drain()
    execution.refresh_from_db()
    assert execution.status == 1
