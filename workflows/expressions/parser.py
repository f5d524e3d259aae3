"""From tokens to a tree, by precedence climbing with a budget of depth."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from workflows.expressions.dialects import POWER, Dialect
from workflows.expressions.errors import syntax_error
from workflows.expressions.lexer import Token, tokenize
from workflows.expressions.limits import DEPTH_LIMIT, INTEGER_BITS
from workflows.expressions.paths import split_placeholder

_WORDS = {"true": True, "false": False, "null": None, "undefined": None, "nan": None, "infinity": None}
_UNARY = {"-": "-", "+": "+", "!": "not", "~": "~"}


@dataclass(slots=True)
class Expr:
    """A node of the tree; `position` is where its token stands."""

    position: int
    #: Levels below and including this one.
    depth: int = field(default=1, kw_only=True)


@dataclass(slots=True)
class Literal(Expr):
    value: object


@dataclass(slots=True)
class Name(Expr):
    name: str


@dataclass(slots=True)
class Placeholder(Expr):
    path: str
    default: str | None


@dataclass(slots=True)
class ListOf(Expr):
    items: list[Expr]


@dataclass(slots=True)
class Call(Expr):
    name: str
    arguments: list[Expr]


@dataclass(slots=True)
class Unary(Expr):
    operation: str
    operand: Expr


@dataclass(slots=True)
class Chain(Expr):
    """Operators of one strength, left to right: first, then (operation, position, operand) each."""

    strength: int
    first: Expr
    rest: list[tuple[str, int, Expr]]
    #: In parentheses: what follows starts a chain of its own.
    closed: bool = False


@dataclass(slots=True)
class Choice(Expr):
    """`condition ? yes : no`"""

    condition: Expr
    yes: Expr
    no: Expr


@dataclass(slots=True)
class Index(Expr):
    whole: Expr
    index: Expr
    #: Written `.name`: a key, never an index.
    by_name: bool = False


def parse(source: str, dialect: Dialect) -> Expr:
    """The tree of a whole expression. Raises `ExpressionError` whose text starts with "SyntaxError: "."""
    return _Parser(tokenize(source), dialect).whole()


class _Parser:
    def __init__(self, tokens: list[Token], dialect: Dialect) -> None:
        self.tokens = tokens
        self.dialect = dialect
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def accept(self, *operators: str) -> Token | None:
        token = self.token
        return self.advance() if token.kind == "operator" and token.value in operators else None

    def expect(self, operator: str, opened: Token) -> Token:
        found = self.accept(operator)
        if found is not None:
            return found
        if self.token.kind == "end":
            raise syntax_error(_("%s is never closed.") % opened.value, opened.position)
        raise self.unexpected()

    def unexpected(self) -> Exception:
        token = self.token
        if token.kind == "end":
            return syntax_error(_("The expression ends too early."), token.position)
        if token.value == "=" and token.kind == "operator":
            return syntax_error(_("Unexpected =; write == to compare."), token.position)
        return syntax_error(_("Unexpected %r.") % token.value[:40], token.position)

    def whole(self) -> Expr:
        found = self.expression()
        if self.token.kind != "end":
            raise self.unexpected()
        return found

    def expression(self) -> Expr:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep(self.token.position)
        condition = self.infix(0)
        question = self.accept("?")
        if question is not None:
            yes = self.expression()
            self.expect(":", question)
            no = self.expression()
            condition = self.deeper(Choice(question.position, condition, yes, no), condition, yes, no)
        self.depth -= 1
        return condition

    def infix(self, weakest: int) -> Expr:
        left = self.prefix()
        while True:
            token = self.token
            word = token.value.lower() if token.kind == "name" else token.value
            found = self.dialect.operators.get(word) if token.kind in ("name", "operator") else None
            if found is None or found[1] < weakest:
                return left
            operation, strength = found
            self.advance()
            left = self.chain(left, operation, strength, token.position, self.infix(strength + 1))

    def chain(self, left: Expr, operation: str, strength: int, position: int, right: Expr) -> Expr:
        if isinstance(left, Chain) and left.strength == strength and not left.closed:
            left.rest.append((operation, position, right))
            left.depth = max(left.depth, right.depth + 1)
            return left
        return self.deeper(Chain(position, strength, left, [(operation, position, right)]), left, right)

    def prefix(self) -> Expr:
        token = self.token
        is_not = token.kind == "name" and token.value.lower() == "not"
        operation = "not" if is_not else _UNARY.get(token.value) if token.kind == "operator" else None
        if operation is None:
            return self.power()
        self.advance()
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep(token.position)
        operand = self.prefix()
        self.depth -= 1
        return self.deeper(Unary(token.position, operation, operand), operand)

    def power(self) -> Expr:
        """An operand with its powers: they bind closer than the sign before them, so -2^2 is -4."""
        operand = self.postfix()
        token = self.token
        found = self.dialect.operators.get(token.value) if token.kind == "operator" else None
        if found is None or found[1] != POWER:
            return operand
        self.advance()
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep(token.position)
        exponent = self.prefix()
        self.depth -= 1
        return self.chain(operand, found[0], POWER, token.position, exponent)

    def postfix(self) -> Expr:
        operand = self.primary()
        while True:
            token = self.token
            if self.accept("["):
                index = self.expression()
                self.expect("]", token)
                operand = self.deeper(Index(token.position, operand, index), operand, index)
            elif self.accept("."):
                name = self.advance()
                if name.kind != "name":
                    self.index -= 1
                    raise self.unexpected()
                for key in name.value.split("."):
                    operand = self.deeper(
                        Index(name.position, operand, Literal(name.position, key), by_name=True), operand
                    )
            elif self.dialect.factorial and self.accept("!"):
                operand = self.deeper(Call(token.position, "factorial", [operand]), operand)
            else:
                return operand

    def primary(self) -> Expr:
        token = self.advance()
        if token.kind == "number":
            return Literal(token.position, _number(token))
        if token.kind == "text":
            return Literal(token.position, token.value)
        if token.kind == "placeholder":
            return Placeholder(token.position, *split_placeholder(token.value))
        if token.kind == "name":
            return self.name(token)
        if token.kind == "operator" and token.value == "(":
            inner = self.expression()
            self.expect(")", token)
            if isinstance(inner, Chain):
                inner.closed = True
            return inner
        if token.kind == "operator" and token.value == "[":
            return self.rows(token)
        self.index -= 1
        raise self.unexpected()

    def name(self, token: Token) -> Expr:
        opened = self.accept("(")
        if opened is None:
            word = token.value.lower()
            return Literal(token.position, _WORDS[word]) if word in _WORDS else Name(token.position, token.value)
        arguments = self.items(")", opened)
        return self.deeper(Call(token.position, token.value, arguments), *arguments)

    def rows(self, opened: Token) -> Expr:
        """`[1, 2]`, or a list of lists as `[1, 2; 3, 4]`."""
        rows: list[list[Expr]] = [[]]
        closed = self.accept("]")
        while closed is None:
            rows[-1].append(self.expression())
            if self.accept(";"):
                rows.append([])
            elif not self.accept(","):
                closed = self.expect("]", opened)
        lists = [self.deeper(ListOf(opened.position, row), *row) for row in rows]
        return lists[0] if len(lists) == 1 else self.deeper(ListOf(opened.position, [*lists]), *lists)

    def items(self, close: str, opened: Token) -> list[Expr]:
        """Comma-separated expressions up to the closing sign."""
        items: list[Expr] = []
        if self.accept(close):
            return items
        while True:
            items.append(self.expression())
            if not self.accept(","):
                self.expect(close, opened)
                return items

    def deeper(self, made: Expr, *below: Expr) -> Expr:
        """Sets the depth of a node; what loops of the parser pile up counts as much as what recursion does."""
        made.depth = 1 + max((item.depth for item in below), default=0)
        if made.depth > DEPTH_LIMIT:
            raise self.too_deep(made.position)
        return made

    def too_deep(self, position: int) -> Exception:
        return syntax_error(_("Expressions may be nested %d levels deep; split this one.") % DEPTH_LIMIT, position)


def _number(token: Token) -> int | float:
    text = token.value
    if text[:2].lower() in ("0x", "0b", "0o"):
        # Hexadecimal digits are read in linear time, unlike decimal ones.
        number: int | float = int(text, 0)
    elif text.isdigit():
        number = int(text) if len(text) <= 309 else float("inf")
    else:
        number = float(text)
    if number == float("inf") or (isinstance(number, int) and number.bit_length() > INTEGER_BITS):
        raise syntax_error(_("The number is too large."), token.position)
    return number
