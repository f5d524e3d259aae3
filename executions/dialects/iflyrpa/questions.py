"""What clients ask: parameters and bodies, and what is wrong with them in the words that FastAPI has for it, as the
vendor's server is made with that."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field, ValidationError

from workflows import jsoninput
from workflows.errors import Invalid

M = TypeVar("M", bound=BaseModel)


class Unprocessable(Exception):
    """The question is not one of this interface: 422, with an entry for each place at fault."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(str(entries))
        self.entries = [dict(entry) for entry in entries]


class Unreadable(Exception):
    """The body is no text, or no reader of JSON takes it: 400."""


class Paging(BaseModel):
    number: Annotated[int, Field(ge=1, alias="pageNo")] = 1
    size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 10


class WidePaging(Paging):
    size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 100


class Execute(BaseModel):
    """A run to be started. What a client says of its robot (`exec_position`) means nothing here, but has its form."""

    project_id: str
    params: dict[str, Any] | None = None
    exec_position: str = "EXECUTOR"
    recording_config: str | None = None
    version: int | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None


def of_query(query: str, model: type[M]) -> M:
    """The parameters of a raw query; of one that is given twice the last counts. Raises `Unprocessable`."""
    return _checked(model, dict(parse_qsl(query, keep_blank_values=True)), "query")


def of_body(body: bytes, content_type: str, model: type[M]) -> M:
    """Raises `Unprocessable` and `Unreadable`."""
    value = (_value(body) if _is_json(content_type) else body.decode("utf-8", "replace")) if body else None
    if value is None:
        raise Unprocessable([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
    return _checked(model, value, "body")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _value(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        entry = {"type": "json_invalid", "loc": ["body", error.pos], "msg": "JSON decode error", "input": {}}
        raise Unprocessable([{**entry, "ctx": {"error": error.msg}}]) from None
    except (ValueError, RecursionError):
        # Bytes that are no text, numbers without end, brackets without end.
        raise Unreadable from None
    try:
        jsoninput.check(value)
    except Invalid as error:
        # Without the value: what can't be stored can't always be answered either.
        place = ["body", *(error.field or "").split(".")] if error.field else ["body"]
        raise Unprocessable([{"type": "value_error", "loc": place, "msg": str(error), "input": None}]) from None
    return value


def _checked(model: type[M], value: Any, place: str) -> M:
    try:
        # As FastAPI asks, so that what is no object is told as there.
        return model.model_validate(value, from_attributes=True)
    except ValidationError as error:
        entries = error.errors(include_url=False)
    raise Unprocessable([{**entry, "loc": [place, *entry["loc"]]} for entry in entries])
