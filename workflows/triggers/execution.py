"""Workflows that runs of other workflows set off: one ended, or takes long.

Here is what such a workflow asks for; the executions app sees the runs and writes what follows from them.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, field_validator

from workflows import ambient
from workflows.errors import Invalid, refuse
from workflows.shapes import Shape
from workflows.statuses import FINAL_STATUSES
from workflows.triggers.base import Listener, Trigger, TriggerConfig

if TYPE_CHECKING:
    from workflows.models import Workflow

ENDED: Final = "ended"
LONGER: Final = "longer"
#: Longer than a run may take at all.
MOST_SECONDS = 366 * 86_400
MOST_WORKFLOWS = 100


class ExecutionConfig(TriggerConfig):
    #: What of a run sets it off: that it ended, or that it runs longer than `seconds`.
    mode: Literal["ended", "longer"] = ENDED
    #: Keys of the workflows whose runs count; empty is all.
    workflows: Annotated[list[str], Field(max_length=MOST_WORKFLOWS)] = []
    #: Mode "ended": only with one of these statuses; empty is any.
    statuses: list[int] = []
    #: Mode "longer": counted from the run's start.
    seconds: Annotated[int, Field(ge=1, le=MOST_SECONDS)] | None = None

    @field_validator("workflows", "statuses", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return [] if value is None else value

    def means(self, key: str) -> bool:
        """Whether runs of this workflow count, leaving aside who set them off."""
        return not self.workflows or key in self.workflows


class ExecutionTrigger(Trigger[ExecutionConfig]):
    type = "execution"
    title = gettext_lazy("Execution")
    description = gettext_lazy("When an execution of another workflow has ended, or runs longer than it should.")
    Config = ExecutionConfig
    #: An end is committed by whoever ends the run, who waits for nobody.
    sync = False
    verbatim = ("workflows",)

    def check(self, config: ExecutionConfig, workflow: "Workflow | None" = None) -> None:
        wrong = {
            f"statuses.{index}": _("No execution ends with status %(status)d; choose from: %(known)s.")
            % {"status": status, "known": ", ".join(str(each) for each in sorted(FINAL_STATUSES, reverse=True))}
            for index, status in enumerate(config.statuses)
            if status not in FINAL_STATUSES
        }
        if config.mode == LONGER and config.seconds is None:
            wrong["seconds"] = _("Say after how many seconds of running.")
        refuse({**wrong, **_too_many(config.workflows), **_wrong_keys(config.workflows, workflow)})

    def context_shape(self, config: ExecutionConfig) -> Shape:
        return Shape(
            "object",
            parts={
                "event": Shape("text", gettext_lazy("ended or longer")),
                "execution": Shape("object", parts=_EXECUTION),
                "node": Shape("object", gettext_lazy("the node that failed"), _NODE),
                "error": Shape("text"),
            },
        )

    def listen(self, listeners: Sequence[Listener]) -> None:
        if _listen is not None:
            _listen(listeners)

    def validate_context(self, config: ExecutionConfig, values: Any) -> dict[str, Any]:
        return {} if _given(values) is not None else {"execution": _("Give the number of an execution.")}

    def manual_context(self, config: ExecutionConfig, values: Any) -> Any:
        """`values` is {"execution": a run's id}; None where the run is of a workflow that does not count."""
        number = _given(values)
        if number is None:
            raise Invalid(_("Give the number of an execution."), field="execution")
        assert _describe is not None, "The executions app has not started; add it to INSTALLED_APPS."
        context = _describe(number, config.mode)
        if context is None or context["execution"]["key"] not in _seen([context["execution"]["key"]]):
            raise Invalid(_("There is no execution %s.") % number, field="execution")
        return context if config.means(context["execution"]["key"]) else None


_EXECUTION: dict[str, Shape] = {
    "id": Shape("number"),
    "key": Shape("text", gettext_lazy("workflow key")),
    "title": Shape("text", gettext_lazy("workflow title")),
    "version": Shape("number"),
    "type": Shape("text", gettext_lazy("trigger type")),
    "name": Shape("text"),
    "tags": Shape("list"),
    "status": Shape("number"),
    "status_name": Shape("text"),
    "reason": Shape("text"),
    "manually": Shape("boolean"),
    "attempt": Shape("number"),
    "parent": Shape("number"),
    "created_at": Shape("moment"),
    "started_at": Shape("moment"),
    "ended_at": Shape("moment"),
    "duration": Shape("number", gettext_lazy("in seconds")),
    "output": Shape("any"),
}
_NODE: dict[str, Shape] = {
    "id": Shape("number"),
    "key": Shape("text"),
    "title": Shape("text"),
    "type": Shape("text"),
    "result": Shape("any"),
}


def _too_many(keys: Sequence[str]) -> dict[str, Any]:
    """Whoever does not see all workflows is told of no others' executions either."""
    from workflows.visibility import narrowed

    user = ambient.actor()
    if keys or user is None or not narrowed(user):
        return {}
    return {"workflows": _("Some workflows are hidden from you; name those whose executions count.")}


def _seen(keys: Sequence[str]) -> Collection[str]:
    """Those of the keys whose workflows are there for who acts; without a person, or where nothing is hidden from them,
    also those of deleted ones' runs."""
    from workflows.models import Workflow
    from workflows.visibility import narrowed, visible

    user = ambient.actor()
    if user is None or not narrowed(user):
        return keys
    return set(visible(Workflow.objects.filter(key__in=keys), user).values_list("key", flat=True))


def _wrong_keys(keys: Sequence[str], workflow: "Workflow | None") -> dict[str, Any]:
    from workflows.models import Workflow

    if not keys:
        return {}
    known = set(Workflow.objects.filter(key__in=_seen(keys)).values_list("key", flat=True))
    own = None if workflow is None else workflow.key
    wrong: dict[str, Any] = {}
    for index, key in enumerate(keys):
        if key == own:
            wrong[f"workflows.{index}"] = _("A workflow's own executions never set it off; leave its key out.")
        elif key not in known:
            wrong[f"workflows.{index}"] = _("There is no workflow with the key %r; choose another.") % key
    return wrong


def _given(values: Any) -> int | None:
    number = values.get("execution") if isinstance(values, dict) else None
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        number = int(number[:20])
    return number if type(number) is int and 0 < number < 2**63 else None


Listen = Callable[[Sequence[Listener]], None]
#: (a run's id, mode) -> the context that it would give; None where there is no such run.
Describe = Callable[[int, str], dict[str, Any] | None]

_listen: Listen | None = None
_describe: Describe | None = None


def connect(listen: Listen, describe: Describe) -> None:
    """Called by the executions app when it starts: `listen` is handed the enabled workflows when these changed."""
    global _listen, _describe
    _listen, _describe = listen, describe
