"""What all views of the API share."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from workflows.api import errors
from workflows.api.filters import StrictFilterBackend
from workflows.api.pagination import MAX_NUMBER, KeysetPagination
from workflows.api.parsers import PARSERS
from workflows.api.permissions import ActionPermission
from workflows.api.serializers import RecordSerializer
from workflows.errors import NotFound

M = TypeVar("M", bound=Model)


class OurView(APIView):
    """The settings by which our views differ from a host's; sign-in stays the host's own."""

    parser_classes = PARSERS

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        return errors.handle


class RecordViewSet(OurView, GenericViewSet[M]):
    """Reads records of one model: pages by key, the fields that were asked for, and nothing loaded besides."""

    permission_classes = [ActionPermission]
    #: The permission each action needs.
    permissions: ClassVar[dict[str, str]] = {}
    #: The shape of each action's body.
    inputs: ClassVar[dict[str, type[BaseSerializer[Any]]]] = {}
    filter_backends = [StrictFilterBackend]
    pagination_class: type[BasePagination] | None = KeysetPagination
    #: The column pages go by, "-" for descending.
    keyset: str = "-id"
    record_class: ClassVar[type[RecordSerializer[Any]]]

    def get_serializer_class(self) -> Any:
        # The browsable pages draw their forms from it.
        return self.inputs.get(self.action or "") or self.record_class

    def body(self) -> dict[str, Any]:
        """The checked body of this action's request. Raises `ValidationError` with the fields at fault."""
        serializer = self.get_serializer(data=self.request.data, partial=self.request.method == "PATCH")
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def get_object(self) -> M:
        """The record the path names. Raises `NotFound` also for an id that is none."""
        return self.find(self.get_queryset(), self.kwargs["pk"])

    def find(self, queryset: QuerySet[M], pk: str) -> M:
        found = queryset.filter(pk=to_id(pk, queryset.model)).first()
        if found is None:
            raise missing(queryset.model, pk)
        return found

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        names = self.asked_fields(self.record_class.light_fields())
        queryset = self.load(self.filter_queryset(self.get_queryset()), names)
        page: list[M] = self.paginate_queryset(queryset) or []
        self.decorate(page, names)
        return self.get_paginated_response(self.show(page, names, many=True))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    def answer(self, record: M, status: int = 200) -> Response:
        """One record in full, or with the `fields` that were asked for."""
        names = self.asked_fields(self.record_class.Meta.fields)
        self.decorate([record], names)
        return Response(self.show(record, names), status=status)

    def load(self, queryset: QuerySet[M], names: Collection[str]) -> QuerySet[M]:
        """Of the rows of a list, what these fields need."""
        return queryset.only(*self.record_class.columns(names))

    def decorate(self, records: Sequence[M], names: Collection[str]) -> None:
        """Adds what is not a column, with one query for all records."""

    def show(self, record: Any, names: Collection[str], *, many: bool = False) -> Any:
        context = {**self.get_serializer_context(), "fields": names}
        return self.record_class(record, many=many, context=context).data

    def asked_fields(self, default: Sequence[str]) -> Sequence[str]:
        text = self.request.query_params.get("fields", "")
        if not text:
            return default
        known = self.record_class.Meta.fields
        asked = [name.strip() for name in text.split(",")]
        for name in asked:
            if name not in known:
                raise ValidationError(
                    {
                        "fields": _("There is no field %(name)r; there are %(known)s.")
                        % {"name": name, "known": ", ".join(known)}
                    }
                )
        return asked


def to_id(text: str, model: type[Model]) -> int:
    """Raises `NotFound` for what can't be an id of this model."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_NUMBER):
        raise missing(model, text)
    return int(text)


def missing(model: type[Model], pk: object) -> NotFound:
    return NotFound(_("There is no %(what)s %(id)s.") % {"what": model._meta.verbose_name, "id": str(pk)[:40]})
