"""Shapes of answers that no serializer stands for, as JSON Schema: errors, comparisons, what other apps add."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Schema = Mapping[str, Any]

ABOUT = _(
    "Workflows, their nodes and their executions. Every address works with and without a trailing slash. "
    "Every error has one shape: a list of entries with the dotted path of what is at fault, a stable code and "
    "a sentence. A query parameter that is not listed is refused, never passed over."
)

#: What each refusal means.
REFUSALS: Mapping[int, str | Promise] = {
    400: _("What was sent is wrong; each entry names the field and the remedy."),
    401: _("Not signed in, or the token or password is not good."),
    403: _("The permission for this is lacking."),
    404: _("There is no such record."),
    405: _("The address does not know this method; Allow names those that it does."),
    406: _("The answer can't be had in the form that Accept asks for."),
    409: _("It does not fit the present state, which the message names, or somebody is changing it just now."),
    412: _("It was changed since the ETag of If-Match was read."),
    413: _("The body is too large."),
    415: _("The body is of a type that is not taken; send application/json."),
    422: _("The key was sent before with another request."),
    429: _("Too many calls, or too many wrong passwords; Retry-After says when to come again, in seconds."),
}

HEADERS: Mapping[int, Schema] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    405: {"Allow": {"schema": {"type": "string"}, "required": True}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds.", "required": True}},
}

ETAG: Schema = {"ETag": {"schema": {"type": "string"}}}

_ENTRY: Schema = {
    "type": "object",
    "required": ["field", "code", "message"],
    "additionalProperties": False,
    "properties": {
        "field": {"type": "string", "nullable": True, "description": "Dotted path of what is at fault."},
        "code": {"type": "string", "description": "Stable; for programs."},
        "message": {"type": "string", "description": "A sentence with a remedy; for people."},
    },
}
_ENTRIES: Schema = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Error"}}
_VALUE: Schema = {"nullable": True, "description": "Any JSON."}
_PLACE: Schema = {
    "type": "object",
    "nullable": True,
    "required": ["parent", "branch", "upstream"],
    "properties": {
        "parent": {"type": "string", "nullable": True},
        "branch": {"type": "integer", "nullable": True},
        "upstream": {"type": "string", "nullable": True},
    },
}
_CHANGES: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/Change"}}
_DIFFERENCES: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/NodeDifference"}}

_schemas: dict[str, Schema] = {
    "Error": _ENTRY,
    "Errors": {
        "type": "object",
        "required": ["errors"],
        "additionalProperties": False,
        "properties": {"errors": _ENTRIES},
    },
    "Conflict": {
        "type": "object",
        "required": ["errors"],
        "description": "What stands in the way may be told besides, by kind.",
        "properties": {"errors": _ENTRIES},
        "additionalProperties": {"type": "object"},
    },
    "Change": {
        "type": "object",
        "required": ["path", "kind", "before", "after"],
        "properties": {
            "path": {"type": "string"},
            "kind": {"type": "string", "enum": ["added", "removed", "changed"]},
            "before": _VALUE,
            "after": _VALUE,
        },
    },
    "NodeDifference": {
        "type": "object",
        "required": ["key", "title", "type", "changes", "before", "after"],
        "properties": {
            "key": {"type": "string"},
            "title": {"type": "string"},
            "type": {"type": "string"},
            "changes": _CHANGES,
            "before": _PLACE,
            "after": _PLACE,
        },
    },
    "Comparison": {
        "type": "object",
        "required": ["columns", "added", "removed", "changed", "moved"],
        "properties": {
            "columns": _CHANGES,
            "added": _DIFFERENCES,
            "removed": _DIFFERENCES,
            "changed": _DIFFERENCES,
            "moved": _DIFFERENCES,
        },
    },
    "Problems": {
        "type": "object",
        "required": ["valid", "problems"],
        "additionalProperties": False,
        "properties": {
            "valid": {"type": "boolean"},
            "problems": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "node", "code", "message", "severity"],
                    "additionalProperties": False,
                    "properties": {
                        **_ENTRY["properties"],
                        "node": {"type": "string", "nullable": True, "description": "Key of the node at fault."},
                        "severity": {
                            "type": "string",
                            "enum": ["error", "warning"],
                            "description": "A warning may be meant, and leaves the definition valid.",
                        },
                    },
                },
            },
        },
    },
    "Trial": {
        "type": "object",
        "required": ["status", "result", "input", "log", "duration", "undone"],
        "additionalProperties": False,
        "properties": {
            "status": {"type": "integer", "description": "As a job's: 1 is resolved, below 0 it failed."},
            "result": _VALUE,
            "input": _VALUE,
            "log": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["level", "message"],
                    "additionalProperties": False,
                    "properties": {"level": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "duration": {"type": "integer", "description": "Milliseconds."},
            "undone": {"type": "boolean", "description": "Whether what it wrote to a database was taken back."},
        },
    },
}


def register(name: str, schema: Schema) -> Schema:
    """Adds a shape of another app and answers the reference to it."""
    _schemas[name] = schema
    return ref(name)


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    return dict(_schemas)


def errors_of(status: int) -> str:
    """The name of the shape in which a refusal is told."""
    return "Conflict" if status == 409 else "Errors"
