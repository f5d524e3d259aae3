"""How the pages of a long list are found: through which rows, in which order, and where the next one begins.

A page is found in two statements: the keys of its rows, from an index, then the rows themselves by their keys. So an
index need hold no more than what is filtered and ordered by, and no row is read that is not shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    DurationField,
    F,
    Field,
    FloatField,
    Func,
    Q,
    QuerySet,
    Value,
)
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from workflows.errors import Invalid

Kind = Literal["time", "seconds", "number", "text"]

#: The value a list is ordered by, None where it is ordered by number alone; and the record's number.
Key = tuple[Any, int]

MAX_NUMBER = 2**63 - 1

_FIELDS: dict[Kind, type["Field[Any, Any]"]] = {
    "time": DateTimeField,
    "seconds": DurationField,
    "number": FloatField,
    "text": CharField,
}


@dataclass(frozen=True)
class Order:
    """By a column and then by number, or by number alone; "-" before the name: the greatest first."""

    name: str = "-id"
    column: str | None = None
    kind: Kind = "text"

    @property
    def descending(self) -> bool:
        return self.name.startswith("-")

    def cursor(self, key: Key) -> str:
        """Where the page behind this row begins: its number or, as "number~order~value", its place."""
        value, number = key
        return str(number) if self.column is None else f"{number}~{self.name}~{_written(value)}"

    def key(self, cursor: str) -> Key:
        """The place that a cursor of this order names. Raises `Invalid` for any other text."""
        number, *rest = cursor.split("~", 2)
        pk = as_id(number)
        if pk is not None and self.column is None and not rest:
            return None, pk
        if pk is not None and self.column is not None and len(rest) == 2 and rest[0] == self.name:
            value = _read(rest[1], self.kind)
            if value is not None:
                return value, pk
        raise Invalid(
            _("This is no cursor of this list and order; take it from `next` of the page before."), field="cursor"
        )


@dataclass(frozen=True)
class Listing:
    """What the pages of a list are found by.

    `rows` are those that the keys are read from, each with the record's number in the column `number`. `branches`: of
    these conditions each row meets one at most; every one is looked up for itself, as no index gives the rows of
    several values in one order.
    """

    rows: QuerySet[Any]
    order: Order = field(default_factory=Order)
    number: str = "id"
    branches: Sequence[Q] = ()
    #: A record may stand in several rows.
    distinct: bool = False

    def keys(self, cursor: str, limit: int, offset: int = 0) -> list[Key]:
        """The keys of a page's rows, in order."""
        rows = self.rows
        if cursor:
            rows = rows.filter(self._behind(self.order.key(cursor)))
        sign = "-" if self.order.descending else ""
        if self.order.column is not None:
            rows = rows.filter(self.any_branch()).order_by(f"{sign}{self.order.column}", f"{sign}{self.number}")
            return list(rows.values_list(self.order.column, self.number)[offset : offset + limit])
        rows = rows.order_by(f"{sign}{self.number}").values_list(self.number, flat=True)
        rows = rows.distinct() if self.distinct else rows
        if len(self.branches) > 1:
            found = self._merged(rows, offset + limit)[offset:]
        else:
            found = list(rows.filter(*self.branches)[offset : offset + limit])
        return [(None, number) for number in found]

    def any_branch(self) -> Q:
        found = Q()
        for branch in self.branches:
            found |= branch
        return found

    def _behind(self, key: Key) -> Q:
        value, number = key
        operator = "<" if self.order.descending else ">"
        if self.order.column is None:
            return Q(**{f"{self.number}__{'lt' if operator == '<' else 'gt'}": number})
        shown = Value(value, output_field=_FIELDS[self.order.kind]())
        return Q(Behind(F(self.order.column), F(self.number), shown, Value(number), operator=operator))

    def _merged(self, rows: QuerySet[Any], limit: int) -> list[int]:
        """The first numbers of all branches: each one's first from its own place in the index."""
        texts: list[str] = []
        values: list[Any] = []
        for branch in self.branches:
            try:
                text, given = rows.filter(branch)[:limit].query.get_compiler(rows.db).as_sql()
            except EmptyResultSet:
                continue
            texts.append(f"SELECT * FROM ({text}) b{len(texts)}")  # noqa: S608 - Django's own SQL, its values bound
            values += given
        if not texts:
            return []
        way = "DESC" if self.order.descending else "ASC"
        with connections[rows.db].cursor() as cursor:
            merged = f"SELECT * FROM ({' UNION ALL '.join(texts)}) u"  # noqa: S608 - as above
            cursor.execute(f"{merged} ORDER BY 1 {way} LIMIT {limit}", values)
            return [number for (number,) in cursor.fetchall()]


def as_id(text: str) -> int | None:
    """None for what can't be an id."""
    # Length first: int() of a very long text is slow, and refuses beyond 4,300 digits.
    fits = text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_NUMBER
    return int(text) if fits else None


class Behind(Func):
    """(a, b) < (c, d), or > : as one comparison where the database looks that up in an index."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        (a, b, c, d), (p, q, r, s) = zip(
            *(compiler.compile(each) for each in self.get_source_expressions()), strict=True
        )
        sign = self.extra["operator"]
        if connection.vendor == "mysql":
            return f"({a} {sign}= {c} AND ({a} {sign} {c} OR {b} {sign} {d}))", [*p, *r, *p, *r, *q, *s]
        return f"(({a}, {b}) {sign} ({c}, {d}))", [*p, *q, *r, *s]


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return str(value // timedelta(microseconds=1))
    return repr(value) if isinstance(value, float) else str(value)


def _read(text: str, kind: Kind) -> Any:
    """The value that `_written` wrote, or None."""
    if "\x00" in text or len(text) > 300:
        return None
    try:
        match kind:
            case "time":
                moment = parse_datetime(text)
                return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
            case "seconds":
                return timedelta(microseconds=int(text)) if len(text) < 18 else None
            case "number":
                number = float(text)
                return number if math.isfinite(number) else None
            case "text":
                return text
    except (ValueError, OverflowError):
        return None
