"""The engines by name, and what they compile to."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions import cel
from workflows.expressions.compiler import compile_tree
from workflows.expressions.dialects import FORMULA, MATH, Dialect
from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import Meter
from workflows.expressions.parser import parse
from workflows.expressions.paths import PLACEHOLDER, Getter, Scope, node_key, split_placeholder
from workflows.expressions.templates import join_parts, text_parts
from workflows.expressions.tree import Placeholder
from workflows.expressions.values import rounded

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
    """Compiles for "math.js" (also for ""), "formula.js", "string" or "cel". An empty text's value is null.

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
    def compile_text(text: str) -> Getter:
        tree = parse(text, dialect)
        getter = compile_tree(tree, dialect)
        return getter if isinstance(tree, Placeholder) else _bounded(getter)

    return compile_text


def _bounded(getter: Getter) -> Getter:
    """The same list may stand in a result a thousand times, so what is made is looked at, too."""

    def evaluate(scope: Scope, meter: Meter) -> Any:
        value = getter(scope, meter)
        if isinstance(value, list | dict):
            Meter().weigh(value)
        return value

    return evaluate


def _string(text: str) -> Getter:
    parts, _keys = text_parts(text)
    return lambda scope, meter: join_parts(parts, scope, meter)


_engines: dict[str, Callable[[str], Getter]] = {
    MATH.name: _language(MATH),
    FORMULA.name: _language(FORMULA),
    "string": _string,
    cel.NAME: cel.compile_cel,
}
