"""A mixin for viewsets of Django REST framework."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.decorators import action
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, UpdateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.coercion import field_value
from workflows.errors import Forbidden, Invalid, SluiceError, entries
from workflows.requesting import core
from workflows.requesting.asking import Answered, RequestHalted, check_order
from workflows.requesting.views import asked_of, check_may_trigger, plain
from workflows.triggers.custom_action import MOST_ROWS
from workflows.triggers.requests import CREATE, DESTROY, UPDATE

if TYPE_CHECKING:
    from rest_framework.viewsets import ModelViewSet

    _Base = ModelViewSet[Any]
else:
    _Base = object

#: The parameter that names rows of a custom action.
ROWS = "filterByTk"


class WorkflowViewSetMixin(_Base):
    """Stands before the viewset's other bases: `class OrderViewSet(WorkflowViewSetMixin, ModelViewSet)`.

    Creating, changing and deleting set workflows off that come before or after requests; `POST …/trigger/` and
    `POST …/<pk>/trigger/` run custom actions. Errors of workflows are {"errors": [{field, code, message}]}.
    """

    #: Workflows that requests name which name none: "key,key!path".
    trigger_workflows = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_order(cls, WorkflowViewSetMixin, CreateModelMixin, UpdateModelMixin, DestroyModelMixin)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        act = getattr(super(), "create", None)
        return self._act(request, CREATE, None, act and (lambda: act(request, *args, **kwargs)))

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # A partial one comes here too.
        act = getattr(super(), "update", None)
        return self._act(request, UPDATE, self._key, act and (lambda: act(request, *args, **kwargs)))

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        act = getattr(super(), "destroy", None)
        return self._act(request, DESTROY, self._key, act and (lambda: act(request, *args, **kwargs)))

    @action(detail=True, methods=["post"])
    def trigger(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Custom actions for one row."""
        return self._trigger(request, lambda: [self._own_row()])

    @action(detail=False, methods=["post"], url_path="trigger", url_name="trigger-new")
    def trigger_new(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Custom actions for the rows that `?filterByTk=` names or, without it, for one that is not there yet."""
        given = [text for each in request.query_params.getlist(ROWS) for text in each.split(",") if text]
        return self._trigger(request, lambda: self._rows(given) if given else None)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        made = super().get_serializer(*args, **kwargs)
        if "data" in kwargs:
            # Whoever overrides `perform_create` or `perform_update`: what was saved is its instance.
            self._saving = made
        return made

    def _act(
        self, request: Request, name: str, key: Callable[[], Any] | None, act: Callable[[], Response] | None
    ) -> Response:
        if act is None:
            # A viewset that only reads, or does not do this.
            raise MethodNotAllowed(str(request.method))
        model = self._model
        using = router.db_for_write(model)
        try:
            asked = asked_of(request, self.trigger_workflows)
        except Invalid as error:
            return _refusal(error)
        found = values = None
        if core.intercepts(asked, model, name, using):
            # Whoever may not see the row learns so before any workflow runs.
            found, values = key and key(), None if name == DESTROY else plain(request.data)
        try:
            with core.acting(asked, model, name, key=found, values=values, using=using) as under_way:
                response = act()
                if name != DESTROY:
                    under_way.saved(*self._saved())
        except RequestHalted as error:
            # Answered, not raised: inside ATOMIC_REQUESTS an exception would undo what was saved.
            return _refusal(error)
        return _with_messages(response, under_way.answered)

    def _trigger(self, request: Request, rows: Callable[[], Sequence[Model] | None]) -> Response:
        try:
            asked = asked_of(request, self.trigger_workflows)
            check_may_trigger(request.user, self._model, asked.listed)
            answered = core.trigger(asked, self._model, rows(), plain(request.data))
        except SluiceError as error:
            return _refusal(error)
        return Response({"messages": answered.messages})

    @property
    def _model(self) -> type[Model]:
        model: type[Model] = self.get_queryset().model
        return model

    def _key(self) -> Any:
        return self.get_object().pk

    def _saved(self) -> list[Model]:
        saved = getattr(getattr(self, "_saving", None), "instance", None)
        rows = saved if isinstance(saved, list | tuple) else [saved]
        return [row for row in rows if isinstance(row, Model)]

    def _own_row(self) -> Model:
        try:
            row: Model = self.get_object()
        except Http404:
            # Of a row outside of the view's own nobody learns whether it is there (spec 4.4).
            raise _hidden() from None
        return row

    def _rows(self, given: Sequence[str]) -> list[Model]:
        if len(given) > MOST_ROWS:
            raise Invalid(_("Give at most %d keys.") % MOST_ROWS, field=ROWS)
        queryset: QuerySet[Any] = self.filter_queryset(self.get_queryset())
        pk = queryset.model._meta.pk
        keys = [field_value(pk, text, path=ROWS) for text in dict.fromkeys(given)]
        found = {row.pk: row for row in queryset.filter(pk__in=keys)}
        if len(found) < len(set(keys)):
            raise _hidden()
        for row in found.values():
            self.check_object_permissions(self.request, row)
        return [found[key] for key in dict.fromkeys(keys)]


def _hidden() -> Forbidden:
    return Forbidden(_("You can't run workflows for this row: you may not see it, or there is none."))


def _refusal(error: SluiceError) -> Response:
    body = error.body if isinstance(error, RequestHalted) else {"errors": entries(error)}
    return Response(body, status=error.status)


def _with_messages(response: Response, answered: Answered) -> Response:
    """Where workflows said something, an object that is answered says it too."""
    if answered.messages:
        if response.data is None:
            # A body of its own is none of "no content".
            return Response({"messages": answered.messages})
        if isinstance(response.data, Mapping) and "messages" not in response.data:
            response.data = {**response.data, "messages": answered.messages}
    return response
