"""A value as text inside other text."""

import json
import math
from datetime import date, datetime, time
from typing import Any

from workflows.jsonable import iso, jsonable


def to_text(value: Any) -> str:
    """None is "", dates are ISO, numbers and objects as JSON shows them (spec 6.4)."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if value.bit_length() <= 1024 else ""
    if kind is float:
        return number_text(value)
    if isinstance(value, datetime | date | time):
        return iso(value)
    plain = jsonable(value)
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return to_text(plain)


def number_text(value: float) -> str:
    """As JavaScript prints it: no ".0", digits down to 0.000001, and "" for what is no number."""
    if not math.isfinite(value):
        return ""
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    mantissa, _letter, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    power = int(exponent)
    if -6 <= power < 0:
        return f"{value:.{len(mantissa.strip('-').replace('.', '')) - 1 - power}f}"
    return f"{mantissa}e{power:+d}"
