"""Which applications one may see and begin, and what is known of one."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from executions.applications import rows
from executions.inbox import approving
from executions.masking import hide_tasks, mask_of, masks_of
from executions.models import Application, Execution, Task, TaskType
from executions.store import session
from workflows import people
from workflows.errors import Forbidden, NotFound, Refused, SluiceError
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.triggers import get_trigger
from workflows.triggers.approval import ApprovalStartConfig, ApprovalTrigger
from workflows.visibility import narrowed, visible_rows

TYPE = ApprovalTrigger.type


def of(user: Any) -> QuerySet[Application]:
    """The applications of a person."""
    return Application.objects.filter(user=user.pk)


def readable(user: Any) -> QuerySet[Application]:
    """One's own; with the permission `executions.view_application` everybody's, of workflows one may see."""
    if not user.has_perm("executions.view_application"):
        return of(user)
    if not narrowed(user):
        return Application.objects.all()
    # One subquery: a join with OR would go by no index.
    theirs = visible_rows(Application.objects.all(), user).order_by().values("pk")
    return Application.objects.filter(Q(user=user.pk) | Q(pk__in=theirs))


def enabled(key: Any) -> Workflow:
    """The enabled version of the workflow. Raises `NotFound`, and `Refused` where none is."""
    versions = Workflow.objects.filter(key=key, type=TYPE) if isinstance(key, str) else Workflow.objects.none()
    found = versions.filter(enabled=True).order_by("-version").first()
    if found is not None:
        return found
    if not versions.exists():
        raise NotFound(_("There is no workflow %r that takes applications.") % str(key)[:64], field="workflow")
    raise Refused(_("The workflow of this application is not enabled; ask who keeps it."))


def config_of(workflow: Workflow) -> ApprovalStartConfig:
    """Raises `Invalid` where the workflow's configuration is wrong, `Refused` where it takes no applications."""
    config = get_trigger(workflow.type).parse(workflow.config)
    if not isinstance(config, ApprovalStartConfig):
        raise Refused(_("%s takes no applications; ask who keeps it.") % workflow)
    return config


def refuse_starting(config: ApprovalStartConfig, by: Any, *, change: bool) -> None:
    """Raises `Forbidden` for who may not start such an application, or may not write such a row."""
    permission = config.permission(change=change)
    if not by.has_perm(permission):
        raise Forbidden(_("To apply for this you need the permission %s; ask for it.") % permission)
    if not _is_initiator(config, by):
        raise Forbidden(_("You are not among those who may start this workflow; ask who keeps it."))


def _is_initiator(config: ApprovalStartConfig, by: Any) -> bool:
    if config.for_all:
        return True
    scope = people.only(config.initiators, [by.pk])
    return by.pk in people.find(scope, filtered=people.has_filter(scope)).ids


def startable(user: Any) -> list[Workflow]:
    """The enabled workflows by which this person may apply for a new row, by title."""
    found = []
    for workflow in Workflow.objects.filter(enabled=True, type=TYPE).order_by("title", "pk"):
        try:
            config = config_of(workflow)
            if config.place == "everywhere":
                refuse_starting(config, user, change=False)
                found.append(workflow)
        except SluiceError:
            continue
    return found


def titles(applications: Collection[Application]) -> dict[str, str]:
    """The titles of their workflows by key; one query, and one more where a workflow was deleted."""
    keys = {each.key for each in applications}
    found = dict(Workflow.objects.filter(key__in=keys, current=True).order_by().values_list("key", "title"))
    if gone := keys - found.keys():
        runs = [each.execution_id for each in applications if each.key in gone and each.execution_id is not None]
        found |= dict(Execution.objects.filter(pk__in=runs).order_by("id").values_list("key", "title"))
    return {key: found.get(key) or _("deleted workflow %s") % key for key in keys}


def records(application: Application, *, by: Any) -> list[dict[str, Any]]:
    """Who of its present round was asked, and what they decided: {"id", "userId", "user", "nodeKey", "status" (2
    approved, -1 rejected, 1 returned, 0 open), "comment", "updatedAt"}; three queries."""
    if application.execution_id is None:
        return []
    rows = Task.objects.using(session.alias()).filter(execution=application.execution_id, type=TaskType.APPROVAL)
    tasks = list(rows.order_by("id"))
    hide_tasks([task for task in tasks if task.user_id != application.user_id], by=by)
    names = approving.names_of([task.user_id for task in tasks])
    return [{**approving.record(task), "user": names.get(task.user_id), "nodeKey": task.node_key} for task in tasks]


def shown(application: Application, *, by: Any) -> Any:
    """The row as readers see it: as it was submitted, or as it is; masked for others where its workflow says so."""
    found = application.snapshot
    workflow = Workflow.objects.filter(pk=application.workflow_id or 0).first()
    try:
        config = config_of(workflow) if workflow is not None else None
        if config is not None and config.record == "latest" and application.object_id is not None:
            found = rows.latest(config, application.object_id) or found
    except SluiceError:
        # Its model is gone; what was noted of the row is not.
        pass
    return masked(application, found, by=by)


def hide_errors(applications: Sequence[Application]) -> None:
    """Masks these loaded rows: why one failed may repeat anything of its run, also what its person never wrote."""
    failed = [each for each in applications if each.__dict__.get("error") and each.execution_id is not None]
    masks = masks_of({each.execution_id for each in failed if each.execution_id is not None})
    for each in failed:
        if each.execution_id in masks:
            each.error = masks[each.execution_id].masked(each.error)


def masked(application: Application, data: Any, *, by: Any) -> Any:
    """The data as somebody else than who applied may see them."""
    if application.user_id == by.pk or application.execution_id is None or data is None:
        return data
    mask = mask_of(application.execution_id)
    return data if mask is None else mask.found(jsonable(data), "$context", "data")
