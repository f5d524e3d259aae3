"""Runs begun by a client: queued, or of a synchronous workflow inside the call."""

from typing import Any

from django.utils.translation import gettext as _

from executions import dispatcher
from executions.dialects.clouds.waiting import wait_for_begun
from executions.dialects.functiongraph.asked import Asked
from executions.dialects.functiongraph.details import errors_of
from executions.dialects.functiongraph.shapes import moment, status_of
from executions.masking import hide_runs
from executions.models import Execution
from workflows.conf import conf
from workflows.errors import Invalid, Refused
from workflows.models import Workflow
from workflows.triggers import manual_context

#: No synchronous run is waited for longer.
_LONGEST = 300.0


def start_execution(asked: Asked) -> Any:
    """`StartWorkflowExecution`. Runs of a synchronous workflow are over, or wait, by the time of the answer."""
    return {"execution_id": str(_started(asked, asked.workflow()).pk)}


def start_sync_execution(asked: Asked) -> Any:
    """`StartSyncWorkflowExecution`: answers once the run has ended.

    One that waits for a timer or for somebody is looked after for SLUICE["SYNC_SECONDS"], five minutes at most; then
    the answer is its id and that it is running.
    """
    workflow = asked.workflow()
    if not workflow.sync:
        raise Refused(_("Workflows of the mode NORMAL only start asynchronously; use start_workflow_execution."))
    run = _ended(_started(asked, workflow))
    hide_runs([run])
    status = status_of(run.status, run.reason)
    return {
        "execution_id": str(run.pk),
        "status": status,
        "output": run.output if status == "success" else None,
        "errors": [] if status in ("success", "running") else errors_of(run),
        "begin_time": moment(run.created_at),
        "end_time": moment(run.ended_at),
    }


def _started(asked: Asked, workflow: Workflow) -> Execution:
    body = asked.body()
    if not isinstance(body.get("headers"), dict | None):
        raise Invalid(_("Give an object of texts, or leave it out."), field="headers")
    context = manual_context(workflow, body.get("input"))
    if context is None:
        raise Invalid(_("The values don't meet the condition of the workflow's trigger."), field="input")
    run = dispatcher.start(workflow, context, manually=True)
    if run is None:
        raise Refused(_("The run was refused: the workflow stands too often among its own callers."))
    return run


def _ended(run: Execution) -> Execution:
    """The run as it ended, or as it is when its time is up."""
    if run.ended_at is None and wait_for_begun(run.pk, min(conf().SYNC_SECONDS, _LONGEST)):
        # As it was where it was deleted meanwhile.
        return Execution.objects.filter(pk=run.pk).first() or run
    return run
