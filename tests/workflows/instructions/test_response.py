"""The response of a request (spec 5.29)."""

from functools import reduce

import pytest

from workflows.errors import Invalid
from workflows.instructions.response import Response

DEEP = reduce(lambda inside, _level: [inside], range(60), "{{$context}}")


@pytest.mark.parametrize("status", [200, 204, 404, "503", " 599 ", "{{$context.status}}"])
def test_the_status_it_may_have(status):
    kind = Response()
    kind.check(kind.parse({"statusCode": status}))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        *(({"statusCode": status}, "statusCode") for status in (0, 100, 199, 600, -200, 200.5, True, "ok", "", [200])),
        ({"statusCode": "\u0662\u0660\u0660"}, "statusCode"),
        ({"headers": [{"name": "X-A", "value": 1}, {"name": "X A", "value": 1}]}, "headers.1.name"),
        ({"headers": [{"name": "X-Ä", "value": 1}]}, "headers.0.name"),
        ({"headers": [{"name": "Connection", "value": "close"}]}, "headers.0.name"),
        ({"headers": [{"name": "content-length", "value": 1}]}, "headers.0.name"),
        ({"headers": [{"name": "X-Accel-Redirect", "value": "/private/a"}]}, "headers.0.name"),
        ({"headers": [{"name": "x-sendfile", "value": "/etc/passwd"}]}, "headers.0.name"),
        ({"headers": [{"name": "X-A", "value": "a\r\nSet-Cookie: b"}]}, "headers.0.value"),
        ({"headers": [{"name": "X-A", "value": DEEP}]}, "headers.0"),
        ({"body": DEEP}, "body"),
    ],
)  # fmt: skip
def test_what_can_not_be_sent_is_refused(config, field):
    kind = Response()
    with pytest.raises(Invalid) as told:
        kind.check(kind.parse(config))
    assert told.value.field == field


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({}, {"status": 200, "headers": [], "body": None}),
        (
            {
                "statusCode": "{{$context.status}}",
                "headers": [{"name": "X-{{$context.name}}", "value": "{{$context.n}}"}, {"name": "", "value": "none"}],
                "body": {"n": "{{$context.n}}"},
            },
            {"status": 201, "headers": [{"name": "X-Count", "value": "2"}], "body": {"n": 2}},
        ),
        ({"body": "{{$context.name}}!"}, {"status": 200, "headers": [], "body": "Count!"}),
    ],
)
def test_it_is_rendered_and_ends_the_run(config, result, make_step):
    step = make_step(Response, config, scope={"$context": {"status": "201", "name": "Count", "n": 2}})
    outcome = Response().run(step)
    assert (outcome.result, outcome.end, outcome.answers) == (result, 1, "response")
    assert set(step.input) == {"statusCode", "headers", "body"}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"statusCode": "{{$context.none}}"}, "statusCode"),
        ({"headers": [{"name": "X-A", "value": "{{$context.lines}}"}]}, "headers.0.value"),
        ({"headers": [{"name": "{{$context.lines}}", "value": "1"}]}, "headers.0.name"),
    ],
)
def test_what_came_out_wrong_is_an_error(config, field, make_step):
    with pytest.raises(Invalid) as told:
        Response().run(make_step(Response, config, scope={"$context": {"lines": "a\nb"}}))
    assert told.value.field == field
