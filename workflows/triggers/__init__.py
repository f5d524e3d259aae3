"""The registry of workflow kinds. Third parties add theirs from their `AppConfig.ready`."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.triggers.base import Event, Listener, Trigger, TriggerConfig

if TYPE_CHECKING:
    from workflows.models import Workflow

__all__ = [
    "Event",
    "Listener",
    "Trigger",
    "TriggerConfig",
    "get_trigger",
    "manual_context",
    "register_trigger",
    "triggers",
]

_registry: dict[str, Trigger[Any]] = {}


def register_trigger(kind: type[Trigger[Any]] | Trigger[Any]) -> None:
    """Adds a workflow kind, or replaces the one of the same type."""
    trigger = kind() if isinstance(kind, type) else kind
    _registry[trigger.type] = trigger


def get_trigger(type: str) -> Trigger[Any]:
    """Raises `Invalid` (field "type") for a type that nobody registered."""
    try:
        return _registry[type]
    except KeyError:
        raise Invalid(
            _("There is no workflow type %(type)r; choose one of %(known)s.")
            % {"type": type, "known": ", ".join(sorted(_registry))},
            field="type",
        ) from None


def triggers() -> dict[str, Trigger[Any]]:
    """All kinds by type."""
    return dict(_registry)


def manual_context(workflow: "Workflow", values: Any) -> Any:
    """The context of a run by hand with these values, or None if they don't meet the trigger's condition.

    Raises `Invalid` for values that the trigger can't take.
    """
    trigger = get_trigger(workflow.type)
    return trigger.manual_context(trigger.parse(workflow.config), values)
