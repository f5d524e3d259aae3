"""Running again from a node: what of the old run stays, and what begins anew (engine.md, "Versions")."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from executions import wakeup
from executions.attempts import effect_of
from executions.jobtree import start_over
from executions.models import Execution, Job
from executions.recording import keep_attempt, message_of, times_asked
from executions.reopening import REPEATED, Kept, is_assigned
from executions.run import Run
from executions.runclock import CarriedClock
from executions.runjob import RunJob
from executions.store import attributes, session
from workflows.errors import Invalid, NotFound
from workflows.graph import Graph, GraphNode, load_graph
from workflows.instructions.base import Effect, StepJob, Wait
from workflows.statuses import JobStatus

#: Failed jobs among which the one that ended a run is looked for.
_LOOKED_AT = 50


def _target(graph: Graph, node_id: int | None) -> GraphNode:
    node = graph.head if node_id is None else graph.nodes.get(node_id)
    if node is None:
        raise Invalid(_("The workflow of this run has no node %s.") % node_id, field="node_id")
    return node


def _undone(node: GraphNode, latest: Callable[[GraphNode], StepJob | Job | None]) -> GraphNode | None:
    """The transaction to begin again instead of a node inside it, as with that the steps before the node were undone.

    `latest` gives the youngest job of a node. Raises `Invalid` (field "node_id") where the transaction was kept.
    """
    block = node.block
    if block is None:
        return None
    job = latest(block)
    if job is not None and isinstance(job.result, dict) and job.result.get("committed"):
        raise Invalid(
            _(
                "Node %(node)s stands in the transaction %(block)s, which was kept as a whole; rerun from %(block)s to "
                "do all of it again, or from a node behind it."
            )
            % {"node": node.key, "block": block.key},
            field="node_id",
        )
    return block


def _replaced(node: GraphNode) -> set[int]:
    """What a run leaves that goes on from this node: all of its line, which has one place only, and all below.

    The node may have run in an earlier round, so that the line is at a place before it. Where a branch's end goes on
    with the line above, as of a condition and of an error branch, that one is meant.
    """
    while (above := node.parent) is not None and (node.in_error_branch or not above.instruction.decides):
        node = above
    while node.branch_index is None and node.upstream is not None:
        node = node.upstream
    ids: set[int] = set()
    for each in node.line():
        ids.add(each.id)
        ids.update(below.id for below in each.below())
    return ids


def continue_from(run: Run, clock: CarriedClock, node_id: int | None, *, overwrite: bool = False) -> None:
    """A started run goes on from a node: what waits on its line is aborted, then the node gets a new job; with
    `overwrite` its latest one begins a further attempt instead."""
    node = _target(run.graph, node_id)
    latest = run.latest(node.id)
    if latest is not None and is_assigned(latest.meta):
        latest = run.job(_latest(run.id, node).number)
        # The value that was assigned since would stay the node's latest: a new job takes its place.
        overwrite = False
    if latest is None and (overwrite or node_id is not None):
        raise Invalid(_("Node %s has not run yet, so it can't run again.") % node.id, field="node_id")
    if (block := _undone(node, lambda each: run.latest(each.id))) is not None:
        continue_from(run, clock, block.id, overwrite=overwrite)
        return
    parent = latest.parent if latest is not None else None
    if run.decided_above(parent, node):
        raise Invalid(
            _("The step above this node is decided already; rerun from that step or before it."), field="node_id"
        )
    left = _replaced(node)
    now = clock.now()
    for number in sorted(run.pending):
        job = run.known[number]
        if job.node_id in left:
            run.close_job(job, JobStatus.ABORTED, now)
    for move in list(run.agenda):
        if _names(run, move) & left:
            run.agenda.remove(move)
    if latest is not None and node.branch_index is not None and not overwrite:
        latest.meta = {**(latest.meta or {}), REPEATED: True}
        latest.changed = True
    upstream = run.latest(node.upstream.id) if node.upstream is not None else None
    move = ["run", node.id, upstream.number if upstream else None, parent]
    if overwrite and latest is not None:
        _attempt_again(run, clock, node, latest)
        move.append(latest.number)
    run.agenda.append(move)
    run.changed = True


def _attempt_again(run: Run, clock: CarriedClock, node: GraphNode, job: RunJob) -> None:
    """An ended job is pending again; what it came to is among its attempts."""
    now = clock.now()
    told = job.attempts[-1] if job.attempts else None
    if told is not None and told["number"] == job.attempt:
        job.attempts = [*(job.attempts or ())[:-1], {**told, "again": times_asked(job.attempts) + 1}]
    else:
        keep_attempt(job, job.status, message_of(job.result), clock, again=True)
    if node.branches:
        start_over(run, job, now)
    run.reopen_job(job)
    job.result = None
    job.started_at = now
    # Performers count their attempts when they claim the job.
    if effect_of(node) is not Effect.EXTERNAL:
        job.attempt += 1


def _names(run: Run, move: list[Any]) -> set[int]:
    if move[0] == "run":
        return {move[1]}
    return {run.job(number).node_id for number in move[1:] if number is not None}


def failed_node(execution: Execution, graph: Graph | None) -> GraphNode | None:
    """The node whose failure ended the run, the innermost: a loop fails with the step inside it. One query at most."""
    status = execution.status
    if graph is None or execution.ended_at is None or execution.reason or status is None or status >= 0:
        return None
    jobs = Job.objects.using(session.alias()).filter(execution=execution.pk, status__lt=0, ended_at__isnull=False)
    ids = jobs.order_by("-ended_at", "-number").values_list("node_id", flat=True)[:_LOOKED_AT]
    return innermost_failure(graph, status, ids)


def innermost_failure(graph: Graph | None, status: int | None, node_ids: Iterable[int | None]) -> GraphNode | None:
    """The node whose failure ended a run with this status; of the nodes that failed, the last comes first."""
    if graph is None:
        return None
    asked = status == JobStatus.RETRY_NEEDED
    found: GraphNode | None = None
    # What failed last ended the run; the steps inside it failed right before.
    for node_id in node_ids:
        node = graph.nodes.get(node_id or 0)
        on_error = node.policy.on_error if node is not None else "continue"
        if node is None or on_error == "continue" or (asked and found is None and on_error != "ask"):
            continue
        if found is not None and node not in found.below():
            break
        found = node
    return found


def workflow_gone(execution_id: int) -> str:
    return (
        _("The workflow of execution %s was deleted, so it can't run again; run another workflow with its values.")
        % execution_id
    )


def new_attempt(
    source: Execution, node_id: int | None, copy_of: Callable[[Execution, Any], Execution], by: Any
) -> Execution:
    """A new run of an ended one, which stays as it ended; from a node, it begins with copies of the jobs before it."""
    if source.workflow_id is None:
        raise Invalid(workflow_gone(source.pk), field="id")
    try:
        graph = load_graph(source.workflow_id)
    except NotFound:
        raise Invalid(workflow_gone(source.pk), field="id") from None
    node = _target(graph, node_id)
    db = session.connection()
    with transaction.atomic(using=db.alias):
        execution = copy_of(source, by)
        jobs = _carry_over(execution, source, graph, node) if node_id is not None else []
        execution.save(force_insert=True, using=db.alias)
        attributes.copy(db, source, execution)
        for job in jobs:
            job.execution_id = execution.pk
        Job.objects.using(db.alias).bulk_create(jobs, batch_size=500)
        wakeup.wake_on_commit(db, execution.queue)
    return Execution.objects.using(db.alias).get(pk=execution.pk)


def _latest(execution_id: int, node: GraphNode) -> Job:
    """The node's youngest job that ran; a value that a step assigned to it is none."""
    jobs = Job.objects.using(session.alias()).filter(execution_id=execution_id, node_id=node.id)
    job = jobs.exclude(meta__has_key="assignedBy").order_by("-number").first()
    if job is None:
        raise Invalid(_("Node %s has no job in this run, so it can't run again from there.") % node.id, field="node_id")
    return job


def _carry_over(execution: Execution, source: Execution, graph: Graph, node: GraphNode) -> list[Job]:
    """The jobs numbered below the node's latest, as the new run has them, and its agenda.

    Those above that job are open again, as their branch is at work. The run is queued like any other, so that it waits
    for its lane; it begins with its first claim.
    """
    latest = _latest(source.pk, node)
    if (block := _undone(node, lambda each: _latest(source.pk, each))) is not None:
        node, latest = block, _latest(source.pk, block)
    rows = Job.objects.using(session.alias()).filter(execution_id=source.pk)
    jobs = {job.number: job for job in rows.filter(number__lt=latest.number).order_by("number")}
    later = rows.filter(number__gt=latest.number, parent__lt=latest.number).exclude(meta__has_key="assignedBy")
    execution.solo = True
    execution.agenda = [["run", node.id, latest.upstream, latest.parent]]
    kept = Kept(jobs.values(), graph, later.values_list("parent", "node_id").distinct())
    number, inner = latest.parent, node
    opened: set[int] = set()
    while number is not None:
        above = jobs[number]
        outer = graph.nodes[above.node_id or 0]
        # What failed stays so while its error branch runs.
        if outer.instruction.decides and not inner.in_error_branch:
            execution.agenda += kept.reopen(above, node)
            opened.add(above.number)
        number, inner = above.parent, outer
    for job in jobs.values():
        job.pk = None
        job.due_at = None
        job.wait = Wait.BRANCH if job.number in opened else None
        if job.status == JobStatus.PENDING and job.wait is None:
            # It waited beside the line that runs again; nobody comes for it in the new run.
            job.status = JobStatus.ABORTED
            job.ended_at = source.ended_at
    return list(jobs.values())
