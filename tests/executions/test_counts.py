"""Totals of runs: exact at any moment, whoever writes, deletes, counts or dies meanwhile."""

import threading
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from executions import clock
from executions.models import CountsMark, Execution, RunCount
from executions.store import counts
from tests.executions.counting import VERSIONS, check, counted_up_to, delete, keep, next_bucket, opened, write
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.people import person
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def kept(rows: Any) -> bool:
    """Whether their total comes from the counts; it is exact in any case."""
    with CaptureQueriesContext(connection) as queries:
        assert counts.total(rows) == rows.count()
    return any("executions_runcount" in query["sql"] for query in queries)


@pytest.fixture
def other() -> Iterator[str]:
    with opened("other") as alias:
        yield alias


@pytest.fixture
def counted() -> list[int]:
    """Runs of which all but the last one are in the counts."""
    ids = [*write(3), *write(2, VERSIONS[1]), *write(2, VERSIONS[2])]
    next_bucket()
    ids += write()
    keep()
    assert counted_up_to() == ids[-1]
    return ids


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param({}, id="all"),
        pytest.param({"key": "a"}, id="a workflow"),
        pytest.param({"workflow_id": 2}, id="a version"),
        pytest.param({"workflow": 1}, id="a version, by its link"),
        pytest.param({"key": "a", "workflow_id": 1}, id="both"),
        pytest.param({"key": "a", "workflow_id": 3}, id="both, of nothing"),
        pytest.param({"key": "nothing"}, id="nothing"),
        pytest.param({"key__in": Workflow.objects.filter(title="x").values("key")}, id="those that one may see"),
    ],
)
def test_what_is_counted(counted, conditions):
    Workflow.objects.create(key="a", title="x", type="manual")
    assert kept(Execution.objects.filter(**conditions))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(lambda runs: runs.filter(key="a", status=None), id="a status besides"),
        pytest.param(lambda runs: runs.exclude(key="a"), id="others"),
        pytest.param(lambda runs: runs.filter(Q(key="a") | Q(workflow_id=3)), id="either"),
        pytest.param(lambda runs: runs.filter(key="a").filter(key="b"), id="one column twice"),
        pytest.param(lambda runs: runs.filter(key__gte="a"), id="a range"),
        pytest.param(lambda runs: runs.filter(workflow_id=None), id="no workflow"),
        pytest.param(lambda runs: runs.filter(workflow_id=0), id="no workflow there is"),
        pytest.param(lambda runs: runs.filter(parent_execution__key="a"), id="its parent's"),
        pytest.param(lambda runs: runs.filter(key="a").distinct(), id="distinct"),
        pytest.param(lambda runs: runs.filter(key="a").union(runs.filter(key="b")), id="a union"),
        pytest.param(lambda runs: runs.none(), id="none"),
        pytest.param(lambda _runs: Workflow.objects.filter(key="a"), id="other rows"),
    ],
)
def test_all_else_is_counted_as_it_stands(counted, rows):
    write(version=(None, "a"))
    assert not kept(rows(Execution.objects.all()))


def test_nothing_is_counted_yet(django_assert_num_queries):
    write(3)
    with django_assert_num_queries(1):
        assert counts.total(Execution.objects.all()) == 3
    CountsMark.objects.all().delete()
    check()
    keep()
    assert CountsMark.objects.exists()


def test_a_run_that_may_still_be_committed_is_waited_for(other):
    write(alias=other)
    next_bucket()
    write()
    keep()
    assert counted_up_to() == 0
    check()
    connections[other].commit()
    check()
    keep()
    assert counted_up_to() > 0
    check()


def test_who_writes_since_then_or_only_reads_is_not_waited_for(other):
    with opened("reader") as reader:
        Execution.objects.using(reader).count()
        write(alias=other)
        next_bucket()
        write()
        keep()
        connections[other].commit()
        write(alias=other)
        keep()
    assert counted_up_to() > 0
    connections[other].commit()
    check()


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("which", [0, -1], ids=["counted", "not counted yet"])
def test_a_deletion_counts_from_its_commit_on(counted, other, which, end):
    delete(counted[which], alias=other)
    check()
    check(other)
    next_bucket()
    write()
    keep()
    check()
    getattr(connections[other], end)()
    check()
    keep()
    check()


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deletion_under_way_while_its_bucket_is_counted(other, end):
    first, *_rest = write(3)
    next_bucket()
    write()
    keep()
    CountsMark.objects.update(bucket=0)
    RunCount.objects.all().delete()
    delete(first, alias=other)
    # It writes as well: what was noted before is counted.
    CountsMark.objects.update(until=1, writers=[])
    keep()
    assert counted_up_to() > 0
    check()
    getattr(connections[other], end)()
    check()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM public.executions_execution", id="all"),
        pytest.param("DELETE FROM public.executions_execution WHERE key = 'a'", id="many"),
        pytest.param("DELETE FROM public.executions_execution WHERE id < 0", id="none"),
        pytest.param("TRUNCATE public.executions_execution", id="truncated"),
        pytest.param("TRUNCATE public.executions_execution RESTART IDENTITY", id="ids from 1 on"),
    ],
)
def test_no_deletion_is_missed_whatever_path_is_searched(counted, statement):
    with connection.cursor() as cursor:
        cursor.execute("SET search_path TO pg_catalog")
        try:
            cursor.execute(statement)
        finally:
            cursor.execute("RESET search_path")
    check()
    write(2)
    next_bucket()
    write()
    check()
    keep()
    check()


def test_parts_are_merged_and_what_came_to_nothing_goes(counted):
    delete(counted[0], *counted[5:7])
    keep()
    assert sorted(RunCount.objects.values_list("workflow_id", "bucket", "n")) == [(1, -1, 2), (2, -1, 2)]
    check()


def test_a_long_history_is_counted_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(counts, "CHUNK", 1_000)
    monkeypatch.setattr(counts, "ROWS", 2)
    write(5_000)
    more, seen = True, set()
    while more:
        more = counts.keep(seconds=0)
        seen.add(counted_up_to())
        check()
    assert len(seen) > 4


@pytest.mark.parametrize(("slice", "again"), [(60.0, False), (0.0, True)])
def test_ticks_do_it_and_go_on_with_what_takes_longer(monkeypatch, slice, again):
    monkeypatch.setattr(clock, "COUNTS_SLICE", slice)
    write(3)
    next_bucket()
    write()
    housekeeping = clock.Housekeeping()
    housekeeping._next_counts = 0.0
    housekeeping.run()
    assert counted_up_to() > 0
    assert (housekeeping._next_counts <= time.monotonic()) is again


@pytest.mark.parametrize("why", ["a cache of ids", "another isolation"])
def test_nothing_is_kept_where_it_could_be_wrong(monkeypatch, why):
    write()
    next_bucket()
    write()
    with connection.cursor() as cursor:
        if why == "a cache of ids":
            cursor.execute("ALTER SEQUENCE executions_execution_id_seq CACHE 10")
        else:
            cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        try:
            keep()
        finally:
            cursor.execute("ALTER SEQUENCE executions_execution_id_seq CACHE 1")
            cursor.execute("RESET default_transaction_isolation")
    assert counted_up_to() == 0


def test_who_counts_may_be_killed_at_it(other):
    write(3)
    next_bucket()
    write()
    connections[other].cursor().execute("LOCK TABLE executions_runcount IN SHARE MODE")
    died: list[bool] = []
    counting = threading.Thread(target=_count_and_die, args=[died])
    counting.start()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'WITH known AS%' AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 20
    with connection.cursor() as cursor:
        while counting.is_alive() and time.monotonic() < until:
            cursor.execute(kill)
            counting.join(0.02)
    connections[other].rollback()
    assert died == [True]
    assert counted_up_to() == 0
    check()
    keep()
    assert counted_up_to() > 0
    check()


def _count_and_die(died: list[bool]) -> None:
    try:
        counts.keep(seconds=5)
    except OperationalError:
        died.append(True)
    finally:
        connection.close()


def test_while_one_counts_nobody_else_does(counted, other):
    connections[other].cursor().execute("SELECT 1 FROM executions_countsmark FOR NO KEY UPDATE")
    next_bucket()
    write()
    began = time.monotonic()
    assert not counts.keep(seconds=5)
    assert time.monotonic() - began < 2
    assert counted_up_to() == counted[-1]


def test_runs_with_ids_of_their_own_are_counted_after_the_command(counted):
    delete(counted[0])
    [late] = write()
    Execution.objects.filter(pk=late).update(id=counted[0])
    assert counts.total(Execution.objects.all()) != Execution.objects.count()
    call_command("sluice_recount", stdout=StringIO())
    check()
    keep()
    assert counted_up_to() == counted[-1]
    check()


def test_the_newest_are_found_by_an_index(counted):
    write(3_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_execution")
        for conditions in ({"key": "a"}, {"workflow_id": 1}):
            with CaptureQueriesContext(connection) as queries:
                counts.total(Execution.objects.filter(**conditions))
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(f"EXPLAIN {queries[0]['sql']}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
            assert "on executions_execution" in plan
            assert "Index Cond" in plan
            assert "(id >= (executions_countsmark.bucket * 1000))" in plan
            assert "Parallel" not in plan


def only_a(user):
    return Q(key="a")


@pytest.mark.parametrize(("seen", "numbers"), [(None, [8, 6, 2, 4]), ("only_a", [6, 6, 0, 4])])
def test_pages_of_nocobase_have_it(counted, settings, seen, numbers):
    for _pk, key in VERSIONS[1:]:
        Workflow.objects.create(key=key, title=key, type="manual", current=True)
    settings.SLUICE = {"VISIBLE": f"{__name__}.{seen}"} if seen else {}
    client = NocoBase(person("executions.view_execution"))
    paths = [
        *(f"executions:list?filter={each}&sort=-id" for each in ("{}", '{"key":"a"}', '{"key":"b"}')),
        "workflows/1/executions:list",
    ]
    found = []
    for path in paths:
        with CaptureQueriesContext(connection) as queries:
            found.append(client("GET", path)["meta"]["count"])
        assert any("executions_runcount" in query["sql"] for query in queries)
    assert found == numbers
