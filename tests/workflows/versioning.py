"""Versions for tests, made and looked at."""

from django.utils import timezone

from workflows import versions
from workflows.models import Counter, Workflow


def create(**columns):
    return versions.create_workflow(**{"type": "t-tick", "title": "A test", "config": {"every": 5}, **columns})


def state(*rows):
    """(enabled, current) of each row as it is stored."""
    stored = Workflow.objects.in_bulk([row.pk for row in rows])
    return [(stored[row.pk].enabled, stored[row.pk].current) for row in rows]


def freeze(workflow):
    Workflow.objects.filter(pk=workflow.pk).update(frozen_at=timezone.now())
    workflow.refresh_from_db()
    return workflow


def count(workflow, *numbers, key=None):
    for slot, number in enumerate(numbers):
        Counter.objects.create(key=key or workflow.key, workflow=workflow, slot=slot, executed=number)
