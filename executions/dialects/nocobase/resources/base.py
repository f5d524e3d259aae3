"""A resource: actions by name, each with its permission, and what all of them share."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import MOST_KEYS, Call
from executions.dialects.nocobase.errors import not_found
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.pages import paged
from executions.dialects.nocobase.records import Record
from executions.dialects.nocobase.searching import Searcher, search
from executions.dialects.nocobase.selection import check_view, selection_of
from workflows.conf import ThrottleScope
from workflows.errors import Invalid
from workflows.listing.bounds import bounded

F = TypeVar("F", bound=Callable[..., Any])

#: What only reads may be got as well as posted; the rest by the method that means it too.
_METHODS = {"update": {"POST", "PUT", "PATCH"}, "destroy": {"POST", "DELETE"}}
#: Nobody needs to be signed in.
PUBLIC = "public"


@dataclass(frozen=True)
class Answer:
    """`data` and what stands beside it; `status` 204 has no body."""

    data: Any = None
    meta: dict[str, Any] | None = None
    status: int = 200
    messages: list[str] | None = None
    #: The whole body, where it is not wrapped.
    bare: bool = False


@dataclass(frozen=True)
class Action:
    """How an action is let in. `permission` None needs a signed-in user and nothing more."""

    method: str
    permission: str | None
    reads: bool
    #: Refused without a key or a filter, before anything else.
    aimed: bool
    throttle: ThrottleScope | None

    def allows(self, name: str, method: str) -> bool:
        if self.reads and method in ("GET", "HEAD"):
            return True
        return method in _METHODS.get(name, {"POST"})


def action(
    permission: str | None, *, reads: bool = False, aimed: bool = False, throttle: ThrottleScope | None = None
) -> Callable[[F], F]:
    """Makes a method an action; `destroy_branch` is `destroyBranch` to the client."""

    def mark(method: F) -> F:
        method.nocobase = Action(method.__name__, permission, reads, aimed, throttle)  # type: ignore[attr-defined]
        return method

    return mark


class _Nothing(Record):
    """What resources show that have no rows."""

    columns: Mapping[str, str] = {}


class Resource:
    """The base; an instance serves one call."""

    name: ClassVar[str]
    record: ClassVar[type[Record]] = _Nothing
    #: The parameters beside `filter` that filter too.
    ranges: ClassVar[tuple[str, ...]] = ()
    #: Whether lists count.
    counted: ClassVar[bool] = True
    #: The actions that there are, where not all that the class has.
    offered: ClassVar[tuple[str, ...]] = ()
    #: Whether there is one row at most, so that nobody needs to name it.
    alone: ClassVar[bool] = False
    #: Of the record, for `meta.allowedActions`.
    writing: ClassVar[dict[str, str]] = {}

    def __init__(self, call: Call) -> None:
        self.call = call
        self.user = call.user

    @classmethod
    def actions(cls) -> dict[str, Action]:
        """By the client's names."""
        found = {}
        for name in dir(cls):
            marked = getattr(getattr(cls, name), "nocobase", None)
            called = camel(name.rstrip("_"))
            if marked is not None and (not cls.offered or called in cls.offered):
                found[called] = marked
        return found

    @classmethod
    def action_for(cls, target: Target, method: str) -> str | None:
        return target.action_for(method)

    def perform(self, found: Action) -> "Answer | HttpResponseBase":
        # Before anything is done: a refusal changes nothing.
        check_view(selection_of(self.call, self.record), self.record, self.user)
        done = getattr(self, found.method)()
        return done if isinstance(done, Answer | HttpResponseBase) else Answer(done)

    # What actions are made of.

    def make_record(self) -> Record:
        return self.record(self.user)

    def rows(self) -> Any:
        """What the path's parent and the person's rights leave of all rows."""
        return self.make_record().rows()

    def listed(self) -> Answer:
        record, call = self.make_record(), self.call
        searcher = Searcher(record, call.tz)
        selection = selection_of(call, self.record)
        order = searcher.order(call.names("sort"))
        rows = self.keyed(self.rows(), optional=True).filter(search(record, call, ranges=self.ranges))
        page = paged(record.only(rows.order_by(*order), selection), call, counted=self.counted)
        return Answer(record.show(page.rows, selection), self._with_acl(page.meta, page.rows))

    def _with_acl(self, meta: dict[str, Any] | None, rows: list[Any]) -> dict[str, Any] | None:
        if self.call.request.headers.get("X-With-ACL-Meta") != "true":
            return meta
        ids = [row.pk for row in rows]
        needed = {"view": self.make_record().view, **self.writing}
        allowed = {
            name: ids if needed.get(name) and self.user.has_perm(needed[name]) else []
            for name in ("view", "update", "destroy")
        }
        return {**(meta or {}), "allowedActions": allowed}

    def got(self) -> Answer:
        """The row, or null: also where there is none."""
        call, record = self.call, self.make_record()
        if not self.alone and not call.aims:
            raise Invalid(_("filterByTk is required"), field="filterByTk")
        selection = selection_of(call, self.record)
        rows = self.keyed(self.rows()).filter(search(record, call))
        with bounded(rows.db, "filterByTk"):
            found = list(record.only(rows.order_by("pk"), selection)[:1])
        shown = record.show(found, selection)
        return Answer(shown[0] if shown else None, self._with_acl(None, found))

    def keyed(self, rows: Any, *, optional: bool = False) -> Any:
        """Those of the keys that are given; a key that can be none is none."""
        keys = self.call.given_keys
        if not keys:
            return rows
        column = rows.model._meta.pk
        found = [key for raw in keys if (key := key_of(column, raw)) is not None]
        return rows.filter(pk__in=found)

    def chosen(self) -> list[Any]:
        """The rows that keys and filter mean, in order. Raises `Invalid` for too many."""
        if not self.call.aims:
            raise Invalid(_("filter or filterByTk is required"), field="filterByTk")
        rows = self.keyed(self.rows()).filter(search(self.make_record(), self.call)).order_by("pk")
        with bounded(rows.db, "filterByTk"):
            found = list(rows[: MOST_KEYS + 1])
        if len(found) > MOST_KEYS:
            raise Invalid(_("More than %d rows are meant; narrow the filter.") % MOST_KEYS, field="filter")
        return found

    def one(self, why: str = "") -> Any:
        """The row that the one key names. Raises `NotFound`."""
        key = key_of(self.rows().model._meta.pk, self.call.key())
        found = self.rows().filter(pk=key).first() if key is not None else None
        if found is None:
            error = not_found()
            error.message = why or error.message
            raise error
        return found

    def shown(self, rows: list[Any]) -> list[dict[str, Any]]:
        """Rows as the call's `fields`, `appends` and `except` have them."""
        return self.make_record().show(rows, selection_of(self.call, self.record))


def key_of(column: Any, raw: Any) -> Any:
    """A primary key as the column holds it; None for what it can't hold."""
    from workflows.coercion import field_value

    if not isinstance(raw, str | int) or isinstance(raw, bool):
        return None
    try:
        key = field_value(column, raw, path="filterByTk")
    except Invalid:
        return None
    return None if isinstance(key, int) and not 0 <= key < 2**63 else key


def camel(name: str) -> str:
    """`branch_index` as `branchIndex`."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
