"""System checks of what runs need, each with an id and a hint."""

from typing import Any

from celery import current_app
from django.core.checks import CheckMessage, Warning, register


@register("sluice")
def check_task_routing(**_: Any) -> list[CheckMessage]:
    """Tasks that a host's own settings would make eager never see a commit."""
    if current_app.conf.task_always_eager:
        return [
            Warning(
                "CELERY_TASK_ALWAYS_EAGER makes drains run inside the transaction that queues a run.",
                hint="Leave it off; tests drain with executions.drain.drain_all().",
                id="sluice.W101",
            )
        ]
    return []
