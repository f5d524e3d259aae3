"""The registry of workflow kinds. Third parties add theirs from their `AppConfig.ready`."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.triggers.base import Event, Listener, Trigger, TriggerConfig

__all__ = ["Event", "Listener", "Trigger", "TriggerConfig", "get_trigger", "register_trigger", "triggers"]

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
