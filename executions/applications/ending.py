"""What becomes of an application when its run ends: in the commit of that end, the row included."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from executions.applications import rows
from executions.applications.reading import TYPE, config_of
from executions.models import Application, ApplicationStatus, Execution, Job
from executions.store import session
from executions.store.ends import Ended
from workflows import ambient
from workflows.errors import Refused, SluiceError
from workflows.graph import load_graph
from workflows.instructions.approval import APPROVED, REJECTED, RETURNED, Approval
from workflows.models import Workflow
from workflows.statuses import JobStatus
from workflows.triggers.approval import DATA, ApprovalStartConfig

_OPEN = (ApplicationStatus.SUBMITTED, ApplicationStatus.IN_PROGRESS)
_ENDS = {
    APPROVED: ApplicationStatus.APPROVED,
    REJECTED: ApplicationStatus.REJECTED,
    RETURNED: ApplicationStatus.RETURNED,
}


def told(db: BaseDatabaseWrapper, runs: Sequence[Ended]) -> None:
    """Settles the applications of these runs. Where the row can't be written, nothing of the end stands: a person's
    answer is refused with that sentence, and a worker's segment ends the run in ERROR."""
    for run in runs:
        if _may_be_one(run) and db is session.connection():
            _settle(run)


def _may_be_one(run: Ended) -> bool:
    if isinstance(run, Execution):
        return run.type == TYPE
    graph = getattr(run, "graph", None)
    # Of a run whose workflow was deleted only its application knows.
    return graph is None or graph.type == TYPE


def _settle(run: Ended) -> None:
    application = _application(run)
    if application is None:
        return
    results = _results(run)
    status = _outcome(run, results)
    changes: dict[str, Any] = {"status": status, "error": getattr(run, "error", None), "execution_id": run.id}
    if status == ApplicationStatus.APPROVED:
        changes |= _keep(run, application, results)
    now = session.database_now()
    Application.objects.using(session.alias()).filter(pk=application.pk).update(
        **changes, decided_at=now, updated_at=now
    )


def _application(run: Ended) -> Application | None:
    """The run's, or that of the run it repeats, if it is still undecided."""
    rows = Application.objects.using(session.alias())
    found = rows.filter(execution=run.id, status__in=_OPEN).first()
    if found is None:
        before = (
            Execution.objects.using(session.alias()).filter(pk=run.id).values_list("rerun_of_id", flat=True).first()
        )
        if before is not None:
            found = rows.select_for_update().filter(execution=before, status=ApplicationStatus.FAILED).first()
    return found


def _results(run: Ended) -> list[Mapping[str, Any]]:
    """The results of the run's approvals, in their order."""
    try:
        nodes = load_graph(run.workflow_id).nodes.values()
        ids = [node.id for node in nodes if isinstance(node.instruction, Approval)]
    except SluiceError:
        return []
    jobs = Job.objects.using(session.alias()).filter(execution=run.id, node__in=ids) if ids else Job.objects.none()
    found = jobs.order_by("number").values_list("result", flat=True)
    return [result for result in found if isinstance(result, Mapping)]


def _outcome(run: Ended, results: Sequence[Mapping[str, Any]]) -> ApplicationStatus:
    """What the last approval came to; without any it is approved if its run resolves."""
    last = _ENDS.get(results[-1].get("status", 0)) if results else ApplicationStatus.APPROVED
    if run.status == JobStatus.RESOLVED:
        return last or ApplicationStatus.APPROVED
    if run.status == JobStatus.REJECTED:
        return ApplicationStatus.RETURNED if last == ApplicationStatus.RETURNED else ApplicationStatus.REJECTED
    return ApplicationStatus.FAILED


def _keep(run: Ended, application: Application, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Writes the row that was held back, with what approvers changed of the data."""
    workflow = Workflow.objects.filter(pk=run.workflow_id or 0).first()
    config = config_of(workflow) if workflow is not None else None
    if config is None or config.timing != "before":
        return {}
    data = {**application.data, **_changes(config, application, results)}
    by = get_user_model()._base_manager.using(session.alias()).filter(pk=application.user_id or 0).first()
    ancestry = (*((entry[0], entry[1]) for entry in run.stack), (run.id, run.workflow_id))
    try:
        with ambient.acting(by), ambient.inside(ancestry), session.savepoint():
            object_id, _shown = rows.write(config, data, application.object_id)
    except Exception as error:
        if isinstance(error, SluiceError) or session.transient(error):
            raise
        # Whatever the host's own code raises: whoever approves it is told, and can reject it.
        raise Refused(_("The row can't be written: %s") % " ".join(str(error).split())[:300]) from error
    return {"object_id": object_id, "data": data}


def _changes(
    config: ApprovalStartConfig, application: Application, results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """{field: value} of what approvers made of the row that was submitted, as far as its form has it."""
    before = application.snapshot if isinstance(application.snapshot, Mapping) else {}
    changed = {}
    for result in results:
        after = result.get("data")
        if not isinstance(after, Mapping):
            continue
        for name in config.forms[DATA].names():
            for spelled in dict.fromkeys((name, config.model._meta.get_field(name).attname)):  # type: ignore[union-attr]
                if spelled in after and after[spelled] != before.get(spelled):
                    changed[name] = after[spelled]
    return changed
