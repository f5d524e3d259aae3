"""Events that were accepted: a second one with the same key yields no second run."""

from collections.abc import Iterable, Sequence

from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper

from executions.models import EventKey, Execution
from executions.store import sql
from executions.store.session import connection

_DUPLICATE = 1062

Pair = tuple[str, str]


def remember(pairs: Sequence[Pair]) -> dict[Pair, Execution | None]:
    """Notes (workflow key, event key) pairs, in the caller's transaction; answers those known before, with their
    first run.

    Sorted, so that two callers with the same keys wait for one another instead of locking each other out.
    """
    db = connection()
    new = note(db, pairs)
    known = [pair for pair in pairs if pair not in new]
    if not known:
        return {}
    firsts = Execution.objects.using(db.alias).filter(event_key__in=[pair[1] for pair in known])
    runs = {(run.key, run.event_key): run for run in firsts.order_by("-id")}
    return {pair: runs.get(pair) for pair in known}


def is_known(pair: Pair) -> bool:
    key, event_key = pair
    return EventKey.objects.using(connection().alias).filter(key=key, event_key=event_key).exists()


def forget(pairs: Sequence[Pair]) -> None:
    """Drops pairs that nothing came of."""
    for key, event_key in sorted(pairs):
        EventKey.objects.using(connection().alias).filter(key=key, event_key=event_key).delete()


def note(db: BaseDatabaseWrapper, pairs: Iterable[Pair]) -> set[Pair]:
    """Notes pairs in the transaction under way on this connection; answers those that were not known."""
    wanted = sorted(set(pairs))
    if db.vendor != "mysql":
        return _insert_new(db, wanted)
    # A statement that is refused leaves the transaction as it was there, so no savepoint is needed.
    if len(wanted) > 1 and _inserted(db, wanted):
        return set(wanted)
    return {pair for pair in wanted if _inserted(db, [pair])}


def _insert_new(db: BaseDatabaseWrapper, pairs: Sequence[Pair]) -> set[Pair]:
    with db.cursor() as cursor:
        cursor.execute(
            f"{_insert(db, len(pairs))} ON CONFLICT DO NOTHING RETURNING {db.ops.quote_name('key')}, event_key",
            [value for pair in pairs for value in pair],
        )
        return {(key, event_key) for key, event_key in cursor.fetchall()}


def _inserted(db: BaseDatabaseWrapper, pairs: Sequence[Pair]) -> bool:
    """MariaDB: whether none was there. Only error 1062 says so; INSERT IGNORE would swallow every other fault too."""
    try:
        with db.cursor() as cursor:
            cursor.execute(_insert(db, len(pairs)), [value for pair in pairs for value in pair])
    except IntegrityError as error:
        if error.args and error.args[0] == _DUPLICATE:
            return False
        raise
    return True


def _insert(db: BaseDatabaseWrapper, number: int) -> str:
    table = db.ops.quote_name(EventKey._meta.db_table)
    marks = ", ".join([f"(%s, %s, {sql.NOW[db.vendor]})"] * number)
    return f"INSERT INTO {table} ({db.ops.quote_name('key')}, event_key, created_at) VALUES {marks}"
