"""A version of ours as a text in FDL, in the new form (see `ours` for what FDL has no words for)."""

from collections.abc import Iterable, Sequence
from typing import Any

from workflows.graph import Graph, GraphNode
from workflows.models import Node, Workflow
from workflows.transfer.fdl import document, ours, reading
from workflows.transfer.fdl.tree import key_of
from workflows.transfer.readers import Definition

_Object = dict[str, Any]
_NO_NAME = "workflow_"


def render(workflow: Workflow, nodes: Iterable[Node]) -> str:
    """The text that a version was made of, where it still says what the version is; else one that is made of its nodes,
    always the same, which the reader reads into just these. Never raises.
    """
    rows = list(nodes)
    if workflow.definition_source and _holds(workflow.definition_source, workflow, rows):
        return workflow.definition_source
    try:
        graph = Graph(Workflow(pk=workflow.pk, type=workflow.type, options={}), rows)
    except Exception:
        return document.dumps(_rows(workflow, rows))
    for plain in (True, False):
        try:
            made = _Rendering(workflow, graph, plain=plain).flow()
            if not plain or _facts(reading.definition_of_value(made)) == _facts_of_rows(rows):
                return document.dumps(made)
        except Exception:
            # Whatever stands in an old row, or how deep it goes.
            break
    return document.dumps(_rows(workflow, rows))


def _holds(text: str, workflow: Workflow, rows: Sequence[Node]) -> bool:
    """Whether the reader would make this version of the text."""
    if not reading.detect(text):
        return False
    try:
        found = reading.definition_of(text)
        name, timeout = found.columns.get("name"), found.columns.get("options", {}).get("timeout", 0)
        return (
            not any(fault.fatal for fault in found.faults)
            and name in (None, workflow.name)
            and timeout == workflow.options.get("timeout", 0)
            and all(found.columns.get(each) in (None, getattr(workflow, each)) for each in ("title", "trigger_title"))
            and _facts(found) == _facts_of_rows(rows)
        )
    except Exception:
        return False


def _facts(definition: Definition) -> dict[str, str]:
    """What makes a tree, by the keys of its nodes; a text each, for 1 is not true."""
    if any(fault.fatal for fault in definition.faults):
        return {"": "none"}
    keys = {node["id"]: node["key"] for node in definition.nodes}
    return {
        node["key"]: _fact(node["type"], node["title"], node["config"], node["policy"], keys.get(node["upstream"]),
                           node["branch_index"])
        for node in definition.nodes
    }  # fmt: skip


def _facts_of_rows(rows: Sequence[Node]) -> dict[str, str]:
    keys = {row.pk: row.key for row in rows}
    return {
        row.key: _fact(row.type, row.title, row.config, row.policy, keys.get(row.upstream_id or 0), row.branch_index)
        for row in rows
    }


def _fact(kind: str, title: str, config: Any, policy: Any, upstream: str | None, index: int | None) -> str:
    return repr((kind, title, _sorted(config), _sorted(policy), upstream, index))


def _sorted(value: Any) -> Any:
    """Databases keep the keys of an object in an order of their own."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _flow(workflow: Workflow, scope: _Object, form: str) -> _Object:
    name = workflow.name or _NO_NAME + key_of(workflow.key)
    given = workflow.options if isinstance(workflow.options, dict) else {}
    timeout = given.get("timeout", 0)
    whole = type(timeout) is int and timeout > 0 and timeout % 1_000 == 0
    options = {key: value for key, value in given.items() if key != "timeout" or not whole}
    said = {
        "Form": form,
        **({} if workflow.name else {"Name": None}),
        **({"Type": workflow.type} if workflow.type != "manual" else {}),
        **({"Title": workflow.title} if workflow.title != name else {}),
        **({"TriggerTitle": workflow.trigger_title} if workflow.trigger_title else {}),
        **({"Config": _sorted(workflow.config)} if workflow.config else {}),
        **({"Sync": True} if workflow.sync else {}),
        **({"TimeZone": workflow.time_zone} if workflow.time_zone else {}),
        **({"Options": _sorted(options)} if options != ({} if whole else {"timeout": 0}) else {}),
    }
    return {
        "Type": "StateMachine",
        "SpecVersion": "v1",
        "Name": name,
        **({"Description": workflow.description} if workflow.description else {}),
        **({"Timeout": timeout // 1_000} if whole else {}),
        ours.SLUICE: said,
        **scope,
    }


def _rows(workflow: Workflow, rows: Sequence[Node]) -> _Object:
    """Of nodes that form no tree, or one that is too deep: each by itself."""
    keys = {row.pk: row.key for row in rows}
    states = [
        {"Type": "Task", "Name": row.key, "Action": f"{ours.ACTION}{row.type}", "Parameters": _sorted(row.config),
         ours.SLUICE: {"Title": row.title, "Upstream": keys.get(row.upstream_id or 0), "Branch": row.branch_index}}
        for row in sorted(rows, key=lambda row: row.pk or 0)
    ]  # fmt: skip
    return _flow(workflow, {"StartAt": states[0]["Name"] if states else "", "States": states}, "rows")


class _Rendering:
    """`plain`: as FDL's own states, where there is one that fits."""

    def __init__(self, workflow: Workflow, graph: Graph, *, plain: bool) -> None:
        self.workflow = workflow
        self.graph = graph
        self.plain = plain
        self._taken: set[str] = set()
        self._names = {node.id: self._named(node) for _depth, node in graph.walk()}

    def flow(self) -> _Object:
        return _flow(self.workflow, self._scope(self.graph.head), "nodes")

    def _named(self, node: GraphNode) -> str:
        title = node.title.strip()
        return self._free(title if title and title not in self._taken else f"{title} ({node.key})".strip())

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name} {number}"
        self._taken.add(found)
        return found

    def _scope(self, head: GraphNode | None) -> _Object:
        states: list[_Object] = []
        if head is not None:
            self._line(head, None, states)
        return {"StartAt": self._names[head.id] if head is not None else "", "States": states}

    def _line(self, head: GraphNode, after: str | None, states: list[_Object]) -> None:
        """The states of a line; `after` is where it leads to, None being the end of the scope."""
        for node in head.line():
            following = self._names[node.downstream.id] if node.downstream is not None else after
            self._state(node, following, states)

    def _state(self, node: GraphNode, following: str | None, states: list[_Object]) -> None:
        name, config = self._names[node.id], _sorted(node.raw_config)
        heads = dict(node.branches)
        said: _Object = {}
        if key_of(name) != node.key:
            said["Key"] = node.key
        if node.title != name:
            said["Title"] = node.title
        if node.raw_policy:
            said["Policy"] = _sorted(node.raw_policy)
        if node.error_head is not None:
            said["ErrorBranch"] = self._scope(node.error_head)
        behind: list[_Object] = []
        found = self._as_fdl(node, config, heads, following, behind) if self.plain else None
        if found is None:
            found = {"Type": "Task", "Action": f"{ours.ACTION}{node.type}", "Parameters": config}, config
            if heads:
                said["Branches"] = [{"Index": index, **self._scope(head)} for index, head in heads.items()]
        fields, meant = found
        said |= ours.rest_of(config, meant)
        state = {"Type": fields.pop("Type"), "Name": name, **fields, **({ours.SLUICE: said} if said else {})}
        if state["Type"] not in ("Choice", "Succeed", "Fail"):
            state |= {"End": True} if following is None else {"Next": following}
        states.append(state)
        states.extend(behind)

    def _as_fdl(
        self,
        node: GraphNode,
        config: _Object,
        heads: dict[int, GraphNode],
        following: str | None,
        behind: list[_Object],
    ) -> tuple[_Object, _Object] | None:
        """(the state's own keys, the configuration that they stand for) where FDL has such a state."""
        if node.type in ("condition", "multi-conditions"):
            return self._choice(node, config, heads, following, behind)
        if node.type == "parallel" and heads:
            branches = [
                {**({ours.SLUICE: {"Index": index}} if index != place else {}), **self._scope(head)}
                for place, (index, head) in enumerate(heads.items())
            ]
            return {"Type": "Parallel", "Branches": branches}, {"mode": "all"}
        if node.type == "loop" and [*heads] == [0] and "target" in config:
            fields = {"Type": "Map", "ItemsPath": config["target"], "Processor": self._scope(heads[0])}
            return fields, ours.looped(config["target"])
        return None if heads else _alone(node, config)

    def _choice(
        self,
        node: GraphNode,
        config: _Object,
        heads: dict[int, GraphNode],
        following: str | None,
        behind: list[_Object],
    ) -> tuple[_Object, _Object] | None:
        several = node.type == "multi-conditions"
        cases = config.get("conditions") if several else [config]
        if not isinstance(cases, list) or len(cases) < 1 + several or any(not 0 <= at <= len(cases) for at in heads):
            return None
        texts = [ours.condition(case) for case in cases]
        if None in texts:
            return None
        nowhere = following
        if nowhere is None and len(heads) <= len(cases):
            # Where a branch without nodes leads to.
            nowhere = self._free(f"{self._names[node.id]} (end)")
        branches = []
        for index, (case, found) in enumerate(zip(cases, texts, strict=True), start=1):
            assert found is not None
            rest = ours.rest_of(case, found[1]) if several else {}
            to = self._names[heads[index].id] if index in heads else nowhere
            branches.append({"Condition": found[0], "Next": to, **({ours.SLUICE: rest} if rest else {})})
        default = self._names[heads[0].id] if 0 in heads else nowhere
        for index in sorted(heads, key=lambda index: (index == 0, index)):
            self._line(heads[index], following, behind)
        if nowhere is not None and following is None:
            behind.append({"Type": "Pass", "Name": nowhere, ours.SLUICE: {"Node": False}, "End": True})
        [*_others, last] = texts
        assert last is not None
        meant = {"conditions": cases, "continueOnNoMatch": True} if several else {**last[1], "rejectOnFalse": False}
        return {"Type": "Choice", "Branches": branches, "Default": default}, meant


def _alone(node: GraphNode, config: _Object) -> tuple[_Object, _Object] | None:
    """Of a node without branches."""
    if node.type == "delay" and type(config.get("duration")) is int and config.get("unit") == 1_000:
        return {"Type": "Wait", "Seconds": config["duration"]}, ours.wait(config["duration"])
    if node.type == "variable" and config.get("target") is None and isinstance(config.get("value"), dict):
        return {"Type": "Pass", "OutputConstructor": config["value"]}, ours.given(config["value"])
    if node.type == "end" and node.downstream is None and config.get("endStatus") in (1, -1):
        return {"Type": "Succeed" if config["endStatus"] == 1 else "Fail"}, {"endStatus": config["endStatus"]}
    if node.type == "request" and (given := ours.parameters(config)) is not None:
        return {"Type": "Task", "Action": ours.HTTP, "Parameters": given}, ours.called(given)
    return None
