"""Branches that call the world are under way at the same time; who comes too late for a decision moves nothing."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.shop.models import Customer
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.performers import attempt, begin, perform, record
from tests.building import build
from tests.faults import checker
from tests.northwind.workers import Worker, empty_redis
from tests.web import Server

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = ("delay", {"duration": 1, "unit": 3_600_000})


def call(name: str) -> tuple[str, dict[str, Any]]:
    return ("t-call", {"act": "give", "value": name})


def created(name: str) -> tuple[str, dict[str, Any]]:
    # A kind that a worker of its own process knows, too.
    return ("create", {"collection": "shop.Customer", "params": {"values": {"name": name}}})


class Slow(Server):
    """Counts the calls it has in hand. It answers /late when it is let go, and /first when it has three in hand."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._lock = threading.Lock()
        self.now = self.most = self.calls = 0
        self.three = threading.Event()
        self.let_go = threading.Event()

    def _answer(self, request: Any) -> None:
        with self._lock:
            self.now, self.calls = self.now + 1, self.calls + 1
            self.most = max(self.most, self.now)
            if self.now == 3:
                self.three.set()
        (self.let_go if request.path == "/late" else self.three).wait(60)
        with self._lock:
            self.now -= 1
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")


@pytest.fixture
def slow() -> Iterator[Slow]:
    server = Slow()
    yield server
    server.close()


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    # Requests may go to this very machine.
    monkeypatch.setenv("SLUICE", '{"REQUEST_ALLOW": ["127.0.0.1"]}')
    empty_redis()
    worker = Worker("calls@parallel", tmp_path / "worker.log")
    try:
        worker.wait_until_ready()
        yield worker
    finally:
        worker.stop()
        empty_redis()


def until(done: Any, worker: Worker) -> None:
    limit = time.monotonic() + 60
    while not done():
        assert time.monotonic() < limit, worker.log.read_text()
        time.sleep(0.05)


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.workers
def test_four_requests_are_under_way_at_once_on_a_worker(worker: Worker, slow: Slow) -> None:
    request = ("request", {"method": "GET", "url": f"{slow.url}/first", "timeout": 60_000})
    steps = [("parallel", {"mode": "all"}, {index: [request] for index in range(4)}), ("output", {"value": "done"})]
    execution = start(build(steps), {})
    until(lambda: Execution.objects.get(pk=execution.pk).ended_at, worker)
    execution.refresh_from_db()
    assert (execution.status, execution.output, slow.calls) == (1, "done", 4), execution.error
    # By the server's own count, which no busy machine can feign.
    assert slow.most >= 3
    assert checker.faults() == []


@pytest.mark.postgres
@pytest.mark.mariadb
@pytest.mark.workers
@pytest.mark.parametrize("mode", ["race", "any"])
def test_losers_that_come_late_are_recorded_and_move_nothing(worker: Worker, slow: Slow, mode: str) -> None:
    def request(path: str) -> tuple[Any, ...]:
        return ("request", {"method": "GET", "url": f"{slow.url}/{path}", "timeout": 60_000})

    loser = [request("late"), created("loser")]
    lines = {0: loser, 1: [request("first"), created("winner")], 2: loser}
    execution = start(build([("parallel", {"mode": mode}, lines), created("behind"), HOUR]), {})
    jobs = Job.objects.filter(execution=execution)
    until(lambda: Customer.objects.filter(name="behind").exists(), worker)
    slow.let_go.set()
    until(lambda: jobs.filter(node__type="request", status=1).count() == 3, worker)
    node = jobs.get(node_key="n1")
    assert (node.status, node.result) == (1, [None, 1, None])
    assert list(Customer.objects.order_by("pk").values_list("name", flat=True)) == ["winner", "behind"]
    # Each was recorded after the decision, and nothing followed.
    assert jobs.filter(node__type="request", ended_at__gt=node.ended_at).count() == 2
    assert Execution.objects.get(pk=execution.pk).status == 0


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "outcome", "status", "result"),
    [
        ("race", 1, 1, [1, None]),
        ("race", -1, -1, [-1, None]),
        ("any", 1, 1, [1, None]),
        ("all", -1, -1, [-1, None]),
    ],
)
def test_calls_not_yet_made_when_it_is_decided_are_never_made(mode, outcome, status, result) -> None:
    lines = {0: [("t-call", {"act": "give" if outcome > 0 else "fail"})], 1: [call("never"), created("loser")]}
    policy = {"onError": "continue"}
    execution = start(build([("parallel", {"mode": mode}, lines, policy), HOUR]), {})
    drain("sluice")
    first, second = Job.objects.filter(execution=execution, node__type="t-call").order_by("number")
    under_way = begin(execution.pk, first.pk)
    assert under_way is not None
    record(under_way, attempt(under_way))
    drain("sluice")
    node = Job.objects.get(execution=execution, node_key="n1")
    assert (node.status, node.result) == (status, result)
    assert perform("sluice") == 0
    second.refresh_from_db()
    assert (second.status, second.due_at, second.attempt) == (0, None, 0)
    assert not Customer.objects.exists()
    assert checker.faults() == []


@pytest.mark.engine
@pytest.mark.parametrize("mode", ["all", "allSettled"])
def test_a_call_under_way_that_others_outlive_is_waited_for(mode, settle) -> None:
    lines = {0: [call("a"), created("a")], 1: [call("b"), created("b")]}
    execution = start(build([("parallel", {"mode": mode}, lines), created("behind")]), {})
    settle()
    assert Execution.objects.get(pk=execution.pk).status == 1
    names = list(Customer.objects.order_by("pk").values_list("name", flat=True))
    assert (sorted(names[:2]), names[2]) == (["a", "b"], "behind")


@pytest.mark.engine
def test_what_still_waits_when_the_run_ends_wakes_nobody(acts) -> None:
    lines = {0: [("t-do", {"act": "wait"})], 1: [call("never")], 2: [HOUR], 3: [("t-do", {"act": "give"})]}
    execution = start(build([("parallel", {"mode": "race"}, lines)]), {})
    drain("sluice")
    execution.refresh_from_db()
    assert (execution.status, execution.due_at) == (1, None)
    left = Job.objects.filter(execution=execution, status=0)
    assert set(left.values_list("wait", "due_at")) == {(None, None)}
    assert left.count() == 3
    assert perform("sluice") == 0
