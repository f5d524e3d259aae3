"""A column as operators see it, and conditions in SQL's three-valued logic."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation, localcontext
from typing import Any

from django.db.models import DateTimeField, DecimalField, Field, IntegerField, Q
from django.utils import timezone

from workflows.coercion import MOST_INTEGER, field_value
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
    #: The field and its model as the filter's writer knows them, where these are not our names.
    label: tuple[str, str] | None = None

    def is_a(self, *kinds: "type[Field[Any, Any]]") -> bool:
        return isinstance(self.field, kinds)

    def at(self, lookup: str, value: Any) -> Q:
        return Q(**{f"{self.path}__{lookup}": value})

    def value(self, raw: Any) -> Any:
        """The operand as the column compares it. Raises `Invalid` where it doesn't fit."""
        if self.field is None:
            return jsonable(raw)
        # A moment without a zone is read in the filter's own.
        zoned = self.zone is not None and self.is_a(DateTimeField)
        with timezone.override(self.zone) if zoned else nullcontext():
            return field_value(self.field, raw, path=self.where, label=self.label)

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
        """The comparison; a column of whole numbers is compared with 1.5, and any with 1e99, as numbers are."""
        number = _number(raw) if self.is_a(IntegerField, DecimalField) else None
        if number is None or _holds(self.field, number):
            value = self.value(raw)
            # An empty text is no number and no moment: nothing is above or below it.
            return NEVER if value is None and lookup != "exact" else self.at(lookup, value)
        if lookup == "exact":
            return NEVER
        step, most = _scale(self.field)
        if abs(number) > most:
            return self.present() if (number > 0) == (lookup in ("lt", "lte")) else NEVER
        rounding = ROUND_FLOOR if lookup in ("gt", "lte") else ROUND_CEILING
        return self.compare(lookup, number.quantize(step, rounding))

    def among(self, raw: Any) -> Q:
        items = raw if isinstance(raw, list | tuple) else [raw]
        if self.is_a(IntegerField, DecimalField):
            items = [item for item in items if (number := _number(item)) is None or _holds(self.field, number)]
        values = [self.value(item) for item in items if item is not None]
        return self.at("in", values) if values else NEVER


def _number(raw: Any) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, int | str | float | Decimal):
        return None
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _scale(field: Any) -> tuple[Decimal, Decimal]:
    """The distance of two neighbouring numbers of the column, and the largest."""
    if isinstance(field, DecimalField):
        step = Decimal(1).scaleb(-field.decimal_places)
        return step, Decimal(1).scaleb(field.max_digits - field.decimal_places) - step
    return Decimal(1), Decimal(MOST_INTEGER)


def _holds(field: Any, number: Decimal) -> bool:
    """Whether the column can hold this very number."""
    step, most = _scale(field)
    with localcontext(prec=100):
        return abs(number) <= most and number % step == 0


def equal(column: Column, raw: Any) -> Condition:
    if raw is None:
        return column.is_null()
    if isinstance(raw, list | tuple) and not is_array(column.field):
        return column.holds(column.among(raw))
    return column.holds(column.compare("exact", raw))
