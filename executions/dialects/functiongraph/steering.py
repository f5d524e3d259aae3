"""What clients do to runs: stop, retry, and tell a waiting step how it ended."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from executions import operations
from executions.dialects.functiongraph.asked import Answer, Asked
from executions.dialects.functiongraph.shapes import status_of
from executions.graphs import graph_of
from executions.models import Execution, Job
from executions.reruns import failed_node
from executions.store import session
from workflows.errors import Invalid, NotFound, Refused
from workflows.instructions.base import Wait
from workflows.listing.pages import as_id
from workflows.statuses import JobStatus

_RUN, _STATE = "x-workflow-run-id", "x-workflow-state-id"


def stop(asked: Asked) -> Any:
    """`StopWorkFlow`: ends it as aborted."""
    _shown_id, run = asked.run(asked.workflow())
    operations.cancel(run.pk, by=asked.user)
    return Answer()


def retry(asked: Asked) -> Any:
    """`RetryWorkFlow`: a failed run of a standard workflow again from the node that failed, else from the start.

    That is a run of its own; the ids of those before it answer for it from then on.
    """
    workflow = asked.workflow()
    if workflow.sync:
        raise Refused(_("Only runs of workflows of the mode NORMAL can be tried again; start a new one."))
    shown_id, run = asked.run(workflow)
    with transaction.atomic(using=session.alias()):
        # Two clients that try again at the same moment begin one attempt: who comes second finds that of the first.
        Execution.objects.using(session.alias()).select_for_update().filter(pk=run.pk).first()
        _shown_id, run = asked.run(workflow, str(shown_id))
        found = status_of(run.status, run.reason)
        if found != "fail":
            raise Refused(
                _("Only a failed run can be tried again; the status of execution %(id)s is %(status)s.")
                % {"id": shown_id, "status": found}
            )
        from_node = failed_node(run, graph_of(run)) is not None
        operations.rerun(run.pk, failed=from_node, by=asked.user)
    return Answer()


def call_back(asked: Asked) -> Any:
    """`CreateCallbackWorkflow`: ends the job that waits at a node (by its key, or its id)."""
    run_text, state = _header(asked, _RUN), _header(asked, _STATE)
    result, error, output = _outcome(asked.body())
    shown_id, run = asked.run(asked.workflow(), run_text)
    job = _waiting(run, state)
    if result == "success":
        operations.complete_job(job.pk, result=output, by=asked.user)
    else:
        operations.fail_job(job.pk, result=output if error is None else error, by=asked.user)
    return {"execution_id": str(shown_id)}


def _header(asked: Asked, name: str) -> str:
    value = asked.headers.get(name, "")
    if not value or "\x00" in value:
        raise Invalid(_("Send this header, and sign it."), field=name)
    return value


def _outcome(body: dict[str, Any]) -> tuple[str, str | None, Any]:
    result, error = body.get("result"), body.get("error")
    if result not in ("success", "fail"):
        raise Invalid(_("Give success or fail."), field="result")
    if not isinstance(error, str | None):
        raise Invalid(_("Give a text."), field="error")
    return result, error or None, body.get("output")


def _waiting(run: Execution, state: str) -> Job:
    """The oldest job that waits at this node. Raises `NotFound`, and `Refused` where none waits there now."""
    jobs = Job.objects.filter(execution=run.pk, node_key=state)
    node_id = as_id(state)
    if node_id is not None and not jobs.exists():
        jobs = Job.objects.filter(execution=run.pk, node=node_id)
    job = jobs.filter(status=JobStatus.PENDING).exclude(wait=Wait.BRANCH).order_by("number").first()
    if job is not None:
        return job
    if jobs.exists():
        raise Refused(_("Nothing waits at the node %s any more.") % state[:40])
    raise NotFound(_("Execution %(id)s has not come to a node %(node)s.") % {"id": run.pk, "node": state[:40]})
