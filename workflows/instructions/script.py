"""JavaScript, in a process of its own (spec 5.15)."""

import re
from typing import TYPE_CHECKING, Annotated, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import scripting
from workflows.conf import conf
from workflows.errors import Invalid
from workflows.expressions import Template, compile_template
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.jsonable import jsonable
from workflows.secrecy import masked
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
#: What the language keeps for itself, and what every script needs.
_RESERVED = re.compile(
    "await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false"
    "|finally|for|function|if|import|in|instanceof|let|new|null|return|static|super|switch|this|throw|true|try"
    "|typeof|var|void|while|with|yield|arguments|eval|undefined|NaN|Infinity|globalThis|console"
)


class Argument(NodeConfig):
    name: str = ""
    value: Any = None


class ScriptConfig(NodeConfig):
    #: The body of an async function; no template.
    content: Annotated[str, Field(max_length=100_000)] = ""
    #: Milliseconds; 0 leaves it to the kind.
    timeout: Annotated[int, Field(ge=0, le=600_000)] = 0
    #: A failed script is a resolved step all the same.
    go_on: bool = Field(default=False, alias="continue")
    #: The globals that the script finds.
    arguments: list[Argument] = []

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value


class Script(Instruction[ScriptConfig]):
    type = "script"
    title = _("Script")
    group = _("Extended")
    description = _("Runs JavaScript in a process of its own; what it returns is the result.")
    Config = ScriptConfig
    effect = Effect.EXTERNAL
    permission = "workflows.use_script"
    verbatim = ("content",)
    testable = True
    attempt_seconds = 10.0

    def check(self, config: ScriptConfig, workflow: "Workflow | None" = None) -> None:
        if (reason := scripting.why_not()) is not None:
            raise Invalid(reason, field="content")
        most = conf().SCRIPT.seconds
        if config.timeout > most * 1000:
            said = gettext('Scripts may take %d ms here; give less, or raise SLUICE["SCRIPT"]["seconds"].')
            raise Invalid(said % (most * 1000), field="timeout")
        for index, argument in enumerate(config.arguments):
            if not _NAME.fullmatch(argument.name) or _RESERVED.fullmatch(argument.name):
                said = gettext(
                    "%r is no name that a script could use; begin with a letter, go on with letters and digits."
                )
                raise Invalid(said % argument.name, field=f"arguments.{index}.name")
        with located("arguments"):
            self.compile(config)

    def compile(self, config: ScriptConfig) -> Template:
        """Of the arguments."""
        return compile_template([{"name": one.name, "value": one.value} for one in config.arguments])

    def attempt_seconds_of(self, config: ScriptConfig) -> float:
        # A script that has to wait for its turn is not yet lost.
        return _seconds(config) + scripting.QUEUE_SECONDS + scripting.BESIDE_SECONDS

    def input_of(self, step: Step) -> Any:
        return masked({"arguments": step.compiled.render(step.scope), "timeout": round(_seconds(step.config) * 1000)})

    def perform(self, step: Step) -> Outcome:
        config: ScriptConfig = step.config
        given = jsonable(step.compiled.render(step.scope))
        arguments = [(one["name"], one["value"]) for one in given]
        ran = scripting.run_script(config.content, arguments, _seconds(config), step.timeout)
        if ran.error is None:
            return Outcome(result=ran.result, log=ran.log)
        failure = {"message": str(ran.error), "code": ran.error.code}
        if config.go_on:
            return Outcome(result=failure, log=ran.log)
        return Outcome(JobStatus.ERROR, failure, log=ran.log, timed_out=ran.error.code in ("too_slow", "busy"))


def _seconds(config: ScriptConfig) -> float:
    return min(config.timeout / 1000 or Script.attempt_seconds, conf().SCRIPT.seconds)
