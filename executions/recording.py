"""What a job keeps of an attempt: its outcome, its log, and the attempts before it."""

import json
from typing import Any

from executions.run import KEPT_ATTEMPTS, Clock, RunJob
from workflows.instructions.base import Outcome
from workflows.jsonable import jsonable


def fill(job: RunJob, outcome: Outcome, execution_id: int, clock: Clock) -> None:
    """Takes over what the outcome says of the job; what it leaves open stays."""
    job.status = outcome.status
    job.result = jsonable(outcome.result)
    job.changed = True
    if outcome.meta is not None:
        job.meta = jsonable(outcome.meta)
    if outcome.input is not None:
        job.input = jsonable(outcome.input)
    if outcome.log:
        lines = (_log_line(job, level, text, execution_id, clock) for level, text in outcome.log)
        job.log = (job.log or "") + "".join(lines)


def _log_line(job: RunJob, level: str, text: str, execution_id: int, clock: Clock) -> str:
    line = {
        "timestamp": clock.now().isoformat(timespec="milliseconds"),
        "level": level,
        "message": jsonable(text),
        "nodeId": job.node_id,
        "executionId": execution_id,
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


def note_attempt(job: RunJob, outcome: Outcome, clock: Clock) -> None:
    """Attempts are kept once there is more to tell of than one success."""
    if outcome.status < 0 or job.attempts:
        keep_attempt(job, int(outcome.status), message_of(outcome.result), clock)


def keep_attempt(job: RunJob, status: int | None, message: str | None, clock: Clock, *, lost: bool = False) -> None:
    entry: dict[str, Any] = {
        "number": job.attempt,
        "start": job.started_at.isoformat() if job.started_at else None,
        "end": clock.now().isoformat(),
        "status": status,
        "message": jsonable(message),
    }
    if lost:
        entry["lost"] = True
    job.attempts = [*(job.attempts or []), entry][-KEPT_ATTEMPTS:]


def lost_calls(job: RunJob) -> int:
    return sum(1 for entry in job.attempts or () if entry.get("lost"))


def message_of(result: Any) -> str | None:
    """The sentence in a failed result, for lists."""
    if isinstance(result, dict) and isinstance(result.get("message"), str):
        return str(result["message"])
    return result if isinstance(result, str) else None
