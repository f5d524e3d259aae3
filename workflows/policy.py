"""A node's `policy`: what to do when an attempt fails (design 3)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.statuses import JobStatus

#: The branch that any node may have for its own failure; never one of the kind's own.
ERROR_BRANCH = -1

Milliseconds = Annotated[int, Field(ge=0, le=180 * 86_400_000, strict=True)]


class _Part(BaseModel):
    """Keys are camelCase in JSON; unknown ones are ignored here and refused where people save (`validation`)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)


class Retry(_Part):
    """Attempt n+1 comes `interval * backoff ** (n - 1)` milliseconds after attempt n, at most `max_interval` after."""

    #: Most attempts, the first one included.
    attempts: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    interval: Milliseconds = 1_000
    backoff: Annotated[float, Field(ge=1, le=10)] = 2.0
    max_interval: Milliseconds = 3_600_000
    #: Job statuses that are tried again; a step's own time-out always is.
    statuses: list[Literal[-1, -2, -3, -5]] = [-1, -2]

    def delay(self, attempt: int) -> float:
        """Seconds from the end of this attempt (1, 2, ...) to the next."""
        return float(min(self.interval * self.backoff ** min(attempt - 1, 200), self.max_interval)) / 1000


class Policy(_Part):
    retry: Retry = Retry()
    #: Milliseconds an attempt may take (EXTERNAL kinds), or a person, a callback or a child be waited for.
    #: 0 leaves it to the kind.
    timeout: Milliseconds = 0
    #: What a lost call becomes: tried again, or ERROR "outcome unknown"; None is the kind's own.
    on_lost: Literal["again", "error"] | None = None
    #: fail ends the line; continue goes on as if resolved; branch runs the error branch first and goes on if that ends
    #: well; ask ends the run RETRY_NEEDED.
    on_error: Literal["fail", "continue", "branch", "ask"] = "fail"

    def tries_again(self, status: int, attempt: int, *, timed_out: bool = False) -> bool:
        if attempt >= self.retry.attempts:
            return False
        return timed_out or status in self.retry.statuses or status == JobStatus.RETRY_NEEDED
