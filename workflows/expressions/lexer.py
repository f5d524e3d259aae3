"""Cuts an expression's text into tokens; linear in its length."""

import re
from typing import NamedTuple

from django.utils.translation import gettext as _

from workflows.expressions.errors import syntax_error
from workflows.expressions.limits import SOURCE_LIMIT, TOKEN_LIMIT
from workflows.expressions.paths import PLACEHOLDER
from workflows.expressions.placeholders import misfit

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<name>[A-Za-z_](?:\w|\.(?=[A-Za-z_]|2T\b))*)
  | (?P<operator>===|!==|>>>|\*\*|\.[*/^]|\^\||==|!=|<>|<=|>=|<<|>>|&&|\|\||\?\?|[-+*/%^<>=&|~!?:,;.()\[\]{}])
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_CLOSING = frozenset(")]}")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": ""}


class Token(NamedTuple):
    """`kind` is number, text, name, operator, placeholder or end; `value` the text, unquoted for texts."""

    kind: str
    value: str
    position: int


def tokenize(source: str) -> list[Token]:
    """Raises `ExpressionError` for what is no token, and for more than 10,000 characters or 4,000 tokens."""
    if len(source) > SOURCE_LIMIT:
        raise syntax_error(_("An expression may have %d characters; split it over nodes.") % SOURCE_LIMIT, SOURCE_LIMIT)
    tokens: list[Token] = []
    markers: dict[str, str] = {}
    position = 0
    while position < len(source):
        if source.startswith("{{", position):
            position = _placeholder(source, position, tokens, markers)
            continue
        if source[position] == "'" and source[position - 1 : position] in _CLOSING:
            # Right behind a value it transposes; no text can stand there.
            tokens.append(Token("operator", "'", position))
            position += 1
            continue
        found = _TOKEN.match(source, position)
        if found is None:
            raise _unexpected(source, position)
        kind = found.lastgroup
        if kind == "text":
            tokens.append(Token("text", _unquote(found[0], markers), position))
        elif kind is not None and kind != "space":
            tokens.append(Token(kind, found[0], position))
            if len(tokens) > TOKEN_LIMIT:
                raise syntax_error(_("An expression may have %d parts; split it over nodes.") % TOKEN_LIMIT, position)
        position = found.end()
    tokens.append(Token("end", "", position))
    return tokens


def _placeholder(source: str, position: int, tokens: list[Token], markers: dict[str, str]) -> int:
    found = PLACEHOLDER.match(source, position)
    if found is None:
        raise syntax_error(misfit(source, position), position)
    markers.setdefault(found[1].strip(), f"$${len(markers)}")
    tokens.append(Token("placeholder", found[1], position))
    return found.end()


def _unquote(quoted: str, markers: dict[str, str]) -> str:
    """The text between the quotes. A placeholder in it is never its value: it shows as $$0, $$1 ... (spec 6.5)."""
    text = quoted[1:-1]
    if "{{" in text:
        text = PLACEHOLDER.sub(lambda found: markers.setdefault(found[1].strip(), f"$${len(markers)}"), text)
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


def _unexpected(source: str, position: int) -> Exception:
    character = source[position]
    if character in "'\"":
        return syntax_error(_("A text that begins here has no closing quote."), position)
    if character == "$":
        return syntax_error(_("A path stands in double braces; write {{$context.data.total}}."), position)
    return syntax_error(_("Unexpected character %r.") % character, position)
