"""What the kinds that evaluate something share: the yes-or-no question, and errors that name their place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext as _
from pydantic import field_validator

from workflows.errors import Invalid
from workflows.expressions import Expression, Logic, compile_expression, compile_logic
from workflows.instructions.base import NodeConfig


@contextmanager
def located(field: str, prefix: str = "") -> Iterator[None]:
    """Errors raised inside name their path in the configuration: their own if they have one, else `field`."""
    try:
        yield
    except Invalid as error:
        raise Invalid(error.message, field=prefix + (error.field or field)) from error


@dataclass(frozen=True, slots=True)
class Question:
    """A compiled decision. Both methods raise `ExpressionError` when a value doesn't fit."""

    asked: Logic | Expression

    def answer(self, scope: Mapping[str, Any]) -> Any:
        """A bool of a logic tree; of an expression whatever it yields, None of an empty one."""
        return self.asked.evaluate(scope)

    def shown(self, scope: Mapping[str, Any]) -> Any:
        """What was asked, for the job's input: the tree with its operands resolved, or the expression."""
        if isinstance(self.asked, Expression):
            return {"expression": self.asked.text}
        return {"calculation": self.asked.resolve(scope)}


class Decision(NodeConfig):
    """A yes-or-no question: a logic tree (engine basic) or an expression (spec 5.2)."""

    engine: Literal["basic", "math.js", "formula.js", "cel"] = "basic"
    calculation: dict[str, Any] | None = None
    expression: str = ""

    @field_validator("engine", mode="before")
    @classmethod
    def _default_engine(cls, value: object) -> object:
        return value or "basic"

    @field_validator("expression", mode="before")
    @classmethod
    def _no_expression(cls, value: object) -> object:
        return "" if value is None else value

    def compile(self) -> Question:
        """Raises `ExpressionError` where the tree or the expression can't be read."""
        if self.engine == "basic":
            return Question(compile_logic(self.calculation))
        return Question(compile_expression(self.engine, self.expression))

    def check(self, prefix: str = "") -> None:
        """Raises `Invalid` naming the tree or the expression below `prefix`."""
        with located("calculation" if self.engine == "basic" else "expression", prefix):
            self.compile()
            self._check_asked()

    def _check_asked(self) -> None:
        """What a run would take for true is refused where it was meant as a question."""
        if self.engine != "basic":
            if not self.expression.strip():
                raise Invalid(_("The expression is empty; write one, or choose the engine basic."), field="expression")
        elif self.calculation:
            check_tree(self.calculation)
        elif self.expression.strip():
            raise Invalid(
                _("The engine basic reads no expression; choose math.js, formula.js or cel, or give a calculation."),
                field="expression",
            )


def check_tree(tree: Any, path: str = "calculation") -> None:
    """A compiled tree's nodes are all comparisons of two operands, or groups. Raises `Invalid` with the node's path."""
    group = tree.get("group") if isinstance(tree, Mapping) else None
    if isinstance(group, Mapping) and isinstance(group.get("calculations"), list):
        for index, member in enumerate(group["calculations"]):
            check_tree(member, f"{path}.group.calculations.{index}")
    elif group is not None or not isinstance(tree, Mapping) or not tree.get("calculator") or "operands" not in tree:
        raise Invalid(
            _(
                'This is no question; write {"calculator": "equal", "operands": [a, b]} '
                'or {"group": {"type": "and", "calculations": [...]}}.'
            ),
            field=path,
        )
    elif not isinstance(tree["operands"], list) or len(tree["operands"]) != 2:
        raise Invalid(_("A comparison has exactly two operands; give a list of two values."), field=f"{path}.operands")
