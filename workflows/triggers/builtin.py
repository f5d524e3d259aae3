"""The workflow kinds that come with Sluice."""

from workflows.triggers import register_trigger
from workflows.triggers.action import ActionTrigger
from workflows.triggers.approval import ApprovalTrigger
from workflows.triggers.collection import CollectionTrigger
from workflows.triggers.custom_action import CustomActionTrigger
from workflows.triggers.execution import ExecutionTrigger
from workflows.triggers.manual import ManualTrigger
from workflows.triggers.request_interception import InterceptionTrigger
from workflows.triggers.schedule import ScheduleTrigger
from workflows.triggers.webhook import WebhookTrigger

_KINDS = (
    ActionTrigger,
    ApprovalTrigger,
    CollectionTrigger,
    CustomActionTrigger,
    ExecutionTrigger,
    InterceptionTrigger,
    ManualTrigger,
    ScheduleTrigger,
    WebhookTrigger,
)


def register_builtin() -> None:
    for kind in _KINDS:
        register_trigger(kind)
