"""Deferred constraints of what a step wrote: checked where the step ends, so that a violation is the step's own.

Only tables that the step touched are looked at, as the transaction may be somebody else's, who may have broken other
constraints on purpose and mend them before the commit. Touched is what statements name, those of cascades and of the
host's signal handlers too; what a COPY or a function in the database writes is left to the commit.
"""

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
#: FOR UPDATE and ON CONFLICT DO UPDATE are no statements of their own.
_WRITE = re.compile(
    r"(?<!for )(?<!key )(?<!do )\b(insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?|delete\s+from"
    rf"|merge\s+into)\s+(?:only\s+)?({_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE,
)
_SET = re.compile(r"\bset\b(.*?)(?:\bwhere\b|$)", re.IGNORECASE | re.DOTALL)
_ASSIGNED = re.compile(rf"({_NAME})\s*=")


@dataclass(frozen=True, slots=True)
class Write:
    """What one statement does to a table, named as the statement names it."""

    table: str
    #: Columns that rows which were there get new values in.
    columns: frozenset[str]
    #: Whether rows may go.
    deletes: bool

    def changes(self, key: frozenset[str]) -> bool:
        """Whether rows that refer to these columns may lose what they refer to."""
        return self.deletes or not key.isdisjoint(self.columns)


@lru_cache(maxsize=512)
def writes_of(statement: str) -> tuple[Write, ...]:
    """The writes in a statement of SQL; without parsing it, so rather one too many."""
    found = []
    for match in _WRITE.finditer(statement):
        verb = match[1].lower()
        assigned = _SET.search(statement, match.end())
        columns = frozenset(map(_unquoted, _ASSIGNED.findall(assigned[1]))) if assigned else frozenset()
        deletes = verb.startswith(("delete", "merge")) or "replace" in verb
        found.append(Write(match[2], columns, deletes))
    return tuple(found)


def _text(statement: Any, db: BaseDatabaseWrapper) -> str:
    """Hosts may hand over bytes and psycopg's composed statements, too."""
    if isinstance(statement, bytes):
        return statement.decode(errors="replace")
    return statement if isinstance(statement, str) else str(statement.as_string(db.connection))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def checked(db: BaseDatabaseWrapper) -> Iterator[None]:
    """Raises `IntegrityError` at the end if what was written inside breaks a deferred constraint.

    Inside a savepoint, which takes the writes back. MariaDB and MySQL defer nothing.
    """
    make = _CHECKS.get(db.vendor)
    if make is None:
        yield
        return
    check = make(db)

    def watch(execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        for write in writes_of(_text(statement, db)):
            check.before(write)
        return execute(statement, params, many, context)

    with db.execute_wrapper(watch):
        yield
    check.after()


@dataclass(frozen=True, slots=True)
class _Constraint:
    """A deferrable constraint of PostgreSQL: its quoted name, and the columns that others' rows refer to by it."""

    name: str
    initially_deferred: bool
    own: bool
    key: frozenset[str]


_OF_TABLE = """
    SELECT n.nspname, c.conname, c.condeferred, c.conrelid = to_regclass(%s),
        ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attnum = ANY(c.confkey))
    FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
    WHERE c.condeferrable AND (c.conrelid = to_regclass(%s) OR c.confrelid = to_regclass(%s))
"""

#: (alias, database, table as statements name it) -> what the catalogue says; asked once a process.
_known: dict[tuple[str, str, str], tuple[_Constraint, ...]] = {}


class _PostgresCheck:
    """SET CONSTRAINTS by name: what others deferred stays deferred."""

    def __init__(self, db: BaseDatabaseWrapper) -> None:
        self.db = db
        self.writes: set[Write] = set()

    def before(self, write: Write) -> None:
        self.writes.add(write)

    def after(self) -> None:
        touched: dict[str, bool] = {}
        for write in self.writes:
            for constraint in self._constraints(write.table):
                if constraint.own or write.changes(constraint.key):
                    touched[constraint.name] = constraint.initially_deferred
        deferred = ", ".join(sorted(name for name, deferred in touched.items() if deferred))
        others = ", ".join(sorted(name for name, deferred in touched.items() if not deferred))
        statements = []
        if deferred:
            statements += [f"SET CONSTRAINTS {deferred} IMMEDIATE", f"SET CONSTRAINTS {deferred} DEFERRED"]
        if others:
            # Whether the caller deferred these nobody can ask; a rollback puts them back to what they were. Not for
            # all: it forgets that they were checked, so that each step of a loop would check those before it again.
            statements += ["SAVEPOINT sluice_checks", f"SET CONSTRAINTS {others} IMMEDIATE"]
            statements += ["ROLLBACK TO SAVEPOINT sluice_checks", "RELEASE SAVEPOINT sluice_checks"]
        if statements:
            self._send("; ".join(statements))

    def _send(self, text: str) -> None:
        """In one round trip."""
        try:
            with self.db.cursor() as cursor:
                cursor.execute(text)
        except ProgrammingError:
            # A migration may have taken a constraint away; the next step finds that out.
            _known.clear()
            raise

    def _constraints(self, table: str) -> tuple[_Constraint, ...]:
        place = (self.db.alias, str(self.db.settings_dict["NAME"]), table)
        found = _known.get(place)
        if found is None:
            with self.db.cursor() as cursor:
                cursor.execute(_OF_TABLE, [table] * 3)
                found = _known[place] = tuple(
                    _Constraint(f"{_quoted(schema)}.{_quoted(name)}", deferred, own, frozenset(key))
                    for schema, name, deferred, own, key in cursor.fetchall()
                )
        return found


class _SqliteCheck:
    """Counts the rows without a partner before a table's first write and after its last: SQLite can't be asked for new
    ones. Each count reads the whole table."""

    def __init__(self, db: BaseDatabaseWrapper) -> None:
        self.db = db
        self.dangling: dict[str, Tally[tuple[Any, ...]]] = {}

    def before(self, write: Write) -> None:
        table = _unquoted(re.split(r"\.\s*(?=[^.]+$)", write.table)[-1])
        for each in {table, *self._referring(table, write)} - self.dangling.keys():
            self.dangling[each] = self._dangling(each)

    def after(self) -> None:
        for table, before in self.dangling.items():
            for row, other in self._dangling(table) - before:
                raise IntegrityError(
                    _("FOREIGN KEY constraint failed: row %(row)s of %(table)s refers to no row of %(other)s.")
                    % {"row": row, "table": table, "other": other}
                )

    def _referring(self, table: str, write: Write) -> set[str]:
        with self.db.cursor() as cursor:
            cursor.execute(
                'SELECT m.name, f."to" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f'
                " WHERE m.type = 'table' AND f.\"table\" = %s COLLATE NOCASE",
                [table],
            )
            # No column named: they refer to the primary key, whatever it is called.
            return {name for name, to in cursor.fetchall() if write.changes(frozenset({to} if to else write.columns))}

    def _dangling(self, table: str) -> Tally[tuple[Any, ...]]:
        """(row id, the table it refers to), by how many of its foreign keys refer to nothing there."""
        with self.db.cursor() as cursor:
            cursor.execute(f"PRAGMA foreign_key_list({_quoted(table)})")
            if not cursor.fetchall():
                return Tally()
            cursor.execute(f"PRAGMA foreign_key_check({_quoted(table)})")
            return Tally((row, other) for _table, row, other, _number in cursor.fetchall())


_CHECKS: dict[str, type[_PostgresCheck] | type[_SqliteCheck]] = {
    "postgresql": _PostgresCheck,
    "sqlite": _SqliteCheck,
}
