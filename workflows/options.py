"""A workflow's `options` (spec nocobase-engine 1.2), checked where they are saved."""

import math
from typing import Annotated, Any, Final, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from workflows.statuses import FINAL_STATUSES

#: The validation context of options that a person or a client of ours saves. Without it they are read as the engine
#: and NocoBase's clients mean them: a value that makes no sense is none.
STRICT: Final = "strict"


def _final(status: int) -> int:
    if status not in FINAL_STATUSES:
        raise ValueError(
            _("No execution ends with status %(status)d; choose from: %(known)s.")
            % {"status": status, "known": ", ".join(str(int(known)) for known in sorted(FINAL_STATUSES, reverse=True))}
        )
    return status


def _closed(template: str) -> str:
    if template.count("{{") != template.count("}}"):
        raise ValueError(_("A placeholder is not closed; write {{ before and }} behind it."))
    return template


#: No two underscores in a row: behind those stands an operator in a list's parameters.
AttributeName = Annotated[str, Field(pattern=r"^[A-Za-z](_?[A-Za-z0-9])*$", max_length=64)]
AttributeTemplate = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_closed)]


def _place(text: str) -> str:
    # Imported late: it needs the app registry.
    from workflows.sensitivity import parse_mark

    parse_mark(text)
    return text


SensitivePath = Annotated[str, Field(max_length=500), AfterValidator(_place)]


class _Flow(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    #: A template over `$context`; "" is one for all runs of the workflow, whatever their version.
    key: Annotated[str, Field(max_length=1000)] = ""


class Concurrency(_Flow):
    """How many runs of a key are under way at a time, and what becomes of one that finds no place."""

    limit: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    on_limit: Literal["queue", "cancel_oldest", "drop_newest"] = "queue"


class Rate(_Flow):
    """How many runs of a key start within any so many seconds; further ones stay queued."""

    limit: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)]


class Debounce(_Flow):
    """Of the events of a key only the last runs, once no other has come for so many seconds."""

    seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)]


class WorkflowOptions(BaseModel):
    """Keys are camelCase in JSON; unknown ones are ignored, and null is the same as leaving a key out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)

    #: Milliseconds a run may take from its first start; 0 is no limit.
    timeout: Annotated[int, Field(ge=0, le=180 * 86_400_000)] = 0
    #: How often this version may stand among the ancestors of its own runs.
    stack_limit: Annotated[int, Field(ge=1, le=100)] = 1
    #: Final statuses whose runs are deleted as soon as they end.
    delete_execution_on_status: list[Annotated[int, Field(strict=True), AfterValidator(_final)]] = []
    #: Days an ended run is kept; None leaves it to SLUICE["RETENTION_DAYS"].
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    #: A template; runs whose lane renders alike go one after another, unless `concurrency` says how many at a time.
    lane: Annotated[str, Field(max_length=1000)] = ""
    concurrency: Concurrency | None = None
    rate: Rate | None = None
    debounce: Debounce | None = None
    #: The queue its runs wait in; "" is SLUICE["QUEUE"].
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = ""
    #: A head start in seconds over runs of priority 0.
    priority: Annotated[int, Field(ge=0, le=86_400)] = 0
    #: Templates over `$context` by name: what lists find its runs by.
    search_attributes: Annotated[dict[AttributeName, AttributeTemplate], Field(max_length=5)] = {}

    #: Places whose values are masked where runs are shown: "$context.…", "$jobsMapByNodeKey.key.…".
    sensitive: Annotated[list[SensitivePath], Field(max_length=50)] = []

    @property
    def lane_template(self) -> str | None:
        """The key by which its runs wait for one another: "" for all of them, None where they don't."""
        if self.concurrency is not None:
            return self.concurrency.key or self.lane
        if self.lane:
            return self.lane
        return self.rate.key if self.rate is not None else None

    @property
    def lane_limit(self) -> int | None:
        """How many runs of a lane are under way at a time; None is any number."""
        if self.concurrency is not None:
            return self.concurrency.limit
        return 1 if self.lane else None

    @property
    def on_limit(self) -> str:
        return self.concurrency.on_limit if self.concurrency is not None else "queue"

    @property
    def flows(self) -> bool:
        """Whether one run of it may decide on another."""
        return self.lane_template is not None or self.debounce is not None

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value

    @field_validator("timeout", "stack_limit", "retention_days", "priority", mode="before")
    @classmethod
    def _whole_number(cls, value: object, info: ValidationInfo) -> object:
        # true would be 1 and "5" would be 5.
        if info.context == STRICT and type(value) is not int:
            raise ValueError(_("Give a whole number."))
        return value

    @field_validator("timeout", mode="before")
    @classmethod
    def _no_limit(cls, value: object, info: ValidationInfo) -> object:
        # Negative numbers and text mean "no limit" to NocoBase's clients.
        if info.context == STRICT:
            return value
        if isinstance(value, float):
            value = int(value) if math.isfinite(value) else 0
        return value if type(value) is int and value > 0 else 0

    @field_validator("stack_limit", mode="before")
    @classmethod
    def _at_least_one(cls, value: object, info: ValidationInfo) -> object:
        return value if info.context == STRICT else value or 1

    @field_validator("delete_execution_on_status", mode="before")
    @classmethod
    def _only_final(cls, value: object, info: ValidationInfo) -> object:
        # 0 never deletes a waiting run (spec 7, case 85).
        if info.context == STRICT:
            return value
        if isinstance(value, list):
            return [status for status in value if type(status) is int and status in FINAL_STATUSES]
        return value or []
