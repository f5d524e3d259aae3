"""How a Python function becomes one of the language, and what the language knows."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workflows.expressions.limits import Meter
from workflows.expressions.paths import Getter, Scope

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
#: A function that decides which of its arguments are evaluated at all.
LazyMaker = Callable[[list[Getter]], Getter]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    #: The function; `None` where `lazy` makes the code.
    call: Callable[..., Any] | None
    lazy: LazyMaker | None
    #: Whether `call` takes the meter first.
    metered: bool
    #: Whether it looks at the outside of lists and objects only, and so costs little for large ones.
    shallow: bool
    #: Steps for each item it looks at.
    weight: int
    least: int
    #: None is any number.
    most: int | None

    def takes(self) -> str:
        """How many arguments, as errors say it."""
        if self.most is None:
            return f"{self.least}+"
        return str(self.least) if self.least == self.most else f"{self.least}-{self.most}"


@dataclass
class Library:
    """Names of one dialect go before those that both know; both are found in any case if not as written."""

    common: dict[str, Function] = field(default_factory=dict)
    math: dict[str, Function] = field(default_factory=dict)
    formula: dict[str, Function] = field(default_factory=dict)

    def of(self, dialect: str) -> dict[str, Function]:
        return {"math.js": self.math, "formula.js": self.formula}.get(dialect, self.common)

    def find(self, name: str, dialect: str) -> Function | None:
        for names in (self.of(dialect), self.common):
            found = names.get(name.lower())
            if found is not None:
                return found
        return None

    def names(self, dialect: str) -> list[str]:
        return sorted({*self.of(dialect), *self.common})


library = Library()


def function(
    *names: str, dialect: str = "", shallow: bool = False, weight: int = 1
) -> Callable[[FunctionT], FunctionT]:
    """Registers a function under these names; how many arguments it takes is read from its signature.

    A first parameter named `meter` gets the evaluation's `Meter`. The function may raise `ExpressionError`,
    `ArithmeticError`, `ValueError` and `TypeError`, all of which become an `ExpressionError` with its place.
    """

    def register(call: FunctionT) -> FunctionT:
        parameters = list(inspect.signature(call).parameters.values())
        metered = bool(parameters) and parameters[0].name == "meter"
        parameters = parameters[metered:]
        positional = [item for item in parameters if item.kind is not item.VAR_POSITIONAL]
        least = sum(item.default is item.empty for item in positional)
        most = len(positional) if len(positional) == len(parameters) else None
        for name in names:
            library.of(dialect)[name.lower()] = Function(names[0], call, None, metered, shallow, weight, least, most)
        return call

    return register


def lazy(*names: str, least: int, most: int | None, dialect: str = "") -> Callable[[LazyMaker], LazyMaker]:
    """Registers a function that is handed its arguments unevaluated."""

    def register(maker: LazyMaker) -> LazyMaker:
        for name in names:
            library.of(dialect)[name.lower()] = Function(names[0], None, maker, False, False, 1, least, most)
        return maker

    return register


__all__ = ["Function", "Getter", "Library", "Meter", "Scope", "function", "lazy", "library"]
