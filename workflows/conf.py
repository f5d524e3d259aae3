"""The one typed settings object: `settings.SLUICE`, read late."""

from functools import lru_cache
from typing import Annotated, Any

from django.conf import settings
from django.core.signals import setting_changed
from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class Sluice(BaseModel):
    """What `settings.SLUICE` may hold; durations are seconds unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Which models workflows may use: "app.Model" or "app.*", or "*" for all; a leading "-" takes out again.
    #: The last pattern that fits wins. Auth, sessions, the admin's log and Sluice's own stay out unless named.
    MODELS: list[str] = ["*"]
    #: The cache alias that carries the wake-up's mark and the definitions' generation number.
    CACHE: str = "default"
    #: The queue of runs whose workflow names none; its performs go to "<queue>-perform".
    QUEUE: str = Field(default="sluice", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    #: How often a process looks whether definitions changed elsewhere; 0 looks every time.
    REFRESH_SECONDS: float = Field(default=1.0, ge=0)
    #: How many runs without shared effects are claimed at a time.
    BATCH: Annotated[int, Field(ge=1, le=1000)] = 100
    #: How long one drain claims before it hands over to the next message.
    DRAIN_SECONDS: Seconds = 5.0
    #: When a sync run whose caller vanished is ended.
    SYNC_SECONDS: Seconds = 60.0
    #: Days an ended run is kept; None keeps it for good. A workflow's own `retentionDays` goes first.
    RETENTION_DAYS: Positive | None = None
    #: Days an event key is remembered after its event.
    EVENT_KEY_DAYS: Positive = 30
    #: Threads of one perform task.
    PERFORM_THREADS: Annotated[int, Field(ge=1, le=64)] = 16
    #: Most nodes of one workflow; None is no limit.
    NODES_LIMIT: Positive | None = 1000
    #: Most rounds of one loop; None is no limit.
    LOOP_LIMIT: Positive | None = None
    #: Hosts, addresses and networks inside the network that request nodes may call after all, e.g. "10.0.0.0/8".
    REQUEST_ALLOW: list[str] = []
    #: Most bytes of an answer that a request node takes.
    REQUEST_MAX_BYTES: Positive = 5_000_000


@lru_cache(maxsize=1)
def conf() -> Sluice:
    """The settings in force. Raises `pydantic.ValidationError` where `settings.SLUICE` is wrong (check sluice.E001)."""
    return Sluice.model_validate(getattr(settings, "SLUICE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "SLUICE":
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sluice.conf")
