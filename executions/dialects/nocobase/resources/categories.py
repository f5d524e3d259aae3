"""Categories of workflows (spec nocobase-http 4.6)."""

from typing import Any

from django.db import router, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from executions.dialects.nocobase.errors import not_found
from executions.dialects.nocobase.resources.base import Answer, Resource, action, key_of
from executions.dialects.nocobase.resources.records import CategoryRecord
from workflows.api.serializers import CategoryChange
from workflows.errors import Invalid
from workflows.models import Category


class Categories(Resource):
    name = "workflowCategories"
    record = CategoryRecord
    writing = {"update": "workflows.change_category", "destroy": "workflows.delete_category"}

    @action("workflows.view_category", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("workflows.view_category", reads=True)
    def get(self) -> Answer:
        return self.got()

    @action("workflows.add_category")
    def create(self) -> Any:
        values = self._checked(partial=False)
        last = Category.objects.aggregate(Max("sort"))["sort__max"] or 0
        return self.shown([Category.objects.create(**{"sort": last + 1, **values})])[0]

    @action("workflows.change_category", aimed=True)
    def update(self) -> Any:
        values, rows = self._checked(partial=True), self.chosen()
        for row in rows:
            for name, value in values.items():
                setattr(row, name, value)
            row.save()
        return self.shown(rows)

    @action("workflows.delete_category", aimed=True)
    def destroy(self) -> int:
        rows = self.chosen()
        Category.objects.filter(pk__in=[row.pk for row in rows]).delete()
        return len(rows)

    @action("workflows.change_category")
    def move(self) -> str:
        """`sourceId` takes the place of `targetId`, and those between them move by one."""
        with transaction.atomic(using=router.db_for_write(Category)):
            rows = {row.pk: row for row in Category.objects.select_for_update().order_by("sort", "id")}
            source, target = (self._named(name, rows) for name in ("sourceId", "targetId"))
            order = list(rows)
            place = order.index(target)
            order.remove(source)
            order.insert(0 if self.call.flag("sticky") else place, source)
            for sort, pk in enumerate(order, start=1):
                rows[pk].sort = sort
            Category.objects.bulk_update(rows.values(), ["sort"])
        return "ok"

    def _named(self, name: str, rows: dict[int, Category]) -> int:
        raw = self.call.params.get(name)
        if raw in (None, "") and name == "targetId" and self.call.flag("sticky"):
            return next(iter(rows))
        if raw in (None, ""):
            raise Invalid(_("Name a category by its id."), field=name)
        pk = key_of(Category._meta.pk, raw)
        if pk not in rows:
            raise not_found()
        return int(pk)

    def _checked(self, *, partial: bool) -> dict[str, Any]:
        known = CategoryChange().fields
        values = {name: value for name, value in self.call.values.items() if name in known and value is not None}
        serializer = CategoryChange(data=values, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
