"""A flow's schedules: each is a workflow of the kind schedule with one step, which calls the flow.

Its key is made of the flow's and the schedule's name, so that there is one of each; what CloudFlow says of it stands in
its options. In the admin it is a workflow like any other.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction
from django.utils.translation import gettext as _

from executions.dialects.cloudflow.cron import times
from executions.dialects.cloudflow.errors import Fault
from workflows import versions
from workflows.editing import add_node, change_node
from workflows.errors import Busy
from workflows.models import Node, Workflow

_OPTION = "cloudflow"
_TITLE = 255


@dataclass(frozen=True)
class Spec:
    """What CloudFlow's clients say of a schedule; `payload` is JSON text, "" for none."""

    name: str
    cron: str
    payload: str
    description: str
    enabled: bool


def schedules_of(flow: Workflow) -> list[Workflow]:
    """The current versions of its schedules, by name."""
    rows = Workflow.objects.current().filter(type="schedule", **{f"options__{_OPTION}__flow": flow.key})
    return sorted(rows, key=lambda row: spec_of(row).name)


def find(flow: Workflow, name: str) -> Workflow | None:
    return Workflow.objects.current().filter(key=_key(flow, name), type="schedule").first()


def spec_of(row: Workflow) -> Spec:
    """As it was said; whether it is enabled the admin may have changed."""
    told = row.options.get(_OPTION) or {}
    return Spec(
        str(told.get("schedule", "")), str(told.get("cron", "")), str(told.get("payload", "")), row.description,
        row.enabled,
    )  # fmt: skip


def create(flow: Workflow, spec: Spec, by: Any) -> Workflow:
    """Raises `Fault` (ScheduleAlreadyExists, InvalidArgument)."""
    when = times(spec.cron)
    if find(flow, spec.name) is not None:
        raise Fault("ScheduleAlreadyExists", flow.name, spec.name)
    try:
        with transaction.atomic(using=router.db_for_write(Workflow)):
            row = versions.create_workflow(
                type="schedule", key=_key(flow, spec.name), title=_title(flow, spec), description=spec.description,
                config=when.config, time_zone=when.time_zone, options=_options(flow, spec), by=by, lenient=True,
            )  # fmt: skip
            if row.version > 1:
                raise Fault("ScheduleAlreadyExists", flow.name, spec.name)
            add_node(row, type="subflow", title=str(flow.name), config=_call(flow, spec), by=by)
            return versions.enable(row, by=by) if spec.enabled else row
    except Busy:
        if find(flow, spec.name) is not None:
            raise Fault("ScheduleAlreadyExists", flow.name, spec.name) from None
        raise


def change(flow: Workflow, row: Workflow, spec: Spec, by: Any) -> Workflow:
    """Changes the version or, where it has fired already, makes a further one."""
    known = spec_of(row)
    with transaction.atomic(using=router.db_for_write(Workflow)):
        columns: dict[str, Any] = {"description": spec.description, "options": _options(flow, spec, row.options)}
        if spec.cron != known.cron:
            when = times(spec.cron)
            columns |= {"config": when.config, "time_zone": when.time_zone}
        if row.frozen and (spec.cron, spec.payload) != (known.cron, known.payload):
            row = versions.revise(row, by=by)
        row = versions.change_workflow(row, by=by, lenient=True, **columns)
        if spec.payload != known.payload:
            change_node(Node.objects.get(workflow=row, type="subflow"), config=_call(flow, spec), by=by)
        if spec.enabled or not row.current:
            # What is enabled becomes the current version.
            row = versions.enable(row, by=by)
        return row if spec.enabled else versions.disable(row, by=by)


def _key(flow: Workflow, name: str) -> str:
    return f"cf{hashlib.sha256(json.dumps([flow.key, name]).encode()).hexdigest()[:40]}"


def _title(flow: Workflow, spec: Spec) -> str:
    return (_("Schedule %(schedule)s of %(flow)s") % {"schedule": spec.name, "flow": flow.name})[:_TITLE]


def _options(flow: Workflow, spec: Spec, known: dict[str, Any] | None = None) -> dict[str, Any]:
    told = {"flow": flow.key, "schedule": spec.name, "cron": spec.cron, "payload": spec.payload}
    return {"timeout": 0, **(known or {}), _OPTION: told}


def _call(flow: Workflow, spec: Spec) -> dict[str, Any]:
    return {"workflow": flow.key, "values": json.loads(spec.payload) if spec.payload else {}}
