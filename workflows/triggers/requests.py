"""What the kinds that requests set off have in common: a model, relations to load, and who asks (spec 4.3-4.5)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, field_validator

from workflows.coercion import field_value
from workflows.collections import (
    Appends,
    engine_alias,
    load,
    parse_appends,
    reference,
    resolve,
    to_json,
    write_alias,
)
from workflows.errors import Invalid, refuse
from workflows.shapes import Shape, of_row
from workflows.triggers.base import Trigger, TriggerConfig
from workflows.triggers.fields import ManualField

if TYPE_CHECKING:
    from workflows.models import Workflow

#: What requests do to rows.
CREATE, UPDATE, UPDATE_OR_CREATE, DESTROY = "create", "update", "updateOrCreate", "destroy"


class RequestConfig(TriggerConfig):
    #: "app.Model" or "alias:app.Model"; None is not chosen.
    collection: str | None = None
    #: Relations that are loaded with the row.
    appends: list[str] = Field(default_factory=list)

    @field_validator("appends", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return [] if value is None else value

    @cached_property
    def model(self) -> type[Model]:
        return resolve(self.collection)

    @cached_property
    def alias(self) -> str:
        """The database whose rows are meant."""
        return write_alias(self.collection or "")

    @cached_property
    def tree(self) -> Appends:
        return parse_appends(self.model, self.appends)

    def concerns(self, model: type[Model], using: str) -> bool:
        """Whether rows of this model on this database are the workflow's; not so where its own model is gone, or what
        it appends."""
        try:
            return issubclass(model, self.model) and self.alias == using and self.tree is not None
        except Invalid:
            return False

    def rows(self, keys: Sequence[Any]) -> list[dict[str, Any]]:
        """The rows as they stand, as JSON, in the order of the keys; those that are gone are left out. One query, and
        one for each relation to many."""
        found = load(self.model._base_manager.using(self.alias).filter(pk__in=list(keys)), self.tree)
        by_key = {row.pk: row for row in found}
        return [to_json(by_key[key], self.tree, model=self.model) for key in keys if key in by_key]

    def key(self, raw: Any, path: str) -> Any:
        """The key that a value or a row given as an object names. Raises `Invalid` (`path`) where it names none."""
        pk = self.model._meta.pk
        value = raw.get(pk.name, raw.get(pk.attname)) if isinstance(raw, Mapping) else raw
        key = field_value(pk, value, path=path)
        if key is None:
            raise Invalid(_("Name the row: its key, or the row as an object."), field=path)
        return key

    def row(self, raw: Any, path: str) -> dict[str, Any]:
        """The row of a run by hand: one that is given as an object without its key is taken as it is. Raises `Invalid`
        (`path`)."""
        pk = self.model._meta.pk
        if isinstance(raw, Mapping) and not {pk.name, pk.attname} & raw.keys():
            return dict(raw)
        key = self.key(raw, path)
        found = self.rows([key])
        if not found:
            raise Invalid(
                _("There is no %(model)s %(key)r.") % {"model": reference(self.model), "key": str(key)[:80]}, field=path
            )
        return {**found[0], **raw} if isinstance(raw, Mapping) else found[0]


class GlobalConfig(RequestConfig):
    """Of kinds that requests needn't name."""

    #: Any request counts, not only those that name the workflow.
    for_all: bool = Field(default=False, alias="global")
    #: What requests do that counts.
    actions: list[str] = Field(default_factory=list)

    @field_validator("for_all", "actions", mode="before")
    @classmethod
    def _none_is_default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value


ConfigT = TypeVar("ConfigT", bound=RequestConfig)


class RequestTrigger(Trigger[ConfigT]):
    """The base of the three kinds."""

    def check(self, config: ConfigT, workflow: "Workflow | None" = None) -> None:
        if config.collection is None:
            raise Invalid(_("Choose the model whose rows are meant."), field="collection")
        resolve(config.collection)
        write_alias(config.collection)
        parse_appends(config.model, config.appends)

    def validate_context(self, config: ConfigT, values: Any) -> dict[str, Any]:
        if not isinstance(values, Mapping):
            return {"values": _("The values are an object.")}
        needed = [name for name in self.required(config) if values.get(name) is None]
        return {name: _("%s is required.") % name for name in needed}

    def required(self, config: ConfigT) -> tuple[str, ...]:
        """The values that a run by hand needs."""
        return ("data", "userId")

    def of_rows(self, config: ConfigT) -> bool:
        """Whether its data is a row, or rows, of a model."""
        return config.collection is not None

    def manual_names(self, config: ConfigT) -> tuple[str, ...]:
        return (*self.required(config), "roleName")

    def manual_fields(self, config: ConfigT) -> list[ManualField]:
        return [self._manual_field(config, name) for name in self.manual_names(config)]

    def _manual_field(self, config: ConfigT, name: str) -> ManualField:
        required = name in self.required(config)
        if name == "userId":
            return ManualField(name, "row", gettext_lazy("user"), required, get_user_model())
        if name in ("roleName", "action"):
            return ManualField(name, "text", gettext_lazy("role") if name == "roleName" else "", required)
        if not self.of_rows(config):
            return ManualField(name, "any", "", required)
        kind: Literal["row", "rows"] = "rows" if name == "filterByTk" else "row"
        return ManualField(name, kind, config.model._meta.verbose_name or "", required, config.model)

    def refuse_missing(self, config: ConfigT, values: Any) -> None:
        """Raises `Invalid` naming what is missing."""
        refuse(self.validate_context(config, values))


def asker(user: Any, role_name: str | None) -> dict[str, Any]:
    """{"user", "roleName"} of a context: the user without what is sensitive, or null for nobody."""
    signed_in = user is not None and getattr(user, "is_authenticated", True)
    return {"user": to_json(user, model=get_user_model()) if signed_in else None, "roleName": role_name}


def first_role(user: Any) -> str | None:
    """The name of the user's oldest group, or None; one query."""
    groups = getattr(user, "groups", None)
    return None if groups is None else groups.order_by("pk").values_list("name", flat=True).first()


def asker_by_hand(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a run by hand, whose values say {"userId": a key or an object with it, "roleName"}. Raises `Invalid`
    (field "userId") for nobody."""
    users: Any = get_user_model()
    raw, pk = values.get("userId"), users._meta.pk
    key = field_value(pk, raw.get(pk.name) if isinstance(raw, Mapping) else raw, path="userId")
    user = None if key is None else users._base_manager.using(engine_alias()).filter(pk=key).first()
    if user is None:
        raise Invalid(_("There is no user %r; give the key of one.") % str(raw)[:80], field="userId")
    role = values.get("roleName")
    return asker(user, str(role) if role else first_role(user))


def asker_shapes() -> dict[str, Shape]:
    """What templates find of it."""
    return {"user": of_row(get_user_model(), {}, gettext_lazy("user")), "roleName": Shape("text")}
