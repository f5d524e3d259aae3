"""The engine's database: which alias, which transactions, and what bounds them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from threading import local
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.dispatch import receiver

from executions.store import constraints
from executions.store.sql import NOW
from workflows.triggers.settling import settled

R = TypeVar("R", bound=Model)
T = TypeVar("T")

#: Seconds after which the database takes a run back from a frozen worker or a dead network.
FREED_AFTER = 30
#: Seconds a person waits for a run's lock before the answer is "busy".
PEOPLE_WAIT = 2

#: SQLSTATEs and MariaDB numbers that say "do it again": serialization, deadlock, lock time-outs, lost connections.
_TRANSIENT_STATES = ("40001", "40P01", "55P03", "25P03")
_TRANSIENT_NUMBERS = {1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 4031}


def alias() -> str:
    """The alias that the engine's tables live on: that of the user model."""
    return router.db_for_write(get_user_model())


def connection() -> BaseDatabaseWrapper:
    return connections[alias()]


def vendor() -> str:
    return connection().vendor


@contextmanager
def segment(*, claims: bool = False) -> Iterator["Segment"]:
    """One engine transaction. An error of the host's own hooks after the commit is logged, not raised.

    `claims`: its first statement is a claim, which bounds the transaction itself.
    """
    db = connection()
    committed = Segment()
    try:
        with transaction.atomic(using=db.alias, durable=not in_test_transaction(db)):
            if not claims:
                _bound_transaction(db)
            # Registered first, so that it runs before any hook of the host that may fail.
            transaction.on_commit(committed.mark, using=db.alias)
            yield committed
    except Exception:
        if not committed.done:
            raise
        committed.log()


@contextmanager
def people() -> Iterator[None]:
    """A transaction of a person's operation; inside a host's own it is a savepoint. Its waits for locks are short."""
    db = connection()
    inside = db.in_atomic_block
    with transaction.atomic(using=db.alias):
        if db.vendor != "postgresql":
            yield
            return
        with db.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout')")
            (before,) = cursor.fetchone()
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PEOPLE_WAIT}s"])
        yield
        if inside:
            # The rest of the host's transaction waits as long as the host says; a rollback restores it too.
            with db.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])


class Segment:
    """Whether the transaction was committed."""

    def __init__(self) -> None:
        self.done = False

    def mark(self) -> None:
        self.done = True

    def log(self) -> None:
        import logging

        logging.getLogger("sluice.store").exception("A hook failed after a commit; what was written stands.")


def in_test_transaction(db: BaseDatabaseWrapper) -> bool:
    """Tests that run inside one transaction mark their outermost block."""
    return any(getattr(block, "_from_testcase", False) for block in getattr(db, "atomic_blocks", ()))


def bounds() -> str:
    """PostgreSQL: an expression that bounds the transaction it is evaluated in; claims carry it as a column."""
    settings = {
        "statement_timeout": f"{FREED_AFTER}s",
        "lock_timeout": f"{PEOPLE_WAIT}s",
        "idle_in_transaction_session_timeout": f"{FREED_AFTER}s",
        "client_connection_check_interval": "10s",
    }
    return "(SELECT " + " || ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items()) + ")"


def _bound_transaction(db: BaseDatabaseWrapper) -> None:
    if db.vendor == "postgresql":
        with db.cursor() as cursor:
            cursor.execute(f"SELECT {bounds()}")


_MYSQL_BOUNDS = {
    True: (("idle_transaction_timeout", FREED_AFTER), ("max_statement_time", FREED_AFTER)),
    False: (("wait_timeout", FREED_AFTER), ("max_execution_time", FREED_AFTER * 1000)),
}


class _Bounded(local):
    """A thread's bounded session: how its bounds stood before; None while none is open."""

    before: dict[str, Any] | None = None


_bounded = _Bounded()


@contextmanager
def bounded_session() -> Iterator[None]:
    """MariaDB and MySQL bound sessions, not transactions: set for a worker's drain, restored after it.

    A connection that is lost and made anew meanwhile is bounded as soon as it is made.
    """
    db = connection()
    if db.vendor != "mysql" or _bounded.before is not None:
        yield
        return
    _bounded.before = _bound_session(db)
    try:
        yield
    finally:
        before, _bounded.before = _bounded.before, None
        if db.connection is not None:
            try:
                with db.cursor() as cursor:
                    restored = ", ".join(f"{name} = %s" for name in before)
                    cursor.execute(f"SET SESSION {restored}", list(before.values()))
            except DatabaseError:
                # A session that can't be restored is not handed on.
                db.close()


def _bound_session(db: BaseDatabaseWrapper) -> dict[str, Any]:
    """Sets the bounds; answers how they stood before."""
    bounds = (("innodb_lock_wait_timeout", PEOPLE_WAIT), *_MYSQL_BOUNDS[bool(getattr(db, "mysql_is_mariadb", True))])
    with db.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"@@SESSION.{name}" for name, _ in bounds))
        before = dict(zip((name for name, _ in bounds), cursor.fetchone(), strict=True))
        cursor.execute("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in bounds))
    return before


@receiver(connection_created, dispatch_uid="sluice.session")
def _bound_anew(connection: BaseDatabaseWrapper, **_: Any) -> None:
    # A copy, as the second connection is one, is bounded by who made it.
    if _bounded.before is not None and connection is connections[alias()]:
        _bounded.before = _bound_session(connection)


@contextmanager
def savepoint(writes: bool = True) -> Iterator[None]:
    """The place of one TRANSACTIONAL step, or of a block of steps: its effect is kept whole or not at all."""
    db = connection()
    with _whole(db), transaction.atomic(using=db.alias):
        with settled(db):
            yield
        if writes and db.vendor == "postgresql":
            # A deferred constraint that fails at the commit would take the whole segment with it. SQLite has no cheap
            # check: there a segment whose commit fails is done again, in `checking_savepoint`s.
            db.check_constraints()


@contextmanager
def checking_savepoint(writes: bool = True) -> Iterator[None]:
    """As `savepoint`, in somebody else's transaction and on SQLite: only what the step itself broke is its error."""
    db = connection()
    # Outside a transaction the savepoint is one, and its own commit checks.
    outermost, committed = not db.in_atomic_block, Segment()
    checks = constraints.checked(db) if writes and not outermost else nullcontext()
    try:
        with _whole(db), transaction.atomic(using=db.alias), checks:
            if outermost:
                transaction.on_commit(committed.mark, using=db.alias)
            with settled(db):
                yield
    except Exception:
        if not committed.done:
            raise
        committed.log()


@contextmanager
def _whole(db: BaseDatabaseWrapper) -> Iterator[None]:
    """Django says nothing when the connection is lost at the rollback of a savepoint; nobody can go on behind it."""
    given_up = db.needs_rollback
    try:
        yield
    except Exception as error:
        if db.in_atomic_block and db.needs_rollback and not given_up and not transient(error):
            raise InterfaceError("The connection was lost at the rollback of a savepoint.") from error
        raise


def unheld(rows: QuerySet[R]) -> QuerySet[R]:
    """Of these rows, those that nobody holds, locked for this transaction; waits for none. SQLite has one writer."""
    features = connection().features
    if not features.has_select_for_update:
        return rows
    return rows.select_for_update(skip_locked=True, no_key=features.has_select_for_no_key_update)


def alone() -> None:
    """PostgreSQL would set further processes to work, which costs it more than the work itself, and is the workers'."""
    db = connection()
    if db.vendor == "postgresql":
        with db.cursor() as cursor:
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")


def bounding(rows: QuerySet[R]) -> QuerySet[R]:
    """These rows, bounding the transaction as they are read: its first statement, as a claim is."""
    if connection().vendor != "postgresql":
        return rows
    bounded: QuerySet[R] = rows.annotate(bounded=RawSQL(bounds(), []))  # type: ignore[assignment]  # noqa: S611 - constants
    return bounded


def transient(error: BaseException) -> bool:
    """Deadlocks, serialization failures and lost connections: never a job's result."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    cause: Any = error.__cause__
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state in _TRANSIENT_STATES or state.startswith(("08", "57P"))
    if not isinstance(error, OperationalError):
        return False
    number = error.args[0] if error.args else None
    if isinstance(number, int):
        return number in _TRANSIENT_NUMBERS
    # SQLite says "database is locked"; psycopg's lost connections carry no state.
    return connection().vendor != "sqlite" or "locked" in str(error)


def done_again(work: Callable[[], T]) -> T:
    """What a short transaction of its own answers: begun again where it had to give way to another's locks.

    Inside a caller's transaction nothing is repeated: that is lost as a whole.
    """
    for _attempt in range(2):
        try:
            return work()
        except DatabaseError as error:
            if connection().in_atomic_block or not transient(error):
                raise
    return work()


def database_now() -> datetime:
    """The database's clock."""
    db = connection()
    with db.cursor() as cursor:
        now = "clock_timestamp()" if db.vendor == "postgresql" else NOW[db.vendor]
        # An empty list of parameters, for what looks like one in SQLite's format.
        cursor.execute(f"SELECT {now}", [])
        return as_time(cursor.fetchone()[0])


def as_time(value: Any) -> datetime:
    """A time as a raw cursor gives it, aware."""
    from datetime import UTC

    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    assert isinstance(value, datetime)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
