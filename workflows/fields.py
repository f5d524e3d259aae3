"""Model fields and index classes that behave alike on every database."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactCharField(models.CharField):  # type: ignore[type-arg]  # Django takes no parameters at run time
    """A CharField that compares case-sensitively on every database (MariaDB's default collation does not)."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = dict(super().db_parameters(connection))
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class SortedCharField(ExactCharField):
    """An ExactCharField that sorts by code point on every database, so that what begins with a text is a range."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


_ST = TypeVar("_ST")
_GT = TypeVar("_GT")


class LooseForeignKey(models.ForeignKey[_ST, _GT]):
    """A link that the database does not hold: what it leads to may go, and whoever deletes it says what becomes of it.

    To migrations it is a plain ForeignKey. It has no index of its own: those that queries need are named.
    """

    def __init__(self, to: Any, on_delete: Any = models.DO_NOTHING, **options: Any) -> None:
        super().__init__(to, on_delete, **{"db_constraint": False, "db_index": False, **options})

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.ForeignKey", arguments, options
