"""After-action events: a request has created or changed a row (spec 4.3)."""

from typing import Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from workflows.shapes import Shape, of_row
from workflows.triggers.requests import GlobalConfig, RequestTrigger, asker_by_hand, asker_shapes


class ActionConfig(GlobalConfig):
    #: Of a global one: after what it runs; without any it never does.
    actions: list[Literal["create", "update"]] = Field(default_factory=list)  # type: ignore[assignment]


class ActionTrigger(RequestTrigger[ActionConfig]):
    type = "action"
    title = gettext_lazy("After a request")
    description = gettext_lazy("When a request has created or changed a row: all of them, or those that name it.")
    Config = ActionConfig

    def remarks(self, config: ActionConfig) -> list[tuple[str, str]]:
        if config.for_all and not config.actions:
            return [("actions", _("Without an action it never runs; choose create, update or both."))]
        return []

    def context_shape(self, config: ActionConfig) -> Shape:
        return Shape("object", parts={"data": of_row(config.model, config.tree), **asker_shapes()})

    def manual_context(self, config: ActionConfig, values: Any) -> Any:
        """`values` is {"data": the row's key, or the row as an object, "userId", "roleName"}."""
        self.refuse_missing(config, values)
        return {"data": config.row(values["data"], "data"), **asker_by_hand(values)}
