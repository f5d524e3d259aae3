"""The engines by name, and what they compile to."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.compiler import compile_tree
from workflows.expressions.dialects import FORMULA, MATH, Dialect
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import Meter
from workflows.expressions.parser import parse
from workflows.expressions.paths import PLACEHOLDER, Getter, Scope, node_key, split_placeholder
from workflows.expressions.templates import join_parts, text_parts

DEFAULT_ENGINE = "math.js"


class Expression:
    """A compiled expression; may be used from many threads at once."""

    __slots__ = ("_evaluate", "engine", "node_keys", "text")

    def __init__(self, engine: str, text: str, evaluate: Getter, node_keys: frozenset[str]) -> None:
        self.engine = engine
        self.text = text
        #: Keys of the nodes whose results it asks for.
        self.node_keys = node_keys
        self._evaluate = evaluate

    def evaluate(self, scope: Scope) -> Any:
        """The value: numbers rounded to 9 decimals, what is no finite number null (spec 6.5).

        Raises `ExpressionError` where values don't fit or a budget is used up.
        """
        try:
            return rounded(self._evaluate(scope, Meter()))
        except RecursionError:
            raise ExpressionError(_("The expression or its values are nested too deeply.")) from None


def compile_expression(engine: str, text: str) -> Expression:
    """Compiles for "math.js" (also for ""), "formula.js" or "string". An empty text's value is null.

    Raises `ExpressionError` with `position`; for a syntax error its text starts with "SyntaxError: ".
    """
    if not isinstance(text, str):
        raise ExpressionError(_("An expression is a text."))
    return _compile(engine or DEFAULT_ENGINE, text)


def engines() -> list[str]:
    """The names that `compile_expression` knows."""
    return list(_engines)


@lru_cache(maxsize=4096)
def _compile(engine: str, text: str) -> Expression:
    compiler = _engines.get(engine)
    if compiler is None:
        raise ExpressionError(
            _("There is no engine %(engine)r; choose one of %(known)s.")
            % {"engine": engine, "known": ", ".join(_engines)},
            field="engine",
        )
    if not text.strip():
        return Expression(engine, text, lambda scope, meter: None, frozenset())
    try:
        return Expression(engine, text, compiler(text), _node_keys(text))
    except RecursionError:
        raise ExpressionError("SyntaxError: " + _("The expression is nested too deeply.")) from None


def _node_keys(text: str) -> frozenset[str]:
    keys = (node_key(split_placeholder(found[1])[0]) for found in PLACEHOLDER.finditer(text))
    return frozenset(key for key in keys if key is not None)


def _language(dialect: Dialect) -> Callable[[str], Getter]:
    return lambda text: compile_tree(parse(text, dialect), dialect)


def _string(text: str) -> Getter:
    parts, _keys = text_parts(text)
    return lambda scope, meter: join_parts(parts, scope)


_engines: dict[str, Callable[[str], Getter]] = {
    MATH.name: _language(MATH),
    FORMULA.name: _language(FORMULA),
    "string": _string,
}


def rounded(value: Any) -> Any:
    """The value with its numbers, also those in lists, rounded to 9 decimals."""
    kind = type(value)
    if kind is bool or kind is str or kind is int or value is None:
        return value
    if kind is float:
        return _rounded_float(value)
    if kind is list:
        return [rounded(item) for item in value]
    return value


def _rounded_float(value: float) -> int | float | None:
    if value != value or value in (float("inf"), float("-inf")):
        return None
    short = round(value, 9)
    return int(short) if short.is_integer() and abs(short) < 1 << 53 else short
