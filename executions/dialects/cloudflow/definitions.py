"""Versions as texts in FDL: rendered once each, and kept while the version stays as it is."""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from threading import Lock

from workflows.models import Node, Workflow
from workflows.transfer import fdl

#: Who sees a definition sees the nodes that it is made of.
PERMISSION = "workflows.view_node"
_MOST_KEPT = 1_000
#: Characters; a longer one is rendered each time.
_LONGEST_KEPT = 20_000

_kept: OrderedDict[int, tuple[datetime, str]] = OrderedDict()
_lock = Lock()


def of(ids: Collection[int]) -> dict[int, str]:
    """The definitions of these versions, those that were deleted left out. Two queries at most."""
    columns = ("id", "name", "title", "description", "type", "config", "sync", "options", "time_zone", "updated_at",
               "definition_source")  # fmt: skip
    return of_rows(list(Workflow.objects.filter(pk__in=ids).only(*columns))) if ids else {}


def of_rows(versions: Sequence[Workflow]) -> dict[int, str]:
    """The same of loaded rows. One query at most."""
    found = {row.pk: text for row in versions if (text := _known(row)) is not None}
    missing = [row for row in versions if row.pk not in found]
    if not missing:
        return found
    nodes: dict[int, list[Node]] = defaultdict(list)
    for node in Node.objects.filter(workflow__in=[row.pk for row in missing]).order_by("id"):
        nodes[node.workflow_id].append(node)
    for row in missing:
        found[row.pk] = text = fdl.render(row, nodes[row.pk])
        if len(text) <= _LONGEST_KEPT:
            _keep(row, text)
    return found


def _known(row: Workflow) -> str | None:
    with _lock:
        kept = _kept.get(row.pk)
        if kept is None or kept[0] != row.updated_at:
            return None
        _kept.move_to_end(row.pk)
        return kept[1]


def _keep(row: Workflow, text: str) -> None:
    with _lock:
        # Every edit of a version, or of a node of its, stamps the version.
        _kept[row.pk] = (row.updated_at, text)
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
