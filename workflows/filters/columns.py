"""A column as operators see it, and conditions in SQL's three-valued logic."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Field, IntegerField, Q

from workflows.coercion import field_value
from workflows.filters.arrays import is_array
from workflows.jsonable import jsonable

NEVER = Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class Condition:
    """When a condition is true, when false (else it is unknown), and which of these it is of a row of NULLs.

    SQL's NOT turns true and false about and leaves unknown alone; Django's `~Q` makes unknown true.
    """

    true: Q
    false: Q
    null: bool | None

    def negated(self) -> "Condition":
        return Condition(self.false, self.true, None if self.null is None else not self.null)


def all_of(conditions: Iterable[Condition]) -> Condition | None:
    """Their AND; None, which is no condition, of none."""
    parts = list(conditions)
    if len(parts) < 2:
        return parts[0] if parts else None
    nulls = {part.null for part in parts}
    true, false = parts[0].true, parts[0].false
    for part in parts[1:]:
        true, false = true & part.true, false | part.false
    return Condition(true, false, False if False in nulls else None if None in nulls else True)


def any_of(conditions: Iterable[Condition]) -> Condition | None:
    """Their OR; None of none."""
    negated = all_of(condition.negated() for condition in conditions)
    return None if negated is None else negated.negated()


@dataclass(frozen=True, slots=True)
class Column:
    """What an operator is applied to: a model's column, or a path into a JSON column (`field` None)."""

    #: As Django spells it from the filter's model: "customer__tier".
    path: str
    #: As the filter spells it, for errors: "filter.customer.tier".
    where: str
    field: "Field[Any, Any] | None"
    zone: tzinfo | None = None

    def is_a(self, *kinds: "type[Field[Any, Any]]") -> bool:
        return isinstance(self.field, kinds)

    def at(self, lookup: str, value: Any) -> Q:
        return Q(**{f"{self.path}__{lookup}": value})

    def value(self, raw: Any) -> Any:
        """The operand as the column compares it. Raises `Invalid` where it doesn't fit."""
        if self.field is None:
            return jsonable(raw)
        return field_value(self.field, raw, path=self.where)

    def missing(self) -> Q:
        absent = self.at("isnull", True)
        # A JSON null is there, but nothing.
        return absent | Q(**{f"{self.path}__exact": None}) if self.field is None else absent

    def present(self) -> Q:
        there = self.at("isnull", False)
        return there & ~Q(**{f"{self.path}__exact": None}) if self.field is None else there

    def is_null(self) -> Condition:
        return Condition(self.missing(), self.present(), True)

    def holds(self, q: Q) -> Condition:
        """A test that is unknown of NULL, as SQL's comparisons are."""
        return Condition(q, ~q & self.present(), None)

    def or_null(self, q: Q) -> Condition:
        """A test that NULL passes."""
        return Condition(q | self.missing(), ~q & self.present(), True)

    def unless(self, q: Q) -> Condition:
        """What fails a test, NULL included."""
        return Condition(~q | self.missing(), q, True)

    def compare(self, lookup: str, raw: Any) -> Q:
        """The comparison; an integer column is compared with 1.5 as numbers are."""
        if self.is_a(IntegerField):
            fraction = _fraction(raw)
            if fraction is not None:
                return _compare_fraction(self, lookup, fraction)
        return self.at(lookup, self.value(raw))

    def among(self, raw: Any) -> Q:
        items = raw if isinstance(raw, list | tuple) else [raw]
        if self.is_a(IntegerField):
            items = [item for item in items if _fraction(item) is None]
        values = [self.value(item) for item in items if item is not None]
        return self.at("in", values) if values else NEVER


def _fraction(raw: Any) -> Decimal | None:
    if not isinstance(raw, str | float | Decimal):
        return None
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number != number.to_integral_value() else None


def _compare_fraction(column: Column, lookup: str, number: Decimal) -> Q:
    if lookup == "exact":
        return NEVER
    return column.at(lookup, math.floor(number) if lookup in ("gt", "lte") else math.ceil(number))


def equal(column: Column, raw: Any) -> Condition:
    if raw is None:
        return column.is_null()
    if isinstance(raw, list | tuple) and not is_array(column.field):
        return column.holds(column.among(raw))
    return column.holds(column.compare("exact", raw))
