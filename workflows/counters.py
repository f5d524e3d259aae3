"""How often versions and workflows have run: rows by slot, summed when read."""

from collections.abc import Collection

from django.db.models import Sum

from workflows.models import Counter


def executed(workflow_ids: Collection[int]) -> dict[int, int]:
    """Runs begun of each of these versions, 0 for those never run; one query."""
    rows = Counter.objects.filter(workflow__in=workflow_ids).values_list("workflow_id").annotate(Sum("executed"))
    return {**dict.fromkeys(workflow_ids, 0), **dict(rows.values_list("workflow_id", "executed__sum"))}


def executed_of_keys(keys: Collection[str]) -> dict[str, int]:
    """Runs begun of each of these workflows, over all versions, deleted ones too; one query."""
    rows = Counter.objects.filter(key__in=keys).values_list("key").annotate(Sum("executed"))
    return {**dict.fromkeys(keys, 0), **dict(rows.values_list("key", "executed__sum"))}
