"""What a webhook answers, and what its runs are given (spec 4.6)."""

import json

import pytest

from executions.models import Execution
from workflows.models import Workflow
from workflows.triggers import listening


def runs(workflow: Workflow) -> list[Execution]:
    return list(Execution.objects.filter(key=workflow.key).order_by("id"))


def errors(response) -> dict[str | None, str]:
    return {entry["field"]: entry["code"] for entry in response.json()["errors"]}


def test_one_request_is_one_queued_run_on_nobodys_behalf(hook, post, admin_user, client):
    workflow = hook()
    response = post(workflow, {"a": [1]}, query="?page=2&tag=x&tag=y")
    assert (response.status_code, response.content) == (200, b"ok")
    assert response["X-Content-Type-Options"] == "nosniff"
    [run] = runs(workflow)
    assert run.context == {"headers": {}, "query": {"page": "2", "tag": ["x", "y"]}, "body": {"a": [1]}}
    assert (run.status, run.event_key, run.created_by_id) == (None, None, None)
    client.force_login(admin_user)
    client.post(f"/hooks/{workflow.key}/", "{}", content_type="application/json")
    assert runs(workflow)[1].created_by_id is None, "a cookie that came along means nothing"


TAKEN = {
    "headers": [{"path": "X-Shop"}, {"path": "X-Missing", "alias": "missing"}],
    "query": [{"path": "q[0]", "alias": "first"}, {"path": "q"}],
    "body": [{"path": "lines[1].sku"}, {"path": "lines.sku", "alias": "all"}, {"path": "nothing.here", "alias": "no"}],
}


def test_variables_are_taken_by_path_and_named_by_alias(hook, post):
    workflow = hook(TAKEN)
    body = {"lines": [{"sku": "a"}, {"sku": "b"}], "card": "4111"}
    post(workflow, body, query="?q=1&q=2", headers={"X-Shop": "north", "X-Other": "no"})
    assert runs(workflow)[0].context == {
        "headers": {"X-Shop": "north", "missing": None},
        "query": {"first": "1", "q": ["1", "2"]},
        "body": {"lines[1].sku": "b", "all": ["a", "b"], "no": None},
    }


def test_a_form_is_read_as_one(hook, post):
    workflow = hook()
    sent = post(workflow, b"name=J%C3%B6rg&n=1&n=2", content_type="application/x-www-form-urlencoded")
    assert sent.status_code == 200
    assert runs(workflow)[0].context["body"] == {"name": "Jörg", "n": ["1", "2"]}


@pytest.mark.parametrize(
    ("config", "body", "given", "status", "said"),
    [
        ({}, b"{", {}, 400, {"body": "invalid"}),
        ({}, b'{"a": "\\u0000"}', {}, 400, {"body.a": "invalid"}),
        ({}, b"[" * 100_000, {}, 400, {"body": "invalid"}),
        ({}, b"\xff", {"content_type": "application/x-www-form-urlencoded"}, 400, {"body": "invalid"}),
        ({}, b"a=%00", {"content_type": "application/x-www-form-urlencoded"}, 400, {"body.a": "invalid"}),
        ({}, b"{}", {"query": "?q=%00"}, 400, {"query.q": "invalid"}),
        ({}, b"{}", {"content_type": "text/xml"}, 415, {None: "unsupported_media_type"}),
        ({}, b"{}", {"content_type": ""}, 415, {None: "unsupported_media_type"}),
        ({}, b"{}", {"content_type": "multipart/form-data; boundary=x"}, 415, {None: "unsupported_media_type"}),
        ({"contentTypes": ["form"]}, b"{}", {}, 415, {None: "unsupported_media_type"}),
        ({"maxBytes": 10}, b'{"a": "1234567"}', {}, 413, {None: "too_large"}),
        ({}, b"{}", {"method": "GET"}, 405, {None: "method_not_allowed"}),
        ({}, b"{}", {"method": "PUT"}, 405, {None: "method_not_allowed"}),
    ],
)
def test_what_can_not_be_read_starts_nothing_and_is_told(hook, post, config, body, given, status, said):
    workflow = hook(config)
    response = post(workflow, body, **given)
    assert (response.status_code, errors(response)) == (status, said)
    assert runs(workflow) == []


def test_json_kinds_and_an_empty_body(hook, post):
    workflow = hook()
    assert post(workflow, b"{}", content_type="application/vnd.shop+json; charset=utf-8").status_code == 200
    assert post(workflow, b"").status_code == 200
    assert [run.context["body"] for run in runs(workflow)] == [{}, None]


def test_more_than_django_takes_of_a_form_is_taken_where_the_workflow_allows_it(hook, post, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    workflow = hook({"maxBytes": 1_000})
    assert post(workflow, {"text": "x" * 500}).status_code == 200


def test_disabled_and_unknown_ones_are_not_there(hook, post):
    workflow = hook()
    Workflow.objects.filter(pk=workflow.pk).update(enabled=False)
    listening.refresh(force=True)
    for key in (workflow.key, "nope", "%00", "x" * 500):
        response = post(key, {})
        assert (response.status_code, errors(response)) == (404, {None: "not_found"})


def test_an_asynchronous_one_answers_what_it_is_set_to(hook, post):
    reply = {"status": 202, "headers": [{"name": "X-Taken", "value": "yes"}], "body": {"taken": True}}
    response = post(hook({"response": reply}), {})
    assert (response.status_code, response.json(), response["X-Taken"]) == (202, {"taken": True}, "yes")


def test_no_answer_sets_a_cookie(hook, post):
    reply = {"headers": [{"name": "Set-Cookie", "value": "sluice_session=1"}]}
    response = post(hook({"response": reply}), {})
    assert (response.status_code, "Set-Cookie" in response) == (200, False)


RESPOND = ("response", {"statusCode": 201, "headers": [{"name": "X-Id", "value": "{{$context.body.id}}"}],
                        "body": {"got": "{{$context.body.id}}"}})  # fmt: skip
FAIL = ("end", {"endStatus": -1})
SAY = ("response-message", {"message": "Thank you, {{$context.body.id}}."})
BREAK = ("calculation", {"engine": "math.js", "expression": "1 +"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("steps", "status", "content"),
    [
        ([RESPOND], 201, {"got": 7}),
        ([("response", {"statusCode": 204})], 204, ""),
        ([("response", {"body": "<script>alert(1)</script>"})], 200, "<script>alert(1)</script>"),
        ([], 200, "ok"),
        ([SAY], 200, {"messages": ["Thank you, 7."]}),
        ([SAY, FAIL], 500, ["Thank you, 7."]),
        ([BREAK], 500, ["The workflow failed."]),
        (
            [("delay", {"duration": 60_000})],
            202,
            ["The execution waits for something and goes on without this request."],
        ),
    ],
)
def test_a_synchronous_one_answers_as_its_run_says(hook, post, steps, status, content):
    workflow = hook(steps=steps, sync=True)
    response = post(workflow, {"id": 7})
    text = response.content.decode()
    assert response.status_code == status
    if isinstance(content, list):
        told = json.loads(text)
        assert [entry["message"] for entry in told["errors" if status >= 400 else "messages"]] == content
        assert told["execution"] == runs(workflow)[0].pk
    else:
        assert (json.loads(text) if isinstance(content, dict) else text) == content
    assert "html" not in response.get("Content-Type", ""), "what a request says is never shown as a page"


DELIVERY = {"delivery": {"from": "body", "path": "meta.id"}}


def test_a_delivery_starts_one_run_however_often_it_comes(hook, post):
    workflow = hook(DELIVERY)
    for _ in range(3):
        assert post(workflow, {"meta": {"id": 12}}).status_code == 200
    post(workflow, {"meta": {"id": 13}})
    post(workflow, {"meta": {"id": "x" * 1_000}})
    assert [run.event_key for run in runs(workflow)][:2] == ["delivery:12", "delivery:13"]
    assert len(runs(workflow)) == 3


@pytest.mark.parametrize("given", [None, {}, {"meta": {"id": ""}}, {"meta": {"id": {}}}, {"meta": {"id": True}}])
def test_a_request_without_its_delivery_is_refused(hook, post, given):
    workflow = hook(DELIVERY)
    response = post(workflow, given)
    assert (response.status_code, errors(response)) == (400, {"body.meta.id": "invalid"})
    assert runs(workflow) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("steps", "status"), [([RESPOND], 200), ([BREAK], 500)])
def test_a_repeated_delivery_of_a_synchronous_one_tells_how_the_first_went(hook, post, steps, status):
    workflow = hook(DELIVERY, steps=steps, sync=True)
    post(workflow, {"meta": {"id": 1}, "id": 7})
    assert post(workflow, {"meta": {"id": 1}, "id": 7}).status_code == status
    assert len(runs(workflow)) == 1
