"""Values marked sensitive stand in no list, page or log of a run."""

import pytest

from config.shop.models import Customer
from executions.models import Execution, Job
from executions.testing import drain
from tests.api import client  # noqa: F401
from tests.building import build
from tests.pages import pages  # noqa: F401
from tests.people import unwatched  # noqa: F401
from workflows import collections
from workflows.secrecy import MASK
from workflows.triggers.listening import refresh

pytestmark = pytest.mark.django_db

SECRET = "s3cret@example.com"
ORDERS = {"collection": "shop.Customer", "mode": 1}


@pytest.fixture
def ran(monkeypatch):
    """A run that a customer set off, whose email is sensitive; it reads and writes customers."""
    monkeypatch.setattr(Customer, "sluice_sensitive", ("email",), raising=False)
    collections.shown_fields.cache_clear()
    create = {"collection": "shop.Customer", "params": {"values": {"name": "Ben", "email": SECRET}}}
    query = {"collection": "shop.Customer", "params": {"filter": {"name": {"$eq": "Ann"}}}}
    build([("query", query), ("create", create)], type="collection", config=ORDERS)
    refresh(force=True)
    Customer.objects.create(name="Ann", email=SECRET)
    drain()
    yield Execution.objects.order_by("pk").first()
    collections.shown_fields.cache_clear()


def test_it_is_in_no_column_of_the_run(ran):
    assert ran.context["data"]["name"] == "Ann"
    assert Customer.objects.filter(name="Ben", email=SECRET).exists()
    rows = [*Execution.objects.values(), *Job.objects.values()]
    assert SECRET not in str(rows)
    assert MASK in str(list(Job.objects.values_list("input")))


@pytest.mark.parametrize(
    "path",
    [
        "executions/{}/", "executions/{}/?expand=jobs,workflow", "executions/{}/jobs/", "executions/{}/logs/",
        "executions/{}/timeline/", "executions/{}/graph/", "executions/?fields=id,context,output",
        "jobs/?fields=id,input,result",
    ],
)  # fmt: skip
def test_the_api_does_not_show_it(client, ran, path):  # noqa: F811
    answer = client()("GET", path.format(ran.pk))
    assert answer
    assert SECRET not in str(answer)


def test_pages_do_not_show_it(pages, ran):  # noqa: F811
    page = pages()
    assert SECRET not in page.get("executions_execution_change", ran.pk)
    assert SECRET not in page.get("executions_execution_changelist")
    for row in ran.jobs.all():
        assert SECRET not in page.get("executions_job_change", row.pk)
