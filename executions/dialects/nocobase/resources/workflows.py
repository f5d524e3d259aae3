"""Workflows, one record a version (spec nocobase-http 4.2)."""

from collections.abc import Mapping
from typing import Any

from django.db import router, transaction
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from executions import once
from executions.dialects.nocobase.call import to_id
from executions.dialects.nocobase.errors import named, not_found
from executions.dialects.nocobase.resources.asking import asked_of
from executions.dialects.nocobase.resources.base import Action, Answer, Resource, action
from executions.dialects.nocobase.resources.parents import Inside
from executions.dialects.nocobase.resources.records import WorkflowRecord
from workflows import versions
from workflows.errors import Forbidden, Invalid
from workflows.models import Workflow
from workflows.requesting import core
from workflows.triggers import listening

#: The client's names of what may be written -> ours.
_CHANGED = {
    "title": "title", "description": "description", "enabled": "enabled", "triggerTitle": "trigger_title",
    "config": "config", "options": "options", "categories": "categories", "name": "name", "timeZone": "time_zone",
}  # fmt: skip
_CREATED = {**_CHANGED, "type": "type", "sync": "sync"}
_REVISED = {**{name: ours for name, ours in _CHANGED.items() if name != "config"}, "current": "current"}
_COPIED = {name: ours for name, ours in _CHANGED.items() if name != "config"}
_FLAGS = ("enabled", "sync", "current")
_THEIRS = {ours: theirs for theirs, ours in _CHANGED.items()}


class Workflows(Resource):
    name = "workflows"
    record = WorkflowRecord
    ranges = ("createdAt", "updatedAt")
    writing = {"update": "workflows.change_workflow", "destroy": "workflows.delete_workflow"}

    def perform(self, found: Action) -> "Answer | HttpResponseBase":
        with named(**_THEIRS):
            return super().perform(found)

    @action("workflows.view_workflow", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("workflows.view_workflow", reads=True)
    def get(self) -> Answer:
        return self.got()

    @action("workflows.add_workflow")
    def create(self) -> Any:
        values = _ours(self.call.values, _CREATED)
        if not values.get("type"):
            raise Invalid(_("Trigger type is required"), field="type")
        values["title"] = values.get("title") or _("Untitled")
        return self.shown([versions.create_workflow(by=self.user, lenient=True, **values)])[0]

    @action("workflows.change_workflow", aimed=True)
    def update(self) -> Any:
        values, rows = _ours(self.call.values, _CHANGED), self.chosen()
        if "config" in values and not rows:
            raise not_found()
        if values:
            with transaction.atomic(using=router.db_for_write(Workflow)):
                for row in rows:
                    versions.change_workflow(row, by=self.user, lenient=True, **values)
        # Making one current has changed others of them.
        return self.shown(list(Workflow.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk")))

    @action("workflows.delete_workflow", aimed=True)
    def destroy(self) -> int:
        """How many versions were deleted: with a current one all of its key."""
        return versions.delete(self.chosen(), by=self.user)

    @action("workflows.add_workflow")
    def revision(self) -> Any:
        """With `filter.key` a further version of the workflow, without a copy of it."""
        found = self.one()
        asked = self.call.filter or {}
        if "key" not in asked:
            return self.shown([versions.copy(found, by=self.user, **_ours(self.call.values, _COPIED))])[0]
        if asked["key"] != found.key:
            raise not_found()
        return self.shown([versions.revise(found, by=self.user, **_ours(self.call.values, _REVISED))])[0]

    @action("workflows.change_workflow")
    def sync(self) -> Answer:
        """Every process reads anew what listens."""
        listening.changed()
        return Answer(status=204)

    @action("workflows.execute_workflow", throttle="execute")
    def execute(self) -> Any:
        """Runs a version, enabled or not, to its first wait or end."""
        values, renew = self._unwrapped()
        pk = to_id(self.call.key())
        if pk is None:
            raise Invalid(_("filterByTk is invalid"), field="filterByTk")
        found = self.rows().filter(pk=pk).first()
        if found is None:
            error = not_found()
            error.message = _("workflow not found")
            raise error
        renew = renew and not versions.executed([pk])[pk]
        if renew and not self.user.has_perm("workflows.add_workflow"):
            raise Forbidden(_("No permissions"))
        execution = once.execute(found, values, by=self.user).execution
        shown = None if execution is None else {"id": execution.pk, "status": execution.status}
        if not renew:
            return {"execution": shown}
        # As it was before: it takes over what this one listened to.
        twin = versions.revise(found, by=self.user, enabled=found.enabled, current=found.current)
        return {"execution": shown, "newVersionId": twin.pk}

    @action("workflows.execute_workflow", throttle="execute")
    def trigger(self) -> Answer:
        """Runs the custom actions of no model that `triggerWorkflows` names, with the body as their data."""
        answered = core.trigger(asked_of(self.call), None, None, self.call.body)
        return Answer({}, bare=True, messages=answered.messages)

    def _unwrapped(self) -> tuple[Any, bool]:
        """(values, whether a new version is asked for); some documents send all in one body."""
        body, params = self.call.body, self.call.params
        combined = isinstance(body, Mapping) and {"filterByTk", "values"} <= body.keys()
        if combined and not self.call.given_keys:
            params["filterByTk"] = body["filterByTk"]
            return body["values"], body.get("autoRevision") in (True, 1, "1", "true")
        return {} if body is None else body, self.call.flag("autoRevision")


class WorkflowRevisions(Inside, Workflows):
    """All versions of one version's workflow."""

    name = "workflows.revisions"
    offered = ("list", "get")

    def rows(self) -> Any:
        rows = self.make_record().rows()
        return rows.filter(key__in=rows.filter(pk=self.parent_id).values("key")) if self.parent_id else rows.none()


def _ours(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What may be written, under our names; the rest is dropped, as there. Raises `Invalid`."""
    found = {names[name]: value for name, value in values.items() if name in names}
    for name in _FLAGS:
        if name in found and not isinstance(found[name], bool):
            if found[name] is None or found[name] in (0, 1):
                found[name] = bool(found[name])
            else:
                raise Invalid(_("One of true and false belongs here."), field=name)
    if found.get("categories") is None:
        found.pop("categories", None)
    if "categories" in found:
        found["categories"] = _category_ids(found["categories"])
    return found


def _category_ids(raw: Any) -> list[int]:
    items = raw if isinstance(raw, list) else [None]
    ids = [to_id(item.get("id") if isinstance(item, Mapping) else item) for item in items]
    if None in ids:
        raise Invalid(_("A list of categories belongs here, by their ids."), field="categories")
    return [pk for pk in ids if pk is not None]
