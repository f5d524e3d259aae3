"""What tells the two dialects apart: operators, where lists begin, and which names mean what."""

from dataclasses import dataclass, field

#: Binding strength of infix operators, loosest first; `?:` is looser than all.
OR, XOR, AND, BIT_OR, BIT_XOR, BIT_AND, COMPARISON, JOIN, SHIFT = range(1, 10)
CONVERSION, RANGE, SUM, PRODUCT, IMPLICIT, POWER = range(10, 16)

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
    #: What only math.js has: `5!`, `2 pi`, `1:3`, `20%`, `[1, 2]'`, units, lists item by item.
    mathematical: bool
    #: Signs before an operand that mean something of their own.
    unary: dict[str, str] = field(default_factory=dict)


MATH = Dialect(
    "math.js",
    {
        **_COMMON,
        "|": ("|", BIT_OR),
        "^|": ("^|", BIT_XOR),
        "&": ("bit&", BIT_AND),
        ">>>": (">>>", SHIFT),
        "to": ("to", CONVERSION),
        "in": ("to", CONVERSION),
        "+": ("m+", SUM),
        "-": ("m-", SUM),
        "*": ("m*", PRODUCT),
        "/": ("m/", PRODUCT),
        ".*": (".*", PRODUCT),
        "./": ("./", PRODUCT),
        "%": ("m%", PRODUCT),
        "^": ("m^", POWER),
        "**": ("m^", POWER),
        ".^": (".^", POWER),
    },
    first_index=1,
    chained_comparison=True,
    mathematical=True,
    unary={"-": "m-"},
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
    mathematical=False,
)
