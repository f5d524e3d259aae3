"""Requests of Django as the core sees them, and what views of a project's own use."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from workflows.errors import Forbidden
from workflows.requesting import core
from workflows.requesting.asking import PARAMETER, Answered, Asked, Listed, parse_listed
from workflows.requesting.core import Acting

#: Whoever lacks it runs no custom action.
PERMISSION = "workflows.execute_workflow"


def asked_of(request: Any, listed: str = "") -> Asked:
    """Who asks, and for which workflows: those of `?triggerWorkflows=`, without it those of `listed`. Takes requests of
    Django and of DRF. Raises `Invalid`."""
    user = getattr(request, "user", None)
    given = request.GET.getlist(PARAMETER)
    return Asked(user if getattr(user, "is_authenticated", False) else None, parse_listed(given or listed))


@contextmanager
def request_action(
    request: Any,
    model: type[Model],
    action: str,
    *,
    key: Any = None,
    values: Any = None,
    listed: str = "",
    using: str | None = None,
) -> Iterator[Acting]:
    """Around what a view does to a row: "create", "update", "updateOrCreate" or "destroy" (spec 4.3, 4.5).

        with request_action(request, Order, "update", key=order.pk, values=request.POST) as action:
            order.save()
            action.saved(order)
        return JsonResponse({"messages": action.messages})

    `key` is the row's, or a list of several; `values` what the request wants written; `listed` names workflows where
    the request names none. Raises `RequestHalted` before the block, which is then not executed, or after it; what it
    saved stays saved.
    """
    asked = asked_of(request, listed)
    with core.acting(asked, model, action, key=key, values=plain(values), using=using) as under_way:
        yield under_way


def custom_action(
    request: Any,
    model: type[Model] | None = None,
    rows: Sequence[Model] | None = None,
    values: Any = None,
    *,
    listed: str = "",
    using: str | None = None,
) -> Answered:
    """Runs the custom actions that a request names (spec 4.4): for these rows or, without a model, with values alone.

    The rows must be such that the user may see. Raises `Forbidden` without `workflows.execute_workflow` and the
    permission to view the model, `Invalid` where no workflow fits, `RequestHalted` where one failed.
    """
    asked = asked_of(request, listed)
    check_may_trigger(request.user, model, asked.listed)
    return core.trigger(asked, model, rows, plain(values), using=using)


def check_may_trigger(user: Any, model: type[Model] | None = None, listed: Iterable[Listed] = ()) -> None:
    """Raises `Forbidden` unless the user may run workflows, and see rows of the model and where paths lead to."""
    needed = [PERMISSION]
    if model is not None:
        targets = [core.leads_to(model, item.path) for item in listed]
        seen = [model, *(target for target in targets if target is not None)]
        needed += [f"{each._meta.app_label}.view_{each._meta.model_name}" for each in seen]
    for permission in needed:
        if not user.has_perm(permission):
            raise Forbidden(_("For this you need the permission %s.") % permission)


def plain(values: Any) -> Any:
    """A form's fields as JSON has them: one given once is a text, several times a list; a row is its key, a file its
    name."""
    if isinstance(values, QueryDict):
        return {name: _plain_list(found) for name, found in values.lists()}
    if isinstance(values, Mapping):
        return {name: plain(value) for name, value in values.items()}
    if isinstance(values, list | tuple | QuerySet):
        return [plain(value) for value in values]
    if isinstance(values, Model):
        return values.pk
    return values.name if isinstance(values, UploadedFile) else values


def _plain_list(found: Sequence[Any]) -> Any:
    return plain(found[0]) if len(found) == 1 else [plain(value) for value in found]
