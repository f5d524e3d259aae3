"""How many tasks wait for who looks at the page."""

from typing import Any

from django import template

from executions.inbox import reading

register = template.Library()


@register.simple_tag(takes_context=True)
def sluice_open_tasks(context: Any) -> int:
    """One count of one index."""
    user = getattr(context.get("request"), "user", None)
    return reading.open_count(user) if user is not None and user.is_authenticated else 0
