"""Tasks as NocoBase's client knows them, and the little that whoever was asked is shown of their run."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from executions.dialects.nocobase.records import Computed, Record, Relation
from executions.dialects.nocobase.resources.people import UserRecord
from executions.dialects.nocobase.resources.records import ExecutionRecord, JobRecord, NodeRecord, WorkflowRecord
from executions.dialects.nocobase.selection import Selection
from executions.masking import hide_tasks
from executions.models import Execution, Job, Task

#: Keys of a node's configuration that are for editors.
_EDITORS = frozenset(("assignees", "users", "delegate", "addSigners", "data"))


class _AskedAbout(Relation):
    """In full for who may see it; else what whoever was asked knows anyway."""

    def check_view(self, user: Any) -> None:
        """Nobody is refused: who may not see all is shown less."""

    def load(self, rows: Sequence[Any], selection: Selection, user: Any) -> Mapping[Any, Any]:
        record = self.record()
        if not record(user).may_view():
            lean = _LEAN[record]
            own = Relation(lambda: lean, self.here)
            return own.load([row for row in rows if row.user_id == user.pk], _bare(selection), user)
        return super().load(rows, selection, user)


def _bare(selection: Selection) -> Selection:
    """Without what lies behind."""
    return Selection(selection.all, selection.named, selection.dropped)


class LeanWorkflow(Record):
    name = "workflows"
    model = WorkflowRecord.model
    columns = {"id": "id", "key": "key", "title": "title", "enabled": "enabled", "current": "current"}
    view = None


class LeanNode(Record):
    name = "flow_nodes"
    model = NodeRecord.model
    columns = {"id": "id", "key": "key", "title": "title", "type": "type", "workflowId": "workflow_id"}
    computed = {
        "config": Computed(
            lambda row: {name: value for name, value in row.config.items() if name not in _EDITORS}, ("config",)
        )
    }
    view = None


class LeanJob(Record):
    name = "jobs"
    model = Job
    columns = {"id": "id", "status": "status", "nodeId": "node_id", "executionId": "execution_id"}
    view = None


class LeanExecution(Record):
    name = "executions"
    model = Execution
    columns = {"id": "id", "key": "key", "status": "status", "createdAt": "created_at"}
    view = None


_LEAN: Mapping[type[Record], type[Record]] = {
    WorkflowRecord: LeanWorkflow,
    NodeRecord: LeanNode,
    JobRecord: LeanJob,
    ExecutionRecord: LeanExecution,
}


class TaskRecord(Record):
    name = "workflowManualTasks"
    model = Task
    columns = {
        "id": "id", "title": "title", "userId": "user_id", "executionId": "execution_id", "nodeId": "node_id",
        "status": "status", "result": "result", "createdAt": "created_at", "updatedAt": "updated_at",
        "nodeKey": "node_key", "workflowKey": "key", "readAt": "read_at", "decidedAt": "decided_at",
    }  # fmt: skip
    computed = {
        "jobId": Computed(lambda row: row.job_pk),
        "workflowId": Computed(lambda row: row.workflow_pk),
    }
    relations = {
        "user": Relation(lambda: UserRecord, "user_id", field="user"),
        "execution": _AskedAbout(lambda: ExecutionRecord, "execution_id"),
        "node": _AskedAbout(lambda: NodeRecord, "node_id"),
        "job": _AskedAbout(lambda: JobRecord, "job_pk"),
        "workflow": _AskedAbout(lambda: WorkflowRecord, "workflow_pk"),
    }
    masked = ("title", "result")
    always = ("user_id", "execution_id", "job", "node_key")
    # One's own need no permission, and others' are not among the rows without it.
    view = None

    def decorate(self, rows: Sequence[Any], names: Collection[str]) -> None:
        hide_tasks(rows, by=self.user)
        runs = {row.execution_id for row in rows}
        jobs = Job.objects.filter(execution__in=runs, number__in={row.job for row in rows}).order_by()
        by_number = {(run, number): pk for pk, run, number in jobs.values_list("pk", "execution_id", "number")}
        versions = dict(Execution.objects.filter(pk__in=runs).order_by().values_list("pk", "workflow_id"))
        for row in rows:
            row.job_pk = by_number.get((row.execution_id, row.job))
            row.workflow_pk = versions.get(row.execution_id)


class CopyRecord(TaskRecord):
    name = "workflowCcTasks"
