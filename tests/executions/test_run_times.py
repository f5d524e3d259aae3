"""What time it is in a run, and where its days begin: the engine's clock and the workflow's zone."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone

from config.shop.models import Customer, Order
from executions.dispatcher import run_now, start
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.processor import Processor
from executions.store.memory import FakeClock, MemoryStore
from executions.testing import simulate
from tests.building import build
from tests.executions.walking import Walk, delay, graph_of
from tests.faults import kinds
from workflows import timing
from workflows.errors import Invalid
from workflows.expressions import compile_expression, system_scope
from workflows.filters import to_q
from workflows.instructions.base import Outcome
from workflows.models import Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
#: UTC+14 all year: at any moment its day is not that of UTC-11.
EARLY, LATE = "Pacific/Kiritimati", "Pacific/Pago_Pago"
HOUR = ("calculation", {"engine": "math.js", "expression": "hour('2026-01-01T12:00:00Z')"})


def calculation(expression: str) -> tuple[str, dict[str, Any]]:
    return ("calculation", {"engine": "math.js", "expression": expression})


@pytest.fixture
def acts():
    with kinds.known() as known:
        yield known


# -- the clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "at_first", "an_hour_later"),
    [
        (("output", {"value": "{{$system.now}}"}), "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
        (calculation("timestamp(now())"), 1_767_225_600_000, 1_767_229_200_000),
        (calculation("hour(now())"), 0, 1),
        (calculation("today()"), "2026-01-01", "2026-01-01"),
        (("output", {"value": "{{$system.dateRange.today}}"}), "2026-01-01+00:00", "2026-01-01+00:00"),
    ],
)
def test_every_now_is_the_clock_of_the_run(step, at_first, an_hour_later):
    walk = Walk([step, delay(3600), step]).settle()
    assert walk.job("n1").result == at_first
    walk.later(3600)
    assert walk.job("n3").result == an_hour_later


def test_filters_of_a_run_read_its_clock():
    clock = FakeClock(START + timedelta(hours=5))
    with timing.keeping(clock, UTC):
        query = str(to_q(Order, {"placed_at": {"$dateOn": {"type": "today"}}}))
    assert "2026, 1, 1, 0, 0" in query
    assert "2026, 1, 2, 0, 0" in query


def test_outside_of_runs_the_host_tells_the_time():
    before = datetime.now(UTC)
    assert before <= compile_expression("math.js", "now()").evaluate({}) <= datetime.now(UTC)
    assert before <= system_scope()["now"] <= datetime.now(UTC)


# -- the zone ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "hour"), [("", 12), ("Asia/Tokyo", 21), ("America/New_York", 7)])
def test_days_and_hours_are_those_of_the_workflow(zone, hour):
    simulation = simulate(build([HOUR], time_zone=zone))
    assert simulation.result("n1") == hour


@pytest.mark.django_db
def test_a_blank_zone_is_the_projects_whatever_the_caller_activated(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    workflow = build([HOUR])
    with timezone.override("America/New_York"):
        assert simulate(workflow).result("n1") == 21
        assert timezone.get_current_timezone_name() == "America/New_York"


@pytest.mark.django_db
def test_an_unknown_zone_is_an_error_that_names_it():
    workflow = build([HOUR])
    Workflow.objects.filter(pk=workflow.pk).update(time_zone="Mars/Olympus")
    workflow.refresh_from_db()
    with pytest.raises(Invalid, match="Mars/Olympus") as caught:
        simulate(workflow)
    assert caught.value.field == "time_zone"


@pytest.mark.django_db(transaction=True)
def test_a_run_of_an_unknown_zone_ends_with_that_sentence_and_the_others_go_on():
    broken, sound = build([HOUR]), build([HOUR])
    Workflow.objects.filter(pk=broken.pk).update(time_zone="Mars/Olympus")
    first, second = start(broken, {}), start(sound, {})
    drain_all()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (-2, 1)
    assert "Mars/Olympus" in first.error


@pytest.mark.django_db(transaction=True)
def test_runs_of_several_zones_in_one_batch():
    zones = {"": 12, "Asia/Tokyo": 21, "America/New_York": 7}
    runs = [(start(build([HOUR], time_zone=zone), {}), hour) for zone, hour in zones.items()]
    again = [(start(Workflow.objects.get(pk=run.workflow_id), {}), hour) for run, hour in reversed(runs)]
    drain_all()
    for run, hour in runs + again:
        assert Job.objects.get(execution=run).result == hour
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("zone", "found"), [(EARLY, 1), (LATE, 0)])
def test_days_of_filters_are_those_of_the_workflow(zone, found):
    order = Order.objects.create(number="1", customer=Customer.objects.create(name="Ada"))
    Order.objects.filter(pk=order.pk).update(placed_at=datetime(2026, 1, 1, 12, tzinfo=UTC))
    # On Kiritimati that was January 2nd already.
    filter = {"placed_at": {"$dateOn": "2026-01-02"}}
    config = {"collection": "shop.Order", "aggregator": "count", "params": {"field": "id", "filter": filter}}
    run = start(build([("aggregate", config)], time_zone=zone), {})
    drain_all()
    assert Job.objects.get(execution=run).result == found


@pytest.mark.django_db(transaction=True)
def test_a_sync_run_gives_its_caller_his_zone_back(acts):
    seen = []
    acts["look"] = lambda step: Outcome(result=seen.append(timezone.get_current_timezone_name()))
    steps = [("t-call", {"act": "look"}), ("t-do", {"act": "look"}), ("t-write", {"act": "look"})]
    workflow = build(steps, time_zone="Asia/Tokyo", sync=True)
    with timezone.override("America/New_York"):
        execution = run_now(workflow, {})
        assert timezone.get_current_timezone_name() == "America/New_York"
    assert execution.status == 1, execution.error
    assert seen == ["Asia/Tokyo"] * 3
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.django_db(transaction=True)
def test_performers_know_the_clock_and_the_zone_in_their_threads(acts):
    acts["look"] = lambda step: Outcome(result=[timing.now(), timezone.get_current_timezone_name()])
    run = start(build([("t-call", {"act": "look"})], time_zone="Asia/Tokyo"), {})
    drain_all()
    job = Job.objects.get(execution=run)
    moment, zone = job.result
    assert zone == "Asia/Tokyo"
    # The end is read off the database's clock anew, which counts whole milliseconds on SQLite.
    ended = Execution.objects.get(pk=run.pk).ended_at + timedelta(milliseconds=1)
    assert job.started_at <= datetime.fromisoformat(moment) <= ended


def test_each_thread_has_its_own():
    clock = FakeClock(START)
    seen = []
    with timing.keeping(clock, timezone.get_fixed_timezone(60)):
        thread = Thread(target=lambda: seen.append((timing.now(), timezone.get_current_timezone_name())))
        thread.start()
        thread.join()
    assert seen[0][0] > START
    assert seen[0][1] == "UTC"


def test_what_fails_inside_gives_both_back_too(acts):
    def leave(step):
        raise KeyboardInterrupt

    acts["leave"] = leave
    graph = graph_of([("t-do", {"act": "leave"})])
    graph.time_zone = "Asia/Tokyo"
    store = MemoryStore()
    pk = store.add(graph, {})
    with store.segment():
        [run] = store.claim_one(pk)
        run.graph = graph
        processor = Processor(run, store.clock, savepoint=lambda writes: nullcontext(), transient=lambda error: False)
        with pytest.raises(KeyboardInterrupt):
            processor.advance()
    assert timezone.get_current_timezone_name() == "UTC"
    assert timing.now() > START
