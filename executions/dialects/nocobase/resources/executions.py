"""Runs: their history, and what may be done to them (spec nocobase-http 4.4, seeds 000 and 001)."""

from collections.abc import Sequence
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from executions import graphs, operations
from executions import logs as lines_of
from executions import timeline as times
from executions.api.parts import MEDIA_TYPE
from executions.dialects.nocobase.call import to_id
from executions.dialects.nocobase.errors import named
from executions.dialects.nocobase.pages import page_of
from executions.dialects.nocobase.records import wire
from executions.dialects.nocobase.resources.base import Answer, Resource, action, camel
from executions.dialects.nocobase.resources.parents import Inside
from executions.dialects.nocobase.resources.records import ExecutionRecord, JobRecord
from executions.dialects.nocobase.searching import search
from executions.dialects.nocobase.selection import Selection
from executions.following import Follower, astream, stream
from executions.hidden import hide_ancestors
from executions.masking import hide_jobs, hide_runs
from executions.models import Execution, Job
from executions.reruns import failed_node
from executions.statuses import ExecutionStatus
from workflows.errors import Invalid
from workflows.listing.bounds import bounded

_ALL = Selection(all=True)
#: Runs that one call deletes by a filter.
MOST_DELETED = 20_000


class Executions(Resource):
    name = "executions"
    record = ExecutionRecord
    ranges = ("createdAt", "updatedAt", "startedAt", "endedAt")
    writing = {"destroy": "executions.delete_execution"}

    @action("executions.view_execution", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("executions.view_execution", reads=True)
    def get(self) -> Answer:
        return self.got()

    @action("executions.cancel_execution")
    def cancel(self) -> Any:
        """Ends a queued or running one as aborted; answers it with its jobs as they are now."""
        found = operations.cancel(self.one().pk, by=self.user)
        [shown] = self.shown([found])
        if self.user.has_perm("executions.view_job"):
            record = JobRecord(self.user)
            jobs = record.rows().filter(execution=found.pk).order_by("number")[:1_000]
            shown["jobs"] = record.show(list(jobs), _ALL)
        return shown

    @action("executions.pause_execution")
    def pause(self) -> Any:
        return self.shown([operations.pause(self.one().pk, by=self.user)])[0]

    @action("executions.pause_execution")
    def resume(self) -> Any:
        return self.shown([operations.resume(self.one().pk, by=self.user)])[0]

    @action("executions.rerun_execution")
    def rerun(self) -> Answer:
        """A started run goes on from `nodeId`, with `overwrite` in the job that there is; of an ended one a new run
        begins, in which nothing is written over."""
        values = self.call.values
        # Passed over in the query, they would mean another rerun: from the first node.
        raw = values.get("nodeId", self.call.params.get("nodeId"))
        overwrite = values.get("overwrite", self.call.flag("overwrite"))
        if overwrite not in (None, True, False):
            raise Invalid(_("One of true and false belongs here."), field="overwrite")
        node_id = to_id(raw) if raw is not None else None
        if raw is not None and node_id is None:
            raise Invalid(_("Name a node by its id."), field="nodeId")
        with named(node_id="nodeId"):
            found = operations.rerun(self.one().pk, node_id=node_id, overwrite=bool(overwrite), by=self.user)
        return Answer(self.shown([found])[0], status=202)

    @action("executions.delete_execution", aimed=True)
    def destroy(self) -> int:
        """How many were deleted; those that are queued, run or wait are spared, and are no error."""
        ended = self.rows().filter(status__isnull=False).exclude(status=ExecutionStatus.STARTED)
        rows = self.keyed(ended).filter(search(self.make_record(), self.call))
        with bounded(rows.db, "filterByTk"):
            ids = list(rows.order_by("pk").values_list("pk", flat=True)[: MOST_DELETED + 1])
        if len(ids) > MOST_DELETED:
            raise Invalid(
                _("More than %d are meant; narrow the filter, or delete them in bulk (/api/v1/executions/bulk/).")
                % MOST_DELETED,
                field="filter",
            )
        return operations.delete(ids, by=self.user).deleted

    @action("executions.view_job", reads=True)
    def logs(self) -> "Answer | HttpResponseBase":
        """Lines of at least `level`, of one node where `nodeId` names it; a line a row where the client takes these."""
        execution, wanted = self._looked_at(lines_of.RUN_COLUMNS), self._wanted()
        if MEDIA_TYPE in self.call.request.headers.get("Accept", ""):
            on_loop = isinstance(self.call.request._request, ASGIRequest)
            send: Any = astream if on_loop else stream
            content = send(Follower(execution, wanted), follow=False)
            return StreamingHttpResponse(content, content_type=MEDIA_TYPE)
        jobs, meta = self._page_of_jobs(execution, wanted, lines_of.JOB_COLUMNS)
        names = lines_of.titles(graphs.graph_of(execution))
        whole = not wanted.jobs_only
        lines = [*lines_of.before_jobs(execution)] if whole and meta["page"] == 1 else []
        for job in jobs:
            lines += lines_of.of_job(job, names)
        if whole and not meta["hasNext"]:
            lines += [*lines_of.after_jobs(execution), *lines_of.of_history(execution.pk)]
        lines.sort(key=lambda line: line.at)
        return Answer(lines_of.shown(filter(wanted.takes, lines), execution.pk), meta)

    @action("executions.view_job", reads=True)
    def timeline(self) -> Answer:
        """When each job began and ended, in seconds, and the run's own bounds."""
        execution = self._looked_at(times.RUN_COLUMNS)
        jobs, meta = self._page_of_jobs(execution, lines_of.Wanted(), times.JOB_COLUMNS)
        graph = graphs.graph_of(execution)
        bounds = times.bounds(execution)
        return Answer(_named({"execution": bounds, "jobs": [times.bar(job, graph) for job in jobs]}), meta)

    @action("executions.view_job", reads=True)
    def graph(self) -> Any:
        """Nodes and links of the run's version, each node with what became of it."""
        execution = self._looked_at(("id", "key", "workflow", "version", "status", "reason", "ended_at"))
        graph = graphs.graph_of(execution)
        failed = failed_node(execution, graph)
        run = {"id": execution.pk, "status": execution.status, "failedNode": failed.id if failed else None}
        return _named({"execution": run, "workflowId": execution.workflow_id, **graphs.picture(execution, graph)})

    def _looked_at(self, columns: tuple[str, ...]) -> Execution:
        pk = self.one().pk
        found: Execution = self.rows().only(*columns).get(pk=pk)
        hide_ancestors([found], self.user)
        hide_runs([found])
        return found

    def _wanted(self) -> lines_of.Wanted:
        text = str(self.call.params.get("level") or lines_of.LEVELS[0]).upper()
        level = "WARN" if text == "WARNING" else text
        if level not in lines_of.LEVELS:
            raise Invalid(_("There is no such level; there are %s.") % ", ".join(lines_of.LEVELS), field="level")
        raw = self.call.params.get("nodeId")
        node = to_id(raw) if raw not in (None, "") else None
        if raw not in (None, "") and node is None:
            raise Invalid(_("Name a node by its id."), field="nodeId")
        return lines_of.Wanted(level, () if node is None else (node,))

    def _page_of_jobs(
        self, execution: Execution, wanted: lines_of.Wanted, columns: tuple[str, ...]
    ) -> tuple[Sequence[Job], dict[str, Any]]:
        page, size = page_of(self.call) if "pageSize" in self.call.params else (page_of(self.call)[0], 1_000)
        jobs = Job.objects.filter(execution=execution)
        if wanted.node_ids:
            jobs = jobs.filter(node__in=wanted.node_ids)
        begin = (page - 1) * size
        found = [*jobs.only("execution", *columns).order_by("number")[begin : begin + size + 1]]
        shown = found[:size]
        hide_jobs(shown)
        return shown, {"hasNext": len(found) > size, "page": page, "pageSize": size}


class WorkflowExecutions(Inside, Executions):
    """Those of one version."""

    name = "workflows.executions"
    offered = ("list", "get", "destroy")
    column = "workflow_id"


def _named(value: Any) -> Any:
    """Names and moments as the client writes them."""
    if isinstance(value, dict):
        return {camel(str(name)): _named(item) for name, item in value.items()}
    return [_named(item) for item in value] if isinstance(value, list) else wire(value)
