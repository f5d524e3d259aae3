"""The workflow kinds that come with Sluice."""

from workflows.triggers import register_trigger
from workflows.triggers.collection import CollectionTrigger
from workflows.triggers.manual import ManualTrigger


def register_builtin() -> None:
    for kind in (CollectionTrigger, ManualTrigger):
        register_trigger(kind)
