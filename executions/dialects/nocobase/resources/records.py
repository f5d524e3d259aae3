"""The records of ours as NocoBase's client knows them (spec nocobase-http 4.1), and a few columns of ours besides."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import F, QuerySet

from executions.dialects.nocobase.records import Computed, Record, Relation, few
from executions.dialects.nocobase.resources.people import UserRecord
from executions.dialects.nocobase.selection import Selection
from executions.hidden import hide_ancestors
from executions.masking import hide_jobs, hide_runs
from executions.models import Execution, Job
from workflows.counters import executed, executed_of_keys
from workflows.models import Category, Node, Workflow
from workflows.visibility import visible, visible_nodes, visible_rows


class CountRecord(Record):
    """How often something was run: sums, not rows."""

    name = "stats"
    columns: Mapping[str, str] = {}
    computed = dict.fromkeys(("key", "id", "executed"), Computed(lambda row: None))
    view = "workflows.view_workflow"


class _Counts(Relation):
    """`stats` of a key, over all versions, or `versionStats` of one version."""

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        values = [getattr(row, self.here) for row in rows]
        by_key = self.here == "key"
        found: Mapping[Any, int] = executed_of_keys(values) if by_key else executed(values)
        columns = selection.columns(CountRecord)
        name = "key" if by_key else "id"
        shown = {value: {name: value, "executed": number} for value, number in found.items()}
        return {value: {column: each[column] for column in each if column in columns} for value, each in shown.items()}


class _Categories(Relation):
    """Of workflows, through the table between."""

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        record = CategoryRecord(user)
        links = Workflow.categories.through.objects.filter(workflow__in=[row.pk for row in rows])
        found: dict[int, list[Any]] = {}
        ordered = links.select_related("category").order_by("category__sort", "category__id")
        for link in few(ordered):
            [shown] = record.show([link.category], selection)
            through = {"workflowId": link.workflow_id, "categoryId": link.category_id}
            found.setdefault(link.workflow_id, []).append({**shown, "workflowCategoryRelations": through})
        return found


class _InCategories(Relation):
    """The versions in categories, through the table between; each with its link, as there."""

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        record = WorkflowRecord(user)
        linked = record.rows().filter(categories__in=[row.pk for row in rows]).annotate(category_pk=F("categories"))
        loaded = few(record.only(linked.order_by("pk"), selection))
        found: dict[int, list[Any]] = {}
        for row, shown in zip(loaded, record.show(loaded, selection), strict=True):
            through = {"workflowId": row.pk, "categoryId": row.category_pk}
            found.setdefault(row.category_pk, []).append({**shown, "workflowCategoryRelations": through})
        return found


class CategoryRecord(Record):
    name = "workflowCategories"
    model = Category
    columns = {
        "id": "id", "title": "title", "color": "color", "sort": "sort", "createdAt": "created_at",
        "updatedAt": "updated_at",
    }  # fmt: skip
    # No filter follows it: it would lead from a version that one may see to all others.
    relations = {"workflows": _InCategories(lambda: WorkflowRecord, "id", many=True)}
    view = "workflows.view_category"
    order = ("sort", "id")


class WorkflowRecord(Record):
    name = "workflows"
    model = Workflow
    columns = {
        "id": "id", "key": "key", "title": "title", "enabled": "enabled", "description": "description", "type": "type",
        "triggerTitle": "trigger_title", "config": "config", "invalid": "invalid", "current": "current", "sync": "sync",
        "options": "options", "createdById": "created_by_id", "updatedById": "updated_by_id", "createdAt": "created_at",
        "updatedAt": "updated_at", "name": "name", "version": "version", "timeZone": "time_zone",
        "frozenAt": "frozen_at",
    }  # fmt: skip
    # Always nought, as there: the counts are in `stats` and `versionStats`.
    computed = {"executed": Computed(lambda row: 0), "allExecuted": Computed(lambda row: 0)}
    relations = {
        "nodes": Relation(lambda: NodeRecord, "id", "workflow_id", many=True, field="nodes"),
        "executions": Relation(lambda: ExecutionRecord, "id", "workflow_id", many=True, field="executions"),
        "revisions": Relation(lambda: WorkflowRecord, "key", "key", many=True),
        "categories": _Categories(lambda: CategoryRecord, "id", many=True, field="categories"),
        "stats": _Counts(lambda: CountRecord, "key"),
        "versionStats": _Counts(lambda: CountRecord, "id"),
        "createdBy": Relation(lambda: UserRecord, "created_by_id", field="created_by"),
        "updatedBy": Relation(lambda: UserRecord, "updated_by_id", field="updated_by"),
    }
    view = "workflows.view_workflow"

    def rows(self) -> "QuerySet[Any]":
        return visible(Workflow.objects.all(), self.user)


class NodeRecord(Record):
    name = "flow_nodes"
    model = Node
    columns = {
        "id": "id", "key": "key", "title": "title", "type": "type", "config": "config", "policy": "policy",
        "workflowId": "workflow_id", "upstreamId": "upstream_id", "downstreamId": "downstream_id",
        "branchIndex": "branch_index", "createdAt": "created_at", "updatedAt": "updated_at",
    }  # fmt: skip
    relations = {
        "workflow": Relation(lambda: WorkflowRecord, "workflow_id", field="workflow"),
        "upstream": Relation(lambda: NodeRecord, "upstream_id", field="upstream"),
        "downstream": Relation(lambda: NodeRecord, "downstream_id", field="downstream"),
        "branches": Relation(lambda: NodeRecord, "id", "upstream_id", many=True, field="followers"),
    }
    view = "workflows.view_node"

    def rows(self) -> "QuerySet[Any]":
        return visible_nodes(Node.objects.all(), self.user)


class ExecutionRecord(Record):
    name = "executions"
    model = Execution
    columns = {
        "id": "id", "workflowId": "workflow_id", "key": "key", "eventKey": "event_key", "context": "context",
        "status": "status", "reason": "reason", "parentExecutionId": "parent_execution_id", "output": "output",
        "startedAt": "started_at", "expiresAt": "expires_at", "manually": "manually", "createdAt": "created_at",
        "updatedAt": "updated_at", "title": "title", "version": "version", "type": "type", "name": "name",
        "error": "error", "tags": "tags", "endedAt": "ended_at", "pausedAt": "paused_at",
        "rerunOfId": "rerun_of_id", "attempt": "attempt", "createdById": "created_by_id",
    }  # fmt: skip
    computed = {
        "dispatched": Computed(lambda row: row.status is not None, ("status",)),
        "stack": Computed(lambda row: [each[0] for each in row.stack or ()], ("stack",)),
    }
    relations = {
        "workflow": Relation(lambda: WorkflowRecord, "workflow_id", field="workflow"),
        "jobs": Relation(lambda: JobRecord, "id", "execution_id", many=True, field="jobs"),
        "createdBy": Relation(lambda: UserRecord, "created_by_id", field="created_by"),
    }
    masked = ("context", "output", "error")
    leading = ("parentExecutionId",)
    view = "executions.view_execution"

    def rows(self) -> "QuerySet[Any]":
        return visible_rows(Execution.objects.all(), self.user)

    def decorate(self, rows: Sequence[Any], names: Collection[str]) -> None:
        hide_ancestors(rows, self.user)
        hide_runs(rows)


class JobRecord(Record):
    name = "jobs"
    model = Job
    columns = {
        "id": "id", "executionId": "execution_id", "nodeId": "node_id", "nodeKey": "node_key", "status": "status",
        "meta": "meta", "result": "result", "log": "log", "startedAt": "started_at", "createdAt": "created_at",
        "updatedAt": "updated_at", "input": "input", "number": "number", "endedAt": "ended_at", "attempt": "attempt",
    }  # fmt: skip
    computed = {"upstreamId": Computed(lambda row: row.upstream_job_id, ("upstream",))}
    relations = {
        "execution": Relation(lambda: ExecutionRecord, "execution_id", field="execution"),
        "node": Relation(lambda: NodeRecord, "node_id", field="node"),
        "upstream": Relation(lambda: JobRecord, "upstream_job_id"),
    }
    masked = ("meta", "result", "log", "input")
    always = ("execution_id", "node_key", "number")
    view = "executions.view_job"
    order = ("execution_id", "number")

    def rows(self) -> "QuerySet[Any]":
        return visible_rows(Job.objects.all(), self.user, key="execution__key")

    def only(self, rows: "QuerySet[Any]", selection: Selection, *more: str) -> "QuerySet[Any]":
        if "upstream" in selection.relations:
            more = (*more, "upstream")
        return super().only(rows, selection, *more)

    def show(self, rows: Sequence[Any], selection: Selection) -> list[dict[str, Any]]:
        if "upstream" in selection.relations and "upstreamId" not in selection.columns(JobRecord):
            self._find_upstream(rows)
        return super().show(rows, selection)

    def decorate(self, rows: Sequence[Any], names: Collection[str]) -> None:
        hide_jobs(rows)
        if "upstreamId" in names:
            self._find_upstream(rows)

    def _find_upstream(self, rows: Sequence[Any]) -> None:
        known = {(row.execution_id, row.number): row.pk for row in rows}
        wanted = {(row.execution_id, row.upstream) for row in rows if row.upstream is not None}
        if missing := wanted - known.keys():
            runs, numbers = {run for run, _number in missing}, {number for _run, number in missing}
            found = Job.objects.filter(execution__in=runs, number__in=numbers).order_by()
            known.update({(run, number): pk for pk, run, number in found.values_list("pk", "execution_id", "number")})
        for row in rows:
            row.upstream_job_id = known.get((row.execution_id, row.upstream))
