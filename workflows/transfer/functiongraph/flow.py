"""FunctionGraph's form as it is meant: its states by id, who follows whom, and what is wrong with either."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from workflows.policy import Policy
from workflows.transfer.readers import Finding

#: Before a kind of ours, as the type of a state.
OURS = "sluice:"
#: The operation of the function that carries what the form has no room for, of a workflow and of a node.
WORKFLOW = f"{OURS}workflow"
OPERATION, SLEEP, END = "Operation", "Sleep", "End"
_MOST_SHOWN = 80
_MOST_STATES_NAMED = 10
#: What the form knows of each of its parts.
_FUNCTION = frozenset(("name", "operation", "metadata"))
_RETRY = frozenset(("name", "delay", "max_attempts"))
_STATE = frozenset(
    ("id", "name", "type", "end", "transition", "actions", "action_mode", "state_data_filter", "on_errors", "duration")
)
_ACTION = frozenset(("function_ref",))
_FUNCTION_REF = frozenset(("ref_name", "invoke_mode", "arguments"))
_ERROR = frozenset(("error", "transition", "retry_ref"))


@dataclass
class State:
    """A state as it stands in the file; `place` is where."""

    id: str
    place: str
    raw: Mapping[str, Any]
    #: None: the line ends behind it.
    next: str | None = None
    #: Which state an error leads to.
    on_error: str | None = None
    retry: Mapping[str, Any] = field(default_factory=dict)
    #: Of a kind of ours: {index: the first state}.
    branches: Mapping[int, str] = field(default_factory=dict)
    #: Of a kind of ours: the rest of its node.
    config: Any = None
    policy: Any = None
    #: Where its function stands.
    function: str = ""

    @property
    def type(self) -> str:
        return str(self.raw["type"])

    @property
    def title(self) -> str:
        """A name that is there and empty is a title of ours that is."""
        name = self.raw.get("name")
        return str(self.id if name is None else name)[:255]

    @property
    def is_ours(self) -> bool:
        return self.type.startswith(OURS)

    def ways(self) -> Iterator[tuple[str, str]]:
        """(place, id) of each state it leads to."""
        if self.next is not None:
            yield f"{self.place}.transition", self.next
        if self.on_error is not None:
            yield f"{self.place}.on_errors.0.transition", self.on_error
        yield from ((f"{self.place}.actions.0.function_ref", first) for first in self.branches.values())


@dataclass
class Flow:
    """A definition taken apart."""

    raw: Mapping[str, Any]
    states: dict[str, State] = field(default_factory=dict)
    start: str = ""
    #: name -> the function, and where it stands.
    functions: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    retries: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)

    def fault(self, place: str, message: str, *, fatal: bool = True) -> None:
        self.faults.append(Finding(place, message, fatal))

    def passed_over(self, place: str, raw: Mapping[str, Any], known: frozenset[str]) -> None:
        """Tells of each key that is none of these."""
        for key in raw:
            if key not in known:
                where = f"{place}.{_shown(key)}".lstrip(".")
                self.fault(where, _("Passed over: nothing of that name is known here."), fatal=False)

    @property
    def broken(self) -> bool:
        return any(fault.fatal for fault in self.faults)

    @property
    def ours(self) -> Mapping[str, Any] | None:
        """What a rendering of ours says of the workflow; None of what was made elsewhere."""
        for _place, function in self.functions.values():
            if function.get("operation") == WORKFLOW:
                metadata = function.get("metadata")
                return metadata if isinstance(metadata, Mapping) else {}
        return None


def taken_apart(raw: Mapping[str, Any]) -> Flow:
    """Never raises: what is wrong stands in `faults`."""
    flow = Flow(raw)
    for place, name, function in _named(flow, "functions"):
        flow.functions[name] = (place, function)
        flow.passed_over(place, function, _FUNCTION)
    for place, name, retry in _named(flow, "retries"):
        flow.retries[name] = _retry(flow, place, retry)
        flow.passed_over(place, retry, _RETRY)
    _read_states(flow)
    start = raw.get("start")
    if isinstance(start, str) and start in flow.states:
        flow.start = start
    elif flow.states or start:
        flow.fault("start", _("Give the id of the first state; there is no state %s.") % _shown(start))
    for state in flow.states.values():
        for place, other in state.ways():
            if other not in flow.states:
                flow.fault(place, _("There is no state %s.") % _shown(other))
    if not flow.broken:
        _check_ways(flow)
    return flow


def objects(flow: Flow, place: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, object) of a list of objects that may be left out."""
    if value is None:
        return
    if not isinstance(value, list):
        flow.fault(place, _("Give a list of objects."))
        return
    for index, item in enumerate(value):
        if isinstance(item, Mapping):
            yield f"{place}.{index}", item
        else:
            flow.fault(f"{place}.{index}", _("Give an object of keys and values."))


def _named(flow: Flow, key: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    seen: set[str] = set()
    for place, item in objects(flow, key, flow.raw.get(key)):
        name = item.get("name")
        if not isinstance(name, str) or not name:
            flow.fault(f"{place}.name", _("Give it a name."))
        elif name in seen:
            flow.fault(f"{place}.name", _("The name %s is taken; choose another.") % _shown(name))
        else:
            seen.add(name)
            yield place, name, item


def _retry(flow: Flow, place: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """As a policy has it. What is counted there are the attempts behind the first one."""
    found: dict[str, int] = {}
    for name, default, most in (("delay", 1, 180 * 86_400), ("max_attempts", 3, 99)):
        value = raw.get(name)
        found[name] = default if value is None else value
        if type(found[name]) is not int or not 0 <= found[name] <= most:
            flow.fault(f"{place}.{name}", _("Give a whole number from 0 to %d.") % most)
            return {}
    interval = found["delay"] * 1000
    longest = {"maxInterval": interval} if interval > Policy().retry.max_interval else {}
    return {"attempts": found["max_attempts"] + 1, "interval": interval, "backoff": 1, **longest}


def _read_states(flow: Flow) -> None:
    for place, raw in objects(flow, "states", flow.raw.get("states")):
        name = raw.get("id")
        if not isinstance(name, str) or not name:
            flow.fault(f"{place}.id", _("Give the state an id."))
        elif name in flow.states:
            flow.fault(f"{place}.id", _("Another state has the id %s; choose another.") % _shown(name))
        elif _is_known(flow, place, raw):
            flow.states[name] = _state(flow, State(name, place, raw))


def _is_known(flow: Flow, place: str, raw: Mapping[str, Any]) -> bool:
    type = raw.get("type")
    if isinstance(type, str) and (type in (OPERATION, SLEEP, END) or type.startswith(OURS)):
        return True
    known = ", ".join((OPERATION, SLEEP, END, f"{OURS}…"))
    flow.fault(f"{place}.type", _("States of type %(type)s are not known here; there are: %(known)s.")
               % {"type": _shown(type), "known": known})  # fmt: skip
    return False


def _state(flow: Flow, state: State) -> State:
    raw = state.raw
    last = raw.get("end") is True or state.type == END
    if raw.get("transition") and not last:
        state.next = str(raw["transition"])
    elif raw.get("transition"):
        flow.fault(f"{state.place}.transition", _("The flow ends here, and yet another state follows; take one away."))
    if not isinstance(raw.get("end"), bool | None):
        flow.fault(f"{state.place}.end", _("Give true or false."))
    if not isinstance(raw.get("name"), str | None):
        flow.fault(f"{state.place}.name", _("Give a text."))
    flow.passed_over(state.place, raw, _STATE)
    if state.is_ours:
        _read_ours(flow, state)
    elif state.type == OPERATION:
        _read_errors(flow, state)
        _read_actions(flow, state)
    elif raw.get("on_errors"):
        flow.fault(f"{state.place}.on_errors", _("Passed over: such a state doesn't fail."), fatal=False)
    return state


def _read_errors(flow: Flow, state: State) -> None:
    for number, (place, error) in enumerate(objects(flow, f"{state.place}.on_errors", state.raw.get("on_errors"))):
        flow.passed_over(place, error, _ERROR)
        if number:
            flow.fault(place, _("The entry before it takes every error already; remove one."))
        elif error.get("error") not in (None, "", "*"):
            sentence = _("Errors can't be told apart here; leave it out, so that every error counts.")
            flow.fault(f"{place}.error", sentence)
        else:
            name, way = error.get("retry_ref"), error.get("transition")
            state.on_error = str(way) if way else None
            if name and str(name) in flow.retries:
                state.retry = flow.retries[str(name)]
            elif name:
                flow.fault(f"{place}.retry_ref", _("There is no retry %s.") % _shown(name))


def _read_actions(flow: Flow, state: State) -> None:
    """What they come to, and what is wrong with it, is found where they are laid."""
    actions = state.raw.get("actions")
    for number, action in enumerate(actions if isinstance(actions, list) else ()):
        place = f"{state.place}.actions.{number}"
        if isinstance(action, Mapping):
            flow.passed_over(place, action, _ACTION)
            if isinstance(action.get("function_ref"), Mapping):
                flow.passed_over(f"{place}.function_ref", action["function_ref"], _FUNCTION_REF)


def _read_ours(flow: Flow, state: State) -> None:
    """A node of ours: its function carries what the state has no room for."""
    place = f"{state.place}.actions.0.function_ref"
    try:
        name = state.raw["actions"][0]["function_ref"]["ref_name"]
        state.function, function = flow.functions[name]
        metadata = function["metadata"]
        state.config, state.policy = metadata.get("config"), metadata.get("policy")
        state.branches = {int(index): str(first) for index, first in (metadata.get("branches") or {}).items()}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        sentence = _("Name the function whose metadata has the config, policy and branches of the node.")
        flow.fault(place, sentence)


def _check_ways(flow: Flow) -> None:
    """That no way leads back, and that each state lies on one."""
    if not flow.start:
        return
    done: set[str] = set()
    path = {flow.start: None}
    #: Of each state on the path the ways that were not gone yet.
    left = [_others(flow, flow.start)]
    while path:
        other = next(left[-1], None)
        if other is None:
            done.add(path.popitem()[0])
            left.pop()
        elif other in path:
            states = [*path]
            place = flow.states[states[-1]].place
            flow.fault(f"{place}.transition", _circle([*states[states.index(other) :], other]))
            return
        elif other not in done:
            path[other] = None
            left.append(_others(flow, other))
    for state in flow.states.values():
        if state.id not in done:
            sentence = _("No transition leads to the state %s; remove it, or lead one there.")
            flow.fault(state.place, sentence % _shown(state.id))


def _others(flow: Flow, name: str) -> Iterator[str]:
    return iter([other for _place, other in flow.states[name].ways()])


def _circle(states: list[str]) -> str:
    if len(states) > _MOST_STATES_NAMED:
        states = [*states[: _MOST_STATES_NAMED - 1], "…", states[-1]]
    return _("States lead in a circle, which a tree of nodes can't hold: %s.") % " → ".join(map(_shown, states))


def _shown(value: Any) -> str:
    return str(value)[:_MOST_SHOWN]
