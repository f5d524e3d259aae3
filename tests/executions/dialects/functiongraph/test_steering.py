"""Stop, retry, callback; also of retried runs by their first id."""

import pytest

from executions import start
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from tests.executions.rows import run
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/workflows/flow/executions"
HOUR = ("delay", {"duration": 3_600_000})
BROKEN = ("calculation", {"engine": "math.js", "expression": "{{$context.n}} + "})
FINE = ("calculation", {"engine": "math.js", "expression": "1 + 1"})


def waiting():
    found = start(build([HOUR, FINE], key="flow"), {})
    drain_all()
    return found


def failed():
    found = start(build([FINE, BROKEN], key="flow"), {})
    drain_all()
    return found


def of(client, found):
    return client.get(f"{RUNS}/{found.pk}")["status"]


@pytest.mark.parametrize("make", [waiting, lambda: start(build([HOUR], key="flow"), {})], ids=["waiting", "queued"])
def test_stop(graph, make):
    client, found = graph(), make()
    assert of(client, found) == "running"
    answer = client.raw("POST", f"{RUNS}/{found.pk}/terminate")
    assert (answer.status_code, answer.content) == (200, b"")
    found.refresh_from_db()
    assert (found.status, of(client, found)) == (-3, "cancel")
    entry = HistoryEntry.objects.get(action="execution.cancel")
    assert (entry.origin, entry.actor_id) == ("functiongraph", client.user.pk)
    assert client.refused("POST", f"{RUNS}/{found.pk}/terminate", status=400)[0] == "FSS.0400"


def test_retry(graph):
    client, found = graph(), failed()
    answer = client.raw("POST", f"{RUNS}/{found.pk}/retry")
    assert (answer.status_code, answer.content) == (200, b"")
    newest = Execution.objects.get(rerun_of=found)
    assert (newest.created_by_id, of(client, found)) == (client.user.pk, "running")
    # From the node that failed: what was done before it is not done again.
    drain_all()
    assert [each.node_key for each in Job.objects.filter(execution=newest).order_by("number")] == ["n1", "n2"]
    shown = client.get(f"{RUNS}/{found.pk}")
    assert (shown["execution_id"], shown["status"]) == (str(found.pk), "fail")
    assert [each["execution_id"] for each in client.get(RUNS)["executions"]] == [str(found.pk)]


def test_an_id_is_retried_again_and_again(graph):
    client, found = graph(), failed()
    for attempt in (2, 3, 4):
        client.post(f"{RUNS}/{found.pk}/retry")
        drain_all()
        assert max(Execution.objects.values_list("attempt", flat=True)) == attempt
    assert of(client, found) == "fail"


def test_a_retry_that_runs_is_not_retried(graph):
    client, found = graph(), failed()
    client.post(f"{RUNS}/{found.pk}/retry")
    assert client.refused("POST", f"{RUNS}/{found.pk}/retry", status=400)[0] == "FSS.0400"
    assert Execution.objects.count() == 2


def test_the_first_id_stops_the_newest_attempt(graph):
    client, found = graph(), failed()
    client.post(f"{RUNS}/{found.pk}/retry")
    client.post(f"{RUNS}/{found.pk}/terminate")
    assert list(Execution.objects.order_by("id").values_list("status", flat=True)) == [-2, -3]
    assert of(client, found) == "cancel"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(None, None), (0, None), (1, None), (-3, None), (-4, None), (-3, "timeout"), (-3, "manual_cancel")],
)
def test_only_failed_runs_are_retried(graph, status, reason):
    found = run(build([FINE], key="flow"), status=status, reason=reason)
    assert graph().refused("POST", f"{RUNS}/{found.pk}/retry", status=400)[0] == "FSS.0400"
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(("status", "reason"), [(-2, "crashed"), (-1, None), (-6, None), (-5, None)])
def test_where_no_node_failed_it_begins_at_the_start(graph, status, reason):
    found = run(build([FINE], key="flow"), status=status, reason=reason, context={})
    graph().post(f"{RUNS}/{found.pk}/retry")
    drain_all()
    assert Execution.objects.get(rerun_of=found).status == 1


def test_express_workflows_are_not_retried(graph):
    found = run(build([FINE], key="flow", sync=True), status=-1)
    assert graph().refused("POST", f"{RUNS}/{found.pk}/retry", status=400)[0] == "FSS.0400"


@pytest.mark.parametrize("what", ["terminate", "retry"])
def test_absent_ones(graph, what):
    build([], key="flow")
    other = run(build([], key="other"), status=-1)
    client = graph()
    for path in (
        f"{RUNS}/{other.pk}/{what}",
        f"{RUNS}/0/{what}",
        f"{RUNS}/x/{what}",
        f"/workflows/no/executions/1/{what}",
    ):
        assert client.refused("POST", path, status=404)[0] == "FSS.0404"


# Callbacks


def callback(client, found, state, body, **headers):
    given = {"x-workflow-run-id": str(getattr(found, "pk", found)), "x-workflow-state-id": state, **headers}
    return client.raw("POST", "/workflows/flow/callback", body, **{k: v for k, v in given.items() if v is not None})


@pytest.mark.parametrize(
    ("body", "status", "result"),
    [
        ({"result": "success", "output": {"a": 1}}, 1, {"a": 1}),
        ({"result": "success"}, 1, None),
        ({"result": "fail", "error": "It broke.", "output": 1}, -1, "It broke."),
        ({"result": "fail", "output": {"code": 5}}, -1, {"code": 5}),
    ],
)
def test_callback(graph, body, status, result):
    client, found = graph(), waiting()
    answer = callback(client, found, "n1", body)
    assert answer.json() == {"execution_id": str(found.pk)}
    job = Job.objects.get(execution=found, number=1)
    assert (job.status, job.result) == (status, result)
    drain_all()
    assert of(client, found) == ("success" if status == 1 else "fail")


def test_callback_by_the_nodes_id(graph):
    found = waiting()
    state = str(Job.objects.get(execution=found).node_id)
    assert callback(graph(), found, state, {"result": "success"}).status_code == 200


def test_callback_to_the_newest_attempt(graph):
    client, found = graph(), waiting()
    callback(client, found, "n1", {"result": "fail"})
    client.post(f"{RUNS}/{found.pk}/retry")
    drain_all()
    assert callback(client, found, "n1", {"result": "success"}).status_code == 200
    assert Execution.objects.get(rerun_of=found).jobs.get(number=1).status == 1


@pytest.mark.parametrize(
    ("state", "body", "headers", "status", "code"),
    [
        ("n1", {"result": "done"}, {}, 400, "FSS.0400"),
        ("n1", {}, {}, 400, "FSS.0400"),
        ("n1", {"result": ["fail"]}, {}, 400, "FSS.0400"),
        ("n1", {"result": "fail", "error": 1}, {}, 400, "FSS.0400"),
        ("n1", b"{", {}, 406, "FSS.0406"),
        ("n2", {"result": "success"}, {}, 404, "FSS.0404"),
        ("x" * 600, {"result": "success"}, {}, 404, "FSS.0404"),
        (None, {"result": "success"}, {}, 400, "FSS.0400"),
        ("n1", {"result": "success"}, {"x-workflow-run-id": None}, 400, "FSS.0400"),
        ("n1", {"result": "success"}, {"x-workflow-run-id": "x"}, 404, "FSS.0404"),
        ("n1", {"result": "success"}, {"x-workflow-run-id": "999999999"}, 404, "FSS.0404"),
    ],
)
def test_callbacks_that_mean_nothing(graph, state, body, headers, status, code):
    client, found = graph(), waiting()
    answer = callback(client, found, state, body, **headers)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert Job.objects.get().status == 0


def test_a_callback_that_was_not_signed_so(graph):
    """Its headers name what it is about."""
    client, found = graph(), waiting()
    client.forge = lambda sent: sent["headers"].update({"x-workflow-state-id": "n1"})
    assert callback(client, found, None, {"result": "success"}).status_code == 400
    assert Job.objects.get().status == 0


def test_a_callback_comes_once(graph):
    client, found = graph(), waiting()
    assert callback(client, found, "n1", {"result": "success"}).status_code == 200
    assert callback(client, found, "n1", {"result": "success"}).json()["error_code"] == "FSS.0400"


def test_who_is_told_that_a_worker_holds_the_run(graph, monkeypatch):
    from executions import operations
    from workflows.errors import Busy

    def busy(*_args, **_options):
        raise Busy("In a moment.")

    monkeypatch.setattr(operations, "cancel", busy)
    found = waiting()
    assert graph().refused("POST", f"{RUNS}/{found.pk}/terminate", status=429)[0] == "FSS.0429"
