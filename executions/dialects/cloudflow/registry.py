"""The operations by name: what each asks of its caller, and what it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from executions.dialects.cloudflow.parameters import Parameters
from executions.dialects.clouds.caller import Caller
from workflows.conf import ThrottleScope

#: The answer's body, but for its RequestId.
Answer = Mapping[str, Any]
Operation = Callable[[Caller, Parameters], Answer]


@dataclass(frozen=True)
class Action:
    name: str
    permissions: tuple[str, ...]
    throttle: ThrottleScope
    perform: Operation


_actions: dict[str, Action] = {}


def action(*permissions: str, throttle: ThrottleScope = "read") -> Callable[[Operation], Operation]:
    """Serves an operation under the name of its function, `ListExecutions` for `list_executions`."""

    def register(perform: Operation) -> Operation:
        name = "".join(part.capitalize() for part in perform.__name__.split("_"))
        _actions[name] = Action(name, permissions, throttle, perform)
        return perform

    return register


def actions() -> Mapping[str, Action]:
    from executions.dialects.cloudflow.actions import executions, flows, history, schedules, starting, tasks

    assert all((executions, flows, history, schedules, starting, tasks))
    return _actions
