"""From linked states to nodes: lines, branches, and what each state gives to the next one.

Titles and keys come from the names of the states alone: the same text gives the same nodes, in any language.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.transfer.fdl.graph import EXIT, Scope, State
from workflows.transfer.fdl.values import (
    Expr,
    Merged,
    Misfit,
    Ref,
    Unsettled,
    Value,
    look_up,
    parts,
    placeholder,
    plain,
    result_of,
    template,
)
from workflows.transfer.readers import Finding

#: States behind a choice whose ways meet late stand in each of its branches; there may be as many nodes.
MOST_NODES = 1_000
_DEEPEST = 40
_LONGEST_KEY = 40
_MERGE = "merge([0] || `{}`, [1] || `{}`)"

#: What a state finds: the new form has its input, the old form more.
Env = tuple[Value, ...]


class Faults:
    """What was found, each sentence once a place."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Finding] = {}

    def tell(self, place: str, message: str, *, fatal: bool = True) -> None:
        self.found.setdefault((place, message), Finding(place, message, fatal))

    @property
    def fatal(self) -> bool:
        return any(finding.fatal for finding in self.found.values())


class TooMany(Exception):
    """More nodes, or branches within branches, than a definition may come to."""


@dataclass
class Tree:
    faults: Faults
    nodes: list[dict[str, Any]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    def key(self, name: str) -> str:
        """A key after a name that no other node has; what is not fit for a path is an underscore."""
        base = key_of(name)
        key, number = base, 1
        while key in self._keys:
            number += 1
            key = f"{base}_{number}"
        self._keys.add(key)
        return key

    def line(self) -> "Line":
        return Line(self)

    def in_order(self) -> list[dict[str, Any]]:
        """The nodes as people read them: what stands in a node's branches before what follows it."""
        below: dict[int | None, list[dict[str, Any]]] = {}
        for node in self.nodes:
            below.setdefault(node["upstream"], []).append(node)
        found = []
        stack = below.get(None, [])
        while stack:
            node = stack.pop()
            found.append(node)
            # The next one on the line is taken last, branches by their indexes before it.
            following = below.get(node["id"], ())
            stack += sorted(
                following, key=lambda each: (each["branch_index"] is not None, -(each["branch_index"] or 0))
            )
        return found


def key_of(name: str) -> str:
    base = re.sub(r"[^\w-]", "_", name)[:_LONGEST_KEY] or "node"
    # Scopes go by ids too.
    return f"n{base}" if base.isdecimal() else base


@dataclass
class Line:
    """A place to add nodes at: the end of a line."""

    tree: Tree
    upstream: int | None = None
    branch: int | None = None
    #: How many branches it is inside of.
    depth: int = 0

    def add(
        self, kind: str, config: dict[str, Any], title: str, *, key: str | None = None, policy: Any = None
    ) -> dict[str, Any]:
        if len(self.tree.nodes) >= MOST_NODES:
            raise TooMany
        node: dict[str, Any] = {
            "id": len(self.tree.nodes) + 1,
            "key": key or self.tree.key(title),
            "type": kind,
            "title": title[:255],
            "config": config,
            "policy": policy or {},
            "upstream": self.upstream,
            "branch_index": self.branch,
        }
        self.tree.nodes.append(node)
        self.upstream, self.branch = node["id"], None
        return node

    def fork(self, node: dict[str, Any], index: int) -> "Line":
        if self.depth >= _DEEPEST:
            raise TooMany
        return Line(self.tree, node["id"], index, self.depth + 1)

    def add_before(self, node: dict[str, Any], kind: str, config: dict[str, Any], title: str) -> dict[str, Any]:
        """Puts a node where `node` stands, and that behind it."""
        place = Line(self.tree, node["upstream"], node["branch_index"])
        added = place.add(kind, config, title)
        node["upstream"], node["branch_index"] = added["id"], None
        return added

    def settled(self, value: Value, title: str) -> Value:
        """Without expressions and merged objects: nodes compute these."""
        if isinstance(value, Expr):
            return result_of(self.add("calculation", {"engine": "math.js", "expression": value.text}, title)["key"])
        if isinstance(value, Merged):
            return self._merged(value, title)
        if isinstance(value, list):
            return [self.settled(item, f"{title}.{index}") for index, item in parts(value)]
        if isinstance(value, dict):
            return {name: self.settled(item, f"{title}.{name}") for name, item in value.items()}
        return value

    def _merged(self, value: Merged, title: str) -> Value:
        first, *rest = (self.settled(layer, title) for layer in value.layers)
        for layer in rest:
            if layer in ({}, None):
                continue
            if isinstance(first, dict) and isinstance(layer, dict):
                first = first | layer
                continue
            config = {"engine": "jmespath", "source": [template(first), template(layer)], "expression": _MERGE}
            first = result_of(self.add("json-query", config, title)["key"])
        return first

    def at(self, value: Value, segments: tuple[str, ...], title: str) -> tuple[Value, Value]:
        """(what lies at the path, the value as it is then): objects are merged where nobody knows whose key it is."""
        try:
            return look_up(value, segments), value
        except Unsettled:
            value = self.settled(value, title)
            return look_up(value, segments), value

    def kept(self, value: Value, title: str, key: str | None = None) -> Ref:
        """A node whose result is the value."""
        config = {"target": None, "value": template(self.settled(value, title))}
        return result_of(self.add("variable", config, title, key=key)["key"])


class Step(State):
    """A state that runs and goes on."""

    def emit(self, line: Line, env: Env) -> Env:
        """Adds its nodes; answers what the next state finds. Raises `Misfit` with a place below the state's."""
        raise NotImplementedError


class Ending(State):
    """A state that ends the flow."""

    returns = False

    def emit(self, line: Line, env: Env) -> Any:
        raise NotImplementedError


class Choosing(State):
    """A state that leads to the target of the first question that holds, and to the last target else."""

    def prepare(self, line: Line, env: Env) -> tuple[Env, Sequence[str]]:
        """(what the states behind it find, the questions in math.js)."""
        raise NotImplementedError


@dataclass
class Walk:
    """Makes a scope's nodes."""

    scope: Scope
    tree: Tree
    #: What the flow does where it ends well; of other scopes nothing.
    finish: Callable[[Line, Env], None] | None = None

    def run(self, line: Line, env: Env) -> Env | None:
        """What the scope ends with; None where it never ends well, or `finish` has dealt with it."""
        end = self._line(line, self.scope.start, EXIT, env)
        if end is not None and self.finish is not None:
            self._finish(line, end)
            return None
        return end

    def _finish(self, line: Line, env: Env) -> None:
        assert self.finish is not None
        try:
            self.finish(line, env)
        except Misfit as error:
            self.tree.faults.tell(error.below(self.scope.place).place, error.message)

    def _line(self, line: Line, name: str, stop: str | None, env: Env) -> Env | None:
        while name != stop and name != EXIT:
            state = self.scope.states[name]
            if isinstance(state, Choosing):
                found = self._choice(line, state, env)
                if found is None:
                    return None
                env, name = found, self.scope.joins[state.name]
            elif isinstance(state, Ending):
                self._told(state, state.emit, line, env)
                return None
            else:
                assert isinstance(state, Step)
                env = self._told(state, state.emit, line, env) or state.lost(env)
                name = state.next
        return env

    def _told(self, state: State, emit: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return emit(*arguments)
        except Misfit as error:
            self.tree.faults.tell(error.below(state.place).place, error.message)
            return None

    def _choice(self, line: Line, state: Choosing, env: Env) -> Env | None:
        prepared = self._told(state, state.prepare, line, env)
        env, questions = prepared or (state.lost(env), ["true"] * (len(state.targets) - 1))
        node = line.add(*_deciding(questions), state.title)
        join = self.scope.joins.get(state.name)
        indexes = [*range(1, len(questions) + 1), 0]
        ends: list[tuple[Line, Env]] = []
        for index, (_place, target) in zip(indexes, state.targets, strict=True):
            branch = line.fork(node, index)
            end = self._line(branch, target, join, env)
            if end is not None:
                ends.append((branch, end))
        if join == EXIT and self.finish is not None:
            # Each way sets the output itself, and nothing stands behind the choice.
            for branch, end in ends:
                self._finish(branch, end)
            return None
        return self._meet(line, node, ends) if ends else None

    def _meet(self, line: Line, node: dict[str, Any], ends: list[tuple[Line, Env]]) -> Env:
        """One value for what the ways come with: where they differ, a variable that each of them sets."""
        met: list[Value] = []
        for values in zip(*(end for _branch, end in ends), strict=True):
            # By what they read as: 1 is not true.
            if all(repr(value) == repr(values[0]) for value in values):
                met.append(values[0])
                continue
            title = f"{node['title']}.output"
            key = line.add_before(node, "variable", {"target": None, "value": None}, title)["key"]
            for (branch, _end), value in zip(ends, values, strict=True):
                settled = branch.settled(value, title)
                branch.add("variable", {"target": key, "value": template(settled)}, title)
            met.append(result_of(key))
        return tuple(met)


def _deciding(questions: Sequence[str]) -> tuple[str, dict[str, Any]]:
    if len(questions) == 1:
        return "condition", {"engine": "math.js", "expression": questions[0], "rejectOnFalse": False}
    cases = [{"engine": "math.js", "expression": question} for question in questions]
    return "multi-conditions", {"conditions": cases, "continueOnNoMatch": True}


def collected(line: Line, loop: dict[str, Any], inside: Callable[[Line], Value], title: str) -> Value:
    """The list of what each round of a loop comes to; `inside` adds the round's nodes.

    A round's list is the one of the round before with one more: a node names its own last result. With no round there
    is none, or that of an earlier loop around, so it is asked for behind the loop.
    """
    branch = line.fork(loop, 0)
    value = inside(branch)
    if not isinstance(value, Ref):
        value = branch.kept(value, f"{title}.each")
    key = line.tree.key(f"{loop['key']}_list")
    # The first round never reads it, so a default stands in for it.
    before = placeholder(result_of(key))[:-2] + ":-}}"
    index = placeholder(Ref(("$scopes", loop["key"], "index")))
    text = f"append({index} == 0 ? [] : {before}, {placeholder(value)})"
    branch.add("calculation", {"engine": "math.js", "expression": text}, f"{title}.list", key=key)
    looped = placeholder(result_of(loop["key"]).at("looped"))
    text = f"{looped} == 0 ? [] : {before}"
    return result_of(line.add("calculation", {"engine": "math.js", "expression": text}, f"{title}.Items")["key"])


def finished(line: Line, env: Env) -> None:
    """The flow's output is what its last state gives."""
    line.add("output", {"value": template(line.settled(env[0], "output"))}, "output")


def failed(line: Line, title: str, code: str, detail: str) -> None:
    """The scope ends in failure, which tells the code and the detail."""
    # The message is what the engine tells of a failure.
    texts = {"Code": code, "Detail": detail, "message": ": ".join(filter(None, (code, detail)))}
    said: dict[str, Value] = {name: plain(text) for name, text in texts.items() if text}
    if said:
        line.kept(said, f"{title}.error")
    line.add("end", {"endStatus": -1}, title)
