"""Pages by number read their ids from one index alone, whatever is asked for; retries at the same moment are one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from executions.dialects.functiongraph import query, runs
from executions.models import Execution
from executions.store.side import close_side
from tests.building import build
from tests.executions.rows import run

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = 5_000


@pytest.fixture
def flow():
    flow, now = build([], key="flow"), timezone.now()
    Execution.objects.bulk_create(
        Execution(
            workflow=flow, key=("flow", "other")[number % 2], title="", version=1, type="manual", queue="sluice",
            status=(1, 1, 1, 1, -1, 0, -3, None)[number // 2 % 8], context={"text": "x" * 500},
            created_at=now - timedelta(seconds=RUNS - number), updated_at=now,
        )
        for number in range(RUNS)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE executions_execution")
    return flow


@pytest.mark.postgres
@pytest.mark.parametrize("status", ["", "success", "fail", "running", "timeout", "cancel"])
@pytest.mark.parametrize("window", ["", "end_time=9999-01-01T00:00:00Z&start_time=2026-01-01T00:00:00Z"])
def test_one_index_has_all_that_ids_are_found_by(flow, status, window):
    asked = dict(pair.split("=") for pair in f"{window}&status={status}".strip("&").split("&"))
    found = runs._runs(flow, query.window(asked), query.status(asked))
    with connection.cursor() as cursor:
        # Of a few pages any way is quick; what is asked here is whether this one is open.
        cursor.execute("SET enable_seqscan = off")
        try:
            plan = found.values_list("pk", flat=True)[2_000:2_200].explain()
        finally:
            cursor.execute("RESET enable_seqscan")
    assert "Index Only Scan Backward using execution_key_created" in plan, plan
    assert "Sort" not in plan, plan


def test_clients_that_retry_at_once_begin_one_attempt(graph):
    steps = [("calculation", {"engine": "math.js", "expression": "1"})]
    found = run(build(steps, key="flow"), status=-1, context={})
    client = graph()

    def retry(_number):
        try:
            return client.raw("POST", f"/workflows/flow/executions/{found.pk}/retry").status_code
        finally:
            close_side()
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(retry, range(4)))
    assert answers == [200, 400, 400, 400]
    assert Execution.objects.filter(rerun_of=found.pk).count() == 1
