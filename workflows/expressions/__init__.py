"""Templates, expressions and logic trees: what people type into fields, compiled once and evaluated fast.

A small total language of our own. It reaches mappings and lists of the scope it is given and nothing of Python; every
evaluation has budgets, and whatever goes wrong is an `ExpressionError` with a sentence.
"""

from workflows.expressions.engine import DEFAULT_ENGINE, Expression, compile_expression, engines
from workflows.expressions.errors import ExpressionError
from workflows.expressions.logic import Logic, calculators, compile_logic, register_calculator
from workflows.expressions.system import system_scope
from workflows.expressions.templates import Template, compile_template, render

__all__ = [
    "DEFAULT_ENGINE",
    "Expression",
    "ExpressionError",
    "Logic",
    "Template",
    "calculators",
    "compile_expression",
    "compile_logic",
    "compile_template",
    "engines",
    "register_calculator",
    "render",
    "system_scope",
]
