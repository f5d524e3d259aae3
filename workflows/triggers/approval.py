"""Applications: a person asks that a row be made or changed, and the run asks others to approve it (spec 4.7)."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from django.contrib.auth import get_permission_codename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, field_validator

from workflows import people
from workflows.collections import engine_alias
from workflows.errors import Invalid, check_all
from workflows.formfields import FormField
from workflows.instructions.base import NodeConfig
from workflows.instructions.manual import Form, check_form
from workflows.shapes import Shape, of_row
from workflows.triggers.requests import RequestConfig, RequestTrigger, asker_by_hand, asker_shapes

if TYPE_CHECKING:
    from workflows.models import Workflow

#: The key of its one form.
DATA = "data"
#: Who may start it: everybody who may write the row.
ALL = "all"


class StartForm(NodeConfig):
    """What is filled in to start it."""

    title: str = ""
    #: The names of the model's fields that are asked for; null is all that people may edit.
    fields: Any = Field(default=None, alias="schema", json_schema_extra={"x-editor": "fields"})
    #: Whether what is filled in may be kept without being submitted.
    draft: bool = True
    #: Whether it may be taken back, until the first approver has decided.
    withdraw: bool = True


class ApprovalStartConfig(RequestConfig):
    #: before: the row is written when all have approved; after: at once, and is what is talked about.
    timing: Literal["before", "after"] = "after"
    #: everywhere: people find it among the applications that they may begin; data: only who names it starts it.
    place: Literal["everywhere", "data"] = "everywhere"
    #: Those of "all", or of people and filters of people, who may write the row.
    initiators: people.People = ALL
    form: StartForm = Field(default_factory=StartForm)
    #: Which row readers see: as it was when it was submitted, or as it is.
    record: Literal["snapshot", "latest"] = "snapshot"

    @field_validator("timing", "place", "initiators", "form", "record", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @cached_property
    def forms(self) -> dict[str, Form]:
        """Its form as the inbox knows forms: one that creates a row."""
        form = Form(type="create", collection=self.collection or "", title=self.form.title)
        form.fields = self.form.fields
        return {DATA: form}

    def fields_of(self, key: str) -> list[FormField]:
        return []

    @property
    def for_all(self) -> bool:
        return bool(self.initiators == ALL)

    def permission(self, *, change: bool) -> str:
        """What its initiator must be allowed: to add a row of the model, or to change one."""
        options = self.model._meta
        return f"{options.app_label}.{get_permission_codename('change' if change else 'add', options)}"


class ApprovalTrigger(RequestTrigger[ApprovalStartConfig]):
    type = "approval"
    title = gettext_lazy("Application")
    description = gettext_lazy("When a person applies for a new row, or for a change of one; others approve it.")
    Config = ApprovalStartConfig
    # People are waited for.
    sync = False
    # Before-save writes the row when the run ends.
    solo = True
    verbatim = ("initiators", "form")

    def check(self, config: ApprovalStartConfig, workflow: "Workflow | None" = None) -> None:
        super().check(config, workflow)
        check_all(
            lambda: None if config.for_all else people.check(config.initiators, "initiators"),
            lambda: check_form(config, DATA, config.forms[DATA], "form"),
            lambda: _check_timing(config),
        )

    def context_shape(self, config: ApprovalStartConfig) -> Shape:
        parts = {"data": of_row(config.model, config.tree), "approvalId": Shape("number"), **asker_shapes()}
        return Shape("object", parts=parts)

    def manual_context(self, config: ApprovalStartConfig, values: Any) -> Any:
        """`values` is {"data": the row's key, or the row as an object, "userId", "roleName"}. There is no application,
        so nothing is written when it ends."""
        self.refuse_missing(config, values)
        assert isinstance(values, Mapping)
        return {"data": config.row(values["data"], "data"), "approvalId": None, **asker_by_hand(values)}


def _check_timing(config: ApprovalStartConfig) -> None:
    if config.timing == "before" and config.alias != engine_alias():
        raise Invalid(
            _("Only rows of the engine's own database can be written in the commit that approves them; choose after."),
            field="timing",
        )
