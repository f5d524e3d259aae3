"""What the operators of filter objects do to one column (spec http 2.1)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, CharField, DateField, DateTimeField, Q, TextField
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.filters.arrays import has_any, is_array, is_empty_array, same_set
from workflows.filters.columns import NEVER, Column, Condition, equal
from workflows.filters.dates import parse_range
from workflows.jsonable import jsonable

#: (column, operand) -> the condition. Raises `Invalid` for an operand that makes no sense.
Operator = Callable[[Column, Any], Condition]

_MOST_PATTERN = 200


def _not_equal(column: Column, raw: Any) -> Condition:
    if raw is None or isinstance(raw, list | tuple):
        return equal(column, raw).negated()
    return column.unless(column.compare("exact", raw))


def _comparison(lookup: str) -> Operator:
    def apply(column: Column, raw: Any) -> Condition:
        if raw is None:
            return column.holds(NEVER)
        return column.holds(column.compare(lookup, raw))

    return apply


def _between(column: Column, raw: Any) -> Condition:
    if not isinstance(raw, list | tuple) or len(raw) != 2 or None in raw:
        raise Invalid(_("A pair of two values belongs here."), field=column.where)
    return column.holds(column.compare("gte", raw[0]) & column.compare("lte", raw[1]))


def _in(column: Column, raw: Any) -> Condition:
    return column.holds(NEVER if raw is None else column.among(raw))


def _not_in(column: Column, raw: Any) -> Condition:
    return column.unless(NEVER if raw is None else column.among(raw))


def _is(column: Column, raw: Any) -> Condition:
    if raw is not None and not isinstance(raw, bool):
        raise Invalid(_("One of null, true and false belongs here."), field=column.where)
    return equal(column, raw)


def _empty(column: Column, raw: Any) -> Condition:
    q = column.missing()
    if is_array(column.field):
        q |= is_empty_array(column.path, column.field)
    elif column.field is None or column.is_a(CharField, TextField):
        q |= column.at("exact", "")
    return Condition(q, ~q & column.present(), True)


def _exists(column: Column, raw: Any) -> Condition:
    return column.is_null() if _yes(column, raw) is False else column.is_null().negated()


def _null(column: Column, raw: Any) -> Condition:
    return _exists(column, raw).negated()


def _truly(column: Column, raw: Any) -> Condition:
    if not column.is_a(BooleanField) and column.field is not None:
        raise Invalid(_("Only a yes-or-no column is true or false."), field=column.where)
    if _yes(column, raw):
        return column.holds(column.at("exact", True))
    return column.or_null(column.at("exact", False))


def _falsy(column: Column, raw: Any) -> Condition:
    return _truly(column, not _yes(column, raw))


def _yes(column: Column, raw: Any) -> bool:
    try:
        return bool(BooleanField(null=True).to_python({"true": True, "false": False}.get(raw, raw) if raw else raw))
    except (ValidationError, TypeError):
        raise Invalid(_("One of true and false belongs here."), field=column.where) from None


def _text(lookup: str) -> Operator:
    """Text in text: wildcards are literal, case doesn't count; null asks for NULL, a list for any of its items."""

    def apply(column: Column, raw: Any) -> Condition:
        if raw is None:
            return column.is_null()
        items = raw if isinstance(raw, list | tuple) else [raw]
        q = NEVER
        for item in items:
            q |= column.at(lookup, _words(column, item))
        return column.holds(q)

    return apply


def _words(column: Column, raw: Any) -> str:
    if isinstance(raw, Mapping | list | tuple) or raw is None:
        raise Invalid(_("Text, or a list of texts, belongs here."), field=column.where)
    return str(jsonable(str(raw)))


def _like(ignore_case: bool) -> Operator:
    """SQL's LIKE: % is any text, _ one character, a backslash makes them literal."""
    i = "i" if ignore_case else ""

    def apply(column: Column, raw: Any) -> Condition:
        pattern = _pattern(column, raw)
        inner = pattern.strip("%")
        if not re.search(r"[%_\\]", inner):
            first, last = pattern.startswith("%"), pattern.endswith("%")
            plain = {(True, True): "contains", (False, True): "startswith", (True, False): "endswith"}
            return column.holds(column.at(i + plain.get((first, last), "exact"), inner))
        parts = re.findall(r"\\.|.", pattern, re.S)
        regex = "".join({"%": "(.|\n)*", "_": "(.|\n)"}.get(part, re.escape(part[-1])) for part in parts)
        return column.holds(column.at(f"{i}regex", f"^{regex}$"))

    return apply


def _regexp(ignore_case: bool) -> Operator:
    def apply(column: Column, raw: Any) -> Condition:
        pattern = _pattern(column, raw)
        try:
            re.compile(pattern)
        except re.error as error:
            raise Invalid(_("This is no regular expression: %s.") % error, field=column.where) from None
        return column.holds(column.at("iregex" if ignore_case else "regex", pattern))

    return apply


def _pattern(column: Column, raw: Any) -> str:
    pattern = _words(column, raw)
    if len(pattern) > _MOST_PATTERN:
        raise Invalid(_("A pattern has %d characters at most.") % _MOST_PATTERN, field=column.where)
    return pattern


def _array(test: Callable[[str, Any, list[Any]], Q]) -> Operator:
    def apply(column: Column, raw: Any) -> Condition:
        if not is_array(column.field):
            raise Invalid(_("Only a column of lists can be asked this."), field=column.where)
        items = raw if isinstance(raw, list | tuple) else [raw]
        return column.holds(test(column.path, column.field, [jsonable(item) for item in items]))

    return apply


def _date(test: Callable[[Column, datetime, datetime, bool], Q]) -> Operator:
    """Tests a date column against [start, end), or against an instant (the flag)."""

    def apply(column: Column, raw: Any) -> Condition:
        if not column.is_a(DateField):
            raise Invalid(_("Only a date column can be asked this."), field=column.where)
        if raw is None:
            return column.holds(NEVER)
        zoned = column.is_a(DateTimeField) and settings.USE_TZ
        period = parse_range(raw, zone=(column.zone or get_current_timezone()) if zoned else None, path=column.where)
        if column.is_a(DateTimeField):
            return column.holds(test(column, period.start, period.end, period.instant))
        end = period.end + timedelta(days=1) if period.instant else period.end
        first = period.start.replace(hour=0, minute=0, second=0, microsecond=0) if period.instant else period.start
        return column.holds(test(column, _next_day(first), _next_day(end), False))

    return apply


def _next_day(moment: datetime) -> Any:
    """The first date not before the moment."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight if midnight == moment else midnight + timedelta(days=1)).date()


def _on(column: Column, start: Any, end: Any, instant: bool) -> Q:
    return column.at("exact", start) if instant else column.at("gte", start) & column.at("lt", end)


def _before(column: Column, start: Any, end: Any, instant: bool) -> Q:
    return column.at("lt", start)


def _after(column: Column, start: Any, end: Any, instant: bool) -> Q:
    return column.at("gt", start) if instant else column.at("gte", end)


def _within(column: Column, start: Any, end: Any, instant: bool) -> Q:
    return column.at("gte", start) & column.at("lt", end)


def _not(operator: Operator) -> Operator:
    return lambda column, raw: operator(column, raw).negated()


def _none_of(column: Column, raw: Any) -> Condition:
    test = _array(has_any)(column, raw)
    return Condition(test.false | column.missing(), test.true, True)


_includes, _starts, _ends = _text("icontains"), _text("istartswith"), _text("iendswith")

OPERATORS: dict[str, Operator] = {
    "$eq": equal,
    "$ne": _not_equal,
    "$not": _not(equal),
    "$gt": _comparison("gt"),
    "$gte": _comparison("gte"),
    "$lt": _comparison("lt"),
    "$lte": _comparison("lte"),
    "$between": _between,
    "$notBetween": _not(_between),
    "$in": _in,
    "$notIn": _not_in,
    "$is": _is,
    "$null": _null,
    "$empty": _empty,
    "$notEmpty": _not(_empty),
    "$exists": _exists,
    "$notExists": _null,
    "$isTruly": _truly,
    "$isFalsy": _falsy,
    "$includes": _includes,
    "$notIncludes": _not(_includes),
    "$substring": _text("contains"),
    "$startsWith": _starts,
    "$notStartsWith": _not(_starts),
    "$endWith": _ends,
    "$notEndWith": _not(_ends),
    "$endsWith": _text("endswith"),
    "$like": _like(False),
    "$notLike": _not(_like(False)),
    "$iLike": _like(True),
    "$notILike": _not(_like(True)),
    "$regexp": _regexp(False),
    "$notRegexp": _not(_regexp(False)),
    "$iRegexp": _regexp(True),
    "$notIRegexp": _not(_regexp(True)),
    "$match": _array(same_set),
    "$notMatch": _not(_array(same_set)),
    "$anyOf": _array(has_any),
    "$noneOf": _none_of,
    "$arrayEmpty": _empty,
    "$arrayNotEmpty": _not(_empty),
    "$dateOn": _date(_on),
    "$dateNotOn": _not(_date(_on)),
    "$dateBefore": _date(_before),
    "$dateNotBefore": _not(_date(_before)),
    "$dateAfter": _date(_after),
    "$dateNotAfter": _not(_date(_after)),
    "$dateBetween": _date(_within),
}


def find_operator(name: str, where: str) -> Operator:
    """Raises `Invalid` naming `where` and the operators there are."""
    try:
        return OPERATORS[name]
    except KeyError:
        raise Invalid(
            _("There is no operator %(name)s; there are %(known)s.") % {"name": name, "known": ", ".join(OPERATORS)},
            field=where,
        ) from None
