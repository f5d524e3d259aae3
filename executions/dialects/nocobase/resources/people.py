"""Users as others see them: never more than their names."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from executions.dialects.nocobase.records import Computed, Record
from executions.dialects.nocobase.selection import Selection


class _UserModel:
    """The user model is known once the apps are there."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return get_user_model()


class _UserColumns:
    def __get__(self, instance: Any, owner: Any) -> dict[str, str]:
        model = get_user_model()
        return {"id": model._meta.pk.attname, "username": model.USERNAME_FIELD}


class UserRecord(Record):
    name = "users"
    model = _UserModel()
    columns = _UserColumns()
    computed = {"nickname": Computed(lambda user: nickname_of(user))}
    # Who may see a row may see whose it is.
    view = None

    def only(self, rows: "QuerySet[Any]", selection: Selection, *more: str) -> "QuerySet[Any]":
        # What the project's own user model makes a name of is not known here.
        return rows


def nickname_of(user: Any) -> str:
    return str(getattr(user, "get_full_name", lambda: "")() or user.get_username())


def email_of(user: Any) -> str | None:
    return getattr(user, type(user).get_email_field_name(), "") or None
