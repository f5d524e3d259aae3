"""Values of an object taken out by their paths, each under a key of its own (spec 5.17)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows.expressions import Template, compile_template
from workflows.instructions.base import Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.instructions.sources import shown
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

#: A segment of a path that means: each element of the list here.
EACH: Final = "___arr$___"
_ABSENT: Final = object()


class MappedVariable(NodeConfig):
    #: Under which the value stands in the result.
    key: str = Field(min_length=1)
    #: The path as a text, with dots; used where paths is empty.
    path: str = ""
    #: The path's segments; ___arr$___ is each element of a list.
    paths: list[str] = []
    #: Variables further inside, with whole paths as well.
    children: list["MappedVariable"] = []

    @field_validator("path", "paths", "children", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value

    @field_validator("paths", mode="before")
    @classmethod
    def _numbers_are_segments(cls, value: object) -> object:
        return [str(each) if type(each) is int else each for each in value] if isinstance(value, list) else value

    @property
    def segments(self) -> list[str]:
        return self.paths or (self.path.split(".") if self.path else [])


class JsonVariableMappingConfig(NodeConfig):
    #: A template for the object or list.
    data_source: Any = None
    #: What is taken out of it.
    variables: list[MappedVariable] = []
    #: Whether the paths were made with an index for each element of a list.
    parse_array: bool = False

    @field_validator("variables", "parse_array", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default() if value is None else value


class JsonVariableMapping(Instruction[JsonVariableMappingConfig]):
    type = "json-variable-mapping"
    title = _("JSON variable mapping")
    group = _("Data")
    description = _("Takes values out of an object by their paths, so that later nodes can name them.")
    Config = JsonVariableMappingConfig
    verbatim = ("variables",)
    testable = True

    def check(self, config: JsonVariableMappingConfig, workflow: "Workflow | None" = None) -> None:
        with located("dataSource"):
            compile_template(config.data_source)

    def compile(self, config: JsonVariableMappingConfig) -> Template:
        return compile_template(config.data_source)

    def run(self, step: Step) -> Outcome:
        source = step.compiled.render(step.scope)
        step.input = {"dataSource": shown(source)}
        return _mapped(step.config, source)

    def result_shape(self, config: JsonVariableMappingConfig) -> Shape:
        return Shape("object", parts={each.key: _shape(each) for each in _all(config.variables)})


def _shape(variable: MappedVariable) -> Shape:
    return Shape("list" if EACH in variable.segments else ANY.kind, ".".join(variable.segments))


def _all(variables: Sequence[MappedVariable]) -> Iterator[MappedVariable]:
    for each in variables:
        yield each
        yield from _all(each.children)


def _mapped(config: JsonVariableMappingConfig, source: Any) -> Outcome:
    """FAILED for what is neither object nor list; a path that leads nowhere leaves its key out."""
    if not isinstance(source, Mapping | list | tuple):
        message = gettext("The data source came out as neither object nor list; name a value that is one.")
        return Outcome(JobStatus.FAILED, message)
    found = {each.key: _at(source, each.segments) for each in _all(config.variables)}
    return Outcome(result={key: value for key, value in found.items() if value is not _ABSENT})


def _at(value: Any, segments: Sequence[str]) -> Any:
    """The value at the path, or `_ABSENT`. Behind `EACH` a list: what is found in each element, as one flat list."""
    for place, segment in enumerate(segments):
        if segment == EACH:
            return list(_each(value, segments[place + 1 :])) if isinstance(value, list | tuple) else _ABSENT
        value = _inside(value, segment)
        if value is _ABSENT:
            return _ABSENT
    return value


def _each(items: Sequence[Any], rest: Sequence[str]) -> Iterator[Any]:
    """Of each element; what is null, false, 0 or empty text is left out (spec 5.17)."""
    for item in items:
        found = _at(item, rest)
        if EACH in rest:
            yield from () if found is _ABSENT else found
        elif found is not _ABSENT and (found or isinstance(found, Mapping | list | tuple)):
            yield found


def _inside(value: Any, segment: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(segment, _ABSENT)
    if isinstance(value, list | tuple) and segment.isascii() and segment.isdecimal() and len(segment) < 10:
        return value[int(segment)] if int(segment) < len(value) else _ABSENT
    return _ABSENT
