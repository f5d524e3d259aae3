"""Records as JSON, and the shapes of what clients may send. Rules live in `versions` and `editing`."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.utils import html

from workflows import jsoninput
from workflows.errors import Invalid
from workflows.history import LONGEST_REASON
from workflows.listing.pages import MAX_NUMBER
from workflows.models import Category, Node, Workflow

M = TypeVar("M", bound=Model)


class RecordSerializer(serializers.ModelSerializer[M]):
    """Reads a record. The context's `fields` names what is shown."""

    #: Too large to load for every row of a list; shown where asked for.
    heavy: ClassVar[frozenset[str]] = frozenset()
    #: The columns behind a field that is none itself.
    needs: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: JSON Schemas of what is shown otherwise than its fields say.
    described: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    class Meta:
        model: type[Model]
        fields: tuple[str, ...] = ()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        shown: Collection[str] | None = self.context.get("fields")
        fields = super().get_fields()
        return fields if shown is None else {name: fields[name] for name in fields if name in shown}

    @classmethod
    def light_fields(cls) -> list[str]:
        return [name for name in cls.Meta.fields if name not in cls.heavy]

    @classmethod
    def columns(cls, names: Collection[str]) -> set[str]:
        """What a query must load to show these fields."""
        return {"pk", *(column for name in names for column in cls.needs.get(name, (name,)))}


class Input(serializers.Serializer[Any]):
    """What a client may send. A name neither taken nor shown is refused: it would be a typing mistake unseen."""

    #: Shown fields, so that a record can be sent back as it was read.
    shown: ClassVar[Collection[str]] = ()
    #: Of these, what goes on by itself: another value than the present one may have been read.
    moving: ClassVar[Collection[str]] = ()

    @classmethod
    def fixed(cls) -> set[str]:
        """Names of a record that it keeps: they may be sent only as they are."""
        return {*cls.shown} - {*cls._declared_fields} - {*cls.moving}

    def to_internal_value(self, data: Any) -> Any:
        self._check_names(data)
        standing: Mapping[str, Any] = self.context.get("standing", {})
        errors: dict[str, Any] = {
            name: [_("It can't be changed; leave it out.")]
            for name, value in standing.items()
            if not _same(data[name], value)
        }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **errors}) from None  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        return values

    def _check_names(self, data: Any) -> None:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields and name not in self.shown)
            # Forms of the browsable pages carry Django's token.
            unknown = [name for name in unknown if name != "csrfmiddlewaretoken"]
            if unknown:
                known = ", ".join(self.fields) or _("none")
                raise serializers.ValidationError(
                    {name: [_("There is no such field to send; there are: %s.") % known] for name in unknown}
                )


def _same(sent: Any, standing: Any) -> bool:
    """As JSON: true is not 1. Of a moment there are several spellings."""
    moments = [parse_datetime(each) if isinstance(each, str) else None for each in (sent, standing)]
    if None not in moments:
        return moments[0] == moments[1]
    return json.dumps(sent, sort_keys=True, default=str) == json.dumps(standing, sort_keys=True, default=str)


class Described:
    """A field that says itself what it takes, where its class can't be seen to."""

    openapi: ClassVar[Mapping[str, Any]] = {}


class TextField(serializers.CharField):
    """A text; a number is none."""

    default_error_messages = {"invalid": gettext_lazy("Give a text.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """True or false; in JSON no text or number stands for them, as "yes" or 1 might."""

    default_error_messages = {"invalid": gettext_lazy("Give true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        sent = getattr(self.root, "initial_data", None)
        if not isinstance(data, bool) and not html.is_html_input(sent):
            self.fail("invalid", input=data)
        return super().to_internal_value(data)


class StorableJSONField(Described, serializers.JSONField):
    """JSON as `workflows.jsoninput` takes it, also as text in a form."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            if getattr(data, "is_json_string", False):
                return jsoninput.loads(data)
            jsoninput.check(data)
        except Invalid as error:
            raise serializers.ValidationError(str(error)) from None
        return data


class Reasoned(Input):
    """Why somebody does it; kept in the history."""

    reason = TextField(required=False, allow_blank=True, max_length=LONGEST_REASON)


class ObjectField(StorableJSONField):
    """A JSON object."""

    openapi = {"type": "object", "additionalProperties": {}}
    #: What the browsable pages fill in beforehand.
    initial = dict

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Give an object of keys and values."))
        return value


class NodesField(StorableJSONField):
    """Nodes as a tree or a list with links; what is wrong with one of them is told beside the rest."""

    openapi = {"type": "array", "items": {"type": "object", "additionalProperties": {}}}
    initial = list

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise serializers.ValidationError(_("Give a list of nodes, each an object."))
        return value


class CategoriesField(serializers.ListField):
    """Categories by id, read with one query."""

    child = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER)

    def to_internal_value(self, data: Any) -> list[Category]:
        wanted = set(super().to_internal_value(data))
        found = list(Category.objects.filter(pk__in=wanted))
        if missing := sorted(wanted - {category.pk for category in found}):
            raise serializers.ValidationError(_("There is no category %s.") % missing[0])
        return found

    def to_representation(self, data: Any) -> list[int]:
        return [category.pk for category in data.all()]


class WorkflowSerializer(RecordSerializer[Workflow]):
    current = serializers.SerializerMethodField()
    frozen = serializers.SerializerMethodField()
    executed = serializers.IntegerField(read_only=True, help_text=gettext_lazy("Runs begun of this version."))
    executed_all = serializers.IntegerField(
        read_only=True, help_text=gettext_lazy("Runs begun of all versions, deleted ones too.")
    )

    heavy = frozenset({"definition_source", "executed_all"})
    needs = {"frozen": ("frozen_at",), "executed": (), "executed_all": ("key",)}

    class Meta:
        model = Workflow
        fields = (
            "id", "key", "version", "name", "title", "description", "type", "trigger_title", "config", "enabled",
            "current", "sync", "invalid", "options", "time_zone", "categories", "definition_source", "frozen",
            "frozen_at", "executed", "executed_all", "created_by", "updated_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_current(self, workflow: Workflow) -> bool:
        return workflow.current is True

    def get_frozen(self, workflow: Workflow) -> bool:
        return workflow.frozen

    @classmethod
    def columns(cls, names: Collection[str]) -> set[str]:
        return super().columns(names) - {"categories"}


class WorkflowChange(Input):
    shown = WorkflowSerializer.Meta.fields
    moving = ("invalid", "frozen", "frozen_at", "executed", "executed_all", "updated_by", "updated_at")

    title = TextField(max_length=255)
    name = TextField(max_length=128, allow_null=True, required=False)
    description = TextField(allow_blank=True, required=False)
    trigger_title = TextField(max_length=255, allow_blank=True, required=False)
    config = ObjectField(required=False)
    options = ObjectField(required=False)
    time_zone = TextField(max_length=64, allow_blank=True, required=False)
    categories = CategoriesField(required=False)
    enabled = FlagField(required=False)
    # Fixed once made; what differs from what stands is refused.
    type = TextField(max_length=64, required=False)
    sync = FlagField(required=False)


class WorkflowCreate(WorkflowChange):
    type = TextField(max_length=64)


class WorkflowCopy(Input):
    """What a new version or a copy may have otherwise than its origin."""

    title = TextField(max_length=255, required=False)
    name = TextField(max_length=128, allow_null=True, required=False)
    description = TextField(allow_blank=True, required=False)


class NodeSerializer(RecordSerializer[Node]):
    class Meta:
        model = Node
        fields = (
            "id", "workflow", "key", "title", "type", "config", "policy", "upstream", "downstream", "branch_index",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


def _place() -> serializers.Field[Any, Any, Any, Any]:
    return serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, allow_null=True, required=False)


class NodePlace(Input):
    """Where a node stands: after `upstream`, or first in a branch of it; first in the workflow without one."""

    upstream = _place()
    branch_index = serializers.IntegerField(min_value=-(2**31), max_value=2**31 - 1, allow_null=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("branch_index") is not None and attrs.get("upstream") is None:
            raise serializers.ValidationError(
                {"branch_index": _("Name the branching node as upstream, or leave branch_index out.")}
            )
        return attrs


class NodeChange(Input):
    shown = NodeSerializer.Meta.fields
    moving = ("updated_at",)

    title = TextField(max_length=255, allow_blank=True, required=False)
    config = ObjectField(required=False)
    policy = ObjectField(required=False)


class NodeCreate(NodePlace, NodeChange):
    type = TextField(max_length=64)


class NodeCopy(NodePlace):
    config = ObjectField(required=False)


class NodeSample(Input):
    """A configuration, and what its templates find; a saved node's own configuration where none is given."""

    config = ObjectField(required=False)
    context = StorableJSONField(required=False, allow_null=True)  # type: ignore[assignment]
    results = ObjectField(required=False)
    scopes = ObjectField(required=False)


class NodeTrial(NodeSample):
    type = TextField(max_length=64)
    #: The id of the workflow in which it would stand.
    workflow = serializers.IntegerField(min_value=1, max_value=2**53 - 1, required=False)


class CategorySerializer(RecordSerializer[Category]):
    class Meta:
        model = Category
        fields = ("id", "title", "color", "sort")


class CategoryChange(Input):
    shown = CategorySerializer.Meta.fields

    title = TextField(max_length=255)
    color = TextField(max_length=32, required=False)
    sort = serializers.IntegerField(min_value=-(2**31), max_value=2**31 - 1, required=False)


class Definition(Input):
    """A whole workflow that is not saved; `nodes` as `workflows.problems` takes them."""

    shown = WorkflowSerializer.Meta.fields

    type = TextField(max_length=64)
    title = TextField(max_length=255, required=False)
    name = TextField(max_length=128, allow_null=True, required=False)
    sync = FlagField(required=False)
    config = ObjectField(required=False)
    options = ObjectField(required=False)
    time_zone = TextField(max_length=64, allow_blank=True, required=False)
    nodes = NodesField(required=False)
