"""Choices, and questions about what a value is."""

from typing import Any

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.registry import Getter, Meter, Scope, function, lazy
from workflows.expressions.values import equal, moment, number_or_none, truthy


@lazy("IF", least=2, most=3)
def _if(arguments: list[Getter]) -> Getter:
    condition, yes = arguments[:2]
    no = arguments[2] if len(arguments) > 2 else lambda scope, meter: False
    return lambda scope, meter: (yes if truthy(condition(scope, meter)) else no)(scope, meter)


@lazy("IFS", least=2, most=None)
def _ifs(arguments: list[Getter]) -> Getter:
    pairs = list(zip(arguments[::2], arguments[1::2], strict=False))

    def choose(scope: Scope, meter: Meter) -> Any:
        return next((value(scope, meter) for condition, value in pairs if truthy(condition(scope, meter))), None)

    return choose


@lazy("SWITCH", least=3, most=None)
def _switch(arguments: list[Getter]) -> Getter:
    subject, *rest = arguments
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    otherwise = rest[-1] if len(rest) % 2 else None

    def choose(scope: Scope, meter: Meter) -> Any:
        value = subject(scope, meter)
        for candidate, result in pairs:
            other = candidate(scope, meter)
            meter.weigh(value)
            meter.weigh(other)
            if equal(value, other):
                return result(scope, meter)
        return otherwise(scope, meter) if otherwise else None

    return choose


@lazy("CHOOSE", least=2, most=None)
def _choose(arguments: list[Getter]) -> Getter:
    index, *values = arguments

    def choose(scope: Scope, meter: Meter) -> Any:
        number = number_or_none(index(scope, meter))
        if number is None or not 1 <= number < len(values) + 1:
            return None
        return values[int(number) - 1](scope, meter)

    return choose


@lazy("AND", least=1, most=None)
def _and(arguments: list[Getter]) -> Getter:
    return lambda scope, meter: all(truthy(argument(scope, meter)) for argument in arguments)


@lazy("OR", least=1, most=None)
def _or(arguments: list[Getter]) -> Getter:
    return lambda scope, meter: any(truthy(argument(scope, meter)) for argument in arguments)


@lazy("coalesce", "IFNULL", least=1, most=None)
def _coalesce(arguments: list[Getter]) -> Getter:
    def first(scope: Scope, meter: Meter) -> Any:
        values = (argument(scope, meter) for argument in arguments)
        return next((value for value in values if value is not None), None)

    return first


@lazy("IFERROR", "IFNA", least=2, most=2)
def _if_error(arguments: list[Getter]) -> Getter:
    value, fallback = arguments

    def either(scope: Scope, meter: Meter) -> Any:
        try:
            found = value(scope, meter)
        except ExpressionError:
            if meter.left < 0:
                raise
            return fallback(scope, meter)
        # What Excel calls an error (a division by 0, a value not found) is null here.
        return fallback(scope, meter) if found is None else found

    return either


@lazy("ISERROR", "ISERR", least=1, most=1)
def _is_error(arguments: list[Getter]) -> Getter:
    def failed(scope: Scope, meter: Meter) -> bool:
        try:
            arguments[0](scope, meter)
        except ExpressionError:
            if meter.left < 0:
                raise
            return True
        return False

    return failed


@function("XOR")
def _xor(first: Any, *rest: Any) -> bool:
    return sum(truthy(value) for value in (first, *rest)) % 2 == 1


@function("NOT")
def _not(value: Any) -> bool:
    return not truthy(value)


@function("TRUE")
def _true() -> bool:
    return True


@function("FALSE")
def _false() -> bool:
    return False


@function("boolean")
def _boolean(value: Any) -> bool:
    """The words people write for no count as false here."""
    if isinstance(value, str) and value.strip().lower() in ("false", "no", "off", "0", "n", "f"):
        return False
    return truthy(value)


@function("ISBLANK", "isEmpty")
def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


@function("ISNUMBER", "isNumeric")
def _is_number(value: Any) -> bool:
    return not isinstance(value, str | bool) and number_or_none(value) is not None


@function("ISTEXT")
def _is_text(value: Any) -> bool:
    return isinstance(value, str)


@function("ISNONTEXT")
def _is_no_text(value: Any) -> bool:
    return not isinstance(value, str)


@function("ISLOGICAL")
def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


@function("isNull", "ISNA")
def _is_null(value: Any) -> bool:
    return value is None


@function("isArray")
def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


@function("isDate")
def _is_date(value: Any) -> bool:
    return not isinstance(value, int | float) and moment(value) is not None


@function("typeOf", "TYPE")
def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = ((bool, "boolean"), (str, "string"), ((list, tuple), "array"), (dict, "object"))
    for kind, name in names:
        if isinstance(value, kind):
            return name
    return "number" if number_or_none(value) is not None else "date" if _is_date(value) else "object"


@function("equal")
def _equal(a: Any, b: Any) -> bool:
    return equal(a, b)


@function("unequal")
def _unequal(a: Any, b: Any) -> bool:
    return not equal(a, b)
