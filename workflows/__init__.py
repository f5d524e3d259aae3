"""What should happen: definitions of workflows.

Public names: `register_trigger`, `register_instruction`, and `track` and `TrackedManager` for bulk writes. Everything
else is private.
"""

from typing import Any

__all__ = ["TrackedManager", "register_instruction", "register_trigger", "track"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the modules behind these names need the app registry.
    if name == "register_instruction":
        from workflows.instructions import register_instruction

        return register_instruction
    if name == "register_trigger":
        from workflows.triggers import register_trigger

        return register_trigger
    if name in ("TrackedManager", "track"):
        from workflows.triggers import tracking

        return getattr(tracking, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
