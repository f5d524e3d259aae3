"""A node tried alone: its kind, a configuration and sample values; no workflow, no run, nothing stored (spec 3.2)."""

import time
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows import history, jsoninput, sensitivity, timing
from workflows.actions import Action
from workflows.env import Env, env_names
from workflows.errors import Invalid, check_all
from workflows.expressions import system_scope
from workflows.graph import GraphNode
from workflows.instructions import get_instruction
from workflows.instructions.base import Effect, Instruction, Outcome, Step
from workflows.jsonable import jsonable
from workflows.models import Node, Workflow
from workflows.secrecy import masked
from workflows.statuses import JobStatus
from workflows.validation import check_kind, inside

_KEY = "trial"
#: The longest a person is kept waiting.
MOST_SECONDS = 30.0


@dataclass(slots=True)
class Trial(Outcome):
    """What a node came to; `input`, `result` and `log` as a job would keep them."""

    seconds: float = 0.0
    #: Whether what it wrote to a database was taken back.
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What templates find: `$context`, `$jobsMapByNodeKey` (results by node key) and `$scopes` (by node key)."""

    context: Any = None
    results: Any = None
    scopes: Any = None

    def check(self) -> None:
        """Raises `Invalid` ("context.…", "results.…", "scopes.…")."""
        check_all(
            lambda: self._check("context"), lambda: self._check("results", dict), lambda: self._check("scopes", dict)
        )

    def _check(self, name: str, kind: type | None = None) -> None:
        value = getattr(self, name)
        with inside(name):
            jsoninput.check(value)
            if kind is not None and value is not None and not isinstance(value, kind):
                raise Invalid(_("Give an object of keys and values."), field=name)


def try_node(
    type: str,
    config: Any,
    context: Any = None,
    *,
    results: Any = None,
    scopes: Any = None,
    workflow: Workflow | None = None,
    node: Node | None = None,
    by: Any = None,
    lenient: bool = False,
) -> Trial:
    """What a node of this type would come to; its calls of the world are made, its writes to a database taken back.

    `by` needs what saving the node needs, and calls of the world are recorded in the history. Raises `Invalid`
    ("type", "config.…", "context.…", "results.…", "scopes.…") for kinds that can't be tried alone and configurations
    that can't be saved; of `lenient` as `check_node`.
    """
    sample = Sample(context, results, scopes)
    return try_kind(get_instruction(type), config, sample, workflow=workflow, node=node, by=by, lenient=lenient)


def try_kind(
    instruction: Instruction[Any],
    config: Any,
    sample: Sample | None = None,
    *,
    workflow: Workflow | None = None,
    node: Node | None = None,
    by: Any = None,
    lenient: bool = False,
) -> Trial:
    """As `try_node`, of a kind that need not be registered."""
    sample, type = sample or Sample(), instruction.type
    if not instruction.testable:
        raise Invalid(
            _("Nodes of type %s can't be tried alone; try the workflow with a run of its own.") % type, field="type"
        )
    check_all(lambda: check_kind(instruction, config, workflow, by, lenient=lenient), sample.check)
    parsed = instruction.parse(config)
    tried = GraphNode(0, _KEY, type, "", config, {}, None)
    tried.__dict__["instruction"] = instruction
    env = Env(env_names(config))
    step = Step(tried, _scope(sample, env), timing.now())
    step.timeout = min(instruction.attempt_seconds_of(parsed), MOST_SECONDS)
    if instruction.effect_of(parsed) is Effect.EXTERNAL:
        # Before the call is made, so that it is told whatever becomes of it.
        history.record(Action.NODE_TRY, _subject(type, workflow, node), by=by)
    began = time.monotonic()
    outcome, undone = _attempt(instruction, parsed, step)
    return _trial(outcome, step, env, time.monotonic() - began, undone)


def _subject(type: str, workflow: Workflow | None, node: Node | None) -> history.Subject:
    if workflow is None:
        return history.Subject("node", None, type)
    if node is None:
        return history.Subject("node", None, f"{workflow}: {type}", workflow=workflow.pk, workflow_key=workflow.key)
    return history.of_node(node, workflow)


def _trial(outcome: Outcome, step: Step, env: Env, seconds: float, undone: bool) -> Trial:
    names = sensitivity.field_names()
    return Trial(
        status=outcome.status,
        result=sensitivity.hidden_names(env.masked(jsonable(outcome.result)), names),
        input=masked(env.masked(jsonable(step.input if outcome.input is None else outcome.input))),
        log=[(level, env.masked(jsonable(text))) for level, text in outcome.log],
        seconds=seconds,
        undone=undone,
    )


def _attempt(instruction: Instruction[Any], config: Any, step: Step) -> tuple[Outcome, bool]:
    """(outcome, whether writes were taken back). An exception is an outcome too, as it is in a run."""
    undone = False
    try:
        with instruction.tried_within(config, step.timeout or MOST_SECONDS) as undone:
            if instruction.effect_of(config) is Effect.EXTERNAL:
                step.input = instruction.input_of(step)
                return instruction.perform(step), undone
            return instruction.run(step), undone
    except Exception as error:
        return Outcome(JobStatus.ERROR, {"message": str(error) or error.__class__.__name__}), undone


def _scope(sample: Sample, env: Env) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "$context": sample.context,
        "$jobsMapByNodeKey": sample.results or {},
        "$system": system_scope(),
        "$scopes": sample.scopes or {},
        "$env": env,
    }
    scope["ctx"] = scope
    return scope
