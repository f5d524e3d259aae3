"""NocoBase's form: a workflow with its nodes, as its API gives them (spec nocobase-engine 1.1-1.3, nocobase-http 4.1).

One workflow, a list of them, or an answer of the API with either under "data". What Sluice has besides - a workflow's
name and time zone, a node's policy - stands beside NocoBase's columns where it is set.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows import jsoninput
from workflows.errors import Invalid
from workflows.models import Node, Workflow
from workflows.transfer.readers import Definition, Finding, Reader

#: NocoBase's name -> ours, of what a version has of its own.
_COLUMNS = {
    "key": "key", "title": "title", "description": "description", "type": "type", "triggerTitle": "trigger_title",
    "config": "config", "sync": "sync", "options": "options", "name": "name", "timeZone": "time_zone",
}  # fmt: skip
_NODE_COLUMNS = {
    "id": "id", "key": "key", "title": "title", "type": "type", "config": "config", "policy": "policy",
    "upstreamId": "upstream", "branchIndex": "branch_index",
}  # fmt: skip
#: What the server itself keeps and brings with a record; it is another one's here.
_PASSED_OVER = frozenset((
    "id", "enabled", "current", "nodes", "invalid", "executed", "allExecuted", "createdAt", "updatedAt", "createdById",
    "updatedById", "createdBy", "updatedBy", "stats", "versionStats", "categories", "revisions", "executions",
    "version", "frozenAt",
))  # fmt: skip
_NODE_PASSED_OVER = frozenset((
    "downstreamId", "workflowId", "createdAt", "updatedAt", "upstream", "downstream", "branches", "workflow", "jobs",
))  # fmt: skip
_TEXTS = ("key", "title", "description", "type", "triggerTitle", "name", "timeZone")
_OBJECTS = ("config", "options")


def detect(text: str) -> bool:
    try:
        found = list(_workflows(jsoninput.loads(text)))
    except Invalid:
        return False
    return all(isinstance(item, dict) and "type" in item for _place, item in found)


def read(text: str) -> list[Definition]:
    return [_definition(place, item) for place, item in _workflows(jsoninput.loads(text))]


def _workflows(value: Any) -> Iterator[tuple[str, Any]]:
    """(place, what stands there) of each workflow."""
    before = ""
    if isinstance(value, dict) and isinstance(value.get("data"), dict | list) and "type" not in value:
        value, before = value["data"], "data"
    if isinstance(value, list):
        yield from ((f"{before}.{index}" if before else str(index), item) for index, item in enumerate(value))
    else:
        yield before, value


def _definition(place: str, item: Mapping[str, Any]) -> Definition:
    faults = list(_faults(item))
    columns = {ours: item[theirs] for theirs, ours in _COLUMNS.items() if theirs in item}
    nodes = [] if item.get("nodes") is None else item["nodes"]
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        faults.append(Finding("nodes", _("Give a list of nodes, each an object.")))
        nodes = []
    faults += _faults_of_links(nodes)
    enabled = item.get("enabled")
    return Definition(
        place,
        columns,
        [_node(node) for node in nodes],
        enabled if isinstance(enabled, bool) else None,
        item.get("current") is True,
        faults,
        {"trigger_title": "triggerTitle", "time_zone": "timeZone", "upstream": "upstreamId",
         "branch_index": "branchIndex"},
    )  # fmt: skip


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    found = {ours: node[theirs] for theirs, ours in _NODE_COLUMNS.items() if theirs in node}
    # Ids are numbers there, and texts with clients that fear for their digits.
    for name in ("id", "upstream"):
        if isinstance(found.get(name), str) and found[name].isascii() and found[name].isdecimal():
            found[name] = int(found[name])
    return found


def _faults(item: Mapping[str, Any]) -> Iterator[Finding]:
    """What would not even be a row."""
    for name in _TEXTS:
        if not isinstance(item.get(name), str | None):
            yield Finding(name, _("Give a text."))
    for name in _OBJECTS:
        if not isinstance(item.get(name), dict | None):
            yield Finding(name, _("Give an object of keys and values."))
    for name in item:
        if name not in _COLUMNS and name not in _PASSED_OVER:
            known = ", ".join([*_COLUMNS, "enabled", "current", "nodes"])
            yield Finding(name, _("Passed over: a workflow has no such key; there are: %s.") % known, fatal=False)


def _faults_of_links(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Of a list of nodes: exactly one is first, and who follows whom is said twice and must agree."""
    heads = [node for node in nodes if node.get("upstreamId") is None]
    if nodes and len(heads) != 1:
        sentence = _("A workflow has exactly one first node, without upstreamId; here there are %d.")
        yield Finding("nodes", sentence % len(heads))
    ids = Counter(str(node["id"]) for node in nodes if node.get("id") is not None)
    for index, node in enumerate(nodes):
        for name in ("key", "type", "title"):
            if not isinstance(node.get(name), str | None):
                yield Finding(f"nodes.{index}.{name}", _("Give a text."))
        if ids[str(node.get("id"))] > 1:
            yield Finding(f"nodes.{index}.id", _("Another node has the id %s.") % str(node["id"])[:40])
    behind = {
        str(node["upstreamId"]): node
        for node in nodes
        if node.get("upstreamId") is not None and node.get("branchIndex") is None
    }
    for index, node in enumerate(nodes):
        named, follower = node.get("downstreamId"), behind.get(str(node.get("id")))
        if named is not None and str(named) != str((follower or {}).get("id")):
            sentence = _("No node %s follows this one: none has that id, and this one as its upstreamId.")
            yield Finding(f"nodes.{index}.downstreamId", sentence % str(named)[:40])
        for name in node:
            if name not in _NODE_COLUMNS and name not in _NODE_PASSED_OVER:
                known = ", ".join([*_NODE_COLUMNS, "downstreamId"])
                sentence = _("Passed over: a node has no such key; there are: %s.") % known
                yield Finding(f"nodes.{index}.{name}", sentence, fatal=False)


NOCOBASE = Reader("nocobase", "NocoBase", detect, read)


def exported(workflows: Iterable[Workflow]) -> list[dict[str, Any]]:
    """The versions with their nodes; two queries. Values of secrets are in none: nodes name them as `$env.NAME`."""
    rows = list(workflows)
    nodes: dict[int, list[Node]] = {row.pk: [] for row in rows}
    for node in Node.objects.filter(workflow__in=list(nodes)).order_by("pk"):
        nodes[node.workflow_id].append(node)
    return [_workflow_record(row, nodes[row.pk]) for row in rows]


def dumped(records: Sequence[Mapping[str, Any]]) -> str:
    """The text of a file: of one workflow an object, of several a list."""
    return json.dumps(records[0] if len(records) == 1 else list(records), ensure_ascii=False, indent=2) + "\n"


def _workflow_record(row: Workflow, nodes: Sequence[Node]) -> dict[str, Any]:
    ours = {"name": row.name, "timeZone": row.time_zone}
    return {
        "id": row.pk,
        "key": row.key,
        "title": row.title,
        "enabled": row.enabled,
        "description": row.description or None,
        "type": row.type,
        "triggerTitle": row.trigger_title or None,
        "config": row.config,
        "current": row.current,
        "sync": row.sync,
        "options": row.options,
        **{name: value for name, value in ours.items() if value},
        "nodes": [_node_record(node) for node in nodes],
    }


def _node_record(node: Node) -> dict[str, Any]:
    return {
        "id": node.pk,
        "key": node.key,
        "title": node.title,
        "type": node.type,
        "config": node.config,
        "workflowId": node.workflow_id,
        "upstreamId": node.upstream_id,
        "downstreamId": node.downstream_id,
        "branchIndex": node.branch_index,
        **({"policy": node.policy} if node.policy else {}),
    }
