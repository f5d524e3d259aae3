"""The registry of node kinds. Third parties add theirs from their `AppConfig.ready`."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step, StepJob, Wait

__all__ = [
    "Effect",
    "Instruction",
    "NodeConfig",
    "Outcome",
    "Step",
    "StepJob",
    "Wait",
    "get_instruction",
    "instructions",
    "register_instruction",
]

_registry: dict[str, Instruction[Any]] = {}


def register_instruction(kind: type[Instruction[Any]] | Instruction[Any]) -> None:
    """Adds a node kind, or replaces the one of the same type."""
    instruction = kind() if isinstance(kind, type) else kind
    _registry[instruction.type] = instruction


def get_instruction(type: str) -> Instruction[Any]:
    """Raises `Invalid` (field "type") for a type that nobody registered."""
    try:
        return _registry[type]
    except KeyError:
        raise Invalid(
            _("There is no node type %(type)r; choose one of %(known)s.")
            % {"type": type, "known": ", ".join(sorted(_registry))},
            field="type",
        ) from None


def instructions() -> dict[str, Instruction[Any]]:
    """All kinds by type."""
    return dict(_registry)
