"""All that stands in the way of a definition at once, saved or not: for editors, and before an import.

The nodes of a definition that is not saved are a tree or a list with links:

- tree: a list in the order in which they run; a node's `branches` are {index: list of nodes}
- list: each node names the one before it as `upstream`, by key or id, with `branch_index` where it stands first in a
  branch of it
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext as _

from workflows import blocks, people
from workflows.conf import conf
from workflows.errors import Invalid, SluiceError
from workflows.graph import Graph
from workflows.instructions import get_instruction
from workflows.models import Node, Workflow, default_options, new_key
from workflows.policy import ERROR_BRANCH
from workflows.reaching import Reach
from workflows.triggers import get_trigger
from workflows.validation import check_columns, check_node, check_options, check_policy, check_trigger
from workflows.versions import check_time_zone

#: What a node may have, that of a record as it was read included.
_KNOWN = frozenset((
    "id", "key", "type", "title", "config", "policy", "branches", "upstream", "downstream", "branch_index",
    "workflow", "created_at", "updated_at",
))  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One thing to mend: the dotted path of what is at fault, the key of its node, a code and a sentence.

    A warning stands in nobody's way: it may be meant.
    """

    field: str
    node: str | None
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"


class Draft(NamedTuple):
    """A definition as unsaved rows, and what is wrong with it; the rows by their paths, ids counted from 1."""

    workflow: Workflow
    rows: Mapping[str, Node]
    problems: list[Problem]


def problems_of(definition: Mapping[str, Any], *, by: Any = None) -> list[Problem]:
    """What is wrong with a definition: type, title, name, sync, config, options, time_zone and nodes, all but type
    optional. Nothing is saved. `by` is whose permissions count.
    """
    return drafted(definition, by=by).problems


def drafted(definition: Mapping[str, Any], *, by: Any = None, lenient: bool = False) -> Draft:
    """As `problems_of`, with the rows that were looked at.

    `lenient` takes what the engine passes over: unknown keys and odd templates.
    """
    found = _Findings()
    columns = {name: definition[name] for name in ("title", "name", "time_zone") if definition.get(name) is not None}
    workflow = Workflow(
        type=definition["type"],
        sync=bool(definition.get("sync")),
        config=definition.get("config") or {},
        options=definition.get("options") or default_options(),
        **columns,
    )
    with found.at(""):
        forced = get_trigger(workflow.type).sync
        workflow.sync = workflow.sync if forced is None else forced
    with found.at(""):
        check_columns(workflow, list(columns))
    drafts = _Drafts(workflow, found)
    drafts.read(definition.get("nodes") or [])
    _check(workflow, drafts.rows, found, by, lenient)
    return Draft(workflow, drafts.rows, found.problems)


def problems_of_version(workflow: Workflow, *, by: Any = None) -> list[Problem]:
    """What is wrong with a version as it is stored; its nodes are named by key: "nodes.<key>.config.…"."""
    found = _Findings()
    rows = {f"nodes.{row.key}": row for row in Node.objects.filter(workflow=workflow)}
    _check(workflow, rows, found, by)
    return found.problems


class _Findings:
    """Gathers what the checks raise."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(
        self, field: str, message: Any, node: Node | None = None, code: str = "invalid", *, fatal: bool = True
    ) -> None:
        key = node.key if node is not None else None
        problem = Problem(field, key, code, str(message), "error" if fatal else "warning")
        # Several checks may stumble over the same thing, such as a kind that there is not.
        if problem not in self.problems:
            self.problems.append(problem)

    @contextmanager
    def at(self, prefix: str, node: Node | None = None) -> Iterator[None]:
        try:
            yield
        except SluiceError as error:
            paths = (error.errors if isinstance(error, Invalid) else {}) or {error.field or "": error.message}
            codes = error.codes if isinstance(error, Invalid) else {}
            for path, message in paths.items():
                self.add(".".join(filter(None, (prefix, path))), message, node, codes.get(path, error.code))


def _check(workflow: Workflow, rows: Mapping[str, Node], found: _Findings, by: Any, lenient: bool = False) -> None:
    """`rows` by their paths."""
    with found.at(""):
        check_trigger(workflow, lenient=lenient)
    _remark_trigger(workflow, found)
    with found.at(""):
        check_options(workflow.options, sync=workflow.sync, lenient=lenient)
    with found.at(""):
        check_time_zone(workflow.time_zone)
    limit = conf().NODES_LIMIT
    if limit is not None and len(rows) > limit:
        found.add("nodes", _("A workflow has at most %d nodes; split it in two.") % limit)
        # Nor is each of them looked at: there may be as many as a body holds.
        return
    for path, row in rows.items():
        with found.at(path, row):
            check_columns(row, ("key", "title", "type"))
        with found.at(path, row):
            check_node(row.type, row.config, workflow, by, lenient=lenient)
        with found.at(path, row):
            check_policy(row.policy, row.type, row.config, lenient=lenient)
        _remark(path, row, found)
    for path, place, message in strangers(rows):
        found.add(f"{path}.{place}", message, rows[path], "remark", fatal=False)
    _check_branches(rows, found)
    _remark_error_branches(rows, found)
    if not any(problem.field.startswith("nodes") and problem.code == "links" for problem in found.problems):
        # The links alone: the options, which a graph reads too, were looked at above.
        bare = Workflow(pk=workflow.pk, key=workflow.key, type=workflow.type, title=workflow.title)
        with found.at(""):
            graph = Graph(bare, rows.values())
            _check_references(graph, rows, found)
            _check_transactions(graph, rows, found)


def _check_references(graph: Graph, rows: Mapping[str, Node], found: _Findings) -> None:
    reach = Reach(graph, saved=graph.workflow_id is not None)
    for path, row in rows.items():
        for doubt in reach.doubts(graph.nodes[row.pk]):
            found.add(f"{path}.config.{doubt.place}", doubt.message, row, "reference", fatal=doubt.fatal)


def _check_transactions(graph: Graph, rows: Mapping[str, Node], found: _Findings) -> None:
    for path, row in rows.items():
        node = graph.nodes[row.pk]
        if message := blocks.refusal(node):
            found.add(f"{path}.type", message, row)
        elif message := blocks.remark(node):
            found.add(f"{path}.type", message, row, "remark", fatal=False)


def _remark_trigger(workflow: Workflow, found: _Findings) -> None:
    try:
        trigger = get_trigger(workflow.type)
        remarks = trigger.remarks(trigger.parse(workflow.config))
    except Invalid:
        return  # told by the other checks
    for place, message in remarks:
        found.add(f"config.{place}", message, None, "remark", fatal=False)


def _remark(path: str, row: Node, found: _Findings) -> None:
    try:
        instruction = get_instruction(row.type)
        remarks = instruction.remarks(instruction.parse(row.config))
    except Invalid:
        return  # told by the other checks
    for place, message in remarks:
        found.add(f"{path}.config.{place}", message, row, "remark", fatal=False)


def strangers(rows: Mapping[str, Node]) -> list[tuple[str, str, str]]:
    """(path of the node, place in it, sentence) of those whom nodes name and who are no active users; one query."""
    named: dict[str, Any] = {}
    for number, row in enumerate(rows.values()):
        try:
            instruction = get_instruction(row.type)
            places = instruction.people_of(instruction.parse(row.config))
        except Invalid:
            continue  # told by the other checks
        named |= {f"{number}.config.{place}": value for place, value in places.items()}
    paths = list(rows)
    told = [(*where.split(".", 1), sentence) for where, sentence in people.strangers(named)]
    return [(paths[int(number)], place, sentence) for number, place, sentence in told]


def _remark_error_branches(rows: Mapping[str, Node], found: _Findings) -> None:
    """An error branch and the policy that leads there are saved one after the other, so neither is refused alone."""
    filled = {row.upstream_id for row in rows.values() if row.branch_index == ERROR_BRANCH}
    for path, row in rows.items():
        leads = isinstance(row.policy, dict) and "branch" in (row.policy.get("onError"), row.policy.get("on_error"))
        if leads and row.pk not in filled:
            message = _("Its error branch (%d) has no nodes, so its failure stands; put some there.")
        elif row.pk in filled and not leads:
            message = _('Its error branch (%d) never runs; set onError to "branch", or remove the nodes there.')
        else:
            continue
        found.add(f"{path}.policy.onError", message % ERROR_BRANCH, row, "remark", fatal=False)


def _check_branches(rows: Mapping[str, Node], found: _Findings) -> None:
    by_pk = {row.pk: row for row in rows.values()}
    for path, row in rows.items():
        above = by_pk.get(row.upstream_id or 0)
        if above is None or row.branch_index in (None, ERROR_BRANCH):
            continue
        try:
            instruction = get_instruction(above.type)
            allowed = instruction.branches(instruction.parse(above.config))
        except Invalid:
            continue  # told of that node itself
        if allowed is not None and all(branch.index != row.branch_index for branch in allowed):
            known = ", ".join(str(branch.index) for branch in allowed) or _("none")
            found.add(
                f"{path}.branch_index",
                _("Node %(node)s has no branch %(index)s; it may have: %(known)s.")
                % {"node": above, "index": row.branch_index, "known": known},
                row,
            )


class _Drafts:
    """The nodes of a definition as unsaved rows, numbered from 1 in the order in which they are read."""

    def __init__(self, workflow: Workflow, found: _Findings) -> None:
        self.workflow = workflow
        self.found = found
        self.rows: dict[str, Node] = {}
        self._keys: set[str] = set()
        self._places: set[tuple[int, int | None]] = set()

    def read(self, nodes: Sequence[Any]) -> None:
        linked = any(isinstance(item, dict) and item.get("upstream") is not None for item in nodes)
        if linked:
            self._read_list(nodes)
        else:
            self._read_line(nodes, "nodes", None, None)

    def _read_line(self, nodes: Any, path: str, upstream: Node | None, index: int | None) -> None:
        if not isinstance(nodes, list):
            self.found.add(path, _("Give a list of nodes, each an object."), code="links")
            return
        before, branch = upstream, index
        for position, item in enumerate(nodes):
            where = f"{path}.{position}"
            row = self._row(item, where)
            if row is None:
                continue
            self._link(row, where, before, branch)
            branches = item.get("branches") or {}
            if not isinstance(branches, dict):
                self.found.add(f"{where}.branches", _("Give an object: index -> list of nodes."), row, "links")
                branches = {}
            for name, below in branches.items():
                number = self._number(name, f"{where}.branches.{name}", row)
                if number is not None:
                    self._read_line(below, f"{where}.branches.{name}", row, number)
            before, branch = row, None

    def _read_list(self, nodes: Sequence[Any]) -> None:
        read = [(f"nodes.{position}", item) for position, item in enumerate(nodes)]
        rows = [(where, item, row) for where, item in read if (row := self._row(item, where)) is not None]
        known: dict[Any, Node] = {}
        for _where, item, row in rows:
            known[row.key] = row
            if isinstance(item.get("id"), int):
                known[item["id"]] = row
        for where, item, row in rows:
            if item.get("branches"):
                self.found.add(f"{where}.branches", _("Give nodes as a tree or with upstream, not both."), row, "links")
            above = item.get("upstream")
            if above is None:
                continue
            upstream = known.get(above) if isinstance(above, int | str) else None
            if upstream is None:
                self.found.add(f"{where}.upstream", _("There is no node %s.") % str(above)[:80], row, "links")
                continue
            index = item.get("branch_index")
            number = None if index is None else self._number(index, f"{where}.branch_index", row)
            self._link(row, where, upstream, number)

    def _row(self, item: Any, where: str) -> Node | None:
        if not isinstance(item, dict):
            self.found.add(where, _("A node is an object of keys and values."), code="links")
            return None
        key = item.get("key")
        row = Node(
            pk=len(self.rows) + 1,
            workflow=self.workflow,
            key=key if isinstance(key, str) and key else new_key(),
            # Whatever it is: the checks say what is wrong with it.
            type=item.get("type"),  # type: ignore[misc]
            title=item.get("title") or "",
            config=item.get("config") if item.get("config") is not None else {},
            policy=item.get("policy") if item.get("policy") is not None else {},
        )
        self.rows[where] = row
        for name in item:
            if name not in _KNOWN:
                known = ", ".join(sorted(_KNOWN))
                self.found.add(f"{where}.{name}", _("A node has no such key; there are: %s.") % known, row)
        if row.key in self._keys:
            self.found.add(f"{where}.key", _("Another node has the key %s; choose another.") % row.key, row, "links")
        self._keys.add(row.key)
        return row

    def _link(self, row: Node, where: str, upstream: Node | None, index: int | None) -> None:
        row.upstream_id = upstream.pk if upstream is not None else None
        row.branch_index = index if upstream is not None else None
        if upstream is None:
            return
        place = (upstream.pk, index)
        if place in self._places:
            self.found.add(where, _("Another node stands at the same place; put one behind the other."), row, "links")
        self._places.add(place)
        if index is None:
            upstream.downstream_id = row.pk

    def _number(self, value: Any, where: str, row: Node) -> int | None:
        text = str(value)
        if isinstance(value, bool) or not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 10:
            self.found.add(where, _("A branch is named by a whole number."), row, "links")
            return None
        return int(text)
