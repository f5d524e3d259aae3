"""Runs as the history names them."""

from executions.models import Execution
from executions.store import session
from workflows.history import Subject


def subject_of_run(execution_id: int) -> Subject:
    """The same by id; one query."""
    rows = Execution.objects.using(session.alias()).filter(pk=execution_id)
    return subject_of(rows.only("id", "title", "key").get())


def subject_of(row: Execution) -> Subject:
    """What something is done to, when it is done to a run."""
    return Subject("execution", row.pk, str(row), workflow_key=row.key, execution=row.pk)
