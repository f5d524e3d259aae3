"""Registers the kinds that come with the distribution, in the order people choose from."""

from typing import Any

from workflows.instructions import Instruction, register_instruction


def register_builtin() -> None:
    # Imported late: the kinds need the app registry.
    from workflows.instructions.aggregate import Aggregate
    from workflows.instructions.calculation import Calculation
    from workflows.instructions.condition import Condition
    from workflows.instructions.create import Create
    from workflows.instructions.delay import Delay
    from workflows.instructions.destroy import Destroy
    from workflows.instructions.end import End
    from workflows.instructions.loop import Loop
    from workflows.instructions.multi_conditions import MultiConditions
    from workflows.instructions.output import Output
    from workflows.instructions.parallel import Parallel
    from workflows.instructions.query import Query
    from workflows.instructions.request import Request
    from workflows.instructions.update import Update

    kinds: tuple[type[Instruction[Any]], ...] = (
        *(Condition, MultiConditions, Loop, Parallel, Delay, Output, End),
        *(Calculation, Create, Update, Destroy, Query, Aggregate),
        Request,
    )
    for kind in kinds:
        register_instruction(kind)
