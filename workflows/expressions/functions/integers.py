"""Whole numbers: counting, primes, digits in other bases."""

import math
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import numbers_in, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.operators import finite, number
from workflows.expressions.text import to_text

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)


def natural(value: Any, name: str, most: int) -> int:
    """A whole number from 0 to the most. Raises `ExpressionError` for any other."""
    found = number(value, f"{name}()")
    if not 0 <= found <= most or found != int(found):
        raise ExpressionError(_("%(name)s() needs whole numbers from 0 to %(most)d.") % {"name": name, "most": most})
    return int(found)


@function("EVEN")
def _even(x: Any) -> int:
    """Away from 0 to the next even number."""
    found = number(x, "EVEN()")
    up = math.ceil(abs(found) / 2 - 1e-12) * 2
    return up if found >= 0 else -up


@function("ODD")
def _odd(x: Any) -> int:
    found = number(x, "ODD()")
    up = max(math.ceil((abs(found) - 1) / 2 - 1e-12), 0) * 2 + 1
    return up if found >= 0 else -up


@function("FACTDOUBLE")
def _double_factorial(n: Any) -> Any:
    return finite(math.prod(range(natural(n, "FACTDOUBLE", 300), 0, -2)))


@function("combinationsWithRep", "COMBINA")
def _combinations_with_repetition(n: Any, k: Any) -> Any:
    kinds, chosen = natural(n, "COMBINA", 10**9), natural(k, "COMBINA", 1000)
    return finite(math.comb(kinds + chosen - 1, chosen)) if kinds else int(not chosen)


@function("PERMUTATIONA")
def _permutations_with_repetition(n: Any, k: Any) -> Any:
    kinds, chosen = natural(n, "PERMUTATIONA", 10**9), natural(k, "PERMUTATIONA", 1000)
    return finite(kinds**chosen)


@function("MULTINOMIAL")
def _multinomial(*values: Any) -> Any:
    counts = [natural(value, "MULTINOMIAL", 170) for value in numbers_in(values, "MULTINOMIAL")]
    if sum(counts) > 170:
        return None
    return math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))


@function("catalan")
def _catalan(n: Any) -> Any:
    count = natural(n, "catalan", 500)
    return math.comb(2 * count, count) // (count + 1)


@function("bellNumbers")
def _bell(n: Any) -> Any:
    row = [1]
    for _size in range(natural(n, "bellNumbers", 100)):
        after = [row[-1]]
        for value in row:
            after.append(after[-1] + value)
        row = after
    return row[0]


@function("stirlingS2")
def _stirling(n: Any, k: Any) -> Any:
    size, parts = natural(n, "stirlingS2", 100), natural(k, "stirlingS2", 100)
    signed = ((-1) ** (parts - each) * math.comb(parts, each) * each**size for each in range(parts + 1))
    return sum(signed) // math.factorial(parts)


@function("composition")
def _compositions(n: Any, k: Any) -> Any:
    size, parts = natural(n, "composition", 1000), natural(k, "composition", 1000)
    return finite(math.comb(size - 1, parts - 1)) if 1 <= parts <= size else 0


#: With these bases the test of Miller and Rabin leaves no doubt below 2,152,302,898,747.
_BASES = (2, 3, 5, 7, 11)


@function("isPrime")
def _is_prime(meter: Meter, x: Any) -> bool:
    found = number(x, "isPrime()")
    if found < 2 or found != int(found):
        return False
    candidate = natural(x, "isPrime", 10**12)
    if candidate in _BASES or not all(candidate % base for base in _BASES):
        return candidate in _BASES
    meter.charge(20)
    return all(_looks_prime(candidate, base) for base in _BASES)


def _looks_prime(candidate: int, base: int) -> bool:
    halvings = (candidate - 1 & 1 - candidate).bit_length() - 1
    power = pow(base, (candidate - 1) >> halvings, candidate)
    if power in (1, candidate - 1):
        return True
    for _halving in range(halvings - 1):
        power = power * power % candidate
        if power == candidate - 1:
            return True
    return False


@function("xgcd")
def _extended_gcd(a: Any, b: Any) -> list[int]:
    """The divisor, and how many a and b make it."""
    first, second = whole(a, "xgcd()"), whole(b, "xgcd()")
    old, now, many, next_many = first, second, 1, 0
    while now:
        times = old // now
        old, now = now, old - times * now
        many, next_many = next_many, many - times * next_many
    if old < 0:
        old, many = -old, -many
    return [old, many, (old - many * first) // second if second else 0]


@function("invmod")
def _inverse_modulo(a: Any, b: Any) -> int | None:
    value, base = whole(a, "invmod()"), whole(b, "invmod()")
    if not base:
        raise ExpressionError(_("invmod() needs a base other than 0."))
    return pow(value, -1, abs(base)) if math.gcd(value, base) == 1 else None


@function("SQRTPI")
def _root_of_pi(x: Any) -> Any:
    found = number(x, "SQRTPI()")
    return math.sqrt(found * math.pi) if found >= 0 else None


@function("SERIESSUM")
def _power_series(x: Any, first: Any, step: Any, factors: Any) -> Any:
    base, start, by = (float(number(value, "SERIESSUM()")) for value in (x, first, step))
    return finite(
        math.fsum(factor * base ** (start + at * by) for at, factor in enumerate(numbers_in([factors], "SERIESSUM")))
    )


@function("ROMAN")
def _roman(n: Any) -> str:
    rest, made = natural(n, "ROMAN", 3999), ""
    for value, letters in _ROMAN:
        made += letters * (rest // value)
        rest %= value
    return made


@function("ARABIC")
def _arabic(text: Any) -> int:
    letters = to_text(text).strip().upper()
    rest, total = letters.removeprefix("-"), 0
    for value, sign in _ROMAN:
        while rest.startswith(sign) and total < 10_000:
            rest = rest[len(sign) :]
            total += value
    if rest:
        raise ExpressionError(_("ARABIC() needs a Roman number."))
    return -total if letters.startswith("-") else total


def _radix(value: Any, name: str) -> int:
    found = whole(value, f"{name}()")
    if not 2 <= found <= 36:
        raise ExpressionError(_("A base lies between 2 and 36."))
    return found


def digits_of(value: int, base: int) -> str:
    if value < 0:
        return f"-{digits_of(-value, base)}"
    if base in (2, 8, 16):
        return format(value, {2: "b", 8: "o", 16: "X"}[base])
    made = ""
    while value:
        value, digit = divmod(value, base)
        made = _DIGITS[digit] + made
    return made or "0"


@function("BASE")
def _in_base(n: Any, base: Any, length: Any = 0) -> str:
    value = natural(n, "BASE", 1 << 53)
    return digits_of(value, _radix(base, "BASE")).rjust(natural(length, "BASE", 255), "0")


@function("DECIMAL")
def _from_base(text: Any, base: Any) -> int:
    digits = to_text(text).strip()
    if len(digits) > 255 or not digits.isascii():
        raise ExpressionError(_("DECIMAL() needs up to 255 digits."))
    return int(digits.replace("_", "."), _radix(base, "DECIMAL"))


def _written(base: int, mark: str) -> Any:
    return lambda x: (lambda text: f"-{mark}{text[1:]}" if text[0] == "-" else mark + text)(
        digits_of(whole(x, f"{mark}()"), base).lower()
    )


function("bin")(_written(2, "0b"))
function("oct")(_written(8, "0o"))
function("hex")(_written(16, "0x"))
