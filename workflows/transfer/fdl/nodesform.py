"""Reads what `rendering` writes: states that are nodes of ours (see `ours`)."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.policy import ERROR_BRANCH
from workflows.transfer.fdl import ours
from workflows.transfer.fdl.fields import Fields, path
from workflows.transfer.fdl.graph import EXIT, Scope, State
from workflows.transfer.fdl.tree import Faults, Line, Tree, key_of

_COLUMNS = {
    "Type": "type", "Title": "title", "TriggerTitle": "trigger_title", "Config": "config", "Sync": "sync",
    "TimeZone": "time_zone",
}  # fmt: skip


class NodeState(State):
    """A state that is one node, or none."""

    kind: str | None = None
    key = ""
    title = ""
    config: Mapping[str, Any] = {}
    policy: Any = None
    #: Of a choice: which branch each of the targets is.
    indexes: list[int] = []
    scopes: dict[int, Scope | None] = {}
    ends = False

    @property
    def returns(self) -> bool:  # type: ignore[override]
        return not self.ends


def columns_of(fields: Fields) -> dict[str, Any]:
    """What `Sluice` says of the flow."""
    given = fields.below(ours.SLUICE)
    if given.get("Form") == "rows":
        given.tell("Form", _("This text only tells of a workflow whose nodes form no tree; it can't be read."))
    found = {column: given.get(name) for name, column in _COLUMNS.items() if name in given}
    options = given.object("Options")
    if options is not None:
        found["options"] = options
    if "Name" in given and given.get("Name") is None:
        found["name"] = None
    given.no_more(("Form",))
    return found


class Reading:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def scope(self, fields: Fields) -> Scope | None:
        start, given = fields.text("StartAt"), fields.items("States")
        states: dict[str, State] = {}
        for index, item in enumerate(given):
            state = self._state(Fields(item, path(fields.at("States"), index), self.faults))
            if state.name in states:
                self.faults.tell(path(state.place, "Name"), _("Another state is named %s.") % state.name[:80])
            states[state.name] = state
        if not given:
            return Scope(fields.place, EXIT, {})
        scope = Scope(fields.place, start, states)
        return scope if scope.check(self.faults.tell) else None

    def _state(self, fields: Fields) -> NodeState:
        state = NodeState(fields.text("Name", required=True), fields.place)
        said = Fields(fields.get(ours.SLUICE) or {}, fields.at(ours.SLUICE), self.faults)
        fields.get("Description")
        state.key = said.text("Key") or key_of(state.name)
        state.title = said.text("Title") if "Title" in said else state.name
        state.policy = said.object("Policy")
        extras = {"Config": said.object("Config"), "Without": said.items("Without")}
        state.scopes = {}
        for index, item in enumerate(said.items("Branches")):
            self._branch(state, Fields(item, path(said.at("Branches"), index), self.faults), index)
        if "ErrorBranch" in said:
            below = said.below("ErrorBranch")
            state.scopes[ERROR_BRANCH] = self.scope(below)
            below.no_more()
        kind = fields.text("Type", required=True)
        meant = self._kind(state, fields, kind)
        if said.get("Node") is False:
            state.kind = None
        said.no_more()
        state.config = ours.config_of(meant, extras)
        if kind not in ("Choice", "Succeed", "Fail"):
            following, ends = fields.text("Next"), fields.flag("End")
            if bool(following) == ends:
                fields.tell("Next", _("Say which state is next, or End: true."))
            state.targets = [(fields.at("Next"), following or EXIT)]
        fields.no_more(("End",))
        return state

    def _branch(self, state: NodeState, fields: Fields, index: int) -> None:
        number = fields.number("Index", -(2**31), 2**31 - 1, index)
        state.scopes[number] = self.scope(fields)
        fields.no_more()

    def _kind(self, state: NodeState, fields: Fields, kind: str) -> ours.Config:
        """What configuration the state itself stands for."""
        if kind == "Task":
            return self._task(state, fields)
        if kind == "Choice":
            return self._choice(state, fields)
        if kind == "Parallel":
            return self._parallel(state, fields)
        if kind == "Map":
            state.kind = "loop"
            below = fields.below("Processor")
            state.scopes[0] = self.scope(below)
            below.no_more()
            return ours.looped(fields.get("ItemsPath"))
        if kind == "Wait":
            state.kind = "delay"
            return ours.wait(fields.get("Seconds"))
        if kind == "Pass":
            state.kind = "variable"
            return ours.given(fields.get("OutputConstructor"))
        if kind in ("Succeed", "Fail"):
            state.kind, state.ends = "end", True
            return {"endStatus": 1 if kind == "Succeed" else -1}
        if kind:
            sentence = _("There is no state type %(type)s; there are: %(known)s.")
            known = "Pass, Wait, Choice, Task, Succeed, Fail, Parallel, Map"
            fields.tell("Type", sentence % {"type": kind[:40], "known": known})
        return {}

    def _task(self, state: NodeState, fields: Fields) -> ours.Config:
        action, given = fields.text("Action", required=True), fields.object("Parameters") or {}
        if action == ours.HTTP:
            state.kind = "request"
            return ours.called(given)
        if not action.startswith(ours.ACTION):
            sentence = _("The action %s calls a service that is not here; HTTP:Request is taken.")
            fields.tell("Action", sentence % action[:80])
        state.kind = action.removeprefix(ours.ACTION)
        return given

    def _parallel(self, state: NodeState, fields: Fields) -> ours.Config:
        state.kind = "parallel"
        for index, item in enumerate(fields.items("Branches", required=True)):
            below = Fields(item, path(fields.at("Branches"), index), self.faults)
            said = Fields(below.get(ours.SLUICE) or {}, below.at(ours.SLUICE), self.faults)
            state.scopes[said.number("Index", 0, 2**31 - 1, index)] = self.scope(below)
            said.no_more()
            below.no_more()
        return {"mode": "all"}

    def _choice(self, state: NodeState, fields: Fields) -> ours.Config:
        cases = []
        for index, item in enumerate(fields.items("Branches", required=True)):
            below = Fields(item, path(fields.at("Branches"), index), self.faults)
            said = Fields(below.get(ours.SLUICE) or {}, below.at(ours.SLUICE), self.faults)
            extras = {"Config": said.object("Config"), "Without": said.items("Without")}
            said.no_more()
            try:
                meant = ours.asked(below.get("Condition"))
            except (ValueError, RecursionError):
                below.tell("Condition", _("Give the condition as a text."))
                meant = {}
            cases.append(ours.config_of(meant, extras))
            state.targets.append((below.at("Next"), below.text("Next", required=True)))
            below.no_more()
        state.targets.append((fields.at("Default"), fields.text("Default", required=True)))
        state.indexes = [*range(1, len(cases) + 1), 0]
        if len(cases) == 1:
            state.kind = "condition"
            return {**cases[0], "rejectOnFalse": False}
        state.kind = "multi-conditions"
        return {"conditions": cases, "continueOnNoMatch": True}


def tree_of(scope: Scope, faults: Faults) -> Tree:
    tree = Tree(faults)
    _lay(scope, tree.line(), scope.start, EXIT)
    return tree


def _lay(scope: Scope, line: Line, name: str, stop: str | None) -> None:
    while name not in (stop, EXIT):
        state = scope.states[name]
        assert isinstance(state, NodeState)
        if state.kind is None:
            name = state.targets[0][1] if state.targets else EXIT
            continue
        node = line.add(state.kind, dict(state.config), state.title, key=state.key, policy=state.policy)
        for index, below in state.scopes.items():
            if below is not None:
                _lay(below, line.fork(node, index), below.start, EXIT)
        if state.indexes:
            join = scope.joins.get(name)
            for index, (_place, target) in zip(state.indexes, state.targets, strict=True):
                _lay(scope, line.fork(node, index), target, join)
            if join is None:
                return
            name = join
        elif state.ends:
            return
        else:
            name = state.next
