"""Paging by key: the cursor is the last row's own number, and what it is ordered by.

Pages stay stable while rows come and go, and nothing is counted. Who wants pages with numbers gets them as far as
counting stays cheap.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from workflows.listing.bounds import bounded
from workflows.listing.pages import Key, Listing, Order
from workflows.listing.parameters import Parameter

#: As far as rows are counted, and pages have numbers.
COUNTED = 10_000


class KeysetPagination(BasePagination):
    """`?cursor=` is taken from the page before (its `next`), or `?page=` is a number; `?page_size=` is 1 to 200.

    The view's `keyset` names the column, with "-" for descending; a view whose filters have made a `listing` finds its
    pages by that.
    """

    page_size = 50
    max_page_size = 200
    #: Without "page" there are no numbered pages.
    params: tuple[str, ...] = ("cursor", "page_size", "page")

    next: str | None = None
    #: What an answer with a numbered page says besides.
    counted: dict[str, Any] | None = None

    @classmethod
    def described(cls) -> list[Parameter]:
        """Its parameters, for the API's description."""
        found = [
            Parameter(
                "cursor",
                {"type": "string", "pattern": "^[0-9]{1,18}(~.*)?$"},
                gettext_lazy("Where the page begins: taken from `next` of the page before."),
            ),
            Parameter(
                "page_size",
                {"type": "integer", "minimum": 1, "maximum": cls.max_page_size, "default": cls.page_size},
                gettext_lazy("Most rows of a page."),
            ),
            Parameter(
                "page",
                {"type": "integer", "minimum": 1, "maximum": COUNTED},
                gettext_lazy("The number of the page, instead of a cursor; the answer then counts up to 10,000 rows."),
            ),
        ]
        return [each for each in found if each.name in cls.params]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        size = whole_number(request, "page_size", 1, self.max_page_size) or self.page_size
        page = whole_number(request, "page", 1, COUNTED) if "page" in self.params else None
        cursor = request.query_params.get("cursor", "")
        if page is not None and cursor:
            raise ValidationError({"page": _("Give a page or a cursor, not both.")})
        offset = ((page or 1) - 1) * size
        if offset >= COUNTED:
            raise ValidationError(
                {"page": _("Pages end at row %d; go on with `next`, or narrow the list.") % COUNTED},
            )
        found: Listing | None = getattr(view, "listing", None)
        pages = _Listed(queryset, found) if found is not None else _Whole(queryset, view.keyset)
        with bounded(queryset.db, getattr(view.filterset_class, "narrow_by", "") if found is not None else ""):
            # One more than shown tells whether there is a next page.
            keys, rows = pages.page(cursor, size + 1, offset)
            more = len(keys) > size
            count = _count(queryset) if page is not None else None
        self.next = self._link(request, cursor=pages.order.cursor(keys[size - 1])) if more else None
        if count is not None and page is not None:
            self._count(request, count, page, more and offset + size < COUNTED)
        return rows[:size]

    def _count(self, request: Request, count: int, page: int, more: bool) -> None:
        if not more and count <= COUNTED:
            self.next = None
        elif more:
            self.next = self._link(request, page=page + 1)
        self.counted = {
            "count": min(count, COUNTED),
            "more_than": count > COUNTED,
            "previous": self._link(request, page=page - 1) if page > 1 else None,
        }

    def get_paginated_response(self, data: Any) -> Response:
        return Response({**(self.counted or {}), "next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": "string", "format": "uri", "nullable": True},
                "results": schema,
                # With `page` only.
                "count": {"type": "integer", "maximum": COUNTED},
                "more_than": {"type": "boolean"},
                "previous": {"type": "string", "format": "uri", "nullable": True},
            },
        }

    def _link(self, request: Request, **place: Any) -> str:
        address = request.build_absolute_uri()
        for name in ("cursor", "page"):
            address = remove_query_param(address, name)
        for name, value in place.items():
            address = replace_query_param(address, name, str(value))
        return address


class _Whole:
    """Pages of a short list: its rows in one statement."""

    def __init__(self, queryset: QuerySet[Any], keyset: str) -> None:
        self.queryset = queryset
        self.column = keyset.removeprefix("-")
        self.order = Order("-id" if keyset.startswith("-") else "id")

    def page(self, cursor: str, limit: int, offset: int) -> tuple[list[Key], list[Any]]:
        queryset = self.queryset
        if cursor:
            _value, number = self.order.key(cursor)
            queryset = queryset.filter(**{f"{self.column}__{'lt' if self.order.descending else 'gt'}": number})
        sign = "-" if self.order.descending else ""
        rows = list(queryset.order_by(f"{sign}{self.column}")[offset : offset + limit])
        return [(None, getattr(row, self.column)) for row in rows], rows


class _Listed:
    """Pages of a long list: the keys first, then their rows."""

    def __init__(self, queryset: QuerySet[Any], found: Listing) -> None:
        self.queryset = queryset
        self.found = found
        self.order = found.order

    def page(self, cursor: str, limit: int, offset: int) -> tuple[list[Key], list[Any]]:
        keys = self.found.keys(cursor, limit, offset)
        numbers = [number for _value, number in keys[: limit - 1]]
        by_number = {row.pk: row for row in self.queryset.order_by().filter(pk__in=numbers)}
        # One that was deleted, or no longer fits, since its key was read is left out.
        return keys, [by_number[number] for number in numbers if number in by_number]


def _count(queryset: QuerySet[Any]) -> int:
    """How many rows, one more than are counted at most."""
    return queryset.order_by().values("pk")[: COUNTED + 1].count()


def whole_number(request: Request, name: str, least: int, most: int) -> int | None:
    """A query parameter as a number, or None where it is not given. Raises `ValidationError` naming the range."""
    text = request.query_params.get(name, "")
    if text == "":
        return None
    # Length first: int() of a very long text is slow, and refuses beyond 4,300 digits.
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise ValidationError(
            {
                name: _("%(name)s is a whole number from %(least)d to %(most)d.")
                % {"name": name, "least": least, "most": most}
            }
        )
    return int(text)
