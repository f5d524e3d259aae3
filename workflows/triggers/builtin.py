"""The workflow kinds that come with Sluice."""

from workflows.triggers import register_trigger
from workflows.triggers.collection import CollectionTrigger
from workflows.triggers.manual import ManualTrigger
from workflows.triggers.schedule import ScheduleTrigger
from workflows.triggers.webhook import WebhookTrigger


def register_builtin() -> None:
    for kind in (CollectionTrigger, ManualTrigger, ScheduleTrigger, WebhookTrigger):
        register_trigger(kind)
