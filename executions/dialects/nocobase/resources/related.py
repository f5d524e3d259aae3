"""Rows of a model inside a row of another: `shop.Customer/3/orders:list` (spec nocobase-http 1.1)."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from executions.dialects.nocobase.errors import not_found
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.resources.base import Action, Answer, Resource, key_of
from executions.dialects.nocobase.resources.models import Rows, permission, record_of, rows_of
from workflows.coercion import Values
from workflows.collections import accessor, find_relation, is_many
from workflows.errors import Forbidden, Invalid


class RowsInside(Rows):
    """Mixed with the rows of what the relation leads to. Who may not view the parent sees nothing of it."""

    parent: ClassVar[type[Model]]
    relation: ClassVar[Any]

    def perform(self, found: Action) -> "Answer | HttpResponseBase":
        needed = [permission(self.parent, "view")]
        if found.method == "create" and self.relation.many_to_many:
            # A link is the parent's as well.
            needed.append(permission(self.parent, "change"))
        if not self.user.has_perms(needed):
            raise Forbidden(_("No permissions"))
        return super().perform(found)

    @cached_property
    def above(self) -> Model | None:
        """The row that the path names; None where there is none."""
        key = key_of(self.parent._meta.pk, self.call.target.parent_pk)
        rows: QuerySet[Any] = record_of(self.parent)(self.user).rows()
        if self.alias:
            rows = rows.using(self.alias)
        return None if key is None else cast("Model | None", rows.filter(pk=key).first())

    def rows(self) -> "QuerySet[Any]":
        rows = super().rows()
        if self.above is None:
            return rows.none()
        if self.relation.many_to_many:
            linked = getattr(self.above, accessor(self.relation)).order_by().values("pk")
            return rows.using(self.above._state.db).filter(pk__in=linked)
        here, there = self._columns()
        value = getattr(self.above, here)
        return rows.none() if value is None else rows.filter(**{there: value})

    def _columns(self) -> tuple[str, str]:
        """The parent's column that must equal one of these rows'."""
        if self.relation.concrete:
            return self.relation.attname, self.relation.target_field.attname
        field = self.relation.field
        return field.target_field.attname, field.attname

    def given(self) -> dict[str, Any]:
        """A new row belongs to the parent, whatever else is said of that."""
        values = super().given()
        if self.above is None:
            raise not_found()
        if self.relation.many_to_many:
            return values
        here, there = self._columns()
        field = self.relation.field
        return {
            **{name: value for name, value in values.items() if name not in (field.name, there)},
            there: getattr(self.above, here),
        }

    def _saved(self, row: Model, values: Values, *, insert: bool = False) -> Model:
        if not (insert and self.relation.many_to_many):
            return super()._saved(row, values, insert=insert)
        with transaction.atomic(using=self.writes_on):
            saved = super()._saved(row, values, insert=insert)
            try:
                with transaction.atomic(using=self.writes_on):
                    getattr(self.above, accessor(self.relation)).add(saved)
            except IntegrityError as error:
                raise Invalid(_("The row can't be kept: %s") % " ".join(str(error).split())[:300]) from error
        return saved


class RowBehind(RowsInside):
    """The one row that a to-one relation leads to: it needs no key, and a GET without an action gets it."""

    offered = ("list", "get")
    alone = True

    @classmethod
    def action_for(cls, target: Target, method: str) -> str | None:
        return "get" if target.action is None and method in ("GET", "HEAD") else super().action_for(target, method)


def rows_inside(parent: type[Model], name: str) -> type[Resource] | None:
    """None where the model has no such relation that may be followed."""
    if name not in record_of(parent).relations:
        return None
    relation: Any = find_relation(parent, name)
    base = RowsInside if is_many(relation) else RowBehind
    rows = rows_of(relation.related_model)
    own: Mapping[str, Any] = {"parent": parent, "relation": relation, "name": f"{parent._meta.label}.{name}"}
    return type(f"{parent.__name__}{rows.__name__}", (base, rows), dict(own))
