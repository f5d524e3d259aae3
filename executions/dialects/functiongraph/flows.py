"""Workflows in the vendor's form: listed, shown, made, changed and deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, router, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from executions.dialects.functiongraph import query
from executions.dialects.functiongraph.asked import Answer, Asked
from executions.dialects.functiongraph.errors import Exists
from executions.dialects.functiongraph.shapes import moment, name_of, named_by, urn_of, user_names
from executions.store import session
from workflows import versions
from workflows.errors import Busy, Forbidden, Invalid, SluiceError
from workflows.models import Node, Workflow, new_key
from workflows.transfer import importing
from workflows.transfer.functiongraph import FUNCTIONGRAPH, rendered
from workflows.transfer.readers import Definition

#: URNs that one call deletes.
MOST_DELETED = 200


def list_workflows(asked: Asked) -> Any:
    """`ListWorkflow`: newest first; of a name those that have it, with the exact total."""
    place, sync, name = query.clamped(asked.query), query.mode(asked.query), asked.query.get("workflow_name")
    rows = asked.caller.flows()
    if sync is not None:
        rows = rows.filter(sync=sync)
    if name:
        rows = rows.filter(pk__in=_pks(rows, name))
    page = list(_told(rows).order_by("-id")[place.offset : place.offset + place.limit]) if place.limit else []
    names = user_names(row.made_by for row in page)  # type: ignore[attr-defined]
    found = [_summary(row, asked.project, names) for row in page]
    return {"total": rows.order_by().count(), "size": len(found), "workflows": found}


def show_workflow(asked: Asked) -> Any:
    """`ShowWorkFlow`: with its definition."""
    workflow = asked.workflow(_told(asked.caller.flows()))
    summary = _summary(workflow, asked.project, user_names([workflow.made_by]))  # type: ignore[attr-defined]
    shown = {name: summary[name] for name in ("id", "workflow_urn", "created_time", "updated_time", "created_by")}
    nodes = Node.objects.filter(workflow=workflow).order_by("id")
    return {**shown, "definition": rendered(workflow, list(nodes))}


def create_workflow(asked: Asked) -> Any:
    """`CreateWorkflow`: of a definition; it takes starts at once. What is not known is refused by its place."""
    if asked.caller.limited:
        raise Forbidden(_("This access key is only for some workflows; make new ones with another."))
    definition = _definition(asked)
    _check_name(definition, None)
    # Under a key of its own: what else has this name by then is another workflow.
    own = replace(definition, columns={**definition.columns, "key": new_key()})
    try:
        return Answer(session.done_again(lambda: _imported(asked, own)), 201)
    except (Invalid, Busy, IntegrityError):
        # Somebody else was quicker, where the name is taken now.
        _check_name(definition, None)
        raise


def update_workflow(asked: Asked) -> Any:
    """`UpdateWorkFlow`: a further version, which is current from now on; runs of the one before it go on by that."""
    workflow = asked.workflow()
    definition = _definition(asked)
    _check_name(definition, workflow.key)
    return _imported(asked, replace(definition, columns={**definition.columns, "key": workflow.key}))


def delete_workflows(asked: Asked) -> Any:
    """`BatchDeleteWorkflows`: each by itself; their runs stay in the records."""
    urns = asked.body().get("workflow_urns")
    if not (isinstance(urns, list) and urns and all(isinstance(urn, str) for urn in urns)):
        raise Invalid(_("Give a list of URNs."), field="workflow_urns")
    if len(urns) > MOST_DELETED:
        raise Invalid(_("There are too many; %d is the most.") % MOST_DELETED, field="workflow_urns")
    done, failed = [], []
    for urn in dict.fromkeys(urns):
        error = _deleted(asked, urn)
        if error is None:
            done.append(urn)
        else:
            failed.append({"workflow_urn": urn, "error_detail": error})
    return {"success": done, "fail": failed}


def _pks(rows: QuerySet[Workflow], name: str) -> list[int]:
    """Whom a name means: who has it, else who has no name and this key."""
    # No column takes NUL, and to MySQL blanks at the end are none.
    if "\x00" in name or name != name.rstrip():
        return []
    found = rows.filter(name=name).values_list("pk", flat=True)
    return list(found) or list(rows.filter(name=None, key=name).values_list("pk", flat=True))


def _told(rows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    """With when and by whom the first version was made."""
    first = Workflow.objects.filter(key=OuterRef("key")).order_by("version")
    return rows.annotate(
        made_at=Subquery(first.values("created_at")[:1]), made_by=Subquery(first.values("created_by_id")[:1])
    )


def _summary(workflow: Any, project: str, names: Mapping[int | None, str]) -> dict[str, Any]:
    return {
        "id": workflow.key,
        "workflow_urn": urn_of(workflow, project),
        "name": name_of(workflow),
        "description": workflow.description,
        "created_time": moment(workflow.made_at),
        "updated_time": moment(workflow.updated_at),
        "created_by": names.get(workflow.made_by, ""),
        "enable_stream_response": False,
    }


def _definition(asked: Asked) -> Definition:
    # Broken JSON has a status of its own.
    asked.body()
    return FUNCTIONGRAPH.read(asked.text)[0]


def _check_name(definition: Definition, key: str | None) -> None:
    name = definition.columns.get("name")
    namesakes = Workflow.objects.current().filter(name=name).exclude(key=key or "")
    if isinstance(name, str) and namesakes.exists():
        raise Exists(_("Another workflow is named %s; choose another name.") % name)


def _imported(asked: Asked, definition: Definition) -> dict[str, Any]:
    with transaction.atomic(using=router.db_for_write(Workflow)):
        plan, made = importing.perform([definition], enable=True, by=asked.user)
        workflow = made[0].workflow if made else plan.items[0].known
        assert workflow is not None, "It was made, or is there already."
        if not made and not (workflow.current and workflow.enabled):
            # A version that is alike stands beside the current one.
            versions.enable(workflow, by=asked.user)
        row = _told(Workflow.objects.all()).get(pk=workflow.pk)
    return _summary(row, asked.project, user_names([row.made_by]))  # type: ignore[attr-defined]


def _deleted(asked: Asked, urn: str) -> str | None:
    """Why it was not deleted, if it was not."""
    name = named_by(urn, asked.project)
    rows = list(asked.caller.flows().filter(pk__in=_pks(asked.caller.flows(), name))) if name else []
    if not rows:
        return _("There is no such workflow.")
    try:
        versions.delete(rows, by=asked.user)
    except SluiceError as error:
        return str(error)
    return None
