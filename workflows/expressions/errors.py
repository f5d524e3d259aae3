"""The one error of templates, expressions and logic trees."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid


class ExpressionError(Invalid):
    """A template, expression or logic tree is wrong, or its values don't fit.

    `position` is the offset (from 0) of the character at fault in the text, or None where there is none; the sentence
    names it counted from 1. The text of a syntax error starts with "SyntaxError: " in every language.
    """

    code = "expression"

    def __init__(self, message: Any, *, position: int | None = None, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.position: int | None = None
        if position is not None:
            self.at(position)

    def at(self, position: int) -> "ExpressionError":
        """This error, with the place named unless an inner one is already."""
        if self.position is None:
            self.position = position
            self.message = _("%(sentence)s (At character %(position)d.)") % {
                "sentence": self.message,
                "position": position + 1,
            }
        return self


def syntax_error(sentence: str, position: int) -> ExpressionError:
    return ExpressionError(f"SyntaxError: {sentence}", position=position)
