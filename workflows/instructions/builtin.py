"""Registers the kinds that come with the distribution."""

from importlib import import_module

from workflows.instructions import register_instruction

#: Module and class of each kind, in the order people choose from. Imported here only: the kinds need the app registry.
_KINDS = (
    ("condition", "Condition"),
    ("multi_conditions", "MultiConditions"),
    ("calculation", "Calculation"),
    ("loop", "Loop"),
    ("parallel", "Parallel"),
    ("delay", "Delay"),
    ("output", "Output"),
    ("end", "End"),
    ("request", "Request"),
    ("create", "Create"),
    ("update", "Update"),
    ("destroy", "Destroy"),
    ("query", "Query"),
    ("aggregate", "Aggregate"),
)


def register_builtin() -> None:
    from importlib.util import find_spec

    for module, name in _KINDS:
        if find_spec(f"workflows.instructions.{module}") is not None:
            register_instruction(getattr(import_module(f"workflows.instructions.{module}"), name))
