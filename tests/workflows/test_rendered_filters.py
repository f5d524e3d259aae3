"""What stands in a filter as a value stays one, whatever the data hold."""

from typing import Any

import pytest

from config.shop.models import Customer
from executions import run_now
from executions.models import Job
from tests.building import build
from workflows import filters
from workflows.errors import Invalid

OBJECT = {"$ne": "zz"}


@pytest.mark.parametrize(
    ("written", "rendered", "refused"),
    [
        ({"code": "{{x}}"}, {"code": "a"}, None),
        ({"code": "{{x}}"}, {"code": ["a"]}, None),
        ({"code": "{{x}}"}, {"code": OBJECT}, "f.code"),
        ({"customer": {"code": "{{x}}"}}, {"customer": {"code": OBJECT}}, "f.customer.code"),
        ({"code": {"$not": "{{x}}"}}, {"code": {"$not": OBJECT}}, "f.code.$not"),
        ({"code": {"$eq": "{{x}}"}}, {"code": {"$eq": OBJECT}}, None),
        ({"at.$dateOn": "{{x}}"}, {"at.$dateOn": {"type": "today"}}, None),
        ({"$or": [{"code": "{{x}}"}]}, {"$or": [{"code": OBJECT}]}, "f.$or.0.code"),
        ({"{{x}}": "{{y}}"}, {"code": OBJECT}, "f.{{x}}"),
        ({"{{x}}": 1, "code": "{{y}}"}, {"code": OBJECT}, "f"),
        # The whole filter, or a part that is one, is meant to come from the data.
        ("{{x}}", {"code": OBJECT}, None),
        ({"$and": "{{x}}"}, {"$and": [{"code": OBJECT}]}, None),
        ({"$and": ["{{x}}", {"tier": "gold"}]}, {"$and": [{"code": OBJECT}, {"tier": "gold"}]}, None),
    ],
)
def test_a_template_for_a_value_gives_no_conditions(written: Any, rendered: Any, refused: str | None) -> None:
    if refused is None:
        filters.check_rendered(written, rendered, path="f")
        return
    with pytest.raises(Invalid) as caught:
        filters.check_rendered(written, rendered, path="f")
    assert caught.value.field == refused


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("type", "params"),
    [
        ("update", {"values": {"city": "X"}}),
        ("destroy", {}),
        ("query", {"multiple": True}),
        ("aggregate", {"field": "id"}),
    ],
)
def test_data_can_not_widen_what_a_node_takes(type: str, params: dict[str, Any]) -> None:
    for code in "ab":
        Customer.objects.create(name=code, code=code)
    config: dict[str, Any] = {
        "params": {**params, "filter": {"code": "{{$context.code}}"}},
        "collection": "shop.Customer",
    }
    if type == "aggregate":
        config["aggregator"] = "count"
    execution = run_now(build([(type, config)]), {"code": OBJECT})
    assert execution is not None
    job = Job.objects.get(execution=execution)
    assert job.status < 0
    assert "came out as an object" in str(job.result)
    assert set(Customer.objects.values_list("code", "city")) == {("a", ""), ("b", "")}
