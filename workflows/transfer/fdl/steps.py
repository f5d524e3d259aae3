"""The old form's steps (spec cloud-dialects 4.2): they run one after another, and what each gives is laid over what its
parent, the flow or a step around it, has gathered so far: its local values."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.expressions import question, translated
from workflows.transfer.fdl.fields import path
from workflows.transfer.fdl.graph import Scope, State
from workflows.transfer.fdl.tasks import add_call, add_waiting_request
from workflows.transfer.fdl.tree import Choosing, Ending, Env, Line, Step, Walk, collected, failed
from workflows.transfer.fdl.values import CONTEXT, Merged, Misfit, Ref, Value, placeholder, plain, template

_TOKEN = ("task", "token")


def merged(*values: Value) -> Value:
    """Objects laid over each other, as plain as can be said."""
    layers: list[Value] = []
    for value in values:
        for layer in value.layers if isinstance(value, Merged) else (value,):
            if isinstance(layer, dict) and layers and isinstance(layers[-1], dict):
                layers[-1] = layers[-1] | layer
            elif layer != {} and layer is not None:
                layers.append(layer)
    if len(layers) < 2:
        return layers[0] if layers else {}
    return Merged(tuple(layers))


class Place:
    """What a step's mappings and conditions find, at a place where nodes may be added."""

    def __init__(self, line: Line, title: str, given: Value, local: Value, token: Ref | None = None) -> None:
        self.line = line
        self.title = title
        self.given = given
        self.local = local
        self.token = token

    def resolve(self, root: str, segments: tuple[str, ...]) -> Value:
        if root in ("$", "$input"):
            found, self.given = self.line.at(self.given, segments, f"{self.title}.input")
            return found
        if root == "$local":
            found, self.local = self.line.at(self.local, segments, f"{self.title}.local")
            return found
        if root == "$context" and segments == _TOKEN:
            if self.token is None:
                raise Misfit(_("Only a task with the pattern waitForCallback has a token."))
            return self.token
        raise Misfit(_("%s is not known here; a path begins with $input, $local or $.")
                     % ".".join((root, *segments))[:80])  # fmt: skip

    def mapped(self, mappings: Sequence[tuple[str, Any]] | None, name: str) -> Value:
        """The object of these mappings; None without any. Raises `Misfit` with a place below the step's."""
        if mappings is None:
            return None
        found: dict[str, Value] = {}
        for index, (target, source) in enumerate(mappings):
            try:
                # Later steps find it by this name.
                placeholder(CONTEXT.at(target))
            except Misfit as error:
                raise error.below(path(name, index, "target")) from None
            try:
                found[target] = self._source(source)
            except Misfit as error:
                raise error.below(path(name, index, "source")) from None
        return found

    def _source(self, source: Any) -> Value:
        if isinstance(source, str) and source.startswith("$"):
            return self.line.settled(translated(source, self.resolve), f"{self.title}.source")
        if isinstance(source, dict):
            return {plain(key): self._source(item) for key, item in source.items()}
        if isinstance(source, list):
            return [self._source(item) for item in source]
        return plain(source) if isinstance(source, str) else source


class Mapped(State):
    """What all steps have: mappings into the step's input, and out of what it gathered."""

    inputs: Sequence[tuple[str, Any]] | None = None
    outputs: Sequence[tuple[str, Any]] | None = None
    #: Whether what a step without mappings has gathered is its output.
    gives = True

    def entered(self, line: Line, env: Env, token: Ref | None = None) -> tuple[Value, Env]:
        """(the step's input, what its parent has)."""
        place = Place(line, self.title, env[-2], env[-1], token)
        found = place.mapped(self.inputs, "inputMappings")
        env = (*env[:-2], place.given, place.local)
        return (merged(place.given, place.local) if found is None else found), env

    def left(self, line: Line, env: Env, given: Value, local: Value) -> Env:
        """What the parent has when the step is done."""
        place = Place(line, self.title, given, local)
        output = place.mapped(self.outputs, "outputMappings")
        if output is None:
            output = local if self.gives else {}
        return (*env[:-1], merged(env[-1], output))


class Pass(Mapped, Step):
    """It gathers nothing; a node shows that it was there, and keeps what it gives."""

    def emit(self, line: Line, env: Env) -> Env:
        given, env = self.entered(line, env)
        place = Place(line, self.title, given, {})
        output = place.mapped(self.outputs, "outputMappings") or {}
        kept = line.kept(output, self.title)
        # Its keys are known, so later steps needn't ask which object has them.
        known: dict[str, Value] = {name: kept.at(name) for name in output} if isinstance(output, dict) else {}
        return (*env[:-1], merged(env[-1], known))


class Wait(Mapped, Step):
    duration: Any = 1

    def emit(self, line: Line, env: Env) -> Env:
        given, env = self.entered(line, env)
        place = Place(line, self.title, given, {})
        duration = self.duration
        if isinstance(duration, str):
            try:
                found = line.settled(translated(duration, place.resolve), f"{self.title}.duration")
            except Misfit as error:
                raise error.below("duration") from None
            duration = template(found)
        line.add("delay", {"duration": duration, "unit": 1_000, "endStatus": 1}, self.title)
        return self.left(line, env, place.given, {})


class Succeed(Mapped, Step):
    """What it gives is laid over what its parent has; the scope ends behind it."""

    def emit(self, line: Line, env: Env) -> Env:
        given, env = self.entered(line, env)
        return self.left(line, env, given, {})


class Fail(Mapped, Ending):
    error = ""
    cause = ""

    def emit(self, line: Line, env: Env) -> Any:
        failed(line, self.title, self.error, self.cause)


class Task(Mapped, Step):
    url = ""
    waits = False
    seconds: int | None = None

    def emit(self, line: Line, env: Env) -> Env:
        seen: list[tuple[Value, Env]] = []

        def config(at: Line, token: Ref | None) -> dict[str, Any]:
            given, after = self.entered(at, env, token)
            seen.append((given, after))
            body = template(at.settled(given, f"{self.title}.input"))
            return {"url": plain(self.url), "method": "POST", "contentType": "application/json", "data": body}

        add = add_waiting_request if self.waits else add_call
        local = add(line, self.title, config, None, self.seconds)
        given, after = seen[0]
        # What was merged in the request's own branch is not there behind it.
        return self.left(line, env if self.waits else after, {} if self.waits else given, local)


class Choice(Mapped, Choosing):
    conditions: Sequence[Any] = ()

    def prepare(self, line: Line, env: Env) -> tuple[Env, Sequence[str]]:
        given, env = self.entered(line, env)
        place = Place(line, self.title, given, {})
        questions = []
        for index, condition in enumerate(self.conditions):
            try:
                questions.append(question(condition, place.resolve))
            except Misfit as error:
                raise error.below(path("choices", index, "condition")) from None
        return (*env, place.given, {}), questions

    def lost(self, env: Env) -> Env:
        return (*env, CONTEXT, {})


class Leaving(Step):
    """Behind the steps of a choice's option: what they gathered is the choice's."""

    choice: Choice

    def emit(self, line: Line, env: Env) -> Env:
        return self.choice.left(line, env[:-2], env[-2], env[-1])

    def lost(self, env: Env) -> Env:
        return env[:-2]


class Parallel(Mapped, Step):
    gives = False
    branches: Sequence[Scope] = ()

    def emit(self, line: Line, env: Env) -> Env:
        given, env = self.entered(line, env)
        given = line.settled(given, f"{self.title}.input")
        node = line.add("parallel", {"mode": "all"}, self.title)
        locals_: list[Value] = []
        for index, scope in enumerate(self.branches):
            end = Walk(scope, line.tree).run(line.fork(node, index), (given, {}))
            locals_.append(end[1] if end is not None else None)
        return self.left(line, env, given, locals_)


class Foreach(Mapped, Step):
    gives = False
    items: Any = None
    item = ""
    index = ""
    inside: Scope | None = None

    def emit(self, line: Line, env: Env) -> Env:
        given, env = self.entered(line, env)
        given = line.settled(given, f"{self.title}.input")
        place = Place(line, self.title, given, {})
        try:
            target = line.settled(translated(self.items, place.resolve), f"{self.title}.collection")
            if not isinstance(target, Ref | list):
                raise Misfit(_("Give a path to a list."))
            config = {"target": template(target), "condition": None, "exit": 0}
        except Misfit as error:
            raise error.below("iterationMapping.collection") from None
        loop = line.add("loop", config, self.title)
        at = Ref(("$scopes", loop["key"]))
        own: dict[str, Value] = {
            plain(self.item): at.at("item"),
            **({plain(self.index): at.at("index")} if self.index else {}),
        }
        assert self.inside is not None
        inside = self.inside

        def round_(branch: Line) -> Value:
            end = Walk(inside, line.tree).run(branch, (merged(given, own), {}))
            return end[1] if end is not None else None

        return self.left(line, env, given, collected(line, loop, round_, self.title))
