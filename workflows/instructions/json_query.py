"""What a query finds in an object or list (spec 5.16)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.expressions.paths import step as step_into
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.instructions.json_query_engines import DEFAULT_ENGINE, Query, QueryError, compile_query, engines
from workflows.instructions.sources import shown
from workflows.jsonable import jsonable
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow


class Part(NodeConfig):
    #: Where the value lies in an object that was found, with dots.
    path: str = Field(min_length=1)
    #: Its key in the result; without one the path, "_" in place of its dots.
    alias: str | None = None
    #: What people read.
    label: str | None = None

    @property
    def key(self) -> str:
        return self.alias or self.path.replace(".", "_")


class JsonQueryConfig(NodeConfig):
    #: jmespath, jsonpathplus or jsonata.
    engine: str = DEFAULT_ENGINE
    #: What is searched, as a rule a template.
    source: Any = None
    #: The query; templates in it are rendered first.
    expression: str = ""
    #: What is kept of the objects that were found; everything if empty.
    model: list[Part] = []

    @field_validator("engine", mode="before")
    @classmethod
    def _default_engine(cls, value: object) -> object:
        return value or DEFAULT_ENGINE

    @field_validator("expression", "model", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value


class Compiled(NamedTuple):
    source: Template
    expression: Template
    #: The query, where it is known before the run.
    query: Query | None


class JsonQuery(Instruction[JsonQueryConfig]):
    type = "json-query"
    title = _("JSON query")
    group = _("Data")
    description = _("Finds values in an object or list with a query, and shapes them.")
    Config = JsonQueryConfig
    verbatim = ("model",)
    testable = True

    def check(self, config: JsonQueryConfig, workflow: "Workflow | None" = None) -> None:
        check_all(lambda: _check_source(config), lambda: _check_query(config))

    def compile(self, config: JsonQueryConfig) -> Compiled:
        expression = compile_template(config.expression)
        query = None
        if expression.constant and config.engine in engines():
            try:
                query = compile_query(config.engine, config.expression)
            except QueryError:
                # The step says it, and keeps what was asked.
                query = None
        return Compiled(compile_template(config.source), expression, query)

    def run(self, step: Step) -> Outcome:
        config, compiled = step.config, step.compiled
        source, expression = compiled.source.render(step.scope), compiled.expression.render(step.scope)
        step.input = {"engine": config.engine, "source": shown(source), "expression": expression}
        return _found(config, source, expression, compiled.query)

    def result_shape(self, config: JsonQueryConfig) -> Shape:
        if not config.model:
            return ANY
        # Of one object or of a list of them: only the query knows.
        return Shape("object", parts={part.key: Shape("any", part.label or "") for part in config.model})


def _found(config: JsonQueryConfig, source: Any, expression: Any, query: Query | None) -> Outcome:
    """An error's result is null, and its log tells what was wrong (spec 5.16)."""
    if config.engine not in engines():
        # Nobody asks anything: what is searched is what is found.
        return Outcome(result=source)
    try:
        if not isinstance(expression, str) or not expression.strip():
            raise QueryError(gettext("The query is empty or no text; write one."))
        asked = query or compile_query(config.engine, expression)
        return Outcome(result=_modelled(config.model, jsonable(asked(jsonable(source)))))
    except Exception as error:
        # Whatever a library raises for data or a query that nobody thought of is the query's own failure.
        return Outcome(JobStatus.ERROR, None, log=[("ERROR", line) for line in _details(error)])


def _check_source(config: JsonQueryConfig) -> None:
    with located("source"):
        compile_template(config.source)


def _check_query(config: JsonQueryConfig) -> None:
    if config.engine not in engines():
        raise Invalid(
            gettext("There is no engine %(engine)r; choose one of %(known)s.")
            % {"engine": config.engine, "known": ", ".join(engines())},
            field="engine",
        )
    with located("expression"):
        if compile_template(config.expression).constant and config.expression.strip():
            compile_query(config.engine, config.expression)


def _modelled(model: Sequence[Part], found: Any) -> Any:
    """Of an object, or each object in a list, the parts that the model names; all else as it is."""
    if not model:
        return found
    if isinstance(found, list):
        return [_parts(model, each) for each in found]
    return _parts(model, found)


def _parts(model: Sequence[Part], found: Any) -> Any:
    return {part.key: _at(found, part.path) for part in model} if isinstance(found, Mapping) else found


def _at(value: Any, path: str) -> Any:
    for segment in path.split("."):
        value = step_into(value, segment)
    return value


def _details(error: Exception) -> list[str]:
    """`key: value` lines: the error's name, its sentence, and where in the expression it lies."""
    lines = [f"name: {type(error.__cause__ or error).__name__}", f"message: {' '.join(str(error).split())}"]
    for key in ("lex_position", "location", "function_name"):
        value = getattr(error.__cause__ or error, key, None)
        if value is not None:
            lines.append(f"{key}: {value}")
    return lines
