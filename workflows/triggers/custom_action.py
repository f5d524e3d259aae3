"""Custom actions: somebody asks for it, with values of their own or for rows (spec 4.4)."""

from typing import TYPE_CHECKING, Any, Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.errors import Invalid
from workflows.shapes import ANY, Shape, of_row
from workflows.triggers.requests import RequestConfig, RequestTrigger, asker_by_hand, asker_shapes

if TYPE_CHECKING:
    from workflows.models import Workflow

GLOBAL: Final = 0
ONE_ROW: Final = 1
ROWS: Final = 2
#: Rows that one request may name.
MOST_ROWS = 1_000


class CustomActionConfig(RequestConfig):
    #: 0: values of the request's own; 1: one row; 2: several rows. None is 0, as old definitions have it.
    type: Literal[0, 1, 2] | None = None

    @property
    def of_rows(self) -> bool:
        return self.type in (ONE_ROW, ROWS)


class CustomActionTrigger(RequestTrigger[CustomActionConfig]):
    type = "custom-action"
    title = gettext_lazy("Custom action")
    description = gettext_lazy("When somebody presses its button or asks for it over HTTP, for rows or with values.")
    Config = CustomActionConfig

    def check(self, config: CustomActionConfig, workflow: "Workflow | None" = None) -> None:
        if config.type is None:
            raise Invalid(_("Choose what it is for: 0 values of its own, 1 one row, 2 several rows."), field="type")
        if config.of_rows:
            super().check(config, workflow)

    def context_shape(self, config: CustomActionConfig) -> Shape:
        row = of_row(config.model, config.tree) if config.of_rows else ANY
        data = Shape("list", row.title, row.parts) if config.type == ROWS else row
        return Shape("object", parts={"data": data, **asker_shapes()})

    def required(self, config: CustomActionConfig) -> tuple[str, ...]:
        return {ONE_ROW: ("data", "userId"), ROWS: ("filterByTk", "userId")}.get(config.type or GLOBAL, ("userId",))

    def of_rows(self, config: CustomActionConfig) -> bool:
        return config.of_rows

    def manual_names(self, config: CustomActionConfig) -> tuple[str, ...]:
        return ("filterByTk" if config.type == ROWS else "data", "userId", "roleName")

    def manual_context(self, config: CustomActionConfig, values: Any) -> Any:
        """`values` is {"data", "userId", "roleName"}; of several rows {"filterByTk": a list of keys ...}."""
        self.refuse_missing(config, values)
        return {"data": self._data(config, values), **asker_by_hand(values)}

    def _data(self, config: CustomActionConfig, values: Any) -> Any:
        if config.type == ONE_ROW:
            return config.row(values["data"], "data")
        if config.type != ROWS:
            return values.get("data")
        keys = values["filterByTk"]
        if not isinstance(keys, list) or not 0 < len(keys) <= MOST_ROWS:
            raise Invalid(_("Give a list of 1 to %d keys.") % MOST_ROWS, field="filterByTk")
        found = config.rows([config.key(raw, f"filterByTk.{index}") for index, raw in enumerate(keys)])
        if len(found) < len(keys):
            raise Invalid(_("Some of these rows are not there."), field="filterByTk")
        return found
