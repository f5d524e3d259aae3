"""Another workflow's run as a step: its output is the result (spec 4.9, 5.27)."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import ambient
from workflows.errors import Invalid, check_all, refuse
from workflows.expressions import Template, compile_template
from workflows.instructions.base import ChildRequest, Effect, Instruction, NodeConfig, Outcome, Step, Wait
from workflows.instructions.data import has_template
from workflows.statuses import JobStatus
from workflows.triggers import get_trigger
from workflows.visibility import may_see

if TYPE_CHECKING:
    from workflows.models import Workflow

_AN_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


class SubflowConfig(NodeConfig):
    #: A name, a key, or the id of any version. The key's current version runs, enabled or not.
    workflow: str = Field(min_length=1, max_length=128)
    #: What the called workflow's trigger takes for a run by hand; a text may be a template of all of it.
    values: Any = None

    @field_validator("workflow", mode="before")
    @classmethod
    def _id(cls, value: object) -> object:
        return str(value) if type(value) is int else value


class Subflow(Instruction[SubflowConfig]):
    type = "subflow"
    title = _("Call a workflow")
    group = _("Control")
    description = _("Starts a run of another workflow and waits for its end. The result is that run's output.")
    Config = SubflowConfig
    waits_outside = True
    # Which version is called, and the row that its trigger may want, is read.
    effect = Effect.TRANSACTIONAL
    writes = False
    permission = "workflows.execute_workflow"
    verbatim = ("workflow",)

    def check(self, config: SubflowConfig, workflow: "Workflow | None" = None) -> None:
        self.compile(config)
        if workflow is None:
            return
        called, user = current(config.workflow), ambient.actor()
        if user is not None and not may_see(called, user):
            raise _unknown(config.workflow)
        check_all(lambda: _check_mode(called, workflow), lambda: _check_values(called, config.values))

    def compile(self, config: SubflowConfig) -> Template:
        return compile_template(config.values)

    def waits_of(self, config: SubflowConfig) -> bool:
        """A synchronous workflow runs here and now where nothing may wait."""
        return not current(config.workflow).sync

    def input_of(self, step: Step) -> Any:
        return {"workflow": step.config.workflow, "values": step.compiled.render(step.scope)}

    def run(self, step: Step) -> Outcome:
        step.input = self.input_of(step)
        called = current(step.config.workflow)
        values, trigger = step.input["values"], get_trigger(called.type)
        config = trigger.parse(called.config)
        try:
            refuse(trigger.validate_context(config, values))
            context = trigger.manual_context(config, values)
        except Invalid as error:
            return Outcome(JobStatus.ERROR, {"message": str(error), "errors": _below_values(error)})
        if context is None:
            return Outcome(
                JobStatus.FAILED, {"message": gettext("The values don't meet the condition of the called workflow.")}
            )
        return Outcome(JobStatus.PENDING, wait=Wait.OUTSIDE, child=ChildRequest(called.pk, context))


def current(reference: str) -> "Workflow":
    """The current version of the workflow with this name, else this key, else this id of any of its versions.

    Raises `Invalid` (field "workflow").
    """
    from workflows.models import Workflow

    versions = Workflow.objects.filter(current=True)
    found = None
    if "\x00" not in reference:
        found = versions.filter(name=reference).first() or versions.filter(key=reference).first()
    if found is None and _AN_ID.fullmatch(reference):
        found = versions.filter(key__in=Workflow.objects.filter(pk=int(reference)).values("key")).first()
    if found is None:
        raise _unknown(reference)
    return found


def _unknown(reference: str) -> Invalid:
    return Invalid(
        gettext("There is no workflow %r; give the name, the key or the id of one.") % reference, field="workflow"
    )


def _check_mode(called: "Workflow", calling: "Workflow") -> None:
    if calling.sync and not called.sync:
        raise Invalid(
            gettext(
                "A synchronous workflow can only call synchronous ones, and %s is not; choose another, or make this "
                "one asynchronous."
            )
            % called,
            field="workflow",
        )


def _check_values(called: "Workflow", values: Any) -> None:
    """What can be said of the values before they are rendered; what a template stands for is not known yet."""
    if isinstance(values, str) and has_template(values):
        return
    templated: set[str] = set()
    if isinstance(values, Mapping):
        templated = {name for name, value in values.items() if has_template(value)}
        values = {name: value for name, value in values.items() if name not in templated}
    try:
        trigger = get_trigger(called.type)
        errors = trigger.validate_context(trigger.parse(called.config), values)
    except Invalid:
        # The called workflow itself is at fault, and its own editor says so.
        return
    refuse(_below({path: text for path, text in errors.items() if path.partition(".")[0] not in templated}))


def _below_values(error: Invalid) -> dict[str, Any]:
    return _below(error.errors or {error.field or "values": error.message})


def _below(errors: Mapping[str, Any]) -> dict[str, Any]:
    return {path if path == "values" else f"values.{path}": text for path, text in errors.items()}
