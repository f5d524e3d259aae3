"""Reads the new form's states, each field told by its place where it is not taken (spec cloud-dialects 4.1)."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.fields import Fields, path
from workflows.transfer.fdl.graph import EXIT, Scope, State
from workflows.transfer.fdl.policies import retry
from workflows.transfer.fdl.states import (
    Choice,
    Data,
    Fail,
    Map,
    Parallel,
    Pass,
    Succeed,
    SucceedFlow,
    Task,
    Wait,
)
from workflows.transfer.fdl.tree import Faults, Tree, Walk, finished
from workflows.transfer.fdl.values import CONTEXT

MOST_BRANCHES = 50
#: Seconds of a Wait, by whether the flow answers at once.
MOST_SECONDS = {False: 300, True: 20}
_CALLBACK = "WaitForCustomCallback"


class Reading:
    """Makes scopes of lists of states."""

    def __init__(self, faults: Faults, *, express: bool = False) -> None:
        self.faults = faults
        self.most_seconds = MOST_SECONDS[express]
        self._makers = {
            "Pass": self._pass, "Wait": self._wait, "Choice": self._choice, "Task": self._task,
            "Succeed": self._succeed, "Fail": self._fail, "Parallel": self._parallel, "Map": self._map,
        }  # fmt: skip

    def scope(self, fields: Fields, *, main: bool = False) -> Scope | None:
        """`StartAt` and `States` of a flow, branch or processor; None where no scope can be made of them."""
        start, given = fields.text("StartAt", required=True), fields.items("States", required=True)
        states: dict[str, State] = {}
        for index, item in enumerate(given):
            state = self._state(Fields(item, path(fields.at("States"), index), self.faults), main)
            if state is None:
                continue
            if state.name in states:
                self.faults.tell(path(state.place, "Name"), _("Another state is named %s.") % state.name[:80])
            states[state.name] = state
        if not start or not given or len(states) != len(given):
            return None
        scope = Scope(fields.place, start, states, main)
        return scope if scope.check(self.faults.tell) else None

    def _state(self, fields: Fields, main: bool) -> State | None:
        name, kind = fields.text("Name", required=True), fields.text("Type", required=True)
        make = self._makers.get(kind)
        if kind and make is None:
            known = ", ".join(self._makers)
            fields.tell("Type", _("There is no state type %(type)s; there are: %(known)s.")
                        % {"type": kind[:40], "known": known})  # fmt: skip
        fields.get("Description")
        if not name or make is None:
            return None
        state = make(fields, name, main)
        fields.no_more()
        return state

    def _linked(self, fields: Fields, state: Data) -> Data:
        state.input_spec = fields.object("InputConstructor")
        state.output_spec = fields.object("OutputConstructor")
        following, ends = fields.text("Next"), fields.flag("End")
        if ends and following:
            fields.tell("Next", _("A state that ends its scope has no next one; take out Next or End."))
        elif not ends and not following:
            fields.tell("Next", _("Say which state is next, or End: true."))
        state.targets = [(fields.at("Next"), following or EXIT)]
        return state

    def _retried(self, fields: Fields, state: Data) -> Data:
        state.policy = retry(fields)
        if "Catch" in fields:
            fields.get("Catch")
            fields.tell("Catch", _("Catch is not taken: say in the imported workflow what follows an error."))
        return self._linked(fields, state)

    def _pass(self, fields: Fields, name: str, main: bool) -> State:
        return self._linked(fields, Pass(name, fields.place))

    def _wait(self, fields: Fields, name: str, main: bool) -> State:
        state = Wait(name, fields.place)
        state.expression = fields.get("Seconds.$")
        state.seconds = fields.number("Seconds", 1, self.most_seconds, 1)
        if (state.expression is None) == (fields.get("Seconds") is None):
            fields.tell("Seconds", _("Say how many seconds to wait, as Seconds or Seconds.$."))
        return self._linked(fields, state)

    def _succeed(self, fields: Fields, name: str, main: bool) -> State:
        state = (SucceedFlow if main else Succeed)(name, fields.place)
        state.input_spec, state.output_spec = fields.object("InputConstructor"), fields.object("OutputConstructor")
        state.targets = [] if main else [(fields.at("End"), EXIT)]
        self._ends(fields)
        return state

    def _fail(self, fields: Fields, name: str, main: bool) -> State:
        state = Fail(name, fields.place)
        state.code, state.detail = fields.text("Code"), fields.text("Detail")
        # They have no say in how it fails.
        fields.object("InputConstructor")
        fields.object("OutputConstructor")
        self._ends(fields)
        return state

    def _ends(self, fields: Fields) -> None:
        fields.flag("End")
        if fields.text("Next"):
            fields.tell("Next", _("Nothing follows this state; take it out."))

    def _choice(self, fields: Fields, name: str, main: bool) -> State:
        state = Choice(name, fields.place)
        state.input_spec = fields.object("InputConstructor")
        conditions = []
        for index, item in enumerate(self._bounded(fields)):
            branch = Fields(item, path(fields.at("Branches"), index), self.faults)
            conditions.append(branch.get("Condition"))
            state.targets.append((branch.at("Next"), branch.text("Next", required=True)))
            branch.no_more(("Description",))
        state.conditions = conditions
        default = fields.text("Default")
        if not default:
            fields.tell("Default", _("Say which state is next where no condition holds."))
        state.targets.append((fields.at("Default"), default))
        for wrong in ("Next", "End", "OutputConstructor"):
            if wrong in fields:
                fields.get(wrong)
                fields.tell(wrong, _("A Choice has no %s; its branches and Default lead on.") % wrong)
        return state

    def _bounded(self, fields: Fields) -> list[Any]:
        branches = fields.items("Branches", required=True)
        if len(branches) > MOST_BRANCHES:
            fields.tell("Branches", _("At most %d branches may stand here; split them.") % MOST_BRANCHES)
        return branches[:MOST_BRANCHES]

    def _task(self, fields: Fields, name: str, main: bool) -> State:
        state = Task(name, fields.place)
        action, mode = fields.text("Action", required=True), fields.text("TaskMode")
        if action and action != "HTTP:Request":
            sentence = _("The action %s calls a service that is not here; HTTP:Request is taken.")
            fields.tell("Action", sentence % action[:80])
        if mode not in ("", "RequestComplete", _CALLBACK):
            fields.tell("TaskMode", _("The mode %s is not taken; RequestComplete and WaitForCustomCallback are.")
                        % mode[:80])  # fmt: skip
        state.waits = mode == _CALLBACK
        state.parameters = fields.object("Parameters")
        if state.parameters is None:
            fields.tell("Parameters", _("Say what to call: url, method, headers and body."))
            state.parameters = {}
        state.seconds = fields.number("Timeout", 1, 86_400)
        return self._retried(fields, state)

    def _parallel(self, fields: Fields, name: str, main: bool) -> State:
        state = Parallel(name, fields.place)
        scopes = []
        for index, item in enumerate(self._bounded(fields)):
            branch = Fields(item, path(fields.at("Branches"), index), self.faults)
            scopes.append(self.scope(branch))
            branch.no_more(("Name", "Description"))
        state.branches = [scope for scope in scopes if scope is not None]
        return self._retried(fields, state)

    def _map(self, fields: Fields, name: str, main: bool) -> State:
        state = Map(name, fields.place)
        state.items = fields.get("ItemsPath")
        if state.items is None:
            fields.tell("ItemsPath", _("Say where the list is, as in $Input.lines."))
        processor = fields.below("Processor")
        state.processor = self.scope(processor)
        if processor.get("ProcessorConfig") is not None:
            processor.tell("ProcessorConfig", _("The rounds run one after another."), fatal=False)
        processor.no_more()
        for spelt in ("MaxConcuccency", "MaxConcurrency"):
            if fields.number(spelt, 0, 10_000) not in (None, 1):
                fields.tell(spelt, _("The rounds run one after another."), fatal=False)
        return self._retried(fields, state)


def tree_of(scope: Scope, faults: Faults) -> Tree:
    """The nodes of a flow in the new form."""
    tree = Tree(faults)
    Walk(scope, tree, finished).run(tree.line(), (CONTEXT,))
    return tree
