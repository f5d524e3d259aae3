"""FDL's expressions: paths from $Input, $Output, $Context and the old form's $, $input and $local; literals;
comparisons with && || and !.

They become values, or expressions in math.js whose comparisons are strict, as JSON's kinds are.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from django.utils.translation import gettext as _

from workflows.transfer.fdl.values import Expr, Misfit, Ref, Value, operand, placeholder

#: Gives what lies at a path: (root, segments).
Resolve = Callable[[str, tuple[str, ...]], Value]

_LONGEST = 5_000
_DEEPEST = 30
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<path>\$[A-Za-z]*(?:\.[\w-]+|\[(?:[0-9]+|\*|"[^"\\]*"|'[^'\\]*')\])*)
  | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*')
  | (?P<name>[A-Za-z_][\w.]*)
  | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!()])
    """,
    re.VERBOSE | re.DOTALL,
)
_SEGMENT = re.compile(r"\.([\w-]+)|\[([0-9]+|\*)\]|\[[\"']([^\"']*)[\"']\]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_COMPARISONS = {"==": "===", "!=": "!==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = {"true": True, "false": False, "null": None, "nil": None}
#: How tightly a text in math.js is bound: by or, by and, by a comparison, or not at all.
_OR, _AND, _COMPARISON, _ATOM = range(4)


class _Token(NamedTuple):
    kind: str
    text: str


class _Part(NamedTuple):
    """Either a value, or a text in math.js with how tightly it is bound."""

    value: Value
    text: str = ""
    bound: int = _ATOM

    def within(self, bound: int) -> str:
        text = self.text or operand(self.value)
        return text if self.bound > bound else f"({text})"


def translated(text: object, resolve: Resolve) -> Value:
    """The value of an expression, or the `Expr` that a node has to compute. Raises `Misfit`."""
    if not isinstance(text, str):
        raise Misfit(_("Give an expression as a text, such as $Input.status."))
    if len(text) > _LONGEST:
        raise Misfit(_("An expression has at most %d characters here.") % _LONGEST)
    reader = _Reader(_tokens(text), resolve)
    part = reader.either(0)
    if reader.here.kind != "end":
        raise Misfit(_("The expression should end before %s.") % reader.here.text[:40])
    return Expr(part.text) if part.text else part.value


def question(text: object, resolve: Resolve) -> str:
    """A condition in math.js. Raises `Misfit`."""
    value = translated(text, resolve)
    return value.text if isinstance(value, Expr) else operand(value)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            sentence = _(
                "%s is not understood in an expression; there are paths, texts, numbers, true, false, null, "
                "== != > >= < <= && || ! and parentheses."
            )
            raise Misfit(sentence % text[position : position + 20])
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match[0]))
        position = match.end()
    return [*found, _Token("end", "")]


class _Reader:
    def __init__(self, tokens: list[_Token], resolve: Resolve) -> None:
        self._tokens = tokens
        self._position = 0
        self._resolve = resolve

    @property
    def here(self) -> _Token:
        return self._tokens[self._position]

    def _take(self, *operators: str) -> str | None:
        if self.here.kind != "operator" or self.here.text not in operators:
            return None
        self._position += 1
        return self._tokens[self._position - 1].text

    def either(self, depth: int) -> _Part:
        part = self._both(depth)
        while self._take("||"):
            part = _Part(None, f"{part.within(_OR - 1)} or {self._both(depth).within(_OR)}", _OR)
        return part

    def _both(self, depth: int) -> _Part:
        part = self._comparison(depth)
        while self._take("&&"):
            part = _Part(None, f"{part.within(_AND - 1)} and {self._comparison(depth).within(_AND)}", _AND)
        return part

    def _comparison(self, depth: int) -> _Part:
        part = self._single(depth)
        operator = self._take(*_COMPARISONS)
        if operator is None:
            return part
        right = self._single(depth).within(_COMPARISON)
        return _Part(None, f"{part.within(_COMPARISON)} {_COMPARISONS[operator]} {right}", _COMPARISON)

    def _single(self, depth: int) -> _Part:
        if depth > _DEEPEST:
            raise Misfit(_("The expression is nested too deep; %d levels is the most.") % _DEEPEST)
        if self._take("!"):
            return _Part(None, f"!({self._single(depth + 1).within(-1)})")
        if self._take("("):
            part = self.either(depth + 1)
            if not self._take(")"):
                raise Misfit(_("A parenthesis is not closed."))
            return part
        token = self.here
        self._position += token.kind != "end"
        if token.kind == "path":
            value = self._resolve(*_path(token.text))
            if isinstance(value, Ref):
                # Here it is known where it stands.
                placeholder(value)
            return _of_value(value)
        if token.kind == "number":
            return _Part(_number(token.text))
        if token.kind == "text":
            return _Part(_unquoted(token.text))
        if token.kind == "name" and token.text in _WORDS:
            return _Part(_WORDS[token.text])
        if token.kind == "name":
            sentence = _("%s is not known here: functions of FDL are not taken; texts stand in quotes.")
            raise Misfit(sentence % token.text[:40])
        raise Misfit(_("A value is missing in the expression."))


def _of_value(value: Value) -> _Part:
    return _Part(None, value.text) if isinstance(value, Expr) else _Part(value)


def _number(text: str) -> int | float:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise Misfit(_("The number %s is too long.") % text[:20]) from None


def _path(text: str) -> tuple[str, tuple[str, ...]]:
    root = re.match(r"\$[A-Za-z]*", text)
    assert root is not None
    segments = tuple(next(part for part in found.groups() if part is not None) for found in _SEGMENT.finditer(text))
    return root[0], segments


def _unquoted(text: str) -> str:
    inside = text[1:-1]
    return inside if text[0] == "`" else _ESCAPE.sub(_unescaped, inside)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)
