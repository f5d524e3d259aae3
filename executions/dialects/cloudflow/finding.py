"""What names mean: flows are addressed by their workflows' names, executions by their own or by a made-up one."""

import re
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet

from executions.dialects.cloudflow.errors import Fault
from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.clouds.caller import Caller
from executions.listing.listings import after
from executions.models import Execution
from executions.statuses import ExecutionStatus, Reason
from workflows.models import Workflow

#: What a run without a name answers to. No client can start one of that form.
_UNNAMED = "run-"
_MADE_UP = re.compile(r"run-([1-9][0-9]{0,18})", re.ASCII)
_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
#: Ids have 19 digits at most.
_MOST_DIGITS = 19

_NOT_TIMED_OUT = Q(reason__isnull=True) | ~Q(reason=Reason.TIMEOUT)
#: What each status means, as conditions of which a run meets one at most (spec 0, status map).
STATUSES: dict[str, list[Q]] = {
    "Starting": [Q(status__isnull=True)],
    "Running": [Q(status=ExecutionStatus.STARTED)],
    "Succeeded": [Q(status=ExecutionStatus.RESOLVED)],
    "Failed": [
        Q(status=status)
        for status in (
            ExecutionStatus.FAILED, ExecutionStatus.ERROR, ExecutionStatus.REJECTED, ExecutionStatus.RETRY_NEEDED,
        )
    ],
    "Stopped": [
        Q(status=status) & _NOT_TIMED_OUT for status in (ExecutionStatus.ABORTED, ExecutionStatus.CANCELED)
    ],
    "TimedOut": [
        Q(status=status, reason=Reason.TIMEOUT) for status in (ExecutionStatus.ABORTED, ExecutionStatus.CANCELED)
    ],
}  # fmt: skip


def status_of(run: Execution) -> str:
    match run.status:
        case None:
            return "Starting"
        case ExecutionStatus.STARTED:
            return "Running"
        case ExecutionStatus.RESOLVED:
            return "Succeeded"
        case ExecutionStatus.ABORTED | ExecutionStatus.CANCELED:
            return "TimedOut" if run.reason == Reason.TIMEOUT else "Stopped"
    return "Failed"


def flow_of(caller: Caller, parameters: Parameters, name: str = "FlowName") -> Workflow:
    """The current version of the flow that is meant. Raises `Fault` ("FlowNotExists")."""
    wanted = parameters.name(name)
    found = caller.flows().filter(name=wanted).first()
    if found is None:
        raise Fault("FlowNotExists", wanted)
    return found


def runs_of(caller: Caller, flow: Workflow) -> QuerySet[Execution]:
    """Those of all versions. They hang on the key: a later flow of the same name has none of them."""
    return caller.runs().filter(key=flow.key)


def run_of(caller: Caller, flow: Workflow, parameters: Parameters) -> Execution:
    """The run that `ExecutionName` means. Raises `Fault` ("ExecutionNotExists")."""
    name = parameters.required("ExecutionName", 1, 128)
    found = run_named(runs_of(caller, flow), name)
    if found is None:
        raise Fault("ExecutionNotExists", flow.name, name)
    return found


def run_named(runs: QuerySet[Execution], name: str) -> Execution | None:
    """The run of this name or, of those without one, of this id."""
    found = runs.filter(name=name).first()
    made_up = _MADE_UP.fullmatch(name)
    if found is None and made_up and int(made_up[1]) < 2**63:
        return runs.filter(pk=int(made_up[1]), name__isnull=True).first()
    return found


def name_of(run: Execution) -> str:
    return run.name or f"{_UNNAMED}{run.pk}"


def is_made_up(name: str) -> bool:
    return _MADE_UP.fullmatch(name) is not None


def prefixed(prefix: str) -> Q:
    """Runs whose name begins so, the made-up ones included."""
    beyond = after(prefix)
    named = Q(name__gte=prefix) if beyond is None else Q(name__gte=prefix, name__lt=beyond)
    if _UNNAMED.startswith(prefix):
        return named | Q(name__isnull=True)
    digits = prefix.removeprefix(_UNNAMED)
    if digits == prefix or not _DIGITS.fullmatch(digits):
        return named
    ids = Q()
    first = int(digits)
    for more in range(_MOST_DIGITS - len(digits) + 1):
        # 12, 120-129, 1200-1299 ...
        least, most = first * 10**more, (first + 1) * 10**more - 1
        if least >= 2**63:
            break
        ids |= Q(pk__gte=least, pk__lte=min(most, 2**63 - 1))
    return named | (Q(name__isnull=True) & ids)


def by_range(begin: Any, end: Any) -> Q:
    """Both ends included, to the millisecond: what is shown of a moment is what is compared."""
    found, millisecond = Q(), timedelta(milliseconds=1)
    try:
        if begin is not None:
            moment, behind = begin
            found &= Q(created_at__gte=moment + millisecond if behind else moment)
        if end is not None:
            found &= Q(created_at__lt=end[0] + millisecond)
    except OverflowError:
        # The calendar's last millisecond: nothing is later.
        pass
    return found
