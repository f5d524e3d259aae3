"""The app of runs."""

from django.apps import AppConfig
from django.core.signals import request_finished
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
        from executions.applications import ending
        from executions.flow import enabling
        from executions.models import AccessKey
        from executions.schedules import keeping, saves
        from executions.store import ends as run_ends
        from executions.store import side
        from executions.watching import described, ends, overdue
        from workflows import secrets
        from workflows.triggers import base, execution

        if AccessKey not in secrets.sealed_models:
            secrets.sealed_models.append(AccessKey)
        base.connect(dispatcher.dispatch)
        run_ends.always(ending.told)
        execution.connect(ends.listen, described.describe)
        overdue.install()
        enabling.install()
        keeping.install()
        saves.install()
        bootstep.install()
        request_finished.connect(side.close_old_side)
