"""`expand=jobs,workflow,workflow.nodes`: what belongs to runs, loaded along; one query for each, however many runs."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param

from executions.api.serializers import JobSerializer
from executions.masking import hide_jobs
from executions.models import Execution, Job
from workflows.api.serializers import NodeSerializer, WorkflowSerializer
from workflows.listing.parameters import TEXT, Parameter
from workflows.models import Node, Workflow
from workflows.visibility import visible

PARAM = "expand"
EXPAND = Parameter(
    PARAM, TEXT, gettext_lazy("What to load along, with commas between: jobs, workflow, workflow.nodes.")
)
#: What each name needs to be allowed.
PERMISSIONS: Mapping[str, str] = {
    "jobs": "executions.view_job",
    "workflow": "workflows.view_workflow",
    "workflow.nodes": "workflows.view_node",
}
#: The columns of the run behind them.
COLUMNS: Mapping[str, Collection[str]] = {
    "jobs": (),
    "workflow": ("workflow", "key", "title", "version", "type"),
}


class _Bound(NamedTuple):
    """How many jobs of each run are shown, and which fields of them."""

    most: int
    fields: Sequence[str]


#: A list may show 200 runs: their jobs come without what may be large.
_IN_LIST = _Bound(50, JobSerializer.light_fields())
_ALONE = _Bound(200, JobSerializer.Meta.fields)
_WORKFLOW_FIELDS = [name for name in WorkflowSerializer.light_fields() if name not in ("executed", "categories")]


def asked(request: Request) -> set[str]:
    """The names asked for. Raises `ValidationError` for an unknown one, `PermissionDenied` for one not allowed."""
    text = request.query_params.get(PARAM, "")
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    for name in names:
        if name not in PERMISSIONS:
            known = {"name": name[:40], "known": ", ".join(PERMISSIONS)}
            raise ValidationError({PARAM: _("There is no %(name)r to expand; there are %(known)s.") % known})
    # What lies inside brings along what it lies in.
    wanted = {*names, *(name.partition(".")[0] for name in names)}
    for name in sorted(wanted):
        if not request.user.has_perm(PERMISSIONS[name]):
            known = {"name": name, "permission": PERMISSIONS[name]}
            raise PermissionDenied(_("To expand %(name)s you need the permission %(permission)s.") % known)
    return wanted


def expand(
    runs: Sequence[Execution],
    names: Collection[str],
    request: Request,
    *,
    many: bool,
    revealed: Collection[int] = (),
) -> list[dict[str, Any]]:
    """What is to be added to each run as it is shown, in the order of the runs."""
    found: list[dict[str, Any]] = [{} for _run in runs]
    if "jobs" in names:
        for known, jobs in zip(found, _jobs(runs, request, _IN_LIST if many else _ALONE, revealed), strict=True):
            known.update(jobs)
    if "workflow" in names:
        for known, workflow in zip(found, _workflows(runs, request, nodes="workflow.nodes" in names), strict=True):
            known["workflow"] = workflow
    return found


def _jobs(
    runs: Sequence[Execution], request: Request, bound: _Bound, revealed: Collection[int]
) -> Iterator[dict[str, Any]]:
    """`jobs`, and the address of those beyond the bound as `jobs_next`."""
    columns = {"execution", "number", *JobSerializer.columns(bound.fields)}
    # Numbers count from one without a gap: this bounds each run's jobs by its index.
    rows = Job.objects.filter(execution__in=[run.pk for run in runs], number__lte=bound.most + 1)
    jobs: dict[int | None, list[Job]] = defaultdict(list)
    found = list(rows.only(*columns).order_by("execution", "number"))
    hide_jobs(found, revealed=revealed)
    for job in found:
        jobs[job.execution_id].append(job)
    for run in runs:
        mine = jobs[run.pk]
        shown = JobSerializer(mine[: bound.most], many=True, context={"fields": bound.fields, "request": request}).data
        rest = None
        if len(mine) > bound.most:
            address = reverse("sluice-execution-jobs", args=[run.pk], request=request)
            rest = replace_query_param(address, "cursor", str(mine[bound.most - 1].number))
        yield {"jobs": shown, "jobs_next": rest}


def _workflows(runs: Sequence[Execution], request: Request, *, nodes: bool) -> Iterator[dict[str, Any] | None]:
    """The version of each; of one that is deleted, or hidden from the user, what the run itself knows."""
    ids = {run.workflow_id for run in runs if run.workflow_id is not None}
    columns = WorkflowSerializer.columns(_WORKFLOW_FIELDS)
    found: dict[int | None, dict[str, Any]] = {}
    for workflow in visible(Workflow.objects.filter(pk__in=ids), request.user).only(*columns):
        shown = WorkflowSerializer(workflow, context={"fields": _WORKFLOW_FIELDS}).data
        found[workflow.pk] = {**shown, "deleted": False}
    if nodes:
        for known in found.values():
            known["nodes"] = []
        for node in Node.objects.filter(workflow__in=list(found)).order_by("id"):
            found[node.workflow_id]["nodes"].append(NodeSerializer(node, context={}).data)
    for run in runs:
        yield found.get(run.workflow_id) or {
            "id": run.workflow_id,
            "key": run.key,
            "title": run.title,
            "version": run.version,
            "type": run.type,
            "deleted": True,
            **({"nodes": []} if nodes else {}),
        }
