"""The token of a job that waits for a callback, and the job that a token names."""

from django.utils.translation import gettext as _

from executions.models import Job
from executions.recording import call_key
from executions.store import session
from workflows import tasktokens
from workflows.errors import NotFound, Refused


def token_of(job: Job) -> str:
    """The token that a `callback` node hands out for this job; another one once somebody asked for the job again."""
    return tasktokens.token_for(call_key(job.execution_id or 0, job.number, job.attempts))


def job_of(token: str) -> Job:
    """The job that the token names, waiting or ended, with its id, execution, number and status.

    Raises `BadToken` for a text that is none of ours, `NotFound` where the execution was deleted, and `Refused` where
    somebody asked for the job again since: it waits for the report of another token.
    """
    execution, number, name = tasktokens.job_for(token)
    columns = ("id", "execution_id", "number", "status", "wait", "node_key", "attempts")
    rows = Job.objects.using(session.alias()).filter(execution_id=execution, number=number).only(*columns)
    row = rows.first()
    if row is None:
        raise NotFound(_("The execution of this token was deleted."))
    if name != call_key(execution, number, row.attempts):
        raise Refused(_("The job of this token has since begun again, under another token; use that one."))
    return row
