"""What an approver may do with a task over HTTP (spec nocobase-engine 4.7)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from executions.inbox import approving, showing
from executions.models import Task, TaskType
from workflows.api.serializers import Input, ObjectField, Reasoned, StorableJSONField, TextField
from workflows.errors import Refused

if TYPE_CHECKING:
    from workflows.api.base import RecordViewSet

    Base = RecordViewSet[Task]
else:
    Base = object


class Commented(Reasoned):
    comment = TextField(required=False, allow_blank=True, trim_whitespace=False, max_length=approving.LONGEST_COMMENT)


class Approve(Commented):
    data = ObjectField(required=False, allow_null=True)  # type: ignore[assignment]


class Return(Commented):
    to = TextField(required=False, allow_null=True)


class AddSigners(Reasoned):
    to = StorableJSONField()
    order = serializers.ChoiceField(choices=[approving.BEFORE, approving.AFTER])


APPROVAL_INPUTS: Mapping[str, type[Input]] = {
    "approve": Approve,
    "reject": Commented,
    "send_back": Return,
    "add_signers": AddSigners,
}


class ApprovalActions(Base):
    """For the view of tasks: those of type approval take these besides `submit` and `delegate`."""

    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Agrees, with changes to what the node's form has (`data`)."""
        body = self._given()
        return self.answer(approving.approve(self._approval(), data=body.pop("data", None), by=request.user, **body))

    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Does not agree."""
        body = self._given()
        return self.answer(approving.reject(self._approval(), by=request.user, **body))

    @action(detail=True, methods=["post"], url_path="return")
    def send_back(self, request: Request, pk: str) -> Response:
        """Sends it back to whoever began it, or to an approval before this one: `to`, its node's key."""
        body = self._given()
        return self.answer(approving.send_back(self._approval(), by=request.user, **body))

    @action(detail=True, methods=["post"])
    def add_signers(self, request: Request, pk: str) -> Response:
        """Asks further people (`to`): before oneself (`order` -1) or after (1)."""
        body = self._given()
        return self.answer(approving.add_signers(self._approval(), body.pop("to"), by=request.user, **body))

    def _given(self) -> dict[str, Any]:
        return dict(self.body())

    def _approval(self) -> int:
        task = self.get_object()
        if task.type != TaskType.APPROVAL:
            raise Refused(showing.nothing_to_answer(task))
        return int(task.pk)
