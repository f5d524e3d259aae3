"""What the kinds that read and write the host's rows share (spec 5.4-5.7, 5.10)."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, WithJsonSchema, field_validator

from workflows import filters
from workflows.coercion import field_value, find_writable
from workflows.collections import engine_alias, parse_appends, resolve, sensitive, usable, write_alias
from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.sql_running import reading
from workflows.secrecy import MASK

if TYPE_CHECKING:
    from workflows.models import Workflow

_PARAMS = "params"


class Params(NodeConfig):
    """The base of what a data node is told; texts in it may hold templates."""


class FilterParams(Params):
    #: A filter object, or a template of one. `check` says what is wrong with others, in a sentence.
    filter: Annotated[Any, WithJsonSchema({"type": ["object", "string", "null"]})] = None


class ValueParams(Params):
    values: dict[str, Any] = Field(default_factory=dict)


class AppendParams(Params):
    #: Relations to load along, as dotted paths.
    appends: list[str] = Field(default_factory=list)

    @field_validator("appends", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return [] if value is None else value


class DataConfig(NodeConfig):
    #: "app.Model" or "alias:app.Model".
    collection: str
    params: Params

    @cached_property
    def model(self) -> type[Model]:
        return resolve(self.collection)

    @cached_property
    def alias(self) -> str:
        return write_alias(self.collection)

    def templated(self) -> dict[str, Any]:
        """What is rendered before the node acts."""
        return self.params.model_dump(by_alias=True, include=set(type(self.params).model_fields))


ConfigT = TypeVar("ConfigT", bound=DataConfig)


class DataInstruction(Instruction[ConfigT]):
    """A kind whose work is `act`: in a savepoint on the engine's database, by a performer on any other."""

    group = gettext_lazy("Data")
    effect = Effect.TRANSACTIONAL

    def effect_of(self, config: ConfigT) -> Effect:
        return Effect.TRANSACTIONAL if config.alias == engine_alias() else Effect.EXTERNAL

    def compile(self, config: ConfigT) -> Template:
        return compile_template(config.templated())

    def tried_within(self, config: ConfigT, seconds: float) -> AbstractContextManager[bool]:
        return reading(config.alias, seconds)

    def check(self, config: ConfigT, workflow: "Workflow | None" = None) -> None:
        self.check_params(config, config.model)
        compile_template(config.templated())

    def run(self, step: Step) -> Outcome:
        config, params = cast(ConfigT, step.config), step.compiled.render(step.scope)
        step.input = _shown(config, params)
        outcome = self.act(config, params)
        outcome.input = step.input
        return outcome

    def perform(self, step: Step) -> Outcome:
        with transaction.atomic(using=step.config.alias):
            return self.run(step)

    def input_of(self, step: Step) -> Any:
        return _shown(step.config, step.compiled.render(step.scope))

    def check_params(self, config: ConfigT, model: type[Model]) -> None:
        """What can be said of the parameters before they are rendered. Raises `Invalid` with paths."""
        raise NotImplementedError

    def act(self, config: ConfigT, params: dict[str, Any]) -> Outcome:
        """The work, in a transaction on `config.alias`; `params` is what `templated` renders to. Raises `Invalid`."""
        raise NotImplementedError


def _shown(config: DataConfig, params: dict[str, Any]) -> dict[str, Any]:
    """The resolved configuration as it is kept with the job, without what may not be seen."""
    values = params.get("values")
    if isinstance(values, Mapping):
        hidden = {name for field in config.model._meta.concrete_fields if sensitive(field) for name in _names(field)}
        params = {**params, "values": {name: MASK if name in hidden else value for name, value in values.items()}}
    return {"collection": config.collection, _PARAMS: params}


def _names(field: Any) -> tuple[str, str]:
    return field.name, field.attname


def has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, Mapping):
        return any(has_template(key) or has_template(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(has_template(item) for item in value)


def fixed_parts(value: Any) -> Any:
    """What of a text, or of lists of texts, can be looked at before it is rendered; null stands for the rest."""
    if isinstance(value, list):
        return [fixed_parts(item) for item in value]
    return None if has_template(value) else value


def check_values(model: type[Model], values: Mapping[str, Any]) -> None:
    """Every name is a field's, and every value without a template fits it. Raises `Invalid` naming all that don't."""
    check_all(*(partial(_check_value, model, name, value) for name, value in values.items()))


def _check_value(model: type[Model], name: str, value: Any) -> None:
    if has_template(name):
        return
    field = find_writable(model, name, path=f"{_PARAMS}.values")
    if not field.many_to_many and not has_template(value):
        field_value(field, value, path=f"{_PARAMS}.values.{name}")


def check_filter(model: type[Model], filter: Any, *, required: bool = False) -> None:
    """`required`: a filter that would take every row is refused."""
    path = f"{_PARAMS}.filter"
    if required and filters.is_empty(filter):
        raise Invalid(_("A filter is required: without one every row would be taken."), field=path)
    filters.to_q(model, filter, path=path, reach=usable, templates=True)


def check_appends(model: type[Model], appends: list[str]) -> None:
    parse_appends(model, appends, path=f"{_PARAMS}.appends")


def matching(config: DataConfig, filter: Any, *, required: bool = False) -> "QuerySet[Any]":
    """The rows a rendered filter means. Raises `Invalid` with paths, also for an empty one where it is `required`."""
    path = f"{_PARAMS}.filter"
    if required and filters.is_empty(filter):
        raise Invalid(
            _("The filter came out empty; nothing was done, for every row would have been taken."), field=path
        )
    filters.check_rendered(config.templated()["filter"], filter, path=path)
    rows = config.model._default_manager.using(config.alias)
    return rows.filter(filters.to_q(config.model, filter, path=path, reach=usable))
