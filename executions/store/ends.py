"""Who is told of runs that end, in the very commit of their end: nobody, unless a workflow watches runs."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper


class Ended(Protocol):
    """A run that has ended, as whoever ended it has it."""

    id: int
    key: Any
    status: Any
    workflow_id: Any
    stack: Any
    created_by_id: Any
    started_at: Any
    ended_at: Any


Tell = Callable[[BaseDatabaseWrapper, Sequence[Ended]], None]

_tell: Tell | None = None
#: Told whether anybody watches or not.
_always: list[Tell] = []


def always(tell: Tell) -> None:
    """`tell` is called as one of `connect` is, for as long as the process lives; it must cost runs that are none of
    its own nothing."""
    if tell not in _always:
        _always.append(tell)


def connect(tell: Tell | None) -> None:
    """`tell` is called with the rows written and the transaction still open; None while nobody watches."""
    global _tell
    _tell = tell


def watched() -> bool:
    return _tell is not None or bool(_always)


def tell(db: BaseDatabaseWrapper, runs: Sequence[Ended]) -> None:
    if not runs:
        return
    for each in _always:
        each(db, runs)
    if _tell is not None:
        _tell(db, runs)
