"""What `SLUICE["VISIBLE"]` hides is not there: not in lists, relations or counts, nor to be found by a filter."""

import pytest
from django.db.models import Q

from executions import run_now
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from tests.executions.dialects.nocobase.clients import NocoBase
from tests.people import person
from workflows.models import Category, Node, Workflow

pytestmark = pytest.mark.django_db

STEP = ("calculation", {"engine": "math.js", "expression": "1 + 2"})
VERBS, KINDS = ("view", "add", "change", "delete"), ("workflow", "node", "category")
EVERYTHING = [
    *(f"workflows.{verb}_{kind}" for verb in VERBS for kind in KINDS),
    "workflows.execute_workflow",
    *(f"executions.{verb}_execution" for verb in ("view", "cancel", "delete", "pause", "rerun")),
    *("executions.view_job", "executions.change_job", "executions.view_task"),
]


def shown(user):
    return ~Q(title="Hidden")


@pytest.fixture
def client(db, settings):
    category = Category.objects.create(title="Both")
    for title in ("Shown", "Hidden"):
        flow = build([STEP], title=title)
        flow.categories.add(category)
        run_now(flow, {})
    drain_all()
    settings.SLUICE = {"VISIBLE": f"{__name__}.shown"}
    return NocoBase(person(*EVERYTHING))


@pytest.fixture
def hidden(client):
    flow = Workflow.objects.get(title="Hidden")
    run = Execution.objects.get(key=flow.key)
    node, job = Node.objects.get(workflow=flow), Job.objects.get(execution=run)
    return {"workflows": flow.pk, "executions": run.pk, "flow_nodes": node.pk, "jobs": job.pk}


@pytest.mark.parametrize("path", ["workflows:list", "executions:list", "flow_nodes:list", "jobs:list"])
@pytest.mark.parametrize("query", ["", "paginate=false", "filter[id][$gt]=0", "appends=workflow,nodes,execution,node"])
def test_lists_leave_it_out(client, path, query):
    found = client("GET", f"{path}?{query}")
    assert len(found["data"]) == 1
    assert found.get("meta", {"count": 1})["count"] == 1
    assert "Hidden" not in str(found)


@pytest.mark.parametrize(
    "path",
    [
        "workflowCategories:list?filter[workflows.title]=Hidden",
        "workflows:list?filter[categories.workflows.title]=Hidden",
        "executions:list?filter[workflow.title]=Hidden",
        "executions:list?filter[workflow.categories.workflows.title]=Hidden",
        "jobs:list?filter[node.workflow.title]=Hidden",
        "jobs:list?filter[execution.workflow.title]=Hidden",
        "executions:list?sort=workflow.title",
        "executions:list?filter[parentExecutionId]=1",
        "executions:list?sort=parentExecutionId",
        "jobs:list?filter[execution.parentExecutionId]=1",
    ],
)
def test_no_filter_leads_to_it(client, path):
    assert client.refused("GET", path)


@pytest.mark.parametrize("name", ["workflows", "executions", "flow_nodes", "jobs"])
def test_nor_does_its_key(client, hidden, name):
    assert client.get(f"{name}:get", filterByTk=hidden[name]) is None
    pk, flow = hidden[name], hidden["workflows"]
    actions = {
        "workflows": {"execute": 404, "revision": 404, "update": 200, "destroy": 200},
        "executions": {"cancel": 404, "pause": 404, "resume": 404, "rerun": 404, "logs": 404, "graph": 404,
                       "timeline": 404, "destroy": 200},
        "flow_nodes": {"update": 404, "move": 404, "duplicate": 404, "destroy": 404, "destroyBranch": 404},
        "jobs": {"resume": 404},
    }[name]  # fmt: skip
    before = list(Workflow.objects.order_by("id").values_list()), list(Execution.objects.order_by("id").values_list())
    for action, status in actions.items():
        found = client("POST", f"{name}:{action}?filterByTk={pk}&branchIndex=1", {"title": "x"}, status=status)
        assert status == 404 or found["data"] in ([], 0)
    assert before == (
        list(Workflow.objects.order_by("id").values_list()), list(Execution.objects.order_by("id").values_list()),
    )  # fmt: skip
    for inside in ("nodes", "executions", "revisions"):
        assert client.get(f"workflows/{flow}/{inside}:list") == []
    assert client.refused("POST", f"workflows/{flow}/nodes:create", {"type": "variable"}, status=404)


def test_a_check_of_the_check(hidden, settings):
    everything = NocoBase(person(is_superuser=True, username="root"))
    assert everything("GET", "executions:list?filter[workflow.title]=Hidden")["meta"]["count"] == 1
