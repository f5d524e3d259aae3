"""An expression that is itself data: of a row, of a result (spec 5.14)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflows.errors import Invalid, check_all
from workflows.expressions import DEFAULT_ENGINE, ExpressionError, Template, compile_expression, compile_template
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow


class DynamicCalculationConfig(NodeConfig):
    #: A template for an object {"engine", "expression"}, or such an object.
    expression: Any = None
    #: A template for the object whose keys the expression names.
    scope: Any = None


class Compiled(NamedTuple):
    expression: Template
    scope: Template


class DynamicCalculation(Instruction[DynamicCalculationConfig]):
    type = "dynamic-calculation"
    title = _("Dynamic calculation")
    group = _("Data")
    description = _("Computes a value with an expression that is stored as data.")
    Config = DynamicCalculationConfig
    # Its placeholders are those of its own scope.
    verbatim = ("expression.expression",)
    testable = True

    def check(self, config: DynamicCalculationConfig, workflow: "Workflow | None" = None) -> None:
        check_all(lambda: _check_expression(config.expression), lambda: _check_scope(config.scope))

    def compile(self, config: DynamicCalculationConfig) -> Compiled:
        return Compiled(_unrendered(config.expression), compile_template(config.scope))

    def run(self, step: Step) -> Outcome:
        compiled: Compiled = step.compiled
        stored, scope = compiled.expression.render(step.scope), compiled.scope.render(step.scope)
        step.input = {"expression": stored, "scope": scope}
        return _evaluated(stored, scope)


def _unrendered(expression: Any) -> Template:
    """What leads to the stored expression. One that stands here as an object is data too: its text is not rendered."""
    if isinstance(expression, Mapping):
        # Made a template of nothing, so that the placeholders in it are those of its own scope.
        return Template(lambda scope, meter: expression, constant=True, node_keys=frozenset())
    return compile_template(expression)


def _evaluated(stored: Any, scope: Any) -> Outcome:
    """Nothing stored is null, as an empty expression is; what doesn't fit is an error with its sentence."""
    try:
        if stored is None or stored == "":
            return Outcome()
        text, engine = _parts(stored)
        if scope is not None and not isinstance(scope, Mapping):
            raise ExpressionError(gettext("The scope came out as no object; name one whose keys the expression uses."))
        return Outcome(result=compile_expression(engine, text).evaluate(scope or {}))
    except ExpressionError as error:
        return Outcome(JobStatus.ERROR, str(error))


def _parts(stored: Any) -> tuple[str, str]:
    if not isinstance(stored, Mapping):
        raise ExpressionError(
            gettext('The stored expression came out as no object; write {"engine": "math.js", "expression": "..."}.')
        )
    text, engine = stored.get("expression"), stored.get("engine")
    if not isinstance(text, str | None):
        raise ExpressionError(gettext("The stored expression's text is no text."))
    if not isinstance(engine, str | None):
        raise ExpressionError(gettext("The stored expression's engine is no text."))
    return text or "", engine or DEFAULT_ENGINE


def _check_expression(expression: Any) -> None:
    with located("expression"):
        if isinstance(expression, Mapping):
            text, engine = _parts(expression)
            with located("expression", "expression."):
                compile_expression(engine, text)
        elif not (expression is None or expression == "") and compile_template(expression).constant:
            raise Invalid(
                gettext("Write a template for the stored expression, {{$context.data.formula}}."), field="expression"
            )


def _check_scope(scope: Any) -> None:
    with located("scope"):
        constant = compile_template(scope).constant
        if constant and scope not in (None, "") and not isinstance(scope, Mapping):
            raise Invalid(gettext("Write a template for an object, {{$context.data}}, or an object."), field="scope")
