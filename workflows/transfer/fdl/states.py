"""The new form's states (spec cloud-dialects 4.1): each has an input, gives an output, and names the next one."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.expressions import question, translated
from workflows.transfer.fdl.fields import path
from workflows.transfer.fdl.graph import Scope
from workflows.transfer.fdl.tasks import add_request, add_waiting_request, request_of
from workflows.transfer.fdl.tree import Choosing, Ending, Env, Line, Step, Walk, collected, failed, finished
from workflows.transfer.fdl.values import CONTEXT, Misfit, Ref, Value, look_up, plain, template


class Place:
    """What a state's expressions find."""

    def __init__(self, name: str, given: Value, output: Value = None, *, has_output: bool = False) -> None:
        self.name = name
        self.given = given
        self.output = output
        self.has_output = has_output
        self.token: Ref | None = None

    def resolve(self, root: str, segments: tuple[str, ...]) -> Value:
        if root == "$Input":
            return look_up(self.given, segments)
        if root == "$Output" and self.has_output:
            return look_up(self.output, segments)
        if root == "$Output":
            raise Misfit(_("$Output is only known in an OutputConstructor."))
        if root == "$Context":
            return self._of_context(segments)
        raise Misfit(_("A path can't begin with %s; it begins with $Input, $Output or $Context.") % root[:40])

    def _of_context(self, segments: tuple[str, ...]) -> Value:
        if segments[:2] == ("Execution", "Input"):
            return look_up(CONTEXT, segments[2:])
        if segments[:2] == ("Current", "Input"):
            return look_up(self.given, segments[2:])
        if segments[:2] == ("Current", "Output"):
            return self.resolve("$Output", segments[2:])
        if segments == ("Current", "Name"):
            return self.name
        if segments in (("Current", "TaskToken"), ("Task", "Token")):
            if self.token is None:
                raise Misfit(_("Only a Task that waits for a callback has a token."))
            return self.token
        sentence = _(
            "%s is not known here; of $Context there are Execution.Input, Current.Name, Current.Input, "
            "Current.Output and, in a Task that waits for a callback, Current.TaskToken."
        )
        raise Misfit(sentence % ".".join(("$Context", *segments))[:80])

    def built(self, spec: Any) -> Value:
        """A constructor's object. Keys that end in `.$` hold expressions. Raises `Misfit` with a place inside."""
        if isinstance(spec, dict):
            for key in spec:
                if f"{key}.$" in spec:
                    sentence = _("%(name)s is not taken here. %(told)s")
                    raise Misfit(sentence % {"name": key[:80], "told": _("Take it out.")}, key)
            return {plain(key.removesuffix(".$")): self._item(key, item) for key, item in spec.items()}
        if isinstance(spec, list):
            return [self._item(str(index), item) for index, item in enumerate(spec)]
        return plain(spec) if isinstance(spec, str) else spec

    def _item(self, key: str, item: Any) -> Value:
        try:
            return translated(item, self.resolve) if key.endswith(".$") else self.built(item)
        except Misfit as error:
            raise error.below(key) from None


def built_at(place: Place, spec: Any, name: str) -> Value:
    try:
        return place.built(spec)
    except Misfit as error:
        raise error.below(name) from None


class Data(Step):
    """What all states have: the two constructors around what the state itself does."""

    input_spec: Any = None
    output_spec: Any = None
    policy: Any = None

    def entered(self, line: Line, env: Env) -> Place:
        place = Place(self.name, env[0])
        if self.input_spec is not None:
            place.given = line.settled(built_at(place, self.input_spec, "InputConstructor"), self.name)
        return place

    def left(self, line: Line, place: Place, output: Value) -> Env:
        """What the next state finds."""
        place.output, place.has_output = output, True
        if self.output_spec is None:
            return (output,)
        return (line.settled(built_at(place, self.output_spec, "OutputConstructor"), self.name),)


class Pass(Data):
    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)
        [output] = self.left(line, place, place.given)
        return (line.kept(output, self.name),)


class Wait(Data):
    seconds: Any = 1
    expression: Any = None

    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)
        duration = self.seconds
        if self.expression is not None:
            try:
                duration = template(line.settled(translated(self.expression, place.resolve), f"{self.name}.Seconds"))
            except Misfit as error:
                raise error.below("Seconds.$") from None
            if not isinstance(duration, int | str) or isinstance(duration, bool):
                raise Misfit(_("Give the seconds as a number, or as a path to one."), "Seconds.$")
        line.add("delay", {"duration": duration, "unit": 1_000, "endStatus": 1}, self.name)
        return self.left(line, place, place.given)


class Succeed(Data):
    """In a branch or an iteration it ends that; the next state is none."""

    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)
        return self.left(line, place, place.given)


class SucceedFlow(Succeed, Ending):
    """Of the flow itself: it ends here, with this output."""

    def emit(self, line: Line, env: Env) -> Env:
        finished(line, super().emit(line, env))
        if line.depth:
            line.add("end", {"endStatus": 1}, self.name)
        return env


class Fail(Data, Ending):
    code = ""
    detail = ""

    def emit(self, line: Line, env: Env) -> Env:
        failed(line, self.name, self.code, self.detail)
        return env


class Choice(Choosing):
    input_spec: Any = None
    conditions: Sequence[Any] = ()

    def prepare(self, line: Line, env: Env) -> tuple[Env, Sequence[str]]:
        place = Place(self.name, env[0])
        if self.input_spec is not None:
            place.given = line.settled(built_at(place, self.input_spec, "InputConstructor"), self.name)
        questions = []
        for index, condition in enumerate(self.conditions):
            try:
                questions.append(question(condition, place.resolve))
            except Misfit as error:
                raise error.below(path("Branches", index, "Condition")) from None
        return (place.given,), questions


class Task(Data):
    waits = False
    parameters: Any = None
    seconds: int | None = None

    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)

        def config(at: Line, token: Ref | None) -> dict[str, Any]:
            place.token = token
            built = built_at(place, self.parameters, "Parameters")
            assert isinstance(built, dict)
            try:
                return request_of({name: at.settled(item, f"{self.name}.{name}") for name, item in built.items()})
            except Misfit as error:
                raise error.below("Parameters") from None

        add = add_waiting_request if self.waits else add_request
        return self.left(line, place, add(line, self.name, config, self.policy, self.seconds))


class Parallel(Data):
    branches: Sequence[Scope] = ()

    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)
        node = line.add("parallel", {"mode": "all"}, self.name, policy=self.policy)
        results: dict[str, Value] = {}
        for index, scope in enumerate(self.branches):
            end = Walk(scope, line.tree).run(line.fork(node, index), (place.given,))
            results[f"Branch{index}"] = end[0] if end is not None else None
        return self.left(line, place, results)


class Map(Data):
    items: Any = None
    processor: Scope | None = None

    def emit(self, line: Line, env: Env) -> Env:
        place = self.entered(line, env)
        try:
            target = line.settled(translated(self.items, place.resolve), f"{self.name}.ItemsPath")
            if not isinstance(target, Ref | list):
                raise Misfit(_("Give a path to a list."))
            loop = line.add(
                "loop", {"target": template(target), "condition": None, "exit": 0}, self.name, policy=self.policy
            )
        except Misfit as error:
            raise error.below("ItemsPath") from None
        assert self.processor is not None
        processor = self.processor

        def inside(branch: Line) -> Value:
            end = Walk(processor, line.tree).run(branch, (Ref(("$scopes", loop["key"], "item")),))
            return end[0] if end is not None else None

        return self.left(line, place, {"Items": collected(line, loop, inside, self.name)})
