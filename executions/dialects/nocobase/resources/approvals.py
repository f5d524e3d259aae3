"""Applications and the approvals they wait for (spec nocobase-engine 4.7)."""

from collections.abc import Collection, Sequence
from typing import Any

from django.utils.translation import gettext as _

from executions.applications import reading, starting
from executions.dialects.nocobase.errors import not_found
from executions.dialects.nocobase.records import Computed, Record, Relation
from executions.dialects.nocobase.resources.base import Answer, Resource, action, key_of
from executions.dialects.nocobase.resources.people import UserRecord
from executions.dialects.nocobase.resources.taskrecords import TaskRecord
from executions.dialects.nocobase.resources.tasks import Tasks
from executions.inbox import approving
from executions.inbox.reading import of as tasks_of
from executions.models import Application, ApplicationStatus, Task, TaskType
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers.approval import ApprovalTrigger

_DRAFT, _SUBMIT = ApplicationStatus.DRAFT.value, ApplicationStatus.SUBMITTED.value
_APPROVE, _REJECT = 2, -1


class ApprovalRecord(Record):
    name = "approvals"
    model = Application
    columns = {
        "id": "id", "status": "status", "collectionName": "collection", "dataKey": "object_id", "workflowKey": "key",
        "workflowId": "workflow_id", "latestExecutionId": "execution_id", "createdById": "user_id", "round": "round",
        "createdAt": "created_at", "updatedAt": "updated_at", "error": "error",
    }  # fmt: skip
    computed = {"data": Computed(lambda row: row.seen_data, ("data",))}
    relations = {"createdBy": Relation(lambda: UserRecord, "user_id", field="user")}
    masked = ("error",)
    always = ("user_id", "execution_id")
    view = None

    def decorate(self, rows: Sequence[Any], names: Collection[str]) -> None:
        reading.hide_errors(rows)
        for row in rows:
            # Whoever applied wrote it; of others' it may hold what is masked.
            row.seen_data = reading.masked(row, row.data, by=self.user) if "data" in names else None


class Approvals(Resource):
    name = "approvals"
    record = ApprovalRecord

    def rows(self) -> Any:
        mine = self.call.action in ("listMine", "update", "withdraw")
        return reading.of(self.user) if mine else reading.readable(self.user)

    @action(None, reads=True)
    def list_mine(self) -> Answer:
        return self.listed()

    @action(None, reads=True)
    def get(self) -> Answer:
        return self.got()

    @action(None)
    def create(self) -> Any:
        """Applies by {"workflowId" or "workflowKey", "data", "status": 2, or 0 for a draft}."""
        values = self.call.values
        made = starting.create(
            self._workflow(values), values.get("data") or {}, by=self.user, submit=self._submits(values, _SUBMIT)
        )
        return self.shown([made])[0]

    @action(None, aimed=True)
    def update(self) -> Any:
        """Saves a draft or submits it again."""
        values = self.call.values
        found = starting.change(self.one().pk, values.get("data"), by=self.user, submit=self._submits(values, _DRAFT))
        return self.shown([found])

    @action(None)
    def withdraw(self) -> Any:
        return self.shown([starting.withdraw(self.one().pk, by=self.user)])[0]

    def _workflow(self, values: dict[str, Any]) -> str:
        named = values.get("workflowKey")
        if isinstance(named, str) and named:
            return named
        pk = key_of(Workflow._meta.pk, values.get("workflowId"))
        versions = Workflow.objects.filter(pk=pk, type=ApprovalTrigger.type) if pk is not None else None
        key = versions.values_list("key", flat=True).first() if versions is not None else None
        if key is None:
            raise Invalid(_("Name a workflow that takes applications."), field="workflowId")
        return str(key)

    def _submits(self, values: dict[str, Any], default: int) -> bool:
        status = values.get("status", default)
        if isinstance(status, bool) or status not in (_DRAFT, _SUBMIT):
            raise Invalid(_("The status is 0 (a draft) or 2 (submitted)."), field="status")
        return bool(status == _SUBMIT)


class ApprovalTaskRecord(TaskRecord):
    name = "approvalRecords"
    columns = {name: source for name, source in TaskRecord.columns.items() if name not in ("status", "result")}
    computed = {
        **TaskRecord.computed,
        # 0 open, 2 approved, -1 rejected, 1 returned.
        "status": Computed(lambda row: approving.record(row)["status"], ("status", "result", "decided_at")),
        "comment": Computed(lambda row: approving.record(row)["comment"], ("status", "result", "decided_at")),
    }


class ApprovalTasks(Tasks):
    name = "approvalRecords"
    type = TaskType.APPROVAL
    record = ApprovalTaskRecord

    @action(None)
    def submit(self) -> Any:
        """{"status": 2 to approve or -1 to reject, "comment", "data"}."""
        values = self.call.values
        pk, comment, status = self._own(), values.get("comment"), values.get("status")
        if status == _APPROVE:
            return self._decided(approving.approve(pk, comment=comment, data=values.get("data"), by=self.user))
        if status == _REJECT:
            return self._decided(approving.reject(pk, comment=comment, by=self.user))
        raise Invalid(_("The status is 2 (approve) or -1 (reject)."), field="status")

    # `return` is a word of Python's.
    @action(None)
    def return_(self) -> Any:
        values = self.call.values
        to, comment = values.get("returnToNodeKey"), values.get("comment")
        return self._decided(approving.send_back(self._own(), to=to, comment=comment, by=self.user))

    @action(None)
    def delegate(self) -> Any:
        return self._decided(approving.delegate(self._own(), self.call.values.get("assignee"), by=self.user))

    @action(None)
    def add(self) -> Any:
        """Asks further people: before oneself (`order` -1) or after (1)."""
        values = self.call.values
        order = values.get("order", approving.AFTER)
        if isinstance(order, bool) or order not in (approving.BEFORE, approving.AFTER):
            raise Invalid(_("The order is -1 (before me) or 1 (after me)."), field="order")
        return self._decided(approving.add_signers(self._own(), values.get("assignees"), order=order, by=self.user))

    def _own(self) -> int:
        pk = key_of(Task._meta.pk, self.call.key())
        if pk is None or not tasks_of(self.user).filter(pk=pk, type=self.type).exists():
            raise not_found()
        return int(pk)

    def _decided(self, task: Task) -> Any:
        return self.shown([task])[0]
