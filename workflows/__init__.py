"""What should happen: definitions of workflows.

Public names: `register_trigger`, `register_instruction`; `track` and `TrackedManager` for bulk writes; and for requests
`WorkflowAdminMixin`, `WorkflowViewSetMixin`, `request_action`, `custom_action` and `RequestHalted`. Everything else is
private.
"""

from importlib import import_module
from typing import Any

#: Each public name and the module that has it.
_NAMES = {
    "RequestHalted": "workflows.requesting.asking",
    "TrackedManager": "workflows.triggers.tracking",
    "WorkflowAdminMixin": "workflows.admin.requesting",
    "WorkflowViewSetMixin": "workflows.requesting.viewsets",
    "custom_action": "workflows.requesting.views",
    "register_instruction": "workflows.instructions",
    "register_trigger": "workflows.triggers",
    "request_action": "workflows.requesting.views",
    "track": "workflows.triggers.tracking",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    # Loaded on first use: the modules behind these names need the app registry.
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
