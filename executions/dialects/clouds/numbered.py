"""Pages by number: ids by an index first, their rows after, so that the last page reads no more rows than the first."""

from collections.abc import Sequence

from django.db.models import QuerySet

from executions.models import Execution


def total(runs: QuerySet[Execution]) -> int:
    """How many there are, exactly."""
    return runs.order_by().count()


def page(
    runs: QuerySet[Execution], offset: int, limit: int, only: Sequence[str], total: int | None = None
) -> list[Execution]:
    """The runs at these places of an ordered queryset, with these columns.

    With their `total` ids are read from the nearer end: no database finds a place without passing those before it.
    """
    ids = _ids(runs.values_list("pk", flat=True), offset, limit, total)
    rows = {row.pk: row for row in Execution.objects.filter(pk__in=ids).order_by().only(*only)} if ids else {}
    # One that was deleted between the two statements is not shown.
    return [rows[pk] for pk in ids if pk in rows]


def _ids(pks: "QuerySet[Execution, int]", offset: int, limit: int, total: int | None) -> list[int]:
    if total is None:
        return list(pks[offset : offset + limit])
    end = min(offset + limit, total)
    if offset >= end:
        return []
    if offset <= total - end:
        return list(pks[offset:end])
    return list(pks.reverse()[total - end : total - offset])[::-1]
