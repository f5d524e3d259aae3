"""Tests of list columns (JSON, or PostgreSQL arrays) that Django has no lookup for on every database."""

import json
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, IntegerField, JSONField, Q, Value
from django.db.models.lookups import Exact
from django.db.models.sql.compiler import SQLCompiler


class _Holds(Func):
    """Whether a JSON list holds a scalar. The second argument is the scalar's JSON text."""

    template = "JSON_CONTAINS(%(expressions)s)"
    output_field = BooleanField()
    arity = 2

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s::jsonb)", arg_joiner=" @> ")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        # json_each yields 1 for true and 1 alike; the types are compared too.
        template = (
            "EXISTS(SELECT 1 FROM json_each(%(expressions)s) AS wanted WHERE one.value = wanted.value "
            "AND one.type = wanted.type)"
        )
        return self.as_sql(compiler, connection, template=template, arg_joiner=") AS one, json_each(")


class _Length(Func):
    """The length of a JSON list; on PostgreSQL NULL of anything else."""

    template = "JSON_LENGTH(%(expressions)s)"
    output_field = IntegerField()
    arity = 1

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        # Written twice, as a column without parameters may be: the length of anything else is an error there.
        template = "CASE WHEN jsonb_typeof(%(expressions)s) = 'array' THEN jsonb_array_length(%(expressions)s) END"
        return self.as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Any:
        return self.as_sql(compiler, connection, template="json_array_length(%(expressions)s)")


def is_array(field: Any) -> bool:
    """Whether the column may hold lists."""
    return isinstance(field, JSONField) or _native(field)


def _native(field: Any) -> bool:
    # By name: importing django.contrib.postgres needs psycopg.
    return any(kind.__name__ == "ArrayField" for kind in type(field).__mro__)


def is_empty_array(path: str, field: Any) -> Q:
    return Q(**{f"{path}__len": 0}) if _native(field) else Q(**{f"{path}__exact": []})


def has_any(path: str, field: Any, items: list[Any]) -> Q:
    """The list holds at least one of the items."""
    if _native(field):
        return Q(**{f"{path}__overlap": items})
    q = Q(pk__in=[])
    for item in items:
        q |= Q(_holds(path, item))
    return q


def same_set(path: str, field: Any, items: list[Any]) -> Q:
    """The list holds exactly the items, in whatever order."""
    if _native(field):
        return Q(**{f"{path}__contains": items, f"{path}__contained_by": items})
    if not items:
        return Q(**{f"{path}__exact": []})
    q = Q(Exact(_Length(F(path)), len(items)))
    for item in items:
        q &= Q(_holds(path, item))
    return q


def _holds(path: str, item: Any) -> _Holds:
    return _Holds(F(path), Value(json.dumps(item, ensure_ascii=False)))
