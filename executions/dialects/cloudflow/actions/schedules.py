"""Schedules of a flow: when it is started by itself, and with what."""

import json
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from executions.dialects.cloudflow import paging, scheduling
from executions.dialects.cloudflow.errors import Fault, argument
from executions.dialects.cloudflow.finding import flow_of
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.cloudflow.scheduling import Spec
from executions.dialects.clouds.caller import Caller
from workflows import versions
from workflows.jsonable import iso_milliseconds
from workflows.models import Workflow

_LONGEST_DESCRIPTION = 4096


@action("workflows.view_workflow")
def list_schedules(caller: Caller, parameters: Parameters) -> Answer:
    limit = parameters.number("Limit", 60, 1, 1000)
    flow = flow_of(caller, parameters)
    behind = paging.place(parameters, "ListSchedules", flow.key)
    found = [row for row in scheduling.schedules_of(flow) if scheduling.spec_of(row).name > behind]
    page = found[:limit]
    more = {}
    if len(found) > limit:
        more = {"NextToken": paging.token(scheduling.spec_of(page[-1]).name, "ListSchedules", flow.key)}
    return {"Schedules": _shown(page), **more}


@action("workflows.view_workflow")
def describe_schedule(caller: Caller, parameters: Parameters) -> Answer:
    _flow, row = _meant(caller, parameters)
    return _shown([row])[0]


@action(
    "workflows.add_workflow",
    "workflows.add_node",
    "workflows.change_workflow",
    "workflows.execute_workflow",
    throttle="change",
)
def create_schedule(caller: Caller, parameters: Parameters) -> Answer:
    name = parameters.name("ScheduleName")
    spec = Spec(
        name, parameters.required("CronExpression"), _payload(parameters) or "", _description(parameters) or "",
        # Nobody makes one to have it lie idle, unless they say so.
        parameters.flag("Enable") is not False,
    )  # fmt: skip
    flow = flow_of(caller, parameters)
    return _shown([scheduling.create(flow, spec, caller.user)])[0]


@action("workflows.change_workflow", "workflows.change_node", "workflows.execute_workflow", throttle="change")
def update_schedule(caller: Caller, parameters: Parameters) -> Answer:
    """What is not given stays as it is."""
    enable, payload, description = parameters.flag("Enable"), _payload(parameters), _description(parameters)
    cron = parameters.optional("CronExpression")
    flow, row = _meant(caller, parameters)
    known = scheduling.spec_of(row)
    spec = Spec(
        known.name, known.cron if cron is None else cron, known.payload if payload is None else payload,
        known.description if description is None else description, known.enabled if enable is None else enable,
    )  # fmt: skip
    return _shown([scheduling.change(flow, row, spec, caller.user)])[0]


@action("workflows.delete_workflow", throttle="change")
def delete_schedule(caller: Caller, parameters: Parameters) -> Answer:
    _flow, row = _meant(caller, parameters)
    versions.delete([row], by=caller.user)
    return {}


def _meant(caller: Caller, parameters: Parameters) -> tuple[Workflow, Workflow]:
    name = parameters.name("ScheduleName")
    flow = flow_of(caller, parameters)
    row = scheduling.find(flow, name)
    if row is None:
        raise Fault("ScheduleNotExists", flow.name, name)
    return flow, row


def _payload(parameters: Parameters) -> str | None:
    """As it was sent; "" takes away what there was."""
    if parameters.has("Payload") and not parameters.optional("Payload"):
        return ""
    value = parameters.document("Payload")
    if value is not None and "{{" in json.dumps(value, ensure_ascii=False):
        # The step that calls the flow would take it for a template.
        raise argument("Payload", _("No text in it may hold {{."))
    return parameters.optional("Payload")


def _description(parameters: Parameters) -> str | None:
    found = parameters.optional("Description", 0, _LONGEST_DESCRIPTION)
    return found if found is not None or not parameters.has("Description") else ""


def _shown(rows: list[Workflow]) -> list[dict[str, Any]]:
    first = Workflow.objects.filter(key=OuterRef("key")).order_by("version").values("created_at")[:1]
    ids = [row.pk for row in rows]
    begun = dict(Workflow.objects.filter(pk__in=ids).annotate(begun=Subquery(first)).values_list("pk", "begun"))
    return [_shape(row, begun[row.pk]) for row in rows]


def _shape(row: Workflow, created_at: Any) -> dict[str, Any]:
    spec = scheduling.spec_of(row)
    return {
        "ScheduleId": row.key, "ScheduleName": spec.name, "Description": spec.description,
        "CronExpression": spec.cron, "Payload": spec.payload, "Enable": spec.enabled,
        "CreatedTime": iso_milliseconds(created_at), "LastModifiedTime": iso_milliseconds(row.updated_at),
    }  # fmt: skip
