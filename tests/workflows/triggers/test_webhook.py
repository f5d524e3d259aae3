import pytest

from workflows.errors import Invalid
from workflows.triggers import get_trigger


def checked(config):
    trigger = get_trigger("webhook")
    parsed = trigger.parse(config)
    trigger.check(parsed)
    return parsed


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"auth": None, "headers": None, "contentTypes": None, "maxBytes": None, "response": None, "query": None},
        {"auth": {"type": "basic", "username": "a", "password": "{{ $env.A }}"}},
        {"delivery": {"from": "headers", "path": "X-GitHub-Delivery"}},
        {"delivery": {"from": "body", "path": "a[0].b"}},
    ],
)
def test_what_is_taken(config):
    assert checked(config).max_bytes == 1024 * 1024


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"auth": {"type": "digest"}}, "auth.type"),
        ({"delivery": {"from": "headers", "path": "Authorization"}}, "delivery.path"),
        ({"response": {"headers": [{"name": "X-Accel-Redirect", "value": "/a"}]}}, "response.headers.0.name"),
        ({"auth": {"type": "basic", "password": "{{$env.A}}"}}, "auth.username"),
        ({"auth": {"type": "basic", "username": "a", "password": "plain"}}, "auth.password"),
        ({"auth": {"type": "bearer"}}, "auth.token"),
        ({"auth": {"type": "bearer", "token": "x{{$env.A}}"}}, "auth.token"),
        ({"auth": {"type": "bearer", "token": "{{$env}}"}}, "auth.token"),
        ({"auth": {"type": "bearer", "token": "{{$context.a}}"}}, "auth.token"),
        ({"auth": {"type": "hmac", "secret": "plain"}}, "auth.secret"),
        ({"auth": {"type": "hmac", "secret": "{{$env.A}}", "header": "a b"}}, "auth.header"),
        ({"auth": {"type": "hmac", "secret": "{{$env.A}}", "timestampHeader": "a:"}}, "auth.timestampHeader"),
        ({"auth": {"type": "hmac", "secret": "{{$env.A}}", "tolerance": 0}}, "auth.tolerance"),
        ({"headers": [{"path": ""}]}, "headers.0.path"),
        ({"headers": [{"path": "Authorization"}]}, "headers.0.path"),
        ({"headers": [{"path": "Cookie"}]}, "headers.0.path"),
        ({"headers": [{"path": "A"}, {"path": "B", "alias": "A"}]}, "headers.1.alias"),
        ({"query": [{"path": "a..b"}]}, "query.0.path"),
        ({"body": [{"path": "a[x]"}]}, "body.0.path"),
        ({"body": [{"path": "a"}, {"path": "a"}]}, "body.1.alias"),
        ({"contentTypes": []}, "contentTypes"),
        ({"maxBytes": 0}, "maxBytes"),
        ({"maxBytes": 10**9}, "maxBytes"),
        ({"delivery": {"path": ""}}, "delivery.path"),
        ({"response": {"status": 99}}, "response.status"),
        ({"response": {"headers": [{"name": "a b", "value": "1"}]}}, "response.headers.0.name"),
        ({"response": {"headers": [{"name": "Transfer-Encoding", "value": "1"}]}}, "response.headers.0.name"),
        ({"response": {"headers": [{"name": "A", "value": "1\r\nB: 2"}]}}, "response.headers.0.value"),
    ],
)
def test_bad_configurations_are_refused_at_their_place(config, path):
    with pytest.raises(Invalid) as caught:
        checked(config)
    assert path in caught.value.errors


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"body": {"a": 1}}, {"headers": {}, "query": {}, "body": {"a": 1}}),
        ({"query": {"q": "1"}, "more": 1}, {"headers": {}, "query": {"q": "1"}, "body": None}),
    ],
)
def test_a_run_by_hand_is_given_what_a_request_would_give(values, expected):
    trigger = get_trigger("webhook")
    assert trigger.manual_context(trigger.parse({}), values) == expected


@pytest.mark.parametrize(("values", "field"), [(None, "values"), ([], "values"), ({"query": "q"}, "query")])
def test_values_of_another_shape_are_refused(values, field):
    trigger = get_trigger("webhook")
    with pytest.raises(Invalid) as caught:
        trigger.manual_context(trigger.parse({}), values)
    assert caught.value.field == field
