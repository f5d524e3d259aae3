"""A value computed by an expression (spec 5.1)."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.expressions import DEFAULT_ENGINE, Expression, ExpressionError, compile_expression, engines
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow


class CalculationConfig(NodeConfig):
    engine: str = DEFAULT_ENGINE
    expression: str = ""

    @field_validator("engine", mode="before")
    @classmethod
    def _default_engine(cls, value: object) -> object:
        return value or DEFAULT_ENGINE

    @field_validator("expression", mode="before")
    @classmethod
    def _no_expression(cls, value: object) -> object:
        return "" if value is None else value


class Calculation(Instruction[CalculationConfig]):
    type = "calculation"
    title = _("Calculation")
    group = _("Data")
    description = _("Computes a value with an expression; its result is that value.")
    Config = CalculationConfig
    expressions = ("expression",)
    testable = True

    def check(self, config: CalculationConfig, workflow: "Workflow | None" = None) -> None:
        with located("expression"):
            compile_expression(config.engine, config.expression)

    def compile(self, config: CalculationConfig) -> Expression | None:
        """None for an engine nobody knows; its result is null, as an empty expression's is."""
        return compile_expression(config.engine, config.expression) if config.engine in engines() else None

    def run(self, step: Step) -> Outcome:
        config = step.config
        step.input = {"engine": config.engine, "expression": config.expression}
        try:
            expression: Expression | None = step.compiled
            return Outcome(result=None if expression is None else expression.evaluate(step.scope))
        except ExpressionError as error:
            return Outcome(JobStatus.ERROR, str(error))

    def test(self, config: dict[str, object]) -> Outcome:
        try:
            expression = self.compile(self.parse(config))
            return Outcome(result=None if expression is None else expression.evaluate({}))
        except ExpressionError as error:
            return Outcome(JobStatus.ERROR, str(error))
