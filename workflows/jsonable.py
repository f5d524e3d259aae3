"""One function that makes any value fit the JSON columns of every database."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.utils.duration import duration_iso_string
from django.utils.functional import Promise
from pydantic import BaseModel

#: Levels of lists and objects; what lies deeper is kept as its JSON text. MariaDB refuses more than 31.
DEPTH_LIMIT = 30
#: Beyond, a number is infinite to everybody else who reads JSON, and Python refuses to print it.
_INTEGER_BITS = 1024
_EXACT_DIGITS = 15


def jsonable(value: Any) -> Any:
    """The value as JSON can hold it. A value that fits already is returned itself, not a copy.

    NaN and infinities become None, NUL characters go, lone surrogates become U+FFFD, dates and times ISO 8601 (UTC as
    "Z"), durations ISO 8601, decimals integers, else floats if exact to 15 digits, else text; bytes text (UTF-8), sets,
    tuples and other iterables lists, keys text, pydantic models objects by alias. Functions become None, anything else
    its text, and what lies deeper than 30 levels its JSON text.
    """
    return _clean(value, 0)


def iso(value: datetime | date | time) -> str:
    """ISO 8601; UTC is written "Z"."""
    text = value.isoformat()
    if "." in text and isinstance(value, datetime | time) and value.microsecond % 1000 == 0:
        # Milliseconds where they say it all: some readers of JSON know no more.
        text = value.isoformat(timespec="milliseconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def iso_milliseconds(value: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and "Z"; what has no zone is UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _clean(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\x00" not in value else _clean_text(value)
    if kind is dict:
        return _clean_dict(value, depth)
    if kind is list:
        return _clean_list(value, depth)
    if kind is int:
        return value if -(1 << 53) < value < 1 << 53 else _clean_integer(value)
    if value is None or kind is bool:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    return _convert(value, depth)


def _clean_text(value: str) -> str:
    if "\x00" in value:
        value = value.replace("\x00", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        # Pairs of surrogates are a character written in two halves; only lone ones are beyond repair.
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _clean_integer(value: int) -> int | None:
    return value if value.bit_length() <= _INTEGER_BITS else None


def _clean_dict(value: dict[Any, Any], depth: int) -> Any:
    if depth >= DEPTH_LIMIT:
        return _too_deep(value)
    changed: dict[str, Any] | None = None
    for key, item in value.items():
        if type(key) is not str or not key.isascii() or "\x00" in key:
            clean_key = _clean_key(key)
            if clean_key is not key and clean_key != key:
                return {_clean_key(k): _clean(v, depth + 1) for k, v in value.items()}
        clean = _clean(item, depth + 1)
        if clean is not item:
            if changed is None:
                changed = dict(value)
            changed[key] = clean
    return value if changed is None else changed


def _clean_list(value: list[Any], depth: int) -> Any:
    if depth >= DEPTH_LIMIT:
        return _too_deep(value)
    changed: list[Any] | None = None
    for index, item in enumerate(value):
        clean = _clean(item, depth + 1)
        if clean is not item:
            if changed is None:
                changed = value.copy()
            changed[index] = clean
    return value if changed is None else changed


def _clean_key(key: Any) -> str:
    if isinstance(key, str):
        return _clean_text(str(key))
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    clean = _clean(key, DEPTH_LIMIT)
    return clean if isinstance(clean, str) else str(clean)


def _too_deep(value: Any) -> str:
    try:
        # Far below zero, so that the text is not cut into further texts.
        return json.dumps(_clean(value, -1_000_000), ensure_ascii=False)
    except RecursionError:
        return "..."


def _convert(value: Any, depth: int) -> Any:
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return _clean(convert(value), depth)
    if callable(value):
        return None
    if isinstance(value, Iterable):
        return _clean_list(list(value), depth)
    return _clean_text(str(value))


def _decimal(value: Decimal) -> int | float | str | None:
    if not value.is_finite():
        return None
    if value.adjusted() > 300:
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value) if len(value.normalize().as_tuple().digits) <= _EXACT_DIGITS else str(value)


_CONVERTERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    (Promise, str),
    (str, lambda value: str.__str__(value) if issubclass(type(value), str) else str(value)),
    (bool, bool),
    (int, int),
    (float, float),
    ((datetime, date, time), iso),
    (timedelta, duration_iso_string),
    (Decimal, _decimal),
    (UUID, str),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).decode("utf-8", "replace")),
    (BaseModel, lambda value: value.model_dump(mode="python", by_alias=True)),
    (Mapping, dict),
    ((list, tuple, set, frozenset), list),
)
