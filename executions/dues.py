"""Pending jobs whose time has come: each becomes a move of its run's agenda, or an end."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from executions import recording
from executions.runjob import RunJob
from workflows.instructions.base import Outcome, Wait
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from executions.processor import Processor

#: A call lost this often is not tried again, whatever `on_lost` says.
LOST_CALLS = 3


def take(processor: "Processor") -> None:
    """Turns what is due of the processor's run into moves or ends."""
    run, now = processor.run, processor.clock.now()
    for number in sorted(run.pending):
        job = run.known[number]
        if job.due_at is None or job.due_at > now or job.wait == Wait.PERFORMER:
            continue
        wait = job.wait
        job.due_at = None
        job.changed = True
        run.changed = True
        if wait == Wait.TIMER:
            run.agenda.append(["resume", number])
        elif wait == Wait.ATTEMPT:
            run.agenda.append(["run", job.node_id, job.upstream, job.parent, number])
        elif wait == Wait.CALL:
            _lost(processor, job)
        elif wait == Wait.OUTSIDE:
            late = {"message": _("Nobody answered in time.")}
            processor.complete(job, Outcome(status=JobStatus.ABORTED, result=late, timed_out=True))


def _lost(processor: "Processor", job: RunJob) -> None:
    """The deadline of a call passed: its performer died, or the call was never answered."""
    node, clock = processor.run.graph.nodes[job.node_id], processor.clock
    on_lost = node.policy.on_lost or node.instruction.on_lost_of(node.config)
    if on_lost == "again" and recording.lost_calls(job) + 1 < LOST_CALLS:
        recording.keep_attempt(job, None, _("The call was lost."), clock, lost=True)
        job.wait = Wait.PERFORMER.value
        job.due_at = clock.now()
        job.changed = True
        return
    message = _("The call was lost; its outcome is unknown.")
    # Whether it took effect nobody knows, so no policy repeats it.
    processor.complete(job, Outcome(status=JobStatus.ERROR, result={"message": message}), again=False)
