"""What tells the two dialects apart: operators, where lists begin, and which names mean what."""

from dataclasses import dataclass

#: Binding strength of infix operators, loosest first; `?:` is looser than all.
OR, XOR, AND, BIT_OR, BIT_AND, COMPARISON, JOIN, SHIFT, SUM, PRODUCT, POWER = range(1, 12)

_COMMON = {
    "or": ("or", OR),
    "||": ("or", OR),
    "??": ("??", OR),
    "xor": ("xor", XOR),
    "and": ("and", AND),
    "&&": ("and", AND),
    "==": ("==", COMPARISON),
    "!=": ("!=", COMPARISON),
    "===": ("===", COMPARISON),
    "!==": ("!==", COMPARISON),
    "<": ("<", COMPARISON),
    "<=": ("<=", COMPARISON),
    ">": (">", COMPARISON),
    ">=": (">=", COMPARISON),
    "<<": ("<<", SHIFT),
    ">>": (">>", SHIFT),
    "+": ("+", SUM),
    "-": ("-", SUM),
    "*": ("*", PRODUCT),
    "/": ("/", PRODUCT),
    "%": ("%", PRODUCT),
    "mod": ("mod", PRODUCT),
    "^": ("^", POWER),
    "**": ("^", POWER),
}


@dataclass(frozen=True)
class Dialect:
    name: str
    #: Token -> (operation, binding strength).
    operators: dict[str, tuple[str, int]]
    #: The index of a list's first item.
    first_index: int
    #: `1 < x < 9` means both comparisons.
    chained_comparison: bool
    #: `5!` is 120.
    factorial: bool


MATH = Dialect(
    "math.js",
    {**_COMMON, "|": ("|", BIT_OR), "&": ("bit&", BIT_AND)},
    first_index=1,
    chained_comparison=True,
    factorial=True,
)
FORMULA = Dialect(
    "formula.js",
    {
        **_COMMON,
        "||": ("js||", OR),
        "&&": ("js&&", AND),
        "=": ("==", COMPARISON),
        "<>": ("!=", COMPARISON),
        "&": ("&", JOIN),
        "+": ("js+", SUM),
        "%": ("js%", PRODUCT),
    },
    first_index=0,
    chained_comparison=False,
    factorial=False,
)
