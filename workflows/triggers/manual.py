"""Workflows that nothing sets off but a person, an API call or `executions.start()`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from workflows.errors import Invalid
from workflows.instructions.base import NodeConfig
from workflows.shapes import Shape
from workflows.triggers.base import Trigger, TriggerConfig
from workflows.triggers.fields import ManualField

if TYPE_CHECKING:
    from workflows.models import Workflow

Kind = Literal["text", "number", "boolean", "list", "object", "any"]

_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
    "any": (object,),
}


class Input(NodeConfig):
    """A value the workflow asks for."""

    name: str = Field(min_length=1)
    title: str = ""
    type: Kind = "any"
    required: bool = False


class ManualConfig(TriggerConfig):
    #: What must be given; empty takes whatever is given.
    fields: list[Input] = []


class ManualTrigger(Trigger[ManualConfig]):
    type = "manual"
    title = gettext_lazy("Manual")
    description = gettext_lazy("By a person, an API client or start(); its context is what they give.")
    Config = ManualConfig
    verbatim = ("fields",)

    def check(self, config: ManualConfig, workflow: "Workflow | None" = None) -> None:
        seen: set[str] = set()
        for index, item in enumerate(config.fields):
            if item.name in seen:
                raise Invalid(_("Two inputs are called %r; rename one.") % item.name, field=f"fields.{index}.name")
            seen.add(item.name)

    def context_shape(self, config: ManualConfig) -> Shape:
        parts = {item.name: Shape(item.type, item.title) for item in config.fields}
        return Shape("object" if parts else "any", parts=parts)

    def manual_fields(self, config: ManualConfig) -> list[ManualField]:
        return [ManualField(item.name, item.type, item.title, item.required) for item in config.fields]

    def validate_context(self, config: ManualConfig, values: Any) -> dict[str, Any]:
        if not config.fields:
            return {}
        if not isinstance(values, Mapping):
            return {"values": _("The values are an object of inputs.")}
        errors: dict[str, Any] = {}
        for item in config.fields:
            value, name = values.get(item.name), item.title or item.name
            if value is None and item.required:
                errors[item.name] = _("%r is required.") % name
            elif value is not None and not _fits(value, item.type):
                errors[item.name] = _("%(name)r takes a value of the kind %(kind)s.") % {
                    "name": name,
                    "kind": item.type,
                }
        return errors

    def manual_context(self, config: ManualConfig, values: Any) -> Any:
        """The values as they are given, nothing being an empty object. Raises `Invalid` naming the inputs at fault."""
        if errors := self.validate_context(config, values):
            first = next(iter(errors))
            raise Invalid(errors[first], field=first, errors=errors)
        if config.fields:
            return dict(values)
        return {} if values is None else values


def _fits(value: Any, kind: str) -> bool:
    # Python's true is a number; nobody else's is.
    return isinstance(value, _KINDS[kind]) and not (kind == "number" and isinstance(value, bool))
