"""Rows in bulk, in each database's quickest form. Times are aware, JSON columns come as text already."""

import json
import json.encoder
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = Sequence[Any]

#: SQLite compares times as text: six decimals, as Django writes them. The braces take modifiers such as ", '+1 hour'".
SQLITE_NOW = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW'{}) || '000'"
#: The database's clock at the start of the statement or transaction, in UTC.
NOW = {"postgresql": "now()", "mysql": "UTC_TIMESTAMP(6)", "sqlite": SQLITE_NOW.format("")}
#: What is due is due by this. SQLite's clock counts whole milliseconds, and times of runs are finer: all of the present
#: one is due, or what came due in it would wait for the next look.
DUE_BY = {**NOW, "sqlite": SQLITE_NOW.format("").replace("'000'", "'999'")}


def _encoder() -> Callable[[Any], str]:
    """One encoder for all values: `JSONEncoder.encode` makes a new one each time, which takes longer than most do."""
    plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    chunks = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_dumps = _encoder()


class Raw(str):
    """Text that is JSON already and goes into a JSON column as it is."""

    __slots__ = ()


def as_json(value: Any) -> Raw | None:
    """JSON text of a value that `jsonable` has made; None is SQL's NULL."""
    return None if value is None else Raw(_dumps(value))


def insert(db: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Inserts all rows in one statement (PostgreSQL: COPY, the cheapest for both sides)."""
    if not rows:
        return
    table = db.ops.quote_name(model._meta.db_table)
    names = ", ".join(db.ops.quote_name(column) for column in columns)
    with db.cursor() as cursor:
        if db.vendor == "postgresql":
            # Django translates the errors of statements, but not those of a COPY.
            with db.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write("".join(map(_copy_line, rows)))
            return
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", _adapted(db, rows))


def update(db: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> int:
    """Updates rows by id; each row is (id, *values of columns). Answers how many rows there were."""
    if not rows:
        return 0
    table = db.ops.quote_name(model._meta.db_table)
    with db.cursor() as cursor:
        if db.vendor == "postgresql":
            cursor.execute(_update_from_json(db, model, tuple(columns)), [_json_rows(("id", *columns), rows)])
            return int(cursor.rowcount)
        sets = ", ".join(f"{db.ops.quote_name(column)} = %s" for column in columns)
        cursor.executemany(
            f"UPDATE {table} SET {sets} WHERE id = %s", _adapted(db, [(*row[1:], row[0]) for row in rows])
        )
        return len(rows)


class Writes:
    """Writes of one transaction in few round trips: on PostgreSQL all but large inserts travel as one statement."""

    #: More new rows than this go by COPY, which costs a round trip more and far less per row.
    SMALL = 30

    def __init__(self, db: BaseDatabaseWrapper) -> None:
        self.db = db
        self._statements: list[tuple[str, list[Any]]] = []

    def insert(self, model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
        if self.db.vendor != "postgresql" or len(rows) > self.SMALL:
            insert(self.db, model, columns, rows)
        elif rows:
            marks = "(" + ", ".join(["%s"] * len(columns)) + ")"
            names = ", ".join(f'"{column}"' for column in columns)
            text = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([marks] * len(rows))}'
            self._statements.append(
                (text, [str(value) if type(value) is Raw else value for row in rows for value in row])
            )

    def update(self, model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
        if self.db.vendor != "postgresql":
            update(self.db, model, columns, rows)
        elif rows:
            text = _update_from_json(self.db, model, tuple(columns))
            self._statements.append((text, [_json_rows(("id", *columns), rows)]))

    def add(self, text: str, parameters: list[Any]) -> None:
        self._statements.append((text, parameters))

    def send(self) -> None:
        if not self._statements:
            return
        with self.db.cursor() as cursor:
            if self.db.vendor != "postgresql":
                for text, parameters in self._statements:
                    cursor.execute(text, parameters)
                return
            *first, last = [text for text, _ in self._statements]
            parts = ", ".join(f"w{number} AS ({text} RETURNING 1)" for number, text in enumerate(first))
            parameters = [value for _, values in self._statements for value in values]
            cursor.execute(f"WITH {parts} {last}" if parts else last, parameters)


@lru_cache(maxsize=64)
def _update_sql(model: type[models.Model], columns: tuple[str, ...], types: tuple[str, ...]) -> str:
    table = f'"{model._meta.db_table}"'
    sets = ", ".join(f'"{column}" = v."{column}"' for column in columns)
    record = ", ".join(f'"{column}" {kind}' for column, kind in zip(columns, types, strict=True))
    return f"UPDATE {table} SET {sets} FROM json_to_recordset(%s) AS v(id bigint, {record}) WHERE {table}.id = v.id"


_types: dict[tuple[type[models.Model], tuple[str, ...]], tuple[str, ...]] = {}


def _update_from_json(db: BaseDatabaseWrapper, model: type[models.Model], columns: tuple[str, ...]) -> str:
    found = _types.get((model, columns))
    if found is None:
        by_column = {field.column: field for field in model._meta.concrete_fields}
        found = tuple(
            str(by_column[column].rel_db_type(db) if by_column[column].is_relation else by_column[column].db_type(db))
            for column in columns
        )
        found = tuple(kind.replace(" GENERATED BY DEFAULT AS IDENTITY", "") for kind in found)
        _types[(model, columns)] = found
    return _update_sql(model, columns, found)


def _json_rows(columns: Sequence[str], rows: Iterable[Row]) -> str:
    heads = [f'"{column}":' for column in columns]
    lines = []
    for row in rows:
        lines.append("{" + ",".join([head + _json_value(value) for head, value in zip(heads, row, strict=True)]) + "}")
    return "[" + ",".join(lines) + "]"


def _json_value(value: Any) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is Raw:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is datetime:
        return f'"{_iso(value)}"'
    if isinstance(value, int):
        return str(int(value))
    return _dumps(str(value))


@lru_cache(maxsize=64)
def _iso(moment: datetime) -> str:
    """The time of a write stands in every one of its rows; to write it out takes longer than to look it up."""
    return moment.isoformat()


def _copy_line(row: Row) -> str:
    # Half of a row is null as a rule.
    return "\t".join([r"\N" if value is None else _copy_value(value) for value in row]) + "\n"


def _copy_value(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is Raw:
        # JSON text holds no control characters of its own; only its backslashes meet COPY's.
        return value.replace("\\", "\\\\") if "\\" in value else value  # type: ignore[no-any-return]
    if kind is datetime:
        return _iso(value)
    if kind is bool:
        return "t" if value else "f"
    if isinstance(value, int):
        return str(int(value))
    text = str(value)
    if text.isalnum():
        return text
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _adapted(db: BaseDatabaseWrapper, rows: Iterable[Row]) -> list[list[Any]]:
    adapt = db.ops.adapt_datetimefield_value
    return [
        [adapt(value) if isinstance(value, datetime) else str(value) if type(value) is Raw else value for value in row]
        for row in rows
    ]


def leap(name: str, table: str, where: str) -> str:
    """The distinct queues of an index, one probe each: queues are few, rows are many."""
    after = f"SELECT MIN(queue) FROM {table} WHERE {where} AND queue > {name}.queue"
    first = f"SELECT MIN(queue) FROM {table} WHERE {where}"
    return f"{name}(queue) AS ({first} UNION ALL SELECT ({after}) FROM {name} WHERE {name}.queue IS NOT NULL)"


def insert_one(db: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[str], row: Row) -> int:
    """Inserts one row and answers its id."""
    table = db.ops.quote_name(model._meta.db_table)
    names = ", ".join(db.ops.quote_name(column) for column in columns)
    marks = ", ".join(["%s"] * len(columns))
    returning = " RETURNING id" if db.vendor != "mysql" else ""
    with db.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}){returning}", _adapted(db, [row])[0])
        return int(cursor.fetchone()[0] if returning else cursor.lastrowid)


def insert_returning(
    db: BaseDatabaseWrapper, model: type[models.Model], names: str, rows: Sequence[str], values: Sequence[Any]
) -> list[int]:
    """Inserts rows given as SQL with their values; answers their ids in the order of the rows."""
    table = db.ops.quote_name(model._meta.db_table)
    text = f"INSERT INTO {table} ({names}) VALUES {', '.join(rows)}"
    [adapted] = _adapted(db, [values])
    with db.cursor() as cursor:
        if db.features.can_return_rows_from_bulk_insert:
            cursor.execute(f"{text} RETURNING id", adapted)
            return sorted(row[0] for row in cursor.fetchall())
        # MySQL tells the first id of a statement; those of one INSERT ... VALUES follow one another.
        cursor.execute(text, adapted)
        return list(range(cursor.lastrowid, cursor.lastrowid + len(rows)))
