"""SIGKILL around the commits of a run that names a secret: nodes see what they would have seen, and nothing is kept."""

import pytest

from config.shop.models import Customer
from executions import start
from executions.models import Execution, Job
from tests.building import build
from workflows import secrets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

VALUE = "hunter2-hunter2"
STEPS = [
    ("calculation", {"engine": "string", "expression": "<{{$env.TOKEN}}>"}),
    ("create", {"collection": "shop.Customer", "params": {"values": {"name": "{{$env.TOKEN}}"}}}),
    ("delay", {"duration": 1, "unit": 1000, "endStatus": 1}),
    ("t-call", {"act": "give", "value": ["{{$env.TOKEN}}", "{{$jobsMapByNodeKey.n1}}"]}),
    ("output", {"value": ["{{$jobsMapByNodeKey.n1}}", "{{$jobsMapByNodeKey.n2.name}}", "{{$jobsMapByNodeKey.n4}}"]}),
]
SEEN = ["<******>", "******", ["******", "<******>"]]


@pytest.fixture(autouse=True)
def one_key(monkeypatch, settings):
    """The victim opens what this process encrypts."""
    settings.SECRET_KEY = "one key for both processes, of fifty characters or so"
    monkeypatch.setenv("SECRET_KEY", settings.SECRET_KEY)


@pytest.mark.usefixtures("acts")
@pytest.mark.parametrize(("side", "commit"), [("before", 2), ("after", 2), ("before", 3), ("after", 3), ("after", 99)])
def test_a_kill_changes_nothing_of_what_nodes_see(victim, settle, side, commit):
    secrets.create("TOKEN", VALUE)
    execution = start(build(STEPS), {})
    assert victim(side, commit) == (0 if commit == 99 else -9)
    settle()
    execution.refresh_from_db()
    assert (execution.status, execution.output) == (1, SEEN), execution.error
    assert [customer.name for customer in Customer.objects.all()] == [VALUE]
    assert VALUE not in str([*Execution.objects.values(), *Job.objects.values()])
