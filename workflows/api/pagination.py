"""Paging by key: the cursor is the last row's own number.

Pages stay stable while rows come and go, and nothing is counted.
"""

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

MAX_NUMBER = 2**63 - 1


class KeysetPagination(BasePagination):
    """`?cursor=` is taken from the page before (its `next`); `?page_size=` is 1 to 200.

    The view's `keyset` names the column, with "-" for descending.
    """

    page_size = 50
    max_page_size = 200
    params = ("cursor", "page_size")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        keyset: str = view.keyset
        column = keyset.removeprefix("-")
        size = whole_number(request, "page_size", 1, self.max_page_size) or self.page_size
        cursor = whole_number(request, "cursor", 0, MAX_NUMBER)
        if cursor is not None:
            queryset = queryset.filter(**{f"{column}__{'lt' if keyset.startswith('-') else 'gt'}": cursor})
        # One more than shown tells whether there is a next page.
        rows = list(queryset.order_by(keyset)[: size + 1])
        self.next = self._link(request, rows[size - 1], column) if len(rows) > size else None
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": {"type": "string", "format": "uri", "nullable": True}, "results": schema},
        }

    def _link(self, request: Request, last: Model, column: str) -> str:
        return replace_query_param(request.build_absolute_uri(), "cursor", str(getattr(last, column)))


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
