"""The one typed settings object: `settings.SLUICE`, read late."""

from functools import lru_cache
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.signals import setting_changed
from pydantic import BaseModel, ConfigDict, Field, SecretStr

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
#: What the API's callers are counted by: sign-ins, runs begun by hand, reading, and all other changes.
ThrottleScope = Literal["sign-in", "execute", "read", "change"]
#: "120/minute": so many in a second, minute, hour or day.
Rate = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}/(second|minute|hour|day)$")]


class LlmService(BaseModel):
    """A chat service that speaks as OpenAI's does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What stands before /chat/completions.
    url: Annotated[str, Field(pattern=r"^https?://")]
    key: SecretStr = SecretStr("")
    #: What is asked where a node names none.
    model: str = ""


class Script(BaseModel):
    """How scripts run, each in a process of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    #: MiB that one may hold.
    memory: Annotated[int, Field(ge=16, le=4096)] = 128
    #: Most seconds that one may take.
    seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    #: How many run at once in one process of ours; further ones wait for their turn.
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


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
    #: Most bytes, as JSON, of a job's result and of a run's output; a step that gives more ends in ERROR. Half of what
    #: MariaDB takes in one statement by default (max_allowed_packet).
    MAX_RESULT_BYTES: Annotated[int, Field(ge=1_000, le=200 * 1024 * 1024)] = 8 * 1024 * 1024
    #: Hosts, addresses and networks inside the network that request nodes may call after all, e.g. "10.0.0.0/8".
    REQUEST_ALLOW: list[str] = []
    #: Most bytes of an answer that a request node takes, and of the files that a node sends.
    REQUEST_MAX_BYTES: Positive = 5_000_000
    #: Database aliases that SQL nodes may use: {"default": "read"}, or "write" for statements that may write too.
    SQL_ALIASES: dict[str, Literal["read", "write"]] = {}
    #: How long one statement of an SQL node may take.
    SQL_SECONDS: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    #: Most rows that an SQL node takes of a result; the rest is cut.
    SQL_ROWS: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    #: What notification nodes send over: {name: {"type": a registered channel's, and its options}}.
    CHANNELS: dict[str, dict[str, Any]] = {}
    #: Services that LLM nodes may ask, by name.
    LLM: dict[str, LlmService] = {}
    #: Fields of models, "app.Model.field", whose values are masked wherever executions are shown.
    SENSITIVE: list[Annotated[str, Field(pattern=r"^\w+\.\w+\.\w+$")]] = []
    #: Whether and how script nodes run; they need mini-racer.
    SCRIPT: Script = Script()
    #: Which workflows, and so which runs, a person may see: dotted path of a function (user) -> Q of Workflow.
    #: None shows all to whoever has the view permission; superusers see all.
    VISIBLE: str | None = None
    #: What API tokens are signed with; None derives it from SECRET_KEY, and takes SECRET_KEY_FALLBACKS too.
    TOKEN_KEY: Annotated[str, Field(min_length=32)] | None = None
    #: What secrets are encrypted with, 32 characters or more each: the first encrypts, all decrypt. None derives it
    #: from SECRET_KEY, and takes SECRET_KEY_FALLBACKS too.
    SECRET_KEYS: Annotated[list[Annotated[str, Field(min_length=32)]], Field(min_length=1)] | None = None
    #: How long an access token is good for, and a refresh token, of which each is good for one use.
    TOKEN_SECONDS: Positive = 900
    TOKEN_REFRESH_SECONDS: Positive = 1_209_600
    #: Wrong passwords in five minutes, of one account from one address, after which more are not looked at;
    #: ten times as many of one account, or from one address. None counts none.
    SIGN_IN_FAILURES: Positive | None = 10
    #: Most calls of the API by one caller and kind, e.g. {"execute": "120/minute"}; what is not named is not limited.
    THROTTLES: dict[ThrottleScope, Rate] = {}


@lru_cache(maxsize=1)
def conf() -> Sluice:
    """The settings in force. Raises `pydantic.ValidationError` where `settings.SLUICE` is wrong (check sluice.E001)."""
    return Sluice.model_validate(getattr(settings, "SLUICE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "SLUICE":
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sluice.conf")
