"""What happened in an execution, event by event."""

import json
from collections.abc import Sequence
from typing import Any

from executions.dialects.cloudflow import shapes
from executions.dialects.cloudflow.errors import argument
from executions.dialects.cloudflow.events import Event, History
from executions.dialects.cloudflow.finding import flow_of, run_of
from executions.dialects.cloudflow.parameters import MOST_BYTES, Parameters
from executions.dialects.cloudflow.registry import Answer, action
from executions.dialects.clouds.caller import Caller
from executions.masking import hide_jobs, hide_runs
from executions.models import Execution, Job
from workflows.jsonable import iso_milliseconds

_MOST = 2**31
_JOB_COLUMNS = ("id", "execution", "number", "node_key", "status", "input", "result", "attempts")


@action("executions.view_execution", "executions.view_job")
def get_execution_history(caller: Caller, parameters: Parameters) -> Answer:
    """NextToken is the number of the event that the page before ended with."""
    limit = parameters.number("Limit", 60, 1, 1000)
    behind = parameters.number("NextToken", 0, 0, _MOST)
    flow = flow_of(caller, parameters)
    run = run_of(caller, flow, parameters)
    history = History(run)
    if behind > len(history):
        raise argument("NextToken", f"0-{len(history)}")
    page = history.page(behind, limit)
    details = _details(run, page)
    events = [
        {
            "EventId": event.number,
            "ScheduleEventId": event.entered,
            "StepName": event.step,
            "Time": iso_milliseconds(event.at),
            "Type": event.type,
            "EventDetail": details.get((event.job, event.shows), "{}"),
        }
        for event in page
    ]
    more = {"NextToken": str(behind + limit)} if behind + limit < len(history) else {}
    return {"Events": events, **more}


def _details(run: Execution, events: Sequence[Event]) -> dict[tuple[int, str], str]:
    """What was put in and what came out, by (job, which); marked values masked. One read of the jobs on the page."""
    found: dict[tuple[int, str], str] = {}
    hide_runs([run])
    found[0, "input"] = _told(input={} if run.context is None else run.context)
    if (output := shapes.output_of(run)) is not None:
        found[0, "output"] = _told(output=json.loads(output))
    numbers = {event.job for event in events if event.job and event.shows}
    jobs = list(Job.objects.filter(execution=run.pk, number__in=numbers).only(*_JOB_COLUMNS).order_by("number"))
    hide_jobs(jobs)
    for job in jobs:
        found[job.number, "input"] = _told(input=job.input)
        found[job.number, "output"] = _told(output=job.result)
        found[job.number, "error"] = _told(errorMessage=_message(job), output=job.result)
    return found


def _told(**values: Any) -> str:
    """As JSON text; of a value that is too large for a page of a thousand, the beginning of its text."""
    return shapes.text({name: _cut(value) for name, value in values.items()})


def _cut(value: Any) -> Any:
    text = shapes.text(value)
    return value if len(text) <= MOST_BYTES else f"{text[:MOST_BYTES]}…"


def _message(job: Job) -> str | None:
    return next((each.get("message") for each in reversed(job.attempts or []) if each.get("message")), None)
