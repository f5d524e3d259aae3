"""Which workflows a call names, and what they tell it."""

from typing import Any

from django.utils.translation import gettext as _

from executions.dialects.nocobase.call import Call
from workflows.errors import Invalid
from workflows.requesting.asking import PARAMETER, Asked, parse_listed


def asked_of(call: Call) -> Asked:
    """Raises `Invalid`."""
    raw: Any = call.params.get(PARAMETER)
    if raw is not None and not isinstance(raw, str):
        raise Invalid(_("Keys of workflows with commas between belong here."), field=PARAMETER)
    return Asked(call.user, parse_listed(raw), call.request.headers.get("X-Role") or None)
