"""The inbox: manual tasks, copies, and how many there are (spec nocobase-http 4.6)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from executions.dialects.nocobase.errors import not_found
from executions.dialects.nocobase.pages import page_of, paginated
from executions.dialects.nocobase.resources.base import Answer, Resource, action, key_of
from executions.dialects.nocobase.resources.taskrecords import CopyRecord, TaskRecord
from executions.inbox import reading, submitting
from executions.models import Task, TaskType
from workflows.errors import Invalid

_LONGEST_STATS = 200


class Tasks(Resource):
    """Those of one type; one's own, and with the permission to view tasks everybody's by `list`."""

    type: ClassVar[TaskType]
    counted = False

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        # The workflow is not a column of tasks, but its key is.
        if isinstance(wanted := call.filter, Mapping):
            call.params["filter"] = _with_key(wanted)

    def rows(self) -> Any:
        if self.call.action in ("listMine", "read", "unread"):
            return reading.of(self.user).filter(type=self.type)
        return reading.readable(self.user).filter(type=self.type)

    @action("executions.view_task", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action(None, reads=True)
    def list_mine(self) -> Answer:
        return self.listed()

    @action(None, reads=True)
    def get(self) -> Answer:
        return self.got()


class ManualTasks(Tasks):
    name = "workflowManualTasks"
    type = TaskType.MANUAL
    record = TaskRecord

    @action(None)
    def submit(self) -> Answer:
        """Takes {"result": {form: {field: value}, "_": action}} of a task of one's own."""
        pk = key_of(Task._meta.pk, self.call.key())
        known = Task.objects.filter(pk=pk, type=self.type) if pk is not None else Task.objects.none()
        if not known.exists():
            raise not_found()
        task = submitting.submit(pk, self.call.values.get("result"), by=self.user)
        return Answer(self.shown([task])[0], status=202)


class Copies(Tasks):
    name = "workflowCcTasks"
    type = TaskType.CC
    record = CopyRecord

    @action(None, reads=True)
    def list(self) -> Answer:
        """One's own, and those of others that one may see."""
        return self.listed()

    @action(None, aimed=True)
    def read(self) -> Any:
        return self._mark(read=True)

    @action(None, aimed=True)
    def unread(self) -> Any:
        return self._mark(read=False)

    @action(None)
    def read_all(self) -> int:
        return reading.mark_all_read(by=self.user, type=self.type)

    def _mark(self, *, read: bool) -> Any:
        rows = Task.objects.filter(type=self.type)
        keys = [key_of(Task._meta.pk, raw) for raw in self.call.given_keys]
        found = [*rows.filter(pk__in=[key for key in keys if key is not None]).order_by("pk")]
        if len(found) < len(keys):
            raise not_found()
        return self.shown([reading.mark_read(row, by=self.user, read=read) for row in found])


class TaskTotals(Resource):
    """By type, as the badge shows them."""

    name = "userWorkflowTasks"

    @action(None, reads=True)
    def list_mine(self) -> Answer:
        types = reading.counts(self.user)["types"]
        wanted = self._types()
        rows = [
            {"id": number, "userId": self.user.pk, "type": name, "stats": stats}
            for number, (name, stats) in enumerate(sorted(types.items()), start=1)
            if stats["all"] and (wanted is None or name in wanted)
        ]
        if not paginated(self.call):
            return Answer(rows)
        page, size = page_of(self.call)
        begin, count = (page - 1) * size, len(rows)
        meta = {"count": count, "page": page, "pageSize": size, "totalPage": -(-count // size)}
        return Answer(rows[begin : begin + size], meta)

    def _types(self) -> Any:
        """Those that `filter.type` names; None for all. These rows are counted, so no other filter can be asked."""
        wanted = self.call.filter or {}
        named = wanted.get("type") if isinstance(wanted, Mapping) and set(wanted) <= {"type"} else [None]
        if isinstance(named, Mapping) and set(named) <= {"$in", "$eq"}:
            named = next(iter(named.values()), None)
        if named is None:
            return None
        named = named if isinstance(named, list) else [named]
        if not all(isinstance(each, str) for each in named):
            raise Invalid(_('Only {"type": [...]} can be asked here.'), field="filter")
        return named


class TaskStats(Resource):
    """By workflow, as the task centre shows them."""

    name = "userWorkflowTaskStats"

    @action(None, reads=True)
    def list_mine(self) -> Answer:
        type, search = (self._text(name) for name in ("type", "search"))
        totals: dict[str, dict[str, Any]] = {}
        for row in reading.counts(self.user)["workflows"]:
            if (type and row["type"] != type) or (search and search.lower() not in row["title"].lower()):
                continue
            known = {"workflowKey": row["key"], "title": row["title"], "stats": {"pending": 0, "all": 0}}
            stats = totals.setdefault(row["key"], known)["stats"]
            for name in stats:
                stats[name] += row[name]
        page, size = page_of(self.call) if "pageSize" in self.call.params else (page_of(self.call)[0], _LONGEST_STATS)
        if size > _LONGEST_STATS:
            raise Invalid(_("A number up to %d belongs here.") % _LONGEST_STATS, field="pageSize")
        begin, rows = (page - 1) * size, list(totals.values())
        meta = {"page": page, "pageSize": size, "hasNext": len(rows) > begin + size}
        return Answer(rows[begin : begin + size], meta)

    def _text(self, name: str) -> str:
        raw = self.call.params.get(name) or ""
        if not isinstance(raw, str):
            raise Invalid(_("A text belongs here."), field=name)
        return raw


def _with_key(wanted: Any) -> Any:
    """{"workflow.key.$in": x} and {"workflow": {"key": x}} as conditions on the task's own column."""
    if isinstance(wanted, list):
        return [_with_key(each) for each in wanted]
    if not isinstance(wanted, Mapping):
        return wanted
    found: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == "workflow" and isinstance(value, Mapping) and set(value) == {"key"}:
            found["workflowKey"] = value["key"]
        elif name.startswith("workflow.key"):
            found["workflowKey" + name.removeprefix("workflow.key")] = value
        else:
            found[name] = _with_key(value)
    return found
