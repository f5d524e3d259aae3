"""Running again from a node: what of the old run stays, and what begins anew (engine.md, "Versions")."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from executions import wakeup
from executions.models import Execution, Job
from executions.reopening import Kept
from executions.run import CarriedClock, Run
from executions.store import session
from workflows.errors import Invalid
from workflows.graph import Graph, GraphNode, load_graph
from workflows.instructions.base import Wait
from workflows.statuses import JobStatus


def _target(graph: Graph, node_id: int | None) -> GraphNode:
    node = graph.head if node_id is None else graph.nodes.get(node_id)
    if node is None:
        raise Invalid(_("The workflow of this run has no node %s.") % node_id, field="node_id")
    return node


def _behind(node: GraphNode) -> set[int]:
    """The node, those after it on its line, and all below them."""
    ids: set[int] = set()
    for each in node.line():
        ids.add(each.id)
        ids.update(below.id for below in each.below())
    return ids


def continue_from(run: Run, clock: CarriedClock, node_id: int | None) -> None:
    """A started run goes on from a node: what waits there and behind it is aborted, then the node gets a new job."""
    node = _target(run.graph, node_id)
    latest = run.latest(node.id)
    if latest is None and node_id is not None:
        raise Invalid(_("Node %s has not run yet, so it can't run again.") % node_id, field="node_id")
    parent = latest.parent if latest is not None else None
    _refuse_decided(run, parent)
    behind = _behind(node)
    now = clock.now()
    for number in sorted(run.pending):
        job = run.known[number]
        if job.node_id in behind:
            run.close_job(job, JobStatus.ABORTED, now)
    for move in list(run.agenda):
        if _names(run, move) & behind:
            run.agenda.remove(move)
    upstream = run.latest(node.upstream.id) if node.upstream is not None else None
    run.agenda.append(["run", node.id, upstream.number if upstream else None, parent])
    run.changed = True


def _names(run: Run, move: list[Any]) -> set[int]:
    if move[0] == "run":
        return {move[1]}
    return {run.job(number).node_id for number in move[1:] if number is not None}


def _refuse_decided(run: Run, parent: int | None) -> None:
    number = parent
    while number is not None:
        job = run.job(number)
        if not job.pending and run.graph.nodes[job.node_id].instruction.decides:
            raise Invalid(
                _("The step above this node is decided already; rerun from that step or before it."), field="node_id"
            )
        number = job.parent


def new_attempt(
    source: Execution, node_id: int | None, copy_of: Callable[[Execution, Any], Execution], by: Any
) -> Execution:
    """A new run of an ended one, which stays as it ended; from a node, it begins with copies of the jobs before it."""
    if source.workflow_id is None:
        raise Invalid(_("The workflow of this run was deleted."), field="id")
    graph = load_graph(source.workflow_id)
    node = _target(graph, node_id)
    db = session.connection()
    with transaction.atomic(using=db.alias):
        execution = copy_of(source, by)
        jobs = _carry_over(execution, source, graph, node) if node_id is not None else []
        execution.save(force_insert=True, using=db.alias)
        for job in jobs:
            job.execution_id = execution.pk
        Job.objects.using(db.alias).bulk_create(jobs, batch_size=500)
        wakeup.wake_on_commit(db, execution.queue)
    return Execution.objects.using(db.alias).get(pk=execution.pk)


def _latest(source: Execution, node: GraphNode) -> Job:
    job = Job.objects.using(session.alias()).filter(execution_id=source.pk, node_id=node.id).order_by("-number").first()
    if job is None:
        raise Invalid(_("Node %s has no job in this run, so it can't run again from there.") % node.id, field="node_id")
    return job


def _carry_over(execution: Execution, source: Execution, graph: Graph, node: GraphNode) -> list[Job]:
    """The jobs numbered below the node's latest, as the new run has them, and its agenda.

    Those above that job are open again, as their branch is at work. The run is queued like any other, so that it waits
    for its lane; it begins with its first claim.
    """
    latest = _latest(source, node)
    below = Job.objects.using(session.alias()).filter(execution_id=source.pk, number__lt=latest.number)
    jobs = {job.number: job for job in below.order_by("number")}
    execution.solo = True
    execution.agenda = [["run", node.id, latest.upstream, latest.parent]]
    kept = Kept(jobs.values(), graph)
    number = latest.parent
    while number is not None:
        above = jobs[number]
        if graph.nodes[above.node_id or 0].instruction.decides:
            execution.agenda += kept.reopen(above, node)
        number = above.parent
    for job in jobs.values():
        job.pk = None
        job.due_at = None
        job.wait = Wait.BRANCH if job.wait == Wait.BRANCH and job.ended_at is None else None
        if job.status == JobStatus.PENDING and job.wait is None:
            # It waited beside the line that runs again; nobody comes for it in the new run.
            job.status = JobStatus.ABORTED
            job.ended_at = source.ended_at
    return list(jobs.values())
