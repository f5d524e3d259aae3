"""Events that were accepted: a second one with the same key yields no second run."""

from collections.abc import Sequence

from django.db import IntegrityError

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
    wanted = sorted(set(pairs))
    db = connection()
    if db.vendor == "mysql":
        known = [pair for pair in wanted if not _insert_one(pair)]
    else:
        new = _insert_new(wanted)
        known = [pair for pair in wanted if pair not in new]
    if not known:
        return {}
    firsts = Execution.objects.using(db.alias).filter(event_key__in=[pair[1] for pair in known])
    runs = {(run.key, run.event_key): run for run in firsts.order_by("-id")}
    return {pair: runs.get(pair) for pair in known}


def forget(pairs: Sequence[Pair]) -> None:
    """Drops pairs that nothing came of."""
    for key, event_key in sorted(pairs):
        EventKey.objects.using(connection().alias).filter(key=key, event_key=event_key).delete()


def _insert_new(pairs: Sequence[Pair]) -> set[Pair]:
    db = connection()
    table = db.ops.quote_name(EventKey._meta.db_table)
    now = sql.NOW[db.vendor]
    marks = ", ".join([f"(%s, %s, {now})"] * len(pairs))
    with db.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({db.ops.quote_name('key')}, event_key, created_at) VALUES {marks}"
            f" ON CONFLICT DO NOTHING RETURNING {db.ops.quote_name('key')}, event_key",
            [value for pair in pairs for value in pair],
        )
        return {(key, event_key) for key, event_key in cursor.fetchall()}


def _insert_one(pair: Pair) -> bool:
    """MariaDB: only error 1062 means "there already"; INSERT IGNORE would swallow every other fault too.

    A refused row leaves the transaction as it was there, so no savepoint is needed.
    """
    db = connection()
    key, table = db.ops.quote_name("key"), db.ops.quote_name(EventKey._meta.db_table)
    try:
        with db.cursor() as cursor:
            values = f"VALUES (%s, %s, {sql.NOW[db.vendor]})"
            cursor.execute(f"INSERT INTO {table} ({key}, event_key, created_at) {values}", pair)
    except IntegrityError as error:
        if error.args and error.args[0] == _DUPLICATE:
            return False
        raise
    return True
