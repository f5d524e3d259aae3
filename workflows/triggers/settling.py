"""The moment at which what belongs to a row has been written too: the end of its transaction, or of a run's step.

Forms, serializers and nodes write a row first and its relations to many after it. Who needs those waits until then, in
the transaction still: row, relations and runs are one commit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

#: Does what all of these, in their order, waited for.
Tell = Callable[[list[Any], str], None]


class _Place:
    """Stands in the connection's own list of things to do after the commit, so a rolled-back savepoint takes it."""

    def __init__(self, tell: Tell, what: Any) -> None:
        self.tell = tell
        self.what = what
        self.told = False

    def __call__(self) -> None:
        """After the commit nothing is left to do."""


def install() -> None:
    """Wraps the end of all `atomic` blocks once; where nothing waits it costs a look at a list."""
    if not hasattr(Atomic.__exit__, "__wrapped__"):
        Atomic.__exit__ = _exit(Atomic.__exit__)  # type: ignore[method-assign]


def can_wait(using: str) -> bool:
    """Whether a block is open at whose end it will be told; one that a TestCase put around the test is none."""
    return any(not _of_a_test(block) for block in connections[using].atomic_blocks)


def wait(tell: Tell, what: Any, using: str) -> None:
    """`tell([what, ...], using)` comes once the block or step is at its end, and not at all if it is rolled back."""
    transaction.on_commit(_Place(tell, what), using=using)


@contextmanager
def settled(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A step of a run: what began to wait inside is told at its end, and an error of that is the step's."""
    before = set(_waiting(connection))
    yield
    _settle(connection, before)


def _waiting(connection: BaseDatabaseWrapper) -> list[_Place]:
    return [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _Place) and not entry[1].told]


def _settle(connection: BaseDatabaseWrapper, before: set[_Place]) -> None:
    # What is told of may write rows itself.
    while places := [place for place in _waiting(connection) if place not in before]:
        told: dict[Tell, list[Any]] = {}
        for place in places:
            place.told = True
            told.setdefault(place.tell, []).append(place.what)
        for tell, what in told.items():
            tell(what, connection.alias)


def _exit(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def leave(self: Atomic, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        connection = transaction.get_connection(self.using)
        if exc_type is None and connection.run_on_commit and _is_last(self, connection):
            try:
                _settle(connection, set())
            except BaseException as error:
                original(self, type(error), error, error.__traceback__)
                raise
        original(self, exc_type, exc_value, traceback)

    return leave


def _is_last(block: Atomic, connection: BaseDatabaseWrapper) -> bool:
    """Whether the transaction ends with this block, and with a commit."""
    if connection.needs_rollback or connection.closed_in_transaction or _of_a_test(block):
        return False
    return bool(connection.atomic_blocks) and all(map(_of_a_test, connection.atomic_blocks[:-1]))


def _of_a_test(block: Any) -> bool:
    return bool(getattr(block, "_from_testcase", False))
