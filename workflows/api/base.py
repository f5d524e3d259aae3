"""What all views of the API share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAcceptable
from rest_framework.pagination import BasePagination
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from workflows.actions import Origin
from workflows.api import describing, errors
from workflows.api.authentication import BearerAuthentication, bearer, counting_failures
from workflows.api.conditional import Conditional, tagged
from workflows.api.filters import StrictFilterBackend
from workflows.api.pagination import KeysetPagination
from workflows.api.parameters import EXCLUDE, FIELDS, IF_MATCH, IF_NONE_MATCH, check_query, names_of
from workflows.api.parsers import PARSERS
from workflows.api.permissions import ActionPermission
from workflows.api.serializers import RecordSerializer
from workflows.api.throttling import KindThrottle
from workflows.conf import ThrottleScope
from workflows.errors import BadToken, NotFound
from workflows.listing.pages import as_id
from workflows.listing.parameters import Parameter

M = TypeVar("M", bound=Model)


#: What an action answers, by status: a record's serializer, a JSON Schema, or None for no body.
Answers = Mapping[int, Any]


class OurView(APIView):
    """The settings by which our views differ from a host's; its sign-in and its throttles hold beside ours."""

    parser_classes = PARSERS
    #: What the history calls this API (`workflows.actions.Origin`).
    origin: str = Origin.API
    schema = describing.schema()
    #: The shape of each action's body; a plain view's actions are its methods.
    inputs: Mapping[str, type[BaseSerializer[Any]]] = {}
    #: What actions answer.
    answers: Mapping[str, Answers] = {}
    #: The parameters of each action beside its body, filters and paging.
    parameters: Mapping[str, Sequence[Parameter]] = {}
    #: Statuses with which an action may refuse beside those of all.
    refusals: Mapping[str, Sequence[int]] = {}
    #: What calls are counted as, where it is another kind than their method says.
    throttle_scope: ThrottleScope | None = None
    #: Whether a query parameter that is not known is refused.
    strict = False

    def answers_of(self, action: str) -> Answers:
        """By status, what the action answers."""
        return self.answers[action]

    def parameters_of(self, action: str) -> list[Parameter]:
        """What the action takes beside its body, filters and paging."""
        return list(self.parameters.get(action, ()))

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [BearerAuthentication(), *super().get_authenticators()]

    def get_throttles(self) -> list[BaseThrottle]:
        return [KindThrottle(), *super().get_throttles()]

    def perform_authentication(self, request: Request) -> None:
        with counting_failures(request):
            super().perform_authentication(request)

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> NoReturn:
        if not request.successful_authenticator and bearer(request):
            # Every class of the host has had its turn with it.
            raise AuthenticationFailed(_("The token is not valid, or has ended; sign in again."), BadToken.code)
        super().permission_denied(request, message, code)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request, force)
        except Http404:
            # DRF's answer to a `format` that there is not.
            raise NotAcceptable from None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        renderer = getattr(request, "accepted_renderer", None)
        if getattr(response, "exception", False) and not isinstance(renderer, BrowsableAPIRenderer):
            # In whatever form the answer was asked for: errors have one shape.
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        return errors.handle


class RecordViewSet(Conditional, OurView, GenericViewSet[M]):
    """Reads records of one model: pages by key, the fields that were asked for, and nothing loaded besides."""

    permission_classes = [ActionPermission]
    #: The permission each action needs.
    permissions: ClassVar[dict[str, str]] = {}
    #: Where it is not one record with 200, a list's page or, to DELETE, nothing with 204.
    answers: Mapping[str, Answers] = {}
    #: Those of "*" are for all actions that answer records.
    parameters: Mapping[str, Sequence[Parameter]] = {}
    strict = True
    filter_backends = [StrictFilterBackend]
    pagination_class: type[BasePagination] | None = KeysetPagination
    #: The column pages go by, "-" for descending.
    keyset: str = "-id"
    record_class: ClassVar[type[RecordSerializer[Any]]]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # The parameters of lists are their filters' to check.
        if self.action not in ("list", "metadata", None):
            check_query(request, {each.name for each in self.parameters_of(self.action) if each.place == "query"})

    def answers_of(self, action: str) -> Answers:
        if action in self.answers:
            return self.answers[action]
        return {204: None} if action.startswith("destroy") else {200: self.record_class}

    def parameters_of(self, action: str) -> list[Parameter]:
        found = super().parameters_of(action)
        if self.record_class in self.answers_of(action).values():
            found += [FIELDS, EXCLUDE, *self.parameters.get("*", ())]
        if action in self.preconditions:
            found.append(IF_MATCH)
        if action in self.conditional:
            found.append(IF_NONE_MATCH)
        return found

    def get_serializer_class(self) -> Any:
        # The browsable pages draw their forms from it.
        return self.inputs.get(self.action or "") or self.record_class

    def body(self, record: M | None = None) -> dict[str, Any]:
        """The checked body of this action's request; of a change, what `record` keeps may stand in it as it is.

        Raises `ValidationError` with the fields at fault.
        """
        data, context = self.request.data, dict(self.get_serializer_context())
        if record is not None and isinstance(data, Mapping):
            kept = self.inputs[self.action or ""].fixed() & {*data}  # type: ignore[attr-defined]
            context["standing"] = self.show(record, kept)
        serializer = self.get_serializer(data=data, partial=self.request.method == "PATCH", context=context)
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
        tagging = "list" in self.conditional
        columns = {*names, *self.state_columns} if tagging else names
        queryset = self.load(self.filter_queryset(self.get_queryset()), columns)
        page: list[M] = self.paginate_queryset(queryset) or []
        self.decorate(page, names)
        tag = self.tag(page, names, getattr(self.paginator, "next", None)) if tagging else None
        known = self.unchanged(tag)
        return known or tagged(self.get_paginated_response(self.show(page, names, many=True)), tag)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    def answer(self, record: M, status: int = 200) -> Response:
        """One record in full, or with the `fields` that were asked for; nothing to who knows it as it is."""
        names = self.asked_fields(self.record_class.Meta.fields)
        self.decorate([record], names)
        tag = self.tag([record], names)
        return self.unchanged(tag) or tagged(Response(self.show(record, names), status=status), tag)

    def load(self, queryset: QuerySet[M], names: Collection[str]) -> QuerySet[M]:
        """Of the rows of a list, what these fields need."""
        return queryset.only(*self.record_class.columns(names))

    def decorate(self, records: Sequence[M], names: Collection[str]) -> None:
        """Adds what is not a column, with one query for all records."""

    def show(self, record: Any, names: Collection[str], *, many: bool = False) -> Any:
        context = {**self.get_serializer_context(), "fields": names}
        return self.record_class(record, many=many, context=context).data

    def asked_fields(self, default: Sequence[str]) -> Sequence[str]:
        """Those of `fields`, else the default ones, but for those of `exclude`."""
        known = self.record_class.Meta.fields
        asked = names_of(self.request, "fields", known) or default
        excluded = names_of(self.request, "exclude", known)
        return [name for name in asked if name not in excluded]


def to_id(text: str, model: type[Model]) -> int:
    """Raises `NotFound` for what can't be an id of this model."""
    pk = as_id(text)
    if pk is None:
        raise missing(model, text)
    return pk


def missing(model: type[Model], pk: object) -> NotFound:
    return NotFound(_("There is no %(what)s %(id)s.") % {"what": model._meta.verbose_name, "id": str(pk)[:40]})
