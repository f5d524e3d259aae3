"""Before-action events: a request is about to change rows, and may be kept from it (spec 4.5)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from workflows.errors import Invalid, check_all
from workflows.shapes import Shape
from workflows.triggers.requests import (
    CREATE,
    DESTROY,
    UPDATE,
    UPDATE_OR_CREATE,
    GlobalConfig,
    RequestTrigger,
    asker_by_hand,
    asker_shapes,
)

if TYPE_CHECKING:
    from workflows.models import Workflow

ACTIONS = (CREATE, UPDATE, UPDATE_OR_CREATE, DESTROY)


class InterceptionConfig(GlobalConfig):
    #: Of a global one: before what it runs.
    actions: list[Literal["create", "update", "updateOrCreate", "destroy"]] = Field(  # type: ignore[assignment]
        default_factory=list
    )


class InterceptionTrigger(RequestTrigger[InterceptionConfig]):
    type = "request-interception"
    title = gettext_lazy("Before a request")
    description = gettext_lazy("Before a request creates, changes or deletes rows; an end node keeps it from that.")
    Config = InterceptionConfig
    sync = True

    def check(self, config: InterceptionConfig, workflow: "Workflow | None" = None) -> None:
        check_all(
            lambda: super(InterceptionTrigger, self).check(config, workflow),
            lambda: _check_actions(config),
        )

    def context_shape(self, config: InterceptionConfig) -> Shape:
        # What a request says is of any shape: it is not the row.
        parts = {"filterByTk": Shape("any"), "filter": Shape("any"), "values": Shape("any")}
        return Shape("object", parts={"params": Shape("object", parts=parts), **asker_shapes()})

    def required(self, config: InterceptionConfig) -> tuple[str, ...]:
        return ("target", "userId")

    def manual_names(self, config: InterceptionConfig) -> tuple[str, ...]:
        return ("target", "action", "userId", "roleName")

    def manual_context(self, config: InterceptionConfig, values: Any) -> Any:
        """`values` is {"target": the row's key, or the row as an object, "action", "userId", "roleName"}."""
        self.refuse_missing(config, values)
        action, target = values.get("action"), values["target"]
        if action is not None and action not in ACTIONS:
            raise Invalid(
                _("There is no action %(name)r; choose from %(known)s.")
                % {"name": str(action)[:40], "known": ", ".join(ACTIONS)},
                field="action",
            )
        if action == DESTROY:
            params = {"filterByTk": config.key(target, "target")}
        else:
            params = {"values": dict(target) if isinstance(target, Mapping) else config.row(target, "target")}
        return {"params": params, **asker_by_hand(values)}


def _check_actions(config: InterceptionConfig) -> None:
    if config.for_all and not config.actions:
        raise Invalid(_("Choose what it is to come before: %s.") % ", ".join(ACTIONS), field="actions")
