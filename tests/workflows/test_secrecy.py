import pytest

from executions import start
from executions.models import Job
from executions.testing import drain
from tests.building import build
from workflows.secrecy import MASK, masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"password": "x", "user": "y"}, {"password": MASK, "user": "y"}),
        ({"name": "Authorization", "value": "Bearer x"}, {"name": "Authorization", "value": MASK}),
        ({"name": "Accept", "value": "text/html"}, {"name": "Accept", "value": "text/html"}),
        ([{"a": [{"api_key": 3}]}], [{"a": [{"api_key": MASK}]}]),
        ({"token": ""}, {"token": ""}),
        ({"X-Api-Key": {"deep": 1}}, {"X-Api-Key": MASK}),
        ({"tokens": 12, "passwordless": True}, {"tokens": 12, "passwordless": True}),
        ("password", "password"),
    ],
)
def test_values_with_a_secret_name_are_masked(value, shown):
    assert masked(value) == shown


@pytest.mark.django_db(transaction=True)
def test_the_input_of_a_call_shows_no_credentials():
    headers = [{"name": "Authorization", "value": "Bearer {{$context.key}}"}, {"name": "Accept", "value": "text/plain"}]
    call = {"url": "http://127.0.0.1:9/", "headers": headers, "params": [{"name": "api_key", "value": "k3y"}]}
    start(build([("request", call)]), {"key": "s3cret"})
    drain()
    text = str(Job.objects.get().input)
    assert "s3cret" not in text
    assert "k3y" not in text
    assert "text/plain" in text
