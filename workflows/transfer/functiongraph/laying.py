"""The states of a flow laid out as the nodes of a tree."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.policy import ERROR_BRANCH
from workflows.transfer.functiongraph.flow import END, OPERATION, OURS, SLEEP, Flow, State, objects
from workflows.transfer.functiongraph.values import Source, can_be_named, template_of

#: A workflow of ours as FunctionGraph names it; which region's and whose is not asked.
_URN = re.compile(r"urn:fss:[^:]*:[^:]*:workflow:[^:]*:([^:]+)(?::latest)?")
_KEY = 64
#: States that are laid again where ways meet.
MOST_COPIES = 1_000
_MOST_SHOWN = 80


@dataclass
class _Line:
    """What is still to be laid: from a state on, behind a node or first in a branch of it."""

    state: str
    source: Source
    upstream: int | None = None
    branch: int | None = None
    #: Of an error branch: what failed and its node's key, and the state with which the line around it goes on.
    failed: State | None = None
    failed_key: str = ""
    until: str | None = None
    place: str = "start"


def laid(flow: Flow) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The nodes, as `Definition` takes them, and where the file has what they hold; what doesn't fit goes to the flow's
    faults."""
    laying = _Laying(flow)
    lines = deque([_Line(flow.start, Source("$context"))] if flow.start else [])
    while lines:
        # The main line first: it keeps the ids of its states as keys.
        lines.extend(laying.lay(lines.popleft()))
        if laying.copies > MOST_COPIES:
            sentence = _("Paths that meet are copied, here more than %d states; let fewer meet.")
            flow.fault("states", sentence % MOST_COPIES)
            return [], {}
    return laying.nodes, laying.places


@dataclass
class _Laying:
    flow: Flow
    nodes: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    copies: int = 0
    #: The states that have nodes already.
    _laid: set[str] = field(default_factory=set)
    _keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._keys.update(state.id for state in self.flow.states.values())

    def lay(self, line: _Line) -> list[_Line]:
        """Lays one line to its end; answers those that begin at its nodes."""
        found: list[_Line] = []
        at: str | None = line.state
        while at is not None and at != line.until:
            state = self.flow.states[at]
            self.copies += at in self._laid
            if state.type == END:
                self._end(line, state)
                return found
            if state.is_ours and at in self._laid:
                sentence = _("Another way leads to the state %s already, and a node stands at one place; copy it.")
                self.flow.fault(line.place, sentence % at[:_MOST_SHOWN])
                return found
            self._state(line, state, found)
            self._laid.add(at)
            at, line.place = state.next, f"{state.place}.transition"
        if at is not None:
            self._rejoin(line)
        elif self.flow.ours is None:
            self._finish(line, self._free(f"{self._base(state.id)}-output"), "")
        return found

    def _state(self, line: _Line, state: State, found: list[_Line]) -> None:
        try:
            line.source = self._filtered(state, "input", line.source)
            first = len(self.nodes)
            source = self._nodes_of(line, state)
            before = line.source
            line.source = self._filtered(state, "output", source)
        except Invalid as error:
            self.flow.fault(error.field or state.place, error.message)
            return
        if state.type == OPERATION and state.on_error and first < len(self.nodes):
            node = self.nodes[first]
            node["policy"] = {**node["policy"], "onError": "branch"}
            found.append(self._handler(state, node))
        for index, head in state.branches.items():
            place = f"{state.place}.actions.0.function_ref"
            found.append(_Line(head, before, self.nodes[first]["id"], index, place=place))

    def _handler(self, state: State, node: Mapping[str, Any]) -> _Line:
        assert state.on_error is not None
        until = state.next if state.next is not None and self.flow.states[state.next].type != END else None
        place = f"{state.place}.on_errors.0.transition"
        key = node["key"]
        return _Line(state.on_error, Source(f"$scopes.{key}"), node["id"], ERROR_BRANCH, state, key, until, place)

    def _nodes_of(self, line: _Line, state: State) -> Source:
        if state.is_ours:
            policy = {} if state.policy is None else state.policy
            self._add(line, state.id, state.type.removeprefix(OURS), state.title, state.config, policy)
            self._found_at(state.place, key="id", title="name")
            self._found_at(f"{state.function}.metadata", config="config", policy="policy")
            return Source(f"$jobsMapByNodeKey.{state.id}")
        if state.type == SLEEP:
            self._add(line, self._key(state), "delay", state.title, self._pause(state))
            self._found_at(state.place, key="id", title="name", **{"config.duration": "duration"})
            return line.source
        return self._operation(line, state)

    def _pause(self, state: State) -> dict[str, Any]:
        duration = state.raw.get("duration")
        if type(duration) is not int or duration < 1:
            raise Invalid(_("Give the seconds to wait, a whole number from 1 on."), field=f"{state.place}.duration")
        return {"duration": duration, "unit": 1000, "endStatus": 1}

    def _operation(self, line: _Line, state: State) -> Source:
        actions = list(objects(self.flow, f"{state.place}.actions", state.raw.get("actions")))
        mode = state.raw.get("action_mode") or "sequential"
        if not actions:
            raise Invalid(_("Give the state an action, with the function to call."), field=f"{state.place}.actions")
        if mode not in ("sequential", "parallel"):
            raise Invalid(_("Write sequential or parallel."), field=f"{state.place}.action_mode")
        policy = {"retry": state.retry} if state.retry else {}
        key = self._key(state)
        if len(actions) == 1:
            self._call(line, actions[0], line.source, key, state.title, policy)
            return Source(f"$jobsMapByNodeKey.{key}")
        # One node around them: it is tried again, and it fails, as a whole.
        node = self._add(line, key, "parallel", state.title, {"mode": "all"}, policy)
        inner, source, sources = line, line.source, []
        for number, action in enumerate(actions, 1):
            if number == 1 or mode == "parallel":
                inner, source = _Line(state.id, line.source, node["id"], number), line.source
            name = self._free(f"{key}-{number}")
            self._call(inner, action, source, name, "", {})
            source = Source(f"$jobsMapByNodeKey.{name}")
            sources.append(source)
        return Source(parts=tuple(sources)) if mode == "parallel" else source

    def _call(
        self,
        line: _Line,
        action: tuple[str, Mapping[str, Any]],
        source: Source,
        key: str,
        title: str,
        policy: Mapping[str, Any],
    ) -> None:
        place, raw = f"{action[0]}.function_ref", action[1].get("function_ref")
        if not isinstance(raw, Mapping):
            raise Invalid(_("Give an object of keys and values."), field=place)
        name = str(raw.get("ref_name") or "")
        if str(raw.get("invoke_mode") or "sync").lower() != "sync":
            sentence = _("Every call here waits for its result; leave invoke_mode out, or write sync.")
            raise Invalid(sentence, field=f"{place}.invoke_mode")
        if name not in self.flow.functions:
            raise Invalid(_("There is no function %s.") % name[:_MOST_SHOWN], field=f"{place}.ref_name")
        function, known = self.flow.functions[name]
        called = self._called(function, known)
        arguments = raw.get("arguments")
        values = source.template if arguments is None else None
        if values is None:
            try:
                values = template_of(arguments, source, self.flow.raw.get("constants"))
            except Invalid as error:
                raise Invalid(error.message, field=f"{place}.arguments") from None
        self._add(line, key, "subflow", title or name[:255], {"workflow": called, "values": values}, policy)
        self._found_at(place, **{"config.values": "arguments"})
        self._found_at(function, **{"config.workflow": "operation"})

    def _called(self, place: str, function: Mapping[str, Any]) -> str:
        """The workflow that a function is. Functions of another kind run where FunctionGraph is, and nowhere else."""
        operation = function.get("operation")
        text = operation if isinstance(operation, str) else ""
        named = _URN.fullmatch(text)
        if named is None and (not text or ":" in text):
            sentence = _(
                "%s is not a workflow, and functions can't be called from here; write a workflow's name, its key, or a "
                "URN like urn:fss:region:project:workflow:default:name:latest."
            )
            raise Invalid(sentence % (text[:200] or _("This")), field=f"{place}.operation")
        return named[1] if named is not None else text

    def _filtered(self, state: State, which: str, source: Source) -> Source:
        given = state.raw.get("state_data_filter")
        place = f"{state.place}.state_data_filter"
        if not isinstance(given, Mapping | None):
            raise Invalid(_("Give an object of keys and values."), field=place)
        path = (given or {}).get(which)
        if path is None or path == "":
            return source
        try:
            return source.at(path if isinstance(path, str) else repr(path))
        except Invalid as error:
            raise Invalid(error.message, field=f"{place}.{which}") from None

    def _rejoin(self, line: _Line) -> None:
        """What the error branch came to stands for the result of what failed."""
        state = line.failed
        assert state is not None
        data = state.raw.get("state_data_filter")
        if len(state.raw.get("actions") or ()) > 1 or (isinstance(data, Mapping) and data.get("output")):
            sentence = _(
                "The path of an error can't come back to the state %s: what failed has several actions or an output "
                "filter; lead it to an End."
            )
            self.flow.fault(line.place, sentence % str(line.until)[:_MOST_SHOWN])
            return
        config = {"target": line.failed_key, "value": line.source.template}
        self._add(line, self._free(f"{line.failed_key}-caught"), "variable", "", config)

    def _end(self, line: _Line, state: State) -> None:
        try:
            for which in ("input", "output"):
                line.source = self._filtered(state, which, line.source)
        except Invalid as error:
            self.flow.fault(error.field or state.place, error.message)
        self._finish(line, self._key(state), state.title)
        self._laid.add(state.id)

    def _finish(self, line: _Line, key: str, title: str) -> None:
        """A flow's output is what its last state gives; from an error branch the line around it must not go on."""
        self._add(line, key, "output", title, {"value": line.source.template})
        if line.failed is not None:
            self._add(line, self._free(f"{key}-end"), "end", "", {"endStatus": 1})

    def _add(self, line: _Line, key: str, type: str, title: str, config: Any, policy: Any = None) -> dict[str, Any]:
        node = {
            "id": len(self.nodes) + 1, "key": key, "type": type, "title": title, "config": config,
            "policy": {} if policy is None else policy, "upstream": line.upstream, "branch_index": line.branch,
        }  # fmt: skip
        self.nodes.append(node)
        line.upstream, line.branch = node["id"], None
        return node

    def _found_at(self, place: str, **names: str) -> None:
        """Where the last node's parts stand in the file."""
        node = f"nodes.{len(self.nodes) - 1}"
        self.places.update({f"{node}.{ours}": f"{place}.{theirs}" for ours, theirs in names.items()})

    def _key(self, state: State) -> str:
        """A state's id, or where ways meet, and its nodes are copied, one near it."""
        base = self._base(state.id)
        return self._free(base) if state.id in self._laid else base

    def _base(self, name: str) -> str:
        """The text where templates can name it as a key, else a key made of it, always the same."""
        if can_be_named(name) and len(name) <= _KEY:
            return name
        return f"s{sha256(name.encode()).hexdigest()[:15]}"

    def _free(self, wanted: str) -> str:
        """A key that no other node has, near the one wanted."""
        number, key = 1, wanted
        while key in self._keys or len(key) > _KEY:
            number += 1
            key = f"{wanted[: _KEY - 8]}-{number}"
        self._keys.add(key)
        return key
