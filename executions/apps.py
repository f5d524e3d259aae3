"""The app of runs."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExecutionsConfig(AppConfig):
    name = "executions"
    label = "executions"
    verbose_name = _("Executions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from workflows.apps import refuse_foreign

        refuse_foreign(self)
        from executions import bootstep, checks, dispatcher, wakeup  # noqa: F401
        from executions.schedules import keeping, saves
        from workflows.triggers import base

        base.connect(dispatcher.dispatch)
        keeping.install()
        saves.install()
        bootstep.install()
