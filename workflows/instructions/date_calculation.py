"""A date or a number taken through a row of steps (spec 5.12)."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows import timing
from workflows.errors import refuse
from workflows.expressions import ExpressionError, Template, compile_template
from workflows.expressions.functions.zones import local
from workflows.expressions.values import moment, number_or_none
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.date_functions import FunctionName, apply, check_arguments, stored
from workflows.instructions.evaluating import located
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: Clients know this text; what is wrong with the input stands in the job's log.
INVALID_INPUT: Final = "Invalid input"


class DateStep(NodeConfig):
    function: FunctionName
    #: By name, as the function has them; values may be templates.
    arguments: dict[str, Any] = {}

    @field_validator("arguments", mode="before")
    @classmethod
    def _no_arguments(cls, value: object) -> object:
        return {} if value is None else value


class DateCalculationConfig(NodeConfig):
    #: What the first step works on, as a rule a template; None is the present moment.
    input: Any = None
    #: Whether the input is a date or a number.
    input_type: Literal["date", "number"] = "date"
    #: Each works on what the one before made.
    steps: list[DateStep] = []

    @field_validator("input_type", "steps", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value


class Compiled(NamedTuple):
    #: None for the present moment.
    input: Template | None
    #: The arguments of each step.
    steps: list[Template]


class DateCalculation(Instruction[DateCalculationConfig]):
    type = "dateCalculation"
    title = _("Date calculation")
    group = _("Data")
    description = _("Adds to dates, compares and formats them, and turns numbers into dates and back.")
    Config = DateCalculationConfig
    testable = True

    def check(self, config: DateCalculationConfig, workflow: "Workflow | None" = None) -> None:
        """What is no template has to fit already."""
        with located("input"):
            given = compile_template(config.input)
        errors: dict[str, Any] = {}
        if config.input is not None and given.constant:
            try:
                _read(config.input, config.input_type)
            except ExpressionError as error:
                errors["input"] = error.message
        for place, each in enumerate(config.steps):
            for name, sentence in check_arguments(each.function, each.arguments).items():
                errors[f"steps.{place}.arguments.{name}"] = sentence
        refuse(errors)

    def compile(self, config: DateCalculationConfig) -> Compiled:
        given = None if config.input is None else compile_template(config.input)
        return Compiled(given, [compile_template(each.arguments) for each in config.steps])

    def run(self, step: Step) -> Outcome:
        compiled: Compiled = step.compiled
        given = timing.now() if compiled.input is None else compiled.input.render(step.scope)
        arguments = [each.render(step.scope) for each in compiled.steps]
        step.input = _input(step.config, given, arguments)
        return _calculated(step.config, given, arguments)


def _input(config: DateCalculationConfig, given: Any, arguments: list[dict[str, Any]]) -> dict[str, Any]:
    steps = zip(config.steps, arguments, strict=True)
    return {
        "input": given,
        "inputType": config.input_type,
        "steps": [{"function": each.function, "arguments": made} for each, made in steps],
    }


def _calculated(config: DateCalculationConfig, given: Any, arguments: list[dict[str, Any]]) -> Outcome:
    """The last step's value; a step that can't be made is an error with its sentence, and ends the row."""
    try:
        value = _read(given, config.input_type)
    except ExpressionError as error:
        return Outcome(JobStatus.ERROR, INVALID_INPUT, log=[("ERROR", str(error))])
    for place, (each, made) in enumerate(zip(config.steps, arguments, strict=True), 1):
        try:
            value = apply(each.function, value, made)
        except ExpressionError as error:
            message = gettext("Step %(place)d, %(function)s: %(sentence)s")
            return Outcome(
                JobStatus.ERROR, message % {"place": place, "function": each.function, "sentence": error.message}
            )
    try:
        return Outcome(result=stored(value))
    except ExpressionError as error:
        return Outcome(JobStatus.ERROR, str(error))


def _read(given: Any, kind: str) -> Any:
    """The input as a date in the current time zone, or as a number. Raises `ExpressionError`."""
    if kind == "date":
        with suppress(OverflowError):
            # Of the calendar's first and last hours, which are none in every zone.
            if (when := moment(given)) is not None:
                return local(when)
        raise ExpressionError(
            gettext("The input is no date; give one like 2024-05-31T08:00:00Z, or milliseconds since 1970.")
        )
    number = None if isinstance(given, bool) or given == "" else number_or_none(given)
    if number is None:
        raise ExpressionError(gettext("The input is no number; give one, or choose the input type date."))
    return number
