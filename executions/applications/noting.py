"""What approvers' answers leave in an application."""

from executions.models import Application, ApplicationStatus
from executions.store import session


def noted(execution_id: int) -> None:
    """An approver has decided: from now on it can't be withdrawn. Under the run's lock."""
    mine = Application.objects.using(session.alias()).filter(execution=execution_id)
    mine.filter(status=ApplicationStatus.SUBMITTED).update(
        status=ApplicationStatus.IN_PROGRESS, updated_at=session.database_now()
    )
