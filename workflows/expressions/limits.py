"""What one expression may use: every budget in one place, and the meter that counts."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError

#: Characters of an expression's own text.
SOURCE_LIMIT = 10_000
#: Operands, operators, brackets and commas of an expression.
TOKEN_LIMIT = 4_000
#: Characters of an expression in CEL, whose reader is slower.
CEL_SOURCE_LIMIT = 1_000
#: Brackets, operators, dots and commas of one: what its reader takes longest for.
CEL_MARK_LIMIT = 250
#: Placeholders in one text of a template.
PLACEHOLDER_LIMIT = 4_000
#: Levels of parentheses, calls, indexes, conditionals; also of lists and objects in a template or logic tree.
DEPTH_LIMIT = 50
#: Characters of one text that an expression or template makes.
TEXT_LIMIT = 1_000_000
#: Items of one list that an expression makes.
LIST_LIMIT = 20_000
#: Bits of an integer; beyond, numbers are infinite and so null, as in JavaScript.
INTEGER_BITS = 1024
#: Work of one evaluation: about one for each list item looked at, and for each 16 characters of text.
STEP_LIMIT = 50_000


class Meter:
    """Counts the work of one evaluation down; whoever uses it up gets an `ExpressionError`."""

    __slots__ = ("left",)

    def __init__(self, left: int = STEP_LIMIT) -> None:
        self.left = left

    def charge(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ExpressionError(
                _("This needs more than %d steps; give it less data or split it over nodes.") % STEP_LIMIT
            )

    def text(self, length: int) -> None:
        """To be asked before a text of this length is made."""
        if length > TEXT_LIMIT:
            raise ExpressionError(_("The text would be longer than %d characters; make it shorter.") % TEXT_LIMIT)
        self.charge(length >> 4)

    def items(self, count: int) -> None:
        """To be asked before a list of this length is made."""
        if count > LIST_LIMIT:
            raise ExpressionError(_("The list would have more than %d items; make it shorter.") % LIST_LIMIT)
        self.charge(count)

    def weigh(self, value: Any) -> None:
        """Charges for everything inside a value; stops as soon as the budget is used up."""
        if type(value) in _SCALARS:
            return
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self.charge(1 + (len(item) >> 4))
            elif isinstance(item, Mapping):
                self.charge(1 + len(item))
                stack.extend(inner for inner in item.values() if type(inner) not in _SCALARS)
            elif isinstance(item, list | tuple):
                self.charge(1 + len(item))
                if not _SCALARS.issuperset(map(type, item)):
                    stack.extend(inner for inner in item if type(inner) not in _SCALARS)


_SCALARS = frozenset({int, float, bool, type(None), date, datetime})
