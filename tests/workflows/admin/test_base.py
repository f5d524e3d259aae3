import pytest

from tests.workflows.kinds import spare
from workflows.admin import base
from workflows.admin.base import CappedPaginator, badge
from workflows.models import Workflow


@pytest.mark.django_db
def test_the_paginator_counts_no_further_than_its_cap(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(base, "COUNTED", 3)
    for _ in range(5):
        spare()
    with django_assert_num_queries(1) as queries:
        assert CappedPaginator(Workflow.objects.order_by("-id"), 2).num_pages == 2
    assert "LIMIT 3" in queries[0]["sql"]
    assert "ORDER BY" not in queries[0]["sql"]


def test_a_badge_escapes_its_word():
    assert "<b>" not in badge("<b>", "good")


@pytest.mark.django_db
@pytest.mark.parametrize("ticked", ["abc", "9" * 40, "\x00", "-1", ""])
@pytest.mark.parametrize(
    ("where", "action"),
    [
        ("executions/execution", "cancel_selected"),
        ("workflows/workflow", "enable_selected"),
        ("workflows/category", "delete_selected"),
    ],
)
def test_a_ticked_row_whose_id_is_none_is_no_error(pages, where, action, ticked):
    answer = pages().http.post(f"/admin/{where}/", {"action": action, "_selected_action": [ticked]}, follow=True)
    assert answer.status_code == 200
