"""A workflow's `options` (spec nocobase-engine 1.2), checked where they are saved."""

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from workflows.statuses import FINAL_STATUSES


class WorkflowOptions(BaseModel):
    """Keys are camelCase in JSON; unknown ones are kept and ignored, and null is the same as leaving a key out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)

    #: Milliseconds a run may take from its first start; 0, a number below 0 and a text are no limit.
    timeout: Annotated[int, Field(ge=0, le=180 * 86_400_000)] = 0
    #: How often this version may stand among the ancestors of its own runs.
    stack_limit: Annotated[int, Field(ge=1, le=100)] = 1
    #: Final statuses whose runs are deleted as soon as they end; unknown ones are ignored.
    delete_execution_on_status: list[int] = []
    #: Days an ended run is kept; None leaves it to SLUICE["RETENTION_DAYS"].
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    #: A template; runs whose lane renders alike go one after another.
    lane: Annotated[str, Field(max_length=1000)] = ""
    #: The queue its runs wait in; "" is SLUICE["QUEUE"].
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = ""
    #: A head start in seconds over runs of priority 0.
    priority: Annotated[int, Field(ge=0, le=86_400)] = 0

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value

    @field_validator("timeout", mode="before")
    @classmethod
    def _no_limit(cls, value: object) -> object:
        # Negative numbers and text mean "no limit" to NocoBase's clients.
        if isinstance(value, float):
            value = int(value) if math.isfinite(value) else 0
        return value if type(value) is int and value > 0 else 0

    @field_validator("stack_limit", mode="before")
    @classmethod
    def _at_least_one(cls, value: object) -> object:
        return value or 1

    @field_validator("delete_execution_on_status", mode="before")
    @classmethod
    def _only_final(cls, value: object) -> object:
        # 0 never deletes a waiting run (spec 7, case 85).
        if isinstance(value, list):
            return [status for status in value if type(status) is int and status in FINAL_STATUSES]
        return value or []
