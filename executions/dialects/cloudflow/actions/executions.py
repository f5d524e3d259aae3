"""A flow's executions: listed, shown, waited for and stopped."""

from typing import Any

from executions import operations
from executions.dialects.cloudflow import paging, shapes
from executions.dialects.cloudflow.errors import Fault
from executions.dialects.cloudflow.finding import (
    STATUSES,
    by_range,
    flow_of,
    name_of,
    prefixed,
    run_of,
    runs_of,
)
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.waiting import wait_for_end
from executions.models import Execution
from executions.store import session
from workflows import history
from workflows.errors import Refused
from workflows.listing.bounds import bounded
from workflows.listing.pages import Listing, Order
from workflows.models import Workflow

_BY_TIME = Order("-created", "created_at", "time")
_NEWEST_FIRST = Order()


@action("executions.view_execution")
def list_executions(caller: Caller, parameters: Parameters) -> Answer:
    """Newest first, by an index from where the page before ended: what begins meanwhile stands before the first."""
    limit = parameters.number("Limit", 60, 1, 100)
    status = parameters.choice("Status", STATUSES)
    begin, end = parameters.moment("StartedTimeBegin"), parameters.moment("StartedTimeEnd")
    prefix = parameters.optional("ExecutionNamePrefix", 1, 128)
    short = parameters.flag("MetadataOnly")
    parameters.latest("Qualifier")
    parameters.none_of("MapRunName")
    flow = flow_of(caller, parameters)
    which = ("ListExecutions", flow.key, status, begin, end, prefix)
    cursor = paging.place(parameters, *which)
    rows = runs_of(caller, flow).filter(by_range(begin, end))
    if prefix is not None:
        rows = rows.filter(prefixed(prefix))
    # A range is read in the order of its index; it is that of the ids, but for what was queued at one moment.
    order = _BY_TIME if begin or end else _NEWEST_FIRST
    listing = Listing(rows, order, branches=STATUSES[status] if status else ())
    with bounded(session.alias(), "StartedTimeBegin, StartedTimeEnd"):
        keys = listing.keys(cursor, limit + 1)
    more = {"NextToken": paging.token(order.cursor(keys[limit - 1]), *which)} if len(keys) > limit else {}
    ids = [pk for _value, pk in keys[:limit]]
    return {"Executions": _shown(caller, flow, ids, bool(short)), **more}


def _shown(caller: Caller, flow: Workflow, ids: list[int], short: bool) -> list[dict[str, Any]]:
    rows = Execution.objects.filter(pk__in=ids).order_by()
    known = {row.pk: row for row in rows.only(*(shapes.SHORT if short else shapes.WHOLE))}
    # One that was deleted between the two statements is not shown.
    runs = [known[pk] for pk in ids if pk in known]
    if short:
        return [shapes.short_execution(flow, run) for run in runs]
    return shapes.executions(caller, flow, runs)


@action("executions.view_execution")
def describe_execution(caller: Caller, parameters: Parameters) -> Answer:
    """At once or, with WaitTimeSeconds, when it has ended or the time is over."""
    seconds = parameters.number("WaitTimeSeconds", 0, 0, 60)
    flow = flow_of(caller, parameters)
    run = run_of(caller, flow, parameters)
    if seconds and run.ended_at is None:
        wait_for_end(run.pk, seconds)
        run = run_of(caller, flow, parameters)
    return shapes.executions(caller, flow, [run])[0]


@action("executions.cancel_execution", throttle="change")
def stop_execution(caller: Caller, parameters: Parameters) -> Answer:
    """Error and Cause are kept as the reason, in the history."""
    error, cause = parameters.optional("Error", 1, 128), parameters.optional("Cause", 1, 4096)
    flow = flow_of(caller, parameters)
    run = run_of(caller, flow, parameters)
    if run.ended_at is not None:
        raise Fault("ExecutionAlreadyCompleted", name_of(run))
    try:
        run = operations.cancel(run.pk, by=caller.user, reason=_reason(error, cause))
    except Refused:
        # It ended between the two.
        raise Fault("ExecutionAlreadyCompleted", name_of(run)) from None
    return {**shapes.executions(caller, flow, [run])[0], "RoleArn": ""}


def _reason(error: str | None, cause: str | None) -> str | None:
    told = ": ".join(filter(None, (error, cause)))
    most = history.LONGEST_REASON
    return (told if len(told) <= most else f"{told[: most - 1]}…") or None
