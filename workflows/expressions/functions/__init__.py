"""The functions of the language, by theme; docs/expressions.md shows each."""

from workflows.expressions.functions import dates, lists, logic, lookup, numbers, text
from workflows.expressions.functions.registry import Function, function, library

__all__ = ["Function", "dates", "function", "library", "lists", "logic", "lookup", "numbers", "text"]
