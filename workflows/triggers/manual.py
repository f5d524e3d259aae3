"""Workflows started by hand or by `start()`."""

from django.utils.translation import gettext_lazy as _

from workflows.triggers.base import Trigger, TriggerConfig


class ManualTrigger(Trigger[TriggerConfig]):
    type = "manual"
    title = _("Started by hand")
