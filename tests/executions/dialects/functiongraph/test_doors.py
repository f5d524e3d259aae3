"""Who is let in where, against the table of docs/functiongraph.md; what is none of the calls; what nobody foresaw."""

import json
import re
import time
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction

from executions import start
from executions.dialects.functiongraph import runs
from executions.dialects.functiongraph.calls import CALLS
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.roles import ROLES
from tests.building import build
from tests.executions.dialects.functiongraph.clients import FunctionGraph, shape
from tests.executions.dialects.functiongraph.test_flows import SLEEPS
from tests.executions.rows import run
from tests.people import person
from workflows.models import HistoryEntry, Node, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "functiongraph.md"
WHO = ("anonymous", "staff", *ROLES, "superuser")
BODIES = {
    "create_workflow": SLEEPS,
    "update_work_flow": SLEEPS,
    "batch_delete_workflows": {"workflow_urns": ["x"]},
    "create_callback_workflow": {"result": "success"},
}


def documented():
    """call -> (address, who is let in, the permissions it asks for)."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if re.match(r"\| `\w+` \|", line) and len(cells) == len(WHO) + 2:
            address, *answers, needs = cells
            assert set(answers) <= {"yes", "-"}, line
            may = dict(zip(WHO, (cell == "yes" for cell in answers), strict=True))
            rows[name.strip("`")] = (address.strip("`"), may, tuple(re.findall(r"`([\w.]+)`", needs)))
    return rows


@pytest.fixture
def things(db):
    """The ids in addresses, of what as much as possible may be done to."""
    waiting = build([("delay", {"duration": 3_600_000})], key="waits")
    found = start(waiting, {})
    drain_all()
    express = build([], key="express", sync=True)
    failed = run(waiting, status=-1)
    return {
        "start_sync_workflow_execution": {"workflow": express.key},
        "retry_work_flow": {"workflow": "waits", "execution": failed.pk},
        "*": {"workflow": "waits", "execution": found.pk},
    }


def send(client, call, things):
    ids = things.get(call.name, things["*"])
    headers = {"x-workflow-run-id": str(ids.get("execution")), "x-workflow-state-id": "n1"}
    query = "limit=1&offset=0" if call.method == "GET" else ""
    body = None if call.method == "GET" else BODIES.get(call.name, {})
    return client.raw(call.method, call.address.format(**ids), body, query=query, **headers)


def state():
    kinds = (Workflow, Node, Execution, Job, HistoryEntry)
    return [list(kind.objects.order_by("pk").values_list()) for kind in kinds]


class _Undo(Exception):
    """Takes back what a call that was let in has done."""


def may(call, client, things):
    before, allowed = state(), False
    try:
        with transaction.atomic():
            answer = send(client, call, things)
            allowed = answer.status_code < 300
            if not allowed:
                expected = (403, "FSS.0403") if client.key else (401, "APIGW.0301")
                assert (answer.status_code, shape(answer)[0]) == expected, answer.content
                assert state() == before, "refused, and done all the same"
            raise _Undo
    except _Undo:
        return allowed


@pytest.fixture
def people(db):
    call_command("sluice_roles", verbosity=0, stdout=StringIO())
    users = get_user_model().objects
    found = {"anonymous": None, "staff": users.create(username="staff", is_staff=True)}
    for role in ROLES:
        found[role] = users.create(username=role)
        found[role].groups.add(Group.objects.get(name=f"Sluice {role}"))
    found["superuser"] = users.create(username="superuser", is_superuser=True)
    return {who: FunctionGraph(user) for who, user in found.items()}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_table_says_who_is_let_in(call, people, things):
    found = {who: may(call, client, things) for who, client in people.items()}
    address = f"{call.method} {call.address}"
    needs = ", ".join(f"`{each}`" for each in call.permissions)
    row = f"| `{call.name}` | `{address}` | {' | '.join('yes' if found[who] else '-' for who in WHO)} | {needs} |"
    expected = (address, found, tuple(call.permissions))
    assert documented().get(call.name) == expected, f"docs/functiongraph.md should say:\n{row}"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_its_permissions_alone_suffice_and_each_is_needed(call, things):
    assert may(call, FunctionGraph(person(*call.permissions, username="may")), things)
    every = set().union(*ROLES.values())
    for needed in call.permissions:
        assert not may(call, FunctionGraph(person(*(every - {needed}), username=f"without {needed}")), things)


def test_the_table_has_no_other_row():
    assert set(documented()) == {call.name for call in CALLS}


PATHS = ["", "/", "/nothing", "/workflows/", "/functions", "/workflow-statistic/urn:x", "/workflows/x/y/z",
         "/triggers", "/workflows/x/executions/",
         "/workflows\n", "/workflows/x/executions\n", "//", "/workflows//executions"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_what_is_none_of_its_addresses(graph, path, method):
    for client in (graph(None), graph()):
        answer = client.raw(method, path)
        assert answer.status_code in ((404,) if client.key else (401, 404))
        assert answer["Content-Type"] == "application/json"
        if method != "HEAD":
            shape(answer)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods_are_not_there(graph, call, method):
    answer = graph().raw(method, call.address.format(workflow="a", execution="1"))
    assert answer.status_code == 404


@pytest.mark.parametrize("address", sorted({call.address for call in CALLS}))
@pytest.mark.parametrize("end", ["", "/"])
def test_nothing_is_redirected(graph, address, end):
    for client in (graph(None), graph()):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = client.raw(method, address.format(workflow="a", execution="1") + end, {})
            assert answer.status_code >= 400 or answer.status_code == 200
            assert "Location" not in answer


def test_nothing_of_it_is_kept_by_proxies(graph):
    for client in (graph(None), graph()):
        assert client.raw("GET", "/workflows")["Cache-Control"] == "no-store"


def test_requests_have_ids_of_their_own(graph):
    client = graph()
    assert len({client.raw("GET", "/workflows")["X-Request-Id"] for _ in range(3)}) == 3


def test_who_calls_too_often_is_told_when_to_come_again(graph, settings):
    settings.SLUICE = {"THROTTLES": {"read": "2/hour"}}
    client = graph()
    answers = [client.raw("GET", "/workflows") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3601
    assert shape(answers[-1])[0] == "FSS.0429"


@pytest.mark.parametrize(("kind", "path"), [("execute", "executions"), ("execute", "sync-executions")])
def test_starts_are_counted_as_such(graph, settings, kind, path):
    settings.SLUICE = {"THROTTLES": {kind: "1/hour"}}
    build([], key="flow", sync=True)
    client = graph()
    assert [client.raw("POST", f"/workflows/flow/{path}").status_code for _ in range(2)] == [200, 429]


def test_what_nobody_foresaw_is_answered_and_told(graph, monkeypatch, caplog):
    def broken(*_args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(runs.numbered, "page", broken)
    build([], key="flow")
    assert graph().refused("GET", "/workflows/flow/executions", status=500) == ("FSS.0500", "Internal server error.")
    assert "secret detail" in caplog.text


def test_the_rest_of_the_site_is_still_served(client, db):
    assert client.get("/api/executions:list").json()["errors"]
    assert client.get("/v2/").status_code == 404
    assert client.get(f"/v2/{'0' * 32}/other").status_code == 404


def test_plain_http_is_refused_and_not_redirected(graph, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^v2/"]
    assert graph().refused("GET", "/workflows", status=403)[0] == "FSS.0403"


def test_a_long_address_is_none_at_once(graph):
    client = graph(None)
    # A process's first request imports what all of them need.
    client.raw("POST", "/workflows")
    begun = time.thread_time()
    assert client.refused("POST", "/workflows" + "/executions/" * 5_000, status=404)[0] == "FSS.0404"
    # The patterns alone would take seconds.
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize(("encoding", "status"), [("utf-8", 201), ("utf-8-sig", 201), ("utf-16", 406), ("utf-32", 406)])
def test_json_is_utf_8(graph, encoding, status):
    assert graph().raw("POST", "/workflows", json.dumps(SLEEPS).encode(encoding)).status_code == status
