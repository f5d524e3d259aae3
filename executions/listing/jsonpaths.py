"""Values inside JSON columns, by a path: as text or as a number, alike on every database."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CharField, F, FloatField, Func, Q, TextField
from django.db.models.functions import Cast, Collate
from django.utils.translation import gettext as _

#: Parts a path may have.
DEPTH = 8
_PART = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def parse(path: str) -> tuple[str, ...]:
    """The parts of `data.items.0`. Raises `ValidationError` for what is no path."""
    parts = tuple(path.split("."))
    if len(parts) > DEPTH or not all(_PART.fullmatch(part) for part in parts):
        raise ValidationError(
            _("A path is 1 to %d names with dots between; a name is of letters, digits, _ and -.") % DEPTH
        )
    return parts


class _Inside(Func):
    """Something of the value at a path; null where there is none."""

    def __init__(self, column: str, parts: Sequence[str]) -> None:
        super().__init__(F(column))
        self.parts = tuple(parts)

    #: By vendor: SQL with the column and, each time, the path as a parameter.
    sql: dict[str, str]

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        [expression] = self.get_source_expressions()
        column, values = compiler.compile(expression)
        path: Any = list(self.parts) if connection.vendor == "postgresql" else _json_path(self.parts)
        pieces = self.sql[connection.vendor].split("{path}")
        columns = [piece.count("{column}") for piece in pieces]
        given: list[Any] = []
        for index, count in enumerate(columns):
            given += [*values] * count
            if index < len(columns) - 1:
                given.append(path)
        return "%s".join(pieces).replace("{column}", column), given


def _json_path(parts: Sequence[str]) -> str:
    """For SQLite and MariaDB; a number is a place in a list there."""
    return "$" + "".join(f"[{int(part)}]" if part.isdecimal() else f'."{part}"' for part in parts)


class JsonText(_Inside):
    """A text as it is; a number or a flag as JSON writes it."""

    output_field = CharField()
    sql = {
        # By code point, as the others compare.
        "postgresql": '(({column} #>> {path}::text[]) COLLATE "C")',
        "mysql": "JSON_UNQUOTE(JSON_EXTRACT({column}, {path}))",
        "sqlite": "(CASE JSON_TYPE({column}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
        " ELSE CAST(JSON_EXTRACT({column}, {path}) AS TEXT) END)",
    }


class JsonNumber(_Inside):
    """A number; null for everything else."""

    output_field = FloatField()
    sql = {
        "postgresql": "(CASE WHEN jsonb_typeof({column} #> {path}::text[]) = 'number'"
        " THEN ({column} #>> {path}::text[])::numeric END)",
        "mysql": "(CASE WHEN JSON_TYPE(JSON_EXTRACT({column}, {path})) IN"
        " ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL') THEN JSON_EXTRACT({column}, {path}) + 0.0 END)",
        "sqlite": "(CASE WHEN JSON_TYPE({column}, {path}) IN ('integer', 'real')"
        " THEN JSON_EXTRACT({column}, {path}) END)",
    }


class JsonKind(_Inside):
    """ "parts" of an object or a list, "scalar" of any other value, null where there is none."""

    output_field = CharField()
    sql = {
        "postgresql": "(CASE WHEN jsonb_typeof({column} #> {path}::text[]) IN ('object', 'array')"
        " THEN 'parts' WHEN {column} #> {path}::text[] IS NOT NULL THEN 'scalar' END)",
        "mysql": "(CASE WHEN JSON_TYPE(JSON_EXTRACT({column}, {path})) IN ('OBJECT', 'ARRAY')"
        " THEN 'parts' WHEN JSON_EXTRACT({column}, {path}) IS NOT NULL THEN 'scalar' END)",
        "sqlite": "(CASE WHEN JSON_TYPE({column}, {path}) IN ('object', 'array')"
        " THEN 'parts' WHEN JSON_TYPE({column}, {path}) IS NOT NULL THEN 'scalar' END)",
    }


class _FoldedCast(Cast):
    """A whole JSON column as text whose case does not matter to a comparison."""

    def __init__(self, column: str) -> None:
        super().__init__(F(column), TextField())

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        folded = Collate(Cast(self.get_source_expressions()[0], TextField()), "utf8mb4_general_ci")
        return compiler.compile(folded)


def contains(column: str, text: str, *, is_json: bool) -> tuple[dict[str, Any], Q]:
    """(annotations, condition): the column has this text somewhere, whatever its case."""
    if not is_json:
        return {}, Q(**{f"{column}__icontains": text})
    name = f"_{column}_text"
    # As it stands in JSON: quotes and backslashes escaped, other letters perhaps.
    escaped = {json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]}
    found = Q()
    for each in sorted(escaped):
        found |= Q(**{f"{name}__icontains": each})
    return {name: _FoldedCast(column)}, found
