"""What the package `cel-python` is asked to do, with our budgets: the only module that imports it."""

import logging
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import lark
from celpy import celtypes
from celpy.celparser import CELParseError, CELParser
from celpy.evaluation import Activation, CELEvalError, CELSyntaxError, CELUnsupportedError, Evaluator
from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError, syntax_error
from workflows.expressions.limits import Meter
from workflows.expressions.operators import finite
from workflows.expressions.text import to_text
from workflows.expressions.values import moment, number_or_none

# It writes down every step.
logging.getLogger("celpy").setLevel(logging.WARNING)

#: Steps of one of the package's, which takes some microseconds, and of one more round of a macro.
_VISIT, _ROUND, _ITEM, _KEY = 30, 150, 20, 4
_INT64 = 1 << 63
_MOST_SHOWN = 200
_KIND = re.compile(r"<class 'celpy\.celtypes\.(\w+?)(?:Type)?'>")
_RULE = re.compile(r"Token\('RULE', '\w+?_(\w+)'\)")


class _Metered(Evaluator):
    """Counts: nothing in the language itself bounds how often macros inside macros go round."""

    def __init__(self, ast: lark.Tree[Any], activation: Activation, meter: Meter, errors: list[CELEvalError]) -> None:
        super().__init__(ast, activation)
        self.meter = meter
        #: Errors are values there; those of operands tell more than those of their operators.
        self.errors = errors

    def sub_evaluator(self, ast: lark.Tree[Any]) -> "Evaluator":
        return _Metered(ast, self.activation, self.meter, self.errors)

    def evaluate(self, context: Any = None) -> Any:
        self.meter.charge(_ROUND)
        return super().evaluate(context)

    def _visit_tree(self, tree: lark.Tree[Any]) -> Any:
        self.meter.charge(_VISIT)
        result = super()._visit_tree(tree)
        if isinstance(result, str | bytes):
            self.meter.text(len(result))
        elif isinstance(result, list | dict):
            self.meter.items(len(result) // 4)
        elif isinstance(result, CELEvalError) and not _is_of_operands(result):
            self.errors[:] = [result]
        return result


class Program:
    """A compiled expression; may be used from many threads at once."""

    def __init__(self, source: str) -> None:
        """Raises `ExpressionError` with the position of a syntax error."""
        self._source = source
        try:
            self._tree = CELParser().parse(source)
        except CELParseError as error:
            at_end = getattr(getattr(error.__context__, "token", None), "type", "") == "$END"
            place = len(source) if at_end else self._offset(error.line, error.column)
            raise syntax_error(_("This is no CEL."), place) from None

    def evaluate(self, values: Mapping[str, Any], meter: Meter) -> Any:
        errors: list[CELEvalError] = []
        variables = {name: _to_cel(value, meter) for name, value in values.items()}
        try:
            found = _Metered(self._tree, Activation(vars=variables), meter, errors).evaluate()
        except (CELEvalError, CELSyntaxError, CELUnsupportedError) as raised:
            error = errors[0] if errors and _is_of_operands(raised) else raised
            sentence = _("CEL: %s.") % _said(error)
            raise ExpressionError(sentence, position=self._offset(error.line, error.column)) from None
        except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ExpressionError(_("CEL: %s.") % _said(error)) from None
        return _from_cel(found, meter)

    def _offset(self, line: int | None, column: int | None) -> int:
        """The place in the whole text; its end where the package names none."""
        if not line or line < 0 or not column or column < 0:
            return len(self._source)
        lines = self._source.split("\n")
        return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1


def _is_of_operands(error: Exception) -> bool:
    return bool(error.args) and "CELEvalError" in str(error.args[0])


def _said(error: Exception) -> str:
    """The package's sentence, without the variables it likes to add."""
    said = str(error.args[0]) if error.args else type(error).__name__
    if said == "return error for overflow" and len(error.args) > 2 and error.args[2]:
        # So it names everything that its own types refuse.
        said = str(error.args[2][0])
    said = _KIND.sub(lambda found: found[1].lower(), _RULE.sub(r"\1", said.split(" (in activation")[0]))
    return said[:_MOST_SHOWN].rstrip(".")


class _Object(celtypes.MapType):
    """An object of the scope whose values are taken over when they are asked for."""

    def __init__(self, source: Mapping[str, Any], meter: Meter) -> None:
        meter.charge(1 + _KEY * len(source))
        super().__init__()
        self._meter = meter
        for key in source:
            dict.__setitem__(self, celtypes.StringType(key), source[key])

    def __getitem__(self, key: Any) -> Any:
        return _to_cel(dict.__getitem__(self, key), self._meter)

    def get(self, key: Any, default: Any = None) -> Any:
        return _to_cel(dict.get(self, key, default), self._meter)

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]


def _to_cel(value: Any, meter: Meter) -> Any:
    if value is None or isinstance(value, bool):
        return value if value is None else celtypes.BoolType(value)
    if isinstance(value, str):
        return celtypes.StringType(value)
    if isinstance(value, Mapping):
        return _Object({str(key): item for key, item in value.items()}, meter)
    if isinstance(value, list | tuple):
        meter.charge(_ITEM * len(value))
        return celtypes.ListType([_to_cel(item, meter) for item in value])
    if isinstance(value, date):
        when = moment(value)
        assert when is not None
        return celtypes.TimestampType(when)
    found = number_or_none(value)
    if found is None:
        return celtypes.StringType(to_text(value))
    if isinstance(found, int) and -_INT64 <= found < _INT64:
        return celtypes.IntType(found)
    # Beyond what a double holds numbers are infinite, and so null (spec 6.5).
    return celtypes.DoubleType(found) if finite(found) is not None and abs(found) < 1e308 else None


def _from_cel(value: Any, meter: Meter) -> Any:
    if value is None or isinstance(value, datetime | timedelta):
        return _plain_time(value)
    if isinstance(value, celtypes.BoolType | bool):
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, celtypes.MapType):
        meter.charge(2 + len(value))
        return {to_text(_from_cel(key, meter)): _from_cel(item, meter) for key, item in value.items()}
    if isinstance(value, list):
        meter.charge(1 + len(value))
        return [_from_cel(item, meter) for item in value]
    raise ExpressionError(_("CEL: the result is no value."))


def _plain_time(value: Any) -> Any:
    if isinstance(value, datetime):
        return datetime.fromisoformat(datetime.isoformat(value))
    return None if value is None else timedelta(seconds=value.total_seconds())
