"""What a job keeps of an attempt: its outcome, if that is not too large, its log, and the attempts before it."""

import json
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from executions.runclock import Clock
from executions.runjob import KEPT_ATTEMPTS, RunJob
from executions.store import sql
from workflows.conf import conf
from workflows.env import Env
from workflows.instructions.base import UNSET, Outcome
from workflows.jsonable import jsonable
from workflows.statuses import JobStatus

#: Values that can't be too large, whatever the limit.
_SMALL = frozenset({int, float, bool, type(None)})
_SMALL_TEXT = 100


@dataclass(slots=True)
class TooLarge(Outcome):
    """A step gave more than is kept; trying again would give the same."""


class Texts:
    """JSON texts of the latest values: made once, measured here and written by the journal."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, sql.Raw | None]] = []

    def of(self, value: Any) -> sql.Raw | None:
        """The text of a value that `jsonable` has made; None for a small one, which is measured by nobody."""
        kind = type(value)
        if kind in _SMALL or (kind is str and len(value) <= _SMALL_TEXT):
            return None
        for known, text in self._made:
            if known is value:
                return text
        text = sql.as_json(value)
        # A result and an output are all that an outcome has.
        self._made = [*self._made[-1:], (value, text)]
        return text

    def forget(self) -> None:
        """Before a kind is called: it may change a value that it gave before, and give it again."""
        self._made = []

    def excess(self, value: Any) -> int | None:
        """The size in bytes of a value that is larger than SLUICE["MAX_RESULT_BYTES"], else None."""
        text = self.of(value)
        limit = conf().MAX_RESULT_BYTES
        # No character takes more than four bytes.
        if text is None or len(text) * 4 <= limit:
            return None
        size = len(text) if text.isascii() else len(text.encode())
        return size if size > limit else None


def conceal(outcome: Outcome, env: Env) -> None:
    """Masks the run's secrets in all that an outcome brings, before anything of the run sees it: what the nodes behind
    are given is then the same whether or not it was read back from the database in between."""
    if not env.names:
        return
    waits = outcome.status == JobStatus.PENDING
    outcome.result = env.masked(jsonable(outcome.result), state=waits)
    outcome.meta = env.masked(jsonable(outcome.meta), state=True)
    outcome.input = env.masked(jsonable(outcome.input))
    outcome.log = [(level, env.masked(jsonable(text))) for level, text in outcome.log]
    outcome.assign = {key: env.masked(jsonable(value)) for key, value in outcome.assign.items()}
    if outcome.output is not UNSET:
        outcome.output = env.masked(jsonable(outcome.output))
    if outcome.child is not None:
        outcome.child = replace(outcome.child, context=env.masked(jsonable(outcome.child.context)))
    outcome.tasks = [
        replace(
            task,
            title=env.masked(task.title),
            result=env.masked(jsonable(task.result)),
            meta=env.masked(jsonable(task.meta)),
        )
        for task in outcome.tasks
    ]


def fitting(outcome: Outcome, texts: Texts, env: Env) -> Outcome:
    """The outcome with its values made JSON's, secrets masked; `TooLarge` in its place where one of them is larger than
    is kept."""
    conceal(outcome, env)
    given, output = outcome.result, outcome.output
    result = outcome.result = jsonable(given)
    size = None if type(result) in _SMALL else texts.excess(result)
    if output is not UNSET:
        outcome.output = result if output is given else jsonable(output)
        size = size or texts.excess(outcome.output)
    if outcome.assign:
        outcome.assign = {key: jsonable(value) for key, value in outcome.assign.items()}
        size = size or next(filter(None, map(texts.excess, outcome.assign.values())), None)
    if size is None:
        return outcome
    failure = {"message": too_large(size), "type": "TooLarge"}
    if outcome.status < 0:
        # What failed may do better when it is tried again, however much it had to say.
        late = outcome.timed_out
        return Outcome(outcome.status, failure, input=outcome.input, log=outcome.log, end=outcome.end, timed_out=late)
    return TooLarge(JobStatus.ERROR, failure, input=outcome.input, log=outcome.log)


def too_large(size: int) -> str:
    """The sentence about a value of so many bytes."""
    return _(
        "The result takes %(size)d bytes as JSON, and at most %(limit)d are kept; "
        'let the step give less, or raise SLUICE["MAX_RESULT_BYTES"].'
    ) % {"size": size, "limit": conf().MAX_RESULT_BYTES}


def fill(job: RunJob, outcome: Outcome, texts: Texts, execution_id: int, clock: Clock) -> None:
    """Takes over what a `fitting` outcome says of the job; what it leaves open stays."""
    job.status = outcome.status
    job.result = outcome.result
    job.written = (job.result, texts.of(job.result)) if type(job.result) not in _SMALL else None
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


def why(job: RunJob) -> str | None:
    """What an ended job's failure is: as its result says, else as its last attempt does."""
    return message_of(job.result) or (job.attempts or [{}])[-1].get("message")


def note_attempt(job: RunJob, outcome: Outcome, clock: Clock, inner: RunJob | None = None) -> None:
    """Attempts are kept once there is more to tell of than one success. `inner` is the failure that led to this one."""
    if outcome.status < 0 or job.attempts:
        told = why(inner) if inner is not None and outcome.status < 0 else None
        keep_attempt(job, int(outcome.status), message_of(outcome.result) or told, clock)


def keep_attempt(
    job: RunJob, status: int | None, message: str | None, clock: Clock, *, lost: bool = False, again: bool = False
) -> None:
    """`again`: somebody asked for a further one; how often that was, each entry tells from then on."""
    entry: dict[str, Any] = {
        "number": job.attempt,
        "start": job.started_at.isoformat() if job.started_at else None,
        "end": (job.ended_at or clock.now()).isoformat(),
        "status": status,
        "message": jsonable(message),
    }
    if lost:
        entry["lost"] = True
    if asked := times_asked(job.attempts) + again:
        entry["again"] = asked
    job.attempts = [*(job.attempts or []), entry][-KEPT_ATTEMPTS:]


def times_asked(attempts: list[dict[str, Any]] | None) -> int:
    """How often somebody asked for a further one; the newest entry tells, as only so many are kept."""
    return int(attempts[-1].get("again", 0)) if attempts else 0


def call_key(run_id: int, number: int, attempts: list[dict[str, Any]] | None) -> str:
    """What services know a job's calls by: one for all attempts, and another one once somebody asked for it again."""
    asked = times_asked(attempts)
    return f"{run_id}-{number}-{asked}" if asked else f"{run_id}-{number}"


def lost_calls(job: RunJob) -> int:
    return sum(1 for entry in job.attempts or () if entry.get("lost"))


def message_of(result: Any) -> str | None:
    """The sentence in a failed result, for lists."""
    if isinstance(result, dict) and isinstance(result.get("message"), str):
        return str(result["message"])
    return result if isinstance(result, str) else None
