"""Workflows that nothing sets off but a person, an API call or `executions.start()`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from workflows.errors import Invalid
from workflows.instructions.base import NodeConfig
from workflows.triggers.base import Trigger, TriggerConfig

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
    title = gettext_lazy("Started by hand")
    description = gettext_lazy("By a person, an API client or start(); its context is what they give.")
    Config = ManualConfig

    def check(self, config: ManualConfig, workflow: "Workflow | None" = None) -> None:
        seen: set[str] = set()
        for index, item in enumerate(config.fields):
            if item.name in seen:
                raise Invalid(_("Two inputs are called %r; rename one.") % item.name, field=f"fields.{index}.name")
            seen.add(item.name)

    def manual_context(self, config: ManualConfig, values: Any) -> Any:
        """The values as they are given, nothing being an empty object. Raises `Invalid` naming the input at fault."""
        if not config.fields:
            return {} if values is None else values
        if not isinstance(values, Mapping):
            raise Invalid(_("The values are an object of inputs."), field="values")
        for item in config.fields:
            value = values.get(item.name)
            if value is None and item.required:
                raise Invalid(_("%r is required.") % (item.title or item.name), field=item.name)
            if value is not None and not _fits(value, item.type):
                raise Invalid(
                    _("%(name)r takes a value of the kind %(kind)s.")
                    % {"name": item.title or item.name, "kind": item.type},
                    field=item.name,
                )
        return dict(values)


def _fits(value: Any, kind: str) -> bool:
    # Python's true is a number; nobody else's is.
    return isinstance(value, _KINDS[kind]) and not (kind == "number" and isinstance(value, bool))
