"""Flows: workflows that have a name. A definition in FDL becomes a version, and a version is shown as FDL."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, router, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from executions.dialects.cloudflow import definitions, paging, scheduling, shapes
from executions.dialects.cloudflow.errors import Fault, argument
from executions.dialects.cloudflow.finding import flow_of
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.clouds.caller import Caller
from executions.store import session
from workflows import versions
from workflows.errors import Busy, Forbidden, Invalid
from workflows.models import Workflow, new_key
from workflows.transfer import Definition, perform
from workflows.transfer.fdl import definition_of

_MODES = {"Express": True, "Standard": False}
#: Characters of a description.
_LONGEST_DESCRIPTION = 4096


@action("workflows.view_workflow")
def list_flows(caller: Caller, parameters: Parameters) -> Answer:
    """By name, so that a flow that is changed meanwhile keeps its place."""
    limit = parameters.number("Limit", 60, 1, 1000)
    behind = paging.place(parameters, "ListFlows")
    rows = _dated(caller.flows().filter(name__isnull=False, name__gt=behind).order_by("name"))
    found = list(rows[: limit + 1])
    more = {"NextToken": paging.token(str(found[limit - 1].name), "ListFlows")} if len(found) > limit else {}
    return {"Flows": _shown(found[:limit], _whole(caller)), **more}


@action("workflows.view_workflow")
def describe_flow(caller: Caller, parameters: Parameters) -> Answer:
    parameters.latest("FlowVersion")
    return _one(caller.flows(), parameters.name("Name"), _whole(caller))


@action("workflows.add_workflow", "workflows.add_node", "workflows.change_workflow", throttle="change")
def create_flow(caller: Caller, parameters: Parameters) -> Answer:
    """The first version of a new workflow, enabled at once. Roles, groups and storage mean nothing here; every client
    sends them, and they are passed over."""
    name, text = parameters.name("Name"), parameters.required("Definition")
    description = _description(parameters, required=True)
    _check_type(parameters, required=True)
    express = _MODES[parameters.choice("ExecutionMode", _MODES) or "Standard"]
    parameters.none_of("Environment")
    if caller.limited:
        raise Forbidden(_("This key is only for some workflows; make new ones with another."))
    if _taken(name):
        raise Fault("FlowAlreadyExists", name)
    # Under a key of its own: what else has this name by then is another flow.
    definition = _definition(text, name, express, key=new_key(), title=name, description=description)
    try:
        session.done_again(lambda: perform([definition], enable=True, by=caller.user))
    except (Invalid, Busy, IntegrityError) as error:
        if _taken(name):
            raise Fault("FlowAlreadyExists", name) from None
        if isinstance(error, IntegrityError):
            # Somebody else was about to make it.
            raise Fault("ConcurrentUpdateError") from None
        raise
    # Whether or not its maker may see it afterwards.
    return _one(Workflow.objects.current(), name, True)


@action("workflows.change_workflow", "workflows.add_workflow", "workflows.add_node", throttle="change")
def update_flow(caller: Caller, parameters: Parameters) -> Answer:
    """Another definition becomes a further version; executions under way go on by theirs."""
    flow = flow_of(caller, parameters, "Name")
    _check_type(parameters)
    parameters.none_of("Environment")
    text, description = parameters.optional("Definition"), _description(parameters)
    with transaction.atomic(using=router.db_for_write(Workflow)):
        row = flow
        if text is not None:
            row = _redefined(caller, flow, text, description)
        if description is not None and row.description != description:
            versions.change_workflow(row, description=description, by=caller.user)
    return _one(Workflow.objects.current(), str(flow.name), text is not None or _whole(caller))


def _redefined(caller: Caller, flow: Workflow, text: str, description: str | None) -> Workflow:
    """The current version, a new one where the definition says something else."""
    if definitions.of_rows([flow])[flow.pk] == text:
        return flow
    kept = flow.description if description is None else description
    definition = _definition(text, str(flow.name), flow.sync, key=flow.key, title=flow.title, description=kept)
    plan, made = perform([definition], enable=True, by=caller.user)
    row = made[0].workflow if made else plan.items[0].known
    if row is None or row.pk == flow.pk:
        return flow
    if not made:
        # A version that is alike stands beside the current one.
        row = versions.enable(row, by=caller.user)
    if not flow.enabled:
        # What was switched off stays so; that it was enabled made it the current version.
        versions.disable(row, by=caller.user)
    return row


@action("workflows.delete_workflow", throttle="change")
def delete_flow(caller: Caller, parameters: Parameters) -> Answer:
    """With all its versions and schedules. Its executions stay, and are not those of a later flow of this name."""
    flow = flow_of(caller, parameters, "Name")
    versions.delete([flow, *scheduling.schedules_of(flow)], by=caller.user)
    return {}


def _one(rows: QuerySet[Workflow], name: str, whole: bool) -> dict[str, Any]:
    found = _dated(rows.filter(name=name)).first()
    if found is None:
        raise Fault("FlowNotExists", name)
    return _shown([found], whole)[0]


def _dated(rows: QuerySet[Workflow]) -> QuerySet[Any]:
    """With the moment at which their first version was made."""
    first = Workflow.objects.filter(key=OuterRef("key")).order_by("version").values("created_at")[:1]
    return rows.annotate(begun_at=Subquery(first))


def _shown(rows: Sequence[Any], whole: bool) -> list[dict[str, Any]]:
    texts = definitions.of_rows(rows) if whole else {}
    return [shapes.flow_shape(row, texts.get(row.pk, ""), row.begun_at) for row in rows]


def _whole(caller: Caller) -> bool:
    """A definition is the flow's nodes."""
    return caller.may(definitions.PERMISSION)


def _taken(name: str) -> bool:
    return Workflow.objects.current().filter(name=name).exists()


def _definition(text: str, name: str, express: bool, **columns: Any) -> Definition:
    """What the text defines, as the flow of this name. Raises `Invalid` or `Fault` where that can't be."""
    found = definition_of(text, express=express)
    given = found.columns.get("name")
    if given != name and not any(fault.fatal for fault in found.faults):
        raise argument("Definition", _("The name in it must be %s, as the flow's.") % name)
    columns |= {"sync": express, "name": name}
    return replace(found, columns={**found.columns, **columns})


def _description(parameters: Parameters, *, required: bool = False) -> str | None:
    if required and not parameters.has("Description"):
        raise Fault("MissingRequiredParams", "Description")
    found = parameters.optional("Description", 0, _LONGEST_DESCRIPTION)
    return found if found is not None or not parameters.has("Description") else ""


def _check_type(parameters: Parameters, *, required: bool = False) -> None:
    given = parameters.required("Type") if required else parameters.optional("Type")
    if given not in (None, "FDL"):
        raise argument("Type", _("The type must be FDL."))
