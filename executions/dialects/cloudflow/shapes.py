"""Executions and flows as the clients read them (spec 1.3): texts all, moments in UTC to the millisecond."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from executions.dialects.cloudflow import definitions
from executions.dialects.cloudflow.finding import name_of, status_of
from executions.dialects.clouds.caller import Caller
from executions.masking import hide_runs
from executions.models import Execution
from executions.statuses import ExecutionStatus, Reason
from workflows.jsonable import iso_milliseconds
from workflows.models import Workflow

#: Read for every execution that is shown, and for one that is shown whole.
SHORT = ("id", "key", "name", "status", "reason", "created_at", "ended_at")
WHOLE = (*SHORT, "workflow", "context", "output", "error")


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def short_execution(flow: Workflow, run: Execution) -> dict[str, Any]:
    """What is known of it without its values."""
    ended = {} if run.ended_at is None else {"StoppedTime": iso_milliseconds(run.ended_at)}
    return {
        "FlowName": flow.name, "Name": name_of(run), "Status": status_of(run),
        "StartedTime": iso_milliseconds(run.created_at), **ended,
    }  # fmt: skip


def executions(caller: Caller, flow: Workflow, runs: Sequence[Execution]) -> list[dict[str, Any]]:
    """With their values, marked ones masked, and the definitions that they ran by; as many queries for one as for a
    hundred. Who may not look at executions, but start or stop them, sees the short form."""
    if not caller.may("executions.view_execution"):
        return [short_execution(flow, run) for run in runs]
    hide_runs(runs)
    versions = {run.workflow_id for run in runs if run.workflow_id is not None}
    may_see = caller.may("workflows.view_workflow") and caller.may(definitions.PERMISSION)
    known = definitions.of(versions) if may_see else {}
    return [_execution(flow, run, known) for run in runs]


def _execution(flow: Workflow, run: Execution, known: Mapping[int, str]) -> dict[str, Any]:
    output = output_of(run)
    return {
        **short_execution(flow, run),
        "Input": text({} if run.context is None else run.context),
        **({} if output is None else {"Output": output}),
        "FlowDefinition": known.get(run.workflow_id or 0, ""),
    }


def output_of(run: Execution) -> str | None:
    """What it gave or, where it failed and gave nothing, what of; None while it runs."""
    if run.ended_at is None:
        return None
    if run.output is None and run.error:
        return text({"ErrorCode": error_code(run), "ErrorMessage": run.error})
    return None if run.output is None else text(run.output)


def error_code(run: Execution) -> str | None:
    """A failure in a word; None where there was none."""
    if run.status is None or run.status >= 0:
        return None
    if run.reason == Reason.TIMEOUT:
        return "FnF.TimedOut"
    return f"FnF.{ExecutionStatus(run.status).name.title().replace('_', '')}"


def flow_shape(flow: Workflow, definition: str, created_at: datetime) -> dict[str, Any]:
    """`created_at`: of its first version."""
    return {
        "Name": flow.name, "Id": flow.key, "Type": "FDL", "Definition": definition, "Description": flow.description,
        "RoleArn": "", "ExecutionMode": "Express" if flow.sync else "Standard", "ResourceGroupId": "",
        "CreatedTime": iso_milliseconds(created_at), "LastModifiedTime": iso_milliseconds(flow.updated_at),
    }  # fmt: skip
