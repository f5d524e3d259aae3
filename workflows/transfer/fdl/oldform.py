"""Reads the old form's steps, each field told by its place where it is not taken (spec cloud-dialects 4.2)."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.fields import Fields, path
from workflows.transfer.fdl.graph import EXIT, Scope, State
from workflows.transfer.fdl.steps import (
    Choice,
    Fail,
    Foreach,
    Leaving,
    Parallel,
    Pass,
    Place,
    Succeed,
    Task,
    Wait,
)
from workflows.transfer.fdl.tree import Env, Faults, Line, Tree, Walk, finished
from workflows.transfer.fdl.values import CONTEXT, Misfit

MOST_BRANCHES = 100


class Reading:
    """Makes scopes of lists of steps; a step is known by its place in the file."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._makers = {
            "pass": self._pass, "wait": self._wait, "choice": self._choice, "task": self._task,
            "succeed": self._succeed, "fail": self._fail, "parallel": self._parallel, "foreach": self._foreach,
        }  # fmt: skip

    def scope(self, fields: Fields) -> Scope | None:
        states: dict[str, State] = {}
        place = fields.at("steps")
        start = self._steps(fields.items("steps", required=True), place, EXIT, EXIT, states)
        if not states:
            return None
        scope = Scope(fields.place, start, states)
        return scope if scope.check(self.faults.tell) else None

    def _steps(self, items: Sequence[Any], place: str, after: str, end: str, states: dict[str, State]) -> str:
        """Adds the steps of a list; answers what it begins with. `after` follows the last one, `end` one that ends."""
        each = [Fields(item, path(place, index), self.faults) for index, item in enumerate(items)]
        names: dict[str, str] = {}
        for fields in each:
            name = fields.text("name", required=True)
            if name in names:
                fields.tell("name", _("Another step is named %s.") % name[:80])
            names[name] = fields.place
        for index, fields in enumerate(each):
            following = each[index + 1].place if index + 1 < len(each) else after
            self._step(fields, names, following, end, states)
        return each[0].place if each else after

    def _step(self, fields: Fields, names: dict[str, str], after: str, end: str, states: dict[str, State]) -> None:
        kind = fields.text("type", required=True)
        make = self._makers.get(kind)
        if make is None:
            if kind:
                known = ", ".join(self._makers)
                fields.tell("type", _("There is no step type %(type)s; there are: %(known)s.")
                            % {"type": kind[:40], "known": known})  # fmt: skip
            make = self._pass
        ends = fields.flag("end")
        state = make(fields, names, after, end, states)
        state.called = fields.text("name")
        state.inputs, state.outputs = self._mappings(fields, "inputMappings"), self._mappings(fields, "outputMappings")
        if not state.targets and state.returns:
            state.targets = [(fields.at("end"), end if ends or isinstance(state, Succeed) else after)]
        elif ends and isinstance(state, Choice):
            fields.tell("end", _("Say end: true in the steps of the options."))
        for name in ("retry", "catch", "errorMappings"):
            if name in fields:
                fields.get(name)
                fields.tell(name, _("%s is not taken: say in the imported workflow what follows an error.") % name)
        states[state.name] = state
        if kind in self._makers:
            fields.no_more(("description",))

    def _mappings(self, fields: Fields, name: str) -> list[tuple[str, Any]] | None:
        if name not in fields:
            return None
        found = []
        for index, item in enumerate(fields.items(name)):
            mapping = Fields(item, path(fields.at(name), index), self.faults)
            found.append((mapping.text("target", required=True), mapping.get("source")))
            mapping.no_more()
        return found

    def _pass(self, fields: Fields, *_around: Any) -> Any:
        return Pass(fields.place, fields.place)

    def _wait(self, fields: Fields, *_around: Any) -> Any:
        state = Wait(fields.place, fields.place)
        given = fields.get("duration")
        if isinstance(given, str) and given.startswith("$"):
            state.duration = given
        else:
            state.duration = fields.number("duration", 1, 86_400, 1)
        if given is None:
            fields.tell("duration", _("Say how many seconds to wait."))
        return state

    def _succeed(self, fields: Fields, *_around: Any) -> Any:
        return Succeed(fields.place, fields.place)

    def _fail(self, fields: Fields, *_around: Any) -> Any:
        state = Fail(fields.place, fields.place)
        state.error, state.cause = fields.text("error"), fields.text("cause")
        return state

    def _task(self, fields: Fields, *_around: Any) -> Any:
        state = Task(fields.place, fields.place)
        state.url, pattern = fields.text("resourceArn", required=True), fields.text("pattern")
        if state.url and not state.url.lower().startswith(("http://", "https://")):
            sentence = _("The resource %s is not here; an address that begins with http:// or https:// is taken.")
            fields.tell("resourceArn", sentence % state.url[:80])
        if pattern not in ("", "requestResponse", "waitForCallback"):
            fields.tell("pattern", _("The pattern %s is not taken; requestResponse and waitForCallback are.")
                        % pattern[:80])  # fmt: skip
        state.waits = pattern == "waitForCallback"
        state.seconds = fields.number("timeoutSeconds", 1, 86_400)
        return state

    def _choice(self, fields: Fields, names: dict[str, str], after: str, end: str, states: dict[str, State]) -> Any:
        state = Choice(fields.place, fields.place)
        conditions = []
        for index, item in enumerate(self._bounded(fields, "choices")):
            option = Fields(item, path(fields.at("choices"), index), self.faults)
            conditions.append(option.get("condition"))
            self._option(state, option, names, after, end, states)
        state.conditions = conditions
        if "default" in fields:
            self._option(state, fields.below("default"), names, after, end, states)
        else:
            state.targets.append((fields.at("default"), self._left(state, after, states)))
        return state

    def _option(
        self, state: Choice, fields: Fields, names: dict[str, str], after: str, end: str, states: dict[str, State]
    ) -> None:
        goto = fields.text("goto")
        if goto and goto not in names:
            fields.tell("goto", _("There is no step %(name)s beside this one; there are: %(known)s.")
                        % {"name": goto[:80], "known": ", ".join(names)[:500]})  # fmt: skip
        follow = self._left(state, names.get(goto, after), states)
        steps = fields.items("steps")
        # Only steps that say so end the scope.
        ended = self._left(state, end, states) if _may_end(steps) else follow
        start = self._steps(steps, fields.at("steps"), follow, ended, states)
        state.targets.append((fields.at("steps"), start))
        fields.no_more()

    def _left(self, choice: Choice, to: str, states: dict[str, State]) -> str:
        """The state that leaves a choice for another one."""
        name = f"{choice.name} > {to}"
        if name not in states:
            leaving = Leaving(name, choice.place, [(choice.place, to)], called=choice.title)
            leaving.choice = choice
            states[name] = leaving
        return name

    def _parallel(self, fields: Fields, *_around: Any) -> Any:
        state = Parallel(fields.place, fields.place)
        scopes = []
        for index, item in enumerate(self._bounded(fields, "branches")):
            branch = Fields(item, path(fields.at("branches"), index), self.faults)
            scopes.append(self.scope(branch))
            branch.no_more()
        state.branches = [scope for scope in scopes if scope is not None]
        return state

    def _bounded(self, fields: Fields, name: str) -> list[Any]:
        found = fields.items(name, required=True)
        if len(found) > MOST_BRANCHES:
            fields.tell(name, _("At most %d branches may stand here; split them.") % MOST_BRANCHES)
        return found[:MOST_BRANCHES]

    def _foreach(self, fields: Fields, *_around: Any) -> Any:
        state = Foreach(fields.place, fields.place)
        mapping = fields.below("iterationMapping")
        state.items, state.item = mapping.get("collection"), mapping.text("item", required=True)
        state.index = mapping.text("index")
        mapping.no_more()
        state.inside = self.scope(fields)
        return state


def _may_end(steps: Sequence[Any]) -> bool:
    """Whether a step in there ends its scope; a walk without recursion, whatever the file holds."""
    stack: list[Any] = [*steps]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get("end") is True or item.get("type") == "succeed":
                return True
            if item.get("type") == "choice":
                choices = item.get("choices")
                stack.extend(choices if isinstance(choices, list) else ())
                stack.append(item.get("default"))
            elif isinstance(item.get("steps"), list) and item.get("type") is None:
                stack.extend(item["steps"])
    return False


class Flow:
    """The flow's own mappings."""

    def __init__(self, fields: Fields, faults: Faults) -> None:
        reading = Reading(faults)
        self.faults = faults
        self.inputs = reading._mappings(fields, "inputMappings")
        self.outputs = reading._mappings(fields, "outputMappings")
        self.scope = reading.scope(fields)

    def tree(self) -> Tree:
        tree = Tree(self.faults)
        if self.scope is None:
            return tree
        line = tree.line()
        try:
            given = Place(line, "flow", CONTEXT, {}).mapped(self.inputs, "inputMappings")
        except Misfit as error:
            self.faults.tell(error.place, error.message)
            return tree
        Walk(self.scope, tree, self._finish).run(line, (CONTEXT if given is None else given, {}))
        return tree

    def _finish(self, line: Line, env: Env) -> None:
        output = Place(line, "flow", env[0], env[1]).mapped(self.outputs, "outputMappings")
        finished(line, (env[1] if output is None else output,))
