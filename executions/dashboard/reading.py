"""What the dashboard shows of the last hours: the totals, and what has ended since they were counted."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nlargest
from operator import itemgetter
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from executions.dashboard import totals
from executions.dashboard.durations import percentile
from executions.models import Execution, NodeTotal, RunTotal, TotalsMark
from executions.store import session
from workflows.models import Node
from workflows.visibility import narrowed, visible_rows

#: Rows that are read or counted as they stand, of whatever there is.
LIVE = 10_000
#: Nodes of one table.
NODES = 10
#: Kinds that take their time on purpose.
_PATIENT = ("delay", "manual", "approval")


@dataclass
class Hour:
    """The runs that ended within an hour; without `begin`, within all of them."""

    begin: datetime | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)

    def add(self, status: int, duration: int, number: int) -> None:
        self.statuses[status] += number
        self.durations[duration] += number

    @property
    def number(self) -> int:
        return sum(self.statuses.values())

    @property
    def median(self) -> float | None:
        """Seconds."""
        return percentile(self.durations, 0.5)

    @property
    def slow(self) -> float | None:
        """Seconds that 95 of 100 took at most."""
        return percentile(self.durations, 0.95)


@dataclass(frozen=True)
class Ended:
    """Hour by hour, oldest first, all of them together, and whether some that ended lately are still to be counted."""

    hours: list[Hour]
    whole: Hour
    behind: datetime | None


@dataclass(frozen=True)
class NodeFigures:
    key: str
    workflow: str
    title: str
    kind: str
    jobs: int
    failed: int
    #: Mean seconds of those that began and ended.
    mean: float | None

    @property
    def share(self) -> float:
        """Of its jobs those that failed, in percent."""
        return 100 * self.failed / self.jobs


def ended(user: Any, now: datetime, hours: int) -> Ended:
    """What has ended within these hours, of workflows that the user may see; three queries."""
    first = totals.hour_of(now) - timedelta(hours=hours - 1)
    found = {first + timedelta(hours=index): Hour(first + timedelta(hours=index)) for index in range(hours)}
    counted = RunTotal.objects.using(session.alias()).filter(hour__gte=first).order_by()
    counted = visible_rows(counted, user) if narrowed(user) else counted.filter(key=totals.ALL)
    rows: Iterable[tuple[Any, ...]] = counted.values_list("hour", "status", "duration").annotate(Sum("number"))
    whole, late, behind = Hour(), *_lately(user, first)
    for hour, status, duration, number in (*rows, *late):
        whole.add(status, duration, number)
        # The clocks of two machines may differ.
        found.get(hour, found[totals.hour_of(now)]).add(status, duration, number)
    return Ended(list(found.values()), whole, behind)


def _lately(user: Any, first: datetime) -> tuple[Iterator[tuple[datetime, int, int, int]], datetime | None]:
    """(hour, status, duration, 1) of each run that no total holds yet, and since when where there are too many."""
    mark = TotalsMark.objects.using(session.alias()).filter(pk=1).first()
    if mark is None or mark.ended_at < first:
        mark = TotalsMark(ended_at=first)
    rows = visible_rows(totals.uncounted(mark), user).values_list("status", "started_at", "ended_at")[: LIVE + 1]
    known: list[Any] = list(rows)
    late = ((totals.hour_of(end), status, totals.duration_class(start, end), 1) for status, start, end in known[:LIVE])
    return late, known[LIVE][2] if len(known) > LIVE else None


def nodes(user: Any, now: datetime, hours: int) -> tuple[list[NodeFigures], list[NodeFigures]]:
    """(slowest, most failing) nodes of runs that ended within these hours; two queries."""
    first = totals.hour_of(now) - timedelta(hours=hours - 1)
    rows = visible_rows(NodeTotal.objects.using(session.alias()).filter(hour__gte=first), user).order_by()
    summed: list[Any] = list(
        rows.values("key", "node_key").annotate(
            all=Sum("jobs"), bad=Sum("failed"), micros=Sum("taken"), with_time=Sum("timed")
        )[:LIVE]
    )
    # More than are shown: those that take their time on purpose are left out.
    slow = nlargest(5 * NODES, (row for row in summed if row["with_time"]), key=_mean)
    bad = nlargest(NODES, (row for row in summed if row["bad"]), key=itemgetter("bad"))
    known = _known_nodes([*slow, *bad])
    slowest = [figures for row in slow if (figures := _figures(row, known)).kind not in _PATIENT]
    return slowest[:NODES], [_figures(row, known) for row in bad]


def _mean(row: Any) -> float:
    """Seconds."""
    return float(row["micros"] / row["with_time"] / 1_000_000)


def _known_nodes(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(workflow's title, node's title, kind) by the keys of both, as they are now."""
    keys, node_keys = {row["key"] for row in rows}, {row["node_key"] for row in rows}
    current = Node.objects.filter(workflow__current=True, workflow__key__in=keys, key__in=node_keys)
    found = current.values_list("workflow__key", "key", "workflow__title", "title", "type")
    return {(key, node): (workflow, title or node, kind) for key, node, workflow, title, kind in found}


def _figures(row: dict[str, Any], known: dict[tuple[str, str], tuple[str, str, str]]) -> NodeFigures:
    gone = (row["key"], _("deleted node %s") % row["node_key"], "")
    workflow, title, kind = known.get((row["key"], row["node_key"]), gone)
    mean = _mean(row) if row["with_time"] else None
    return NodeFigures(row["key"], workflow, title, kind, row["all"], row["bad"], mean)


def unended(user: Any) -> tuple[int, int]:
    """How many are queued, and how many run or wait; each counted to one more than `LIVE` at most. Two queries."""
    rows = visible_rows(Execution.objects.all(), user).order_by()
    queued, begun = (rows.filter(status=status)[: LIVE + 1].count() for status in (None, 0))
    return queued, begun
