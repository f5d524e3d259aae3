"""The calls that there are: their addresses below /v2/<project>/fgs, what they ask for and who serves them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from executions.dialects.functiongraph import details, flows, runs, starting, steering
from executions.dialects.functiongraph.asked import Asked
from workflows.conf import ThrottleScope
from workflows.errors import NotFound


@dataclass(frozen=True)
class Call:
    #: As the SDK for Python names it.
    name: str
    method: str
    #: Ids stand in braces.
    address: str
    permissions: Sequence[str]
    serve: Callable[[Asked], Any]
    throttle: ThrottleScope = "read"

    @property
    def pattern(self) -> re.Pattern[str]:
        # What is encoded as %2F in an id has become a slash: no id has one, and the call then says that there is none.
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>.+)", self.address), re.DOTALL)


_FLOW = "/workflows/{workflow}"
_RUN = f"{_FLOW}/executions/{{execution}}"
_VIEW_RUNS, _VIEW_FLOWS = ("executions.view_execution",), ("workflows.view_workflow",)
_EXECUTE = ("workflows.execute_workflow",)

#: The first that fits is meant: the longer addresses of each method come first.
CALLS: Sequence[Call] = (
    Call("list_workflow_executions", "GET", f"{_FLOW}/executions", _VIEW_RUNS, runs.list_executions),
    Call("show_workflow_execution_for_page", "GET", f"{_FLOW}/executions-history", _VIEW_RUNS, runs.page_of_executions),
    Call("show_workflow_execution", "GET", _RUN, _VIEW_RUNS, details.show_execution),
    Call("stop_work_flow", "POST", f"{_RUN}/terminate", ("executions.cancel_execution",), steering.stop, "change"),
    Call("retry_work_flow", "POST", f"{_RUN}/retry", ("executions.rerun_execution",), steering.retry, "change"),
    Call("start_workflow_execution", "POST", f"{_FLOW}/executions", _EXECUTE, starting.start_execution, "execute"),
    Call(
        "start_sync_workflow_execution", "POST", f"{_FLOW}/sync-executions", _EXECUTE, starting.start_sync_execution,
        "execute",
    ),
    Call(
        "create_callback_workflow", "POST", f"{_FLOW}/callback", ("executions.change_job",), steering.call_back,
        "change",
    ),
    Call("list_workflow", "GET", "/workflows", _VIEW_FLOWS, flows.list_workflows),
    Call("show_work_flow", "GET", _FLOW, (*_VIEW_FLOWS, "workflows.view_node"), flows.show_workflow),
    Call(
        "create_workflow", "POST", "/workflows", ("workflows.add_workflow", "workflows.add_node"),
        flows.create_workflow, "change",
    ),
    Call(
        "update_work_flow", "PUT", _FLOW, ("workflows.change_workflow", "workflows.add_node"), flows.update_workflow,
        "change",
    ),
    Call(
        "batch_delete_workflows", "DELETE", "/workflows", ("workflows.delete_workflow",), flows.delete_workflows,
        "change",
    ),
)  # fmt: skip
#: Of an address. Ids are far shorter, and the patterns take a time that grows with its square.
_LONGEST = 2_000
_PATTERNS = [(call, call.pattern) for call in CALLS]


def find(method: str, path: str) -> tuple[Call, dict[str, str]]:
    """The call that is meant and the ids in its address. Raises `NotFound`, also for another method."""
    for call, pattern in _PATTERNS if len(path) <= _LONGEST else ():
        if call.method == method and (found := pattern.fullmatch(path)) is not None:
            return call, found.groupdict()
    raise NotFound(_("There is no call %(method)s with this address.") % {"method": method})
