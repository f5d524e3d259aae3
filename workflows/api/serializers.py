"""Records as JSON, and the shapes of what clients may send. Rules live in `versions` and `editing`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from workflows import jsoninput
from workflows.api.pagination import MAX_NUMBER
from workflows.errors import Invalid
from workflows.models import Category, Node, Workflow

M = TypeVar("M", bound=Model)


class RecordSerializer(serializers.ModelSerializer[M]):
    """Reads a record. The context's `fields` names what is shown."""

    #: Too large to load for every row of a list; shown where asked for.
    heavy: ClassVar[frozenset[str]] = frozenset()
    #: The columns behind a field that is none itself.
    needs: ClassVar[Mapping[str, Sequence[str]]] = {}

    class Meta:
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

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields and name not in self.shown)
            # Forms of the browsable pages carry Django's token.
            unknown = [name for name in unknown if name != "csrfmiddlewaretoken"]
            if unknown:
                known = ", ".join(self.fields) or _("none")
                raise serializers.ValidationError(
                    {name: [_("There is no such field to send; there are: %s.") % known] for name in unknown}
                )
        return super().to_internal_value(data)


class StorableJSONField(serializers.JSONField):
    """JSON as `workflows.jsoninput` takes it, also as text in a form."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            if getattr(data, "is_json_string", False):
                return jsoninput.loads(data)
            jsoninput.check(data)
        except Invalid as error:
            raise serializers.ValidationError(str(error)) from None
        return data


class ObjectField(StorableJSONField):
    """A JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Give an object of keys and values."))
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

    heavy = frozenset({"definition_source"})
    needs = {"frozen": ("frozen_at",), "executed": ()}

    class Meta:
        model = Workflow
        fields = (
            "id", "key", "version", "name", "title", "description", "type", "trigger_title", "config", "enabled",
            "current", "sync", "invalid", "options", "time_zone", "categories", "definition_source", "frozen",
            "frozen_at", "executed", "created_by", "updated_by", "created_at", "updated_at",
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

    title = serializers.CharField(max_length=255)
    name = serializers.CharField(max_length=128, allow_null=True, required=False)
    description = serializers.CharField(allow_blank=True, required=False)
    trigger_title = serializers.CharField(max_length=255, allow_blank=True, required=False)
    config = ObjectField(required=False)
    options = ObjectField(required=False)
    time_zone = serializers.CharField(max_length=64, allow_blank=True, required=False)
    categories = CategoriesField(required=False)
    enabled = serializers.BooleanField(required=False)
    # Fixed once made; what differs from what stands is refused.
    type = serializers.CharField(max_length=64, required=False)
    sync = serializers.BooleanField(required=False)


class WorkflowCreate(WorkflowChange):
    type = serializers.CharField(max_length=64)


class WorkflowCopy(Input):
    """What a new version or a copy may have otherwise than its origin."""

    title = serializers.CharField(max_length=255, required=False)
    name = serializers.CharField(max_length=128, allow_null=True, required=False)
    description = serializers.CharField(allow_blank=True, required=False)


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

    title = serializers.CharField(max_length=255, allow_blank=True, required=False)
    config = ObjectField(required=False)
    policy = ObjectField(required=False)


class NodeCreate(NodePlace, NodeChange):
    type = serializers.CharField(max_length=64)


class NodeCopy(NodePlace):
    config = ObjectField(required=False)


class CategorySerializer(RecordSerializer[Category]):
    class Meta:
        model = Category
        fields = ("id", "title", "color", "sort")
