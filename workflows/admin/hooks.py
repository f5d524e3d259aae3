"""The address of a webhook, on its workflow's page."""

from typing import Any

from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.triggers import get_trigger
from workflows.triggers.webhook import WebhookTrigger


def hook_part(workflow: Workflow, user: Any) -> str:
    """Where to post, and who may; the user may view the page, and so these."""
    if workflow.type != WebhookTrigger.type:
        return ""
    known: dict[str, Any] = {"workflow": workflow}
    try:
        known["address"] = reverse("hooks:receive", args=[workflow.key])
        known["auth"] = get_trigger(workflow.type).parse(workflow.config).auth
    except NoReverseMatch:
        known["unrouted"] = True
    except Invalid as error:
        known["error"] = error
    return render_to_string("admin/workflows/hook.html", known)
