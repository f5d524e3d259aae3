"""Approvals in the inbox: what an approver is shown, and the answer that a form of it sends."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from django import forms as django_forms
from django.utils.translation import gettext as _

from executions.inbox import approving
from executions.inbox.approving import ACTIONS, COMMENT, LONGEST_COMMENT, earlier_approvals
from executions.inbox.forms import broken, form_fields
from executions.inbox.kinds import FormAction, Kind, TaskForm, Tool
from executions.inbox.showing import MOST_SHOWN
from executions.models import Task
from workflows.errors import Invalid, SluiceError
from workflows.formfields import RESERVED
from workflows.graph import GraphNode
from workflows.instructions.approval import DATA, ApprovalConfig
from workflows.jsoninput import check as check_json
from workflows.statuses import JobStatus
from workflows.validation import inside

#: Under what name a task shows who has answered what.
RECORDS = "records"


def shown_forms(task: Task, node: GraphNode, scope: Mapping[str, Any], by: Any) -> list[TaskForm]:
    """What an approver fills in: what may be changed, and a comment."""
    config = node.config
    assert isinstance(config, ApprovalConfig)
    shown = TaskForm(DATA, config.form.title if config.form is not None else "", "approval")
    shown.actions = [FormAction("approve", 1, _("Approve")), FormAction("reject", -5, _("Reject"))]
    if config.allow_return:
        shown.actions.append(FormAction("return", -5, _("Return")))
    if task.status == JobStatus.PENDING and (error := approving.why_to_wait(task)):
        shown.error, shown.actions = error, []
    shown.fields = {}
    if config.form is not None:
        try:
            shown.fields = form_fields(config, DATA) or {}
        except SluiceError as wrong:
            shown.error = broken(wrong)
    for each in shown.fields.values():
        each.required = False
    data = _present(node, scope).get("data")
    if isinstance(data, Mapping):
        shown.values = {name: data[name] for name in shown.fields if name in data}
    area = django_forms.Textarea(attrs={"rows": 3, "cols": 60})
    shown.fields[COMMENT] = django_forms.CharField(
        label=_("Comment"), required=False, max_length=LONGEST_COMMENT, widget=area
    )
    return [shown]


def _present(node: GraphNode, scope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step's result as it stands."""
    result = scope.get("$jobsMapByNodeKey", {}).get(node.key)
    return result if isinstance(result, Mapping) else {}


def about(node: GraphNode, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The data that are approved, and what others have said."""
    result = _present(node, scope)
    data = result.get("data")
    if isinstance(data, Mapping):
        yield from islice(data.items(), MOST_SHOWN)
    elif data is not None:
        yield "data", data
    if records := result.get("records"):
        names = approving.names_of([record["userId"] for record in records])
        said = ({**record, "user": names.get(record["userId"])} for record in records)
        yield RECORDS, list(said)


def tools(node: GraphNode) -> list[Tool]:
    config = node.config
    assert isinstance(config, ApprovalConfig)
    allowed = {
        Tool.DELEGATE: config.delegate is not False,
        Tool.ADD_SIGNERS: config.add_signers is not False,
        Tool.RETURN_TO: config.allow_return and bool(earlier_approvals(node)),
    }
    return [tool for tool, allows in allowed.items() if allows]


def submit(task_id: Any, result: Any, *, by: Any, reason: str | None = None) -> Task:
    """Takes {"data": {field: value, "_comment": text}, "_": "approve", "reject" or "return"}, as forms send it."""
    check_json(result, "result")
    given = result.get(DATA) if isinstance(result, Mapping) else None
    action = result.get(RESERVED) if isinstance(result, Mapping) else None
    if (given is not None and not isinstance(given, Mapping)) or action not in tuple(ACTIONS):
        raise Invalid(
            _('Give {"data": {...}, "_": action}; the actions are approve, reject and return.'), field="result"
        )
    values = dict(given or {})
    comment = values.pop(COMMENT, None)
    with inside("result"):
        if action == "approve":
            return approving.approve(task_id, by=by, comment=comment, data=values, whole=True, reason=reason)
        if action == "reject":
            return approving.reject(task_id, by=by, comment=comment, reason=reason)
        return approving.send_back(task_id, by=by, comment=comment, reason=reason)


APPROVAL = Kind(forms=shown_forms, submit=submit, delegate=approving.delegate, tools=tools, about=about)
