"""Marked values stand in the records for templates, and are masked wherever people look until they ask."""

import json
from typing import Any

import pytest

from config.shop.models import Customer
from executions import run_now
from executions.models import Execution, Job
from executions.store.session import alias
from tests.api import Api
from tests.building import build
from tests.pages import pages, words  # noqa: F401
from tests.people import boss, person
from workflows import checks, sensitivity, versions
from workflows.errors import Invalid
from workflows.models import HistoryEntry
from workflows.secrecy import MASK

pytestmark = pytest.mark.django_db(transaction=True)

IBAN = "DE02 1203 0000"
CONTEXT = {"data": {"iban": IBAN, "name": "Ada", "rows": [{"pin": 90714711}, {"pin": 90714712}]}}
MARKS = ["$context.data.iban", "{{$context.data.rows.pin}}", "$jobsMapByNodeKey.n2.token"]
VIEWER = ("executions.view_execution", "executions.view_job", "workflows.view_workflow")
REVEAL = "executions.reveal_values"


@pytest.fixture
def run(settings: Any) -> Execution:
    """Steps that go on with marked values, repeat them in texts, and fail with them."""
    steps = [
        ("calculation", {"engine": "string", "expression": "pay {{$context.data.iban}} for {{$context.data.name}}"}),
        ("json-variable-mapping", {"dataSource": {"token": "t0ken-x", "kind": "b"}, "variables": [
            {"key": "token", "paths": ["token"]}, {"key": "kind", "paths": ["kind"]}]}),
        ("variable", {"value": {"again": "{{$jobsMapByNodeKey.n2.token}}", "pins": "{{$context.data.rows.pin}}"}}),
        ("output", {"value": {"to": "{{$jobsMapByNodeKey.n1}}", "length": 3}}),
        ("delay", {"duration": "{{$context.data.iban}}"}, {}, {"retry": {"attempts": 1}}),
    ]  # fmt: skip
    workflow = build(steps, options={"sensitive": MARKS, "searchAttributes": {"account": "{{$context.data.iban}}"}})
    execution = run_now(workflow, CONTEXT)
    assert execution is not None
    return Execution.objects.get(pk=execution.pk)


#: What may stand nowhere.
HIDDEN = (IBAN, "t0ken", "90714711", "90714712")


def shows_nothing(text: str) -> None:
    for hidden in HIDDEN:
        assert hidden not in text


def test_records_hold_what_templates_need(run: Execution) -> None:
    assert run.context == CONTEXT
    assert run.output == {"to": f"pay {IBAN} for Ada", "length": 3}
    assert IBAN in (run.error or "")
    results = dict(Job.objects.filter(execution=run).values_list("node_key", "result"))
    assert results["n3"]["again"] == "t0ken-x"


@pytest.mark.parametrize(
    "path",
    [
        "executions/?fields=id,context,output,error",
        "executions/",
        "executions/{id}/",
        "executions/{id}/?expand=jobs",
        "executions/?expand=jobs",
        "executions/{id}/jobs/",
        "executions/{id}/logs/",
        "executions/{id}/logs/?format=ndjson",
        "executions/{id}/timeline/",
        "executions/{id}/graph/",
        "executions/{id}/history/",
        "jobs/?fields=id,input,result,log,attempts,meta",
        "jobs/{job}/",
    ],
)
@pytest.mark.parametrize("may", [False, True])
def test_the_api_masks_them_also_to_who_may_ask(path: str, may: bool, run: Execution) -> None:
    api = Api(person(*VIEWER, *([REVEAL] if may else [])))
    job = Job.objects.get(execution=run, node_key="n3")
    answer = api.http.get(f"/api/v1/{path.format(id=run.pk, job=job.pk)}")
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert content
    shows_nothing(content.decode())


def test_what_is_not_marked_is_shown(run: Execution) -> None:
    api = Api(person(*VIEWER))
    shown = api("GET", f"executions/{run.pk}/")
    assert shown["context"] == {"data": {"iban": MASK, "name": "Ada", "rows": [{"pin": MASK}, {"pin": MASK}]}}
    assert shown["output"] == {"to": f"pay {MASK} for Ada", "length": 3}
    jobs = {job["node_key"]: job for job in api("GET", f"executions/{run.pk}/jobs/")["results"]}
    assert jobs["n2"]["result"] == {"token": MASK, "kind": "b"}
    assert jobs["n3"]["result"] == {"again": MASK, "pins": [MASK, MASK]}


def test_the_pages_mask_them_until_the_button(run: Execution, pages: Any) -> None:  # noqa: F811
    page = pages(*VIEWER, REVEAL)
    job = Job.objects.get(execution=run, node_key="n3")
    for name, pk in (("executions_execution_change", run.pk), ("executions_job_change", job.pk)):
        shows_nothing(page.get(name, pk))
    shows_nothing(page.get("executions_execution_changelist"))
    address = f"/admin/executions/execution/{run.pk}/reveal/"
    assert address in page.get("executions_execution_change", run.pk)
    assert page.http.get(address).status_code == 405
    page.post("executions_execution_reveal", run.pk)
    text = page.get("executions_execution_change", run.pk)
    assert IBAN in text
    assert "t0ken-x" in text
    assert "90714711" in page.get("executions_job_change", job.pk)
    entry = HistoryEntry.objects.get(action="execution.reveal")
    assert (entry.actor_name, entry.origin, entry.execution) == ("someone", "admin", run.pk)


def test_a_reveal_lasts_five_minutes_and_for_one_run(run: Execution, pages: Any, monkeypatch: Any) -> None:  # noqa: F811
    from executions.admin import revealing

    page = pages(*VIEWER, REVEAL)
    other = run_now(run.workflow, CONTEXT)
    assert other is not None
    page.post("executions_execution_reveal", run.pk)
    shows_nothing(page.get("executions_execution_change", other.pk))
    later = revealing.time.time() + revealing.SECONDS + 1
    monkeypatch.setattr(revealing.time, "time", lambda: later)
    shows_nothing(page.get("executions_execution_change", run.pk))


def test_without_the_permission_there_is_neither_button_nor_way(run: Execution, pages: Any) -> None:  # noqa: F811
    page = pages(*VIEWER)
    assert "/reveal/" not in page.get("executions_execution_change", run.pk)
    page.post("executions_execution_reveal", run.pk, status=403)
    api = Api(page.http and person(*VIEWER, username="other"))
    api("POST", f"executions/{run.pk}/reveal/", {}, status=403)
    assert not HistoryEntry.objects.filter(action="execution.reveal").exists()


def test_a_reveal_over_the_api_answers_and_is_recorded(run: Execution) -> None:
    api = Api(person(*VIEWER, REVEAL))
    shown = api("POST", f"executions/{run.pk}/reveal/?expand=jobs", {"reason": "a complaint"})
    assert shown["context"] == CONTEXT
    assert IBAN in shown["error"]
    assert {job["node_key"]: job["result"] for job in shown["jobs"]}["n3"] == {
        "again": "t0ken-x",
        "pins": [90714711, 90714712],
    }
    job = Job.objects.get(execution=run, node_key="n2")
    assert api("POST", f"jobs/{job.pk}/reveal/", {})["result"]["token"] == "t0ken-x"
    entries = HistoryEntry.objects.filter(action="execution.reveal").order_by("id")
    assert [(entry.reason, entry.node_key, entry.execution, entry.actor_name) for entry in entries] == [
        ("a complaint", None, run.pk, "someone"),
        (None, "n2", run.pk, "someone"),
    ]
    shows_nothing(json.dumps(api("GET", f"executions/{run.pk}/")))


def test_fields_of_models_are_masked_by_name(settings: Any) -> None:
    settings.SLUICE = {"SENSITIVE": ["shop.Customer.email"]}
    Customer.objects.create(name="Ada", email="ada@example.com")
    read = ("query", {"collection": "shop.Customer", "params": {"filter": {"email": "{{$context.customer.email}}"}}})
    say = ("calculation", {"engine": "string", "expression": "to {{$jobsMapByNodeKey.n1.email}}"})
    context = {"customer": {"email": "ada@example.com", "id": 1}}
    execution = run_now(build([read, say]), context)
    assert execution is not None
    assert Job.objects.get(execution=execution, node_key="n2").result == "to ada@example.com"
    api = Api(person(*VIEWER))
    shown = api("GET", f"executions/{execution.pk}/?expand=jobs")
    assert "ada@" not in str(shown)
    assert shown["context"]["customer"] == {"email": MASK, "id": 1}
    [first, second] = shown["jobs"]
    assert (first["result"]["name"], first["result"]["email"]) == ("Ada", MASK)
    assert first["input"]["params"]["filter"] == {"email": MASK}
    assert second["result"] == f"to {MASK}"


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("key={key}&context.data.iban=x", True),
        ("key={key}&context.data.iban__gt=D", True),
        ("key={key}&context.data.rows.0.pin=90714711", True),
        ("key={key}&context.data=x", True),
        ("key={key}&context.data.name=Ada", False),
        ("key={key}&output.length=3", True),
        ("key={key}&context_contains=DE02", True),
        ("key={key}&error_contains=DE02", True),
        ("attr.account=DE02", True),
        ("attr.account__gt=D", True),
        ("attr.other=x", False),
        ("key={key}", False),
        ("key=elsewhere&context_contains=DE02", False),
        ("key=elsewhere&context.data.iban=x", False),
    ],
)
def test_lists_do_not_tell_them(query: str, refused: bool, run: Execution) -> None:
    path = f"executions/?{query.format(key=run.key)}"
    answer = Api(person(*VIEWER)).http.get(f"/api/v1/{path}")
    assert answer.status_code == (400 if refused else 200), answer.content
    assert (REVEAL in answer.content.decode()) == refused
    assert Api(person(*VIEWER, REVEAL, username="other")).http.get(f"/api/v1/{path}").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("context.customer.email=ada@example.com", None),
        ("context_contains=ada", None),
        ("output_contains=ada", None),
        ("context.customer.id=1", 1),
        # The text of an object would tell of what lies in it.
        ("context.customer__contains=ada", 0),
        ("context.customer__gt=a", 0),
    ],
)
def test_lists_tell_no_marked_field(query: str, found: int | None, settings: Any) -> None:
    settings.SLUICE = {"SENSITIVE": ["shop.Customer.email"]}
    run = run_now(build([]), {"customer": {"email": "ada@example.com", "id": 1}})
    assert run is not None
    answer = Api(person(*VIEWER)).http.get(f"/api/v1/executions/?key={run.key}&{query}")
    assert answer.status_code == (400 if found is None else 200), answer.content
    assert found is None or len(answer.json()["results"]) == found


def test_a_bulk_operation_is_no_way_round(run: Execution) -> None:
    api = Api(person(*VIEWER, "executions.cancel_execution"))
    body = {"action": "cancel", "filter": {"key": run.key, "context.data.iban": IBAN}}
    assert "filter.context.data.iban" in api.errors("POST", "executions/bulk/", body)


@pytest.mark.parametrize(
    ("place", "right"),
    [
        ("$context.a", True),
        ("{{ctx.$context.a.b}}", True),
        ("$jobsMapByNodeKey.n1", True),
        ("$context", False),
        ("$env.TOKEN", False),
        ("$context..a", False),
        ("a", False),
        ("", False),
    ],
)
def test_places_are_checked_where_they_are_saved(place: str, right: bool) -> None:
    workflow = build([])
    if right:
        versions.change_workflow(workflow, options={"sensitive": [place]})
        return
    with pytest.raises(Invalid) as raised:
        versions.change_workflow(workflow, options={"sensitive": [place]})
    assert "options.sensitive.0" in raised.value.errors


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["shop.Customer.email"], 0),
        (["shop.Customer.nothing", "shop.Nothing.email", "nowhere.Customer.email"], 3),
        (["shop.Customer.orders"], 1),
    ],
)
def test_marked_fields_exist(labels: list[str], expected: int, settings: Any) -> None:
    settings.SLUICE = {"SENSITIVE": labels}
    found = checks.check_sensitive(None)
    assert [message.id for message in found] == ["sluice.E008"] * expected
    assert all(message.hint for message in found)


def test_secrets_stay_masked_when_values_are_revealed(run: Execution) -> None:
    from workflows import secrets

    secrets.create("TOKEN", "s3cret-value")
    step = ("calculation", {"engine": "string", "expression": "{{$env.TOKEN}} {{$context.data.iban}}"})
    execution = run_now(build([step], options={"sensitive": MARKS}), CONTEXT)
    assert execution is not None
    shown = Api(boss())("POST", f"executions/{execution.pk}/reveal/?expand=jobs", {})
    assert shown["jobs"][0]["result"] == f"{MASK} {IBAN}"


def test_where_nothing_is_marked_it_costs_one_query(django_assert_max_num_queries: Any) -> None:
    from executions.masking import hide_jobs, hide_runs

    execution = run_now(build([("output", {"value": 1})]), {"a": 1})
    runs, jobs = list(Execution.objects.all()), list(Job.objects.filter(execution=execution))
    with django_assert_max_num_queries(1, connection=__import__("django.db").db.connections[alias()]):
        hide_runs(runs)
    with django_assert_max_num_queries(1):
        hide_jobs(jobs)
    with django_assert_max_num_queries(0):
        hide_runs(list(Execution.objects.only("id")[:0]))


@pytest.mark.parametrize(
    ("mark", "path", "found"),
    [
        ("$context.data.iban", "$context.data.iban", True),
        ("$context.data.iban", "$context.data", True),
        ("$context.data", "$context.data.iban", True),
        ("$context.data.rows.pin", "$context.data.rows.0.pin", True),
        ("$context.data.iban", "$context.data.name", False),
    ],
)
def test_what_touches_a_mark(mark: str, path: str, found: bool) -> None:
    assert sensitivity.touches([sensitivity.parse_mark(mark)], path.split(".")) is found
