"""What holds for versions whatever is done to them."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.versioning import count, create, state
from workflows import versions
from workflows.counters import executed_of_keys
from workflows.models import Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def test_case_28_counters_beyond_doubles():
    workflow = create()
    count(workflow, 2**53 + 1, 2**53 + 3)
    assert versions.executed([workflow.pk]) == {workflow.pk: 2**54 + 4}
    assert executed_of_keys([workflow.key]) == {workflow.key: 2**54 + 4}


def test_counts_cost_one_query(django_assert_num_queries):
    rows = [create() for _ in range(3)]
    count(rows[1], 1, 2)
    with django_assert_num_queries(1):
        assert list(versions.executed([row.pk for row in rows]).values()) == [0, 3, 0]


def test_the_examples_of_the_docs():
    text = (Path(__file__).parents[2] / "docs" / "versions.md").read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    made = Workflow.objects.filter(key=names["big_order"].key)
    assert [row.version for row in made.order_by("pk")] == [1, 2]
    assert state(names["big_order"], names["second"]) == [(False, None), (True, True)]
