import pytest

from executions.models import EventKey, Execution
from tests.api import Api
from tests.building import build
from tests.people import boss, person

WAIT = ("delay", {"unit": 3_600_000, "duration": 1})
SUM = ("calculation", {"engine": "math.js", "expression": "1+2"})

# A run goes on after the commit that queued it.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api():
    return Api(boss())


def execute(api, workflow, values=None, *, status=201, query="", **headers):
    body = {"values": {"a": 1} if values is None else values}
    return api("POST", f"workflows/{workflow.pk}/execute/{query}", body, status=status, **headers)


@pytest.mark.parametrize(("steps", "name"), [([SUM], "resolved"), ([WAIT], "started"), ([], "resolved")])
def test_it_runs_to_its_end_or_first_wait(api, steps, name):
    assert execute(api, build(steps))["execution"]["status_name"] == name


@pytest.mark.parametrize("flag", ["1", "true"])
def test_async_only_queues_it(api, flag):
    answer = execute(api, build([SUM]), status=202, query=f"?async={flag}&fields=status_name")
    assert answer == {"execution": {"status_name": "queued"}}


def test_async_false_is_sync(api):
    execute(api, build([SUM]), query="?async=0")


@pytest.mark.parametrize(
    ("query", "field"), [("?async=maybe", "async"), ("?asynch=1", "asynch"), ("?fields=colour", "fields")]
)
def test_parameters_are_checked_before_anything_runs(api, query, field):
    workflow = build([SUM])
    answer = execute(api, workflow, status=400, query=query)
    assert answer["errors"][0]["field"] == field
    assert not Execution.objects.exists()


def test_a_synchronous_workflow_is_not_queued(api):
    answer = execute(api, build([SUM], sync=True), status=400, query="?async=1")
    assert answer["errors"][0]["field"] == "async"


@pytest.mark.parametrize("columns", [{}, {"sync": True}], ids=["async", "sync"])
@pytest.mark.parametrize(("query", "status"), [("", 201), ("?async=1", 202)])
def test_the_same_key_answers_the_same_run(api, columns, query, status):
    if columns and query:
        status = 400
    workflow = build([SUM], **columns)
    if status == 400:
        execute(api, workflow, status=400, query=query, **{"idempotency-key": "k"})
        assert not EventKey.objects.exists()
        return
    first = execute(api, workflow, query=query, status=status, **{"idempotency-key": "k"})["execution"]
    again = execute(api, workflow, query=query, status=status, **{"idempotency-key": "k"})["execution"]
    assert (again["id"], again["event_key"]) == (first["id"], "k")
    other = execute(api, workflow, query=query, status=status, **{"idempotency-key": "l"})["execution"]
    assert other["id"] != first["id"]
    assert Execution.objects.count() == 2
    assert Execution.objects.filter(manually=True, created_by__username="boss").count() == 2


def test_a_second_answer_says_that_it_is_one(api):
    workflow = build([SUM])
    answers = [
        api.http.post(
            f"/api/v1/workflows/{workflow.pk}/execute/", "{}", "application/json", headers={"idempotency-key": "k"}
        )
        for _ in range(2)
    ]
    assert [answer.get("Idempotency-Replayed") for answer in answers] == [None, "true"]


def test_a_key_belongs_to_one_request_of_one_person(api):
    workflow, other = build([SUM]), build([SUM])
    key = {"idempotency-key": "k"}
    execute(api, workflow, {"a": 1, "b": [2]}, **key)
    execute(api, workflow, {"b": [2], "a": 1}, **key)
    answer = execute(api, workflow, {"a": 2}, status=422, **key)
    assert (answer["errors"][0]["field"], answer["errors"][0]["code"]) == ("Idempotency-Key", "key_reused")
    somebody = Api(person("workflows.execute_workflow", "executions.view_execution"))
    execute(somebody, workflow, {"a": 1, "b": [2]}, status=422, **key)
    # What was refused left nothing behind, and another workflow knows nothing of it.
    execute(api, workflow, {"a": 1, "b": [2]}, **key)
    execute(api, other, {"a": 2}, **key)
    assert Execution.objects.count() == 2


def test_the_key_of_a_deleted_run_begins_no_other(api):
    workflow = build([SUM])
    pk = execute(api, workflow, **{"idempotency-key": "k"})["execution"]["id"]
    api("DELETE", f"executions/{pk}/", status=204)
    answer = execute(api, workflow, status=409, **{"idempotency-key": "k"})
    assert answer["errors"][0]["field"] == "Idempotency-Key"
    assert not Execution.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 201, "\u00e9", "a\tb"])
def test_what_is_no_key_is_refused(api, key):
    answer = execute(api, build([SUM]), status=400, **{"idempotency-key": key})
    assert answer["errors"][0]["field"] == "Idempotency-Key"


def test_a_condition_that_is_not_met_uses_no_key_up(api):
    config = {"collection": "shop.Customer", "mode": 1, "condition": {"name": {"$eq": "Ada"}}}
    workflow = build([SUM], type="collection", config=config)
    from config.shop.models import Customer

    customer = Customer.objects.create(name="Bob")
    values = {"data": customer.pk}
    assert execute(api, workflow, values, status=200, **{"idempotency-key": "k"}) == {"execution": None}
    Customer.objects.update(name="Ada")
    execute(api, workflow, values, **{"idempotency-key": "k"})


def test_only_workflows_that_a_person_may_see_are_run(settings):
    workflow = build([SUM])
    settings.SLUICE = {"VISIBLE": f"{__name__}.nothing"}
    execute(Api(person("workflows.execute_workflow")), workflow, status=404)
    assert not Execution.objects.exists()


def nothing(user):
    from django.db.models import Q

    return Q(pk__in=[])


def test_an_execution_that_did_not_move_is_not_sent_again(api):
    pk = execute(api, build([WAIT]))["execution"]["id"]
    path = f"/api/v1/executions/{pk}/"
    tag = api.http.get(path)["ETag"]
    assert api.http.get(path, headers={"if-none-match": tag}).status_code == 304
    api("POST", f"executions/{pk}/pause/", {})
    paused = api.http.get(path, headers={"if-none-match": tag})
    assert (paused.status_code, paused["ETag"] != tag) == (200, True)
    # What is expanded changes by itself.
    assert not api.http.get(f"{path}?expand=jobs").has_header("ETag")
