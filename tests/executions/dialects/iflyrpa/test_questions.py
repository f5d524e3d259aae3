"""What is wrong with a question, as FastAPI words it: 422 with a list of entries (spec cloud-dialects 3)."""

import pytest

from executions.models import Execution
from tests.building import build

pytestmark = pytest.mark.django_db

NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def least(name, given, least=1):
    return {
        "type": "greater_than_equal", "loc": ["query", name], "input": given, "ctx": {"ge": least},
        "msg": f"Input should be greater than or equal to {least}",
    }  # fmt: skip


def most(name, given):
    return {
        "type": "less_than_equal", "loc": ["query", name], "input": given, "ctx": {"le": 100},
        "msg": "Input should be less than or equal to 100",
    }  # fmt: skip


def no_integer(name, given):
    return {"type": "int_parsing", "loc": ["query", name], "msg": NO_INTEGER, "input": given}


@pytest.mark.parametrize("path", ["executions/get", "workflows/get"])
@pytest.mark.parametrize(
    ("query", "entries"),
    [
        ("pageNo=0", [least("pageNo", "0")]),
        ("pageNo=-7", [least("pageNo", "-7")]),
        ("pageSize=0", [least("pageSize", "0")]),
        ("pageSize=101", [most("pageSize", "101")]),
        ("pageNo=0&pageSize=101", [least("pageNo", "0"), most("pageSize", "101")]),
        ("pageNo=abc", [no_integer("pageNo", "abc")]),
        ("pageNo=", [no_integer("pageNo", "")]),
        ("pageSize=1.5", [no_integer("pageSize", "1.5")]),
        ("pageSize=%E4%B8%AD", [no_integer("pageSize", "中")]),
        ("pageNo=1&pageNo=x", [no_integer("pageNo", "x")]),
    ],
)
def test_parameters_out_of_range(rpa, path, query, entries):
    assert rpa()("GET", f"{path}?{query}", status=422) == {"detail": entries}


def entry(kind, message, given, *place, **ctx):
    told = {"type": kind, "loc": ["body", *place], "msg": message, "input": given}
    return {**told, "ctx": ctx} if ctx else told


@pytest.mark.parametrize("path", ["workflows/execute", "workflows/execute-async"])
@pytest.mark.parametrize(
    ("body", "entries"),
    [
        ({}, [entry("missing", "Field required", {}, "project_id")]),
        ({"params": {}}, [entry("missing", "Field required", {"params": {}}, "project_id")]),
        ({"project_id": 5}, [entry("string_type", "Input should be a valid string", 5, "project_id")]),
        ({"project_id": None}, [entry("string_type", "Input should be a valid string", None, "project_id")]),
        (
            {"project_id": "x", "params": []},
            [entry("dict_type", "Input should be a valid dictionary", [], "params")],
        ),
        ({"project_id": "x", "version": "two"}, [entry("int_parsing", NO_INTEGER, "two", "version")]),
        (
            [],
            [entry("model_attributes_type", "Input should be a valid dictionary or object to extract fields from", [])],
        ),
        (b"", [entry("missing", "Field required", None)]),
        (b"null", [entry("missing", "Field required", None)]),
        (
            b"{",
            [
                entry(
                    "json_invalid",
                    "JSON decode error",
                    {},
                    1,
                    error="Expecting property name enclosed in double quotes",
                )
            ],
        ),
    ],
)
def test_bodies_out_of_shape(rpa, path, body, entries):
    assert rpa()("POST", path, body, status=422) == {"detail": entries}
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"project_id": "a\\u0000"}', ["body", "project_id"]),
        (b'{"project_id": "x", "params": {"a": ["\\ud800"]}}', ["body", "params", "a", "0"]),
        (b'{"project_id": "x", "params": {"a": NaN}}', ["body", "params", "a"]),
    ],
)
def test_what_can_not_be_stored_is_named(rpa, body, place):
    [told] = rpa()("POST", "workflows/execute-async", body, status=422)["detail"]
    assert (told["type"], told["loc"], told["input"]) == ("value_error", place, None)


@pytest.mark.parametrize("body", [b'"\xff"', b"[" * 100_000, b"1" * 5_000])
def test_what_no_reader_takes_is_a_bad_request(rpa, body):
    assert rpa()("POST", "workflows/execute-async", body, status=400)["detail"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_bodies_of_other_kinds_are_no_objects(rpa, kind):
    flow = build([])
    body = f"project_id={flow.key}"
    [told] = rpa()("POST", "workflows/execute-async", body.encode(), content_type=kind, status=422)["detail"]
    assert (told["type"], told["loc"], told["input"]) == ("model_attributes_type", ["body"], body)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.some+json", "APPLICATION/JSON"])
def test_json_has_several_names(rpa, kind):
    body = b'{"project_id": "%s"}' % build([]).key.encode()
    assert rpa()("POST", "workflows/execute-async", body, content_type=kind)["code"] == "0000"


def test_a_body_beyond_the_limit_is_too_large(rpa, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    body = {"project_id": "x", "params": {"a": "b" * 200}}
    assert rpa()("POST", "workflows/execute", body, status=413)["detail"]
