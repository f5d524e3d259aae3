"""The functions of the language, by theme; docs/expressions.md shows each."""

# Importing a theme registers its functions.
from workflows.expressions.functions import dates, formats, lists, logic, lookup, numbers, statistics, text
from workflows.expressions.functions.registry import Function, function, lazy, library

__all__ = [
    "Function",
    "dates",
    "formats",
    "function",
    "lazy",
    "library",
    "lists",
    "logic",
    "lookup",
    "numbers",
    "statistics",
    "text",
]
