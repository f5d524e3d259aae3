"""What a workflow kind is: its configuration, what it listens to, and the context it builds.

Triggers import nothing of `executions`: when that app starts it hands them a `dispatch` callable.
"""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from django.utils.functional import Promise

from workflows.answering import Answer
from workflows.instructions.base import NodeConfig, parse_config
from workflows.shapes import ANY, Shape
from workflows.triggers.fields import ManualField

if TYPE_CHECKING:
    from workflows.models import Workflow


class TriggerConfig(NodeConfig):
    """The base of every trigger's configuration."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An enabled workflow as triggers keep it in memory: enough to match an event and to write its run."""

    workflow_id: int
    key: str
    version: int
    title: str
    type: str
    sync: bool
    config: Any = None
    options: Any = None


@dataclass(slots=True)
class Event:
    """Something that sets a workflow off."""

    listener: Listener
    #: `$context`: what JSON can hold (`workflows.collections.to_json` makes it of rows).
    context: Any
    #: Of two events with one key for one workflow the second returns the first one's run.
    event_key: str | None = None
    #: The alias the event's transaction is on; the run's row is written there, or on the engine's at commit.
    using: str | None = None
    #: Of a request that waits for a sync run: what the run says to it.
    answer: Answer | None = None
    #: Extra columns of the run: name, tags, manually, parent ...
    fields: Mapping[str, Any] = field(default_factory=dict)
    #: Seconds before a worker may begin an async run.
    delay: float = 0.0


class Ended(Protocol):
    """What a sync run came to."""

    id: int
    status: int | None
    output: Any


class Dispatch(Protocol):
    def __call__(self, events: Sequence[Event]) -> Sequence[Ended | None]:
        """Writes a run for each event in one insert; sync workflows have ended or wait when it returns."""
        ...


_dispatch: Dispatch | None = None


def connect(dispatch: Dispatch) -> None:
    """Called by the executions app when it starts."""
    global _dispatch
    _dispatch = dispatch


def dispatch(events: Sequence[Event]) -> Sequence[Ended | None]:
    assert _dispatch is not None, "The executions app has not started; add it to INSTALLED_APPS."
    return _dispatch(events)


ConfigT = TypeVar("ConfigT", bound=TriggerConfig)


class Trigger(Generic[ConfigT]):
    """The base of workflow kinds. One instance serves all workflows of its kind: keep no state of a workflow."""

    type: ClassVar[str]
    title: ClassVar[str | Promise]
    description: ClassVar[str | Promise] = ""
    Config: ClassVar[builtins.type[TriggerConfig]] = TriggerConfig
    #: Places of the configuration whose texts are no templates, and places of expressions, as an instruction's.
    verbatim: ClassVar[tuple[str, ...]] = ()
    expressions: ClassVar[tuple[str, ...]] = ()
    #: True or False forces the mode; None leaves it to the workflow.
    sync: ClassVar[bool | None] = None
    #: Whether what ends a run of the kind may write rows of the host, so that runs are claimed alone.
    solo: ClassVar[bool] = False

    def parse(self, raw: Any) -> ConfigT:
        """Raises `Invalid` with dotted paths."""
        return parse_config(self.Config, raw)  # type: ignore[return-value]

    def check(self, config: ConfigT, workflow: "Workflow | None" = None) -> None:
        """What the schema can't say. Raises `Invalid` with paths."""

    def remarks(self, config: ConfigT) -> list[tuple[str, str]]:
        """What may be meant and is often a mistake: (dotted path, sentence). It is told, and never refused."""
        return []

    def context_shape(self, config: ConfigT) -> Shape:
        """What the context looks like, for people who name it in templates."""
        return ANY

    def listen(self, listeners: Sequence[Listener]) -> None:
        """These, and only these, workflows of the kind are enabled now (`config` parsed). Called when that changed."""

    def manual_names(self, config: ConfigT) -> tuple[str, ...]:
        """The names of the values that a run by hand may give."""
        return tuple(self.context_shape(config).parts)

    def manual_fields(self, config: ConfigT) -> list[ManualField]:
        """What a form for a run by hand asks for; without any it takes JSON. Raises `Invalid`."""
        parts = self.context_shape(config).parts
        shapes = {name: parts.get(name, ANY) for name in self.manual_names(config)}
        return [ManualField(name, shape.kind, shape.title) for name, shape in shapes.items()]

    def validate_context(self, config: ConfigT, values: Any) -> dict[str, Any]:
        """What is wrong with these values for a run by hand: a sentence a field, nothing where they will do (spec 3.2).

        For forms, before there is a run: it reads no rows.
        """
        return {}

    def manual_context(self, config: ConfigT, values: Any) -> Any:
        """The context of a run by hand, or None if the values don't meet the trigger's condition. Raises `Invalid`."""
        return values
