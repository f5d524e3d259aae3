"""Definitions as files: read, looked at before anything is done, written, and given back."""

from workflows.transfer.fdl import FDL
from workflows.transfer.functiongraph import FUNCTIONGRAPH
from workflows.transfer.importing import Imported, perform
from workflows.transfer.nocobase import NOCOBASE, dumped, exported
from workflows.transfer.planning import Item, Plan, State, plan
from workflows.transfer.readers import Definition, Finding, Reader, read, readers, register_reader

__all__ = [
    "Definition",
    "Finding",
    "Imported",
    "Item",
    "Plan",
    "Reader",
    "State",
    "dumped",
    "exported",
    "perform",
    "plan",
    "read",
    "readers",
    "register_reader",
]

register_reader(NOCOBASE)
register_reader(FUNCTIONGRAPH)
register_reader(FDL)
