"""From a tree to Python closures; `eval` and `compile` have no part in it."""

import math
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.dialects import Dialect
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions import library
from workflows.expressions.functions.registry import Function
from workflows.expressions.limits import LIST_LIMIT, TEXT_LIMIT, Meter
from workflows.expressions.mathoperators import COSTS, divide
from workflows.expressions.operators import OPERATIONS, UNARY, Operation, shown
from workflows.expressions.paths import Getter, Scope, compile_path, step
from workflows.expressions.quantities import named
from workflows.expressions.tree import (
    Call,
    Chain,
    Choice,
    Expr,
    Index,
    ListOf,
    Literal,
    Name,
    ObjectOf,
    Percent,
    Placeholder,
    Unary,
)
from workflows.expressions.values import rounded, truthy

#: What a function's arguments may make it raise without being a defect of it.
_MISFITS = (ArithmeticError, ValueError, TypeError, LookupError)
_CONSTANTS = {
    "pi": math.pi,
    "tau": math.tau,
    "e": math.e,
    "phi": (1 + math.sqrt(5)) / 2,
    "ln2": math.log(2),
    "ln10": math.log(10),
    "log2e": math.log2(math.e),
    "log10e": math.log10(math.e),
    "sqrt2": math.sqrt(2),
    "sqrt1_2": math.sqrt(0.5),
}


def compile_tree(tree: Expr, dialect: Dialect) -> Getter:
    """Raises `ExpressionError` for names and functions that nobody knows."""
    match tree:
        case Literal():
            return _literal(tree.value)
        case Placeholder():
            return compile_path(tree.path, tree.default)
        case Name():
            return _name(tree, dialect)
        case Unary():
            return _unary(tree, compile_tree(tree.operand, dialect))
        case Chain():
            return _chain(tree, dialect)
        case Percent():
            return _binary(compile_tree(tree.operand, dialect), divide, tree.position, _literal(100))
        case Choice():
            return _choice(*(compile_tree(item, dialect) for item in (tree.condition, tree.yes, tree.no)))
        case ListOf():
            return _list([compile_tree(item, dialect) for item in tree.items])
        case ObjectOf():
            return _object(tree.keys, [compile_tree(item, dialect) for item in tree.values])
        case Index():
            return _index(tree, dialect)
        case Call():
            return _call(tree, dialect)
    raise AssertionError(tree)


def _literal(value: Any) -> Getter:
    return lambda scope, meter: value


def _name(tree: Name, dialect: Dialect) -> Getter:
    if tree.name.lower() in _CONSTANTS:
        return _literal(_CONSTANTS[tree.name.lower()])
    unit = named(tree.name) if dialect.mathematical else None
    if unit is not None:
        return _literal(unit)
    raise ExpressionError(
        _("Unknown name %(name)s; values are written {{path}} and texts in quotes.") % {"name": tree.name[:40]},
        position=tree.position,
    )


def _unary(tree: Unary, operand: Getter) -> Getter:
    operation = UNARY[tree.operation]

    def evaluate(scope: Scope, meter: Meter) -> Any:
        value = operand(scope, meter)
        try:
            return operation(value)
        except ExpressionError as error:
            raise error.at(tree.position) from None

    return evaluate


def _choice(condition: Getter, yes: Getter, no: Getter) -> Getter:
    return lambda scope, meter: (yes if truthy(condition(scope, meter)) else no)(scope, meter)


def _list(items: list[Getter]) -> Getter:
    def evaluate(scope: Scope, meter: Meter) -> list[Any]:
        return [item(scope, meter) for item in items]

    return evaluate


def _object(keys: list[str], values: list[Getter]) -> Getter:
    pairs = list(zip(keys, values, strict=True))

    def evaluate(scope: Scope, meter: Meter) -> dict[str, Any]:
        made = {}
        for key, value in pairs:
            found = value(scope, meter)
            meter.weigh(found)
            made[key] = rounded(found)
        return made

    return evaluate


def _chain(tree: Chain, dialect: Dialect) -> Getter:
    operations = [operation for operation, _position, _operand in tree.rest]
    operands = [compile_tree(item, dialect) for item in (tree.first, *(operand for _o, _p, operand in tree.rest))]
    if set(operations) <= _SHORT_CIRCUITS.keys():
        return _short_circuit(operations, operands)
    steps = [
        (OPERATIONS[operation], position, operand)
        for (operation, position, _tree), operand in zip(tree.rest, operands[1:], strict=True)
    ]
    if len(steps) == 1:
        return _binary(operands[0], *steps[0])
    if dialect.chained_comparison and set(operations) <= _COMPARISONS:
        return _all_comparisons(operands[0], steps)
    return _fold(operands[0], steps)


_COMPARISONS = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">="})
#: Operation -> (whether a value ends it there, whether the result is true or false).
_SHORT_CIRCUITS = {
    "or": (truthy, True),
    "and": (lambda value: not truthy(value), True),
    "js||": (truthy, False),
    "js&&": (lambda value: not truthy(value), False),
    "??": (lambda value: value is not None, False),
}


def _short_circuit(operations: list[str], operands: list[Getter]) -> Getter:
    # "or", "||" and "??" are of one strength and mix from left to right.
    group = [operands[0]]
    for index, operation in enumerate(operations):
        group.append(operands[index + 1])
        if index + 1 == len(operations) or operations[index + 1] != operation:
            group = [_until(operation, group)]
    return group[0]


def _until(operation: str, operands: list[Getter]) -> Getter:
    ends, as_boolean = _SHORT_CIRCUITS[operation]
    if as_boolean:
        expected = operation == "or"

        def decide(scope: Scope, meter: Meter) -> bool:
            for operand in operands:
                if truthy(operand(scope, meter)) is expected:
                    return expected
            return not expected

        return decide

    def pick(scope: Scope, meter: Meter) -> Any:
        value = None
        for operand in operands:
            value = operand(scope, meter)
            if ends(value):
                return value
        return value

    return pick


def _apply(operation: Operation, a: Any, b: Any, meter: Meter) -> Any:
    # Numbers cost nothing worth counting; only texts and lists can be large.
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return operation(a, b)
    meter.weigh(a)
    meter.weigh(b)
    if (type(a) is list or type(b) is list) and operation in COSTS:
        meter.charge(COSTS[operation](a, b))
    return operation(a, b)


_NUMBERS = frozenset({int, float, bool, type(None)})


def _binary(left: Getter, operation: Operation, position: int, right: Getter) -> Getter:
    def evaluate(scope: Scope, meter: Meter) -> Any:
        a = left(scope, meter)
        b = right(scope, meter)
        try:
            return _apply(operation, a, b, meter)
        except ExpressionError as error:
            raise error.at(position) from None

    return evaluate


def _fold(first: Getter, steps: list[tuple[Operation, int, Getter]]) -> Getter:
    def evaluate(scope: Scope, meter: Meter) -> Any:
        value = first(scope, meter)
        for operation, position, operand in steps:
            other = operand(scope, meter)
            try:
                value = _apply(operation, value, other, meter)
            except ExpressionError as error:
                raise error.at(position) from None
        return value

    return evaluate


def _all_comparisons(first: Getter, steps: list[tuple[Operation, int, Getter]]) -> Getter:
    def evaluate(scope: Scope, meter: Meter) -> bool:
        value = first(scope, meter)
        for operation, _position, operand in steps:
            other = operand(scope, meter)
            if not _apply(operation, value, other, meter):
                return False
            value = other
        return True

    return evaluate


def _index(tree: Index, dialect: Dialect) -> Getter:
    whole = compile_tree(tree.whole, dialect)
    indexes = [index if index is None else compile_tree(index, dialect) for index in tree.indexes]
    first = dialect.first_index
    if len(indexes) == 1 and indexes[0] is not None:
        index = indexes[0]
        return lambda scope, meter: item_at(whole(scope, meter), index(scope, meter), first, meter)

    def evaluate(scope: Scope, meter: Meter) -> Any:
        return _part(whole(scope, meter), [index and index(scope, meter) for index in indexes], first, meter)

    return evaluate


def item_at(whole: Any, index: Any, first: int, meter: Meter) -> Any:
    """The item of a list or character of a text (counted from `first`), or the value of an object's key; else None.

    A list of indexes gives a list of items.
    """
    if isinstance(index, float) and index.is_integer():
        index = int(index)
    if isinstance(index, str):
        return step(whole, index, meter)
    if type(index) is int:
        if isinstance(whole, list | tuple | str):
            return whole[index - first] if first <= index < len(whole) + first else None
        return step(whole, str(index), meter) if abs(index) < 10**15 else None
    if isinstance(index, list | tuple):
        meter.items(len(index))
        found = [item_at(whole, each, first, meter) for each in index if not isinstance(each, list | tuple)]
        return "".join(filter(None, found)) if isinstance(whole, str) else found
    return None


def _part(whole: Any, indexes: list[Any], first: int, meter: Meter) -> Any:
    """What the indexes choose of a matrix, dimension by dimension; None chooses all, a list of indexes several."""
    if not indexes:
        return whole
    own, *inner = indexes
    if own is None:
        found = list(whole) if isinstance(whole, list | tuple) else []
    elif isinstance(own, list | tuple):
        found = item_at(whole, own, first, meter)
    else:
        return _part(item_at(whole, own, first, meter), inner, first, meter)
    if not inner:
        return found
    meter.charge(len(found))
    return [_part(row, inner, first, meter) for row in found]


def _call(tree: Call, dialect: Dialect) -> Getter:
    name = tree.name.removeprefix("Math.").removeprefix("math.")
    found = library.find(name, dialect.name)
    if found is None:
        raise _unknown(tree, dialect)
    count = len(tree.arguments)
    if count < found.least or (found.most is not None and count > found.most):
        raise ExpressionError(
            _("%(name)s() takes %(takes)s arguments, not %(count)d.")
            % {"name": tree.name, "takes": found.takes(), "count": count},
            position=tree.position,
        )
    arguments = [compile_tree(item, dialect) for item in tree.arguments]
    if found.lazy is not None:
        return found.lazy(arguments)
    return _eager(tree, found, arguments)


def _unknown(tree: Call, dialect: Dialect) -> ExpressionError:
    near = get_close_matches(tree.name[:40].lower(), library.names(dialect.name), n=1, cutoff=0.75)
    hint = _(" Did you mean %s()?") % near[0] if near else ""
    return ExpressionError(
        _("There is no function %(name)s().%(hint)s") % {"name": tree.name[:40], "hint": hint}, position=tree.position
    )


def _eager(tree: Call, found: Function, arguments: list[Getter]) -> Getter:
    call, metered, position, name = found.call, found.metered, tree.position, tree.name
    charge = _charge_outside if found.shallow else _charge_all(found.weight)
    assert call is not None

    def evaluate(scope: Scope, meter: Meter) -> Any:
        values = [argument(scope, meter) for argument in arguments]
        try:
            charge(values, meter)
            result = call(meter, *values) if metered else call(*values)
            if type(result) is str and len(result) > TEXT_LIMIT:
                meter.text(len(result))
            elif type(result) is list and len(result) > LIST_LIMIT:
                meter.items(len(result))
        except ExpressionError as error:
            raise error.at(position) from None
        except _MISFITS:
            raise ExpressionError(
                _("%(name)s() can't work with %(values)s.")
                % {"name": name, "values": ", ".join(shown(value) for value in values[:5]) or _("nothing")},
                position=position,
            ) from None
        return result

    return evaluate


def _charge_all(weight: int) -> Callable[[list[Any], Meter], None]:
    def charge(values: list[Any], meter: Meter) -> None:
        before = meter.left
        meter.charge(1)
        for value in values:
            meter.weigh(value)
        if weight > 1:
            meter.charge((weight - 1) * (before - meter.left))

    return charge


def _charge_outside(values: list[Any], meter: Meter) -> None:
    meter.charge(1 + sum(len(value) for value in values if isinstance(value, list | str)) // 16)
