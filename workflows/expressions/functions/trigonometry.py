"""Angles, in radians, and what goes with exponents."""

import math
from collections.abc import Callable
from typing import Any

from workflows.expressions.functions.registry import function
from workflows.expressions.operators import finite, number


def _real(calculate: Callable[[float], float], name: str) -> Callable[..., Any]:
    def real(x: Any) -> Any:
        try:
            return finite(calculate(number(x, f"{name}()")))
        except (ArithmeticError, ValueError):
            return None

    return real


def _inverted(calculate: Callable[[float], float]) -> Callable[[float], float]:
    """For the functions of 1/x that nobody has written down."""
    return lambda x: calculate(1 / x)


def _reciprocal(calculate: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: 1 / calculate(x)


for _name in (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("degrees", "radians", "expm1", "log1p"),
):
    function(_name)(_real(getattr(math, _name), _name))

_MORE: dict[str, Callable[[float], float]] = {
    "sec": _reciprocal(math.cos),
    "csc": _reciprocal(math.sin),
    "cot": _reciprocal(math.tan),
    "sech": _reciprocal(math.cosh),
    "csch": _reciprocal(math.sinh),
    "coth": _reciprocal(math.tanh),
    "asec": _inverted(math.acos),
    "acsc": _inverted(math.asin),
    "asech": _inverted(math.acosh),
    "acsch": _inverted(math.asinh),
    "acoth": _inverted(math.atanh),
}
for _name, _calculate in _MORE.items():
    function(_name)(_real(_calculate, _name))

function("acot")(_real(lambda x: math.atan(1 / x) if x else math.pi / 2, "acot"))


@function("atan2")
def _atan2(y: Any, x: Any) -> float:
    return math.atan2(number(y, "atan2()"), number(x, "atan2()"))


@function("PI")
def _pi() -> float:
    return math.pi
