"""Pages by number are the same from either end, and from neither read more than they show."""

import pytest

from executions.dialects.clouds import numbered
from executions.models import Execution
from tests.executions.rows import run

pytestmark = pytest.mark.django_db

ROWS = 11
PLACES = [(offset, limit) for limit in (1, 3, 5, 11, 20) for offset in (0, 1, 3, 5, 6, 8, 10, 11, 12, 500)]


@pytest.fixture
def ids():
    return [run().pk for _ in range(ROWS)][::-1]


@pytest.mark.parametrize(("offset", "limit"), PLACES)
def test_a_page_is_what_stands_at_its_places(ids, offset, limit):
    runs = Execution.objects.order_by("-id")
    for total in (None, numbered.total(runs)):
        found = numbered.page(runs, offset, limit, ["status"], total)
        assert [row.pk for row in found] == ids[offset : offset + limit]


@pytest.mark.parametrize(("offset", "limit"), PLACES)
def test_so_it_is_by_two_columns(ids, offset, limit):
    # All of one moment but for one that is younger than its id says.
    Execution.objects.update(created_at="2026-01-01T00:00Z")
    Execution.objects.filter(pk=ids[-1]).update(created_at="2026-01-02T00:00Z")
    wanted = [ids[-1], *ids[:-1]][offset : offset + limit]
    runs = Execution.objects.order_by("-created_at", "-id")
    for total in (None, ROWS):
        assert [row.pk for row in numbered.page(runs, offset, limit, ["status"], total)] == wanted


def test_runs_that_begin_meanwhile_move_no_place_that_is_counted_from_the_end(ids):
    runs = Execution.objects.order_by("-id")
    total = numbered.total(runs)
    run()
    assert [row.pk for row in numbered.page(runs, 9, 5, ["status"], total)] == ids[9:]


@pytest.mark.parametrize(("offset", "total", "queries"), [(0, None, 2), (9, ROWS, 2), (ROWS, ROWS, 0), (0, 0, 0)])
def test_nothing_is_asked_for_where_nothing_is(ids, offset, total, queries, django_assert_num_queries):
    with django_assert_num_queries(queries):
        numbered.page(Execution.objects.order_by("-id"), offset, 5, ["status"], total)


def test_only_what_is_shown_is_loaded(ids):
    [row, *_rest] = numbered.page(Execution.objects.order_by("-id"), 0, 5, ["status"])
    assert {"status", "id"} <= set(row.__dict__)
    assert "context" not in row.__dict__
