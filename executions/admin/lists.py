"""The search of lists of runs; it goes by indexes."""

from typing import Any

from django.db.models import Q, QuerySet

from executions.models import Execution
from workflows.listing.pages import as_id
from workflows.models import Workflow
from workflows.visibility import visible

#: Workflows, and runs by event key or name, that one search follows; a filter takes 200 keys.
_FOUND = 199


def keys_of(text: str, user: Any) -> list[str]:
    """Keys of the workflows that the user sees and means by a key, name, id or part of a title; a key also if its
    workflow was deleted."""
    if "\x00" in text:
        return []
    named = Q(key=text) | Q(name=text) | Q(title__icontains=text)
    if (pk := as_id(text)) is not None:
        named |= Q(pk=pk)
    found = visible(Workflow.objects.filter(named), user).order_by().values_list("key", flat=True).distinct()
    # A comma stands between keys, so none has one.
    return list(dict.fromkeys([*([] if "," in text else [text]), *found[:_FOUND]]))


def search(queryset: QuerySet[Execution], text: str, user: Any) -> QuerySet[Execution]:
    """Runs with this id, event key or name, and those of the workflows it means.

    Each is looked up by its own index first: one statement with OR over all would read the table.
    """
    known = Execution.objects.order_by()
    ids = {*known.filter(event_key=text).values_list("pk", flat=True)[:_FOUND]}
    ids.update(known.filter(name=text).values_list("pk", flat=True)[:_FOUND])
    if (pk := as_id(text)) is not None:
        ids.add(pk)
    return queryset.filter(Q(pk__in=ids) | Q(key__in=keys_of(text, user)))
