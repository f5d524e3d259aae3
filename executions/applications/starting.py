"""What people do with applications: begin, fill in, submit, take back (spec 4.7). One function each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _

from executions import dispatcher
from executions.applications import reading, rows
from executions.models import Application, ApplicationStatus, Execution
from executions.operations import held
from executions.statuses import Reason
from executions.store import session
from workflows import ambient, history
from workflows.actions import Action
from workflows.errors import Busy, Forbidden, NotFound, Refused
from workflows.models import Workflow
from workflows.statuses import JobStatus
from workflows.triggers.approval import ApprovalStartConfig
from workflows.triggers.base import Event
from workflows.triggers.listening import listener_of
from workflows.triggers.requests import asker, first_role

#: From where it may be changed and submitted.
EDITABLE = (
    ApplicationStatus.DRAFT, ApplicationStatus.RETURNED, ApplicationStatus.WITHDRAWN, ApplicationStatus.FAILED,
)  # fmt: skip


def create(key: str, data: Any, *, by: Any, object_id: Any = None, submit: bool = True) -> Application:
    """Applies, by the enabled version of a workflow, for a new row with these `data` ({field: value}), or for changes
    to the row `object_id`; or keeps that as a draft.

    Raises `NotFound`, `Refused` where the workflow is not enabled or takes no drafts, `Forbidden` for who may not start
    it, `Invalid` naming the value at fault ("data.…", "object_id"), and `Busy`.
    """
    workflow = reading.enabled(key)
    config = reading.config_of(workflow)
    reading.refuse_starting(config, by, change=object_id is not None)
    _refuse_draft(config, submit)
    row = rows.key_of_row(config, object_id)
    values = rows.filled_in(config, data, draft=not submit or row is not None)
    with _transaction():
        now = session.database_now()
        application = Application.objects.using(session.alias()).create(
            key=workflow.key, workflow=workflow, user_id=by.pk, status=ApplicationStatus.DRAFT, adds=row is None,
            collection=config.collection or "", object_id=row, data=values, created_at=now, updated_at=now,
        )  # fmt: skip
        if submit:
            _submit(application, workflow, config, by)
    return application


def change(application_id: Any, data: Any = None, *, by: Any, submit: bool = False) -> Application:
    """Fills in anew (`data`, all of them; None leaves them) what is a draft, was returned or withdrawn, or has failed;
    and submits it, to the version that is enabled now.

    Raises what `create` raises, and `Refused` from any other status.
    """
    with _transaction():
        application = _locked(application_id, by)
        if application.status not in EDITABLE:
            raise Refused(_("%(what)s can't be changed: %(status)s.") % _named(application))
        workflow = reading.enabled(application.key)
        config = reading.config_of(workflow)
        reading.refuse_starting(config, by, change=not application.adds)
        _refuse_draft(config, submit)
        if data is not None or submit:
            given = application.data if data is None else data
            application.data = rows.filled_in(config, given, draft=not submit or not application.adds)
        application.workflow = workflow
        application.updated_at = session.database_now()
        if submit:
            _submit(application, workflow, config, by)
        else:
            application.save(using=session.alias())
    return application


def withdraw(application_id: Any, *, by: Any, reason: str | None = None) -> Application:
    """Takes it back until the first approver has decided; its run ends as aborted, and it can be submitted again.

    Raises `NotFound`, `Forbidden` for somebody else's, `Refused` once it is too late or where the workflow does not
    allow it, and `Busy`.
    """
    application = find(application_id, by)
    if application.execution_id is None or application.status != ApplicationStatus.SUBMITTED:
        raise _too_late(application)
    workflow = Workflow.objects.filter(pk=application.workflow_id or 0).first()
    if workflow is not None and not reading.config_of(workflow).form.withdraw:
        raise Refused(_("This application can't be withdrawn; its workflow does not allow it."))
    try:
        # Approvers answer under the same lock, and note it in the application: whoever comes second finds that.
        with held(application.execution_id) as (run, clock):
            mine = Application.objects.using(session.alias()).filter(pk=application.pk, execution=run.id)
            gone = mine.filter(status=ApplicationStatus.SUBMITTED).update(
                status=ApplicationStatus.WITHDRAWN, decided_at=clock.now(), updated_at=clock.now()
            )
            if not gone or run.ended:
                raise _too_late(find(application_id, by))
            run.end(JobStatus.ABORTED, clock.now(), reason=Reason.CANCELED)
            _record(Action.APPLICATION_WITHDRAW, application, by, reason)
    except NotFound:
        raise _too_late(application) from None
    return find(application_id, by)


@contextmanager
def _transaction() -> Iterator[None]:
    try:
        with session.bounded_session(), session.people():
            yield
    except DatabaseError as error:
        if session.transient(error):
            raise Busy(_("Somebody else writes this just now; try again in a moment.")) from error
        raise


def find(application_id: Any, by: Any) -> Application:
    """One's own. Raises `NotFound`, and `Forbidden` for somebody else's."""
    known = not isinstance(application_id, bool) and isinstance(application_id, int) and 0 < application_id < 2**63
    found = Application.objects.using(session.alias()).filter(pk=application_id).first() if known else None
    if found is None:
        raise NotFound(_("There is no application %s.") % application_id, field="id")
    if by is None or found.user_id != by.pk:
        raise Forbidden(_("Application %s is another person's; only they can change it.") % found.pk)
    return found


def _locked(application_id: Any, by: Any) -> Application:
    find(application_id, by)
    rows = Application.objects.using(session.alias()).select_for_update(of=_of_itself())
    return rows.get(pk=application_id)


def _of_itself() -> tuple[str, ...]:
    return ("self",) if session.connection().features.has_select_for_update_of else ()


def _submit(application: Application, workflow: Workflow, config: ApprovalStartConfig, by: Any) -> None:
    """The row, if it is written at once, the run and the application are one commit."""
    with ambient.acting(by):
        if config.timing == "after":
            application.object_id, shown = rows.write(config, application.data, application.object_id)
        else:
            shown = rows.propose(config, application.data, application.object_id)
        context = {"data": shown, "approvalId": application.pk, **asker(by, first_role(by))}
        [execution] = dispatcher.dispatch([Event(listener_of(workflow), context)])
    if not isinstance(execution, Execution):
        raise Refused(_("The application led back to its own workflow too often, so it was not submitted."))
    now = session.database_now()
    application.status = ApplicationStatus.SUBMITTED
    application.error = None
    if execution.status is not None and execution.status < 0:
        application.status, application.error = ApplicationStatus.FAILED, execution.error
    application.execution_id = execution.pk
    application.snapshot = shown
    application.round += 1
    application.submitted_at = application.updated_at = now
    application.decided_at = None
    application.save(using=session.alias())
    _record(Action.APPLICATION_SUBMIT, application, by, None)


def _record(action: Action, application: Application, by: Any, reason: str | None) -> None:
    subject = history.Subject(
        "application", application.pk, str(application), workflow=application.workflow_id,
        workflow_key=application.key, execution=application.execution_id,
    )  # fmt: skip
    history.record(action, subject, by=by, reason=reason)


def _refuse_draft(config: ApprovalStartConfig, submit: bool) -> None:
    if not submit and not config.form.draft:
        raise Refused(_("This workflow keeps no drafts; submit the application."))


def _too_late(application: Application) -> Refused:
    return Refused(_("%(what)s can't be withdrawn any more: %(status)s.") % _named(application))


def _named(application: Application) -> dict[str, Any]:
    status = ApplicationStatus(application.status).label
    return {"what": _("Application %s") % application.pk, "status": status}
