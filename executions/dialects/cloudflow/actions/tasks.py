"""What is reported of a task that waits for it, by the token that the task was handed."""

from typing import Any

from django.utils.translation import gettext as _

from executions import operations, tasktokens
from executions.dialects.cloudflow.errors import Fault, argument
from executions.dialects.cloudflow.events import History
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.clouds.caller import Caller
from executions.models import Execution, Job
from workflows.errors import Refused, SluiceError
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus


@action("executions.change_job", throttle="change")
def report_task_succeeded(caller: Caller, parameters: Parameters) -> Answer:
    output = parameters.document("Output", required=True, is_object=False)
    job = _waiting(caller, parameters)
    return _reported(job, operations.complete_job, output, caller)


@action("executions.change_job", throttle="change")
def report_task_failed(caller: Caller, parameters: Parameters) -> Answer:
    """What failed stands in the job's result, as an error and its cause."""
    error, cause = parameters.required("Error", 1, 128), parameters.optional("Cause", 1, 4096)
    job = _waiting(caller, parameters)
    failure = {"ErrorCode": error, "ErrorMessage": cause or "", "message": f"{error}: {cause}" if cause else error}
    return _reported(job, operations.fail_job, failure, caller)


def _waiting(caller: Caller, parameters: Parameters) -> Job:
    """The job that the token names. Raises `Fault` where it waits for no report."""
    job = _named(parameters.required("TaskToken"))
    run = None if job is None else caller.runs().filter(pk=job.execution_id or 0).only("id", "ended_at").first()
    if job is None or run is None:
        raise argument("TaskToken", _("This is no token of a task that is known here."))
    if job.status != JobStatus.PENDING or run.ended_at is not None:
        raise Fault("TaskAlreadyCompleted")
    if job.wait != Wait.OUTSIDE:
        raise Fault("TaskInvalidState")
    return job


def _named(token: str) -> Job | None:
    try:
        return tasktokens.job_of(token)
    except Refused:
        # That wait is over; the job has another token now.
        raise Fault("TaskAlreadyCompleted") from None
    except SluiceError:
        return None


def _reported(job: Job, finish: Any, result: Any, caller: Caller) -> Answer:
    try:
        finish(job.pk, result=result, by=caller.user)
    except Refused:
        # Somebody else was quicker.
        raise Fault("TaskAlreadyCompleted") from None
    run = Execution.objects.filter(pk=job.execution_id or 0).first()
    return {"EventId": 0 if run is None else History(run).last_of(job.number)}
