"""The functions of the language, by theme; docs/expressions shows each."""

# Importing a theme registers its functions.
from workflows.expressions.functions import (
    calendars,
    dates,
    distributions,
    engineering,
    financial,
    formats,
    integers,
    lists,
    logic,
    lookup,
    matrices,
    numbers,
    regression,
    relations,
    statistics,
    summaries,
    text,
    trigonometry,
)
from workflows.expressions.functions.registry import Function, function, lazy, library

__all__ = [
    "Function",
    "calendars",
    "dates",
    "distributions",
    "engineering",
    "financial",
    "formats",
    "function",
    "integers",
    "lazy",
    "library",
    "lists",
    "logic",
    "lookup",
    "matrices",
    "numbers",
    "regression",
    "relations",
    "statistics",
    "summaries",
    "text",
    "trigonometry",
]
