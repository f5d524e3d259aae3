"""From tokens to a tree, by precedence climbing with a budget of depth."""

from django.utils.translation import gettext as _

from workflows.expressions.dialects import IMPLICIT, POWER, PRODUCT, RANGE, SUM, Dialect
from workflows.expressions.errors import syntax_error
from workflows.expressions.lexer import Token, tokenize
from workflows.expressions.limits import DEPTH_LIMIT, INTEGER_BITS
from workflows.expressions.paths import split_placeholder
from workflows.expressions.tree import (
    Call,
    Chain,
    Choice,
    Expr,
    Index,
    ListOf,
    Literal,
    Name,
    ObjectOf,
    Percent,
    Placeholder,
    Unary,
)

_WORDS = {"true": True, "false": False, "null": None, "undefined": None, "nan": None, "infinity": None}
#: The operation between two factors that stand side by side.
_UNSAID = "unsaid*"
_FACTORS = frozenset({"name", "placeholder", "operator"})
_OPENING = frozenset("([-+!~")
_UNARY = {"-": "-", "+": "+", "!": "not", "~": "~"}


def parse(source: str, dialect: Dialect) -> Expr:
    """The tree of a whole expression. Raises `ExpressionError` whose text starts with "SyntaxError: "."""
    return _Parser(tokenize(source), dialect).whole()


class _Parser:
    def __init__(self, tokens: list[Token], dialect: Dialect) -> None:
        # The end twice, so that it can be stepped over and back like any other token.
        self.tokens = [*tokens, tokens[-1]]
        self.dialect = dialect
        self.index = 0
        self.depth = 0
        #: How many `?` wait for their `:`, which begins no range there.
        self.choices = 0
        #: Where the last parentheses around an operand were closed.
        self.group_end = -1
        self.token = tokens[0]

    def advance(self) -> Token:
        token = self.token
        self.index += 1
        self.token = self.tokens[self.index]
        return token

    def back(self) -> None:
        self.index -= 1
        self.token = self.tokens[self.index]

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

    def expression(self, *, choices: int = 0) -> Expr:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep(self.token.position)
        outer, self.choices = self.choices, choices
        condition = self.infix(0)
        question = self.accept("?")
        if question is not None:
            yes = self.expression(choices=self.choices + 1)
            self.expect(":", question)
            no = self.expression(choices=self.choices)
            condition = self.deeper(Choice(question.position, condition, yes, no), condition, yes, no)
        self.choices = outer
        self.depth -= 1
        return condition

    def infix(self, weakest: int) -> Expr:
        left = self.prefix()
        while True:
            token = self.token
            found = self.operator(token)
            if found is None or found[1] < weakest:
                return left
            operation, strength = found
            if operation != _UNSAID:
                self.advance()
            if operation == ":":
                left = self.range(left, token)
            elif operation == "m%" and not self.begins_operand(self.token):
                left = self.deeper(Percent(token.position, left), left)
            else:
                right = self.infix(strength + 1)
                if strength == SUM and isinstance(right, Percent):
                    operation, right = operation.removeprefix("m") + "%", right.operand
                left = self.chain(left, operation, strength, token.position, right)

    def operator(self, token: Token) -> tuple[str, int] | None:
        """What joins the operand before the token to what follows, and how strongly."""
        if token.kind == "operator" and token.value != "(":
            if token.value == ":" and self.dialect.mathematical and not self.choices:
                return ":", RANGE
            return self.dialect.operators.get(token.value)
        if token.kind == "name":
            found = self.dialect.operators.get(token.value.lower())
            # "in" is also the inch.
            if found is not None and (token.value != "in" or self.begins_operand(self.tokens[self.index + 1])):
                return found
        return self.unsaid(token) if self.dialect.mathematical and token.kind in _FACTORS else None

    def unsaid(self, token: Token) -> tuple[str, int] | None:
        """The product in `2 pi`, `5 cm`, `2 (3 + 4)`; `1 / 2 pi` is half of pi."""
        before = self.tokens[self.index - 1]
        behind_group = self.index - 1 == self.group_end
        behind_name = token.kind == "name" and (before.kind in ("name", "placeholder") or before.value == "]")
        if not (before.kind == "number" or behind_group or behind_name):
            return None
        two = self.tokens[max(self.index - 3, 0) : self.index - 1]
        is_fraction = before.kind == "number" and [each.value for each in two[1:]] == ["/"] and two[0].kind == "number"
        return _UNSAID, PRODUCT if is_fraction else IMPLICIT

    def begins_operand(self, token: Token) -> bool:
        if token.kind == "operator":
            return token.value in _OPENING
        return token.kind != "end" and token.value.lower() not in self.dialect.operators

    def range(self, first: Expr, colon: Token) -> Expr:
        """`first:last` or `first:step:last`"""
        parts = [first, self.infix(RANGE + 1)]
        if not self.choices and self.accept(":"):
            parts.append(self.infix(RANGE + 1))
            parts[1:] = reversed(parts[1:])
        return self.deeper(Call(colon.position, "range", parts), *parts)

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
        return self.deeper(Unary(token.position, self.dialect.unary.get(operation, operation), operand), operand)

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
            if token.kind != "operator":
                return operand
            if self.accept("["):
                indexes = self.subscripts(token)
                operand = self.deeper(Index(token.position, operand, indexes), operand, *filter(None, indexes))
            elif self.accept("."):
                operand = self.keys(operand)
            elif self.dialect.mathematical and self.accept("!"):
                operand = self.deeper(Call(token.position, "factorial", [operand]), operand)
            elif self.dialect.mathematical and self.accept("'"):
                operand = self.deeper(Unary(token.position, "'", operand), operand)
            else:
                return operand

    def subscripts(self, opened: Token) -> list[Expr | None]:
        """`[2]`; in math.js also `[2, 3]`, `[:, 1]`, `[1:2]`."""
        indexes: list[Expr | None] = []
        while True:
            if (
                self.dialect.mathematical
                and self.token.value == ":"
                and self.tokens[self.index + 1].value in (",", "]")
            ):
                self.advance()
                indexes.append(None)
            else:
                indexes.append(self.expression())
            if not (self.dialect.mathematical and self.accept(",")):
                self.expect("]", opened)
                return indexes

    def keys(self, operand: Expr) -> Expr:
        name = self.advance()
        if name.kind != "name":
            self.back()
            raise self.unexpected()
        for key in name.value.split("."):
            operand = self.deeper(Index(name.position, operand, [Literal(name.position, key)]), operand)
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
            self.group_end = self.index - 1
            if isinstance(inner, Chain):
                inner.closed = True
            return inner
        if token.kind == "operator" and token.value == "[":
            return self.rows(token)
        if token.kind == "operator" and token.value == "{" and self.dialect.mathematical:
            return self.object(token)
        self.back()
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

    def object(self, opened: Token) -> Expr:
        """`{name: 'x', "a b": 1}`"""
        keys: list[str] = []
        values: list[Expr] = []
        closed = self.accept("}")
        while closed is None:
            key = self.advance()
            if key.kind not in ("name", "text", "number"):
                self.back()
                raise self.unexpected()
            self.expect(":", opened)
            keys.append(key.value)
            values.append(self.expression())
            if not self.accept(","):
                closed = self.expect("}", opened)
        return self.deeper(ObjectOf(opened.position, keys, values), *values)

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
