"""What a kind's configuration looks like, for people who type JSON: an example to begin with, and the whole schema."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_EMPTY: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}
_DEPTH = 4


def schema(config: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema by the names that JSON uses."""
    return config.model_json_schema(by_alias=True)


def skeleton(config: type[BaseModel]) -> dict[str, Any]:
    """A configuration with every known key: its default, or an empty value of its type."""
    whole = schema(config)
    example = _example(whole, whole.get("$defs", {}), _DEPTH)
    return example if isinstance(example, dict) else {}


def _example(part: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Any:
    if "default" in part:
        return part["default"]
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return part["enum"][0]
    if "$ref" in part:
        return _example(defs.get(part["$ref"].rpartition("/")[2], {}), defs, depth - 1) if depth else {}
    for union in ("anyOf", "oneOf", "allOf"):
        if union in part:
            return _example(part[union][0], defs, depth)
    if "properties" in part:
        return {name: _example(item, defs, depth - 1) for name, item in part["properties"].items()} if depth else {}
    return _EMPTY.get(part.get("type", "object"), "")
