"""One run with its nodes: their order, values, errors, what is cut and what is masked."""

import pytest

from executions import start
from executions.drain import drain_all
from executions.models import Execution
from tests.building import build
from tests.executions.rows import job, run

pytestmark = pytest.mark.django_db(transaction=True)

CALCULATION = ("calculation", {"engine": "math.js", "expression": "6 * {{$context.n}}"})
FULL = "x-get-workflow-full-history-data"


def show(client, found, **headers):
    return client.get(f"/workflows/flow/executions/{found.pk}", **headers)


def test_a_run_with_its_nodes(graph):
    build([CALCULATION, ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], key="flow", name="sum")
    found = start("sum", {"n": 7})
    drain_all()
    shown = show(graph(), found)
    assert (shown["status"], shown["headers"], shown["input"], shown["output"]) == ("success", {}, {"n": 7}, 42)
    first, second = shown["node_execution_details"]
    assert (first["node_id"], first["node_name"], second["node_id"]) == ("n1", "calculation", "n2")
    [execution] = first["executions"]
    assert execution["request_id"] == first["execution_id"]
    assert isinstance(execution["begin_time"], int)
    assert execution["begin_time"] <= execution["end_time"]
    assert {name: execution[name] for name in ("status", "output", "error_message")} == {
        "status": "success", "output": 42, "error_message": None,
    }  # fmt: skip


def test_a_failed_node_says_why(graph):
    build([("calculation", {"engine": "math.js", "expression": "1 +"})], key="flow", name="broken")
    found = start("broken", {})
    drain_all()
    shown = show(graph(), found)
    [execution] = shown["node_execution_details"][0]["executions"]
    assert (shown["status"], execution["status"]) == ("fail", "fail")
    assert execution["error_message"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [(0, "running"), (1, "success"), (2, "success"), (-1, "fail"), (-2, "fail"), (-3, "cancel"), (-4, "cancel"),
     (-5, "fail"), (-6, "fail"), (-9, "fail")],
)  # fmt: skip
def test_statuses_of_jobs(graph, status, shown):
    found = run(build([CALCULATION], key="flow"), status=0, ended_at=None)
    job(found, status=status, ended_at=None)
    [node] = show(graph(), found)["node_execution_details"]
    assert node["executions"][0]["status"] == shown


def test_what_still_waited_when_the_run_ended_runs_no_more(graph):
    found = run(build([CALCULATION], key="flow"), status=-1)
    job(found, status=0, ended_at=None)
    [node] = show(graph(), found)["node_execution_details"]
    ended = int(found.ended_at.timestamp() * 1000)
    assert (node["executions"][0]["status"], node["executions"][0]["end_time"]) == ("cancel", ended)


def test_a_node_that_fails_without_a_word_says_what_its_run_says(graph):
    steps = [("parallel", {}, {0: [("calculation", {"engine": "math.js", "expression": "unknown"})]})]
    build(steps, key="flow", sync=True)
    client = graph()
    answer = client.post("/workflows/flow/sync-executions", {"input": {}})
    assert {error["error_message"].partition(";")[0] for error in answer["errors"]} == {"Unknown name unknown"}
    nodes = show(client, Execution.objects.get())["node_execution_details"]
    assert {each["executions"][0]["error_message"].partition(";")[0] for each in nodes} == {"Unknown name unknown"}


def test_jobs_of_one_node_stand_under_it(graph):
    found = run(build([CALCULATION], key="flow"))
    rows = [job(found, number, result=number) for number in (1, 2, 3)]
    other = job(found, 4, node_key="gone")
    first, second = show(graph(), found)["node_execution_details"]
    assert [each["output"] for each in first["executions"]] == [1, 2, 3]
    assert first["execution_id"] == str(rows[-1].pk)
    assert (second["node_name"], second["execution_id"]) == ("gone", str(other.pk))


def test_long_values_are_cut_unless_all_is_asked_for(graph):
    found = run(build([CALCULATION], key="flow"), output={"text": "y" * 20_000})
    job(found, result={"text": "x" * 20_000}, input={"short": 1})
    client = graph()
    [execution] = show(client, found)["node_execution_details"][0]["executions"]
    assert execution["output"].startswith('{"text": "xxx')
    assert len(execution["output"]) < 10_100
    assert execution["input"] == {"short": 1}
    for value in ("True", "true"):
        whole = show(client, found, **{FULL: value})
        assert whole["node_execution_details"][0]["executions"][0]["output"] == {"text": "x" * 20_000}
    assert show(client, found, **{FULL: "False"})["node_execution_details"][0]["executions"] == [execution]


def test_what_was_not_signed_asks_for_nothing(graph):
    found = run(build([CALCULATION], key="flow"))
    job(found, result={"text": "x" * 20_000})
    client = graph()
    client.forge = lambda sent: sent["headers"].update({FULL: "True"})
    assert isinstance(show(client, found)["node_execution_details"][0]["executions"][0]["output"], str)


def test_of_very_many_jobs_the_youngest(graph):
    from executions.dialects.functiongraph import details

    found = run(build([CALCULATION], key="flow"))
    for number in range(1, 5):
        job(found, number, result=number)
    most, details.MOST_JOBS = details.MOST_JOBS, 2
    try:
        [node] = show(graph(), found)["node_execution_details"]
    finally:
        details.MOST_JOBS = most
    assert [each["output"] for each in node["executions"]] == [3, 4]


@pytest.mark.parametrize("full", ["True", "False"])
def test_marked_values_stay_masked(graph, full):
    marks = ["$context.card", "$jobsMapByNodeKey.n1"]
    found = run(build([CALCULATION], key="flow", options={"sensitive": marks}), context={"card": "4111 1111", "n": 1},
                output="of 4111 1111")  # fmt: skip
    job(found, result="hush hush", input={"expression": "4111 1111"})
    answer = graph().raw("GET", f"/workflows/flow/executions/{found.pk}", **{FULL: full})
    assert answer.status_code == 200
    assert "4111" not in answer.content.decode()
    assert "hush" not in answer.content.decode()


def test_jobs_are_for_who_may_see_them(graph):
    found = run(build([CALCULATION], key="flow"))
    job(found)
    shown = show(graph("executions.view_execution"), found)
    assert (shown["status"], shown["node_execution_details"]) == ("success", [])


@pytest.mark.parametrize("pk", ["x", "0", "-1", "1.5", "9" * 30, "%", "1/2", "１"])
def test_an_absent_execution(graph, pk):
    build([], key="flow")
    assert graph().refused("GET", f"/workflows/flow/executions/{pk}", status=404)[0] == "FSS.0404"


def test_a_run_of_another_workflow_is_not_there(graph):
    build([], key="flow")
    other = run(build([], key="other"))
    assert graph().refused("GET", f"/workflows/flow/executions/{other.pk}", status=404)[0] == "FSS.0404"


@pytest.mark.parametrize("count", [1, 40])
def test_queries_of_one_run(graph, count, django_assert_max_num_queries):
    found = run(build([CALCULATION], key="flow"), created_by=None)
    for number in range(1, count + 1):
        job(found, number)
    client = graph()
    show(client, found)
    with django_assert_max_num_queries(9):
        show(client, found)
    assert Execution.objects.count() == 1
