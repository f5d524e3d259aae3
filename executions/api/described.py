"""Shapes and parameters of this app's answers that no serializer stands for, for the API's description."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows.api.pagination import KeysetPagination
from workflows.api.shapes import Schema, ref, register
from workflows.listing.parameters import BOOLEAN, Parameter

_NUMBER = {"type": "integer", "nullable": True}
_TEXT = {"type": "string", "nullable": True}
_MOMENT = {"type": "string", "format": "date-time", "nullable": True}
_SECONDS = {"type": "number", "nullable": True}

ASYNC = Parameter(
    "async", BOOLEAN, _("Only queue it and answer 202; without, the answer waits for its first wait or end.")
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    _("Yours; the same request with the same key, sent again within a day and more, answers the same run."),
    "header",
)


def _object(**properties: Any) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _page(row: Schema, **more: Any) -> Schema:
    shown: Schema = KeysetPagination().get_paginated_response_schema({"type": "array", "items": row})
    return {**shown, "required": [*more, *shown["required"]], "properties": {**more, **shown["properties"]}}


BEGUN = register("BegunExecution", _object(execution=ref("Execution")))
NOTHING_BEGUN = register(
    "NothingBegun", _object(execution={"type": "object", "nullable": True, "enum": [None], "description": "Null."})
)

_ATTEMPT = _object(number=_NUMBER, start=_TEXT, end=_TEXT, status=_NUMBER, message=_TEXT)
_BAR = _object(
    id={"type": "integer"}, number={"type": "integer"}, node=_NUMBER, node_key={"type": "string"}, title=_TEXT,
    type=_TEXT, upstream=_NUMBER, parent=_NUMBER, start=_MOMENT, end=_MOMENT, duration=_SECONDS,
    status={"type": "integer"}, status_name={"type": "string"}, wait=_TEXT, attempt={"type": "integer"},
    attempts={"type": "array", "items": _ATTEMPT},
)  # fmt: skip
_BOUNDS = _object(
    id={"type": "integer"}, status=_NUMBER, status_name={"type": "string"}, created_at=_MOMENT, start=_MOMENT,
    end=_MOMENT, paused_at=_MOMENT, waited=_SECONDS, duration=_SECONDS,
)  # fmt: skip
TIMELINE = register("Timeline", _page(_BAR, execution=_BOUNDS))

_DRAWN = _object(
    id=_NUMBER, key={"type": "string"}, title={"type": "string"}, type=_TEXT, parent=_NUMBER,
    deleted={"type": "boolean"}, jobs={"type": "integer"}, latest=_NUMBER, status=_NUMBER, status_name=_TEXT,
    statuses={"type": "object", "additionalProperties": {"type": "integer"}}, start=_MOMENT, end=_MOMENT,
)  # fmt: skip
_EDGE = _object(
    source=_TEXT, target={"type": "string"}, kind={"type": "string", "enum": ["branch", "sequence"]}, index=_NUMBER
)
GRAPH = register(
    "ExecutionGraph",
    _object(
        execution=_object(id={"type": "integer"}, status=_NUMBER, status_name={"type": "string"}, failed_node=_NUMBER),
        workflow=_NUMBER,
        nodes={"type": "array", "items": _DRAWN},
        edges={"type": "array", "items": _EDGE},
        note=_TEXT,
    ),
)

_LINE = register(
    "LogLine",
    _object(
        timestamp={"type": "string", "format": "date-time"},
        level={"type": "string"},
        message={},
        nodeId=_NUMBER,
        executionId={"type": "integer"},
    ),
)
LOGS = register("LogPage", _page(_LINE))

#: What `expand` adds to an execution.
EXPANDED: dict[str, Schema] = {
    "workflow": {
        "anyOf": [_NUMBER, {"type": "object", "additionalProperties": {}}],
        "description": _("Its version's id; with expand=workflow the version itself."),
    },
    "jobs": {"type": "array", "items": ref("Job"), "description": _("With expand=jobs.")},
    "jobs_next": {**_TEXT, "description": _("With expand=jobs: the address of those beyond the bound, or null.")},
}

_COUNTED = {"pending": {"type": "integer"}, "all": {"type": "integer"}}
TASK_COUNTS = register(
    "TaskCounts",
    _object(
        types={"type": "object", "additionalProperties": _object(**_COUNTED)},
        workflows={
            "type": "array",
            "items": _object(key={"type": "string"}, title={"type": "string"}, type={"type": "string"}, **_COUNTED),
        },
    ),
)
TASKS_READ = register("TasksRead", _object(read={"type": "integer"}))
#: What a task shows besides its columns.
TASK_FORMS = {
    "data": {"type": "object", "additionalProperties": {}, "description": "What the node's texts refer to, by path."},
    "forms": {
        "type": "array",
        "description": "What one may fill in; empty unless it is one's own and pending.",
        "items": _object(
            key={"type": "string"},
            title={"type": "string"},
            type={"type": "string"},
            schema={"type": "object", "nullable": True, "additionalProperties": {}},
            values={"type": "object", "additionalProperties": {}},
            actions={
                "type": "array",
                "items": _object(key={"type": "string"}, status={"type": "integer"}, title={"type": "string"}),
            },
            error=_TEXT,
        ),
    },
}

_RECORD = _object(
    id={"type": "integer"}, userId=_NUMBER, user=_TEXT, nodeKey={"type": "string"}, status={"type": "integer"},
    comment={"type": "string"}, updatedAt=_TEXT,
)  # fmt: skip
#: The parts of an application that are no columns.
APPLICATION_PARTS: dict[str, Schema] = {
    "data": {"type": "object", "additionalProperties": {}, "description": "What was filled in, by field."},
    "row": {
        "type": "object",
        "nullable": True,
        "additionalProperties": {},
        "description": "The row, as it was submitted or as it is.",
    },
    "records": {
        "type": "array",
        "items": _RECORD,
        "description": "Who was asked, and what they decided: 2 approved, -1 rejected, 1 returned, 0 open.",
    },
}
_START = _object(
    key={"type": "string"}, title={"type": "string"}, description={"type": "string"}, collection={"type": "string"},
    drafts={"type": "boolean"}, schema={"type": "object", "additionalProperties": {}},
)  # fmt: skip
STARTABLE = register("StartableWorkflows", _object(results={"type": "array", "items": _START}))
