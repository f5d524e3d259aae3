"""What a kind's configuration looks like, for people who type JSON: an example to begin with, and the whole schema."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from pydantic import BaseModel

from workflows.admin.forms import pretty
from workflows.collections import reference, usable_models
from workflows.triggers.base import Trigger
from workflows.triggers.collection import CollectionConfig
from workflows.triggers.schedule import ScheduleConfig

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
_EVERY_MORNING = {"startsOn": "2024-01-01T00:00:00", "repeat": "0 9 * * *", "endsOn": None}


def schema(config: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema by the names that JSON uses."""
    return config.model_json_schema(by_alias=True)


def skeleton(config: type[BaseModel]) -> dict[str, Any]:
    """A configuration with every known key: its default, or an empty value of its type."""
    whole = schema(config)
    example = _example(whole, whole.get("$defs", {}), _DEPTH)
    return example if isinstance(example, dict) else {}


def trigger_example(kind: Trigger[Any]) -> tuple[str, str]:
    """(JSON, what its numbers mean) of a configuration that works in this project."""
    example = skeleton(kind.Config)
    if issubclass(kind.Config, ScheduleConfig):
        return pretty(example | _EVERY_MORNING), _("mode is 0 for set times, 1 for a date of each row of a collection.")
    if not issubclass(kind.Config, CollectionConfig):
        return pretty(example), ""
    own = [model for model in usable_models() if not model.__module__.startswith("django.")]
    for model in (own or usable_models())[:1]:
        example.update(collection=reference(model), mode=3)
    return pretty(example), _("mode is 1 for created, 2 for changed, 3 for created or changed, 4 for deleted.")


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
