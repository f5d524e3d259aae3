"""Starting executions: a name is used once, however often and from how many sides it is asked for."""

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from executions import dispatcher
from executions.dialects.cloudflow import shapes
from executions.dialects.cloudflow.errors import Fault, argument
from executions.dialects.cloudflow.finding import flow_of, is_made_up, name_of, runs_of, status_of
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.waiting import wait_for_begun
from executions.masking import hide_runs
from executions.models import Execution
from executions.store import session
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import manual_context
from workflows.validation import inside

#: Seconds that a synchronous execution may take after it first waited.
_SYNC_SECONDS = 60
#: What ":" and a UUID leave of a name.
_LONGEST_SYNC_NAME = 91


@action("workflows.execute_workflow", throttle="execute")
def start_execution(caller: Caller, parameters: Parameters) -> Answer:
    """A name that runs answers its run, one that has ended is refused; without a name one is made up, and kept."""
    name = _own_name(parameters) or f"exec-{uuid.uuid4()}"
    parameters.latest("Qualifier")
    parameters.none_of("CallbackFnFTaskToken")
    values = parameters.document("Input")
    flow = flow_of(caller, parameters)
    if flow.sync:
        raise argument("FlowName", _("%s is an Express flow; use StartSyncExecution.") % flow.name)
    run = _standing(caller, flow, name)
    if run is None:
        context = _context(flow, values)
        try:
            with transaction.atomic(using=session.alias()):
                begun = dispatcher.start(flow, context, name=name, manually=True)
                # With the times that the database wrote.
                run = None if begun is None else Execution.objects.using(session.alias()).get(pk=begun.pk)
        except (IntegrityError, Invalid):
            # Somebody else began one of this name between the two.
            run = _standing(caller, flow, name)
            if run is None:
                raise
    if run is None:
        raise Fault("PreconditionFailed", _("The flow was not started: it is among its own ancestors."))
    return shapes.executions(caller, flow, [run])[0]


@action("workflows.execute_workflow", throttle="execute")
def start_sync_execution(caller: Caller, parameters: Parameters) -> Answer:
    """Runs an Express flow to its end; the name need not be new, for it gets an appendix of its own."""
    given = _own_name(parameters)
    if given is not None and len(given) > _LONGEST_SYNC_NAME:
        raise argument("ExecutionName", _("Give at most %d characters.") % _LONGEST_SYNC_NAME)
    parameters.latest("Qualifier")
    values = parameters.document("Input")
    flow = flow_of(caller, parameters)
    if not flow.sync:
        raise argument("FlowName", _("%s is a Standard flow; use StartExecution.") % flow.name)
    name = f"{given or 'exec'}:{uuid.uuid4()}"
    run = dispatcher.start(flow, _context(flow, values), name=name, manually=True)
    if run is None:
        raise Fault("PreconditionFailed", _("The flow was not started: it is among its own ancestors."))
    if run.ended_at is None and wait_for_begun(run.pk, _SYNC_SECONDS):
        run = Execution.objects.using(session.alias()).filter(pk=run.pk).first() or run
    hide_runs([run])
    return _sync_shape(flow, run)


def _sync_shape(flow: Workflow, run: Execution) -> dict[str, Any]:
    shown = {**shapes.short_execution(flow, run), "Name": name_of(run), "Status": status_of(run)}
    if run.output is not None and run.ended_at is not None:
        shown["Output"] = shapes.text(run.output)
    if (code := shapes.error_code(run)) is not None:
        shown |= {"ErrorCode": code, "ErrorMessage": run.error or code}
    return shown


def _own_name(parameters: Parameters) -> str | None:
    name = parameters.optional_name("ExecutionName")
    if name is not None and is_made_up(name):
        raise argument("ExecutionName", _("Names of this form stand for executions without one; choose another."))
    return name


def _standing(caller: Caller, flow: Workflow, name: str) -> Execution | None:
    """The run of this name that has not ended. Raises `Fault` where it has."""
    run = runs_of(caller, flow).filter(name=name).first()
    if run is not None and run.ended_at is not None:
        raise Fault("ExecutionAlreadyExists", name)
    return run


def _context(flow: Workflow, values: Any) -> Any:
    with inside("Input"):
        context = manual_context(flow, {} if values is None else values)
    if context is None:
        raise argument("Input", _("These values don't meet the condition of the flow."))
    return context
