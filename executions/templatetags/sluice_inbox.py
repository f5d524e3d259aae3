"""How many tasks wait for who looks at the page."""

from typing import Any

from django import template

from executions.inbox import reading

register = template.Library()


@register.simple_tag(takes_context=True)
def sluice_open_tasks(context: Any) -> int:
    """One count of one index, once a request."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return 0
    if not hasattr(request, "sluice_open"):
        request.sluice_open = reading.open_count(user)
    return int(request.sluice_open)
