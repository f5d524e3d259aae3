"""The nodes of an expression's tree, between the parser and the compiler."""

from dataclasses import dataclass, field


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
class ObjectOf(Expr):
    keys: list[str]
    values: list[Expr]


@dataclass(slots=True)
class Call(Expr):
    name: str
    arguments: list[Expr]


@dataclass(slots=True)
class Unary(Expr):
    operation: str
    operand: Expr


@dataclass(slots=True)
class Percent(Expr):
    """`operand%`; behind + and - a share of what stands before."""

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
    #: One for each dimension; None is all of it (`:`).
    indexes: list[Expr | None]
