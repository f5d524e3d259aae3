"""Pages with a count, or with the word that there is more (spec nocobase-http 1.2, 3.1)."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import Call
from executions.store import counts
from workflows.errors import Invalid
from workflows.listing.bounds import bounded

PAGE_SIZE = 20
MOST_PAGE_SIZE = 1_000
#: Rows that `paginate=false` answers.
MOST_ROWS = 10_000
_MOST_PAGE = 10**9


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    meta: dict[str, Any] | None


def page_of(call: Call) -> tuple[int, int]:
    """(page, size). Raises `Invalid` for what is no positive number."""
    return _positive(call, "page", 1, _MOST_PAGE), _positive(call, "pageSize", PAGE_SIZE, MOST_PAGE_SIZE)


def paginated(call: Call) -> bool:
    return call.params.get("paginate") not in ("false", "0")


def paged(rows: "QuerySet[Any]", call: Call, *, counted: bool = True) -> Page:
    """The page that is asked for. `counted` False tells only whether more follows, and counts nothing."""
    with bounded(rows.db, "filter"):
        if not paginated(call):
            found = list(rows[: MOST_ROWS + 1])
            if len(found) > MOST_ROWS:
                raise Invalid(_("There are more than %d rows; ask for them by pages.") % MOST_ROWS, field="paginate")
            return Page(found, None)
        page, size = page_of(call)
        begin = (page - 1) * size
        if not counted:
            found = list(rows[begin : begin + size + 1])
            return Page(found[:size], {"hasNext": len(found) > size, "page": page, "pageSize": size})
        count = counts.total(rows)
        found = list(rows[begin : begin + size]) if begin < count else []
        return Page(found, {"count": count, "page": page, "pageSize": size, "totalPage": -(-count // size)})


def _positive(call: Call, name: str, default: int, most: int) -> int:
    number = call.whole(name)
    if number is None and name not in call.params:
        return default
    if number is None or number < 1:
        raise Invalid(_("A number from 1 on belongs here."), field=name)
    return min(number, most)
